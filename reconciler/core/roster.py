"""Who is where: every agent of a wish with the pane that one photograph shows it in. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.scene import Scene
from reconciler.model.agent import Roster, Seat
from reconciler.model.ids import UnitId
from reconciler.model.training import Trainee
from reconciler.model.unit import Process
from reconciler.model.world import SeenPane


def roster(scene: Scene) -> Roster:
    """Return the roster of one pass; a pane that is dead, or is being ended, is no seat."""
    agents = [p for p in scene.desired.processes.values() if p.id.kind == "agent"]
    return Roster(
        fleet=scene.desired.fleet.name,
        commit=scene.desired.commit,
        seats={agent.id: _seat(agent, scene.match.panes.get(agent.id)) for agent in agents},
        charters={charter.project: charter.text for charter in scene.desired.charters},
    )


def trainees(scene: Scene, seats: Roster) -> Mapping[UnitId, Trainee]:
    """Return every agent that is to have a work tree, whatever its mode, with its seat."""
    desired, found = scene.desired, {}
    for unit, seat in seats.seats.items():
        process = desired.processes[unit]
        plot = desired.workspaces.get(process.workspace) if process.workspace is not None else None
        if plot is not None:
            seen = scene.world.workspaces.get(plot.id)
            secrets = tuple(reference for _, reference in process.launch.secrets)
            found[unit] = Trainee(seat, plot.training, seen, desired.commit, secrets)
    return found


def _seat(agent: Process, pane: SeenPane | None) -> Seat:
    told = Seat(
        agent.id,
        agent.launch.persona,
        agent.mode,
        directory=agent.launch.directory,
        labels=agent.labels,
    )
    if pane is None or pane.dead or pane.mark is None or pane.mark.asked:
        return told
    return Seat(
        told.unit,
        told.persona,
        told.mode,
        pane.pane_id,
        pane.pid,
        float(pane.mark.started),
        told.directory,
        told.labels,
    )
