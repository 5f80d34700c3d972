"""One agent after the other: what waits for it, what its screen shows, the next move, the act.

Every stage is written down before it is acted upon. Nothing is remembered that a crash would cost:
the mail and the screen say where a former life left off.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core import errand as to
from reconciler.core.delivery import decide, offered
from reconciler.core.envelope import PASTE_ROOM, Bundle, bundle, line, mark
from reconciler.core.errand import Case, Closed, Move, Pursuit
from reconciler.core.pursuit import HANDED, LINE_PROOF_S, PASTED, PROOF_S, TYPED, flight, how
from reconciler.core.runtimes import RUNTIMES
from reconciler.loop.post import RECHECK_S, Post
from reconciler.model.agent import AgentReport, Roster, Seat
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Proof, Stage, Tracked
from reconciler.model.runtime import Runtime
from reconciler.ports import Clock
from reconciler.ports.agents import Mail, Records, Typist

MOVES_MAX = 16
"""Moves of one visit; more would be a circle."""
WORD_S = 3.0
"""So long a transcript may take to confirm a hook; after that the hook's word is enough."""
HANDED_ROOM = 9_500
"""What others add to the same answer has room beside it."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Whom the courier asks. `admit` says why an agent may not be made to work now, and takes its
    turn if it may: it is asked just before an act. `report` is asked for a unit and an hour."""

    mail: Mail
    typist: Typist
    records: Records
    roster: Callable[[], Roster]
    report: Callable[[UnitId, float], AgentReport]
    clock: Clock
    log: Callable[[str], None]
    admit: Callable[[Seat, float], Closed | None] = lambda _seat, _now: None
    runtimes: Mapping[str, Runtime] = field(default_factory=lambda: RUNTIMES)


