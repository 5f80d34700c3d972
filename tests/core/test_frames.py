"""Structure: sessions, windows and slots put right, and no process ended for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.adapters.memory import CrashError
from reconciler.core.plan import fingerprint
from reconciler.model import step as do
from reconciler.model.action import Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, lone, seated, session, session_id, window

MAIN = session_id("main")
TORCH = seated("torch", "main", "dev")
DRAWN2 = "b25d,200x50,0,0{100x50,0,0,0,99x50,101,0,1}"


def kinds(bench: Bench) -> list[str]:
    return [type(step).__name__ for step in bench.steps()]


def main(*windows: object, **more: object) -> Desired:
    return desired(session("main", *windows, **more))  # type: ignore[arg-type]


def test_a_lone_agent_gets_a_session_of_its_own() -> None:
    bench = Bench(desired(agent("a")))
    (action,) = bench.plan().actions
    assert (action.verb, action.reason, action.expects) == (Verb.START, Reason.ABSENT, ())
    (step,) = action.steps
    assert isinstance(step, do.OpenSession)
    assert (step.name, step.columns, step.rows) == ("p/a", 200, 50)
    assert bench.run().shape() == {"p/a": [("a", ["a"])]}


def test_a_session_gets_its_own_panes_at_once_and_agents_after_it() -> None:
    bench = Bench(
        desired(session("main", window("dev", "htop", TORCH), window("ops", "sh")), TORCH)
    )
    plan = bench.plan()
    assert said(plan.actions) == ["start session/main absent", "start agent/torch absent"]
    assert plan.actions[0].detail == "2 windows, 3 panes"
    assert plan.actions[1].needs == (MAIN,)
    assert plan.actions[1].detail == "in p/session/main"
    bench.run()
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "torch"]), ("ops", ["main/ops.0"])]}
    assert all(count == 1 for count in bench.host.starts.values())


@pytest.mark.parametrize(
    ("before", "after", "shape", "ended"),
    [
        pytest.param(
            [window("dev", "a", "b")],
            [window("dev", "a", "n", "b")],
            [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"])],
            set(),
            id="a pane put in between",
        ),
        pytest.param(
            [window("dev", "a", "b")],
            [window("dev", "n", "a", "b")],
            [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"])],
            set(),
            id="a pane put in front",
        ),
        pytest.param(
            [window("dev", "a", "b", "c")],
            [window("dev", "c", "a", "b")],
            [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"])],
            set(),
            id="panes in another order",
        ),
        pytest.param(
            [window("dev", "b", "a")],
            [window("dev", "a", "n", "b")],
            [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"])],
            set(),
            id="another order and one in between",
        ),
        pytest.param(
            [window("dev", "a", "b")],
            [window("code", "a", "b")],
            [("code", ["main/code.0", "main/code.1"])],
            set(),
            id="a window renamed",
        ),
        pytest.param(
            [window("w0", "a"), window("w1", "b")],
            [window("w0", "a"), window("w1", "n"), window("w2", "b")],
            [("w0", ["main/w0.0"]), ("w1", ["main/w1.0"]), ("w2", ["main/w2.0"])],
            set(),
            id="a nameless window put in between",
        ),
        pytest.param(
            [window("dev", "a"), window("ops", "b"), window("log", "c")],
            [window("log", "c"), window("dev", "a"), window("ops", "b")],
            [("log", ["main/log.0"]), ("dev", ["main/dev.0"]), ("ops", ["main/ops.0"])],
            set(),
            id="windows in another order",
        ),
        pytest.param(
            [window("dev", "a", "b"), window("ops", "c")],
            [window("dev", "a"), window("ops", "c", "b")],
            [("dev", ["main/dev.0"]), ("ops", ["main/ops.0", "main/ops.1"])],
            set(),
            id="a pane moved to another window",
        ),
        pytest.param(
            [window("dev", "a", "b")],
            [window("dev", "a"), window("ops", "b")],
            [("dev", ["main/dev.0"]), ("ops", ["main/ops.0"])],
            set(),
            id="a pane moved to a new window",
        ),
        pytest.param(
            [window("dev", "a", "b", "c")],
            [window("dev", "a", "c")],
            [("dev", ["main/dev.0", "main/dev.1"])],
            {"b"},
            id="a pane taken out of the middle",
        ),
        pytest.param(
            [window("dev", "a", "b")],
            [window("dev", "a", "B")],
            [("dev", ["main/dev.0", "main/dev.1"])],
            {"b"},
            id="one command changed",
        ),
        pytest.param(
            [window("dev", "a"), window("ops", "b")],
            [window("dev", "a")],
            [("dev", ["main/dev.0"])],
            {"b"},
            id="a window removed",
        ),
        pytest.param(
            [window("dev", "a", "a"), window("ops", "a")],
            [window("dev", "a", "a", "a"), window("ops", "a")],
            [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"]), ("ops", ["main/ops.0"])],
            set(),
            id="panes that are all alike",
        ),
    ],
)
def test_a_change_ends_only_what_it_must(
    before: list[object], after: list[object], shape: object, ended: set[str]
) -> None:
    bench = Bench(main(*before)).run()
    running = dict(bench.host.alive)
    bench.run(main(*after))
    assert bench.shape() == {"p/main": shape}
    gone = {running[pid].argv[0] for pid in running.keys() - bench.host.alive.keys()}  # type: ignore[union-attr]
    assert gone == ended
    wanted = {p.id: p.launch.argv[0] for p in bench.wishes.wish.processes.values()}
    ran = {unit: bench.host.alive[pid].argv[0] for unit, pid in bench.pids().items()}  # type: ignore[union-attr]
    assert ran == wanted


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        (main(window("dev", "a", "b", layout="tiled")), ["MarkFrame", "Arrange", "MarkFrame"]),
        (main(window("dev", "a", "b"), columns=90), ["MarkFrame", "Resize", "MarkFrame"]),
        (main(window("dev", "a", "b"), called="else"), ["MarkFrame", "Rename", "MarkFrame"]),
        (
            main(window("dev", "a", "b"), options={"status": "off"}),
            ["MarkFrame", "SetOptions", "MarkFrame"],
        ),
        (main(window("dev", "a", "b", name="Dev!")), ["MarkFrame", "Rename", "MarkFrame"]),
        (
            main(window("dev", "a", "b").with_options(synchronize_panes="on")),
            ["MarkFrame", "SetOptions", "MarkFrame"],
        ),
        (
            main(window("dev", "b", "a")),
            ["MarkFrame", "MarkPane", "MarkPane", "SwapPanes", "MarkFrame"],
        ),
    ],
)
def test_settings_cost_exactly_their_steps(after: Desired, steps: list[str]) -> None:
    bench = Bench(main(window("dev", "a", "b"))).run()
    pids = set(bench.host.alive)
    bench.commit(after)
    assert kinds(bench) == steps
    bench.run()
    assert set(bench.host.alive) == pids
    assert bench.plan().actions == ()


def test_options_that_are_wanted_no_longer_are_unset() -> None:
    many = {"status": "off", "mouse": "on"}
    bench = Bench(main(window("dev", "a"), options=many)).run()
    bench.commit(main(window("dev", "a"), options={"status": "on"}))
    assert do.SetOptions("$0", (("status", "on"),), ("mouse",)) in bench.steps()


def test_a_window_that_a_person_killed_comes_back_with_its_panes() -> None:
    bench = Bench(main(window("dev", "a"), window("ops", "b", "c"))).run()
    bench.host.human_close("@1")
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.UPDATE, Reason.ABSENT)
    assert action.detail == "window ops is gone"
    assert [type(s).__name__ for s in action.steps] == ["OpenWindow"]
    assert bench.run().shape() == {
        "p/main": [("dev", ["main/dev.0"]), ("ops", ["main/ops.0", "main/ops.1"])]
    }


def test_two_different_gaps_are_two_different_plans() -> None:
    prints = []
    for gone in ("@1", "@2"):
        bench = Bench(main(window("a", "a"), window("b", "b"), window("c", "c"))).run()
        bench.host.human_close(gone)
        prints.append(fingerprint(bench.plan().actions[0]))
    assert prints[0] != prints[1]


def test_a_pane_that_a_person_killed_comes_back_in_its_place() -> None:
    wish = main(window("dev", "a", "b", "c", layout="tiled"))
    bench = Bench(wish).run()
    bench.host.human_close("%1")
    assert bench.plan().actions[0].detail == "a pane is gone"
    assert kinds(bench) == ["OpenPane", "Arrange"]
    assert bench.run().shape() == {"p/main": [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"])]}
    bench.host.human_close("%0")
    assert isinstance(step := bench.steps()[0], do.OpenPane)
    assert step.before
    bench.run()
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "main/dev.1", "main/dev.2"])]}


def test_what_a_person_adds_stays_and_is_no_drift() -> None:
    bench = Bench(main(window("dev", "a", "b"))).run()
    split, other = bench.host.human_split("p/main"), bench.host.human_window("p/main")
    assert bench.plan().actions == ()
    assert bench.plan().notices == ()
    bench.run(main(window("dev", "b", "n", "a")))
    bench.run(main(window("dev", "a")))
    assert split in {p.pane_id for p in bench.panes()}
    assert other in {w.window_id for s in bench.host.sessions for w in s.windows}
    bench.run(desired(agent("x")))
    assert split in {p.pane_id for p in bench.panes()}


def test_a_renamed_session_is_a_notice_and_keeps_its_hand_made_name() -> None:
    bench = Bench(main(window("dev", "a"))).run()
    bench.host.human_rename("p/main", "mine")
    plan = bench.plan()
    assert plan.actions == ()
    assert plan.notices == ("p/session/main: its session was renamed to mine by hand",)
    bench.run(main(window("dev", "a"), columns=99))
    assert list(bench.shape()) == ["mine"]


def test_a_drawn_layout_waits_until_the_removed_pane_is_gone() -> None:
    bench = Bench(main(window("dev", "a", "b", "c"))).run()
    bench.commit(main(window("dev", "a", "b", layout=DRAWN2)))
    assert "Arrange" not in kinds(bench)
    bench.run()
    assert bench.host.session("p/main").windows[0].layout == DRAWN2
    bench.host.human_split("p/main")
    bench.run(main(window("dev", "b", "a", layout=DRAWN2)))


def test_an_agent_moves_between_sessions_without_being_touched() -> None:
    one, two = window("dev", "a", TORCH), window("ops", "b")
    bench = Bench(desired(session("main", one), session("side", two), TORCH)).run()
    pid = bench.pane(TORCH.id).pid
    moved = seated("torch", "side", "ops")
    bench.commit(
        desired(
            session("main", window("dev", "a")), session("side", window("ops", "b", moved)), moved
        )
    )
    plan = bench.plan()
    assert said(plan.actions) == [
        "update session/main changed",
        "update session/side changed",
        "update agent/torch changed",
    ]
    assert plan.actions[2].needs == (session_id("side"), MAIN)
    bench.run()
    assert bench.shape() == {
        "p/main": [("dev", ["main/dev.0"])],
        "p/side": [("ops", ["side/ops.0", "torch"])],
    }
    assert bench.pane(TORCH.id).pid == pid


def test_an_agent_leaves_its_session_and_comes_back_without_being_touched() -> None:
    together = desired(session("main", window("dev", "a", TORCH)), TORCH)
    apart = desired(session("main", window("dev", "a")), agent("torch"))
    bench = Bench(together).run()
    pid = bench.pane(TORCH.id).pid
    bench.commit(apart)
    assert said(bench.plan().actions) == [
        "update session/main changed",
        "update agent/torch changed",
    ]
    bench.run()
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0"])], "p/torch": [("torch", ["torch"])]}
    bench.run(together)
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "torch"])]}
    assert bench.pane(TORCH.id).pid == pid
    assert bench.host.starts[TORCH.id] == 1


def test_an_agent_that_moves_and_changes_is_restarted_in_its_new_place() -> None:
    bench = Bench(desired(session("main", window("dev", "a", TORCH)), agent("x"), TORCH)).run()
    bench.run(desired(session("main", window("dev", "a")), agent("x"), agent("torch", "new")))
    assert bench.shape()["p/torch"] == [("torch", ["torch"])]
    assert bench.host.starts[TORCH.id] == 2
    bench.run(desired(session("main", window("dev", "a", TORCH)), agent("x"), TORCH))
    assert bench.shape()["p/main"] == [("dev", ["main/dev.0", "torch"])]
    assert bench.host.starts[TORCH.id] == 3


def test_an_agent_moves_between_windows_of_its_session() -> None:
    there = seated("torch", "main", "ops")
    bench = Bench(desired(session("main", window("dev", "a", TORCH)), TORCH)).run()
    pid = bench.pane(TORCH.id).pid
    bench.run(desired(session("main", window("dev", "a"), window("ops", there)), there))
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0"]), ("ops", ["torch"])]}
    assert bench.pane(TORCH.id).pid == pid


def test_a_session_that_is_gone_is_made_anew() -> None:
    bench = Bench(main(window("dev", "a", "b"))).run()
    bench.host.human_close("$0")
    assert said(bench.plan().actions) == ["start session/main absent"]
    bench.run()
    bench.host.kill_server()
    assert said(bench.plan().actions) == ["start session/main absent"]
    assert bench.run().plan().actions == ()


def test_the_pane_of_a_lone_agent_comes_back_where_a_person_works_on() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.human_window("p/a")
    bench.host.human_close(bench.pane(agent_id("a")).pane_id)
    (action,) = bench.plan().actions
    assert (action.verb, action.detail) == (
        Verb.START,
        "its pane is gone, its session is still there",
    )
    assert len(action.expects) == 1
    assert bench.run().shape() == {"p/a": [("[bash]", ["-"]), ("a", ["a"])]}


def test_settings_of_a_lone_session_touch_nothing_that_runs() -> None:
    wish = desired(agent("a"))
    bench = Bench(wish).run()
    pids = bench.pids()
    frame = lone(agent("a"), columns=90, session="else")
    bench.commit(desired(agent("a"), frames=[frame]))
    assert said(bench.plan().actions) == ["update agent/a changed"]
    assert kinds(bench) == ["MarkFrame", "Rename", "Resize", "MarkFrame"]
    # What was applied to a lone session is not kept: its name is seen, its size is not.
    found = [change.field for change in bench.plan().actions[0].changes]
    assert found == ["session", "size.columns", "size.rows"]
    bench.run()
    assert bench.pids() == pids
    assert list(bench.shape()) == ["else"]


def test_a_pane_that_a_person_put_into_another_window_stays_there() -> None:
    torch = seated("torch", "main", "dev")
    bench = Bench(desired(session("main", window("dev", "a", torch), window("ops", "b")), torch))
    bench.run()
    ops = bench.host.session("p/main").windows[1].id
    for unit in ("p/session/main/dev.0", "p/agent/torch"):
        pane = bench.pane(UnitId(unit)).pane_id
        bench.host.human_move(pane, ops)
        assert bench.plan().actions == ()
        assert f"{unit}: its pane {pane} was moved" in " ".join(bench.plan().notices)
    assert bench.shape() == {"p/main": [("ops", ["main/ops.0", "main/dev.0", "torch"])]}


def test_panes_that_a_person_exchanged_stay_and_their_windows_are_the_same() -> None:
    bench = Bench(main(window("dev", "a"), window("ops", "b"))).run()
    first, second = (bench.pane(UnitId(f"{MAIN}/{key}.0")).pane_id for key in ("dev", "ops"))
    bench.host.human_swap(first, second)
    plan = bench.plan()
    assert plan.actions == ()
    assert len(plan.notices) == 2


def test_a_wish_that_follows_a_hand_waits_for_no_window() -> None:
    def wish(key: str) -> Desired:
        torch = seated("torch", "main", key)
        panes = {"dev": ["a"], "ops": ["b"]}
        panes[key] = [*panes[key], torch]  # type: ignore[list-item]
        return desired(session("main", *(window(k, *found) for k, found in panes.items())), torch)

    bench = Bench(wish("dev")).run()
    pane = bench.pane(TORCH.id)
    bench.host.human_move(pane.pane_id, bench.host.session("p/main").windows[1].id)
    bench.commit(wish("ops"))
    (update,) = [action for action in bench.plan().moves if action.unit == TORCH.id]
    assert update.needs == ()
    assert bench.run().pane(TORCH.id).pid == pane.pid


def test_a_session_whose_panes_all_live_elsewhere_by_hand_is_not_made_anew() -> None:
    bench = Bench(desired(session("main", window("dev", TORCH)), agent("x"), TORCH)).run()
    bench.host.human_move(bench.pane(TORCH.id).pane_id, bench.host.session("p/x").windows[0].id)
    assert list(bench.shape()) == ["p/x"]
    plan = bench.plan()
    assert plan.actions == ()
    assert "was moved to session p/x by hand" in plan.notices[0]
    bench.host.exit(TORCH.id, 1)
    bench.run()
    assert bench.shape() == {"p/x": [("x", ["x", "torch"])]}


def test_who_is_carried_along_when_a_window_is_made_anew_needs_no_wish_for_it() -> None:
    wish = desired(session("main", window("dev", "a", TORCH)), agent("x"), TORCH)
    bench = Bench(wish).run()
    bench.host.human_move(bench.pane(TORCH.id).pane_id, bench.host.session("p/x").windows[0].id)
    bench.host.human_close(bench.pane(UnitId("p/session/main/dev.0")).pane_id)
    pid = bench.pane(TORCH.id).pid
    plan = bench.plan()
    assert said(plan.actions) == ["start session/main absent", "update agent/torch misplaced"]
    assert (plan.actions[1].detail, plan.actions[1].needs) == ("into p/session/main", (MAIN,))
    bench.run()
    assert bench.shape()["p/main"] == [("dev", ["main/dev.0", "torch"])]
    assert bench.pane(TORCH.id).pid == pid
    told = seated("torch", "main", "dev", labels={"x": "1"})
    bench.run(desired(session("main", window("dev", "a", told)), agent("x"), told))
    assert bench.pane(TORCH.id).pid == pid


def test_a_wish_that_goes_back_in_the_middle_of_a_move_and_a_restart_carries_back() -> None:
    home = desired(session("main", window("dev", "a", TORCH)), TORCH)
    bench = Bench(home).run()
    bench.commit(desired(session("main", window("dev", "a")), agent("torch", "new")))
    bench.once()
    assert bench.shape() == {
        "p/main": [("dev", ["main/dev.0"])],
        "p/torch": [("torch", ["torch✗"])],
    }
    bench.run(home)
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "torch"])]}


def test_a_wish_that_goes_back_in_the_middle_of_an_update_undoes_what_was_done() -> None:
    home = main(window("dev", "a", layout="tiled"), options={"status": "on"})
    bench = Bench(home).run()
    bench.commit(main(window("dev", "a", "b", layout="even-vertical"), columns=90))
    bench.host.fail_in = 3
    assert not all(outcome.ok for outcome in bench.once())
    assert bench.host.session("p/main").size == (90, 50)
    assert bench.host.session("p/main").options == {}
    bench.run(home)
    live = bench.host.session("p/main")
    assert (live.size, live.options) == ((200, 50), {"status": "on"})
    assert bench.plan().actions == ()


def test_a_move_waits_while_its_new_session_has_no_name() -> None:
    home = desired(session("main", window("dev", "a", TORCH)), TORCH)
    bench = Bench(home).run()
    bench.host.foreign_session("p/torch")
    bench.commit(desired(session("main", window("dev", "a")), agent("torch")))
    plan = bench.plan()
    assert said(plan.actions) == ["update session/main changed", "hold agent/torch name-taken"]
    bench.run()
    assert bench.shape()["p/main"] == [("dev", ["main/dev.0", "torch"])]
    bench.host.human_rename("p/torch", "theirs")
    bench.run()
    assert bench.shape()["p/torch"] == [("torch", ["torch"])]
    bench.host.foreign_session("p/side")
    there = seated("torch", "side", "w")
    bench.commit(
        desired(session("main", window("dev", "a")), session("side", window("w", there)), there)
    )
    assert said(bench.plan().actions) == [
        "hold agent/torch dependency-not-ready",
        "hold session/side name-taken",
    ]


def test_two_agents_exchange_their_sessions() -> None:
    def wish(left: str, right: str) -> Desired:
        one, two = seated(left, "main", "dev"), seated(right, "side", "dev")
        parts = session("main", window("dev", one)), session("side", window("dev", two))
        return desired(*parts, one, two)

    bench = Bench(wish("a", "b")).run()
    pids = bench.pids()
    ids = {s.name: s.session_id for s in bench.host.sessions}
    bench.run(wish("b", "a"))
    assert bench.shape() == {"p/main": [("dev", ["b"])], "p/side": [("dev", ["a"])]}
    assert bench.pids() == pids
    assert {s.name: s.session_id for s in bench.host.sessions} == ids


def test_a_pane_that_runs_is_worth_more_than_one_that_ended() -> None:
    bench = Bench(main(window("dev", "a", "b"), window("ops", "a"))).run()
    alive = bench.pane(UnitId("p/session/main/ops.0")).pid
    bench.host.exit("p/session/main/dev.0", 1)
    bench.run(main(window("dev", "a", "b")))
    assert bench.pane(UnitId("p/session/main/dev.0")).pid == alive
    assert bench.shape() == {"p/main": [("dev", ["main/dev.0", "main/dev.1"])]}


def test_a_window_with_a_hand_made_name_keeps_it_until_the_wish_changes() -> None:
    bench = Bench(main(window("dev", "a"))).run()
    bench.host.session("p/main").windows[0].name = "mine"
    bench.host.session("p/main").touch()
    assert bench.plan().actions == ()
    bench.run(main(window("dev", "a"), columns=90))
    assert bench.host.session("p/main").windows[0].name == "mine"
    bench.run(main(window("dev", "a", name="new"), columns=90))
    assert bench.host.session("p/main").windows[0].name == "new"


def test_a_layout_comes_back_when_a_pane_leaves() -> None:
    bench = Bench(main(window("dev", "a", "b", "c", layout="tiled"))).run()
    bench.run(main(window("dev", "a", "b", layout="tiled")))
    last = [step for step in bench.host.log if isinstance(step, do.Arrange | do.Close)][-2:]
    assert [type(step).__name__ for step in last] == ["Close", "Arrange"]


def test_a_window_that_is_renamed_loses_the_options_of_its_old_key() -> None:
    old = window("dev", "a").with_options(automatic_rename="off", mode_keys="vi")
    bench = Bench(main(old)).run()
    bench.run(main(window("code", "a").with_options(mode_keys="vi")))
    live = bench.host.session("p/main").windows[0]
    assert (live.key, live.name, live.options) == ("code", "code", {"mode-keys": "vi"})


@pytest.mark.parametrize("fail_in", range(2, 12))
def test_a_window_that_takes_over_a_key_gets_all_of_it_although_it_was_cut_short(
    fail_in: int,
) -> None:
    def log(*runs: str) -> object:
        return window("log", *runs, layout="tiled").with_options(mode_keys="vi")

    bench = Bench(main(log("a", "a"), window("ops", "b", "b"))).run()
    bench.commit(main(log("b", "b"), window("dev", "c")))
    bench.host.fail_in = fail_in
    bench.once()
    bench.run()
    live = {w.key: w for w in bench.host.session("p/main").windows}
    assert [w.name for w in live.values()] == ["log", "dev"]
    assert (live["log"].layout, live["log"].options) == ("tiled", {"mode-keys": "vi"})


def test_a_nameless_window_put_in_between_moves_no_pane() -> None:
    bench = Bench(main(window("w0", "a"), window("w1", "b", "c"))).run()
    bench.commit(main(window("w0", "a"), window("w1", "n"), window("w2", "b", "c")))
    assert "SwapPanes" not in kinds(bench)
    bench.run()
    assert [key for key, _ in bench.shape()["p/main"]] == ["w0", "w1", "w2"]


def test_agents_exchange_their_windows_and_the_order_stays() -> None:
    def wish(left: str, right: str) -> Desired:
        one, two = seated(left, "main", "dev"), seated(right, "main", "ops")
        return desired(session("main", window("dev", one), window("ops", two)), one, two)

    bench = Bench(wish("a", "b")).run()
    pids = bench.pids()
    bench.run(wish("b", "a"))
    assert bench.shape() == {"p/main": [("dev", ["b"]), ("ops", ["a"])]}
    assert bench.pids() == pids


def test_a_pane_that_ended_is_replaced_although_its_window_is_drawn_and_full() -> None:
    bench = Bench(main(window("dev", "a", "b", layout=DRAWN2), window("ops", "c"))).run()
    bench.host.exit("p/session/main/dev.1", 1)
    bench.host.human_close(bench.pane(UnitId("p/session/main/dev.0")).pane_id)
    bench.run(main(window("dev", "c", "n", layout=DRAWN2), window("ops", "z")))
    assert bench.shape()["p/main"] == [
        ("dev", ["main/dev.0", "main/dev.1"]),
        ("ops", ["main/ops.0"]),
    ]


def test_a_pane_is_carried_to_its_new_window_in_one_plan() -> None:
    bench = Bench(main(window("dev", "a", "b"), window("ops", "c"))).run()
    bench.commit(main(window("dev", "a"), window("ops", "c", "b")))
    bench.once()
    assert bench.plan().moves == ()
    assert bench.shape()["p/main"][1] == ("ops", ["main/ops.0", "main/ops.1"])


def test_settings_that_changed_meanwhile_come_with_the_pane_of_a_lone_agent() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.human_window("p/a")
    bench.host.human_close(bench.pane(agent_id("a")).pane_id)
    bench.commit(desired(agent("a"), frames=[lone(agent("a"), columns=90, session="else")]))
    bench.once()
    assert bench.host.session("else").size == (90, 50)
    assert bench.plan().actions == ()


def test_a_lone_agent_that_a_person_moved_is_a_notice() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    pane = bench.pane(agent_id("a")).pane_id
    bench.host.human_window("p/a")
    bench.host.human_move(pane, bench.host.session("p/b").windows[0].id)
    plan = bench.plan()
    assert plan.actions == ()
    assert plan.notices == (f"p/agent/a: its pane {pane} was moved to session p/b by hand",)


def test_only_the_slot_that_is_wished_for_has_the_focus() -> None:
    frame, owns = session("main", window("dev", "a", "b", TORCH))
    first, second, third = frame.windows[0].slots
    slots = (first, replace(second, focus=True), replace(third, focus=True))
    frame = replace(frame, windows=(replace(frame.windows[0], slots=slots),))
    bench = Bench(desired((frame, owns), TORCH, agent("x")))
    opened = {s.name: s for s in bench.steps() if isinstance(s, do.OpenSession)}
    assert [p.focus for p in opened["p/main"].windows[0].panes] == [False, True, True]
    assert [p.focus for p in opened["p/x"].windows[0].panes] == [True]
    starts = [s for s in bench.steps() if isinstance(s, do.Respawn)]
    assert [s.new.focus for s in starts] == [False]


def test_a_pane_of_ours_in_a_stranger_s_session_is_still_ours() -> None:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    bench.host.foreign_session("theirs")
    pane = bench.pane(agent_id("a")).pane_id
    bench.host.human_move(pane, bench.host.session("theirs").windows[0].id)
    assert bench.plan().actions == ()
    bench.run(desired(agent("b")))
    assert bench.shape() == {"p/b": [("b", ["b"])], "theirs": [("[bash]", ["-"])]}


def test_the_order_that_a_person_gave_panes_is_no_drift() -> None:
    bench = Bench(main(window("dev", "a", "b"))).run()
    bench.host.human_swap("%0", "%1")
    assert bench.plan().actions == ()
    bench.run(main(window("dev", "a", "b", layout="tiled"), columns=90))
    assert bench.shape() == {"p/main": [("dev", ["main/dev.1", "main/dev.0"])]}


def test_a_move_that_was_cut_short_goes_on_from_its_placeholder() -> None:
    before = desired(session("main", window("dev", "a", TORCH)), session("side", window("w", "b")),
                     TORCH)  # fmt: skip
    there = seated("torch", "side", "w")
    after = desired(
        session("main", window("dev", "a")), session("side", window("w", "b", there)), there
    )
    bench = Bench(before).run()
    bench.commit(after)
    bench.host.steps_left = 5  # both frames, not the agent
    with pytest.raises(CrashError):
        bench.once()
    bench.host.steps_left = None
    assert bench.shape()["p/side"] == [("w", ["side/w.0", "[torch]✗"])]
    (move,) = bench.plan().actions
    assert move.unit == TORCH.id
    assert sorted(e.dead for e in move.expects) == [False, True]
    assert "OpenPane" not in kinds(bench)
    bench.run()
    assert bench.shape()["p/side"] == [("w", ["side/w.0", "torch"])]


def test_a_window_that_an_agent_leaves_gets_its_layout_back() -> None:
    tiled = window("dev", "a", "b", TORCH, layout="tiled")
    bench = Bench(desired(session("main", tiled), TORCH)).run()
    bench.commit(desired(session("main", window("dev", "a", "b", layout="tiled")), agent("torch")))
    (move,) = [a for a in bench.plan().moves if a.unit == TORCH.id]
    assert [type(s).__name__ for s in move.steps][:4] == [
        "OpenSession",
        "SwapPanes",
        "Close",
        "Arrange",
    ]


def test_an_agent_comes_into_the_middle_of_a_new_order() -> None:
    bench = Bench(desired(session("main", window("dev", "a", "b", "c")), agent("torch"))).run()
    pids = sorted(bench.pids().values())
    bench.run(desired(session("main", window("dev", "c", TORCH, "b", "a")), TORCH))
    (dev,) = bench.host.sessions[0].windows
    commands = [bench.host.alive[p.pid].argv[0] for p in dev.panes]  # type: ignore[union-attr]
    assert commands == ["c", "run", "b", "a"]
    assert sorted(bench.pids().values()) == pids


def test_of_two_alike_the_one_of_the_same_window_stays() -> None:
    bench = Bench(main(window("dev", "n", "a"), window("ops", "a", "z"))).run()
    near = bench.pane(UnitId("p/session/main/dev.1")).pid
    bench.run(main(window("dev", "a"), window("ops", "z")))
    assert bench.pane(UnitId("p/session/main/dev.0")).pid == near


def test_a_session_is_known_by_a_pane_of_ours_rather_than_by_a_person_s() -> None:
    bench = Bench(main(window("dev", "a"))).run()
    split = bench.host.human_split("p/main")
    bench.host.human_swap("%0", split)
    bench.commit(main(window("dev", "a"), columns=90))
    (action,) = bench.plan().actions
    assert [(e.pane_id, e.unit) for e in action.expects] == [("%0", "p/session/main/dev.0")]


def test_a_lone_agent_that_cannot_start_is_held_where_a_person_works_on() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.human_window("p/a")
    bench.host.human_close(bench.pane(agent_id("a")).pane_id)
    bench.host.refused[agent_id("a")] = ("no such command", "install it")
    assert said(bench.plan().actions) == ["hold agent/a cannot-start"]


def test_a_window_of_placeholders_keeps_them_when_its_number_shifts() -> None:
    one, two = seated("torch", "main", "w0"), seated("torch", "main", "w1")
    bench = Bench(desired(session("main", window("w0", one)), one))
    bench.host.refused[one.id] = ("no such command", "install it")
    bench.once()
    place = bench.panes()[0].pane_id
    bench.commit(desired(session("main", window("w0", "n"), window("w1", two)), two))
    for _ in range(3):
        bench.once()
    assert bench.shape() == {"p/main": [("w0", ["main/w0.0"]), ("w1", ["[torch]✗"])]}
    assert place in {pane.pane_id for pane in bench.panes()}


def test_a_name_that_a_person_gave_already_costs_no_step() -> None:
    bench = Bench(main(window("dev", "a"))).run()
    bench.host.human_rename("p/main", "else")
    bench.commit(main(window("dev", "a"), called="else"))
    assert kinds(bench) == ["MarkFrame", "MarkFrame"]


def test_a_window_without_a_name_is_called_by_its_key() -> None:
    frame, owns = session("main", window("w0", "a"), window("w1", "b"))
    bare = tuple(replace(w, name="") for w in frame.windows)
    bench = Bench(desired((replace(frame, windows=bare), owns))).run()
    bench.host.human_close("@1")
    assert bench.plan().actions[0].detail == "window w1 is gone"
