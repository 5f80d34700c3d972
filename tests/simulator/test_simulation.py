"""Every story ends as it must, whatever goes wrong; and the simulator itself can tell."""

from __future__ import annotations

import os
import random

import pytest

from tests.simulator import chance
from tests.simulator.campaign import Strike, every_crash, failures, judged, reference, sampled
from tests.simulator.workloads import WORKLOADS

SHORT = os.environ.get("NOVAORCH_SHORT") == "1"
"""What `./dev ci` runs: each story, a part of its lives."""


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_story_ends_well_whenever_the_controller_dies(name: str) -> None:
    strikes = [*every_crash(name), *sampled(name, 0, 2)]
    chosen = random.Random(name).sample(strikes, min(12, len(strikes)))
    _, found = failures(name, chosen)
    assert not found, "\n\n".join(map(str, found[:2]))


@pytest.mark.simulation
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_story_ends_well_whatever_goes_wrong_at_every_boundary(name: str) -> None:
    strikes = [*every_crash(name), *sampled(name, 0, 4 if SHORT else 10_000)]
    if SHORT:
        strikes = random.Random(name).sample(strikes, len(strikes) // 3)
    _, found = failures(name, strikes)
    assert not found, "\n\n".join(map(str, found[:2]))


@pytest.mark.parametrize("seed", range(20))
def test_a_story_that_nobody_wrote_ends_well(seed: int) -> None:
    failure = chance.judged(seed)
    assert failure is None, str(failure)


@pytest.mark.simulation
@pytest.mark.timeout(1800)
def test_many_stories_that_nobody_wrote_end_well() -> None:
    found = [f for f in map(chance.judged, range(100, 160 if SHORT else 1100)) if f is not None]
    assert not found, "\n\n".join(map(str, found[:2]))


def test_the_same_story_is_told_the_same_way_twice() -> None:
    name = "move an agent between sessions"
    number = reference(name).boundaries[14].number
    strike = Strike("unsure", number)
    assert judged(name, (strike,)) == judged(name, (strike,))


def test_there_are_stories_enough() -> None:
    assert len(WORKLOADS) >= 20
