"""Which live thing stands for which wanted thing. Identity first, then content, then place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.pairing import pair_windows
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Frame, Process, Window
from reconciler.model.world import SeenPane, SeenSession, SeenWindow, World

Crowd = dict[UnitId, list[SeenPane]]
"""Live panes by the unit in their mark; more than one where a crash or a hand made doubles."""


@dataclass(frozen=True, slots=True)
class Match:
    """The pairing of one wish with one photograph.

    `panes` holds the real pane of a process, alive or dead, wherever it is; `places` the
    placeholder that keeps its slot, in the right window. `strays` are panes with our mark that
    stand for nothing wanted.
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
        return not pane.mark.asked

    def seated(self, frame: Frame, window: Window, pane: SeenPane) -> bool:
        """Whether a pane is where this slot of this frame is.

        In its window; for an agent that lives alone, anywhere in its session.
        """
        if frame.lone:
            session = self.sessions.get(frame.id)
            return session is not None and session.session_id == pane.session_id
        live = self.windows.get((frame.id, window.key))
        return live is not None and live.window_id == pane.window_id


def match(desired: Desired, world: World) -> Match:
    """Pair every wanted frame, window and process with what lives, each live thing once."""
    fleet = desired.fleet.name
    sessions: dict[UnitId, SeenSession] = {}
    for session in world.sessions:
        if session.mark is not None and session.mark.fleet == fleet:
            sessions.setdefault(session.mark.unit, session)
    ours = list(_ours(world, fleet))
    real, kept = _by_unit(ours)
    panes = _pair(desired, real)
    windows = pair_windows(desired, sessions, panes, kept)
    found = Match(
        sessions, windows, panes, {}, (), {session.name: session for session in world.sessions}
    )
    places = _places(desired, found, kept) if kept else {}
    used = {pane.pane_id for pane in (*panes.values(), *places.values())}
    strays = tuple(pane for pane in ours if pane.pane_id not in used)
    return Match(sessions, windows, panes, places, strays, found.names)


def own_processes(frame: Frame) -> list[UnitId]:
    """Return the ids of the panes that a Session declares itself, window by window."""
    below = f"{frame.id}/"
    return [
        slot.process for w in frame.windows for slot in w.slots if slot.process.startswith(below)
    ]


def owner(unit: UnitId) -> UnitId:
    """Return the manifest's unit: a Session's own pane counts as its Session."""
    return UnitId("/".join(unit.split("/", 3)[:3]))


def _ours(world: World, fleet: str) -> Iterator[SeenPane]:
    """Yield each pane of ours once. Sessions that a person grouped with ours show its panes
    again; the copy in a session with a mark counts."""
    seen: set[str] = set()
    marked = [session for session in world.sessions if session.mark is not None]
    for session in (*marked, *(s for s in world.sessions if s.mark is None)):
        for window in session.windows:
            for pane in window.panes:
                if pane.mark is None or pane.mark.fleet != fleet or pane.pane_id in seen:
                    continue
                seen.add(pane.pane_id)
                yield pane


def _by_unit(panes: Iterable[SeenPane]) -> tuple[Crowd, Crowd]:
    """Return real panes by unit, and placeholders by unit."""
    real: Crowd = {}
    kept: Crowd = {}
    for pane in panes:
        if pane.mark is not None:
            into = kept if pane.mark.placeholder else real
            into.setdefault(pane.mark.unit, []).append(pane)
    return real, kept


# -- processes ------------------------------------------------------------------------------------


def _pair(desired: Desired, real: Crowd) -> dict[UnitId, SeenPane]:
    """Return the one real pane of each wanted process."""
    panes: dict[UnitId, SeenPane] = {}
    pools: Crowd = {}
    for unit, found in real.items():
        if unit.kind == "session":
            pools.setdefault(owner(unit), []).extend(found)
        elif unit in desired.processes:
            panes[unit] = _best(found, desired.processes[unit].digest)
    for session, pool in pools.items():
        frame = desired.frames.get(session)
        if frame is not None:
            _pair_own_panes(own_processes(frame), desired.processes, pool, panes)
    return panes


def _best(found: list[SeenPane], digest: str) -> SeenPane:
    """Return the pane that stays when there are doubles: one that runs, as it is wished."""
    if len(found) == 1:
        return found[0]
    return max(found, key=lambda pane: _worth(pane, digest))


def _worth(pane: SeenPane, digest: str) -> tuple[bool, bool, bool]:
    return not pane.dead, not _draining(pane), _digest(pane) == digest


def _pair_own_panes(
    wanted: list[UnitId],
    processes: Mapping[UnitId, Process],
    pool: list[SeenPane],
    panes: dict[UnitId, SeenPane],
) -> None:
    """Let equal content find each other before equal places do, so that a pane put in between,
    or a window renamed, restarts nothing; and what runs before what ended or is about to."""
    pool = sorted(pool, key=lambda pane: not _healthy(pane))
    rounds: tuple[Callable[[UnitId, SeenPane], bool], ...] = (
        lambda unit, pane: _same(processes[unit], pane) and _unit(pane) == unit,
        lambda unit, pane: _same(processes[unit], pane) and _window(_unit(pane)) == _window(unit),
        lambda unit, pane: _same(processes[unit], pane),
        lambda unit, pane: _unit(pane) == unit and _digest(pane) == processes[unit].digest,
        lambda unit, pane: _unit(pane) == unit,
    )
    for fits in rounds:
        for unit in wanted:
            if unit not in panes:
                found = next((pane for pane in pool if fits(unit, pane)), None)
                if found is not None:
                    panes[unit] = found
                    pool.remove(found)


def _same(process: Process, pane: SeenPane) -> bool:
    """Whether a pane runs just what is wished for, and nobody asked it to end."""
    return _healthy(pane) and _digest(pane) == process.digest


def _healthy(pane: SeenPane) -> bool:
    return not pane.dead and not _draining(pane)


def _window(unit: str) -> str:
    return unit.rpartition(".")[0]


def _unit(pane: SeenPane) -> str:
    return pane.mark.unit if pane.mark is not None else ""


def _digest(pane: SeenPane) -> str:
    return pane.mark.digest if pane.mark is not None else ""


def _draining(pane: SeenPane) -> bool:
    return pane.mark is not None and pane.mark.asked


# -- placeholders ---------------------------------------------------------------------------------


def _places(desired: Desired, found: Match, kept: Crowd) -> dict[UnitId, SeenPane]:
    """Return the placeholders that are of use: in their slot's window, while the process is not.

    Any other one was left behind by a crash, or by a wish that changed in the middle.
    """
    places: dict[UnitId, SeenPane] = {}
    for frame in desired.frames.values():
        for window in frame.windows:
            for slot in window.slots:
                pane = found.panes.get(slot.process)
                if slot.process not in kept or (
                    pane is not None and found.seated(frame, window, pane)
                ):
                    continue
                here = [p for p in kept[slot.process] if found.seated(frame, window, p)]
                if here:
                    places[slot.process] = min(here, key=lambda place: place.dead)
    return places
