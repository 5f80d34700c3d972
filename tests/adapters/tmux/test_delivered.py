"""The courier at a real keyboard: programs in real panes get each message once, whole, and whoever
swallows an Enter gets another. No hook is heard: the transcript and the screen have to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.memory import MemoryMail
from reconciler.adapters.tmux.typist import TmuxTypist
from reconciler.core.envelope import marks
from reconciler.core.messageid import message_id
from reconciler.loop.courier import Courier
from reconciler.loop.rounds import Doors
from reconciler.model.agent import AgentReport, AgentState, Evidence, Persona, Roster, Seat
from reconciler.model.capacity import Spending
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Stage
from tests.adapters.tmux.conftest import BINARY, Box, order, unit
from tests.adapters.tmux.test_typist import READER, prompts

BODIES = (
    "hello",
    "two\nlines",
    "ends with ;",
    "#(touch owned) $HOME `id`",
    "日本 ☃\n" * 200,
    "/exit",
)


class Prompts:
    """What the programs wrote down is what their models were given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, seat: Seat, texts: Sequence[str]) -> frozenset[str] | None:
        if seat.persona is None or seat.persona.runtime == "command":
            return None
        written = "".join(prompts(self.folder / seat.unit.rpartition("/")[2]))
        return frozenset(text for text in texts if text in written)

    def session(self, _seat: Seat) -> Evidence | None:
        return None

    def spending(self, _seat: Seat, _day: str) -> Spending | None:
        return None


class Office:
    """A courier over real panes, and its mail."""

    def __init__(self, box: Box, folder: Path) -> None:
        self.box, self.folder = box, folder
        self.mail, self.said = MemoryMail(), list[str]()
        self.typist = TmuxTypist("t", environ=box.environ, binary=BINARY)
        self.roster = Roster()
        self.courier: Courier | None = None
        self._count = 0

    def agents(self, *orders: tuple[str, tuple[str, ...]], runtime: str = "claude-code") -> None:
        self.box.perform(*(order(name, argv) for name, argv in orders))
        self.box.until(lambda: all((self.folder / name).exists() for name, _ in orders))
        seats = dict(self.roster.seats)
        for name, _ in orders:
            seen = self.box.pane(name)
            seats[unit(name)] = Seat(unit(name), Persona(runtime), "auto", seen.pane_id, seen.pid)
        self.roster = Roster("demo", "c", seats)

    def reader(self, name: str, swallows: int = 0) -> tuple[str, tuple[str, ...]]:
        argv = (sys.executable, "-S", str(READER), str(self.folder / name), str(swallows))
        return name, argv

    def begin(self) -> None:
        """Begin a life; the one before ends in the middle of whatever it does."""
        self.end()
        self.mail.close()
        self.courier = Courier(
            Doors(
                mail=self.mail,
                typist=self.typist,
                records=Prompts(self.folder),
                roster=lambda: self.roster,
                report=lambda _unit, now: AgentReport(AgentState.IDLE, now, 1.0, "at rest"),
                clock=SystemClock(),
                log=self.said.append,
            )
        )
        self.courier.start()

    def end(self) -> None:
        if self.courier is not None:
            self.courier.close()

    def send(self, to: UnitId, body: str) -> str:
        self._count += 1
        name = message_id(int(time.time() * 1000), self._count)
        self.mail.accept([Message(name, "person:ada", str(to), body, time.time())])
        return name

    def given(self, name: str) -> list[str]:
        return [one for text in prompts(self.folder / name) for one in sorted(marks(text))]

    def over(self) -> bool:
        return not self.mail.receivers()


@pytest.fixture
def office(fast: Box, tmp_path: Path) -> Iterator[Office]:
    made = Office(fast, tmp_path)
    yield made
    made.end()
    made.typist.close()
    assert made.said == []


def test_each_arrives_once_whoever_swallows_what(office: Office) -> None:
    office.agents(office.reader("a"), office.reader("b", 1), office.reader("c", 2))
    office.begin()
    wanted: dict[str, set[str]] = {"a": set(), "b": set(), "c": set()}
    for body in BODIES:
        for name, sent in wanted.items():
            sent.add(office.send(unit(name), body))
    office.box.until(office.over, 30.0)
    for name, sent in wanted.items():
        assert sorted(office.given(name)) == sorted(sent)
    told = office.mail.listing(limit=100)
    assert {kept.stage for kept in told} == {Stage.SUBMITTED}
    assert not (office.folder / "owned").exists()


def test_lives_that_end_in_the_middle_lose_and_double_nothing(office: Office) -> None:
    office.agents(office.reader("a", 1), office.reader("b"))
    sent = {"a": [office.send(unit("a"), "hello")], "b": [office.send(unit("b"), "hello")]}
    for number in range(6):
        office.begin()
        for name, ids in sent.items():
            ids.append(office.send(unit(name), f"number {number}"))
        time.sleep(0.05 * number)
    office.box.until(office.over, 30.0)
    for name, ids in sent.items():
        assert sorted(office.given(name)) == sorted(ids)


def test_a_draft_stays_as_it_is_and_is_waited_for(office: Office) -> None:
    office.agents(office.reader("a"))
    pane = office.roster.seats[unit("a")].pane
    office.box.tmux("send-keys", "-t", pane, "-l", "--", "my own words")
    seats = list(office.roster.seats.values())
    office.box.until(lambda: "my own words" in "".join(office.typist.look(seats)[unit("a")].rows))
    office.begin()
    name = office.send(unit("a"), "hello")
    assert office.courier is not None
    courier = office.courier
    office.box.until(lambda: "draft" in courier.why(name))
    time.sleep(0.3)
    office.box.tmux("send-keys", "-t", pane, "Enter")
    office.box.until(office.over, 30.0)
    assert prompts(office.folder / "a")[0] == "my own words"
    assert office.given("a") == [name]


def test_a_program_that_reads_lines_gets_lines(office: Office, tmp_path: Path) -> None:
    script = 'stty -echo; while read -r line; do printf "%s\\n" "$line" >> "$0"; done'
    path = tmp_path / "d"
    path.touch()
    office.agents(("d", ("/bin/sh", "-c", script, str(path))), runtime="command")
    office.begin()
    names = [office.send(unit("d"), f"number {number}\nand more") for number in range(3)]
    office.box.until(office.over, 30.0)
    read = path.read_text().splitlines()
    assert [marks(line) for line in read] == [{name} for name in names]
    assert read[0].endswith("person:ada: number 0 / and more")
    told = office.mail.listing(limit=100)
    assert {kept.proofs[-1].evidence for kept in told} == {"its program has read the line"}
