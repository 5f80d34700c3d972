"""What a person did by hand: put back, told, or left without a word, as the manifest says."""

from __future__ import annotations

import pytest

from reconciler.model.action import Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.step import MarkPane
from reconciler.model.unit import Desired, Heal, Healing
from tests.bench import Bench, said
from tests.builders import MENDED, agent, agent_id, desired, seated, session, window

A = agent_id("a")
OWN = UnitId("p/session/main/dev.0")
QUIET = Healing(edit=Heal.IGNORE)


def house(healing: Healing = MENDED) -> Desired:
    """A Session of two windows with an agent in one, another Session, and an agent alone."""
    torch = seated("torch", "main", "dev", healing=healing)
    main = session("main", window("dev", "x", torch), window("ops", "y"), healing=healing)
    side = session("side", window("z", "z"), healing=healing)
    return desired(main, side, torch, agent("a", healing=healing))


HOME = {
    "p/a": [("a", ["a"])],
    "p/main": [("dev", ["main/dev.0", "torch"]), ("ops", ["main/ops.0"])],
    "p/side": [("z", ["side/z.0"])],
}


def home(bench: Bench) -> None:
    """Everybody is where the wish says, and nobody was harmed on the way."""
    pids, notices = bench.pids(), bench.plan().notices
    bench.run()
    assert notices == ()
    assert dict(sorted(bench.shape().items())) == HOME
    assert bench.pids() == pids
    assert bench.host.signals == []
    assert bench.plan().actions == ()


@pytest.mark.parametrize(("unit", "name"), [("agent/a", "p/a"), ("session/main", "p/main")])
def test_a_session_gets_its_name_back(unit: str, name: str) -> None:
    bench = Bench(house()).run()
    bench.host.human_rename(name, "mine")
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.UPDATE, Reason.EDITED)
    assert action.detail == "its session was renamed to mine by hand"
    assert action.unit.endswith(unit)
    home(bench)


def test_a_name_that_somebody_took_is_not_taken_back() -> None:
    bench = Bench(house()).run()
    bench.host.human_rename("p/main", "mine")
    bench.host.foreign_session("p/main")
    plan = bench.plan()
    assert plan.actions == ()
    assert plan.notices == ("p/session/main: its session was renamed to mine by hand",)
    bench.host.human_close(bench.host.session("p/main").id)
    home(bench)


def test_names_that_were_exchanged_are_told_of_and_left() -> None:
    bench = Bench(house()).run()
    for old, new in (("p/main", "x"), ("p/side", "p/main"), ("x", "p/side")):
        bench.host.human_rename(old, new)
    assert bench.plan().actions == ()
    assert len(bench.plan().notices) == 2


@pytest.mark.parametrize("unit", [A, agent_id("torch"), OWN])
@pytest.mark.parametrize("where", ["p/side", "p/main", "theirs"])
def test_a_pane_is_carried_back_running(unit: UnitId, where: str) -> None:
    bench = Bench(house()).run()
    bench.host.foreign_session("theirs")
    window_id = bench.host.session(where).windows[-1].id
    bench.host.human_move(bench.pane(unit).pane_id, window_id)
    moves = bench.plan().moves
    assert {action.reason for action in moves} == {Reason.EDITED}
    assert unit in {action.unit for action in moves} or unit == OWN
    bench.run()
    assert bench.shape().pop("theirs") == [("[bash]", ["-"])]
    bench.host.human_close(bench.host.session("theirs").id)
    home(bench)


def test_windows_and_panes_that_were_exchanged_find_home() -> None:
    bench = Bench(house()).run()
    bench.host.human_swap(bench.pane(OWN).pane_id, bench.pane(UnitId("p/session/side/z.0")).pane_id)
    bench.host.human_swap(bench.pane(A).pane_id, bench.pane(agent_id("torch")).pane_id)
    home(bench)


def test_a_renamed_session_of_a_moved_pane_is_healed_at_once() -> None:
    bench = Bench(house()).run()
    bench.host.human_rename("p/main", "mine")
    there = bench.host.session("p/side").windows[0].id
    bench.host.human_move(bench.pane(OWN).pane_id, there)
    home(bench)


def test_an_order_within_a_window_and_a_persons_own_things_are_theirs() -> None:
    bench = Bench(house()).run()
    bench.host.human_swap(bench.pane(OWN).pane_id, bench.pane(agent_id("torch")).pane_id)
    bench.host.human_split("p/main")
    bench.host.human_window("p/main")
    assert bench.plan().actions == ()


@pytest.mark.parametrize(("healing", "told"), [(Healing(), 2), (QUIET, 0)])
def test_by_default_it_is_said_and_it_can_be_silenced(healing: Healing, told: int) -> None:
    bench = Bench(house(healing)).run()
    bench.host.human_rename("p/main", "mine")
    bench.host.human_move(bench.pane(OWN).pane_id, bench.host.session("p/side").windows[0].id)
    assert bench.plan().actions == ()
    assert len(bench.plan().notices) == told


def test_a_wish_that_renames_says_so_and_is_no_edit() -> None:
    bench = Bench(desired(session("main", window("dev", "x"), healing=MENDED))).run()
    bench.host.human_rename("p/main", "mine")
    bench.commit(desired(session("main", window("dev", "x"), called="other", healing=MENDED)))
    (action,) = bench.plan().actions
    assert action.reason is Reason.CHANGED
    assert said(bench.run().plan().actions) == []
    assert list(bench.shape()) == ["other"]


def test_another_change_of_its_session_calls_nobody_back() -> None:
    """Only a wish about who is in this very window says that a hand is overruled."""

    def wish(columns: int) -> Desired:
        main = session("main", window("dev", "x", "w"), window("ops", "y"), columns=columns)
        return desired(main)

    bench = Bench(wish(200)).run()
    moved, ops = bench.pane(OWN), bench.pane(UnitId("p/session/main/ops.0"))
    bench.host.human_move(moved.pane_id, ops.window_id)
    bench.run(wish(100))
    assert bench.pane(OWN).window_id == ops.window_id


def test_a_pane_that_comes_home_to_a_session_made_anew_is_expected_as_it_was_seen() -> None:
    main = session("main", window("dev", "x", "w"))
    bench = Bench(desired(main, session("side", window("z", "z")))).run()
    moved, side = bench.pane(OWN), bench.pane(UnitId("p/session/side/z.0"))
    bench.host.human_move(moved.pane_id, side.window_id)
    bench.host.human_close(bench.pane(UnitId("p/session/main/dev.1")).pane_id)
    (action,) = [a for a in bench.plan().moves if a.unit == "p/session/main"]
    assert moved.pane_id in [expect.pane_id for expect in action.expects]
    bench.run()
    assert bench.pane(OWN).pid == moved.pid
    assert bench.shape()["p/main"] == [("dev", ["main/dev.0", "main/dev.1"])]


def test_what_a_person_moved_comes_back_without_a_word_of_its_mark() -> None:
    bench = Bench(house()).run()
    torch, side = bench.pane(agent_id("torch")), bench.pane(UnitId("p/session/side/z.0"))
    bench.host.human_move(torch.pane_id, side.window_id)
    marked = [s.pane for s in bench.steps() if isinstance(s, MarkPane)]
    assert torch.pane_id not in marked
    home(bench)
