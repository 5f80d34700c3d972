"""What a commit of an agent's work says of itself: subject, body, and trailers that git can list.

Never lets an agent's words pass for a trailer, and never reads one that is not in the last block.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.plain import clean
from reconciler.model.ids import UnitId
from reconciler.model.training import HeldBack, Noted, Turn

SUBJECT_MAX, BODY_MAX, LINE_MAX = 72, 4_000, 2_000
HELD_BACK_SHOWN = 20
_PREFIX = "Nova-"
_LINE = re.compile(r"(Nova-[A-Za-z0-9-]{1,40}): (.*)")
_MARKDOWN = re.compile(r"^(?:#{1,6}\s+|[-*+]\s+|>\s*|\d+[.)]\s+)+")
_EMPHASIS = re.compile(r"(\*\*|__|`+)(?=\S)(.+?)(?<=\S)\1")
_LIKE_A_TRAILER = re.compile(r"[A-Za-z0-9-]+\s*:|---|#|\(cherry picked")


def compose(turn: Turn, run: int, number: int, held_back: Sequence[HeldBack] = ()) -> str:
    """Return the message of commit `number` of a run: what the agent said of it, and trailers."""
    subject, body = _words(turn)
    trailers = "\n".join(_trailers(turn, run, number, held_back))
    return "\n\n".join(filter(None, (subject, body, trailers))) + "\n"


def read(message: str) -> Noted | None:
    """Return what a message's trailers say; None when it is no commit of an agent's work.

    Only the last block counts, and only when each of its lines is one of ours or another trailer.
    What is garbage in one is left out.
    """
    found = trailers(message)
    agent = _unit(found.pop("Nova-Agent", ""))
    if agent is None:
        return None
    noted = Noted(agent)
    for name, take in _READ.items():
        if name in found:
            noted = take(noted, found.pop(name))
    return replace(noted, extra=found)


def trailers(message: str) -> dict[str, str]:
    """Return the trailers of ours in the last block by name; one that comes twice is joined by
    line breaks."""
    found: dict[str, str] = {}
    for line in message.rstrip("\n").rpartition("\n\n")[2].split("\n"):
        match = _LINE.fullmatch(line)
        if match is not None:
            name, value = match[1], match[2].strip()
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def prompt_hash(prompt: str) -> str:
    """Return 16 hex characters that name a prompt: they join a commit with what was asked."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def trailer(name: str, value: str) -> str:
    """Return one line `Nova-NAME: value` that stays one line whatever the value holds."""
    return f"{_PREFIX}{name}: {clean(' '.join(value.split()))[:LINE_MAX]}"


# -- the words above --------------------------------------------------------------------------


def _words(turn: Turn) -> tuple[str, str]:
    """Return subject and body out of the agent's own summary."""
    lines = [clean(line.rstrip()) for line in turn.summary.expandtabs(4).splitlines()]
    while lines and not _plain(lines[0]):
        del lines[0]
    if not lines:
        return f"Save {_what(turn)} of {turn.unit.name}", ""
    first = _plain(lines[0])
    subject = _cut(first)
    rest = lines[1:] if first.rstrip(".") == subject else lines
    return subject, _body(rest)


def _what(turn: Turn) -> str:
    return "settled work" if turn.cause == "settled" else "work"


def _plain(line: str) -> str:
    """Return a line of Markdown as a subject has it: without marks, without a colon's look."""
    text = _MARKDOWN.sub("", line.strip())
    for _ in range(3):
        text = _EMPHASIS.sub(r"\2", text)
    text = " ".join(text.split()).strip(" *_`#-")
    # A lone subject that looks like a trailer would be read as one.
    return f"({text})" if text.lower().startswith(_PREFIX.lower()) else text


