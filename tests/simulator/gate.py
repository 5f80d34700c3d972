"""Every crossing between the controller and the outside, and what goes wrong there.

Never decides what is right: it counts, strikes, and keeps the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from reconciler.adapters.memory import CrashError
from reconciler.adapters.memory.hands import RefusedStepError
from reconciler.model.problems import BlindError
from reconciler.model.world import World

T = TypeVar("T")

CRASHES = ("crash-before", "crash-after")
"""The controller dies before, or just after, the boundary."""
ANSWERS = ("blind", "stale", "refuse", "unsure", "drop", "double")
"""One call goes wrong: no answer; the photograph before the last change; a step that is refused, or
done and called failed; an event that is lost, or comes twice."""
WORLDLY = ("back", "ahead", "kill-server", "wipe", "down", "newer", "rewind", "pause", "rival")
"""The world changes under the controller: the clock goes back an hour or ahead a day; the tmux
server ends; the store is emptied, or down for a while; somebody commits; the branch is forced back,
and forward again; the controller stands still and wakes beside its successor; another host has the
lease for a while.
"""
FAULTS = CRASHES + ANSWERS + WORLDLY

_BEFORE = {
    "crash-before": CrashError(),
    "blind": BlindError("nobody answers", why="a fault of the simulator", fix="wait"),
    "refuse": RefusedStepError("no space for new pane"),
}
_AFTER = {"crash-after": CrashError(), "unsure": RefusedStepError("no answer in time")}


@dataclass(frozen=True, slots=True)
class Boundary:
    """One crossing. `changes` counts what was changed outside before it; `word` is what a wait
    gave."""

    number: int
    name: str
    changes: int
    word: str = ""

    def bears(self, fault: str) -> bool:
        """Whether this fault can happen here."""
        if fault in ("refuse", "unsure"):
            return self.name.startswith("step.")
        if fault == "stale":
            return self.name == "host.photograph"
        if fault in ("drop", "double"):
            return self.name == "trigger.wait" and self.word not in ("poll", "stop", "")
        if fault == "blind":
            return not self.name.startswith(("step.", "trigger."))
        return True

    def __str__(self) -> str:
        return f"{self.number:4d}  {self.name} {self.word}".rstrip()


@dataclass
class Gate:
    """Counts the boundaries of one run and strikes where `faults` (boundary -> fault) says so.

    `struck` hears of each fault, and carries out what the gate itself cannot. A fault strikes once.
    """

    faults: Mapping[int, str] = field(default_factory=dict)
    struck: Callable[[str], None] = lambda _fault: None
    changes: int = 0
    crossed: list[Boundary] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    open: bool = True

    def cross(self, name: str, call: Callable[[], T], photo: Callable[[], T] | None = None) -> T:
        """Make a call of the outside, with whatever goes wrong at this boundary."""
        if not self.open:
            return call()
        here = Boundary(len(self.crossed), name, self.changes)
        self.crossed.append(here)
        fault = self.faults.get(here.number, "")
        self.tell(str(here) + (f"    <-- {fault}" if fault else ""))
        if not fault or not here.bears(fault):
            return call()
        self.struck(fault)
        if fault in _BEFORE:
            raise _BEFORE[fault]
        if fault == "stale" and photo is not None:
            return photo()
        answer = call()
        if fault in _AFTER:
            raise _AFTER[fault]
        return answer

    def heard(self, word: str) -> str:
        """Note what the wait that was just crossed gave; '' says that the event was lost."""
        if not self.open or not self.crossed:
            return word
        here = replace(self.crossed[-1], word=word)
        self.crossed[-1] = here
        if here.bears("drop") and self.faults.get(here.number) == "drop":
            self.tell(f"      {word}: lost")
            return ""
        return word

    def twice(self) -> bool:
        """Whether the event that was just heard comes again."""
        if not self.open or not self.crossed:
            return False
        here = self.crossed[-1]
        return self.faults.get(here.number) == "double" and here.bears("double")

    def tell(self, line: str) -> None:
        """Write a line of the trace."""
        self.story.append(line)


class Gated:
    """Any port, behind the gate: each of its calls is a boundary called `name.method`."""

    def __init__(self, name: str, port: object, gate: Gate) -> None:
        self._name, self._port, self._gate = name, port, gate

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found
        return lambda *a, **k: self._gate.cross(f"{self._name}.{method}", lambda: found(*a, **k))


def gated(name: str, port: T, gate: Gate) -> T:
    """Return the port behind the gate."""
    return cast(T, Gated(name, port, gate))


def stale(gate: Gate, call: Callable[[], World], before: Callable[[], World]) -> World:
    """Take a photograph, or find the one before the last change."""
    return gate.cross("host.photograph", call, before)
