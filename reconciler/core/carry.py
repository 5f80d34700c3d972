"""Running panes on their way to another slot, or another name. No process is touched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from reconciler.core.change import applied_text
from reconciler.core.layouts import tidied
from reconciler.core.match import own_processes
from reconciler.core.scene import Scene, expect
from reconciler.core.seats import away, recalled, seats
from reconciler.model.action import Expect
from reconciler.model.step import Close, MarkPane, Step, SwapPanes
from reconciler.model.unit import Frame
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


def carries(scene: Scene, frame: Frame, made: Collection[str]) -> list[Carry]:
    """Return the panes that come home: to a window that is made, to a placeholder that an
    interrupted move left, or because the wish says so. `made` holds keys of windows."""
    found: list[Carry] = []
    for seat, unit in seats(frame):
        pane = away(scene, seat, unit)
        if pane is None:
            continue
        place = scene.match.places.get(unit)
        if place is not None:
            found.append(Carry(pane, place, place.pane_id))
        elif seat.window.key in made or recalled(scene, seat, unit):
            found.append(Carry(pane, None, f"slot:{unit}"))
    return found


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
