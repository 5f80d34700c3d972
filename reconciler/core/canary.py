"""A change to many goes to some of them first: who they are, what the rest keeps, when it is over.

Rules only. A trial mixes two wishes, the last one that was followed in full and the new one. What
is new goes at once, and so does what costs no process anything; whatever would restart a process
outside the trial waits, and so does every removal. A session whose windows or panes change cannot
be taken apart: it goes, or waits, as a whole.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reconciler.core.change import changes, worst
from reconciler.model.control import Trial, Withheld, Withholding
from reconciler.model.fleet import Canary
from reconciler.model.ids import Json, UnitId, digest
from reconciler.model.unit import Desired, Disruption, Frame, Process, Workspace

_T = TypeVar("_T")


@dataclass(slots=True)
class Island:
    """Frames that share processes, in either wish, and those processes.

    `changed` would be restarted; `gone` says that something is in the old wish alone. `whole`:
    windows, panes or seats differ too, so that the two wishes cannot be mixed here.
    """

    frames: set[UnitId] = field(default_factory=set)
    processes: set[UnitId] = field(default_factory=set)
    changed: set[UnitId] = field(default_factory=set)
    gone: bool = False
    whole: bool = False


def changed(base: Desired, new: Desired) -> frozenset[UnitId]:
    """Return the processes of both wishes that the new one would restart."""
    both = base.processes.keys() & new.processes.keys()
    return frozenset(u for u in both if _restarts(base.processes[u], new.processes[u]))


def lots(base: Desired, new: Desired, live: Container[UnitId]) -> tuple[tuple[UnitId, ...], ...]:
    """Return what of the live processes goes together: mostly each one alone."""
    found: list[tuple[UnitId, ...]] = []
    for island in _islands(base, new):
        units = tuple(sorted(unit for unit in island.changed if unit in live))
        if units and island.whole:
            found.append(units)
        else:
            found += [(unit,) for unit in units]
    return tuple(sorted(found))


def subjects(base: Desired, new: Desired, live: Container[UnitId]) -> tuple[UnitId, ...]:
    """Return the live processes that the new wish would restart."""
    return tuple(sorted(unit for unit in changed(base, new) if unit in live))


def chosen(
    found: Iterable[tuple[UnitId, ...]],
    salt: str,
    canary: Canary,
    before: Container[UnitId] = frozenset(),
) -> tuple[UnitId, ...]:
    """Return the units that go first; () when so few change that no trial is needed.

    The same for the same lots and salt. Those that an earlier trial was on (`before`) go before
    others, who would be disturbed as well. Never more than asked for, but for one lot that is
    larger by itself while there is no smaller one: then the smallest goes.
    """

    def rank(lot: tuple[UnitId, ...]) -> tuple[bool, str]:
        return not any(unit in before for unit in lot), digest([salt, *lot])

    ranked = sorted(found, key=rank)
    count = sum(map(len, ranked))
    if count <= canary.above:
        return ()
    wanted = max(1, canary.count or -(-count * canary.percent // 100))
    taken: list[UnitId] = []
    for lot in ranked:
        if len(taken) + len(lot) <= wanted:
            taken += lot
    return tuple(sorted(taken)) if taken else min(ranked, key=len)


def blend(base: Desired, new: Desired, trial: Trial, canary: Canary) -> Desired:
    """Return what is wished for while a commit is on trial: `new` for its units and for what costs
    nobody anything, `base` for the rest. The settings of the fleet wait, too."""
    units = frozenset(trial.units)
    frames: dict[UnitId, Frame] = {}
    processes: dict[UnitId, Process] = {}
    for island in _islands(base, new):
        first, waits = island.changed & units, island.changed - units
        if island.whole:
            wish = new if first or not (island.changed or island.gone) else base
            _take(wish, island, frames, processes)
            continue
        _take(new, island, frames, processes)
        if waits:
            frames |= {unit: base.frames[unit] for unit in island.frames}
            processes |= {unit: base.processes[unit] for unit in waits}
    return replace(
        new,
        tree=digest([base.tree, new.tree, list[Json](sorted(units))]),
        fleet=base.fleet,
        frames=_ordered(frames, new.frames),
        processes=_ordered(processes, new.processes),
        workspaces=_trees(base, new, processes),
        projects=base.projects | new.projects,
        withheld=(*new.withheld, on_trial(trial, canary)),
    )


def on_trial(trial: Trial, canary: Canary) -> Withheld:
    """Return what is said of a commit while it is on trial."""
    named = ", ".join(trial.units[:3]) + (" and others" if len(trial.units) > 3 else "")
    return Withheld(
        trial.commit,
        Withholding.CANARY,
        f"commit {trial.commit[:12]} is tried on {named} first; the rest follows when that went "
        f"well for {canary.bake_s:g} s",
        fix="novaorch apply --now",
        until=trial.began + canary.bake_s,
    )


def awaiting(base: Desired, new: Desired) -> Desired:
    """Return what is wished for before a trial begins: the old, all of it."""
    detail = (
        f"commit {new.commit[:12]} changes many: it is tried on some first, while a daemon runs"
    )
    fix = "novaorch up; or for all at once: novaorch apply --now"
    held = Withheld(new.commit, Withholding.CANARY, detail, fix=fix)
    return replace(base, withheld=(held,))


# -- islands --------------------------------------------------------------------------------------


def _islands(base: Desired, new: Desired) -> list[Island]:
    """Return every frame and process of both wishes, cut where nothing is shared."""
    root: dict[UnitId, UnitId] = {unit: unit for wish in (base, new) for unit in wish.frames}

    def find(unit: UnitId) -> UnitId:
        while root.setdefault(unit, unit) != unit:
            root[unit] = unit = root[root[unit]]
        return unit

    for unit in base.processes.keys() & new.processes.keys():
        root[find(base.processes[unit].frame)] = find(new.processes[unit].frame)
    found: dict[UnitId, Island] = {}
    for unit in list(root):
        found.setdefault(find(unit), Island()).frames.add(unit)
    for wish in (base, new):
        for process in wish.processes.values():
            found[find(process.frame)].processes.add(process.id)
    for island in found.values():
        _compare(base, new, island)
    return list(found.values())


def _compare(base: Desired, new: Desired, island: Island) -> None:
    """Fill in how the two wishes differ on one island. Whoever comes, goes or moves has a seat in
    one of its frames: so those tell whether it is to be taken as a whole."""
    for unit in island.processes:
        old, wanted = base.processes.get(unit), new.processes.get(unit)
        island.gone = island.gone or wanted is None
        if old is not None and wanted is not None and _restarts(old, wanted):
            island.changed.add(unit)
    for unit in island.frames:
        before, after = base.frames.get(unit), new.frames.get(unit)
        island.whole = island.whole or _seats(before) != _seats(after)
        island.gone = island.gone or after is None


def _seats(frame: Frame | None) -> object:
    """Return which process sits where."""
    return frame and [(w.key, [slot.process for slot in w.slots]) for w in frame.windows]


def _restarts(old: Process, wanted: Process) -> bool:
    if old.digest == wanted.digest or old.held is not None or wanted.held is not None:
        return False
    found = changes(wanted.fields, {f.name: f.value for f in old.fields})
    return worst(found) >= Disruption.RESTART


def _take(
    wish: Desired, island: Island, frames: dict[UnitId, Frame], processes: dict[UnitId, Process]
) -> None:
    frames |= {unit: wish.frames[unit] for unit in island.frames & wish.frames.keys()}
    ids = island.processes & wish.processes.keys()
    processes |= {unit: wish.processes[unit] for unit in ids}


def _trees(
    base: Desired, new: Desired, processes: Mapping[UnitId, Process]
) -> dict[UnitId, Workspace]:
    """Return the work trees that these processes ask for, each from the wish its process is of."""
    found: dict[UnitId, Workspace] = {}
    for unit, process in processes.items():
        wish = new if new.processes.get(unit) is process else base
        tree = wish.workspaces.get(process.workspace or UnitId(""))
        if tree is not None:
            found[tree.id] = tree
    return found


def _ordered(found: Mapping[UnitId, _T], like: Mapping[UnitId, _T]) -> dict[UnitId, _T]:
    """Return `found` in the order of `like`, and what is not in it at the end, by name."""
    first = {unit: found[unit] for unit in like if unit in found}
    return first | {unit: found[unit] for unit in sorted(found) if unit not in first}
