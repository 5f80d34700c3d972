"""The Workshop on real git: photographs, questions, orders. Decides nothing.

Every foreign error becomes words of ours, with how to mend it.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from reconciler.adapters.git.raw.scan import StatIndex
from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees import moving
from reconciler.adapters.git.worktrees.beginning import begin_run
from reconciler.adapters.git.worktrees.camera import Camera
from reconciler.adapters.git.worktrees.closing import close
from reconciler.adapters.git.worktrees.opening import open_
from reconciler.adapters.git.worktrees.places import GONE, MAKING, Places
from reconciler.adapters.git.worktrees.survey import take
from reconciler.adapters.git.worktrees.yard import Yard
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, SourceError, StalePlanError
from reconciler.model.step import BeginRun, CloseWorkspace, MarkWorkspace, OpenWorkspace, Step
from reconciler.model.unit import Workspace
from reconciler.model.workspace import SeenWorkspace, Unsaved
from reconciler.ports import Order, Receipt

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class GitWorkshop:
    """The work trees of one fleet, below `root`: `root/<project>/<name>` (ports.Workshop).

    For one thread; close it. `tick` is told of each boundary within an order: only tests use it.
    """

    def __init__(
        self, root: Path, fleet: str, *, tick: Callable[[str], None] | None = None
    ) -> None:
        self._yard = Yard(fleet, Places(root))
        if tick is not None:
            self._yard.tick = tick
        self._camera = Camera(self._yard.places, self._yard.eye, self._yard.grounds)

    @property
    def looked(self) -> int:
        """How many trees were looked at anew so far; told to tests and metrics."""
        return self._camera.looked

    def photograph(self, wanted: Iterable[Workspace]) -> Mapping[UnitId, SeenWorkspace]:
        """Return every work tree of this fleet, and what is at wanted places."""
        return self._camera.take(wanted)

    def unsaved(self, seen: Iterable[SeenWorkspace]) -> Mapping[UnitId, Unsaved]:
        """Return what would be lost with each. Who cannot be looked at refuses with its reason."""
        return {one.unit: self._unsaved(one) for one in seen}

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """Carry out orders one after the other."""
        self._yard.refresh()
        return [self._carried_out(order) for order in orders]

    def close(self) -> None:
        """Let go of everything. Trees stay."""
        self._yard.close()

    # -- inside --------------------------------------------------------------------------------

    def _unsaved(self, seen: SeenWorkspace) -> Unsaved:
        path = Path(seen.path)
        if self._yard.places.stage(path) in (GONE, MAKING):
            return Unsaved()  # nobody ever worked there, or all of it is kept
        try:
            standing = self._yard.standing(seen.unit, path)
            room = self._yard.room(standing.common)
            known = self._yard.known.setdefault(seen.unit, StatIndex())
            survey = take(room, self._yard.ground(standing.common).book, standing, known)
            known.known = survey.scan.fresh
            return survey.unsaved(moving.passing(room, standing, survey.head))
        except (NovaorchError, OSError) as error:
            told = translated(error)
            return Unsaved(refused=(("", f"{told.what}: {told.why}" if told.why else told.what),))

    def _carried_out(self, order: Order) -> Receipt:
        start = time.monotonic()
        try:
            for step in order.steps:
                self._step(step)
        except (NovaorchError, OSError) as error:
            told, stale = translated(error), isinstance(error, StalePlanError)
            why = f"{told.what}: {told.why}" if told.why else told.what
            return Receipt(order.unit, why, told.fix, stale, time.monotonic() - start)
        return Receipt(order.unit, seconds=time.monotonic() - start)

    def _step(self, step: Step) -> None:
        if isinstance(step, OpenWorkspace):
            open_(self._yard, step.workspace)
        elif isinstance(step, BeginRun):
            begin_run(self._yard, step)
        elif isinstance(step, MarkWorkspace):
            self._mark(step)
        elif isinstance(step, CloseWorkspace):
            close(self._yard, step)
        else:
            raise SourceError(
                f"{type(step).__name__} is no step of a workspace", fix="tell us of this plan"
            )

    def _mark(self, step: MarkWorkspace) -> None:
        standing = self._yard.standing(step.unit, Path(step.workspace.path))
        marks.write(standing.admin, marks.whole(self._yard.fleet, step.workspace))
        self._yard.tick("marked")


def translated(error: NovaorchError | OSError) -> NovaorchError:
    """Return what went wrong in words of ours."""
    if isinstance(error, NovaorchError):
        return error
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        return SourceError(
            "there is no space left to write on",
            why=f"{where}: {why}" if where else why,
            fix="free some space there; novaorch tries again by itself",
        )
    return SourceError(
        "a file of the work tree or of git could not be read or written",
        why=f"{where}: {why}" if where else why,
        fix="look at who owns it, and at its rights",
    )
