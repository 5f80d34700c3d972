"""Mail in a dictionary, for tests and the simulator. Keeps text, as a real store does."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.core.admission import FULL, INBOX_MAX, accepted, check_message, rank, short
from reconciler.model.message import Message, Proof, Stage, Tracked
from reconciler.model.problems import BlindError
from reconciler.ports.agents import Accepted

DEAD_MAX = 1_000
_OVER = (Stage.SUBMITTED, Stage.READ)


class MemoryMail:
    """What `RedisMail` does, without a server (`ports.agents.Mail`). Any thread.

    `down` makes every call a BlindError; `wipe` forgets all, as FLUSHALL does.
    """

    def __init__(self) -> None:
        self.down = False
        self._changed = threading.Condition(threading.RLock())
        self._kept: dict[str, Tracked] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._open: dict[str, set[str]] = {}
        self._dead: list[str] = []
        self._bells: dict[str, None] = {}
        self._heard = False

    def accept(self, messages: Sequence[Message]) -> Sequence[Accepted]:
        """See `Mail.accept`. All of them are kept, or none."""
        for message in messages:
            check_message(message)
        with self._changed:
            self._answer()
            said = tuple(self._keep(_kept(message)) for message in messages)
            self._changed.notify_all()
        return said

    def inbox(self, to: str, limit: int = 100) -> Sequence[Tracked]:
        """See `Mail.inbox`."""
        with self._changed:
            self._answer()
            found = sorted(
                (self._kept[name] for name in self._open.get(_kept_text(to), ())),
                key=lambda kept: rank(kept.message),
            )
        return tuple(found[:limit])

    def receivers(self) -> Sequence[str]:
        """See `Mail.receivers`."""
        with self._changed:
            self._answer()
            return tuple(sorted(self._open))

    def prove(self, proofs: Iterable[tuple[str, Proof]]) -> None:
        """See `Mail.prove`. What was never known is passed over."""
        wanted = list(proofs)
        with self._changed:
            self._answer()
            for name, proof in wanted:
                if name in self._kept:
                    self._prove(self._kept[name], proof)

    def find(self, message: str) -> Tracked | None:
        """See `Mail.find`."""
        with self._changed:
            self._answer()
            if message in self._kept or not message:
                return self._kept.get(message)
            found = [kept for name, kept in self._kept.items() if name.startswith(message)]
        return found[0] if len(found) == 1 else None

    def listing(self, who: str = "", limit: int = 100) -> Sequence[Tracked]:
        """See `Mail.listing`."""
        with self._changed:
            self._answer()
            names = [
                name
                for name, kept in self._kept.items()
                if not who or who in (kept.message.sender, kept.message.to)
            ]
            return tuple(self._kept[name] for name in sorted(names, reverse=True)[:limit])

    def dead(self, limit: int = 100) -> Sequence[Tracked]:
        """See `Mail.dead`."""
        with self._changed:
            self._answer()
            return tuple(self._kept[name] for name in self._dead[: -limit - 1 : -1])

    def rung(self, timeout_s: float) -> Sequence[str]:
        """See `Mail.rung`. The first call tells everybody for whom something is open."""
        with self._changed:
            self._answer()
            if not self._heard:
                self._heard = True
                self._bells = {}
                if self._open:
                    return tuple(sorted(self._open))
            self._changed.wait_for(lambda: self._bells or self.down, timeout_s)
            self._answer()
            names, self._bells = tuple(self._bells), {}
        return names

    def close(self) -> None:
        """Nothing is open; who listens again hears of everything once more."""
        self._heard = False

    def wipe(self) -> None:
        """Forget everything."""
        with self._changed:
            for kept in (self._kept, self._keys, self._open, self._dead, self._bells):
                kept.clear()

    # -- inside --------------------------------------------------------------------------------

    def _keep(self, message: Message) -> Accepted:
        key = (message.sender, message.key)
        known = self._keys.get(key, "") if message.key else ""
        if known or message.id in self._kept:
            return Accepted(known or message.id, bool(known) and known != message.id)
        if message.key:
            self._keys[key] = message.id
        self._kept[message.id] = Tracked(message, (accepted(message),))
        waiting = self._open.setdefault(message.to, set())
        waiting.add(message.id)
        if len(waiting) > INBOX_MAX:
            self._prove(self._kept[message.id], Proof(Stage.DEAD, message.at, FULL))
        else:
            self._bells[message.to] = None
        return Accepted(message.id)

    def _prove(self, kept: Tracked, proof: Proof) -> None:
        told = {before.stage for before in kept.proofs}
        over = proof.stage is Stage.DEAD and not told.isdisjoint(_OVER)
        if over or (proof.stage in told and proof.stage is not Stage.INJECTED):
            return
        proof = replace(proof, evidence=_kept_text(short(proof.evidence)))
        message = kept.message
        self._kept[message.id] = Tracked(message, (*kept.proofs, proof))
        if proof.stage not in (*_OVER, Stage.DEAD):
            return
        waiting = self._open.get(message.to, set())
        waiting.discard(message.id)
        if not waiting:
            self._open.pop(message.to, None)
        if proof.stage is Stage.DEAD:
            self._dead = [*self._dead, message.id][-DEAD_MAX:]

    def _answer(self) -> None:
        if self.down:
            raise BlindError("the store does not answer", why="it is down", fix="novaorch doctor")


def _kept(message: Message) -> Message:
    """Return a message as it comes back: half a surrogate pair becomes a question mark."""
    return replace(
        message,
        id=_kept_text(message.id),
        sender=_kept_text(message.sender),
        to=_kept_text(message.to),
        body=_kept_text(message.body),
        key=_kept_text(message.key),
        reply_to=_kept_text(message.reply_to),
        thread=_kept_text(message.thread),
    )


def _kept_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
