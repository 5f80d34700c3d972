"""Everything heard and seen of one life of an agent, and how soon to look at it again.

Values and rules only: touches nothing, reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.core.evidence import LAG_S, judge
from reconciler.core.resets import reset_at
from reconciler.core.runtimes import RUNTIMES
from reconciler.core.screen import Reading
from reconciler.model.agent import AgentReport, AgentState, Evidence, Seat, Witness
from reconciler.model.runtime import Runtime

ROUND_S = 2.0
CONFIRM_S = 0.3
"""A screen that was seen idle for the first time is looked at again so soon."""
TRUSTED_S = 5.0
"""What a hook said of work or waiting is not asked about for so long."""
REST_S = 30.0
"""Between two looks at an agent that rests."""
SLOWEST_S = 8.0
"""Between two looks at a screen that does not change."""
MARK_S = 600.0
"""A pane's busy mark is over by itself so long after it was renewed last."""
KEPT = 3

_WORK = frozenset({AgentState.BUSY, AgentState.WAITING})


@dataclass(slots=True)
class Known:
    """Everything heard and seen of one life of an agent."""

    seat: Seat
    hook: Evidence | None = None
    file: Evidence | None = None
    screens: tuple[Evidence, ...] = ()
    process: Evidence | None = None
    background: int = 0
    canary: tuple[str, ...] = ()
    looked: float = 0.0
    due: float = 0.0
    same: int = 0
    said: AgentReport | None = None
    marked: str | None = None
    marked_at: float = 0.0

    @property
    def words(self) -> Iterable[Evidence]:
        """All of it."""
        one = (w for w in (self.hook, self.file, self.process) if w is not None)
        return (*one, *self.screens)

    def kept(self, word: Evidence) -> tuple[Evidence, ...]:
        """Return the last words of the screen with one more."""
        return (*self.screens[-(KEPT - 1) :], word)

    def judged(self, now: float) -> AgentReport:
        """Return what it all adds up to; `since` goes on while the state is the same."""
        made = judge(self.words, self.seat, now)
        last = self.said
        same = last is not None and key(last) == key(made)
        if last is None:
            return replace(made, since=min(made.at, now))
        return replace(made, since=last.since if same else now)


def is_agent(seat: Seat) -> bool:
    """Whether an agent runtime lives there, and not just any command."""
    return seat.persona is not None and seat.persona.runtime not in ("", "command")


def runtime(seat: Seat) -> Runtime:
    """Return the entry of an agent's runtime; one that nobody knows is a command."""
    name = seat.persona.runtime if seat.persona is not None else "command"
    return RUNTIMES.get(name, RUNTIMES["command"])


def interval(known: Known, now: float) -> float:
    """Return how long until the next look: soon while something is to be confirmed or nothing else
    is heard, seldom while hooks speak or all is quiet."""
    state = judge(known.words, known.seat, now).state
    if state in _WORK and _once_idle(known):
        return CONFIRM_S
    hooked = known.hook is not None
    if state in (AgentState.IDLE, AgentState.AUTH_LOST, AgentState.LIMITED) and hooked:
        return REST_S
    if state in _WORK and known.hook is not None and now - known.hook.at < TRUSTED_S:
        return TRUSTED_S
    return float(min(SLOWEST_S, ROUND_S * 2.0 ** min(known.same, 4)))


def _once_idle(known: Known) -> bool:
    """Whether the screen was seen idle once in a row since the last hook: a second look decides."""
    since = known.hook.at + LAG_S if known.hook is not None else 0.0
    late = [word.state for word in known.screens if word.at >= since][-2:]
    return late.count(AgentState.IDLE) == 1 and late[-1] is AgentState.IDLE


def limit(reading: Reading, now: float) -> Evidence | None:
    """Return a limit that a screen shows with its end. An hour too far off is one gone by."""
    until = reset_at(reading.detail, now)
    if until is None or until > now + 6 * 3600:
        return None
    return replace(reading.evidence(now), until=until)


def end(known: Known, now: float) -> Evidence | None:
    """Say how a life ended: whoever speaks by hooks says farewell, unless it crashed."""
    said = known.hook is not None and known.hook.state is AgentState.DONE
    if not known.seat.pane or said or not runtime(known.seat).hooks:
        return None
    detail = "its process ended without a word"
    return Evidence(Witness.PROCESS, AgentState.CRASHED, now, detail)


def busy(known: Known) -> str:
    """Return what a pane's agent is at work with, in words for whoever would disturb it."""
    state = known.said.state if known.said is not None else AgentState.UNKNOWN
    if state is AgentState.BUSY:
        return "in the middle of a turn"
    if state is AgentState.WAITING:
        return "in the middle of a turn that waits for a person"
    return "work in the background goes on" if known.background else ""


def key(report: AgentReport) -> tuple[object, ...]:
    """Return what makes a report another one."""
    return report.state, report.waiting, report.until
