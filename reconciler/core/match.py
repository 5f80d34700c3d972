"""Which live thing stands for which wanted thing. Identity first, then content, then place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Frame, Process
from reconciler.model.world import SeenPane, SeenSession, SeenWindow, World


@dataclass(frozen=True, slots=True)
class Match:
    """The pairing of one wish with one photograph.

    `panes` holds the real pane of a process, alive or dead; `places` the placeholder that keeps
    its slot. `strays` are panes with our mark that stand for nothing wanted.
    """

    sessions: Mapping[UnitId, SeenSession]
    windows: Mapping[tuple[UnitId, str], SeenWindow]
    panes: Mapping[UnitId, SeenPane]
    places: Mapping[UnitId, SeenPane]
    strays: tuple[SeenPane, ...]
    names: Mapping[str, SeenSession]

    def alive(self, unit: UnitId) -> bool:
        """Whether the process runs and nobody asked it to end."""
        pane = self.panes.get(unit)
        if pane is None or pane.mark is None or pane.dead:
            return False
        return pane.mark.drain == "-"


def match(desired: Desired, world: World) -> Match:
    """Pair every wanted frame, window and process with what lives, each live thing once."""
    fleet = desired.fleet.name
    sessions: dict[UnitId, SeenSession] = {}
    for session in world.sessions:
        if session.mark is not None and session.mark.fleet == fleet:
            sessions.setdefault(session.mark.unit, session)
    real, kept, strays = _by_unit(_ours(world, fleet))
    panes = {unit: pane for unit, pane in real.items() if unit in desired.processes}
    orphans = {unit: pane for unit, pane in real.items() if unit not in desired.processes}
    for frame in desired.frames.values():
        if not frame.lone:
            _pair_own_panes(frame, desired.processes, panes, orphans)
    taken = {pane.pane_id for pane in panes.values()}
    strays.extend(pane for pane in real.values() if pane.pane_id not in taken)
    places = {unit: pane for unit, pane in kept.items() if unit in desired.processes}
    strays.extend(pane for unit, pane in kept.items() if unit not in places)
    return Match(
        sessions=sessions,
        windows=_pair_windows(desired.frames.values(), sessions, panes),
        panes=panes,
        places=places,
        strays=tuple(strays),
        names={session.name: session for session in world.sessions},
    )


def _ours(world: World, fleet: str) -> Iterator[SeenPane]:
    for session in world.sessions:
        for window in session.windows:
            for pane in window.panes:
                if pane.mark is not None and pane.mark.fleet == fleet:
                    yield pane


def _by_unit(
    panes: Iterable[SeenPane],
) -> tuple[dict[UnitId, SeenPane], dict[UnitId, SeenPane], list[SeenPane]]:
    """Return real panes by unit, placeholders by unit, and doubles. A live one beats a dead one."""
    real: dict[UnitId, SeenPane] = {}
    kept: dict[UnitId, SeenPane] = {}
    doubles: list[SeenPane] = []
    for pane in panes:
        mark = pane.mark
        if mark is None:
            continue
        into = kept if mark.placeholder else real
        other = into.get(mark.unit)
        if other is None:
            into[mark.unit] = pane
        elif other.dead and not pane.dead:
            into[mark.unit] = pane
            doubles.append(other)
        else:
            doubles.append(pane)
    return real, kept, doubles


def own_processes(frame: Frame) -> list[UnitId]:
    """Return the ids of the panes that a Session declares itself, window by window."""
    below = f"{frame.id}/"
    return [
        slot.process for w in frame.windows for slot in w.slots if slot.process.startswith(below)
    ]


def _pair_own_panes(
    frame: Frame,
    processes: Mapping[UnitId, Process],
    panes: dict[UnitId, SeenPane],
    orphans: dict[UnitId, SeenPane],
) -> None:
    """Let equal content find each other before equal places do, so that a pane put in between,
    or a window renamed, restarts nothing."""
    below = f"{frame.id}/"
    wanted = [unit for unit in own_processes(frame) if unit in processes]
    live = {unit: panes.pop(unit) for unit in wanted if unit in panes}
    live.update({unit: pane for unit, pane in orphans.items() if unit.startswith(below)})
    for unit in wanted:
        if unit in live and _digest(live[unit]) == processes[unit].digest:
            panes[unit] = live.pop(unit)
    for unit in wanted:
        if unit not in panes:
            twin = _twin(unit, processes[unit].digest, live)
            if twin is not None:
                panes[unit] = live.pop(twin)
    for unit in wanted:
        if unit not in panes and unit in live:
            panes[unit] = live.pop(unit)


def _twin(unit: UnitId, digest: str, live: Mapping[UnitId, SeenPane]) -> UnitId | None:
    """Return a live pane of the same content, one of the same window if there is any."""
    window = unit.rpartition(".")[0]
    twins = [u for u, pane in live.items() if _digest(pane) == digest]
    near = [u for u in twins if u.rpartition(".")[0] == window]
    return next(iter(near or twins), None)


def _digest(pane: SeenPane) -> str:
    return pane.mark.digest if pane.mark is not None else ""


def _pair_windows(
    frames: Iterable[Frame],
    sessions: Mapping[UnitId, SeenSession],
    panes: Mapping[UnitId, SeenPane],
) -> dict[tuple[UnitId, str], SeenWindow]:
    """Pair by key; a window without a partner takes a free one that holds one of its panes."""
    pairs: dict[tuple[UnitId, str], SeenWindow] = {}
    for frame in frames:
        session = sessions.get(frame.id)
        if frame.lone or session is None:
            continue
        free = {window.key: window for window in reversed(session.windows) if window.key}
        for window in frame.windows:
            if window.key in free:
                pairs[frame.id, window.key] = free.pop(window.key)
        for window in frame.windows:
            if (frame.id, window.key) not in pairs:
                held = [panes[slot.process] for slot in window.slots if slot.process in panes]
                heir = _holding(free.values(), held)
                if heir is not None:
                    pairs[frame.id, window.key] = free.pop(heir.key)
    return pairs


def _holding(windows: Iterable[SeenWindow], panes: Sequence[SeenPane]) -> SeenWindow | None:
    ids = {pane.window_id for pane in panes}
    return next((window for window in windows if window.window_id in ids), None)
