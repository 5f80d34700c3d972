"""What must be true in the end, and at every moment. Asks the world, never the core."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reconciler.adapters.memory.board import Pane, Session
from reconciler.core.ledger import replay
from reconciler.model.unit import Desired, Frame, Process
from reconciler.model.world import Drain
from tests.simulator.telling import Workload
from tests.simulator.universe import Universe

SERVER_LOST = frozenset({"kill-server"})
FORGETFUL = SERVER_LOST | {"ahead", "back", "rewind", "newer"}
POLITE_S = 0.9
"""Marks keep whole seconds, so a grace of one second may seem a little shorter."""


@dataclass(frozen=True)
class Evidence:
    """What is compared: who ran when the story began, and what it cost without faults."""

    pids: dict[str, int]
    strangers: tuple[str, ...]
    starts: Counter[str]
    effects: int


def evidence(begun: Universe, told: Universe) -> Evidence:
    """Look at the beginning and at the end of a telling without faults."""
    starts = Counter({str(unit): count for unit, count in told.host.starts.items()})
    return Evidence(begun.host.living(), _strangers(begun), starts, len(told.host.log))


def complaints(
    universe: Universe, workload: Workload, known: Evidence, faults: tuple[str, ...] = ()
) -> list[str]:
    """Return everything that is not as it must be; nothing is what one hopes for."""
    # A photograph from before a window was opened lets it be opened twice. tmux answers in order,
    # so it never gives one; that the twin is gone in the end is all that is asked.
    crimes = universe.host.crimes if "stale" not in faults else []
    found = [*crimes, *_not_wished(universe, workload), *_trees(universe, workload)]
    found += _lost(universe)
    found += _unsaid(universe, workload, exactly=not faults)
    found += _unrecorded(universe)
    found += _touched(universe, workload, known, faults)
    found += _wasted(universe, workload, known, faults)
    found += _rude(universe) if "ahead" not in faults else []
    return found


# -- in the end, the wish -------------------------------------------------------------------------


def _not_wished(universe: Universe, workload: Workload) -> list[str]:
    desired, found = universe.wish(), list[str]()
    named = {str(s.mark.unit): s for s in _ours(universe) if s.mark is not None}
    left = {unit for unit, s in named.items() if any(pane.mark for pane in s.panes())}
    held = workload.held
    for frame in desired.frames.values():
        session = named.pop(str(frame.id), None)
        if str(frame.id) in held or (session and str(frame.id) in workload.adopted):
            continue
        if session is None:
            if not _may_be_absent(desired, frame):
                found.append(f"{frame.id}: no session")
            continue
        found += _frame(frame, session, workload, desired)
    found += [f"{unit}: a session that nobody wants" for unit in named if unit in left - held]
    return found


def _trees(universe: Universe, workload: Workload) -> list[str]:
    """Compare the work trees that there are with those that are wished for."""
    wanted = universe.wish().workspaces
    there = {tree.mark.unit: tree for tree in universe.yard.trees.values() if tree.mark is not None}
    found = list[str]()
    for unit in sorted(wanted.keys() | there.keys()):
        tree, workspace = there.get(unit), wanted.get(unit)
        if str(unit) in workload.held:
            continue
        if tree is None or tree.mark is None or workspace is None:
            found.append(f"{unit}: {'a tree that nobody wants' if tree else 'no tree'}")
        elif tree.mark.digest != workspace.digest or tree.path != workspace.path:
            found.append(f"{unit}: marked {tree.mark}, at {tree.path}")
        elif tree.repository.path != workspace.repository:
            found.append(f"{unit}: a tree of {tree.repository.path}")
        elif tree.repository.is_over(unit, tree.repository.number(tree.branch)):
            found.append(f"{unit}: on {tree.branch}, which is over")
    return found


def _lost(universe: Universe) -> list[str]:
    """Name what an agent wrote that is in no tree, in no commit and nowhere kept."""
    yard = universe.yard
    places = [tree.files for tree in yard.trees.values()]
    for repository in yard.repositories.values():
        places += [
            *repository.commits.values(),
            *(f for kept in repository.kept.values() for f in kept),
        ]
    return [
        f"{unit}: {name} is lost"
        for unit, name, text in universe.written
        if not any(files.get(name) == text for files in places)
    ]


def _ours(universe: Universe) -> list[Session]:
    sessions = universe.host._board.sessions.values() if universe.host._board else ()
    return [session for session in sessions if session.mark is not None]


def _may_be_absent(desired: Desired, frame: Frame) -> bool:
    return frame.lone and desired.processes[frame.id].stopped


def _frame(frame: Frame, session: Session, workload: Workload, desired: Desired) -> list[str]:
    found = list[str]()
    if session.name not in (frame.session, workload.names.get(str(frame.id))):
        found.append(f"{frame.id}: called {session.name}, not {frame.session}")
    if session.size != (frame.columns, frame.rows):
        found.append(f"{frame.id}: is {session.size}")
    if not dict(frame.options).items() <= session.options.items():
        found.append(f"{frame.id}: has options {session.options}")
    wanted = [(w.key, w.name, [str(s.process) for s in w.slots]) for w in frame.windows]
    ours = [(w, [str(p.mark.unit) for p in w.panes if p.mark]) for w in session.windows]
    there = [(w.key, w.name, units) for w, units in ours if units]  # people have panes of their own
    if not frame.lone and wanted != there:
        found.append(f"{frame.id}: {there}, not {wanted}")
    panes = {str(p.mark.unit): p for p in session.panes() if p.mark is not None}
    for slot in (slot for window in frame.windows for slot in window.slots):
        process = desired.processes[slot.process]
        if str(process.id) not in workload.held and process.held is None:
            found += _process(process, panes.get(str(process.id)))
    return found


def _process(process: Process, pane: Pane | None) -> list[str]:
    if pane is None or pane.mark is None:
        return [] if process.stopped else [f"{process.id}: no pane"]
    if process.stopped:
        return [] if pane.dead else [f"{process.id}: runs, and should not"]
    if pane.dead or pane.mark.placeholder:
        return [f"{process.id}: does not run"]
    found = list[str]()
    if pane.launch != process.launch:
        found.append(f"{process.id}: runs {pane.launch}, not {process.launch}")
    if pane.mark.digest != process.digest or pane.mark.drain is not Drain.NONE:
        found.append(f"{process.id}: marked {pane.mark}")
    return found


# -- and it is said so ----------------------------------------------------------------------------


def _unsaid(universe: Universe, workload: Workload, *, exactly: bool) -> list[str]:
    found, held = list[str](), set[str]()
    statuses = universe.statuses()
    for unit, status in statuses.items():
        if status["ready"] == "True":
            continue
        held.add(unit)
        if not status["reason"] or not status["message"]:
            found.append(f"{unit}: not ready, and nobody says why: {status}")
    missing = {str(unit) for unit in universe.wish().processes} - statuses.keys()
    found += [f"{unit}: nothing is said of it" for unit in missing]
    if not held <= workload.held or (exactly and held != workload.held):
        found.append(f"held in the end: {sorted(held)}, not {sorted(workload.held)}")
    return found


def _unrecorded(universe: Universe) -> list[str]:
    """Compare what the journal adds up to with what is there."""
    kept = {str(u): (k.digest, k.commit) for u, k in replay(universe.desk.records).items()}
    there = {
        str(p.mark.unit): (p.mark.digest, p.mark.commit)
        for p in universe.host.everything()
        if p.mark is not None and not p.mark.placeholder
    }
    trees = (tree.mark for tree in universe.yard.trees.values())
    there |= {str(m.unit): (m.digest, "") for m in trees if m is not None and m.digest}
    return [
        f"{unit}: the journal says {kept.get(unit)}, and it is {there.get(unit)}"
        for unit in sorted(kept.keys() | there.keys())
        if kept.get(unit) != there.get(unit)
    ]


# -- nothing but what was necessary ---------------------------------------------------------------


def _touched(
    universe: Universe, workload: Workload, known: Evidence, faults: tuple[str, ...]
) -> list[str]:
    if SERVER_LOST & set(faults):
        return []
    now = universe.host.living()
    found = [
        f"{unit}: was touched (process {pid}, now {now.get(unit)})"
        for unit, pid in known.pids.items()
        if unit not in workload.concerned and now.get(unit) != pid
    ]
    if not set(known.strangers) <= set(_strangers(universe)) and not workload.names:
        found.append(f"a stranger's session is not what it was: {_strangers(universe)}")
    return found


def _strangers(universe: Universe) -> tuple[str, ...]:
    return tuple(str(s) for s in universe.host.sessions if s.name.startswith("stranger"))


def _wasted(
    universe: Universe, workload: Workload, known: Evidence, faults: tuple[str, ...]
) -> list[str]:
    spare = len(faults) + (workload.spare if FORGETFUL & set(faults) else 0)
    found = [
        f"{unit}: started {count} times, {known.starts[str(unit)]} are enough"
        for unit, count in universe.host.starts.items()
        if count > known.starts[str(unit)] + spare
    ]
    if SERVER_LOST & set(faults):
        return found
    started = Counter({str(unit): count for unit, count in universe.host.starts.items()})
    extra = (started - known.starts).total()
    if extra > spare:
        found.append(f"{extra} starts more than without the fault")
    return found


def _rude(universe: Universe) -> list[str]:
    """Name those who were killed without being asked, or too soon after it."""
    asked: dict[str, float] = {}
    found = list[str]()
    for second, unit, name in universe.host.signals:
        if name == "TERM":
            asked[str(unit)] = second
        elif second - asked.get(str(unit), second) < POLITE_S:
            found.append(f"{unit}: killed {second - asked.get(str(unit), second):.2f} s after TERM")
    return found
