"""Running panes on their way to another slot, or another name. No process is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from reconciler.core.change import applied_text
from reconciler.core.layouts import tidied
from reconciler.core.match import own_processes
from reconciler.core.moves import move
from reconciler.core.scene import Scene, expect
from reconciler.core.seats import away, brought_back, recalled, seat_of, seats
from reconciler.model.action import Action, Expect, Reason, Verb
from reconciler.model.ids import UnitId, canonical, digest
from reconciler.model.step import (
    Close,
    MarkPane,
    OpenPane,
    OpenSession,
    OpenWindow,
    Step,
    SwapPanes,
)
from reconciler.model.unit import Frame, Process
from reconciler.model.world import SeenPane


@dataclass(frozen=True, slots=True)
class Carry:
    """A real pane that changes places with the placeholder in its slot.

    `place` is that placeholder when it is there already; None: the same order makes it first.
    """

    pane: SeenPane
    place: SeenPane | None
    target: str

    @property
    def expects(self) -> tuple[Expect, ...]:
        """What must still be there."""
        if self.place is None:
            return (expect(self.pane),)
        return expect(self.pane), expect(self.place)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Exchange the two, then remove the placeholder from where the pane was."""
        return SwapPanes(self.pane.pane_id, self.target), Close(self.target)


def own_carries(scene: Scene, frame: Frame, made: Collection[str]) -> list[Carry]:
    """Return a Session's own panes that come home: to a window that is made, or because the wish
    says so. `made` holds keys of windows. The frame's own action carries them, after it opened
    every slot."""
    found: list[Carry] = []
    for seat, unit in seats(frame):
        pane = away(scene, seat, unit) if unit.kind == "session" else None
        if pane is None:
            continue
        place = scene.match.places.get(unit)
        if place is not None:
            found.append(Carry(pane, place, place.pane_id))
        elif seat.window.key in made or recalled(scene, seat, unit):
            found.append(Carry(pane, None, f"slot:{unit}"))
    return found


def agent_carry(scene: Scene, process: Process, kept: Collection[UnitId]) -> Carry | None:
    """Return how an agent comes to the placeholder that is there, or that this plan makes.

    `kept` holds the units for which it makes one. Agents travel between frames, so each is
    carried by its own action, after both frames have opened what they have to: a session must
    not lose its last pane while it still waits for another.
    """
    pane = scene.match.panes.get(process.id)
    if pane is None or process.id.kind == "session":
        return None
    place = scene.match.places.get(process.id)
    if place is not None:
        return Carry(pane, place, place.pane_id)
    return Carry(pane, None, f"slot:{process.id}") if process.id in kept else None


def with_carry(scene: Scene, process: Process, carry: Carry, action: Action | None) -> list[Action]:
    """Return the action of a process with its carry before it; a hold stays beside it."""
    by_hand = carry.place is None and brought_back(scene, seat_of(scene, process), process.id)
    moved = replace(
        move(Verb.UPDATE, process, Reason.EDITED if by_hand else Reason.MISPLACED, ()),
        detail=f"into {process.frame}" if process.frame != process.id else "",
    )
    held = [action] if action is not None and action.verb is Verb.HOLD else []
    base = moved if action is None or held else action
    written = _reseated(scene, process, carry)
    joined = replace(
        base,
        expects=tuple(dict.fromkeys((*carry.expects, *base.expects))),
        steps=(
            *carried(scene, [carry]),
            *written,
            *(_agreeing(step, carry, written) for step in base.steps),
        ),
        needs=tuple(dict.fromkeys((*base.needs, *_frames(scene, process, carry)))),
    )
    return [joined, *held]


def _reseated(scene: Scene, process: Process, carry: Carry) -> tuple[MarkPane, ...]:
    """Write down the new seat at once, whatever else of the wish is still to be applied: if the
    wish goes back meanwhile, the agent has to be carried back."""
    applied = scene.applied(process)
    seat = next((f.value for f in process.fields if f.name == "session"), None)
    if not applied or carry.pane.mark is None or applied.get("session") == seat:
        return ()
    fields = {**applied, "session": seat}
    mark = replace(carry.pane.mark, digest=digest(fields))
    return (MarkPane(carry.pane.pane_id, mark, canonical(fields)),)


def _agreeing(step: Step, carry: Carry, written: tuple[MarkPane, ...]) -> Step:
    """Let a later mark of the same order keep the digest that was just written."""
    if not isinstance(step, MarkPane) or not written or carry.pane.mark is None:
        return step
    if step.mark.digest != carry.pane.mark.digest:
        return step
    return replace(step, mark=replace(step.mark, digest=written[0].mark.digest))


def _frames(scene: Scene, process: Process, carry: Carry) -> Iterator[UnitId]:
    """The Sessions that it comes to and leaves open their slots first."""
    if process.frame != process.id and carry.place is None:
        yield process.frame
    for unit, session in scene.match.sessions.items():
        if session.session_id == carry.pane.session_id and unit.kind == "session":
            yield unit


def placeholders(action: Action) -> Iterator[UnitId]:
    """Yield the units whose place an action makes and keeps for them."""
    for step in action.steps:
        match step:
            case OpenSession(windows=windows):
                panes = [pane for window in windows for pane in window.panes]
            case OpenWindow(window=window):
                panes = list(window.panes)
            case OpenPane(pane=pane):
                panes = [pane]
            case _:
                continue
        yield from (pane.mark.unit for pane in panes if pane.mark.placeholder)


def carried(scene: Scene, moving: list[Carry]) -> tuple[Step, ...]:
    """Return the steps of all carries, and the layouts of the windows that lose a pane by them."""
    return (
        *(step for carry in moving for step in carry.steps),
        *tidied(scene, [carry.pane for carry in moving]),
    )


def renamed(scene: Scene, frame: Frame) -> list[tuple[Expect, MarkPane]]:
    """Return new names for own panes whose content stayed and whose number changed."""
    found: list[tuple[Expect, MarkPane]] = []
    for unit in own_processes(frame):
        pane = scene.match.panes.get(unit)
        if pane is None or pane.mark is None or pane.mark.unit == unit:
            continue
        mark = replace(pane.mark, unit=unit, commit=scene.desired.commit)
        fields = scene.desired.processes[unit].fields
        found.append((expect(pane), MarkPane(pane.pane_id, mark, applied_text(fields))))
    return found
