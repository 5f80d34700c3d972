"""Work trees come before their agents and go after them, with nothing in them lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconciler.adapters.memory import MemoryWorkshop
from reconciler.core.explain import explain
from reconciler.core.fold import fold
from reconciler.core.housing import usable
from reconciler.core.plan import fingerprint
from reconciler.loop.cycle import Quiet, act, think
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import FREE, Restraints, Suspension
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.status import Ready, Status
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace, OpenWorkspace
from reconciler.model.unit import Disruption, Process, Workspace
from reconciler.model.workspace import SeenWorkspace
from reconciler.model.world import Engagement, Presence
from tests.bench import Bench, said
from tests.builders import FLEET, NEVER, agent, agent_id, desired, housed, problem

A, TREE = agent_id("a"), UnitId("p/workspace/a")
Housed = tuple[Process, Workspace]
SMITH = agent("smith")


def one(bench: Bench, unit: UnitId = TREE) -> Action:
    (found,) = [action for action in bench.plan().actions if action.unit == unit]
    return found


def status(bench: Bench, unit: UnitId = TREE) -> Status:
    thought = bench.think()
    (found,) = [s for s in fold(thought.scene, thought.plan) if s.unit == unit]
    return found


def begun(*pair: Process | Workspace) -> Bench:
    """A fleet with one agent in a tree, and one beside it."""
    return Bench(desired(*(pair or housed("a")), SMITH)).run()


def gone() -> Bench:
    """Nobody wants the agent and its tree any more, and the agent has ended."""
    bench = begun()
    bench.host.human_close("p/a")
    bench.commit(desired(SMITH))
    return bench


# -- coming ---------------------------------------------------------------------------------------


def test_a_tree_comes_before_its_agent_in_the_same_plan() -> None:
    bench = Bench(desired(*housed("a")))
    assert said(bench.plan().actions) == ["start workspace/a absent", "start agent/a absent"]
    start = one(bench, A)
    assert start.needs == (TREE,)
    bench.run()
    assert bench.yard.of(TREE).branch == "training/p/a/1"
    assert bench.host.starts[A] == 1
    assert not bench.plan().actions


def test_the_step_names_the_whole_tree() -> None:
    process, tree = housed("a", base="main")
    action = one(Bench(desired(process, tree)))
    assert action.steps == (OpenWorkspace(TREE, tree),)
    assert (action.wanted, action.source) == (tree.digest, tree.source)
    assert action.detail == "a work tree of /repo at main"


def test_an_agent_whose_tree_cannot_be_made_waits_and_others_do_not() -> None:
    bench = Bench(desired(*housed("a", repository="/nowhere"), SMITH))
    assert said(bench.plan().actions) == [
        "start agent/smith absent",
        "hold agent/a dependency-not-ready",
        "hold workspace/a name-taken",
    ]
    hold = one(bench)
    assert hold.detail == "there is no git repository at /nowhere"
    assert hold.fix == "git init /nowhere"
    assert one(bench, A).fix == hold.fix
    assert status(bench, A).conditions[2].value is Ready.TRUE, "what it waits for is stalled"


def test_an_agent_does_not_start_when_its_tree_was_not_made_after_all() -> None:
    bench = Bench(desired(*housed("a")))
    plan = bench.plan()
    bench.yard.clutter.add("/trees/p/a")
    outcomes = act(bench.ports, plan.moves, bench.told.append)
    assert [(o.action.unit, o.ok) for o in outcomes] == [(TREE, False), (A, False)]
    assert "not begun" in outcomes[1].error
    assert not bench.panes()


def test_who_runs_is_left_alone_when_its_tree_gets_into_trouble() -> None:
    bench = begun()
    pids = bench.pids()
    bench.yard.clutter.add("/trees/p/a")
    del bench.yard.trees["/trees/p/a"]
    assert said(bench.plan().actions) == ["hold workspace/a name-taken"]
    bench.apply()
    assert bench.pids() == pids
    found = status(bench)
    assert (found.ready, found.state) == (Ready.FALSE, "held")
    assert status(bench, A).ready is Ready.TRUE


def test_who_is_to_move_into_a_tree_that_cannot_be_made_is_not_ended() -> None:
    bench = Bench(desired(agent("a"))).run()
    pids = bench.pids()
    bench.commit(desired(*housed("a", repository="/nowhere")))
    assert said(bench.plan().actions) == [
        "hold agent/a dependency-not-ready",
        "hold workspace/a name-taken",
    ]
    bench.apply()
    assert bench.pids() == pids
    assert not bench.host.signals


def test_who_is_to_move_into_a_tree_is_ended_only_when_it_is_there() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(*housed("a")))
    plan = bench.plan()
    assert said(plan.actions) == ["start workspace/a absent", "restart agent/a changed"]
    assert plan.actions[1].needs == (TREE,)
    bench.run()
    assert bench.pane(A).mark is not None
    assert bench.host.starts[A] == 2
    assert not bench.plan().actions


def test_who_has_ended_and_is_to_move_into_a_tree_starts_when_it_is_there() -> None:
    bench = Bench(desired(agent("a"))).run()
    bench.host.exit("p/agent/a")
    bench.commit(desired(*housed("a")))
    assert said(bench.plan().actions) == ["start workspace/a absent", "restart agent/a changed"]
    assert one(bench, A).needs == (TREE,)
    bench.commit(desired(*housed("a", repository="/nowhere")))
    assert {a.verb for a in bench.plan().actions} == {Verb.HOLD}


def test_a_tree_is_of_use_when_it_is_ours_whole_and_of_that_repository() -> None:
    bench = begun()
    scene = bench.think().scene
    seen = scene.world.workspaces[TREE]
    other = {**seen.applied, "repository": "/other"}
    assert usable(scene, TREE)
    assert not usable(scene, UnitId("p/workspace/b"))
    for less in (
        replace(seen, trouble="it is odd"),
        replace(seen, digest=""),
        replace(seen, digest="another", applied=other),
    ):
        world = replace(scene.world, workspaces={TREE: less})
        assert not usable(replace(scene, world=world), TREE)
    changed = replace(scene.world, workspaces={TREE: replace(seen, digest="another")})
    assert usable(replace(scene, world=changed), TREE), "only a field that touches nothing differs"


def test_a_folder_in_a_tree_is_looked_for_once_the_tree_is_there() -> None:
    bench = Bench(desired(*housed("a", inside="sub")))
    bench.host.refused[A] = ("the directory is not there", "mkdir")
    assert said(bench.plan().actions) == [
        "start workspace/a absent",
        "hold agent/a dependency-not-ready",
    ]
    bench.once()
    assert said(bench.plan().actions) == ["hold agent/a cannot-start"]
    bench.host.refused.clear()
    bench.run()
    assert bench.host.starts[A] == 1


def test_a_program_in_a_tree_is_looked_for_once_the_tree_is_there() -> None:
    bench = Bench(desired(*housed("a", "./run")))
    assert said(bench.plan().moves) == ["start workspace/a absent"]
    bench.run()
    assert bench.host.starts[A] == 1


def test_a_tree_that_was_left_half_made_is_finished() -> None:
    bench = begun()
    tree = bench.yard.of(TREE)
    assert tree.mark is not None
    tree.mark = replace(tree.mark, digest="", applied={})
    action = one(bench)
    assert (action.verb, action.detail) == (Verb.START, "what was begun")
    bench.run()
    assert not bench.plan().actions


def test_a_tree_that_somebody_made_there_is_adopted() -> None:
    bench = begun()
    bench.yard.of(TREE).mark = None
    action = one(bench)
    assert (action.verb, action.reason) == (Verb.ADOPT, Reason.ABSENT)
    assert action.detail == "the work tree /trees/p/a as it is"
    bench.run()
    assert bench.host.starts[A] == 1


def test_a_tree_that_was_lost_is_made_again_and_who_fell_waits_for_it() -> None:
    bench = begun()
    bench.yard.trees.clear()
    bench.host.exit("p/agent/a")
    bench.clock.sleep(700)
    assert said(bench.plan().actions) == ["start workspace/a absent", "restart agent/a exited"]
    assert one(bench, A).needs == (TREE,)
    bench.run()


# -- changing -------------------------------------------------------------------------------------


def test_a_field_that_touches_nothing_is_only_noted() -> None:
    bench = begun()
    pids = bench.pids()
    process, tree = housed("a", base="dev")
    bench.yard.repositories["/repo"].commit("dev", {})
    bench.commit(desired(process, tree, SMITH))
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.UPDATE, Reason.CHANGED)
    assert action.steps == (MarkWorkspace(TREE, tree),)
    assert [(c.field, c.wanted, c.applied, c.disruption) for c in action.changes] == [
        ("base", "dev", "", Disruption.HOT)
    ]
    bench.run()
    assert bench.pids() == pids
    assert not bench.plan().actions


def test_another_repository_is_the_end_of_the_tree_and_the_begin_of_another() -> None:
    bench = begun()
    bench.yard.repository("/other")
    bench.yard.write(TREE, "new", "work\n")
    bench.commit(desired(*housed("a", repository="/other"), SMITH))
    assert said(bench.plan().actions) == [
        "restart agent/a changed",
        "hold workspace/a dependency-not-ready",
    ]
    hold = one(bench)
    assert hold.detail == (
        "it goes when p/agent/a has ended; a tree of another repository; 1 untracked file kept "
        "(back with: novaorch training restore p/a); the branch training/p/a/1 stays"
    )
    bench.once()
    assert said(bench.plan().actions) == [
        "stop workspace/a changed",
        "hold agent/a dependency-not-ready",
    ]
    bench.once()
    assert said(bench.plan().actions) == ["start workspace/a absent", "restart agent/a drained"]
    bench.run()
    assert bench.yard.of(TREE).repository.path == "/other"
    assert bench.yard.repositories["/repo"].kept["p/a"] == [{"README": "hello\n", "new": "work\n"}]
    assert bench.host.starts[A] == 2


def test_one_apply_brings_an_agent_to_another_repository() -> None:
    bench = begun()
    bench.yard.repository("/other")
    bench.commit(desired(*housed("a", repository="/other"), SMITH))
    done = bench.apply()
    assert not done.failed
    assert not done.after.plan.actions


def test_a_repository_that_cannot_be_used_ends_nothing() -> None:
    bench = begun()
    pids = bench.pids()
    bench.commit(desired(*housed("a", repository="/nowhere"), SMITH))
    bench.apply()
    assert bench.pids() == pids
    assert bench.yard.of(TREE).repository.path == "/repo"
    assert one(bench).reason is Reason.CONFLICT


def test_what_cannot_be_saved_ends_no_agent_for_another_repository() -> None:
    bench = begun()
    pids = bench.pids()
    bench.yard.repository("/other")
    bench.yard.of(TREE).refused["vendor"] = "a repository within"
    bench.commit(desired(*housed("a", repository="/other"), SMITH))
    assert said(bench.plan().actions) == [
        "hold agent/a dependency-not-ready",
        "hold workspace/a unsaved-work",
    ]
    bench.apply()
    assert bench.pids() == pids
    bench.yard.of(TREE).refused.clear()
    bench.run()
    assert bench.yard.of(TREE).repository.path == "/other"


def test_who_leaves_its_tree_is_started_anew_and_the_tree_goes() -> None:
    bench = begun()
    bench.commit(desired(agent("a"), SMITH))
    assert said(bench.plan().actions) == [
        "restart agent/a changed",
        "hold workspace/a dependency-not-ready",
    ]
    bench.run()
    assert not bench.yard.trees
    assert bench.host.starts[A] == 2
    assert not bench.plan().actions


# -- runs -----------------------------------------------------------------------------------------


def finished() -> Bench:
    bench = begun()
    bench.yard.write(TREE, "new", "work\n")
    bench.yard.of(TREE).commit()
    bench.yard.finish(TREE)
    return bench


def test_a_run_that_is_over_gives_way_to_the_next_under_a_running_agent() -> None:
    bench = finished()
    pids, tip = bench.pids(), bench.yard.of(TREE).tip()
    (action,) = bench.plan().actions
    assert (action.verb, action.reason) == (Verb.UPDATE, Reason.FINISHED)
    assert action.detail == "run 1 is over; the next begins at the branch that its repository is on"
    assert isinstance(action.steps[0], BeginRun)
    assert action.steps[0].tip == tip
    bench.run()
    assert bench.yard.of(TREE).branch == "training/p/a/2"
    assert bench.pids() == pids
    assert not bench.plan().actions


@pytest.mark.parametrize(
    ("kind", "waits"),
    [(Engagement.BUSY, True), (Engagement.TYPING, True), (Engagement.DRAFT, False)],
)
def test_the_next_run_waits_for_whoever_is_at_work(kind: Engagement, waits: bool) -> None:
    bench = finished()
    bench.host.engaged[A] = Presence(kind, "since just now")
    action = one(bench)
    assert (action.verb is Verb.HOLD) is waits
    if waits:
        assert (action.reason, action.fix) == (Reason.ENGAGED, "novaorch apply --now")
    (now,) = [a for a in bench.plan(now=True).actions if a.unit == TREE]
    assert now.verb is Verb.UPDATE


def test_the_next_run_waits_for_what_is_in_no_commit() -> None:
    bench = finished()
    bench.yard.write(TREE, "README", "more\n")
    bench.yard.write(TREE, "scrap", "paper\n")
    action = one(bench)
    assert (action.verb, action.reason) == (Verb.HOLD, Reason.UNSAVED)
    assert (
        action.detail
        == "run 1 is over, but the next waits for what is in no commit: 1 changed file"
    )
    assert action.fix == "novaorch training commit p/a; or take it back in /trees/p/a"
    bench.apply()
    assert bench.yard.of(TREE).files["README"] == "more\n"


def test_what_git_knows_nothing_of_comes_along_to_the_next_run() -> None:
    bench = finished()
    bench.yard.write(TREE, "scrap", "paper\n")
    assert one(bench).reason is Reason.FINISHED
    bench.run()
    assert bench.yard.of(TREE).branch == "training/p/a/2"
    assert bench.yard.of(TREE).files["scrap"] == "paper\n"


def test_a_head_elsewhere_is_said_and_left_alone() -> None:
    bench = begun()
    bench.yard.of(TREE).detach()
    action = one(bench)
    assert (action.verb, action.reason) == (Verb.HOLD, Reason.EDITED)
    assert "on no branch" in action.detail
    assert action.fix == "git -C /trees/p/a switch training/p/a/N"


# -- going ----------------------------------------------------------------------------------------


def test_a_tree_goes_after_its_agent_and_says_what_is_kept() -> None:
    bench = begun()
    bench.yard.write(TREE, "README", "other\n")
    bench.yard.write(TREE, "new", "work\n")
    bench.commit(desired(SMITH))
    assert said(bench.plan().actions) == [
        "stop agent/a removed",
        "hold workspace/a dependency-not-ready",
    ]
    assert one(bench).detail == (
        "it goes when p/agent/a has ended; 1 changed file, 1 untracked file kept "
        "(back with: novaorch training restore p/a); the branch training/p/a/1 stays"
    )
    bench.once()
    stop = one(bench)
    assert (stop.verb, stop.reason) == (Verb.STOP, Reason.REMOVED)
    assert stop.detail.startswith("1 changed file, 1 untracked file kept (back with: ")
    assert isinstance(stop.steps[0], CloseWorkspace)
    bench.run()
    assert not bench.yard.trees
    kept = bench.yard.repositories["/repo"].kept["p/a"]
    assert kept == [{"README": "other\n", "new": "work\n"}]


def test_one_apply_takes_away_an_agent_and_its_tree() -> None:
    bench = begun()
    bench.commit(desired(SMITH))
    done = bench.apply()
    assert not done.failed
    assert not done.after.plan.actions
    assert not bench.yard.trees


def test_nobody_counts_files_while_an_agent_is_on_its_way_out() -> None:
    bench = begun()
    bench.host.stubborn.add(A)
    bench.commit(desired(SMITH))
    assert "everything is committed" in one(bench).detail
    bench.once()
    assert "what is in no commit then is kept" in one(bench).detail


def test_what_cannot_be_saved_keeps_its_tree() -> None:
    bench = gone()
    bench.yard.of(TREE).refused["vendor"] = "a repository within"
    action = one(bench)
    assert (action.verb, action.reason) == (Verb.HOLD, Reason.UNSAVED)
    assert action.detail == "what is in it cannot be saved: vendor (a repository within)"
    assert action.fix
    bench.apply()
    assert bench.yard.trees
    assert status(bench).conditions[2].value is Ready.TRUE


def test_an_agent_that_does_not_end_keeps_its_tree() -> None:
    bench = begun()
    bench.host.stubborn.add(A)
    bench.commit(desired(SMITH))
    for _ in range(3):
        bench.once()
        assert one(bench).verb is Verb.HOLD
    assert bench.yard.trees


def test_a_tree_does_not_go_for_a_short_absence() -> None:
    patient = replace(FLEET, stops_delay_s=60.0)
    bench, wish = gone(), desired(SMITH, fleet=patient)
    now = bench.clock.now()
    bench.commit(replace(wish, committed=now - 20))
    hold = one(bench)
    assert (hold.verb, hold.reason, hold.until) == (Verb.HOLD, Reason.ABSENCE, now + 40)
    assert hold.fix == "commit it back to keep it"
    bench.clock.sleep(40)
    assert one(bench).verb is Verb.STOP
    bench.commit(replace(wish, committed=bench.clock.now() + 3600))
    assert one(bench).verb is Verb.STOP, "an hour in the future proves nothing"


def test_an_agent_that_ended_and_its_tree_are_one_case_in_one_plan() -> None:
    strict = replace(FLEET, stops_count_max=2, stops_percent_max=0)
    pairs = [part for name in ("a", "b") for part in housed(name, restart=NEVER)]
    bench = Bench(desired(*pairs, SMITH, fleet=strict)).run()
    for name in ("a", "b"):
        bench.host.exit(f"p/agent/{name}")
    bench.commit(desired(SMITH, fleet=strict))
    assert said(bench.plan().actions) == [
        "stop agent/a removed",
        "stop agent/b removed",
        "stop workspace/a removed",
        "stop workspace/b removed",
    ]
    bench.run()
    assert not bench.yard.trees


def test_nothing_goes_while_a_file_has_an_error() -> None:
    bench = gone()
    bench.commit(desired(SMITH, problems=(problem(),)))
    assert one(bench).reason is Reason.UNSETTLED
    bad = problem("p/agents/a.yaml")
    bench.commit(desired(SMITH, problems=(bad,), broken={A: bad}))
    assert one(bench).reason is Reason.BROKEN


def test_nothing_goes_with_its_project_or_with_everything() -> None:
    bench = gone()
    bench.commit(desired(agent("x", project="q"), SMITH, projects=("q",)))
    assert one(bench).reason is Reason.PROJECT_GONE
    bench.commit(desired())
    assert one(bench).reason is Reason.EMPTY


def test_a_protected_tree_goes_by_its_own_word_alone() -> None:
    bench = Bench(desired(*housed("a", protect=True), SMITH)).run()
    bench.host.human_close("p/a")
    bench.commit(desired(SMITH))
    hold = one(bench)
    assert (hold.verb, hold.reason) == (Verb.HOLD, Reason.PROTECTED)
    word = hold.fix.rpartition(" ")[2]
    bench.apply("wrong")
    assert bench.yard.trees
    bench.apply(word)
    assert not bench.yard.trees


def test_a_word_is_about_the_work_that_was_seen() -> None:
    bench = Bench(desired(*housed("a", protect=True), SMITH)).run()
    bench.host.human_close("p/a")
    bench.commit(desired(SMITH))
    word = one(bench).fix.rpartition(" ")[2]
    bench.yard.write(TREE, "new", "work\n")
    bench.yard.of(TREE).commit()
    assert one(bench).fix.rpartition(" ")[2] != word


def test_an_agent_and_its_tree_are_one_case_for_the_breaker() -> None:
    strict = replace(FLEET, stops_count_max=2, stops_percent_max=0)
    pairs = [part for name in ("a", "b", "c") for part in housed(name)]
    bench = Bench(desired(*pairs, SMITH, fleet=strict)).run()
    for name in ("a", "b"):
        bench.host.human_close(f"p/{name}")
    bench.commit(desired(*housed("c"), SMITH, fleet=strict))
    assert {a.verb for a in bench.plan().actions} == {Verb.STOP}
    bench.commit(desired(SMITH, fleet=strict))
    bench.host.human_close("p/c")
    plan = bench.plan()
    assert {a.reason for a in plan.actions} == {Reason.TOO_MANY_STOPS}
    assert plan.actions[0].detail == "3 stops in one plan, more than 2 of 4"


def test_a_tree_nobody_wants_and_nobody_understands_stays() -> None:
    bench = gone()
    seen = dict(bench.workshop.photograph([]))

    odd = {u: replace(s, trouble="its HEAD is odd", fix="mend it") for u, s in seen.items()}

    class Odd(MemoryWorkshop):
        def photograph(self, wanted: object) -> Mapping[UnitId, SeenWorkspace]:  # noqa: ARG002
            return odd

    bench.workshop = Odd("f", bench.yard)
    action = one(bench)
    assert (action.verb, action.reason, action.fix) == (Verb.HOLD, Reason.CONFLICT, "mend it")
    assert action.detail == "nobody wants it any more, but its HEAD is odd"


# -- people and hours -----------------------------------------------------------------------------


def restrained(bench: Bench, restraints: Restraints) -> list[Action]:
    ports = replace(bench.ports, restraints=lambda _now: restraints)
    return [a for a in think(ports).plan.actions if a.unit == TREE]


@pytest.mark.parametrize("scope", ["p/workspace/a", "p/agent/a", "p", ""])
def test_hands_off_an_agent_is_hands_off_its_tree(scope: str) -> None:
    bench = gone()
    now = bench.clock.now()
    word = Suspension(scope, "a demo", "Ada", now, now + 60)
    (action,) = restrained(bench, Restraints(suspensions=(word,)))
    assert action.reason is Reason.SUSPENDED
    other = Suspension("p/agent/b", "a demo", "Ada", now, now + 60)
    (action,) = restrained(bench, Restraints(suspensions=(other,)))
    assert action.verb is Verb.STOP


def test_nothing_goes_while_nobody_knows_who_is_in_charge() -> None:
    (action,) = restrained(gone(), Restraints(leased=False))
    assert action.reason is Reason.NO_LEASE
    (action,) = restrained(Bench(desired(*housed("a"))), Restraints(leased=False))
    assert action.verb is Verb.START


# -- what is said ---------------------------------------------------------------------------------


def test_a_plan_is_printed_with_what_it_touches() -> None:
    bench = gone()
    bench.yard.write(TREE, "new", "work\n")
    tip = bench.yard.of(TREE).tip()
    lines = [line.text for line in explain(bench.plan())]
    assert lines == [
        "- stop     p/workspace/a  removed: 1 untracked file kept (back with: novaorch training "
        "restore p/a); the branch training/p/a/1 stays",
        f"live: /trees/p/a, on training/p/a/1 at {tip[:12]}",
        "Plan: 0 to start, 0 to update, 0 to restart, 1 to stop, 0 held.",
    ]


def test_a_saved_plan_is_about_the_work_that_was_seen() -> None:
    bench = gone()
    before = fingerprint(one(bench))
    assert fingerprint(one(bench)) == before
    bench.yard.write(TREE, "new", "work\n")
    bench.yard.of(TREE).commit()
    assert fingerprint(one(bench)) != before


def test_a_saved_plan_begins_a_run_after_the_one_that_was_seen() -> None:
    bench = finished()
    before = fingerprint(one(bench))
    assert fingerprint(one(bench)) == before
    tree = bench.yard.of(TREE)
    tree.files["more"] = "work"
    tree.commit()
    bench.yard.finish(TREE)
    assert fingerprint(one(bench)) != before


def test_status_tells_the_run_and_what_is_amiss() -> None:
    bench = begun()
    found = status(bench)
    assert (found.ready, found.state, found.message) == (Ready.TRUE, "open", "training/p/a/1")
    assert [c.value for c in found.conditions] == [
        Ready.TRUE,
        Ready.FALSE,
        Ready.FALSE,
        Ready.TRUE,
    ]
    absent = status(Bench(desired(*housed("a"))))
    assert (absent.ready, absent.state) == (Ready.FALSE, "absent")
    assert absent.message.startswith("start is due: a work tree of /repo")
    left = status(gone())
    assert (left.ready, left.conditions[3].value) == (Ready.FALSE, Ready.UNKNOWN)


def test_a_quiet_fleet_is_thought_about_again_when_a_tree_changed() -> None:
    bench, quiet = begun(), Quiet()
    thought = quiet.keep(bench.think())
    wish, world = thought.desired, thought.scene.world
    assert bench.think().scene.world.workspaces is world.workspaces
    assert quiet.again(wish, replace(world, taken_at=9.0), FREE) is not None
    bench.yard.of(TREE).commit()
    now = bench.think().scene.world
    assert now.workspaces[TREE].tip != world.workspaces[TREE].tip
    assert quiet.again(wish, replace(world, workspaces=now.workspaces), FREE) is None


def test_an_agent_that_is_stopped_by_wish_keeps_its_tree() -> None:
    bench = begun()
    bench.yard.write(TREE, "new", "work\n")
    bench.run(desired(*housed("a", stopped=True), SMITH))
    assert bench.yard.of(TREE).files["new"] == "work\n"
    assert not bench.plan().actions


def test_consent_lifts_the_guard_of_trees_in_full() -> None:
    strict = replace(FleetSettings("f"), stops_count_max=0, stops_percent_max=0)
    bench = gone()
    bench.commit(desired(SMITH, fleet=strict))
    hold = one(bench)
    assert hold.reason is Reason.TOO_MANY_STOPS
    word = hold.fix.rpartition(" ")[2]
    bench.apply(word)
    assert not bench.yard.trees
