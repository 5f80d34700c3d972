"""One live window put in step with one wanted window: slots opened, ordered, arranged, named."""

from __future__ import annotations

from reconciler.core.layouts import arranged
from reconciler.core.opening import new_pane
from reconciler.core.scene import Scene
from reconciler.core.seats import Seat, applied_to, homeless, recalled
from reconciler.model.action import Change
from reconciler.model.ids import UnitId
from reconciler.model.step import MarkWindow, OpenPane, Rename, SetOptions, Step, SwapPanes
from reconciler.model.unit import Frame, Slot, Window
from reconciler.model.world import SeenWindow


def missing_slots(scene: Scene, seat: Seat, live: SeenWindow) -> tuple[OpenPane, ...]:
    """Open a pane for each slot that has none, after the slot before it, else before all others."""
    steps: list[OpenPane] = []
    beside, before = _first(scene, seat, live), True
    for slot in seat.window.slots:
        if _lacks(scene, seat, slot):
            steps.append(OpenPane(beside, new_pane(scene, seat.frame, slot), before=before))
            beside, before = f"slot:{slot.process}", False
            continue
        here = _here(scene, live, slot.process)
        if here is not None:
            beside, before = here, False
    return tuple(steps)


def _first(scene: Scene, seat: Seat, live: SeenWindow) -> str:
    """Return the pane before which a first one is opened: the first that stays, if any does."""
    ours = {_here(scene, live, slot.process) for slot in seat.window.slots}
    staying = [pane.pane_id for pane in live.panes if pane.pane_id in ours]
    theirs = [pane.pane_id for pane in live.panes if pane.mark is None]
    return next(iter((*staying, *theirs)), live.panes[0].pane_id)


def _lacks(scene: Scene, seat: Seat, slot: Slot) -> bool:
    if slot.process in scene.match.places:
        return False
    return homeless(scene, slot.process) or recalled(scene, seat, slot.process)


def _here(scene: Scene, live: SeenWindow, unit: UnitId) -> str | None:
    """Return the pane, real or placeholder, that stands in the window for a process now."""
    for pane in (scene.match.panes.get(unit), scene.match.places.get(unit)):
        if pane is not None and pane.window_id == live.window_id:
            return pane.pane_id
    return None


def touched(scene: Scene, frame: Frame, found: tuple[Change, ...]) -> set[str]:
    """Return the fields to be put right: those that changed, and all of a window that takes over
    another key. What was applied under that key before was applied to another window."""
    names = {change.field for change in found}
    known = {*applied_to(scene, frame), *(field.name for field in frame.fields)}
    for window in frame.windows:
        live = scene.match.windows.get((frame.id, window.key))
        if live is not None and live.key != window.key:
            both = (f"windows.{window.key}.", f"windows.{live.key}.")
            names.update(name for name in known if name.startswith(both))
    return names


def reshaped(scene: Scene, seat: Seat, names: set[str], opened: int, left: int) -> tuple[Step, ...]:
    """Return what turns name, key, order, layout and options of a live window into those wished
    for, once so many panes were opened in it and so many were carried out of it.

    Only what the wish changed: a person's own name, order or layout is not drift. A layout is
    applied again when a pane was opened, since opening it bent the old one.
    """
    window, live = seat.window, scene.match.windows[seat.frame.id, seat.window.key]
    prefix = f"windows.{window.key}."
    steps: list[Step] = []
    if live.key != window.key:
        steps.append(MarkWindow(live.window_id, window.key))
    if f"{prefix}name" in names and window.name and live.name != window.name:
        steps.append(Rename(live.window_id, window.name))
    if f"{prefix}panes" in names:
        steps.extend(_swaps(scene, seat, live))
    if opened or f"{prefix}layout" in names or f"{prefix}panes" in names:
        steps.extend(arranged(live.window_id, window.layout, len(live.panes) + opened - left))
    prefixes = {f"{prefix}options.", f"windows.{live.key}.options."}
    steps.extend(options_step(live.window_id, window.options, prefixes, names))
    return tuple(steps)


def options_step(
    target: str, options: tuple[tuple[str, str], ...], prefixes: set[str], names: set[str]
) -> tuple[SetOptions, ...]:
    """Return the step that sets the options which changed, and unsets those wanted no longer."""
    changed = {name.removeprefix(p) for p in prefixes for name in names if name.startswith(p)}
    if not changed:
        return ()
    kept = tuple((name, value) for name, value in options if name in changed)
    gone = tuple(sorted(changed - {name for name, _ in options}))
    return (SetOptions(target, kept, gone),)


def _swaps(scene: Scene, seat: Seat, live: SeenWindow) -> list[SwapPanes]:
    """Selection sort by exchanges: each puts one pane into its place for good.

    Comes after every pane was opened and carried in; a person's extra panes keep their places.
    """
    wanted = [slot.process for slot in seat.window.slots]
    order = _order(scene, seat, live)
    places = [unit for unit in wanted if unit in order]
    steps: list[SwapPanes] = []
    for place, unit in enumerate(places):
        if order[place] != unit:
            other = order.index(unit)
            steps.append(SwapPanes(_target(scene, live, unit), _target(scene, live, order[place])))
            order[place], order[other] = order[other], order[place]
    return steps


def _order(scene: Scene, seat: Seat, live: SeenWindow) -> list[UnitId]:
    """Return the slots of a window as they will stand once `missing_slots` is done."""
    at = {
        pane: slot.process
        for slot in seat.window.slots
        if (pane := _here(scene, live, slot.process)) is not None
    }
    order = [at[pane.pane_id] for pane in live.panes if pane.pane_id in at]
    before: UnitId | None = None
    for slot in seat.window.slots:
        if _lacks(scene, seat, slot):
            order.insert(0 if before is None else order.index(before) + 1, slot.process)
        if slot.process in order:
            before = slot.process
    return order


def _target(scene: Scene, live: SeenWindow, unit: UnitId) -> str:
    """Return the pane that holds a slot at this point: own panes were carried in, agents come."""
    pane = scene.match.panes.get(unit)
    if pane is not None and (unit.kind == "session" or pane.window_id == live.window_id):
        return pane.pane_id
    place = scene.match.places.get(unit)
    return place.pane_id if place is not None else f"slot:{unit}"


def in_order(wanted: tuple[Window, ...], indices: dict[str, int]) -> bool:
    """Whether the windows stand in the wanted order; one without an index stands at the end."""
    places = [indices[window.key] for window in wanted if window.key in indices]
    late = [window.key not in indices for window in wanted]
    return places == sorted(places) and late == sorted(late)
