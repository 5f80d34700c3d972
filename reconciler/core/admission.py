"""What may be sent, by whom, how urgently and how fast; and what of it is kept waiting. Pure.

Nothing is dropped silently: what cannot be shown is made visible, what is too much is refused.
"""

from __future__ import annotations

import re
import unicodedata

from reconciler.model.message import BODY_BYTES_MAX, Message, Proof, Stage
from reconciler.model.problems import NovaorchError

WORD_MAX = 200
"""Characters of a sender, a receiver, a key or an id."""
_PLAIN = re.compile(rf"[^\x00-\x1f\x7f]{{1,{WORD_MAX}}}")


def clean_body(text: str) -> str:
    """Return a body fit for any terminal and any model: only text, line ends and tabs are kept.

    Controls, ESC, bidi and other characters that nobody sees are made visible. NovaorchError: there
    is nothing in it, or too much.
    """
    flat = text.replace("\r\n", "\n").replace("\r", "\n")
    flat = flat.replace("\u2028", "\n").replace("\u2029", "\n")
    body = "".join(char if _shows(char) else f"\\u{{{ord(char):x}}}" for char in flat).strip("\n")
    if not body.strip():
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
    words = {"id": message.id, "sender": message.sender, "receiver": message.to}
    words |= {"key": message.key or "-", "message it replies to": message.reply_to or "-"}
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


_JOINERS = "\u200c\u200d"
"""Unseen, and needed: they make one sign of several in many scripts and in emoji."""


def _shows(char: str) -> bool:
    if char in "\n\t" or char in _JOINERS:
        return True
    return unicodedata.category(char)[0] != "C"
