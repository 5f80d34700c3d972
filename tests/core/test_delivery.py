"""The ladder, rung by rung: what is done with a message, and what is never done."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reconciler.adapters.memory.typist import MemoryPane
from reconciler.core.delivery import BUSY_LOOK_S, decide, offered
from reconciler.core.envelope import PASTE_ROOM, bundle, mark, render
from reconciler.core.errand import (
    AGAIN_MAX_S,
    TYPING_S,
    Bury,
    Case,
    Check,
    Closed,
    Look,
    Move,
    Offer,
    Paste,
    Press,
    Prove,
    Pursuit,
    Type,
    Wait,
    pause,
)
from reconciler.core.pursuit import (
    AWAY_S,
    DOUBT_S,
    HANDED,
    LINE_PROOF_S,
    PASTED,
    PRESSES_MAX,
    PROOF_S,
    SETTLED_S,
    STUCK_S,
    TRIES_MAX,
    TYPED,
    flight,
    how,
    remains,
)
from reconciler.core.runtimes import RUNTIMES
from reconciler.model.agent import AgentReport, AgentState, Persona, Screen, Seat, Waiting
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Proof, Stage, Tracked

NOW = 1_800_000_000.0
BOB = UnitId("p/agent/bob")
SEAT = Seat(BOB, Persona("claude-code"), "auto", "%3", 1234)
CLAUDE, CODEX, COMMAND = RUNTIMES["claude-code"], RUNTIMES["codex"], RUNTIMES["command"]
DIALOG = (" Do you want to proceed?", " \u276f 1. Yes", "   2. No", " Esc to cancel · Tab to amend")


def message(number: int = 0, **more: object) -> Message:
    values: dict[str, object] = {
        "id": f"m{number:026d}",
        "sender": "p/agent/ada",
        "to": str(BOB),
        "body": f"body {number}",
        "at": NOW - 100,
    }
    return Message(**(values | more))  # type: ignore[arg-type]


def tracked(number: int = 0, *injected: tuple[float, str], **more: object) -> Tracked:
    """A message that was given at these hours in these ways."""
    first = Proof(Stage.ACCEPTED, NOW - 100, "kept")
    given = [Proof(Stage.INJECTED, at, evidence) for at, evidence in injected]
    return Tracked(message(number, **more), (first, *given))


def report(state: AgentState, **more: object) -> AgentReport:
    values: dict[str, object] = {"at": NOW - 1, "confidence": 0.9, "why": "a hook said so"}
    return AgentReport(state, **(values | more))  # type: ignore[arg-type]


def shown(composer: str = "", **more: object) -> Screen:
    return MemoryPane(BOB, 1234, composer=composer, **more).screen()  # type: ignore[arg-type]


IDLE = report(AgentState.IDLE)
CASE = Case(BOB, NOW, (tracked(),), SEAT, CLAUDE, IDLE, shown())


def waits(move: Move, *words: str) -> float:
    """The move is to wait, and says these words; return for how long."""
    assert isinstance(move, Wait), move
    assert "bob" in move.why or "body" in move.why or move.why[:5] in ("paste", "typed", "given")
    for word in words:
        assert word in move.why
    return move.until - NOW


# -- at rest ---------------------------------------------------------------------------------------


def test_an_agent_at_rest_gets_all_that_waits_in_one_paste() -> None:
    mail = (tracked(0), tracked(1))
    assert decide(replace(CASE, mail=mail)) == Paste((message(0), message(1)))


def test_nothing_is_done_for_nothing() -> None:
    assert decide(replace(CASE, mail=())) == Wait(math.inf, "nothing is waiting")


def test_a_screen_is_seen_before_anything_is_typed() -> None:
    assert decide(replace(CASE, screen=None)) == Look()


@pytest.mark.parametrize(
    ("seat", "word"),
    [
        (None, "no such agent"),
        (replace(SEAT, mode="manual"), "manual"),
        (replace(SEAT, mode="stopped"), "not running"),
        (replace(SEAT, pane="", pid=0), "not running"),
    ],
)
def test_who_is_not_there_or_not_to_be_disturbed_is_waited_for(
    seat: Seat | None, word: str
) -> None:
    move = decide(replace(CASE, seat=seat))
    assert isinstance(move, Wait)
    assert word in move.why
    assert offered(replace(CASE, seat=seat), [message()]) == ()


@pytest.mark.parametrize(
    "state", [AgentState.AUTH_LOST, AgentState.DONE, AgentState.CRASHED], ids=str
)
def test_a_state_that_only_others_end_is_waited_for(state: AgentState) -> None:
    assert waits(decide(replace(CASE, report=report(state))), state.value) == math.inf


@pytest.mark.parametrize("state", [AgentState.UNKNOWN, AgentState.STARTING], ids=str)
def test_where_nobody_knows_the_screen_has_the_last_word(state: AgentState) -> None:
    case = replace(CASE, report=report(state))
    assert isinstance(decide(case), Paste)
    empty = replace(case, screen=Screen(("loading",), ("loading",), (0, 0)))
    assert 0 < waits(decide(empty), "no prompt") <= AGAIN_MAX_S


def test_a_limit_is_waited_out() -> None:
    limited = report(AgentState.LIMITED, until=NOW + 600)
    assert waits(decide(replace(CASE, report=limited)), "limited", "until") == 600
    over = report(AgentState.LIMITED, until=NOW - 600)
    assert waits(decide(replace(CASE, report=over)), "limited") == math.inf


def test_a_closed_account_begins_nothing() -> None:
    case = replace(CASE, closed=Closed(NOW + 60, "the account main is used up"))
    move = decide(case)
    assert isinstance(move, Wait)
    assert move.until == NOW + 60
    assert "main is used up, until" in move.why


# -- at work ---------------------------------------------------------------------------------------


def test_who_works_and_has_hooks_is_given_it_by_the_next() -> None:
    move = decide(replace(CASE, report=report(AgentState.BUSY)))
    assert isinstance(move, Offer)
    assert move.until == NOW - 1 + BUSY_LOOK_S
    assert "next tool call" in move.why


def test_an_old_word_of_work_is_held_against_the_screen() -> None:
    old = report(AgentState.BUSY, at=NOW - BUSY_LOOK_S)
    assert isinstance(decide(replace(CASE, report=old)), Paste)
    spinner = shown(rows=("✻ Thinking… (esc to interrupt)", ""))
    assert isinstance(decide(replace(CASE, report=old, screen=spinner)), Offer)
    assert decide(replace(CASE, report=old, screen=None)) == Look()


def test_who_works_and_has_no_hooks_is_seen_to() -> None:
    busy = report(AgentState.BUSY)
    working = Screen(("• Working (3s • esc to interrupt)", "\u203a "), ("", "\u203a "), (1, 2))
    case = replace(CASE, runtime=CODEX, report=busy, screen=working)
    assert 0 < waits(decide(case)) <= AGAIN_MAX_S


# -- people ----------------------------------------------------------------------------------------


def test_nothing_is_typed_at_a_dialog() -> None:
    waiting = report(AgentState.WAITING, waiting=Waiting.PERMISSION)
    assert waits(decide(replace(CASE, report=waiting)), "permission") == math.inf
    assert 0 < waits(decide(replace(CASE, screen=shown(dialog=DIALOG))), "dialog") <= AGAIN_MAX_S


def test_a_draft_is_left_alone() -> None:
    case = replace(CASE, screen=shown("my own words"))
    assert 0 < waits(decide(case), "somebody's draft") <= AGAIN_MAX_S
    later = replace(case, pursuit=Pursuit(looks=20))
    assert waits(decide(later), "draft") == AGAIN_MAX_S, "and looked at less and less often"


def test_who_scrolls_or_types_is_waited_for() -> None:
    assert waits(decide(replace(CASE, screen=shown(mode="copy-mode"))), "scrolled", "copy-mode") > 0
    typing = decide(replace(CASE, screen=shown(attended=NOW - 2)))
    assert waits(typing, "typing") == TYPING_S - 2
    assert isinstance(decide(replace(CASE, screen=shown(attended=NOW - TYPING_S))), Paste)
    assert waits(decide(replace(CASE, screen=shown(attended=NOW + 999))), "typing") == TYPING_S


def test_the_dead_are_not_typed_to() -> None:
    assert waits(decide(replace(CASE, screen=shown(dead=True))), "ended") > 0


# -- lines -----------------------------------------------------------------------------------------

LINES = replace(CASE, seat=replace(SEAT, persona=None), runtime=COMMAND, screen=shown(lines=True))


@pytest.mark.parametrize("state", [AgentState.UNKNOWN, AgentState.BUSY, AgentState.IDLE], ids=str)
def test_a_program_gets_one_line_at_a_time(state: AgentState) -> None:
    case = replace(LINES, report=report(state), mail=(tracked(0), tracked(1)))
    assert decide(case) == Type(message(0))
    deaf = shown(lines=True, unread=["before"])
    assert waits(decide(replace(case, screen=deaf)), "has not read") > 0


def test_a_line_is_proved_by_its_being_read() -> None:
    mail = (tracked(0, (NOW - 1, how(TYPED, SEAT))),)
    case = replace(LINES, mail=mail, pursuit=Pursuit(frozenset({message().id}), asks=1, asked=NOW))
    proof = decide(case)
    assert isinstance(proof, Prove)
    assert proof.proofs[0][1].stage is Stage.SUBMITTED
    unread = shown(lines=True, unread=["ours"])
    assert waits(decide(replace(case, screen=unread)), "has not read") > 0
    early = replace(case, mail=(tracked(0, (NOW, how(TYPED, SEAT))),), screen=None)
    assert waits(decide(early)) == pytest.approx(LINE_PROOF_S)


def test_a_line_of_a_former_life_is_looked_for_on_the_screen() -> None:
    mail = (tracked(0, (NOW - 9, how(TYPED, SEAT))),)
    case = replace(LINES, mail=mail, pursuit=Pursuit(asks=1, asked=NOW))
    assert decide(case) == Type(message())
    echoed = shown(lines=True, rows=(f"{mark(message().id)} p/agent/ada: body",))
    assert isinstance(decide(replace(case, screen=echoed)), Prove)


# -- under way -------------------------------------------------------------------------------------

OURS = render([message()])


def under_way(age: float, way: str = PASTED, **more: object) -> Case:
    """A message was given so long ago; the transcript was asked just now and did not have it."""
    mail = (tracked(0, (NOW - age, how(way, SEAT, "PostToolUse" if way == HANDED else ""))),)
    asked = Pursuit(asks=3, asked=NOW, absent=True, gone=NOW - age + 1)
    values: dict[str, object] = {"mail": mail, "pursuit": asked}
    return replace(CASE, **(values | more))  # type: ignore[arg-type]


def test_the_evidence_of_an_injection_tells_where_to_look() -> None:
    for way in (PASTED, TYPED):
        evidence = how(way, SEAT)
        assert evidence == f"{way} into %3 of process 1234"
        found = flight((tracked(0, (NOW, evidence)),))
        assert found is not None
        assert (found.way, found.pid, found.tries) == (way, 1234, 1)
    handed = flight((tracked(0, (NOW, how(HANDED, SEAT, "Stop"))),))
    assert handed is not None
    assert (handed.way, handed.pid) == (HANDED, 1234)
    strange = flight((tracked(0, (NOW, "in some other way")),))
    assert strange is not None
    assert (strange.way, strange.pid) == ("", 0)


def test_only_what_was_given_last_is_under_way() -> None:
    way = how(PASTED, SEAT)
    mail = (tracked(0, (NOW - 50, way)), tracked(1, (NOW - 90, way), (NOW - 9, way)), tracked(2))
    found = flight(mail)
    assert found is not None
    assert (found.messages, found.at, found.tries) == ((message(1),), NOW - 9, 2)
    assert flight((tracked(2),)) is None


@pytest.mark.parametrize("way", [PASTED, HANDED])
def test_a_proof_may_take_a_moment(way: str) -> None:
    case = replace(under_way(0.0, way), screen=None, pursuit=Pursuit())
    assert waits(decide(case), "proof") == pytest.approx(PROOF_S)


@pytest.mark.parametrize("way", [PASTED, HANDED])
def test_then_the_transcript_is_asked_less_and_less_often(way: str) -> None:
    case = replace(under_way(PROOF_S, way), pursuit=Pursuit())
    assert decide(case) == Check((message(),))
    asked = Pursuit(asks=4, asked=NOW - pause(4), absent=True, gone=NOW)
    assert decide(replace(case, pursuit=asked)) == Check((message(),))
    assert not isinstance(decide(replace(case, pursuit=replace(asked, asked=NOW))), Check)


def test_what_is_still_in_the_composer_needs_enter_alone() -> None:
    case = under_way(1.0, screen=shown(OURS))
    assert decide(case) == Press((message(),))
    once = replace(case, pursuit=replace(case.pursuit, presses=1, pressed=NOW))
    assert waits(decide(once), "composer") == pause(1)
    again = replace(case, pursuit=replace(case.pursuit, presses=1, pressed=NOW - pause(1)))
    assert decide(again) == Press((message(),))
    often = replace(case, pursuit=replace(case.pursuit, presses=PRESSES_MAX, pressed=NOW - 999))
    assert waits(decide(often), "composer") > 0


def test_a_life_begins_to_count_at_nothing_and_presses_no_more_than_so_often() -> None:
    new, pressed = Pursuit(), 0
    assert (new.presses, new.asks, new.looks) == (0, 0, 0)
    assert (new.pressed, new.asked, new.gone) == (0, 0, 0)
    case = under_way(1.0, screen=shown(OURS))
    case = replace(case, pursuit=replace(case.pursuit, presses=new.presses))
    while isinstance(decide(case), Press):
        pressed += 1
        case = replace(case, pursuit=replace(case.pursuit, presses=pressed, pressed=NOW - 999))
    assert pressed == PRESSES_MAX


@pytest.mark.parametrize(
    ("screen", "word"),
    [
        (shown(f"{OURS} and mine"), "draft"),
        (shown(f"mine {OURS}"), "draft"),
        (shown("mine"), "draft"),
        (shown("[Pasted text #1 +4 lines]"), "draft"),
        (shown(OURS, dialog=DIALOG), "dialog"),
        (shown(OURS, mode="copy-mode"), "scrolled"),
        (shown(OURS, attended=NOW - 1), "typing"),
        (shown(OURS, attended=NOW - 30), "a person's"),
        (shown(OURS, dead=True), "ended"),
    ],
)
def test_no_enter_where_a_person_or_a_dialog_may_be(screen: Screen, word: str) -> None:
    assert waits(decide(under_way(90.0, screen=screen)), word) > 0


def test_who_has_left_leaves_enter_to_us() -> None:
    screen = shown(OURS, attended=NOW - AWAY_S)
    assert decide(under_way(90.0, screen=screen)) == Press((message(),))
    before = shown(OURS, attended=NOW - 2 * TYPING_S)
    assert decide(under_way(2 * TYPING_S, screen=before)) == Press((message(),)), "and not since"
    manual = replace(SEAT, mode="manual")
    assert waits(decide(under_way(90.0, screen=screen, seat=manual)), "manual") > 0


@pytest.mark.parametrize(
    "draft",
    [
        OURS,
        "".join(OURS.split()),
        OURS.replace("\n", " "),
        OURS.replace("| ", ""),
        OURS[-60:],
        "[Pasted text #7 +3 lines]",
        f"[Pasted Content {len(OURS)} chars]",
    ],
)
def test_our_text_is_known_again_in_a_composer(draft: str) -> None:
    assert remains(draft, (message(),))


@pytest.mark.parametrize(
    "draft",
    [
        "",
        "x",
        OURS[:60],
        OURS + "!",
        "[Pasted text #7 +2 lines]",
        "[Pasted text #7]",
        "messages]",
        "| body 0",
    ],
)
def test_other_text_is_not_ours(draft: str) -> None:
    assert not remains(draft, (message(),))


def test_what_a_hook_was_given_is_in_no_composer() -> None:
    case = replace(under_way(60.0, HANDED), screen=None)
    early = replace(case, pursuit=replace(case.pursuit, gone=NOW - 1))
    assert waits(decide(early), "given with a hook's answer", "transcript") > 0


def test_what_was_seen_nowhere_for_a_while_is_given_again() -> None:
    case = under_way(60.0)
    settled = replace(case, pursuit=replace(case.pursuit, gone=NOW - SETTLED_S))
    assert decide(settled) == Paste((message(),))
    fresh = replace(case, pursuit=replace(case.pursuit, gone=NOW - SETTLED_S + 0.1))
    assert waits(decide(fresh), "transcript") > 0
    unseen = replace(case, pursuit=replace(case.pursuit, gone=0.0))
    assert waits(decide(unseen), "transcript") > 0, "somebody may have pressed Enter just before"


def test_who_works_may_have_it_in_a_queue() -> None:
    case = under_way(60.0, report=report(AgentState.BUSY))
    assert waits(decide(case), "transcript") > 0
    stuck = replace(case, pursuit=replace(case.pursuit, gone=NOW - STUCK_S))
    assert isinstance(decide(stuck), Offer)


def test_what_only_another_process_was_given_is_looked_for_too() -> None:
    other = replace(SEAT, pid=999)
    case = under_way(60.0, seat=other, screen=None)
    assert decide(case) == Look(), "it is nowhere: the ladder begins again"
    early = replace(case, pursuit=replace(case.pursuit, gone=NOW - 1))
    assert waits(decide(early), "transcript") > 0
    ended = replace(case, seat=replace(SEAT, pane="", pid=0))
    assert "not running" in getattr(decide(ended), "why", "")


def test_after_too_many_tries_it_is_given_up() -> None:
    tries = [(NOW - 100 - n, how(PASTED, SEAT)) for n in range(TRIES_MAX, 0, -1)]
    case = replace(under_way(60.0), mail=(tracked(0, *tries),))
    move = decide(replace(case, pursuit=replace(case.pursuit, gone=NOW - 60)))
    assert isinstance(move, Bury)
    assert "never arrived" in move.letters[0][1]


def test_what_nobody_can_tell_is_never_given_twice() -> None:
    case = under_way(60.0)
    blind = replace(case, pursuit=replace(case.pursuit, absent=None))
    assert waits(decide(blind), "nobody can tell") > 0
    old = replace(under_way(DOUBT_S), pursuit=blind.pursuit)
    move = decide(old)
    assert isinstance(move, Bury)
    assert "nobody can tell" in move.letters[0][1]
    seen = shown(rows=(f"> {mark(message().id)} message", ""))
    assert isinstance(decide(replace(blind, screen=seen)), Prove)


def test_without_hooks_or_transcript_the_composer_proves() -> None:
    screen = Screen(("hello", "\u203a "), ("hello", "\u203a "), (1, 2))
    case = under_way(60.0, runtime=CODEX, screen=screen)
    blind = replace(case.pursuit, absent=None)
    ours = replace(blind, acted=frozenset({message().id}))
    assert isinstance(decide(replace(case, pursuit=ours)), Prove)
    assert decide(replace(case, pursuit=blind)) == Paste((message(),)), "a former life's"


def test_what_tmux_refused_is_given_again_soon() -> None:
    missed = Pursuit(missed=frozenset({message().id}))
    case = replace(under_way(0.1), pursuit=missed)
    assert waits(decide(case), "again") > 0
    assert decide(replace(under_way(pause(1)), pursuit=missed)) == Paste((message(),))


# -- the end ---------------------------------------------------------------------------------------


def test_what_came_too_late_is_given_up_unless_it_may_have_arrived() -> None:
    late = tracked(0, expires=NOW)
    move = decide(replace(CASE, mail=(late, tracked(1))))
    assert isinstance(move, Bury)
    assert [name for name, _ in move.letters] == [message(0).id]
    assert "hour passed" in move.letters[0][1]
    doubt = replace(under_way(1.0), mail=(tracked(0, (NOW - 1, how(PASTED, SEAT)), expires=NOW),))
    assert not isinstance(decide(doubt), Bury)
    assert isinstance(decide(replace(CASE, mail=(tracked(0, expires=NOW + 1),))), Paste)


def test_a_hook_is_offered_what_waits() -> None:
    busy = replace(CASE, report=report(AgentState.BUSY), closed=Closed(0, "closed"))
    assert offered(busy, [message()]) == (message(),)


def test_the_bundle_of_a_paste_is_what_is_looked_for() -> None:
    many = tuple(message(n, body="x" * 9000) for n in range(15))
    made = bundle(many, PASTE_ROOM)
    assert 0 < len(made.messages) < 15
    assert remains(made.text, made.messages)
