"""What is there, as the journal counts it: units that have a pane of ours which is no placeholder,
and agents' work trees.

Knows steps and marks only. What a step really did is for the host to say; here it is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from reconciler.model.action import Action
from reconciler.model.ids import UnitId
from reconciler.model.record import Deed, Inventory, Kept, Record
from reconciler.model.step import (
    BeginRun,
    Close,
    CloseWorkspace,
    MarkPane,
    MarkWorkspace,
    NewPane,
    OpenPane,
    OpenSession,
    OpenWindow,
    OpenWorkspace,
    Respawn,
    Step,
    SwapPanes,
)
from reconciler.model.world import PaneMark, SeenPane, World

TREE = "tree"
"""Stands for a pane where a unit is a work tree."""
OBSERVED = "observed"
"""The verb of a deed that nobody did: the world was found otherwise than the journal had it."""

Leaves = tuple[tuple[UnitId, Kept | None], ...]
"""Units and what they are now; None: gone."""


class Tally:
    """The panes of one fleet as a pass goes on: what was seen, then what each action leaves."""

    def __init__(self, world: World, fleet: str) -> None:
        self._panes: dict[str, PaneMark] = {}
        self._units: dict[UnitId, dict[str, Kept]] = {}
        self._homes: dict[str, tuple[str, str]] = {}
        self._slots: dict[UnitId, str] = {}
        self._names = (f"made:{number}" for number in count())
        for pane in _panes(world):
            self._homes[pane.pane_id] = (pane.window_id, pane.session_id)
            if pane.mark is not None and pane.mark.fleet == fleet:
                self._put(pane.pane_id, pane.mark)
        for unit, seen in world.workspaces.items():
            if seen.digest:
                self._units[unit] = {TREE: Kept(seen.digest, "")}

    def inventory(self) -> dict[UnitId, Kept]:
        """Return every unit that is there now."""
        return {unit: _one(found) for unit, found in self._units.items() if found}

    def leaves(self, action: Action) -> Leaves:
        """Carry an action out in thought, and return every unit that it made, changed or ended."""
        before: dict[UnitId, Kept | None] = {}
        begun: set[UnitId] = set()
        for step in action.steps:
            for unit in self._about(step):
                before.setdefault(unit, self._now(unit))
            begun.update(_begun(step))
            self._take(step)
        return tuple(
            (unit, self._now(unit))
            for unit, was in before.items()
            if unit in begun or self._now(unit) != was
        )

    def _now(self, unit: UnitId) -> Kept | None:
        found = self._units.get(unit)
        return _one(found) if found else None

    def _about(self, step: Step) -> Iterator[UnitId]:
        """Yield the units that a step can change: those it names, and those it is done to."""
        if isinstance(step, OpenWorkspace | BeginRun | MarkWorkspace | CloseWorkspace):
            yield step.unit
        yield from (mark.unit for mark in _marks(step) if not mark.placeholder)
        for pane in self._touched(step):
            if pane in self._panes:
                yield self._panes[pane].unit

    def _touched(self, step: Step) -> list[str]:
        match step:
            case Respawn(pane=target) | MarkPane(pane=target):
                return [self._pane(target)]
            case Close(target=target):
                pane = self._pane(target)
                inside = [p for p, home in self._homes.items() if target in home]
                return [pane] if pane in self._homes else inside
        return []

    def _take(self, step: Step) -> None:
        match step:
            case OpenSession() | OpenWindow() | OpenPane():
                self._open(_marks(step))
            case Respawn(new=NewPane(mark=mark)) | MarkPane(mark=mark):
                for pane in self._touched(step):
                    self._put(pane, mark)
            case Close():
                for pane in self._touched(step):
                    self._drop(pane)
                    self._homes.pop(pane, None)
            case SwapPanes(first=first, second=second):
                self._swap(self._pane(first), self._pane(second))
            case _:
                self._take_tree(step)

    def _take_tree(self, step: Step) -> None:
        if isinstance(step, OpenWorkspace | MarkWorkspace):
            self._units[step.unit] = {TREE: Kept(step.workspace.digest, "")}
        elif isinstance(step, CloseWorkspace):
            self._units.pop(step.unit, None)

    def _open(self, marks: list[PaneMark]) -> None:
        for mark in marks:
            pane = next(self._names)
            self._homes[pane] = ("", "")
            self._put(pane, mark)

    def _swap(self, one: str, other: str) -> None:
        homes = self._homes
        if one in homes and other in homes:
            homes[one], homes[other] = homes[other], homes[one]

    def _pane(self, target: str) -> str:
        if not target.startswith("slot:"):
            return target
        return self._slots.get(UnitId(target.removeprefix("slot:")), target)

    def _put(self, pane: str, mark: PaneMark) -> None:
        self._drop(pane)
        self._panes[pane] = mark
        self._slots[mark.unit] = pane
        if not mark.placeholder:
            self._units.setdefault(mark.unit, {})[pane] = Kept(mark.digest, mark.commit)

    def _drop(self, pane: str) -> None:
        old = self._panes.pop(pane, None)
        if old is not None:
            self._units.get(old.unit, {}).pop(pane, None)


def live_inventory(world: World, fleet: str) -> dict[UnitId, Kept]:
    """Return what a photograph shows of a fleet."""
    return Tally(world, fleet).inventory()


def effects(action: Action, world: World, fleet: str) -> Leaves:
    """Return what one action leaves when it is the first one carried out in this world."""
    return Tally(world, fleet).leaves(action)


def replay(records: Iterable[Record]) -> dict[UnitId, Kept]:
    """Return the inventory that these records, from the first one on, add up to."""
    found: dict[UnitId, Kept] = {}
    for record in records:
        for deed in record.deeds:
            follow(found, deed)
    return found


def follow(inventory: dict[UnitId, Kept], deed: Deed) -> None:
    """Change an inventory by what one deed left."""
    for unit, kept in deed.leaves:
        if kept is None:
            inventory.pop(unit, None)
        else:
            inventory[unit] = kept


def corrections(known: Inventory, live: Inventory) -> tuple[Deed, ...]:
    """Return the deeds that turn what the journal says into what was seen: nobody did them."""
    units = sorted({*known, *live})
    return tuple(
        _observed(unit, known.get(unit), live.get(unit))
        for unit in units
        if known.get(unit) != live.get(unit)
    )


def _observed(unit: UnitId, known: Kept | None, live: Kept | None) -> Deed:
    what = "work tree" if unit.kind == "workspace" else "pane"
    if live is None:
        reason, detail = "gone", f"its {what} is gone, and the journal does not say who closed it"
    elif known is None:
        reason, detail = "found", f"it has a {what}, and the journal does not say who opened it"
    else:
        reason, detail = "differs", f"its {what} is marked otherwise than the journal says"
    return Deed(OBSERVED, unit, reason, detail, leaves=((unit, live),))


def _one(found: Mapping[str, Kept]) -> Kept:
    """Return what counts of doubles: always the same one, whatever pane it is in."""
    if len(found) == 1:
        return next(iter(found.values()))
    return min(found.values(), key=lambda kept: (kept.digest, kept.commit))


def _panes(world: World) -> Iterator[SeenPane]:
    """Yield each pane once. Grouped sessions show the same ones again."""
    seen: set[str] = set()
    for session in world.sessions:
        for window in session.windows:
            for pane in window.panes:
                if pane.pane_id not in seen:
                    seen.add(pane.pane_id)
                    yield pane


def _marks(step: Step) -> list[PaneMark]:
    match step:
        case OpenSession(windows=windows):
            return [pane.mark for window in windows for pane in window.panes]
        case OpenWindow(window=window):
            return [pane.mark for pane in window.panes]
        case OpenPane(pane=new) | Respawn(new=new):
            return [new.mark]
        case MarkPane(mark=mark):
            return [mark]
    return []


def _begun(step: Step) -> list[UnitId]:
    """Return the units that a step starts anew: worth a word even when nothing differs."""
    if isinstance(step, MarkPane):
        return []
    if isinstance(step, BeginRun):
        return [step.unit]
    return [mark.unit for mark in _marks(step) if not mark.placeholder]
