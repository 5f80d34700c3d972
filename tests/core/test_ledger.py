"""What an action leaves in the inventory, step by step."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.ledger import (
    OBSERVED,
    Tally,
    corrections,
    effects,
    follow,
    live_inventory,
    replay,
)
from reconciler.loop.cycle import Thought
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.record import Kept
from reconciler.model.step import (
    BeginRun,
    Close,
    CloseWorkspace,
    MarkPane,
    MarkWorkspace,
    NewPane,
    OpenPane,
    OpenWorkspace,
    Respawn,
    Signal,
    Step,
    SwapPanes,
)
from reconciler.model.unit import Launch
from reconciler.model.workspace import SeenWorkspace
from reconciler.model.world import PaneMark, World
from tests.bench import Bench
from tests.builders import agent, agent_id, desired, housed, session, session_id, window

A, B = agent_id("a"), agent_id("b")
EMPTY = World(0, "", ())


def action(*steps: Step, unit: UnitId = A) -> Action:
    return Action(Verb.UPDATE, unit, Reason.CHANGED, steps=steps)


def mark(unit: UnitId = A, digest: str = "d", **more: object) -> PaneMark:
    return PaneMark(**{"fleet": "f", "unit": unit, "digest": digest, "commit": "c", **more})  # type: ignore[arg-type]


def new(made: PaneMark) -> NewPane:
    return NewPane(made, None if made.placeholder else Launch(("x",), "/"), "{}")


def test_a_work_tree_is_counted_while_it_has_a_mark() -> None:
    process, tree = housed("a")
    bench = Bench(desired(process, tree, agent("b")))
    thought = bench.think()
    tally = Tally(thought.scene.world, "f")
    left = [leaf for move in thought.plan.moves for leaf in tally.leaves(move)]
    assert (tree.id, Kept(tree.digest, "")) in left
    bench.run()
    world = bench.think().scene.world
    assert tally.inventory().keys() == live_inventory(world, "f").keys() == {A, B, tree.id}
    assert live_inventory(world, "f")[tree.id] == Kept(tree.digest, "")


def test_what_is_done_to_a_work_tree_is_told() -> None:
    _, tree = housed("a")
    marked = SeenWorkspace(tree.id, tree.path, digest="old", fleet="f")
    world = World(0, "", (), workspaces={tree.id: marked})

    def left(step: Step) -> object:
        return effects(action(step, unit=tree.id), world, "f")

    now = Kept(tree.digest, "")
    assert left(MarkWorkspace(tree.id, tree)) == ((tree.id, now),)
    assert left(OpenWorkspace(tree.id, tree)) == ((tree.id, now),)
    assert left(BeginRun(tree.id, tree, "t")) == ((tree.id, Kept("old", "")),)
    assert left(CloseWorkspace(tree.id, tree.path, "b", "t")) == ((tree.id, None),)
    odd = World(0, "", (), workspaces={tree.id: SeenWorkspace(tree.id, tree.path, trouble="odd")})
    assert live_inventory(odd, "f") == {}
    (gone,) = corrections({tree.id: now}, {})
    assert gone.detail == "its work tree is gone, and the journal does not say who closed it"


def there() -> tuple[Bench, Thought]:
    bench = Bench(desired(agent("a"), agent("b"))).run()
    return bench, bench.think()


def test_every_action_of_a_plan_leaves_what_the_host_then_shows() -> None:
    bench = Bench(desired(session("main", window("dev", "a", "b")), agent("c")))
    thought = bench.think()
    tally = Tally(thought.scene.world, "f")
    for move in thought.plan.moves:
        tally.leaves(move)
    bench.run()
    assert tally.inventory() == live_inventory(bench.host.photograph(0), "f")
    assert set(tally.inventory()) == {
        f"{session_id('main')}/dev.0",
        f"{session_id('main')}/dev.1",
        agent_id("c"),
    }


def test_placeholders_do_not_count_until_something_starts_in_them() -> None:
    tally = Tally(EMPTY, "f")
    place = OpenPane("%1", new(mark(placeholder=True)))
    assert tally.leaves(action(place)) == ()
    started = tally.leaves(action(Respawn(f"slot:{A}", new(mark()))))
    assert started == ((A, Kept("d", "c")),)


def test_another_unit_in_a_pane_replaces_the_one_that_was_there() -> None:
    bench, thought = there()
    pane = bench.pane(A).pane_id
    tally = Tally(thought.scene.world, "f")
    other = UnitId("p/agent/z")
    assert set(tally.leaves(action(MarkPane(pane, mark(other))))) == {
        (A, None),
        (other, Kept("d", "c")),
    }


def test_a_move_that_only_signals_or_marks_a_drain_leaves_nothing() -> None:
    bench, thought = there()
    pane = bench.pane(A)
    assert pane.mark is not None
    steps = (Signal(pane.pane_id, pane.pid, "TERM"), MarkPane(pane.pane_id, replace(pane.mark)))
    assert effects(action(*steps), thought.scene.world, "f") == ()


def test_a_start_is_told_even_when_nothing_differs() -> None:
    bench, thought = there()
    pane = bench.pane(A)
    assert pane.mark is not None
    again = Respawn(pane.pane_id, new(pane.mark))
    kept = Kept(pane.mark.digest, pane.mark.commit)
    assert effects(action(again), thought.scene.world, "f") == ((A, kept),)


def test_closing_a_pane_its_window_or_its_session_is_one_thing() -> None:
    bench, thought = there()
    pane = bench.pane(A)
    for target in (pane.pane_id, pane.window_id, pane.session_id):
        assert effects(action(Close(target)), thought.scene.world, "f") == ((A, None),)
    assert effects(action(Close("%999")), thought.scene.world, "f") == ()


def test_of_two_panes_of_one_unit_closing_one_leaves_the_other() -> None:
    _, thought = there()
    tally = Tally(thought.scene.world, "f")
    tally.leaves(action(OpenPane("%0", new(mark(A)))))
    assert tally.leaves(action(Close(f"slot:{A}"))) != ((A, None),)
    assert A in tally.inventory()


def test_a_window_takes_along_what_was_carried_into_it() -> None:
    bench, thought = there()
    one, other = bench.pane(A), bench.pane(B)
    tally = Tally(thought.scene.world, "f")
    tally.leaves(action(SwapPanes(one.pane_id, other.pane_id)))
    assert tally.leaves(action(Close(other.window_id))) == ((A, None),)
    assert set(tally.inventory()) == {B}


def test_panes_of_others_never_count() -> None:
    bench, _ = there()
    bench.host.foreign_session("theirs")
    world = bench.host.photograph(0)
    assert set(live_inventory(world, "f")) == {A, B}
    assert live_inventory(world, "another") == {}


def test_a_correction_makes_what_is_known_what_is_seen() -> None:
    known = {A: Kept("1", "c"), B: Kept("2", "c")}
    live = {B: Kept("3", "c"), UnitId("p/agent/z"): Kept("4", "c")}
    deeds = corrections(known, live)
    assert [(d.verb, d.unit.name, d.reason) for d in deeds] == [
        (OBSERVED, "a", "gone"),
        (OBSERVED, "b", "differs"),
        (OBSERVED, "z", "found"),
    ]
    for deed in deeds:
        follow(known, deed)
    assert known == live
    assert corrections(known, live) == ()
    assert replay([]) == {}


def test_a_pane_that_nobody_saw_changes_places_with_nobody() -> None:
    bench, thought = there()
    tally = Tally(thought.scene.world, "f")
    before = tally.inventory()
    assert tally.leaves(action(SwapPanes(bench.panes()[0].pane_id, "%99"))) == ()
    assert tally.leaves(action(SwapPanes("%99", bench.panes()[0].pane_id))) == ()
    assert tally.inventory() == before
