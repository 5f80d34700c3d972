"""What an agent does, judged from everything that bears witness of it. Pure: the hour is given.

What the runtime tells by its hooks counts first, then its session file, then the screen. Later
word of a lesser witness counts when it says that something began; that something ended it has to
confirm. Word about a former process is none, and all words fade.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.model.agent import AgentReport, AgentState, Evidence, Seat, Witness

LAG_S = 1.0
"""A file or a screen may be so far behind a hook: what they say that soon after one is old news."""
CONFIRM_S = 0.2
"""Two looks that show an idle screen must be so far apart: between two tools it looks idle, too."""
YOUNG_S = 30.0
"""A word that says otherwise is shown as a conflict for so long."""
STARTING_S = 60.0
"""A process of which nothing is heard is starting for so long; after that nobody knows."""
FAINT = 0.1
"""Confidence below this is none."""

_TRUST = {
    Witness.HOOK: 0.98,
    Witness.SESSION_FILE: 0.9,
    Witness.SCREEN: 0.75,
    Witness.PROCESS: 0.5,
}
_HALF_LIFE_S = {
    AgentState.STARTING: 30.0,
    AgentState.IDLE: 3600.0,
    AgentState.BUSY: 300.0,
    AgentState.WAITING: 900.0,
    AgentState.LIMITED: 3600.0,
    AgentState.AUTH_LOST: 3600.0,
    AgentState.DONE: 86_400.0,
    AgentState.CRASHED: 86_400.0,
    AgentState.UNKNOWN: 30.0,
}
"""How soon half the trust in a word is gone: what lasts long by nature is believed for long."""
_RANK = (Witness.HOOK, Witness.SESSION_FILE, Witness.SCREEN, Witness.PROCESS)
_AT_REST = frozenset({AgentState.IDLE, AgentState.LIMITED, AgentState.AUTH_LOST, AgentState.DONE})
_AT_WORK = frozenset({AgentState.BUSY, AgentState.WAITING})


def judge(evidence: Iterable[Evidence], seat: Seat, now: float) -> AgentReport:
    """Return what all words add up to. Of each witness any number may be given: the latest counts,
    and the screen's last two tell whether it was seen idle twice."""
    words = [word for word in evidence if _counts(word, seat, now)]
    heard = [found for w in _RANK if (found := _latest(words, w, now)) is not None]
    if not heard:
        return _nothing_heard(seat, now)
    told = heard[0]
    for other in heard[1:]:
        if _prevails(other, told, words):
            told = other
    sure = _together([w for w in heard if _agree(w, told)], now)
    if sure < FAINT:
        why = f"the last word is too old: {_said(told)}"
        return AgentReport(AgentState.UNKNOWN, told.at, sure, why)
    others = tuple(_said(w) for w in heard if not _agree(w, told) and _young(w, told, now))
    return AgentReport(told.state, told.at, sure, _said(told), told.waiting, told.until, others)


def reconfirmed(word: Evidence, hook: Evidence | None, now: float) -> Evidence:
    """Return what a session file says as of now, if it was written after the last hook: a runtime
    keeps it up to date, so it is true until it is written anew. An older one is left as it is."""
    if hook is not None and word.at < hook.at - LAG_S:
        return word
    return replace(word, at=max(word.at, now))


# -- which word counts ----------------------------------------------------------------------------


def _counts(word: Evidence, seat: Seat, now: float) -> bool:
    """Whether a word is about the process that lives now, and is not over."""
    if word.witness is not Witness.PROCESS and not seat.pane:
        return word.state in (AgentState.DONE, AgentState.CRASHED)
    if word.pid and seat.pid and word.pid != seat.pid:
        return False
    if word.until and word.until <= now:
        return False
    return not seat.pane or word.at >= seat.began


def _latest(words: Iterable[Evidence], witness: Witness, now: float) -> Evidence | None:
    """Return a witness's last word; of two of the same hour, the one that was given last."""
    last = None
    for word in words:
        if word.witness is witness and (last is None or min(word.at, now) >= min(last.at, now)):
            last = word
    return last


def _prevails(other: Evidence, told: Evidence, words: Sequence[Evidence]) -> bool:
    """Whether the later word of a lesser witness counts more than the one that would count."""
    if _agree(other, told) or other.state in (AgentState.UNKNOWN, AgentState.STARTING):
        return False
    if told.state in (AgentState.UNKNOWN, AgentState.STARTING):
        return other.at >= told.at
    if other.at < told.at + LAG_S:
        return False
    return other.state is not AgentState.IDLE or _confirmed(other, told, words)


def _confirmed(idle: Evidence, told: Evidence, words: Sequence[Evidence]) -> bool:
    """Whether idleness was seen twice, with nothing else in between, after what it contradicts."""
    if idle.witness is not Witness.SCREEN:
        return True
    screens = sorted((w for w in words if w.witness is Witness.SCREEN), key=lambda w: w.at)
    before = next((w for w in reversed(screens) if w.at <= idle.at - CONFIRM_S), None)
    if before is None or before.at < told.at + LAG_S:
        return False
    return all(w.state is AgentState.IDLE for w in screens if w.at >= before.at)


def _agree(one: Evidence, other: Evidence) -> bool:
    """Whether two words can both be true: a file knows idle and busy only, and whoever waits for
    a person is busy to it; a composer that is empty says nothing of a limit."""
    if one.state is other.state:
        return one.waiting is other.waiting or None in (one.waiting, other.waiting)
    pair = {one.state, other.state}
    if Witness.SESSION_FILE in (one.witness, other.witness) and pair <= _AT_WORK:
        return True
    return AgentState.IDLE in pair and pair <= _AT_REST


def _young(word: Evidence, told: Evidence, now: float) -> bool:
    """Whether a word that says otherwise is worth showing: young, and no old news."""
    known = word.state not in (AgentState.UNKNOWN, AgentState.STARTING)
    return known and now - word.at <= YOUNG_S and word.at > told.at - LAG_S


# -- how sure -------------------------------------------------------------------------------------


def _together(words: Sequence[Evidence], now: float) -> float:
    """Return how sure those who agree are together."""
    doubt = 1.0
    for word in words:
        doubt *= 1.0 - _sure(word, now)
    return round(1.0 - doubt, 3)


def _sure(word: Evidence, now: float) -> float:
    age = max(0.0, now - word.at)
    if word.until > now:
        age = 0.0
    return float(_TRUST[word.witness] * 0.5 ** (age / _HALF_LIFE_S[word.state]))


def _nothing_heard(seat: Seat, now: float) -> AgentReport:
    if not seat.pane:
        why = "stopped by wish" if seat.mode == "stopped" else "nothing runs"
        return AgentReport(AgentState.DONE if seat.mode == "stopped" else _NONE, now, 1.0, why)
    if seat.persona is None or not seat.persona.runtime or seat.persona.runtime == "command":
        why = f"a command: it runs (pid {seat.pid}), and says nothing of what it does"
        return AgentReport(AgentState.UNKNOWN, seat.began, 0.0, why)
    if 0 <= now - seat.began < STARTING_S:
        return AgentReport(AgentState.STARTING, seat.began, 0.5, "it has just been started")
    return AgentReport(AgentState.UNKNOWN, seat.began, 0.0, "nothing was heard of it yet")


_NONE = AgentState.UNKNOWN


def _said(word: Evidence) -> str:
    """Return a word in one line: who says what. No age is in it, so it stays the same."""
    what = f"{word.state.value} ({word.waiting.value})" if word.waiting else word.state.value
    return f"{word.witness.value}: {what}{f', {word.detail}' if word.detail else ''}"
