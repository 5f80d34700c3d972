"""`kill -9` of the daemon at any instant: nothing runs twice, nothing is lost, the wish comes true.

Two hundred rounds; ten with `NOVAORCH_SHORT=1`.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import needs_store
from tests.hostile.conftest import Besieged
from tests.real.ground import Ground
from tests.real.wish import ROCK, Campaign

SHORT = os.environ.get("NOVAORCH_SHORT") == "1"
PARTS = 1 if SHORT else 8
ROUNDS = 10 if SHORT else 25
PATIENCE_S = 60.0

pytestmark = [pytest.mark.long, pytest.mark.timeout(600), needs_store]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Besieged]:
    made = Besieged(tmp_path / "repository", "demo")
    yield made
    made.end()


class Rounds:
    """One campaign: a wish, a daemon that dies again and again, and what must stay true."""

    def __init__(self, fleet: Besieged, ground: Ground, seed: int) -> None:
        self.fleet, self.ground, self.chance = fleet, ground, random.Random(seed)
        self.case = Campaign(fleet, ground, self.chance)
        self.daemon: subprocess.Popen[str] | None = None
        self.story: list[str] = []

    def begin(self) -> None:
        self.case.begin()
        self.fleet.tmux("new-session", "-d", "-s", "stranger", "sleep 86400")
        self.stranger = self.fleet.pids()["stranger"]
        self.start()
        self.until(self.as_wished, "everything runs")

    def start(self) -> None:
        self.daemon = self.fleet.start("run")

    def kill(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        out, _ = self.daemon.communicate(timeout=20)
        self.story += [*out.splitlines()[-30:], "------ killed"]

    def round(self) -> None:
        """Let something happen, kill the daemon in the middle, start another; look."""
        before = self.ground.living()
        what, touched = self.case.happens()
        self.story.append(f"== {what} {sorted(touched)}")
        time.sleep(self.chance.uniform(0.0, 0.3))
        self.kill()
        self.ground.living()
        self.start()
        if self.chance.random() < 0.3:  # the next one dies young
            time.sleep(self.chance.uniform(0.2, 0.9))
            self.kill()
            self.start()
        self.until(self.as_wished, f"the wish is true after {what}")
        now = self.ground.living()
        for unit, start in before.items():
            if unit not in touched and unit in now:
                moved = f"{what} touched {unit}: {start} is {now[unit]}"
                assert now[unit] == start, f"{moved}\n{self.told()}\n{self.fleet.log()}"
        assert self.fleet.pids()["stranger"] == self.stranger, self.told()

    def as_wished(self) -> bool:
        """Whether exactly what is wished for runs, each once, with its newest word."""
        living = {unit: start.word for unit, start in self.ground.living().items()}
        for name in self.case.broken:  # whatever it was goes on
            living.pop(f"web/agent/{name}", None)
        return living == self.case.expected()

    def until(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > end:
                there, wanted = self.ground.living(), self.case.expected()
                raise AssertionError(f"never: {what}\n{there}\n{wanted}\n{self.told()}")
            time.sleep(0.02)

    def told(self) -> str:
        return "\n".join(self.story[-80:])


@pytest.mark.parametrize("seed", range(PARTS))
def test_a_daemon_that_is_killed_at_any_instant(seed: int, fleet: Besieged, tmp_path: Path) -> None:
    rounds = Rounds(fleet, Ground(tmp_path / "starts"), seed)
    rounds.begin()
    for _ in range(ROUNDS):
        rounds.round()
    rounds.case.broken.clear()
    rounds.case.write()
    rounds.until(rounds.as_wished, "all is mended")
    fleet.until(lambda: fleet.run("diff").code == 0, "nothing is left to do")
    assert ROCK in rounds.ground.living()
    assert len([s for s in rounds.ground.starts() if s.unit == ROCK]) == 1
    rounds.kill()
    fleet.run("verify", expect=0)
    fleet.end()
    rounds.until(lambda: not rounds.ground.living(), "nothing is left behind")
