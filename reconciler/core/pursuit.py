"""What was given and is not proved yet: is it in the composer, or the transcript, or nowhere? Pure.

The proof of an injection tells the way, so that another life of the courier can go on where one
ended: it was written down before the act, and the act may not have happened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.core.envelope import END, PASTE_ROOM, bundle, marks
from reconciler.core.errand import (
    Again,
    Bury,
    Case,
    Check,
    Look,
    Move,
    Press,
    Prove,
    Wait,
    obstacle,
    pause,
)
from reconciler.core.explain import hour
from reconciler.model.agent import AgentState, Screen, Seat
from reconciler.model.message import Message, Proof, Stage, Tracked

PROOF_S = 0.5
"""A proof comes by itself within this time, as a rule."""
LINE_PROOF_S = 0.05
SETTLED_S = 5.0
"""What was seen nowhere for so long, not in the transcript of an agent at rest, did not arrive."""
STUCK_S = 120.0
"""The same of an agent that is still at work."""
DOUBT_S = 600.0
"""So long nobody can tell: then it is given up, for it may have arrived."""
AWAY_S = 60.0
"""A person whose last key is older has left."""
TRIES_MAX = 6
PRESSES_MAX = 8

PASTED, TYPED, HANDED = "pasted", "typed", "given"
_WAY = re.compile(r"(pasted|typed|given)\b.* process (\d{1,10})\b")
_BARS = str.maketrans("", "", "|│┃")
_FOLDED = re.compile(r"\[Pasted text #\d+(?: \+(\d+) lines)?\]")
_COUNTED = re.compile(r"\[Pasted Content (\d+) chars\](?: #\d+)?")


@dataclass(frozen=True, slots=True)
class Flight:
    """Messages given together and not proved. `tries` is the most often that one was given."""

    messages: tuple[Message, ...]
    at: float
    way: str
    pid: int
    tries: int


def how(way: str, seat: Seat, hook: str = "") -> str:
    """Return the evidence of an injection: the way, and to which process."""
    place = f"with {hook} to" if way == HANDED else f"into {seat.pane} of"
    return f"{way} {place} process {seat.pid}"


def flight(mail: tuple[Tracked, ...]) -> Flight | None:
    """Return what is under way: what was given last, None when nothing is."""
    given = [(one, _injections(one)) for one in mail if one.stage is Stage.INJECTED]
    if not given:
        return None
    last = max((proofs[-1] for _, proofs in given), key=lambda proof: proof.at)
    batch = [(one.message, len(proofs)) for one, proofs in given if proofs[-1].at == last.at]
    found = _WAY.match(last.evidence)
    way, pid = (found[1], int(found[2])) if found is not None else ("", 0)
    messages = tuple(message for message, _ in batch)
    return Flight(messages, last.at, way, pid, max(count for _, count in batch))


def _injections(one: Tracked) -> list[Proof]:
    return [proof for proof in one.proofs if proof.stage is Stage.INJECTED]


def pursue(case: Case, under_way: Flight) -> Move | Again:
    """Return the next move for it, or that it is to be given again."""
    seat, pursuit = case.seat, case.pursuit
    ids = {message.id for message in under_way.messages}
    if ids <= pursuit.missed:
        return _rested(case, under_way)
    same = seat is not None and bool(seat.pane) and seat.pid == under_way.pid
    proof_at = under_way.at + (LINE_PROOF_S if under_way.way == TYPED else PROOF_S)
    if same and case.now < proof_at:
        return Wait(proof_at, f"{_given(under_way)}; its proof is not in yet")
    if seat is not None and (not pursuit.asks or case.now >= pursuit.asked + pause(pursuit.asks)):
        return Check(under_way.messages)
    move: Move | Again | None = None
    if same and under_way.way in (PASTED, TYPED):
        move = _on_screen(case, under_way)
    return move or _settled(case, under_way)


def remains(draft: str, messages: tuple[Message, ...]) -> bool:
    """Whether the text in a composer is what was pasted of these, and nothing else.

    An agent may fold a paste into a word of its own, or show only the end of it.
    """
    ours = bundle(messages, PASTE_ROOM).text
    folded, counted = _FOLDED.fullmatch(draft), _COUNTED.fullmatch(draft)
    if folded is not None:
        return int(folded[1] or 0) == ours.count("\n")
    if counted is not None:
        return int(counted[1]) == len(ours)
    seen = _solid(draft)
    return seen.endswith(_solid(END)) and _solid(ours).endswith(seen)


def _on_screen(case: Case, under_way: Flight) -> Move | Again | None:
    """Return what its screen says is to be done first; None: it is in no composer."""
    screen, reading = case.screen, case.reading
    if screen is None or reading is None:
        return Look()
    if under_way.way == TYPED:
        return _line_read(case, screen, under_way)
    forbids = obstacle(case)
    if forbids is not None:
        return Wait(forbids.until, f"{_given(under_way)}; {forbids.why}")
    if not reading.draft:
        return _left(case, screen, under_way) if case.pursuit.absent is None else None
    soon = case.now + pause(case.pursuit.looks)
    if not remains(reading.draft.strip(), under_way.messages):
        why = f"somebody's draft is in the composer of {case.unit}"
        return Wait(soon, f"{_given(under_way)}; {why}")
    return _pressed(case, screen, under_way)


def _pressed(case: Case, screen: Screen, under_way: Flight) -> Move:
    """Press Enter, not too often: whoever swallows one may need a while."""
    free = screen.attended + AWAY_S
    if screen.attended > under_way.at and case.now < free:
        why = f"{_given(under_way)}; it is in the composer, and Enter is a person's for a while"
        return Wait(free, why, seen=True)
    tried = case.pursuit.presses
    due = case.pursuit.pressed + pause(tried) if tried else case.now
    if case.now >= due and tried < PRESSES_MAX:
        return Press(under_way.messages)
    until = max(due, case.now + pause(case.pursuit.looks))
    why = f"{_given(under_way)}; it is in the composer after {tried + 1} Enters"
    return Wait(until, why, seen=True)


def _left(case: Case, screen: Screen, under_way: Flight) -> Move | Again | None:
    """Judge by the screen alone what no transcript tells: it is in the composer no more."""
    ids = {message.id for message in under_way.messages}
    if ids & marks("".join(screen.rows)):
        return _proved(case, under_way, "screen: it stands above the composer")
    seen = case.reading is not None and case.reading.draft == ""
    if seen and case.runtime is not None and not case.runtime.hooks:
        if ids <= case.pursuit.acted:
            return _proved(case, under_way, "screen: its composer took it")
        return _again(case, under_way)
    return None


def _line_read(case: Case, screen: Screen, under_way: Flight) -> Move | Again:
    if screen.unread > 0:
        until = case.now + pause(case.pursuit.looks)
        return Wait(until, f"{_given(under_way)}; its program has not read the line")
    ids = {message.id for message in under_way.messages}
    if ids <= case.pursuit.acted or ids & marks("".join(screen.rows)):
        said = "its program has read the line" if screen.unread == 0 else "typed; no more is known"
        return _proved(case, under_way, said)
    return _again(case, under_way)


def _settled(case: Case, under_way: Flight) -> Move | Again:
    """Return what follows from what the transcript said."""
    pursuit, age = case.pursuit, case.now - under_way.at
    soon = pursuit.asked + pause(pursuit.asks)
    if pursuit.absent is None:
        if age >= DOUBT_S:
            why = f"{_given(under_way)}, and nobody can tell whether it arrived"
            return Bury(tuple((message.id, why) for message in under_way.messages))
        return Wait(soon, f"{_given(under_way)}; nobody can tell yet whether it arrived")
    busy = case.report.state is AgentState.BUSY
    needed = STUCK_S if busy else SETTLED_S
    if not pursuit.gone or pursuit.asked - pursuit.gone < needed:
        return Wait(soon, f"{_given(under_way)}; it is not in the transcript yet")
    return _again(case, under_way)


def _again(case: Case, under_way: Flight) -> Move | Again:
    """Give it again, not at once; after too many tries it is given up."""
    if under_way.tries >= TRIES_MAX:
        why = f"{_given(under_way)}, the last of {under_way.tries} times, and never arrived"
        return Bury(tuple((message.id, why) for message in under_way.messages))
    return _rested(case, under_way)


def _rested(case: Case, under_way: Flight) -> Wait | Again:
    due = under_way.at + pause(under_way.tries)
    if case.now >= due:
        return Again()
    return Wait(due, f"{_given(under_way)}, and did not arrive: it is given again")


def _proved(case: Case, under_way: Flight, evidence: str) -> Prove:
    proof = Proof(Stage.SUBMITTED, case.now, evidence)
    return Prove(tuple((message.id, proof) for message in under_way.messages))


def _given(under_way: Flight) -> str:
    words = {PASTED: "pasted", TYPED: "typed as a line", HANDED: "given with a hook's answer"}
    return f"{words.get(under_way.way, 'given')} at {hour(int(under_way.at))}"


def _solid(text: str) -> str:
    """Text without spaces and bars: a composer wraps lines as it likes, and may have a frame."""
    return "".join(text.split()).translate(_BARS)
