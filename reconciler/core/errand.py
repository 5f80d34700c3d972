"""The nouns of delivery: what is known of one agent and its mail, the moves, what forbids one.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.screen import Reading, read
from reconciler.model.agent import AgentReport, Screen, Seat
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Proof, Tracked
from reconciler.model.runtime import Runtime

TYPING_S = 5.0
"""A person whose last key is younger is typing."""
AGAIN_S = 0.25
"""After so long something that changes without a word is looked at again, at first."""
AGAIN_MAX_S = 30.0
GO_ON_MAX = 3
"""So often in a row a turn that would end goes on with messages; then they open a new one."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing until an epoch second, or until something is heard; `inf`: until something is.

    `seen`: what was pasted is still seen in the composer.
    """

    until: float
    why: str
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """The runtime's next hook takes it; otherwise think again at `until`."""

    until: float
    why: str


@dataclass(frozen=True, slots=True)
class Look:
    """Nothing is decided without its screen."""


@dataclass(frozen=True, slots=True)
class Paste:
    """Paste these, as many as fit, and press Enter."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """Type this one as a line."""

    message: Message


@dataclass(frozen=True, slots=True)
class Press:
    """Press Enter alone: our text is still in the composer."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """Ask the transcript for these."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Prove:
    """Write down what became known."""

    proofs: tuple[tuple[str, Proof], ...]


@dataclass(frozen=True, slots=True)
class Bury:
    """Give these up, each for its reason."""

    letters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Again:
    """It did not arrive: give it again, as if it had not been given."""


Move = Wait | Offer | Look | Paste | Type | Press | Check | Prove | Bury


@dataclass(frozen=True, slots=True)
class Closed:
    """Why an agent may not be made to work now, and until when; 0: nobody knows."""

    until: float
    why: str


@dataclass(frozen=True, slots=True)
class Pursuit:
    """What one life of the courier remembers of a bundle under way; a crash loses it, and that
    costs a look or a question more.

    `acted`: these were typed by this very life, and tmux said so; `missed`: tmux said that it did
    not. `looks` counts those that changed nothing. `asked` is when the transcript was asked last,
    `absent` whether it denied, None: it could not say. `gone` is since when it was seen nowhere: a
    person, or a life that ended, may have pressed Enter just before.
    """

    acted: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()
    presses: int = 0
    pressed: float = 0.0
    asks: int = 0
    asked: float = 0.0
    absent: bool | None = None
    gone: float = 0.0
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that is known of one agent and what waits for it.

    `mail` has what is open, the most urgent first. `seat` None: the fleet has no such agent.
    `screen` None: it was not looked at yet.
    """

    unit: UnitId
    now: float
    mail: tuple[Tracked, ...]
    seat: Seat | None
    runtime: Runtime | None
    report: AgentReport
    screen: Screen | None = None
    closed: Closed | None = None
    pursuit: Pursuit = field(default_factory=Pursuit)

    @property
    def reading(self) -> Reading | None:
        """What the screen says, None without one."""
        if self.screen is None or self.runtime is None:
            return None
        return read(self.screen, self.runtime.looks)


def obstacle(case: Case) -> Wait | None:
    """Return what forbids any key now, though the screen was seen; None: nothing."""
    screen, reading = case.screen, case.reading
    if screen is None or reading is None or case.seat is None:
        return None
    if case.now - screen.attended < TYPING_S:
        until = min(screen.attended, case.now) + TYPING_S
        return Wait(until, f"somebody is typing in the window of {case.unit}")
    forbidden = (
        (case.seat.mode == "manual", "is in mode manual: nothing is typed"),
        (screen.dead, "has ended"),
        (bool(screen.mode), f"is being scrolled through by somebody ({screen.mode})"),
        (reading.waiting is not None, f"shows a dialog ({reading.detail}): nothing is typed at it"),
    )
    soon = case.now + pause(case.pursuit.looks)
    return next((Wait(soon, f"{case.unit} {why}") for it, why in forbidden if it), None)


def pause(count: int) -> float:
    """Return how long to wait after `count` looks that changed nothing."""
    return float(min(AGAIN_S * 2 ** min(count, 10), AGAIN_MAX_S))
