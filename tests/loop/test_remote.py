"""Going to a remote: what comes, what is sent, and how nobody waits for either."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from reconciler.adapters.memory import MemoryClock, MemoryRemote
from reconciler.core.remotes import REFUSED_S
from reconciler.loop.exchange import Exchange
from reconciler.loop.remote import Envoy
from reconciler.model.problems import NovaorchError
from reconciler.model.remote import Fetched, Relation, Remote, RemoteState, Tips

MAIN, RUN = "refs/heads/main", "refs/heads/training/p/a/1"
BOTH = Remote("https://h/x", push=("training", "desired"))


@dataclass
class Bed:
    """An exchange with everything that it told, on a history a, b, c ..."""

    remote: Remote = BOTH
    door: MemoryRemote = field(default_factory=MemoryRemote)
    clock: MemoryClock = field(default_factory=MemoryClock)
    known: tuple[Tips, str] = (Tips("a"), "a")
    log: list[str] = field(default_factory=list)
    notes: list[RemoteState] = field(default_factory=list)
    fresh: int = 0

    def __post_init__(self) -> None:
        self.door.descends = lambda older, newer: older <= newer
        self.door.refs[MAIN] = "a"
        self.exchange = Exchange(
            self.remote,
            self.door,
            self.clock,
            lambda: self.known,
            self.log.append,
            self.notes.append,
            self._fresh,
        )

    def _fresh(self) -> None:
        self.fresh += 1

    def go(self) -> RemoteState:
        self.exchange.step()
        return self.exchange.state

    def ahead(self, ours: str, theirs: str = "a") -> None:
        self.known = (Tips(ours, theirs, Relation.AHEAD), ours)


@pytest.fixture
def bed() -> Bed:
    return Bed()


def test_what_comes_is_said_once(bed: Bed) -> None:
    state = bed.go()
    assert (state.tip, state.fetched, state.trouble) == ("a", bed.clock.now(), "")
    assert bed.fresh == 1
    bed.go()
    assert bed.fresh == 1, "nothing new is no word"
    bed.door.refs[MAIN] = "b"
    bed.go()
    assert bed.fresh == 2
    assert bed.log == ["remote: main is at a", "remote: main is at b"]


def test_a_remote_that_is_down_is_asked_later_and_later(bed: Bed) -> None:
    bed.door.down = True
    waits = [bed.exchange.step() for _ in range(6)]
    assert waits[5] > 8 * waits[0]
    state = bed.exchange.state
    assert (state.failures, state.since) == (6, bed.clock.now())
    assert len(bed.log) == 1, "one trouble is one line"
    bed.door.down = False
    wait_s = bed.exchange.step()
    assert 27 <= wait_s <= 33
    assert bed.exchange.state.failures == 0
    assert bed.log[1:] == ["remote: fetch: well again", "remote: main is at a"]
    assert bed.exchange.counted.fetches == {"failed": 6, "ok": 1}


def test_work_is_sent_once(bed: Bed) -> None:
    bed.door.work = {RUN: "w1", "refs/novaorch/kept/p/a/1": "k1"}
    state = bed.go()
    assert bed.door.refs[RUN] == "w1"
    assert state.pushed == bed.clock.now()
    bed.go()
    assert len(bed.door.pushes) == 1
    bed.door.work[RUN] = "w2"
    bed.go()
    assert [offer.ref for offer in bed.door.pushes[-1]] == [RUN]


def test_what_is_there_already_is_not_offered_by_a_new_process(bed: Bed) -> None:
    bed.door.work = {RUN: "w1"}
    bed.door.refs[RUN] = "w1"
    bed.go()
    assert bed.door.pushes == []


def test_work_stays_here_when_nobody_asks_for_it() -> None:
    bed = Bed(Remote("https://h/x", push=()))
    bed.door.work = {RUN: "w1"}
    bed.ahead("b")
    bed.go()
    assert bed.door.pushes == []


def test_a_refused_ref_is_told_and_rests_and_keeps_no_other_back(bed: Bed) -> None:
    bed.door.work = {RUN: "w1", "refs/heads/training/p/b/1": "v1"}
    bed.door.closed_to = {RUN}
    state = bed.go()
    assert [one.ref for one in state.refused] == [RUN]
    assert bed.door.refs["refs/heads/training/p/b/1"] == "v1"
    for _ in range(5):
        bed.go()
    assert len(bed.door.pushes) == 1, "not offered again at once"
    assert sum("was refused" in line for line in bed.log) == 1
    bed.door.work[RUN] = "w2"
    bed.go()
    assert len(bed.door.pushes) == 2, "another commit is another offer"
    bed.door.closed_to = set()
    bed.clock.sleep(REFUSED_S)
    assert bed.go().refused == ()


def test_two_hosts_never_overwrite_each_other(bed: Bed) -> None:
    bed.door.descends = lambda _older, _newer: False
    bed.door.refs[RUN] = "of the other host"
    bed.door.work = {RUN: "ours"}
    bed.go()
    assert bed.door.refs[RUN] == "of the other host"
    assert "other commits" in bed.exchange.state.refused[0].why


def test_the_branch_is_sent_when_it_is_ahead_and_followed(bed: Bed) -> None:
    bed.go()
    bed.ahead("b")
    state = bed.go()
    assert bed.door.refs[MAIN] == "b"
    assert (state.tip, state.ahead) == ("b", 0)


def test_a_branch_that_is_not_followed_stays_here(bed: Bed) -> None:
    bed.go()
    bed.known = (Tips("b", "a", Relation.AHEAD), "a")
    state = bed.go()
    assert bed.door.refs[MAIN] == "a"
    assert "not followed" in state.held
    bed.ahead("b")
    assert bed.go().held == ""


def test_what_a_remote_took_back_by_force_is_not_brought_back(bed: Bed) -> None:
    bed.door.refs[MAIN] = "c"
    bed.go()
    bed.door.refs[MAIN] = "a"
    bed.go()
    bed.ahead("c")
    state = bed.go()
    assert bed.door.refs[MAIN] == "a"
    assert "set back by force" in state.held
    bed.door.refs[MAIN] = "c"
    bed.known = (Tips("c", "c", Relation.SAME), "c")
    assert bed.go().held == ""


def test_a_branch_is_not_sent_on_old_news(bed: Bed) -> None:
    bed.go()
    bed.ahead("b", theirs="before a")
    bed.go()
    assert bed.door.refs[MAIN] == "a"


def test_how_far_apart_is_kept(bed: Bed) -> None:
    bed.known = (Tips("b", "a", Relation.AHEAD), "a")
    assert (bed.go().ahead, bed.go().behind) == (1, 0)
    assert bed.notes[-1] == bed.exchange.state


def test_a_push_without_an_answer_is_tried_again(bed: Bed) -> None:
    bed.go()
    bed.door.work = {RUN: "w1"}

    bed.exchange.door = Deaf(bed.door)  # type: ignore[assignment]
    assert "nothing can be pushed" in bed.go().push_trouble
    bed.exchange.door = bed.door
    assert bed.go().push_trouble == ""
    assert bed.door.refs[RUN] == "w1"


class Deaf:
    """A remote that can be read and takes nothing."""

    def __init__(self, door: MemoryRemote) -> None:
        self._door = door

    def __getattr__(self, name: str) -> object:
        return getattr(self._door, name)

    def there(self) -> dict[str, str]:
        raise NovaorchError("the remote did not answer", why="it is down", fix="wait")


# -- the thread -----------------------------------------------------------------------------------


class Gated(MemoryRemote):
    """A remote whose fetch waits until it is let."""

    def __init__(self) -> None:
        super().__init__(refs={MAIN: "a"})
        self.begun, self.let = threading.Event(), threading.Event()

    def fetch(self) -> Fetched:
        self.begun.set()
        self.let.wait(10)
        return super().fetch()

    def close(self) -> None:
        super().close()
        self.let.set()


class Real:
    """The hour, for threads that truly wait."""

    def now(self) -> float:
        import time  # noqa: PLC0415

        return time.time()

    def sleep(self, seconds: float) -> None:
        """Nobody sleeps here."""


def until(true: object, patience_s: float = 10.0) -> bool:
    import time  # noqa: PLC0415

    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.005)
    return False


def test_a_flood_of_nudges_is_one_look_a_while() -> None:
    door = MemoryRemote(refs={MAIN: "a"})
    envoy = Envoy(lambda remote, _: Exchange(remote, door, Real()), print, gap_s=0.2)
    envoy.of(Remote("https://h/x", interval_s=3600.0))
    assert until(lambda: door.fetches == 1)
    for _ in range(1000):
        envoy.nudge()
    assert until(lambda: door.fetches == 2)
    assert not until(lambda: door.fetches > 2, 0.4)
    envoy.close()


def test_a_remote_that_hangs_keeps_nobody() -> None:
    door = Gated()
    envoy = Envoy(lambda remote, _: Exchange(remote, door, Real()), print)
    envoy.of(BOTH)
    assert door.begun.wait(10)
    envoy.know(Tips("b", "a", Relation.AHEAD), "b")
    envoy.nudge()
    assert envoy.state == RemoteState()
    envoy.close()
    assert door.closed
    assert envoy.state is None
    envoy.close()


def test_another_address_is_another_thread() -> None:
    met: list[Remote] = []
    doors: list[MemoryRemote] = []

    def meet(remote: Remote, _envoy: Envoy) -> Exchange:
        met.append(remote)
        doors.append(MemoryRemote(refs={MAIN: "a"}))
        return Exchange(remote, doors[-1], Real())

    envoy = Envoy(meet, print)
    envoy.of(BOTH)
    assert until(lambda: doors and doors[0].fetches)
    envoy.of(BOTH)
    other = Remote("https://other/x")
    envoy.of(other)
    assert until(lambda: len(doors) == 2 and doors[1].fetches)
    assert met == [BOTH, other]
    assert doors[0].closed
    envoy.of(None)
    assert doors[1].closed


def test_a_fault_that_nobody_foresaw_is_said() -> None:
    said: list[str] = []

    def meet(_remote: Remote, _envoy: Envoy) -> Exchange:
        raise NovaorchError("the address is refused", why="x", fix="y")

    envoy = Envoy(meet, said.append)
    envoy.of(BOTH)
    assert until(lambda: said)
    envoy.close()
    assert "the address is refused" in said[0]
