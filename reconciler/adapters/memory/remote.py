"""A remote of plain dictionaries: refs and commits, no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.model.problems import BlindError, NovaorchError, SourceError
from reconciler.model.remote import Answer, Fetched, Offer, Pushed


def _never(_older: str, _newer: str) -> bool:
    return False


@dataclass(slots=True)
class MemoryRemote:
    """One remote (`ports.remotes.RemoteDoor`).

    `refs` are those there, `here` what is known of them here, `work` the refs of agents' work
    here. `descends` tells history. With `down`, nothing answers; `closed_to` are protected refs.
    """

    branch: str = "main"
    refs: dict[str, str] = field(default_factory=dict)
    here: dict[str, str] = field(default_factory=dict)
    work: dict[str, str] = field(default_factory=dict)
    descends: Callable[[str, str], bool] = _never
    down: bool = False
    closed_to: set[str] = field(default_factory=set)
    pushes: list[tuple[Offer, ...]] = field(default_factory=list)
    fetches: int = 0
    closed: bool = False
    _lost: str = ""

    def fetch(self) -> Fetched:
        """See the port."""
        self.fetches += 1
        self._answer()
        tip = self.refs.get(f"refs/heads/{self.branch}")
        if tip is None:
            raise SourceError("the remote has no such branch", fix="push the branch there first")
        before = self.here.get(self.branch, "")
        if before and before != tip and not self.contains(before, tip):
            self._lost = before
        if self._lost and (self._lost == tip or self.contains(self._lost, tip)):
            self._lost = ""
        self.here[self.branch] = tip
        return Fetched(tip, before, self._lost)

    def push(self, offers: Sequence[Offer]) -> Sequence[Pushed]:
        """See the port."""
        self._answer()
        self.pushes.append(tuple(offers))
        return [self._taken(offer) for offer in offers]

    def there(self) -> Mapping[str, str]:
        """See the port."""
        self._answer()
        return {
            ref: oid for ref, oid in self.refs.items() if "novaorch" in ref or "training" in ref
        }

    def apart(self, ours: str, theirs: str) -> tuple[int, int]:
        """See the port: one commit apart, as far as anybody knows."""
        return int(not self.contains(ours, theirs)), int(not self.contains(theirs, ours))

    def contains(self, older: str, newer: str) -> bool:
        """See the port."""
        try:
            return older == newer or self.descends(older, newer)
        except NovaorchError:
            return False

    def outgoing(self) -> Mapping[str, str]:
        """See the port."""
        return dict(self.work)

    def close(self) -> None:
        """See the port."""
        self.closed = True

    def _answer(self) -> None:
        if self.closed or self.down:
            raise BlindError("the remote did not answer", why="it is down", fix="set `down` False")

    def _taken(self, offer: Offer) -> Pushed:
        before = self.refs.get(offer.ref)
        if offer.ref in self.closed_to:
            return Pushed(offer, Answer.REJECTED, "the remote protects this ref", "ask people")
        if before == offer.commit:
            return Pushed(offer, Answer.SAME)
        if before is not None and not self.contains(before, offer.commit):
            return Pushed(offer, Answer.REJECTED, "the remote has other commits there", "merge")
        self.refs[offer.ref] = offer.commit
        return Pushed(offer, Answer.NEW if before is None else Answer.MOVED)
