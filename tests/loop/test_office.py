"""The office and training: work is committed with or without a store, and words are overheard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import pytest

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.memory import MemoryPane, MemoryTypist
from reconciler.loop.decisions import Decisions
from reconciler.loop.office import Office, Outside
from reconciler.loop.overhearing import Overheard, Overread
from reconciler.model.agent import Roster
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import BlindError
from tests.loop.school import BOB, EVE, School


@dataclass
class Says:
    """A hearer with one answer."""

    answer: HookAnswer = SILENCE

    def hear(self, _event: HookEvent) -> HookAnswer:
        return self.answer


def closed() -> Outside:
    raise BlindError("no store answers", why="a fault of the test", fix="wait")


@dataclass
class Building:
    school: School
    office: Office

    def take(self) -> None:
        seats = {unit: one.seat for unit, one in self.school.trainees.items()}
        self.office.take(Roster("f", "c", seats), dict(self.school.trainees))

    def hear(self, name: str, **payload: Json) -> HookAnswer:
        return self.office.hear(HookEvent(BOB, name, self.school.clock.now(), payload))


@pytest.fixture
def building() -> Iterator[Building]:
    school = School()
    desk = cast("Decisions", Says())
    say, poke = school.said.append, print
    office = Office(closed, desk, SystemClock(), say, poke, school.training)
    made = Building(school, office)
    yield made
    office.close()


def test_without_a_store_work_is_committed_all_the_same(building: Building) -> None:
    building.take()
    assert building.office.rooms is None
    building.hear("UserPromptSubmit", prompt="write")
    building.school.write("a")
    building.hear("Stop")
    assert [turn.prompt for turn in building.school.turns] == ["write"]


def test_trees_are_looked_at_once_somebody_trains(building: Building) -> None:
    school = building.school
    for unit in (BOB, EVE):
        school.change(unit, mode="auto")
    building.take()
    assert school.slate.looks == 0
    school.change(EVE, mode="training")
    building.take()
    end = time.monotonic() + 10
    while school.slate.looks == 0:
        assert time.monotonic() < end
        time.sleep(0.01)
    building.office.close()
    building.hear("Stop")
    assert school.turns == []


def test_words_for_a_model_are_part_of_what_it_was_asked() -> None:
    given: list[tuple[UnitId, str]] = []
    for answer in (HookAnswer(context="a message"), HookAnswer(go_on="another"), SILENCE):
        heard = Overheard(Says(answer), lambda unit, text: given.append((unit, text)))
        assert heard.hear(HookEvent(BOB, "Stop", 1.0)) == answer
    assert given == [(BOB, "a message"), (BOB, "another"), (BOB, "")]


def test_what_is_typed_to_a_runtime_without_hooks_is_what_it_was_asked(building: Building) -> None:
    school, panes = building.school, MemoryTypist()
    prompts: list[str] = []
    for pane, unit in (("%1", BOB), ("%2", EVE)):
        panes.panes[pane] = MemoryPane(unit, 1, prompts.append)
        school.change(unit, pane=pane)
    typist = Overread(panes, school.training.typed)
    bob, eve = (school.trainees[unit].seat for unit in (BOB, EVE))
    assert typist.paste(bob, "its own hook tells of it")
    assert typist.line(eve, "write a poem")
    assert not typist.line(replace(eve, pid=99), "nobody read it")
    assert typist.enter(eve)
    typist.mark(eve, "")
    assert set(typist.look([bob, eve])) == {BOB, EVE}
    school.write("a", EVE)
    school.rounds(20)
    school.write("ab", EVE)
    school.rounds(40)
    assert [turn.prompt for turn in school.turns] == ["write a poem"] * 2
    typist.line(eve, "and another one")
    school.write("abc", EVE)
    school.rounds(40)
    assert school.turns[2].prompt == "and another one"
    assert school.lesson(BOB).prompts == []


def test_a_budget_that_refuses_a_prompt_is_no_turn(building: Building) -> None:
    building.take()
    building.office.decisions = cast("Decisions", Says(HookAnswer(refuse="used up")))
    assert building.hear("UserPromptSubmit", prompt="no").refuse == "used up"
    building.office.decisions = cast("Decisions", Says())
    building.school.write("a")
    building.hear("Stop")
    assert building.school.turns[0].prompt == ""
