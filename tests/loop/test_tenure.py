"""The right to act: taken whole or not at all, renewed, lost, and given back."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.memory import MemoryClock, MemoryLeases
from reconciler.adapters.state import EpochFile, LockFile, gone, oneself
from reconciler.core.lease import TTL_S, Holder, Standing
from reconciler.loop.restraints import restraints
from reconciler.loop.stakes import Stakes
from reconciler.loop.tenure import Tenure
from reconciler.model.problems import BlindError, LeaseHeldError
from reconciler.ports import LeaseBook

NEVER_S = 1e6
"""Tests renew by hand."""


class Server:
    """A host that obeys the largest epoch it was told; `blind` when it does not answer."""

    def __init__(self, epoch: int = 0) -> None:
        self.epoch, self.blind = epoch, False

    def seen(self) -> int:
        if self.blind:
            raise BlindError("the server does not answer")
        return self.epoch

    def keep(self, epoch: int) -> None:
        self.epoch = max(self.seen(), epoch)


@dataclass
class Stage:
    """One fleet: a tmux socket, one shared book, and any number of clones and hosts."""

    folder: Path
    clock: MemoryClock = field(default_factory=MemoryClock)
    server: Server = field(default_factory=Server)
    begun: list[Tenure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = MemoryLeases(self.clock.now)

    def tenure(
        self, clone: str = "one", socket: str = "socket", *, shared: bool = False, host: str = ""
    ) -> Tenure:
        stakes = self.stakes(clone, socket, shared=shared)
        tenure = Tenure(stakes, self.holder(host), self.clock, gone, renew_s=NEVER_S)
        self.begun.append(tenure)
        return tenure

    def stakes(self, clone: str, socket: str, *, shared: bool) -> Stakes:
        state = self.folder / clone
        book: LeaseBook | None = self.book if shared else None
        grounds = (LockFile(self.folder / f".{socket}.lock", ours=False), LockFile(state / "lock"))
        return Stakes(grounds, (EpochFile(state / "epoch"), self.server), book)

    def holder(self, host: str = "", pid: int = 0) -> Holder:
        me = oneself()
        if not host:
            return me if not pid else Holder(me.host, pid, "1", me.machine, "t")
        return Holder(host, 77, "1", "elsewhere", me.tenure)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    for tenure in made.begun:
        tenure.end()


def test_a_tenure_begins_once_and_ends(stage: Stage) -> None:
    one, two = stage.tenure(), stage.tenure()
    with pytest.raises(LeaseHeldError):
        one.number()
    assert one.begin()
    assert one.number() == one.epoch == 1
    assert stage.server.epoch == 1
    assert not two.begin(), "the same folder: it can be handed over to"
    with pytest.raises(LeaseHeldError):
        two.number()
    one.end()
    one.end()
    with pytest.raises(LeaseHeldError):
        one.number()
    assert two.begin()
    assert two.number() == 2


def test_two_clones_that_mean_one_tmux_server(stage: Stage) -> None:
    assert stage.tenure("one").begin()
    with pytest.raises(LeaseHeldError) as held:
        stage.tenure("two").begin()
    assert f"pid {os.getpid()}" in held.value.why
    assert held.value.exit_code == 5
    assert stage.tenure("three", "another socket").begin()


@pytest.mark.parametrize("lost", ["file", "server", "both"])
def test_an_epoch_is_larger_than_any_that_is_remembered(lost: str, stage: Stage) -> None:
    for _ in range(3):
        tenure = stage.tenure()
        assert tenure.begin()
        tenure.end()
    assert stage.server.epoch == 3
    if lost in ("file", "both"):
        (stage.folder / "one/epoch").unlink()
    if lost in ("server", "both"):
        stage.server.epoch = 0
    tenure = stage.tenure()
    assert tenure.begin()
    assert tenure.epoch == (1 if lost == "both" else 4)


def test_a_server_that_does_not_answer_keeps_nobody_from_beginning(stage: Stage) -> None:
    stage.server.blind = True
    tenure = stage.tenure()
    assert tenure.begin()
    assert tenure.number() == 1


def test_a_deleted_lock_is_taken_anew_unless_another_has_it(stage: Stage) -> None:
    one = stage.tenure()
    assert one.begin()
    for name in (".socket.lock", "one/lock"):
        (stage.folder / name).unlink()
        one.check()
    two = stage.tenure()
    assert not two.begin()
    (stage.folder / ".socket.lock").unlink()
    (stage.folder / "one/lock").unlink()
    assert two.begin()
    assert two.epoch == 2
    told: list[Standing] = []
    one.changed = lambda: told.append(one.standing(stage.clock.now()))
    for _ in range(2):
        with pytest.raises(LeaseHeldError, match="by now"):
            one.number()
    assert told == [Standing.LOST]
    assert two.number() == 2


def test_a_store_of_ones_own_needs_no_lease(stage: Stage) -> None:
    tenure = stage.tenure()
    assert tenure.begin()
    stage.clock.sleep(1e6)
    assert tenure.standing(stage.clock.now()) is Standing.HELD


def test_another_host_has_the_lease(stage: Stage) -> None:
    far = stage.tenure("far", "far socket", shared=True, host="anvil")
    assert far.begin()
    near = stage.tenure(shared=True)
    with pytest.raises(LeaseHeldError) as held:
        near.begin()
    assert (
        "host anvil, pid 77 has the lease of epoch 1 until 2027-01-15 08:00:03 UTC"
        in held.value.why
    )
    assert not near.began
    stage.clock.sleep(TTL_S)
    again = stage.tenure(shared=True)
    assert again.begin(), "all was let go, and the lease ran out"
    assert again.epoch == 2


def test_what_the_dead_of_this_machine_left_is_taken_over_at_once(stage: Stage) -> None:
    dead = stage.holder(pid=2**22 - 1)
    assert stage.book.claim(dead.text, 8, 0.0, 3600.0).epoch == 9
    tenure = stage.tenure(shared=True)
    assert tenure.begin()
    assert tenure.epoch == 10


def test_it_is_renewed_and_a_wiped_store_changes_nothing(stage: Stage) -> None:
    tenure = stage.tenure(shared=True)
    assert tenure.begin()
    for _ in range(5):
        stage.clock.sleep(1.0)
        stage.book.wipe()
        tenure.beat()
        assert tenure.standing(stage.clock.now()) is Standing.HELD
    assert tenure.number() == 1
    tenure.end()
    assert stage.book.claim("bob", 0, 0.0, 3.0).holder == "bob", "it was given back"


def test_a_silent_store_leaves_the_lease_unconfirmed_and_then_confirms_it(stage: Stage) -> None:
    tenure = stage.tenure(shared=True)
    assert tenure.begin()
    at = restraints(None, tenure.standing)
    told: list[Standing] = []
    tenure.changed = lambda: told.append(tenure.standing(stage.clock.now()))
    stage.book.down = True
    for _ in range(5):
        stage.clock.sleep(1.0)
        tenure.beat()
    assert told == [Standing.UNCONFIRMED]
    assert "does not answer" in tenure.trouble
    assert not at(stage.clock.now()).leased
    assert tenure.number() == 1, "healing goes on"
    stage.book.down = False
    tenure.beat()
    assert told == [Standing.UNCONFIRMED, Standing.HELD]
    assert at(stage.clock.now()).leased
    assert tenure.number() == 1, "nobody had it meanwhile"


def test_another_one_had_it_meanwhile(stage: Stage) -> None:
    tenure = stage.tenure(shared=True)
    assert tenure.begin()
    stage.clock.sleep(TTL_S + 1)  # asleep
    assert tenure.standing(stage.clock.now()) is Standing.UNCONFIRMED
    other = stage.tenure("far", "far socket", shared=True, host="anvil")
    assert other.begin()
    tenure.beat()
    assert tenure.standing(stage.clock.now()) is Standing.LOST
    with pytest.raises(LeaseHeldError) as lost:
        tenure.number()
    assert "host anvil" in lost.value.why
    tenure.end()
    other.beat()
    assert other.standing(stage.clock.now()) is Standing.HELD, "what is another's is not released"


def test_another_one_had_it_and_gave_it_back(stage: Stage) -> None:
    tenure = stage.tenure(shared=True)
    assert tenure.begin()
    stage.clock.sleep(TTL_S + 1)
    other = stage.tenure("far", "far socket", shared=True, host="anvil")
    assert other.begin()
    other.end()
    tenure.beat()
    assert tenure.standing(stage.clock.now()) is Standing.LOST
    tenure.end()
    assert stage.book.claim("bob", 0, 0.0, 3.0).holder == "bob", "nothing is kept from others"


def test_it_begins_without_an_answer_and_takes_on_the_epoch_it_is_given(stage: Stage) -> None:
    stage.book.claim("somebody", 40, 0.0, 0.0)
    stage.book.down = True
    tenure = stage.tenure(shared=True)
    assert tenure.begin()
    assert tenure.standing(stage.clock.now()) is Standing.UNCONFIRMED
    assert tenure.number() == 1
    stage.book.down = False
    tenure.beat()
    assert tenure.standing(stage.clock.now()) is Standing.HELD
    assert tenure.number() == stage.server.epoch == 42
    assert EpochFile(stage.folder / "one/epoch").seen() == 42


def test_a_host_that_obeys_another_one_ends_it(stage: Stage) -> None:
    tenure = stage.tenure()
    assert tenure.begin()
    tenure.overtaken()
    assert tenure.standing(0.0) is Standing.LOST
    with pytest.raises(LeaseHeldError):
        tenure.check()


def test_settings_move_it_without_a_gap(stage: Stage) -> None:
    tenure = stage.tenure()
    assert tenure.begin()
    tenure.move(stage.stakes("one", "elsewhere", shared=True))
    assert tenure.number() == 2
    assert tenure.standing(stage.clock.now()) is Standing.HELD
    assert stage.book.page.epoch == 2
    assert not stage.tenure().begin(), "the folder is still its"
    assert stage.tenure("two", "socket").begin(), "the old socket is free"
    with contextlib.suppress(LeaseHeldError):
        assert not stage.tenure("three", "elsewhere").begin()


def test_a_move_to_where_another_one_is_ends_it(stage: Stage) -> None:
    assert stage.tenure("two", "elsewhere").begin()
    tenure = stage.tenure()
    assert tenure.begin()
    with pytest.raises(LeaseHeldError):
        tenure.move(stage.stakes("one", "elsewhere", shared=False))
    assert tenure.standing(0.0) is Standing.LOST
    assert stage.tenure().begin()


def test_a_folder_that_is_closed_to_us_needs_no_lock(tmp_path: Path) -> None:
    ground = LockFile(tmp_path / "none/lock", ours=False)
    assert ground.hold()
    (tmp_path / "none").mkdir()
    assert ground.hold()
    assert (tmp_path / "none/lock").exists(), "taken as soon as it can be"
    assert not LockFile(tmp_path / "none/lock", ours=False).hold()
    ground.release()


def test_a_thread_renews_it(stage: Stage) -> None:
    stakes = stage.stakes("one", "socket", shared=True)
    tenure = Tenure(stakes, stage.holder(), stage.clock, gone, renew_s=0.01)
    stage.begun.append(tenure)
    beats = threading.Event()
    tenure.changed = beats.set
    stage.book.down = True
    assert tenure.begin()
    stage.book.down = False
    assert beats.wait(10)
    assert tenure.standing(stage.clock.now()) is Standing.HELD
    tenure.end()
    assert stage.book.page.holder == ""
    assert not [t for t in threading.enumerate() if t.name == "lease"]
