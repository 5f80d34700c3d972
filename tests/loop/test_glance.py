"""A glance brings the second half of a restart forward, and nothing else."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.adapters.memory import MemoryHost
from reconciler.loop.glance import GLANCES
from reconciler.model.ids import UnitId
from reconciler.model.world import World
from tests.loop.test_daemon import Stage, sleeper

ONE = UnitId("demo/agent/one")


class CountingHost(MemoryHost):
    """A host that notes each look; `blurred` shows nothing at a glance."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[str] = []
        self.blurred = False

    def photograph(self, now: float) -> World:
        self.looks.append("photograph")
        return super().photograph(now)

    def glance(self, world: World, sessions: Collection[str]) -> World | None:
        found = super().glance(world, sessions)
        self.looks[-1] = "glance"
        return None if self.blurred else found


def restarted(host: CountingHost, **spec: str) -> list[str]:
    """Return the looks of the pass that restarts one of two agents."""
    stage = Stage(host=host)
    stage.commit(one=sleeper(**spec), two=sleeper())()
    stage.run()
    host.looks.clear()
    stage.run(stage.commit(one=sleeper(env="{A: b}", **spec), two=sleeper()))
    return host.looks


def test_a_restart_takes_one_glance_between_two_photographs() -> None:
    host = CountingHost()
    looks = restarted(host)
    at = looks.index("glance")
    assert looks[at - 1 : at + 2] == ["photograph", "glance", "photograph"]
    assert looks.count("glance") == 1
    assert host.starts[ONE] == 2


def test_what_does_not_end_is_glanced_at_a_few_times_and_then_photographed() -> None:
    host = CountingHost()
    host.stubborn.add(ONE)
    looks = restarted(host, stop="{grace: 3s}")
    assert looks.count("glance") == GLANCES
    assert host.starts[ONE] == 1


def test_without_a_clear_glance_the_photograph_finishes_the_restart() -> None:
    host = CountingHost()
    host.blurred = True
    looks = restarted(host)
    assert looks.count("glance") == 1
    assert host.starts[ONE] == 2


def test_a_session_that_is_made_otherwise_now_cannot_be_glanced_at() -> None:
    stage = Stage()
    stage.commit(one=sleeper(), two=sleeper())()
    stage.run()
    before = stage.host.photograph(0)
    first, second = (session.session_id for session in before.sessions)
    same = stage.host.glance(before, {first})
    assert same is not None
    assert same.sessions == before.sessions
    stage.host.human_split(first)
    assert stage.host.glance(before, {first}) is None
    other = stage.host.glance(before, {second})
    assert other is not None
    assert other.sessions == before.sessions, "the rest is as it was"
    stage.host.human_close(second)
    assert stage.host.glance(before, {second}) is None
    assert stage.host.glance(before, {"$99"}) is None
