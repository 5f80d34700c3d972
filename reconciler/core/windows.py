"""One live window put in step with one wanted window: slots opened, ordered, arranged, named."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.scene import Scene
from reconciler.model.ids import UnitId
from reconciler.model.step import (
    Arrange,
    MarkWindow,
    NewPane,
    OpenPane,
    Rename,
    Step,
    SwapPanes,
)
from reconciler.model.unit import Slot, Window
from reconciler.model.world import SeenWindow


def missing_slots(
    live: SeenWindow, window: Window, missing: list[Slot], new: Callable[[Slot], NewPane]
) -> tuple[Step, ...]:
    """Open a pane for each missing slot, next to the slot before it (else before the first)."""
    at = {pane.mark.unit: pane.pane_id for pane in live.panes if pane.mark is not None}
    first = live.panes[0].pane_id
    steps: list[Step] = []
    before: str | None = None
    lacking = {slot.process for slot in missing}
    for slot in window.slots:
        if slot.process in lacking:
            beside = before if before is not None else first
            steps.append(OpenPane(beside, new(slot), before=before is None))
            before = f"slot:{slot.process}"
        else:
            before = at.get(slot.process, before)
    return tuple(steps)


def rearranged(
    scene: Scene, live: SeenWindow, window: Window, names: set[str], *, opened: bool
) -> tuple[Step, ...]:
    """Return what turns name, key, order and layout of `live` into those of `window`.

    Only what the wish changed: a person's own name, order or layout is not drift. A layout is
    applied again when a pane was opened, since opening it bent the old one.
    """
    prefix = f"windows.{window.key}."
    steps: list[Step] = []
    if live.key != window.key:
        steps.append(MarkWindow(live.window_id, window.key))
    renamed = live.key != window.key or f"{prefix}name" in names
    if renamed and window.name and live.name != window.name:
        steps.append(Rename(live.window_id, window.name))
    if f"{prefix}panes" in names:
        steps.extend(_swaps(scene, live, window))
    reshaped = opened or f"{prefix}layout" in names or f"{prefix}panes" in names
    if reshaped and window.layout:
        steps.append(Arrange(live.window_id, window.layout))
    return tuple(steps)


def _swaps(scene: Scene, live: SeenWindow, window: Window) -> list[Step]:
    """Selection sort by exchanges: each moves one pane to its place, none is touched twice."""
    wanted = [pane for slot in window.slots if (pane := _pane_of(scene, live, slot.process))]
    order = [p.pane_id for p in live.panes if p.pane_id in set(wanted)]
    steps: list[Step] = []
    for place, pane in enumerate(wanted):
        if order[place] != pane:
            other = order.index(pane)
            steps.append(SwapPanes(pane, order[place]))
            order[place], order[other] = order[other], order[place]
    return steps


def _pane_of(scene: Scene, live: SeenWindow, process: UnitId) -> str | None:
    pane = scene.match.panes.get(process) or scene.match.places.get(process)
    if pane is None or pane.window_id != live.window_id:
        return None
    return pane.pane_id
