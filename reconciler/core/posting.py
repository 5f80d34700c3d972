"""From what somebody wants to say to the messages that are kept: checked, cleaned, addressed. Pure.

The one way in, for the command line as for the agents' tools: both are refused the same things.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.core.address import Book, receivers
from reconciler.core.admission import check_message, check_priority, clean_body
from reconciler.model.message import Message, Priority
from reconciler.model.problems import UsageError

KEY_MAX = 100
EXPIRES_MAX_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to say. `to` is a word as `core.address` reads it.

    `parent` is the message it replies to. `expires_s` counts from now; 0 is never.
    """

    sender: str
    to: str
    body: str
    priority: Priority = Priority.NORMAL
    key: str = ""
    parent: Message | None = None
    expires_s: float = 0.0


def messages(draft: Draft, book: Book, now: float, ids: Iterable[str]) -> tuple[Message, ...]:
    """Return one message for each receiver; those of a broadcast share a thread.

    NovaorchError, UsageError or RefusedError: nothing of it may be sent, and why.
    """
    check_priority(draft.sender, draft.priority)
    if not 0 <= draft.expires_s <= EXPIRES_MAX_S:
        raise UsageError(
            "that is no time to expire", fix="say how long: 10m, 2h, 3d; a year at most"
        )
    if len(draft.key) > KEY_MAX:
        raise UsageError(f"the key is longer than {KEY_MAX} characters", fix="choose a shorter one")
    body = clean_body(draft.body)
    whom = receivers(draft.to, book, draft.sender)
    names = [name for name, _ in zip(ids, whom, strict=False)]
    thread = _thread(draft.parent) or (names[0] if len(whom) > 1 else "")
    made = tuple(
        Message(
            id=name,
            sender=draft.sender,
            to=to,
            body=body,
            at=now,
            priority=draft.priority,
            key=_key(draft.key, to, many=len(whom) > 1),
            reply_to=draft.parent.id if draft.parent is not None else "",
            expires=now + draft.expires_s if draft.expires_s else 0.0,
            thread=thread,
        )
        for name, to in zip(names, whom, strict=True)
    )
    for message in made:
        check_message(message)
    return made


def again(dead: Message, now: float, name: str) -> Message:
    """Return a message that was given up, as one that is sent anew: twice is once, by its key.

    It begins to wait now; an expiry that is over is not asked for again.
    """
    expires = dead.expires if dead.expires > now else 0.0
    key = f"redeliver {dead.id}"
    thread = dead.thread or dead.id
    return replace(dead, id=name, at=now, key=key, expires=expires, thread=thread)


def _thread(parent: Message | None) -> str:
    return (parent.thread or parent.id) if parent is not None else ""


def _key(key: str, to: str, *, many: bool) -> str:
    """A key is the same message for ever: of a broadcast, each receiver's is one of its own."""
    return f"{key} @{to}" if key and many else key
