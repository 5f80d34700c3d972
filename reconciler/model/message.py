"""Messages between agents, people and novaorch, and what is known of each one's way.

`sent` is no stage: each stage is a fact with an hour and its evidence.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reconciler.model.ids import Json

BODY_BYTES_MAX = 65_536
"""More is refused: write a file, and send its path."""


class Priority(enum.IntEnum):
    """Of two messages, the more urgent goes first; `URGENT` also into a manual agent's inbox top.

    Who may use which is decided by who sends, never by the text.
    """

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3


class Stage(enum.StrEnum):
    """How far a message is known to have come, in order; `DEAD` ends it, with a reason."""

    ACCEPTED = "accepted"
    """In the store, durable."""
    ADMITTED = "admitted"
    """Its receiver exists, may be written to, and has room; it is queued for delivery."""
    INJECTED = "injected"
    """Given to the runtime: in a hook's answer, or typed. Written down before it is done."""
    SUBMITTED = "submitted"
    """Proved to be part of a prompt."""
    READ = "read"
    """The model answered with it in its context, or asked for it by name."""
    DEAD = "dead"


ORDER = (Stage.ACCEPTED, Stage.ADMITTED, Stage.INJECTED, Stage.SUBMITTED, Stage.READ)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Times in epoch seconds.

    `sender` and `to` are unit ids as text, or `person:NAME`, or `novaorch`. `key` makes sending
    idempotent: the same key of the same sender is the same message. `expires` 0 is never. `thread`
    is the id of the message that a conversation, or a broadcast, began with; '' for one alone.
    """

    id: str
    sender: str
    to: str
    body: str
    at: float
    priority: Priority = Priority.NORMAL
    key: str = ""
    reply_to: str = ""
    expires: float = 0.0
    thread: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON."""
        return {
            "id": self.id,
            "sender": self.sender,
            "to": self.to,
            "body": self.body,
            "at": self.at,
            "priority": self.priority.name.lower(),
            "key": self.key,
            "reply_to": self.reply_to,
            "expires": self.expires,
            "thread": self.thread,
        }


@dataclass(frozen=True, slots=True)
class Proof:
    """A stage that was reached, when, and how that is known. `evidence` is one short line."""

    stage: Stage
    at: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """A message and its receipt: every proof, oldest first. An injection may appear twice: each
    try is written down before it is made."""

    message: Message
    proofs: tuple[Proof, ...] = ()

    @property
    def stage(self) -> Stage:
        """The furthest stage that is proved."""
        reached = {proof.stage for proof in self.proofs}
        if Stage.DEAD in reached:
            return Stage.DEAD
        return next((s for s in reversed(ORDER) if s in reached), Stage.ACCEPTED)

    @property
    def open(self) -> bool:
        """Whether it still has to be brought to its receiver."""
        return self.stage in (Stage.ACCEPTED, Stage.ADMITTED, Stage.INJECTED)

    def as_json(self) -> dict[str, Json]:
        """Return it as plain JSON, with its stage and every proof."""
        told: list[Json] = [
            {"stage": p.stage.value, "at": p.at, "evidence": p.evidence} for p in self.proofs
        ]
        return {**self.message.as_json(), "stage": self.stage.value, "proofs": told}
