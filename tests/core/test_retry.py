"""Moves that failed come again, later and later."""

from __future__ import annotations

from math import inf

from reconciler.core.retry import Attempts, due, next_due, remember
from reconciler.model.action import Action, Outcome, Reason, Verb
from tests.builders import agent_id

A, B, C = (Action(Verb.START, agent_id(name), Reason.ABSENT) for name in "abc")
NEEDS_A = Action(Verb.START, agent_id("d"), Reason.ABSENT, needs=(A.unit,))
NEEDS_D = Action(Verb.START, agent_id("e"), Reason.ABSENT, needs=(NEEDS_A.unit,))


def failed(*actions: Action, stale: bool = False) -> list[Outcome]:
    return [Outcome(action, error="no", stale=stale) for action in actions]


def test_a_failed_move_waits_and_takes_along_what_needs_it() -> None:
    moves = [A, B, NEEDS_A, NEEDS_D]
    assert due(moves, {}, 100) == moves
    attempts = remember({}, failed(A), 100)
    assert due(moves, attempts, 100.9) == [B]
    assert due(moves, attempts, 101) == moves


def test_the_wait_doubles_to_a_minute_and_a_success_forgives() -> None:
    attempts: Attempts = {}
    waits = []
    for _ in range(9):
        attempts = remember(attempts, failed(A), 1_000)
        waits.append(next_due(attempts, 1_000) - 1_000)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert remember(attempts, [Outcome(A)], 1_000) == {}


def test_a_stale_move_is_no_failure() -> None:
    attempts = remember({}, failed(A), 100)
    assert remember(attempts, failed(A, stale=True), 100) == {}
    assert remember({}, failed(A, stale=True), 100) == {}


def test_nothing_to_wait_for_is_for_ever() -> None:
    assert next_due({}, 5) == inf
    attempts = remember(remember({}, failed(A), 100), failed(B), 200)
    assert next_due(attempts, 150) == 201
    assert next_due(attempts, 100) == 101
    assert next_due(attempts, 201) == inf