class Rounds:
    """Visits agents. Any thread; two visits to one agent follow each other."""

    def __init__(self, doors: Doors) -> None:
        self._at = doors
        self._posts: dict[UnitId, Post] = {}
        self._adding = threading.Lock()

    def post(self, unit: UnitId) -> Post:
        """Return what is remembered of an agent."""
        with self._adding:
            return self._posts.setdefault(unit, Post())

    def posts(self) -> Mapping[UnitId, Post]:
        """Return what is remembered of everybody."""
        with self._adding:
            return dict(self._posts)

    def visit(self, unit: UnitId) -> float:
        """Do what can be done for an agent now; return the hour of the next visit."""
        post = self.post(unit)
        with post.turn:
            if post.prompted and self._unconfirmed(unit, post):
                return post.due
            case: Case | None = self.case(unit, post)
            for _ in range(MOVES_MAX):
                if case is None:
                    break
                case = self._act(decide(case), case, post)
            else:
                self._later(post, self._at.clock.now() + 1.0, post.why)
            return post.due

    def case(self, unit: UnitId, post: Post) -> Case:
        """Return what is known of an agent now, its screen unseen."""
        now = self._at.clock.now()
        mail = tuple(self._at.mail.inbox(str(unit)))
        post.waiting = bool(mail)
        seat = self._at.roster().seats.get(unit)
        word = seat.persona.runtime if seat is not None and seat.persona is not None else "command"
        report = self._at.report(unit, now)
        return Case(
            unit, now, mail, seat, self._at.runtimes.get(word), report, pursuit=post.pursuit
        )

    def hand(self, unit: UnitId, post: Post, hook: str) -> str:
        """Return what is given with a hook's answer, written down before; '' for nothing."""
        case = self.case(unit, post)
        if flight(case.mail) is not None:
            self.ask(case, post)
            case = self.case(unit, post)
        if case.seat is None or flight(case.mail) is not None:
            return ""
        given = bundle(offered(case, [one.message for one in case.mail]), HANDED_ROOM)
        begins = hook == "Stop"
        if not given.messages or (begins and self._at.admit(case.seat, case.now) is not None):
            return ""
        self._injected(case, post, given.messages, how(HANDED, case.seat, hook))
        self._later(post, case.now + PROOF_S, "given with a hook's answer; its proof is not in yet")
        return given.text

    def prompted(self, unit: UnitId, post: Post, ids: Iterable[str], at: float) -> None:
        """Take note that these are in a prompt. It is written down when the turn is seen to go on:
        an agent that ends before its model was given the prompt is given it again."""
        seat = self._at.roster().seats.get(unit)
        post.pid = seat.pid if seat is not None else 0
        post.prompted.update((one, at) for one in ids)

    def confirmed(self, post: Post, ids: Iterable[str] | None = None) -> None:
        """Write down what a hook told of these, of all without `ids`: the turn goes on."""
        told = [(one, at) for one, at in post.prompted.items() if ids is None or one in ids]
        if told:
            evidence = "hook UserPromptSubmit: the prompt holds its mark"
            self.submitted(post, [one for one, _ in told], evidence, at=max(at for _, at in told))
        for one, _ in told:
            post.prompted.pop(one, None)

    def _unconfirmed(self, unit: UnitId, post: Post) -> bool:
        """Whether a hook's word waits for the transcript still; then a visit is planned."""
        now, seat = self._at.clock.now(), self._at.roster().seats.get(unit)
        if seat is None or seat.pid != post.pid:
            post.prompted.clear()
            return False
        held = self._at.records.holds(seat, [mark(one) for one in post.prompted])
        age = now - min(post.prompted.values())
        if held is None or age > WORD_S:
            self.confirmed(post)
        else:
            self.confirmed(post, [one for one in post.prompted if mark(one) in held])
        if post.prompted:
            self._later(post, now + max(0.015, age), "submitted; the transcript is to confirm it")
        return bool(post.prompted)

    def submitted(self, post: Post, ids: Iterable[str], evidence: str, *, at: float = 0.0) -> None:
        """Write down that these are part of what the model was given."""
        proof = Proof(Stage.SUBMITTED, at or self._at.clock.now(), evidence)
        named = sorted(ids)
        self._at.mail.prove([(one, proof) for one in named])
        if post.unread is not None:
            post.unread.update(named)
        post.pursuit = replace(post.pursuit, presses=0, asks=0, absent=None, looks=0, gone=0.0)

    def ask(self, case: Case, post: Post) -> frozenset[str]:
        """Ask the transcript for what is under way, write down what it holds, and return that."""
        under_way = flight(case.mail)
        if under_way is None or case.seat is None:
            return frozenset()
        texts = {mark(message.id): message.id for message in under_way.messages}
        held = self._at.records.holds(case.seat, list(texts))
        post.pursuit = replace(
            post.pursuit,
            asks=post.pursuit.asks + 1,
            asked=case.now,
            absent=None if held is None else True,
            gone=post.pursuit.gone or case.now,
        )
        found = frozenset(texts[text] for text in held or () if text in texts)
        if found:
            self.submitted(post, found, "transcript: it holds the mark")
        if under_way.way == HANDED and post.stopped > under_way.at:
            self.answered(post, found)  # its transcript came after the end of its turn
        return found

    def answered(self, post: Post, ids: Iterable[str]) -> None:
        """Write down that a turn ended with these in what the model was given."""
        proof = Proof(Stage.READ, post.stopped, "hook Stop: it answered with this in its context")
        named = sorted(ids)
        if named:
            self._at.mail.prove([(one, proof) for one in named])
        if post.unread is not None:
            post.unread.difference_update(named)

    # -- acts --------------------------------------------------------------------------------------

    def _act(self, move: Move, case: Case, post: Post) -> Case | None:
        """Make one move; return the case after it, None when the visit is over."""
        match move:
            case to.Wait() | to.Offer():
                self._wait(move, case, post)
                return None
            case to.Look():
                return self._look(case, post)
            case to.Check():
                found = self.ask(case, post)
                return self._anew(case, post) if found else replace(case, pursuit=post.pursuit)
            case to.Prove():
                ids = [name for name, _ in move.proofs]
                self.submitted(post, ids, move.proofs[0][1].evidence)
                return self._anew(case, post)
            case to.Bury():
                dead = [(n, Proof(Stage.DEAD, case.now, why)) for n, why in move.letters]
                self._at.mail.prove(dead)
                return self._anew(case, post)
            case _:
                return self._type(move, case, post)

    def _wait(self, move: to.Wait | to.Offer, case: Case, post: Post) -> None:
        if case.seat is not None:
            self._at.mail.prove(_admitted(case.mail, case.now))
        if case.screen is not None:
            gone = 0.0 if isinstance(move, to.Wait) and move.seen else post.pursuit.gone
            post.pursuit = replace(post.pursuit, looks=post.pursuit.looks + 1, gone=gone)
        until = min(move.until, case.now + RECHECK_S) if post.waiting else math.inf
        self._later(post, max(until, case.now + 0.01), move.why)

    def _look(self, case: Case, post: Post) -> Case | None:
        assert case.seat is not None  # noqa: S101  (nobody looks at what is nowhere)
        screen = self._at.typist.look([case.seat]).get(case.seat.unit)
        if screen is not None:
            return replace(case, screen=screen)
        gone = f"{case.seat.unit} is not in the pane where it was"
        self._wait(to.Wait(case.now + to.pause(post.pursuit.looks), gone), case, post)
        return None

    def _type(self, move: to.Paste | to.Type | to.Press, case: Case, post: Post) -> Case | None:
        """Use the keyboard, if the account lets it be used."""
        seat = case.seat
        assert seat is not None  # noqa: S101  (nobody types to what is nowhere)
        if isinstance(move, to.Press):
            presses = post.pursuit.presses + 1
            post.pursuit = replace(post.pursuit, presses=presses, pressed=case.now, gone=0.0)
            self._at.typist.enter(seat)
            self._later(post, case.now + PROOF_S, "Enter was pressed once more")
            return None
        closed = self._at.admit(seat, case.now)
        if closed is not None and case.closed is None:
            return replace(case, closed=closed)
        if isinstance(move, to.Type):
            self._typed(seat, case, post, move.message)
        else:
            self._pasted(seat, case, post, bundle(move.messages, PASTE_ROOM))
        return None

    def _typed(self, seat: Seat, case: Case, post: Post, message: Message) -> None:
        self._injected(case, post, (message,), how(TYPED, seat))
        done = self._at.typist.line(seat, line(message))
        self._acted(post, (message,), done=done)
        self._later(post, case.now + LINE_PROOF_S, "typed as a line; its proof is not in yet")

    def _pasted(self, seat: Seat, case: Case, post: Post, made: Bundle) -> None:
        self._injected(case, post, made.messages, how(PASTED, seat))
        done = self._at.typist.paste(seat, made.text)
        self._acted(post, made.messages, done=done)
        self._later(post, case.now + PROOF_S, "pasted; its proof is not in yet")

    def _injected(self, case: Case, post: Post, given: Sequence[Message], evidence: str) -> None:
        """Write down that these are being given. From here on a crash leaves them in doubt."""
        ids = {message.id for message in given}
        chosen = [one for one in case.mail if one.message.id in ids]
        proof = Proof(Stage.INJECTED, case.now, evidence)
        post.pursuit = Pursuit()
        proofs = [*_admitted(chosen, case.now), *((message.id, proof) for message in given)]
        self._at.mail.prove(proofs)

    def _acted(self, post: Post, given: Sequence[Message], *, done: bool) -> None:
        ids = frozenset(message.id for message in given)
        post.pursuit = Pursuit(acted=ids) if done else Pursuit(missed=ids)

    def _anew(self, case: Case, post: Post) -> Case:
        """Return the case with the mail as it is now; what was seen just now stays."""
        mail = tuple(self._at.mail.inbox(str(case.unit)))
        post.waiting = bool(mail)
        return replace(case, mail=mail, pursuit=post.pursuit)

    def _later(self, post: Post, due: float, why: str) -> None:
        post.due, post.why = due, why


def _admitted(mail: Iterable[Tracked], now: float) -> list[tuple[str, Proof]]:
    proof = Proof(Stage.ADMITTED, now, "its receiver is in the fleet")
    return [(one.message.id, proof) for one in mail if one.stage is Stage.ACCEPTED]
