"""Decisions that agents wait for: answered by a rule, by a person on the command line, at the pane.

What real clients do (2.1.197 and 2.1.330, tried): the dialog is on the screen from the beginning,
and the hook that asks for a permission runs beside it, for as long as its timeout lets it.

- An answer of ours closes the dialog; "deny" comes to the model with our words, and the turn goes
  on. An empty answer, a connection that dies or a gate that is killed leaves the dialog as it is.
- Yes at the pane: the tool runs, and PostToolUse comes; the connection stays open, and what it
  brings later is ignored. No, or Escape: the connection is closed at once, and nothing else comes,
  not even Stop.
- So a permission is closed by its tool's PostToolUse, by a closed connection (`hookwire.GONE`), and
  by whatever shows that no turn waits any more. Two may be open at once: they are told apart by
  what they ask.
- Nobody hangs up: a connection was held open for 25 minutes without a byte.

Never presses a key. A permission is not asked again after a daemon was killed: its dialog decides.
A question of an agent's own is kept until it is answered, whoever is killed meanwhile.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reconciler.core import hookwire
from reconciler.core.deciding import ASKED, PERMISSION, TEXT_MAX, check, choice, gone, one
from reconciler.core.ruling import QUESTION, ruled, subject
from reconciler.model.agent import Roster
from reconciler.model.decision import Decision
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.ports import Clock

HELD_S = hookwire.HELD_TIMEOUT_S - 600.0
"""A permission is held open so long: less than the client waits."""
RECENT = 200
_DONE = frozenset({"PostToolUse", "PostToolUseFailure", hookwire.GONE})
_OVER = frozenset({"Stop", "StopFailure", "UserPromptSubmit", "SessionStart", "SessionEnd"})
_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


def _mint() -> str:
    return "d" + "".join(secrets.choice(_ALPHABET) for _ in range(5))


class Drawer(Protocol):
    """Where questions are kept while nobody has answered them."""

    def read(self) -> Sequence[Decision]:
        """Return what was kept last; what is damaged is left out."""
        ...

    def keep(self, questions: Sequence[Decision]) -> None:
        """Keep these and no others. NovaorchError: it was not done."""
        ...


@dataclass(slots=True)
class _Held:
    """A permission that somebody waits for in a thread."""

    decision: Decision
    same: tuple[str, Json]
    answered: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Decisions:
    """Everything that waits for a decision. Any thread may ask, answer and look.

    `deliver` brings the answer of a question to the agent that asked; what it raises is told to
    whoever answered, and the question stays open. `note` hears of everything that was decided.
    """

    roster: Callable[[], Roster]
    clock: Clock
    drawer: Drawer
    deliver: Callable[[Decision], None]
    note: Callable[[Decision], None] = lambda _decision: None
    hold_s: float = HELD_S
    mint: Callable[[], str] = _mint
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, init=False)
    """Held while questions are written down or answers are brought: hooks do not wait for it."""
    _held: dict[str, _Held] = field(default_factory=dict, init=False)
    _questions: dict[str, Decision] = field(default_factory=dict, init=False)
    _recent: deque[Decision] = field(default_factory=lambda: deque(maxlen=RECENT), init=False)
    _closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._questions.update((kept.id, kept) for kept in self.drawer.read())

    # -- what runtimes tell ------------------------------------------------------------------------

    def hear(self, event: HookEvent) -> HookAnswer:
        """Answer a permission by rule, or hold it open until somebody has; may take a day."""
        if event.name == "PermissionRequest":
            return self._permission(event)
        if event.name in _OVER or event.name in _DONE:
            self._over(event)
        return SILENCE

    def _permission(self, event: HookEvent) -> HookAnswer:
        tool, asked = _asked(event)
        seat = self.roster().seats.get(event.unit)
        rules = seat.persona.rules if seat is not None and seat.persona is not None else ()
        rule = ruled(rules, tool, asked, seat.directory if seat is not None else "")
        decision = Decision(
            id="",
            unit=event.unit,
            kind=PERMISSION,
            asks=tool[:TEXT_MAX],
            detail=subject(tool, asked)[:TEXT_MAX],
            at=event.at,
            held_until=event.at + self.hold_s,
            options=() if tool == QUESTION else ("allow", "deny"),
        )
        if rule is not None and rule.answer in ("allow", "deny"):
            by = f"rule {rule.tool} {rule.match}".strip()
            return self._said(replace(decision, id=self.mint(), answer=rule.answer, by=by))
        return self._hold(decision, (tool, asked))

    def _hold(self, decision: Decision, same: tuple[str, Json]) -> HookAnswer:
        with self._lock:
            if self._closed:
                return SILENCE
            held = _Held(replace(decision, id=self._fresh()), same)
            self._held[held.decision.id] = held
        left = held.decision.held_until - self.clock.now()
        held.answered.wait(max(0.0, left))
        with self._lock:
            self._held.pop(held.decision.id, None)
            made = held.decision
        return self._said(made) if made.answer else SILENCE

    def _said(self, decision: Decision) -> HookAnswer:
        self._decided(decision)
        because = decision.because or f"denied by {decision.by}"
        return HookAnswer(decision=decision.answer, because=because)

    def _over(self, event: HookEvent) -> None:
        """Let go of what nobody waits for any more."""
        same = _asked(event) if event.name in _DONE else None
        with self._lock:
            for held in self._held.values():
                if held.decision.unit == event.unit and same in (None, held.same):
                    held.answered.set()

    # -- what agents ask themselves ----------------------------------------------------------------

    def ask(self, unit: UnitId, question: str, options: Sequence[str] = ()) -> Decision:
        """Open a question, durably; its answer comes to the agent by itself, once.

        NovaorchError: it cannot be asked like this, or cannot be kept.
        """
        text, choices = question.strip(), tuple(option.strip() for option in options)
        with self._asking:
            mine = [kept for kept in self._questions.values() if kept.unit == unit]
            again = next((q for q in mine if (q.asks, q.options) == (text, choices)), None)
            if again is not None:
                return again
            check(text, choices, len(mine))
            made = Decision(self._fresh(), unit, ASKED, text, "", self.clock.now(), options=choices)
            self.drawer.keep([*self._questions.values(), made])
            with self._lock:
                self._questions[made.id] = made
        return made

    # -- what people do ----------------------------------------------------------------------------

    def listing(self, *, answered: bool = False) -> Sequence[Decision]:
        """Return what is open, the oldest first; or what was decided last, the newest first."""
        with self._lock:
            if answered:
                return tuple(reversed(self._recent))
            held = [h.decision for h in self._held.values() if not h.answered.is_set()]
            return tuple(sorted([*held, *self._questions.values()], key=lambda d: (d.at, d.id)))

    def answer(self, name: str, answer: str, by: str, because: str = "") -> Decision:
        """Answer what is open under this id, or the unique beginning of one.

        NovaorchError: nothing of that name is open any more, or that is no answer to it.
        """
        decision = one(name, self.listing())
        made = replace(
            decision,
            answer=choice(decision, answer),
            by=by[:200] or "a person",
            because=because.strip()[:TEXT_MAX],
        )
        if decision.kind == PERMISSION:
            self._answer_held(made)
        else:
            self._answer_question(made)
        return made

    def _answer_held(self, made: Decision) -> None:
        with self._lock:
            held = self._held.get(made.id)
            if held is None or held.answered.is_set():
                raise gone(made.id)
            held.decision = made
            held.answered.set()

    def _answer_question(self, made: Decision) -> None:
        with self._asking:
            if made.id not in self._questions:
                raise gone(made.id)
            # Brought first, under a key of its own: whoever is killed in between brings it again,
            # and it stays one.
            self.deliver(made)
            with self._lock:
                del self._questions[made.id]
            self.drawer.keep(tuple(self._questions.values()))
        self._decided(made)

    def _decided(self, decision: Decision) -> None:
        with self._lock:
            self._recent.append(decision)
        self.note(decision)

    def _fresh(self) -> str:
        while (name := self.mint()) in self._held or name in self._questions:
            pass
        return name

    def close(self) -> None:
        """Let go of every permission: the dialogs at the panes decide. Questions are kept."""
        with self._lock:
            self._closed = True
            for held in self._held.values():
                held.answered.set()


def _asked(event: HookEvent) -> tuple[str, dict[str, Json]]:
    """Return the tool, and what it would do."""
    found = event.payload.get("tool_input")
    return event.text("tool_name"), found if isinstance(found, dict) else {}
