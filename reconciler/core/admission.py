"""What may be sent, by whom, how urgently and how fast; and what of it is kept waiting. Pure.

Nothing is dropped silently: what cannot be shown is made visible, what is too much is refused.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from reconciler.model.message import BODY_BYTES_MAX, Message, Priority, Proof, Stage
from reconciler.model.problems import NovaorchError, RefusedError

INBOX_MAX = 1_000
"""So many may be open for one receiver; the next is a dead letter."""
FULL = f"inbox full: {INBOX_MAX} messages wait already"
GONE_S = 600.0
"""So long after its receiver left the fleet a message waits for it to come back."""
AGENT_MOST = Priority.HIGH
"""What an agent may use; people may use all, and so may novaorch itself."""
PER_MINUTE = 120
"""So many messages an agent may send in a minute; in the long run, and at once."""
WORD_MAX = 255
"""Characters of a sender, a receiver, a key or an id."""
_PLAIN = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{WORD_MAX}}}")


def clean_body(text: str) -> str:
    """Return a body fit for any terminal and any model: only text, line ends and tabs are kept.

    Controls, ESC, bidi and other characters that nobody sees are made visible. NovaorchError: there
    is nothing in it, or too much.
    """
    flat = text.replace("\r\n", "\n").replace("\r", "\n")
    flat = flat.replace("\u2028", "\n").replace("\u2029", "\n")
    body = "".join(char if _shows(char) else f"\\u{{{ord(char):x}}}" for char in flat).strip("\n")
    if not (flat.strip() and body.strip()):
        raise NovaorchError(
            "the message is empty", why="nothing is in it that could be read", fix="write something"
        )
    check_size(body)
    return body


def check_size(body: str) -> None:
    """Refuse a body that is too long."""
    size = len(body.encode("utf-8", "replace"))
    if size > BODY_BYTES_MAX:
        raise NovaorchError(
            "the message is too long",
            why=f"it has {size} bytes, and {BODY_BYTES_MAX} is the most",
            fix="write it to a file, and send the file's path",
        )


def check_message(message: Message) -> None:
    """Refuse what no store should be asked to keep; NovaorchError says what is wrong."""
    check_size(message.body)
    if not (math.isfinite(message.at) and math.isfinite(message.expires)):
        raise NovaorchError("a message has no such hour", why="it is no number", fix="send it anew")
    words = {"id": message.id, "sender": message.sender, "receiver": message.to}
    words |= {"key": message.key or "-", "thread": message.thread or "-"}
    words |= {"message it replies to": message.reply_to or "-"}
    for name, word in words.items():
        if not _PLAIN.fullmatch(word):
            raise NovaorchError(
                f"the {name} of the message cannot be kept",
                why=f"it is empty, longer than {WORD_MAX} characters, or holds controls",
                fix="choose another",
            )


def accepted(message: Message) -> Proof:
    """Return the first proof of every message."""
    return Proof(Stage.ACCEPTED, message.at, short(f"kept, as {message.sender} asked"))


def short(evidence: str) -> str:
    """Return evidence as it is kept: one line, 300 characters at most."""
    return " ".join(evidence.split())[:300]


def rank(message: Message) -> tuple[int, float, str]:
    """Return what messages of one inbox are sorted by: the most urgent first, then the oldest."""
    return (-message.priority, message.at, message.id)


def check_priority(sender: str, priority: Priority, most: Priority = AGENT_MOST) -> None:
    """Refuse a priority that is not this sender's to use; `most` is the most for agents."""
    if sender == "novaorch" or sender.startswith("person:") or priority <= most:
        return
    raise RefusedError(
        f"{sender} may not send with priority {priority.name.lower()}",
        why="that interrupts people, and is theirs to use",
        fix=f"send it with priority {most.name.lower()}, or ask a person",
    )


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a sender has left to send, as it stood at an epoch second."""

    left: float = float(PER_MINUTE)
    at: float = 0.0


def spend(bucket: Bucket, count: int, now: float, per_minute: int = PER_MINUTE) -> Bucket:
    """Return what is left after sending `count` more; RefusedError: they are too many for now.

    A clock that was set back refills nothing, and takes nothing.
    """
    rate = per_minute / 60.0
    left = min(float(per_minute), bucket.left + max(0.0, now - bucket.at) * rate)
    if count <= left:
        return Bucket(left - count, now)
    if count > per_minute:
        why, fix = f"{per_minute} a minute is the most", "write to fewer, or in several parts"
    else:
        why = f"{per_minute} messages a minute is the most; two agents that answer each other for"
        why += " ever look like this"
        fix = f"wait {(count - left) / rate:.0f} s, or say more in one message"
    raise RefusedError("too many messages in a short time", why=why, fix=fix)


def given_up(gone_s: float) -> str:
    """Return why what waits for a receiver is given up, who has been out of the fleet for so long;
    '' while it still may come back. One that is stopped, or in mode manual, is in the fleet."""
    if gone_s < GONE_S:
        return ""
    return f"its receiver is not in the fleet any more, for {gone_s / 60:.0f} minutes"


_JOINERS = "\u200c\u200d"
"""Unseen, and needed: they make one sign of several in many scripts and in emoji."""
_BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters that nobody sees."""


def _shows(char: str) -> bool:
    if char.isascii():
        return char in "\n\t" or char.isprintable()
    if char in _JOINERS:
        return True
    unseen = char in _BLANKS or "\U000e0000" <= char <= "\U000e0fff"
    return not unseen and unicodedata.category(char) not in ("Cc", "Cf", "Cs")
