"""Finds work that no hook told of: trees that changed, and have been at rest for a while.

For runtimes without hooks it is the way to commits. For the others it finds what a turn left whose
end nobody heard: the daemon was down, a person broke it off, the commit failed. Looks by stats
alone, only at trees in which something may be new, and never spends more than a small share of a
core, however many there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.loop.lesson import hooked
from reconciler.loop.training import Training
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.training import Trainee

ROUND_S = 2.0
"""Between two looks at a tree, at least."""
SHARE = 100
"""Looks that took so long are followed by a wait this many times as long: 1 % of a core."""
COMMIT_S = 5.0
"""So long one tree's commit keeps the others waiting."""


@dataclass(slots=True)
class Settling:
    """Makes rounds through the work trees of those who train, in a thread of its own.

    `busy` says whether an agent is known to be in the middle of a turn: then its end is waited for.
    """

    training: Training
    busy: Callable[[UnitId], bool] = lambda _unit: False
    _bell: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _ended: bool = False
    _used_to: bool = False

    def begin(self) -> None:
        """Make rounds from now on; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="settling", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Make no more rounds."""
        self._ended = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(COMMIT_S + ROUND_S)

    def round(self) -> float:
        """Look at every tree in which something may be new; return for how long not to look."""
        clock, spent_s = self.training.books.clock, 0.0
        for unit, trainee in self.training.trainees().items():
            if self._ended:
                break
            began = clock.now()
            if not self._due(trainee, began):
                continue
            rests = self._rests(unit, trainee, began)
            # The first look of all begins a process, and is no measure of the next ones.
            spent_s += max(0.0, clock.now() - began) if self._used_to else 0.0
            self._used_to = True
            if rests:
                self.training.settled(unit, COMMIT_S)
        return max(ROUND_S, SHARE * spent_s)

    def _due(self, trainee: Trainee, now: float) -> bool:
        unit = trainee.seat.unit
        lesson = self.training.lesson(unit)
        if now < max(lesson.not_before, lesson.look_at):
            return False
        return not hooked(trainee.seat) or (lesson.restless and not self.busy(unit))

    def _rests(self, unit: UnitId, trainee: Trainee, now: float) -> bool:
        lesson = self.training.lesson(unit)
        try:
            word = self.training.books.fingerprint(trainee)
        except NovaorchError as error:
            self.training.failed(unit, error)
            return False
        return lesson.rests(word, now, trainee.policy.settle_s)

    def _run(self) -> None:
        while not self._ended:
            try:
                wait_s = self.round()
            except Exception as error:  # a thread outlives whatever goes wrong
                self.training.books.log(f"trees at rest: {type(error).__name__}: {error}")
                wait_s = ROUND_S
            self._bell.wait(wait_s)
