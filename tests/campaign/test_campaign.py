"""No message is lost and none comes twice, whatever is killed whenever."""

from __future__ import annotations

import os

import pytest

from tests.campaign.campaign import Campaign

SHORT = os.environ.get("NOVAORCH_SHORT") == "1"


def test_two_thousand_messages_among_ten_agents() -> None:
    report = Campaign(2_000, 10, seed=7, kill_every_s=1.0, rate=150.0).run()
    print(report)
    assert report.clean, report
    assert report.accepted == 2_000
    assert report.kills["daemon"] + report.kills["store"] > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_messages_among_fifty_agents() -> None:
    messages, agents = (4_000, 20) if SHORT else (100_000, 50)
    report = Campaign(messages, agents, seed=11, kill_every_s=3.0, rate=1_000.0).run()
    print(report)
    assert report.clean, report
    assert report.accepted == messages
