"""Makes the commit of one turn: puts together what is known of it, and hands it to the recorder.

Remembers nothing. What is only nice to know never keeps work from being committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from reconciler.core.asked import asked
from reconciler.core.masks import SECRET_MIN
from reconciler.loop.lesson import Wanted
from reconciler.model.problems import NovaorchError, SourceError
from reconciler.model.training import Recorded, Spoken, Trainee, Turn
from reconciler.model.workspace import SeenWorkspace
from reconciler.ports import Clock
from reconciler.ports.agents import Minutes
from reconciler.ports.workspaces import Lineage, Recorder

T = TypeVar("T")

HIDDEN = "«secret»"
WRITTEN_S, LOOK_S = 0.3, 0.01
"""So long a transcript is waited for that does not have the last word yet: Claude Code writes it a
tenth of a second after it tells of the end, and what was used is known from it alone."""


@dataclass(frozen=True, slots=True)
class Books:
    """The doors: who commits, what runtimes wrote down, where commits come from, the hour.

    `reveal` looks a secret up, '' for one that is not there. `close` lets go of them.
    """

    recorder: Recorder
    minutes: Minutes
    lineage: Lineage
    clock: Clock
    log: Callable[[str], None]
    reveal: Callable[[str], str] = lambda _reference: ""
    close: Callable[[], None] = lambda: None

    def fingerprint(self, trainee: Trainee) -> str:
        """Return a word that changes when anything in the work tree does."""
        return self.recorder.fingerprint(there(trainee))

    def record(
        self, trainee: Trainee, wanted: Wanted, counted: float
    ) -> tuple[Recorded | None, float]:
        """Have work committed; return what was, and the hour of the last answer counted in it.

        What was used up to `counted` is part of an earlier commit. NovaorchError: it was not done.
        """
        seen = there(trainee)
        spoken = self._spoken(trainee, wanted, counted)
        turn = self._turn(trainee, wanted, spoken)
        return self.recorder.record(seen, trainee.policy, turn), spoken.at

    def _spoken(self, trainee: Trainee, wanted: Wanted, counted: float) -> Spoken:
        """Return what the runtime wrote down of this turn; the last word may come a bit late."""
        clock, lineage, seen = self.clock, self.lineage, there(trainee)
        since = max(wanted.began, counted) or self._told(lambda: lineage.hour(seen), 0.0)
        end, last = clock.now() + WRITTEN_S, wanted.summary.strip()
        while True:
            spoken = self._told(lambda: self.minutes.spoken(trainee.seat, since), None)
            if spoken is None:
                return Spoken()
            # One answer may have several texts, of which one side has the last, the other all.
            whole = spoken.said and (spoken.said.strip() in last or last in spoken.said)
            if wanted.cause != "turn" or not last or whole or clock.now() >= end:
                return spoken
            clock.sleep(LOOK_S)

    def _turn(self, trainee: Trainee, wanted: Wanted, spoken: Spoken) -> Turn:
        seat, persona = trainee.seat, trainee.seat.persona
        project, desired = seat.unit.project, trainee.desired
        prompt = "\n\n".join(map(asked, wanted.prompts or spoken.prompts))
        return Turn(
            unit=seat.unit,
            at=wanted.at,
            summary=self._silent(trainee, wanted.summary or spoken.said),
            prompt=self._silent(trainee, prompt),
            conversation=wanted.conversation or spoken.conversation,
            runtime=persona.runtime if persona is not None else "command",
            model=spoken.model or (persona.model if persona is not None else ""),
            tokens_in=spoken.tokens_in,
            tokens_out=spoken.tokens_out,
            cost_usd=spoken.cost_usd,
            desired=desired,
            charter=self._told(lambda: self.lineage.charter(project, desired), ""),
            cause=wanted.cause,
            by=wanted.by,
        )

    def _silent(self, trainee: Trainee, text: str) -> str:
        """Return words without the secrets that an agent was given, wherever they stand."""
        for value in map(self.reveal, trainee.secrets):
            if len(value) >= SECRET_MIN:
                text = text.replace(value, HIDDEN)
        return text

    def _told(self, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except NovaorchError as error:
            self.log(f"a commit of an agent's work says less than it could: {error.what}")
            return otherwise


def there(trainee: Trainee) -> SeenWorkspace:
    """Return the work tree of an agent. SourceError: it cannot be used now."""
    seen = trainee.seen
    if seen is None:
        raise SourceError(
            f"{trainee.seat.unit} has no work tree yet",
            why="it is made when what runs is made as it is wished for",
            fix="novaorch up, or novaorch apply",
        )
    if seen.trouble:
        raise SourceError(f"{seen.path} cannot be used", why=seen.trouble, fix=seen.fix)
    return seen