def _cut(text: str) -> str:
    """Return the first sentence, or as many words as fit on a subject's line."""
    sentence = re.match(r"(.{8,70}?[.!?])(?:\s|$)", text)
    if sentence is not None:
        return sentence[1].rstrip(".")
    if len(text) <= SUBJECT_MAX:
        return text.rstrip(".")
    head = text[: SUBJECT_MAX - 1]
    return f"{head.rpartition(' ')[0] if ' ' in head[20:] else head}…"


def _body(lines: Sequence[str]) -> str:
    """Return the rest of a summary: no line of it begins like a trailer or a divider."""
    text = "\n".join(
        f" {line}" if _LIKE_A_TRAILER.match(line) else line[:LINE_MAX] for line in lines
    )
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return text if len(text) <= BODY_MAX else f"{text[: BODY_MAX - 1]}…"


# -- the trailers -----------------------------------------------------------------------------


def _trailers(turn: Turn, run: int, number: int, held: Sequence[HeldBack]) -> Iterator[str]:
    yield trailer("Agent", turn.unit)
    yield trailer("Run", str(run))
    yield trailer("Turn", str(number))
    for name, say in _SAY.items():
        value = say(turn)
        if value:
            yield trailer(name, value)
    for one in held[:HELD_BACK_SHOWN]:
        yield trailer("Held-Back", f"{one.path} ({one.rule}: {one.why})")
    if held[HELD_BACK_SHOWN:]:
        yield trailer("Held-Back", f"and {len(held) - HELD_BACK_SHOWN} more")


def _tokens(turn: Turn) -> str:
    known = turn.tokens_in or turn.tokens_out
    return f"{turn.tokens_in} in, {turn.tokens_out} out" if known else ""


def _cost(turn: Turn) -> str:
    return f"{turn.cost_usd:.6f}".rstrip("0").rstrip(".") if turn.cost_usd > 0 else ""


def _cause(turn: Turn) -> str:
    return f"{turn.cause} by {turn.by}" if turn.by else turn.cause


_SAY: Mapping[str, Callable[[Turn], str]] = {
    "Conversation": lambda turn: turn.conversation,
    "Prompt": lambda turn: prompt_hash(turn.prompt) if turn.prompt else "",
    "Model": lambda turn: turn.model,
    "Tokens": _tokens,
    "Cost-USD": _cost,
    "Charter": lambda turn: turn.charter,
    "Desired": lambda turn: turn.desired,
    "Cause": _cause,
}
"""One small function a trailer: another one joins here, and below if it has a field in `Noted`."""


def _unit(text: str) -> UnitId | None:
    parts = text.split("/")
    ok = len(parts) == 3 and all(re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,63}", part) for part in parts)
    return UnitId(text) if ok else None


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _take_tokens(noted: Noted, text: str) -> Noted:
    match = re.fullmatch(r"(\d{1,15}) in, (\d{1,15}) out", text, re.ASCII)
    if match is None:
        return noted
    return replace(noted, tokens_in=int(match[1]), tokens_out=int(match[2]))


def _take_cost(noted: Noted, text: str) -> Noted:
    ok = re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII)
    return replace(noted, cost_usd=float(text)) if ok else noted


_READ: Mapping[str, Callable[[Noted, str], Noted]] = {
    "Nova-Run": lambda noted, text: replace(noted, run=_count(text)),
    "Nova-Turn": lambda noted, text: replace(noted, number=_count(text)),
    "Nova-Conversation": lambda noted, text: replace(noted, conversation=text),
    "Nova-Prompt": lambda noted, text: replace(noted, prompt=text),
    "Nova-Model": lambda noted, text: replace(noted, model=text),
    "Nova-Tokens": _take_tokens,
    "Nova-Cost-USD": _take_cost,
    "Nova-Charter": lambda noted, text: replace(noted, charter=text),
    "Nova-Desired": lambda noted, text: replace(noted, desired=text),
    "Nova-Cause": lambda noted, text: replace(noted, cause=text),
    "Nova-Recorded": lambda noted, text: replace(noted, recorded=text),
}
