"""What is wished for while a commit is on trial: who goes first, what waits, what costs nothing."""

from __future__ import annotations

import pytest

from reconciler.core.canary import blend
from reconciler.model.control import Trial
from reconciler.model.fleet import Canary
from reconciler.model.unit import Desired
from tests.builders import agent, agent_id, desired, housed, seated, session, window

A, B = agent_id("a"), agent_id("b")
CANARY = Canary()


def mixed(base: Desired, new: Desired) -> Desired:
    """What is wished for while the new wish is tried on agent a."""
    return blend(base, new, Trial(new.commit, base.commit, (A,), began=0.0), CANARY)


def main(*panes: str) -> Desired:
    """Two agents and a session with these panes."""
    return desired(agent("a"), agent("b"), session("main", window("dev", *panes)))


def test_who_is_on_trial_runs_what_is_new_and_the_rest_waits() -> None:
    base = desired(agent("a"), agent("b"))
    new = desired(agent("a", "new"), agent("b", "new"))
    assert mixed(base, new).processes == {A: new.processes[A], B: base.processes[B]}


@pytest.mark.parametrize(
    ("before", "after", "during"),
    [(("x",), ("x", "y"), 2), (("x", "y"), ("x",), 2), (("x", "y"), ("z",), 2)],
)
def test_a_pane_that_comes_is_there_at_once_and_one_that_goes_stays(
    before: tuple[str, ...], after: tuple[str, ...], during: int
) -> None:
    base, new = main(*before), main(*after)
    (frame,) = [f for f in mixed(base, new).frames.values() if f.id.kind == "session"]
    assert len(frame.windows[0].slots) == during


def test_a_work_tree_is_of_the_wish_that_its_agent_is_of() -> None:
    base = desired(*housed("a"), *housed("b"), *housed("c"), *housed("gone"))
    trees = {name: housed(name, repository="/new") for name in ("a", "b")}
    new = desired(*trees["a"], *trees["b"], *housed("c", base="dev"), *housed("d"))
    found = mixed(base, new).workspaces
    assert {u.name: (tree.repository, tree.base) for u, tree in found.items()} == {
        "a": ("/new", ""),
        "b": ("/repo", ""),
        "c": ("/repo", "dev"),
        "d": ("/repo", ""),
        "gone": ("/repo", ""),
    }


def test_who_moves_and_changes_waits_with_both_its_sessions() -> None:
    def wish(command: str, where: str) -> Desired:
        torch = seated("torch", where, "dev", command=command)
        panes = {"main": ["x"], "side": ["y"]}
        windows = {k: [*v, torch] if k == where else v for k, v in panes.items()}
        return desired(
            agent("a", command),
            torch,
            *(session(name, window("dev", *found)) for name, found in windows.items()),
        )

    base, new = wish("old", "main"), wish("new", "side")
    found = mixed(base, new)
    assert found.processes[A] == new.processes[A]
    assert found.processes[agent_id("torch")] == base.processes[agent_id("torch")]
    assert all(found.frames[unit] == base.frames[unit] for unit in base.frames if unit != A)


def test_a_session_that_goes_waits_even_if_its_agent_only_moves() -> None:
    old, new = seated("torch", "main", "dev"), seated("torch", "side", "dev")
    side = session("side", window("dev", "y", new))
    base = desired(session("main", window("dev", old)), session("side", window("dev", "y")), old)
    assert set(mixed(base, desired(side, new)).frames) == set(base.frames)


def test_what_costs_no_process_anything_goes_at_once() -> None:
    def wish(command: str, label: str, columns: int) -> Desired:
        torch = seated("torch", "main", "dev", labels={"x": label})
        main = session("main", window("dev", command, torch), columns=columns)
        ops = session("ops", window("w", "top"), columns=columns)
        return desired(agent("a", command), torch, main, ops)

    base, new = wish("old", "1", 100), wish("new", "2", 120)
    found = mixed(base, new)
    waits = {unit for unit in new.processes if found.processes[unit] != new.processes[unit]}
    assert waits == {"p/session/main/dev.0"}
    waits = {unit for unit in new.frames if found.frames[unit] != new.frames[unit]}
    assert waits == {"p/session/main"}, "its fields are of the pane that waits, too"
