"""How a live process is brought to its end, stage by stage: words are typed, if it knows any; then
TERM, or HUP for a shell; then KILL, until its pane is dead.

Each stage is in the mark of its pane, so it outlives whoever began it. A stage ends by the death of
the process or by its hour, and none is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.scene import drain_mark
from reconciler.model.ids import Json
from reconciler.model.step import MarkPane, Signal, Step, TypeLines
from reconciler.model.unit import Process
from reconciler.model.world import Drain, PaneMark, SeenPane

GRACE_S, KILL_S = 15.0, 5.0
"""What a process has whose own manifest does not say, or is gone and left no word."""

_POLITE = {Drain.STOP: Drain.ASKED_STOP, Drain.RESTART: Drain.ASKED_RESTART}
_AFTER_WORDS = {polite: drain for drain, polite in _POLITE.items()}
LONGEST_S = 600.0
"""No stage is given more; an hour further away was written before the clock was set back."""
_PROGRAM = ("command", "runtime")


@dataclass(frozen=True, slots=True)
class Ending:
    """How one process ends: lines that it understands, and its times in seconds.

    `shell`: a person's shell pays no heed to TERM, but hangs up.
    """

    quit: tuple[str, ...] = ()
    grace_s: float = GRACE_S
    kill_s: float = KILL_S
    shell: bool = False


def ending(process: Process, applied: Mapping[str, Json] | None) -> Ending:
    """Return how the process that runs for `process` ends.

    Its words are those of the wish, unless the wish changes the very program: then they are those
    that were applied last. Its times are always the newest.
    """
    wished = Ending(
        process.quit, process.stop_grace_s, process.kill_after_s, not process.launch.argv
    )
    wanted = {field.name: field.value for field in process.fields}
    if not applied or all(applied.get(name) == wanted.get(name) for name in _PROGRAM):
        return wished
    old = applied_ending(applied)
    return replace(wished, quit=old.quit, shell=old.shell)


def applied_ending(applied: Mapping[str, Json] | None) -> Ending:
    """Return how a process ends whose manifest is gone: by the fields that were applied last."""
    if not applied:
        return Ending()
    return Ending(
        _lines(applied.get("stop.quit")),
        _seconds(applied.get("stop.grace"), GRACE_S),
        _seconds(applied.get("stop.kill"), KILL_S),
        "command" in applied and not applied["command"],
    )


def _lines(value: Json) -> tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(line for line in found if isinstance(line, str))


def _seconds(value: Json, default: float) -> float:
    """Return a time that was read from a session's memory, which anybody could have written."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return float(value) if 0 <= value <= LONGEST_S else default


def begin(pane: SeenPane, mark: PaneMark, why: Drain, how: Ending) -> tuple[Step, ...]:
    """Return the first stage.

    What is typed is marked first, so that a crash in between never types it twice. A signal comes
    before its mark: a crash in between looks like an exit, and never costs a KILL.
    """
    if how.quit:
        marked = MarkPane(pane.pane_id, drain_mark(mark, _POLITE[why], how.grace_s))
        return marked, TypeLines(pane.pane_id, pane.pid, how.quit)
    return _signalled(pane, how), MarkPane(pane.pane_id, drain_mark(mark, why, how.grace_s))


def has_time(mark: PaneMark, now: float) -> bool:
    """Whether the stage that a mark speaks of is not over yet."""
    return now < mark.drain_until and not _was_set_back(mark, now)


def _was_set_back(mark: PaneMark, now: float) -> bool:
    return mark.drain_until > now + LONGEST_S + 2  # marks keep whole seconds


def press(pane: SeenPane, mark: PaneMark, how: Ending, now: float) -> tuple[Step, ...]:
    """Return the stage after the one that is over. The last one is repeated, without haste.

    A stage that would last for hours, because the clock was set back, begins anew instead.
    """
    if _was_set_back(mark, now):
        return (MarkPane(pane.pane_id, drain_mark(mark, mark.drain, how.grace_s)),)
    after = _AFTER_WORDS.get(mark.drain)
    if after is not None:
        return _signalled(pane, how), MarkPane(pane.pane_id, drain_mark(mark, after, how.kill_s))
    again = MarkPane(pane.pane_id, drain_mark(mark, mark.drain, how.kill_s))
    return again, Signal(pane.pane_id, pane.pid, "KILL")


def _signalled(pane: SeenPane, how: Ending) -> Signal:
    return Signal(pane.pane_id, pane.pid, "HUP" if how.shell else "TERM")


def waiting_for(mark: PaneMark) -> str:
    """Return what a drain waits for, in words."""
    harder = "TERM" if mark.drain in _AFTER_WORDS else "KILL"
    return f"asked to end; {harder} follows when its grace is over"


def unheeded(mark: PaneMark, now: float) -> str:
    """Return why a drain presses harder, in words."""
    if _was_set_back(mark, now):
        return "the clock was set back, so its grace begins anew"
    words = mark.drain in _AFTER_WORDS
    return "the words did not end it" if words else "did not end in its grace"
