"""Agents in training lose no turn, whoever is killed, and wait a moment only."""

from __future__ import annotations

import os

import pytest

from tests.campaign.training.campaign import Campaign

SHORT = os.environ.get("NOVAORCH_SHORT") == "1"


def test_a_few_agents_and_a_desk_that_is_killed() -> None:
    report = Campaign(5, 8.0, seed=3, kill_every_s=2.0).run()
    print(report)
    assert report.clean, report
    assert report.kills
    assert report.commits > 15


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_agents_for_a_minute() -> None:
    agents, seconds = (40, 20.0) if SHORT else (100, 60.0)
    report = Campaign(agents, seconds, seed=5).run()
    print(report)
    assert report.clean, report
    assert report.commits > 0.9 * agents * seconds


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_agents_and_a_desk_that_is_killed() -> None:
    agents, seconds = (20, 15.0) if SHORT else (100, 60.0)
    report = Campaign(agents, seconds, seed=7, kill_every_s=5.0).run()
    print(report)
    assert report.clean, report
    assert report.kills
