"""The door to the remote: a repository elsewhere, with which wishes and work are shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reconciler.model.remote import Fetched, Offer, Pushed


class RemoteDoor(Protocol):
    """One remote. Whoever calls may wait for minutes: never on a thread that others wait for.

    BlindError: the remote did not answer; SourceError: it answered, and this cannot go on so.
    """

    def fetch(self) -> Fetched:
        """Bring its branch here, and nothing else; no branch of the user is moved by that."""
        ...

    def push(self, offers: Sequence[Offer]) -> Sequence[Pushed]:
        """Offer commits for refs there, never by force; one answer each, in the same order."""
        ...

    def there(self) -> Mapping[str, str]:
        """Return every ref of agents' work that the remote has, with its commit."""
        ...

    def apart(self, ours: str, theirs: str) -> tuple[int, int]:
        """Return how many commits each has that the other has not, of those that are here."""
        ...

    def contains(self, older: str, newer: str) -> bool:
        """Return whether commit `newer` contains `older`; False when one of them is not here."""
        ...

    def outgoing(self) -> Mapping[str, str]:
        """Return every ref here that holds agents' work, with its commit."""
        ...

    def close(self) -> None:
        """End what is under way; a call that waits raises BlindError."""
        ...
