"""One agent's turn that is under way, and what became of those before it.

Values and rules only: touches nothing, reads no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.runtimes import RUNTIMES
from reconciler.model.agent import Seat
from reconciler.model.hook import HookEvent
from reconciler.model.training import HeldBack, Recorded

PROMPTS_MAX = 20
"""Of more prompts in one turn, the last ones are remembered."""
AGAIN_S, AGAIN_MAX_S = 5.0, 300.0
"""What failed is tried again so much later, and each time twice as much, up to five minutes."""
LOOK_S, QUIET_S = 2.0, 16.0
"""A tree in which nothing was new is looked at again so soon, and ever later up to the second."""
TOLD_MAX = 10
"""So many paths are named; of more, the count."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A commit that is wanted, and why. `began` is when its turn began, 0 when nobody knows."""

    cause: str
    at: float
    prompts: tuple[str, ...] = ()
    summary: str = ""
    conversation: str = ""
    began: float = 0.0
    by: str = ""

    def after(self, failed: Wanted | None) -> Wanted:
        """Return this one with what led to work that could not be committed before."""
        if failed is None:
            return self
        began = min(failed.began, self.began) if failed.began and self.began else 0.0
        new = tuple(text for text in self.prompts if text not in failed.prompts)
        return replace(
            self,
            prompts=(*failed.prompts, *new)[-PROMPTS_MAX:],
            summary=self.summary or failed.summary,
            conversation=self.conversation or failed.conversation,
            began=began or failed.began,
        )


@dataclass(slots=True)
class Lesson:
    """What is known of one agent that trains. Whoever changes it holds the lock of `Training`.

    `counted` is the hour up to which its work is accounted for, 0 when nobody knows. `restless`:
    something may be in its work tree that no commit has. `beside` is what was not as it should be
    when its work was committed all the same.
    """

    prompts: list[str] = field(default_factory=list)
    before: tuple[str, ...] = ()
    began: float = 0.0
    counted: float = 0.0
    restless: bool = True
    failed: Wanted | None = None
    trouble: str = ""
    failures: int = 0
    not_before: float = 0.0
    held: tuple[HeldBack, ...] = ()
    beside: str = ""
    seen: str = ""
    seen_at: float = 0.0
    done: str = ""
    quiet: int = 0
    endless: bool = False
    """Nobody tells when its turns end: what it was asked last leads to all that follows."""
    look_at: float = 0.0
    _told: set[tuple[str, str]] = field(default_factory=set)
    _told_trouble: str = ""

    # -- what its runtime tells --------------------------------------------------------------------

    def asked(self, text: str, at: float) -> None:
        """Its model was given a prompt, or more words in the middle of a turn."""
        self.restless = True
        self.began = self.began or at
        if text:
            self.prompts = [*self.prompts, text][-PROMPTS_MAX:]

    def ended(self, event: HookEvent) -> Wanted:
        """Its turn ended; the next prompt begins another one."""
        wanted = Wanted(
            "turn",
            event.at,
            # A turn that was made to go on without a word goes on because of the same prompt.
            tuple(self.prompts) or self.before,
            event.text("last_assistant_message"),
            event.text("session_id"),
            self.began,
        )
        self.let_go()
        return wanted

    def let_go(self) -> None:
        """Forget the turn that is under way."""
        self.before = tuple(self.prompts) or self.before
        self.prompts, self.began = [], 0.0

    def wanted(self, cause: str, at: float, by: str = "", summary: str = "") -> Wanted:
        """Return a commit that is wanted in between; the turn goes on."""
        prompts = tuple(self.prompts) or (self.before if self.endless else ())
        return Wanted(cause, at, prompts, summary, began=self.began, by=by)

    # -- what became of it -------------------------------------------------------------------------

    def recorded(self, made: Recorded | None, counted: float) -> None:
        """It was committed, or nothing had changed."""
        self.failed, self.trouble, self.failures, self.not_before = None, "", 0, 0.0
        self.counted = max(self.counted, counted)
        if made is not None:
            self.held, self.beside = made.held_back, made.trouble
            self._told &= {(one.path, one.rule) for one in made.held_back}

    def failing(self, wanted: Wanted, trouble: str, now: float) -> bool:
        """It could not be committed; return whether that is news."""
        news = trouble != self.trouble
        self.failed, self.trouble, self.restless = wanted, trouble, True
        self.not_before = now + min(AGAIN_MAX_S, AGAIN_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return news

    def news(self) -> str:
        """Return what its agent was not told yet, and take it for told; '' for nothing."""
        fresh = [one for one in self.held if (one.path, one.rule) not in self._told]
        self._told |= {(one.path, one.rule) for one in fresh}
        parts = [_held(fresh)] if fresh else []
        if self.trouble and self.trouble != self._told_trouble:
            parts.append(
                f"novaorch could not commit the work in this tree: {self.trouble} It stays in the "
                "tree, and is tried again after this turn."
            )
        self._told_trouble = self.trouble
        return "\n\n".join(parts)

    # -- whether its tree is at rest ---------------------------------------------------------------

    def rests(self, word: str, now: float, settle_s: float) -> bool:
        """Take note of a tree's fingerprint; return whether it is to be committed now."""
        if word == self.done and self.failed is None:
            self.restless, self.seen = False, word
            self.look_at = now + min(QUIET_S, LOOK_S * 2.0 ** min(self.quiet, 10))
            self.quiet += 1
            return False
        self.quiet = 0
        if word != self.seen or now < self.seen_at:
            self.seen, self.seen_at = word, now
        return now - self.seen_at >= settle_s


def hooked(seat: Seat) -> bool:
    """Whether a runtime tells when its turns end."""
    persona = seat.persona
    known = RUNTIMES.get(persona.runtime) if persona is not None else None
    return known is not None and known.hooks


def named(held: Sequence[HeldBack]) -> str:
    """Return paths with their reasons on one line, the first ones of many."""
    shown = ", ".join(f"{one.path} ({one.why})" for one in held[:TOLD_MAX])
    more = len(held) - TOLD_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _held(fresh: Sequence[HeldBack]) -> str:
    lines = [f"- {one.path}: {one.why}" for one in fresh[:TOLD_MAX]]
    more = len(fresh) - TOLD_MAX
    lines += [f"- and {more} more"] if more > 0 else []
    head = "novaorch commits the work in this tree. These paths are in none of its commits:"
    return "\n".join([head, *lines])
