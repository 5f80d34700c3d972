"""What is done about a process that fell: it ended by itself, and its policy wants it to run.

Only what fell in its pane is meant. Of a process whose pane is gone nobody can know whether it
ever ran: closed by hand, lost with its server, never started. So it is started, whatever `heal`
says.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.afford import limited
from reconciler.core.backoff import burst_after, falls_after, looping, ready_at
from reconciler.core.explain import hour
from reconciler.core.housing import tree_needs
from reconciler.core.moves import hold, move
from reconciler.core.scene import Scene
from reconciler.core.starts import blocked_start
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.step import NewPane, Respawn
from reconciler.model.unit import Heal, Process
from reconciler.model.world import PaneMark, SeenPane


def fallen(scene: Scene, process: Process, pane: SeenPane, mark: PaneMark) -> Action | None:
    """Return the next move after a fall, or why it waits; None when nothing is to be said.

    Where falls are only warned of, a person who says `now` has it started at once.
    """
    how = f"exited with status {pane.exit_status if pane.exit_status is not None else 'unknown'}"
    if process.healing.crash is Heal.IGNORE:
        return None
    if process.healing.crash is Heal.WARN and not scene.consent.now:
        detail = f"{how}; it stays so, as its heal.crash says"
        return hold(process, Reason.CRASHED, detail, fix="novaorch apply --now")
    heals = process.healing.crash is Heal.HEAL and not limited(scene, process.id, mark)
    waiting = _wait(scene, process, mark, how) if heals else None
    if waiting is not None:
        return waiting
    blocked = blocked_start(scene, process)
    if blocked is not None:
        return blocked
    steps = (Respawn(pane.pane_id, _risen(scene, process, mark)),)
    risen = move(Verb.RESTART, process, Reason.EXITED, steps, pane)
    return replace(risen, detail=how, needs=tree_needs(process))


def _wait(scene: Scene, process: Process, mark: PaneMark, how: str) -> Action | None:
    now = scene.world.taken_at
    until = ready_at(process.id, process.restart, mark, now)
    if not mark.started <= now < until:  # a start in the future: the clock was set back
        return None
    burst, began = burst_after(mark, process.restart, now)
    if not looping(process.restart, burst):
        detail = f"{how}, {mark.falls + 1} times in a row; its next start waits"
        return hold(process, Reason.BACKING_OFF, detail, until=until)
    detail = (
        f"fell {burst} times since {hour(began)}, and last {how}; next try {hour(round(until))}"
    )
    return hold(process, Reason.CRASH_LOOP, detail, until=until)


def _risen(scene: Scene, process: Process, mark: PaneMark) -> NewPane:
    """Return the pane in which a process starts again, and in which its falls are counted; one
    that its account's limit may have caused is none."""
    now, new = scene.world.taken_at, scene.starting(process)
    if limited(scene, process.id, mark):
        kept = replace(new.mark, falls=mark.falls, burst=mark.burst, burst_since=mark.burst_since)
        return replace(new, mark=kept)
    burst, since = burst_after(mark, process.restart, now)
    falls = falls_after(mark.started, process.restart, mark.falls, now)
    return replace(new, mark=replace(new.mark, falls=falls, burst=burst, burst_since=since))
