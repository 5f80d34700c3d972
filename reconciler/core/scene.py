"""What every part of the differ looks at: the wish, the photograph, how they pair up, and what
people told the controller besides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.change import applied_text
from reconciler.core.match import Match
from reconciler.model.action import Expect
from reconciler.model.control import FREE, SILENT, Consent, Restraints
from reconciler.model.ids import Json, UnitId, canonical
from reconciler.model.step import NewPane
from reconciler.model.unit import Desired, Frame, Process
from reconciler.model.world import NOW, Drain, FrameMark, PaneMark, SeenPane, World


@dataclass(frozen=True, slots=True)
class Scene:
    """One wish, one photograph, their pairing; what holds moves back, what lets them through."""

    desired: Desired
    world: World
    match: Match
    restraints: Restraints = FREE
    consent: Consent = SILENT

    def mark(self, process: Process) -> PaneMark:
        """Return the mark of a process that starts now, without a past."""
        return PaneMark(
            fleet=self.desired.fleet.name,
            unit=process.id,
            digest=process.digest,
            commit=self.desired.commit,
            started=NOW,
            protect=process.protect,
        )

    def running_mark(self, process: Process, pane: SeenPane) -> PaneMark:
        """Return the mark of a process that goes on with new fields. One that fell is forgiven its
        falls: the wish is another one now."""
        new, old = self.mark(process), pane.mark
        if old is None:
            return new
        if pane.dead:
            return replace(new, started=old.started)
        return replace(
            new,
            started=old.started,
            falls=old.falls,
            burst=old.burst,
            burst_since=old.burst_since,
        )

    def frame_mark(self, frame: Frame) -> FrameMark:
        """Return the mark of a frame."""
        return FrameMark(self.desired.fleet.name, frame.id, frame.digest, self.desired.commit)

    def starting(self, process: Process, *, focus: bool = False) -> NewPane:
        """Return a pane in which the process starts."""
        return NewPane(self.mark(process), process.launch, applied_text(process.fields), focus)

    def placeholder(self, process: Process, *, focus: bool = False) -> NewPane:
        """Return a pane that keeps the place of a process that does not run there yet.

        A host keeps the last applied fields of a unit with the session it is in. So those of a
        process that is about to be carried here are written down first, and go on being true.
        """
        mark = PaneMark(
            fleet=self.desired.fleet.name,
            unit=process.id,
            digest=process.digest,
            commit=self.desired.commit,
            placeholder=True,
        )
        return NewPane(mark, None, canonical(dict(self.applied(process) or {})), focus)

    def applied(self, process: Process) -> Mapping[str, Json] | None:
        """Return the fields that were applied last to a process that is there; None: unknown."""
        pane = self.match.panes.get(process.id)
        if pane is not None and pane.mark is not None and pane.mark.digest == process.digest:
            return {field.name: field.value for field in process.fields}
        return self.world.facts.applied.get(process.id)


def expect(pane: SeenPane) -> Expect:
    """Return: this very process, as it was seen."""
    if pane.mark is None:
        return Expect(pane.pane_id, pane.pid, pane.dead, UnitId(""))
    return Expect(pane.pane_id, pane.pid, pane.dead, pane.mark.unit, pane.mark.digest)


def drain_mark(mark: PaneMark, why: Drain, grace_s: float) -> PaneMark:
    """Return the mark of a process that was asked to end and has `grace_s` to do so."""
    return replace(mark, drain=why, drain_until=-max(1, math.ceil(grace_s)))


def frame_key(frame: Frame) -> UnitId:
    """Return the name under which a frame's applied fields are asked for.

    An agent that lives alone shares its id with its session; its process has the plain id.
    """
    return UnitId(f"{frame.id}#frame") if frame.lone else frame.id
