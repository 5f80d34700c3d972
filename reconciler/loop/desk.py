"""Where everything that runtimes tell arrives: heard by each in turn, answered in one voice.

Decides nothing itself. What one hearer makes of an event never keeps another from hearing it,
unless it is refused: then nothing more is said or given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.problems import NovaorchError
from reconciler.ports.agents import Desk


@dataclass(frozen=True, slots=True)
class FrontDesk:
    """Asks its hearers in their order. Called from many threads at once.

    A hearer that cannot answer (its store is down) is passed over and said once in the log: an
    agent is never made to wait for our troubles.
    """

    hearers: Sequence[Desk]
    log: Callable[[str], None]

    def hear(self, event: HookEvent) -> HookAnswer:
        """Return what all say together; a refusal ends the round."""
        answer = SILENCE
        for hearer in self.hearers:
            said = self._asked(hearer, event)
            if said.refuse:
                return said
            answer = merged(answer, said)
        return answer

    def _asked(self, hearer: Desk, event: HookEvent) -> HookAnswer:
        try:
            return hearer.hear(event)
        except NovaorchError as error:
            self.log(f"{event.unit}: {event.name} was not taken in: {error.what} ({error.why})")
            return SILENCE


def merged(first: HookAnswer, second: HookAnswer) -> HookAnswer:
    """Return both answers in one: texts follow each other, the first decision counts."""
    decided = first if first.decision else second
    return HookAnswer(
        context=_joined(first.context, second.context),
        go_on=_joined(first.go_on, second.go_on),
        refuse=first.refuse or second.refuse,
        decision=decided.decision,
        because=decided.because,
    )


def _joined(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)
