"""Each message is given to its model exactly once, whatever dies in between; and nobody is typed
over: no key at a dialog, nothing into a draft."""

from __future__ import annotations

import pytest

from reconciler.model.message import Stage
from tests.properties.mailmen import Fuse, Quirks, World

CALM = Quirks()
SWALLOWING = Quirks(swallows=2)
PEOPLE = Quirks(swallows=1, people=True, asks=0.4)
MORTAL = Quirks(swallows=1, dies=True, asks=0.3)
DEAF = Quirks(swallows=1, deaf=0.3, bells=0.0)
CRASHING = Quirks(swallows=1, crashes=True, bells=0.5, asks=0.2)
WORST = Quirks(2, 0.2, dies=True, people=True, asks=0.3, bells=0.5, crashes=True, blind=True)


def judged(world: World, messages: int) -> None:
    """Whatever happened: each once, with a receipt, and no sin."""
    assert world.sins == []
    assert world.open == [], [kept.proofs for kept in world.open]
    told = world.mail.listing(limit=10_000)
    assert len(told) == messages
    dead = [kept.proofs[-1].evidence for kept in told if kept.stage is Stage.DEAD]
    assert dead == []
    assert {kept.stage for kept in told} <= {Stage.SUBMITTED, Stage.READ}
    for agent in world.agents.values():
        wanted = {kept.message.id: 1 for kept in told if kept.message.to == agent.unit}
        assert dict(agent.given) == wanted


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "quirks", [CALM, SWALLOWING, PEOPLE, MORTAL, DEAF, CRASHING, WORST], ids=str
)
def test_each_arrives_exactly_once(quirks: Quirks, seed: int) -> None:
    world = World(seed, quirks, agents=2)
    world.run(messages=8)
    judged(world, 8)


@pytest.mark.parametrize("seed", range(4))
def test_the_courier_may_die_before_and_after_everything_it_does(seed: int) -> None:
    quirks = Quirks(swallows=1, asks=0.2, tool_s=1.0)
    calm = World(seed, quirks)
    calm.run(messages=3)
    judged(calm, 3)
    steps = calm.fuse.burnt
    assert steps > 20
    for step in range(1, steps + 1):
        world = World(seed, quirks, Fuse(frozenset({step})))
        world.run(messages=3)
        assert world.lives > 1, step
        judged(world, 3)


@pytest.mark.parametrize("seed", range(20))
def test_it_may_die_again_and_again(seed: int) -> None:
    """Every few of its acts are its last: what is still done once is not luck."""
    world = World(seed, Quirks(1, 0.1, asks=0.2), Fuse(frozenset(range(seed % 7 + 3, 400, 7))))
    world.run(messages=4)
    assert world.lives > 3
    judged(world, 4)
