"""What is done is written down: before and after, without a secret, and equal to what is there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.memory import CrashError
from reconciler.adapters.memory.journal import Desk, MemoryJournal
from reconciler.core.ledger import OBSERVED, live_inventory, replay
from reconciler.core.masks import Mask
from reconciler.loop.chronicle import Chronicle
from reconciler.loop.cycle import Ports, act, carry_out, think
from reconciler.model.action import Outcome
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.model.record import Inventory, Record
from reconciler.model.unit import Desired
from tests.bench import Bench
from tests.builders import agent, agent_id, desired, seated, session, session_id, window
from tests.properties.wishes import FLEET, Drawn, fleets

A = agent_id("a")


class Scribe:
    """A bench whose passes are written down; `die` forgets everything but the desk."""

    def __init__(self, wish: Desired) -> None:
        self.bench, self.desk = Bench(wish), Desk()
        self.said: list[str] = []
        self.die()

    def die(self) -> None:
        self.journal = MemoryJournal(self.desk)
        self.chronicle = Chronicle(
            self.journal,
            self.bench.clock,
            Mask(b"key"),
            "box",
            epoch=lambda: 7,
            say=self.said.append,
            reveal={"env:TOKEN": "revealed-secret"}.__getitem__,
        )

    @property
    def ports(self) -> Ports:
        return replace(self.bench.ports, chronicle=self.chronicle)

    def once(self) -> list[Outcome]:
        self.bench.clock.sleep(0.001)  # two passes at one instant would be one record
        thought = think(self.ports)
        return carry_out(self.ports, thought, thought.plan.moves, self.bench.told.append)

    def settle(self) -> list[Record]:
        for _ in range(10):
            if not self.once():
                break
        self.chronicle.flush()
        return list(self.journal.records)

    def live(self) -> Inventory:
        fleet = self.bench.wishes.wish.fleet.name
        return live_inventory(self.bench.host.photograph(0), fleet)


def deeds(record: Record) -> list[str]:
    return [f"{d.verb} {d.unit.partition('/')[2]} {d.reason}" for d in record.deeds]


def test_a_pass_is_one_record_with_everything_that_explains_it() -> None:
    scribe = Scribe(
        replace(desired(agent("a")), author="Ada <ada@example.org>", subject="Add a", commit="c0")
    )
    (record,) = scribe.settle()
    assert (record.seq, record.fleet, record.host, record.epoch) == (1, "f", "box", 7)
    assert (record.commit, record.author, record.subject) == (
        "c0",
        "Ada <ada@example.org>",
        "Add a",
    )
    assert record.plan
    (deed,) = record.deeds
    assert (deed.verb, deed.unit, deed.reason) == ("start", A, "absent")
    assert (deed.path, deed.line) == ("p/agents/a.yaml", 3)
    assert dict(deed.leaves) == scribe.live()


def test_a_pass_without_a_move_writes_nothing() -> None:
    scribe = Scribe(desired(agent("a")))
    scribe.settle()
    assert scribe.once() == []
    scribe.chronicle.flush()
    assert len(scribe.journal.records) == 1
    assert scribe.desk.pending == []


def test_a_session_leaves_its_panes_and_the_agents_in_it() -> None:
    torch = seated("torch", "main", "dev")
    scribe = Scribe(desired(session("main", window("dev", "a", torch)), torch))
    records = scribe.settle()
    assert set(replay(records)) == {f"{session_id('main')}/dev.0", torch.id}
    assert replay(records) == scribe.live()


def test_what_a_person_closed_is_said_before_what_was_done_about_it() -> None:
    scribe = Scribe(desired(agent("a"), agent("b")))
    scribe.settle()
    scribe.bench.host.human_close(scribe.bench.pane(A).session_id)
    *_, last = scribe.settle()
    assert deeds(last) == [f"{OBSERVED} agent/a gone", "start agent/a absent"]
    assert replay(scribe.journal.records) == scribe.live()


def test_an_order_that_failed_leaves_nothing_and_is_told() -> None:
    scribe = Scribe(desired(agent("a"), agent("b")))
    scribe.bench.host.fail_in = 0
    (record,) = scribe.settle()[:1]
    failed = [deed for deed in record.deeds if deed.error]
    assert failed
    assert all(deed.leaves == () for deed in failed)


def test_a_death_in_the_middle_is_written_down_by_the_next_process() -> None:
    scribe = Scribe(desired(agent("a"), agent("b")))
    scribe.bench.host.steps_left = 1
    with pytest.raises(CrashError):
        scribe.settle()
    scribe.bench.host.steps_left = None
    scribe.die()
    first, second = scribe.settle()
    assert first.interrupted
    assert [deed.unit.name for deed in first.deeds] == ["a", "b"]
    assert deeds(second)[0].startswith(OBSERVED)
    assert replay(scribe.journal.records) == scribe.live()


def test_a_death_after_the_last_deed_is_made_good_although_nothing_is_left_to_do() -> None:
    scribe = Scribe(desired(agent("a")))
    thought = think(scribe.ports)
    scribe.chronicle.intend(thought, thought.plan.moves)
    act(scribe.ports, thought.plan.moves, scribe.bench.told.append)
    scribe.die()
    assert scribe.once() == []
    scribe.chronicle.seen(think(scribe.ports))
    scribe.chronicle.flush()
    first, second = scribe.journal.records
    assert first.interrupted
    assert deeds(second) == [f"{OBSERVED} agent/a found"]
    assert replay(scribe.journal.records) == scribe.live()
    scribe.chronicle.seen(think(scribe.ports))
    assert scribe.desk.pending == []


def test_a_host_that_goes_blind_at_once_is_an_interrupted_record() -> None:
    scribe = Scribe(desired(agent("a")))
    thought = think(scribe.ports)
    scribe.bench.host.blind = True
    with pytest.raises(BlindError):
        carry_out(scribe.ports, thought, thought.plan.moves, scribe.bench.told.append)
    scribe.bench.host.blind = False
    first, second = scribe.settle()
    assert first.interrupted
    assert deeds(second) == ["start agent/a absent"]


def test_a_journal_that_takes_no_notes_keeps_nobody_from_acting_and_is_said_once() -> None:
    class Full(MemoryJournal):
        def intend(self, record: Record) -> None:  # noqa: ARG002
            raise NovaorchError("no room", why="the disk is full", fix="free some")

        record = intend

    scribe = Scribe(desired(agent("a"), agent("b", after=["a"])))
    scribe.chronicle.journal = Full()
    assert all(outcome.ok for outcome in scribe.once())
    scribe.once()
    assert scribe.said == ["no room (the disk is full) free some"]


SECRET = "s3cr3t-V4lue"


def test_no_secret_is_in_a_record() -> None:
    old = agent("a")
    launch = replace(
        old.launch, env=(("KEY", SECRET),), secrets=(("T", "env:TOKEN"),), argv=("x", SECRET)
    )
    wish = desired(replace(old, launch=launch))
    scribe = Scribe(replace(wish, subject=f"set {SECRET}\x1b[31m"))
    perform = scribe.bench.host.perform

    def told(orders: object) -> object:
        receipts = perform(orders)  # type: ignore[arg-type]
        error = f"exec {SECRET} revealed-secret --password=hunter2xyz failed"
        return [replace(receipt, error=error) for receipt in receipts]

    scribe.bench.host.perform = told  # type: ignore[assignment,method-assign]
    scribe.once()
    scribe.chronicle.flush()
    text = repr(scribe.desk)
    assert "failed" in text
    for word in (SECRET, "revealed-secret", "hunter2xyz", "\\x1b", "\x1b"):
        assert word not in text


# -- whatever happens -----------------------------------------------------------------------------

EVENT = st.tuples(
    st.sampled_from(("commit", "exit", "close", "split", "kill", "crash", "fail", "sleep")),
    st.integers(0, 50),
    fleets(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENT, max_size=8))
def test_the_journal_adds_up_to_what_is_there(events: list[tuple[str, int, Drawn]]) -> None:
    scribe = Scribe(desired(fleet=FLEET))
    for what, number, drawn in events:
        happen(scribe, what, number, drawn)
        check(scribe)
    scribe.bench.host.steps_left = scribe.bench.host.fail_in = None
    check(scribe)
    seqs = [record.seq for record in scribe.journal.records]
    assert seqs == list(range(1, len(seqs) + 1))


def happen(scribe: Scribe, what: str, number: int, drawn: Drawn) -> None:  # noqa: C901  (a table)
    host = scribe.bench.host
    panes = [p for s in host.sessions for w in s.windows for p in w.panes]
    match what:
        case "commit":
            scribe.bench.commit(drawn.wish)
        case "exit" if panes:
            mark = panes[number % len(panes)].mark
            host.exit(mark.unit if mark else "", 1)
        case "close" if panes:
            host.human_close(panes[number % len(panes)].pane_id)
        case "split" if host.sessions:
            host.human_split(host.sessions[0].session_id)
        case "kill":
            host.kill_server()
        case "crash":
            host.steps_left = number % 6
        case "fail":
            host.fail_in = number % 6
        case "sleep":
            scribe.bench.clock.sleep(number)


def check(scribe: Scribe) -> None:
    """Every pass that acted and had nothing fail ends with a journal equal to what is there."""
    for _ in range(6):
        outcomes: list[Outcome] = []
        try:
            outcomes = scribe.once()
        except CrashError:
            scribe.bench.host.steps_left = None
            scribe.die()
            continue
        if not outcomes:
            break
        if all(outcome.ok for outcome in outcomes):
            assert scribe.journal.inventory() == scribe.live()
    with suppress(NovaorchError):
        scribe.chronicle.flush()
