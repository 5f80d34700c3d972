"""What comes first, and in what portions."""

from __future__ import annotations

from reconciler.core.urgency import Urgency, portions, urgency
from reconciler.model.action import Action, Change, Reason, Verb
from reconciler.model.control import SILENT, Consent
from reconciler.model.step import SwapPanes
from reconciler.model.unit import Disruption
from tests.builders import agent_id


def move(name: str, verb: Verb, reason: Reason, *, goes_on: bool = False) -> Action:
    return Action(verb, agent_id(name), reason, continues=goes_on)


START = move("a", Verb.START, Reason.ABSENT)
FALLEN = move("b", Verb.RESTART, Reason.EXITED)
TIDY = move("c", Verb.UPDATE, Reason.EDITED)
DRAINED = move("d", Verb.RESTART, Reason.DRAINED, goes_on=True)


def test_a_person_comes_before_a_commit_before_drift_before_tidying() -> None:
    assert urgency(START, Consent(now=True)) is Urgency.USER
    assert urgency(START, Consent("12ab34cd")) is Urgency.USER
    assert urgency(START, SILENT) is Urgency.COMMIT
    assert urgency(FALLEN, SILENT) is Urgency.DRIFT
    assert urgency(TIDY, SILENT) is Urgency.RESYNC


def test_what_was_begun_is_finished_first() -> None:
    assert urgency(DRAINED, SILENT) is Urgency.USER


def test_an_update_that_changes_a_field_is_a_commits() -> None:
    mark_only = move("e", Verb.UPDATE, Reason.CHANGED)
    changed = Action(
        Verb.UPDATE,
        agent_id("e"),
        Reason.CHANGED,
        changes=(Change("labels.x", "1", None, Disruption.HOT),),
    )
    assert urgency(mark_only, SILENT) is Urgency.RESYNC
    assert urgency(changed, SILENT) is Urgency.COMMIT


def test_portions_keep_everything_once_and_the_order_within_an_urgency() -> None:
    starts = [move(f"s{n}", Verb.START, Reason.ABSENT) for n in range(5)]
    cut = portions([TIDY, FALLEN, *starts, DRAINED], SILENT, 3)
    assert [len(portion) for portion in cut] == [3, 3, 2]
    assert [a for portion in cut for a in portion] == [DRAINED, *starts, FALLEN, TIDY]


def test_what_is_made_in_a_session_comes_before_what_goes_from_it() -> None:
    made = Action(Verb.UPDATE, agent_id("m"), Reason.CHANGED, steps=(SwapPanes("%1", "%2"),))
    assert portions([TIDY, made, DRAINED], SILENT, 1) == [[made], [DRAINED], [TIDY]]


def test_what_fits_in_one_portion_keeps_the_order_of_the_plan() -> None:
    assert portions([TIDY, FALLEN, DRAINED], SILENT, 3) == [[TIDY, FALLEN, DRAINED]]


def test_no_moves_no_portions() -> None:
    assert portions([], SILENT, 3) == []
