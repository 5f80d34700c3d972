"""What an agent reads when messages are handed to it: facts about each, and its body, quoted.

Pure. Every message begins with its mark at the edge of a line, and every line of a body is set off
from that edge, so nobody can write a head, a mark or an end of somebody else's. What a terminal or
an agent's input line would act on is made visible. Nothing here tells an agent what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.explain import hour
from reconciler.model.message import Message, Priority

HOOK_ROOM = 10_000
"""Characters that a hook's answer may hold; runtimes cut off what is more."""
PASTE_ROOM = 100_000
LINE_BYTES_MAX = 1_000
"""Some terminals drop a longer line that is read whole."""
MESSAGES_MAX = 20
"""A bundle of more is a heap: later ones wait for the next."""
END = "[end of novaorch messages]"
QUOTED = "| "

_MARK = re.compile(r"\[novaorch:(m[0-9a-hjkmnp-tv-z]{26})\]", re.ASCII)
_FORGED = re.compile(r"(\[\s*novaorch)(\s*:)", re.IGNORECASE)
_BREAKS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_MENTION = re.compile(r"(?<!\S)@(?=[\"'/~.\\]|\S*[/\\:])")
"""An input line takes `@path` for a wish to read that file."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A text for an agent, and the messages that are in it, in order."""

    text: str
    messages: tuple[Message, ...]


def mark(message: str) -> str:
    """Return the mark by which the message of this id is found again."""
    return f"[novaorch:{message}]"


def marks(text: str) -> frozenset[str]:
    """Return the ids of all messages whose marks are in `text`."""
    return frozenset(_MARK.findall(text))


def render(messages: Sequence[Message]) -> str:
    """Return what an agent reads: a block for each message, in order."""
    return "\n".join([*map(_block, messages), END])


def bundle(messages: Iterable[Message], room: int = HOOK_ROOM) -> Bundle:
    """Return as many messages as fit into `room` characters, in order; the others wait.

    One that alone is too large is told of, with where its body is read. No messages, no text.
    """
    taken: list[Message] = []
    blocks: list[str] = []
    left = room - units(END)
    for message in messages:
        block = _block(message)
        if not taken and units(block) + 1 > left:
            return Bundle(f"{_told(message)}\n{END}", (message,))
        left -= units(block) + 1
        if left < 0 or len(taken) == MESSAGES_MAX:
            break
        taken.append(message)
        blocks.append(block)
    return Bundle("\n".join([*blocks, END]) if blocks else "", tuple(taken))


def line(message: Message) -> str:
    """Return a message as one line, of at most `LINE_BYTES_MAX` bytes, for a program that reads
    lines. A body that is cut says so."""
    body = " / ".join(part for part in clean(message.body).split("\n") if part)
    whole = f"{mark(message.id)} {_plain(message.sender)}: {body}"
    if len(whole.encode()) <= LINE_BYTES_MAX:
        return whole
    tail = f"… (cut; whole: novaorch messages {message.id})"
    room = LINE_BYTES_MAX - len(tail.encode())
    return whole.encode()[:room].decode("utf-8", "ignore").rstrip() + tail


def clean(text: str) -> str:
    """Return a body as it is shown: one kind of line break, no mark, nothing that acts unseen."""
    text = _BREAKS.sub("\n", text).replace("\t", "    ")
    text = _UNSEEN.sub(_visible, text)
    return _MENTION.sub(r"\\@", _FORGED.sub(r"\1\\\2", text))


def units(text: str) -> int:
    """Return the length of `text` as runtimes count it: in UTF-16."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _block(message: Message) -> str:
    lines = clean(message.body).split("\n")
    return "\n".join([_head(message), *((QUOTED + one).rstrip() for one in lines)])


def _told(message: Message) -> str:
    size = len(message.body)
    return (
        f"{_head(message)}\n(its body, {size:,} characters, is shown by `read_inbox` with its id)"
    )


def _head(message: Message) -> str:
    facts = [
        f"{mark(message.id)} message from {_plain(message.sender)}",
        _hour(message.at),
        f"priority {Priority(message.priority).name.lower()}",
    ]
    if message.reply_to:
        facts.append(f"in reply to {_plain(message.reply_to)}")
    if message.expires:
        facts.append(f"good until {_hour(message.expires)}")
    ways = "(MCP tools: `reply` answers it, `verify_message` tells who sent it)"
    return f"{', '.join(facts)}\n{ways}"


def _hour(epoch_s: float) -> str:
    """An hour that a sender may have chosen, too: some are beyond any calendar."""
    return hour(int(epoch_s)) if 0 <= epoch_s < 1e11 else "an hour that no calendar has"


def _plain(words: str) -> str:
    """One line of a name that somebody else chose."""
    return " ".join(clean(words).split())[:200]


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"\\u{{{code:x}}}"
