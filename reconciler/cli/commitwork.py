"""`novaorch training commit`: an agent's work as a commit, now; by the daemon when one runs."""

from __future__ import annotations

from reconciler.adapters.state import holder_pid
from reconciler.cli import mailroom, render
from reconciler.cli.app import Context
from reconciler.core.address import agent as one_agent
from reconciler.core.address import book_from
from reconciler.core.explain import clean
from reconciler.core.recording import as_json
from reconciler.core.roster import roster, trainees
from reconciler.gate.client import Client
from reconciler.loop.cycle import consider
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import RefusedError, UsageError
from reconciler.model.unit import Desired
from reconciler.wiring import Wiring


def commit_work(context: Context, agent: str, words: str, *, as_record: bool) -> None:
    """Commit the work of an agent, whatever its mode, and say what came of it.

    Within an agent it may leave its name out, and may commit its own work alone.
    """
    wiring = context.wiring
    desired = wiring.followed.read()
    unit, by = _asked(wiring, desired, agent)
    if holder_pid(wiring.state(desired.fleet).lock) is not None:
        asked: dict[str, Json] = {"unit": str(unit), "by": by, "words": words}
        made = Client(wiring.state(desired.fleet).control).post("/training/commit", asked)
    else:
        made = alone(wiring, desired, unit, (by, words))
    _show(unit, made if isinstance(made, dict) else None, as_record=as_record)


def alone(wiring: Wiring, desired: Desired, unit: UnitId, asked: tuple[str, str]) -> Json:
    """Commit it without a daemon; None: nothing changed."""
    by, words = asked
    training = wiring.training(desired.fleet, lambda _text: None)
    ports = wiring.ports(desired.fleet)
    try:
        scene = consider(ports, desired).scene
        training.take(trainees(scene, roster(scene)))
        made = training.commit(unit, by, words)
    finally:
        training.close()
        ports.host.close()
    return as_json(made) if made is not None else None


def _asked(wiring: Wiring, desired: Desired, agent: str) -> tuple[UnitId, str]:
    """Return whose work is meant, and who asks for it."""
    within = mailroom.within(wiring, desired.fleet)
    if not agent and not within:
        raise UsageError("whose work?", fix="name an agent: novaorch training commit AGENT")
    unit = one_agent(agent, book_from(desired)) if agent else within
    if within and unit != within:
        raise RefusedError(
            f"{within} may not commit the work of {unit}",
            why="each agent answers for its own",
            fix="let it do so itself, or a person, outside of agents",
        )
    return unit, str(within) if within else mailroom.person(wiring)


def _show(unit: UnitId, made: dict[str, Json] | None, *, as_record: bool) -> None:
    if as_record:
        render.record("recorded", unit=str(unit), made=made)
        return
    if made is None:
        render.out(f"Nothing has changed in the work tree of {unit} since its last commit.")
        return
    count = made["files"]
    files = "1 file" if count == 1 else f"{count} files"
    render.out(f"Committed as {str(made['commit'])[:12]} on {made['branch']}: {files}.")
    held = made["held_back"]
    for one in held if isinstance(held, list) else []:
        if isinstance(one, dict):
            render.out(clean(f"  held back: {one['path']}: {one['why']}"))
