"""The doors to what agents know and wish: insights, status lines, questions, proposals.

All may be called from any thread. BlindError means that the outside did not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reconciler.model.decision import Decision
from reconciler.model.ids import UnitId
from reconciler.model.insight import Insight, Proposal, Proposed, StatusLine


class Insights(Protocol):
    """What agents of one fleet found out. Bounded: the oldest make room."""

    def share(self, insight: Insight) -> bool:
        """Keep it; False when its content is kept already, and nothing was changed."""
        ...

    def all(self) -> Sequence[Insight]:
        """Return everything that is kept, newest first. What is garbage is left out."""
        ...


class StatusLines(Protocol):
    """One line for each agent, in its own words."""

    def say(self, unit: UnitId, line: StatusLine) -> None:
        """Keep an agent's line in the place of its last one; '' forgets it."""
        ...

    def said(self) -> Mapping[UnitId, StatusLine]:
        """Return every agent's line. What is garbage is left out."""
        ...


class Questions(Protocol):
    """Where agents ask what only a person may decide."""

    def ask(self, unit: UnitId, question: str, options: Sequence[str] = ()) -> Decision:
        """Put a question before people and return at once; the answer comes as a message.

        Without options any text is an answer. NovaorchError: it cannot be asked like this.
        """
        ...


class Proposals(Protocol):
    """Where agents propose changes to desired state: branches that nothing follows."""

    def propose(self, proposal: Proposal) -> Proposed:
        """Commit it on a branch of its own. NovaorchError: it is none that could be merged."""
        ...
