"""What commits say that a run became: one for all its turns, a merge, or copies of each. Pure.

Each of them names the commit of the run that it comes from, so that `why` can go on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.explain import counted
from reconciler.core.plain import clean
from reconciler.core.trailers import SUBJECT_MAX, read, trailer, trailers
from reconciler.model.promotion import KnownRun
from reconciler.model.training import Noted

TURNS_MAX = 200
BY = "Promoted-by"
_OURS = re.compile(r"(Nova-Recorded|Promoted-by):", re.IGNORECASE)
_TRAILER = re.compile(r"[A-Za-z0-9-]+: .*")


@dataclass(frozen=True, slots=True)
class Piece:
    """One commit of a run: its id and its whole message."""

    oid: str
    message: str

    @property
    def subject(self) -> str:
        """Its first line."""
        return clean(self.message.lstrip("\n").partition("\n")[0].strip())


def author(known: KnownRun) -> str:
    """Return the agent as git has authors."""
    unit = known.run.unit
    return f"{unit.name} <{unit.name}.{unit.project}@agents.novaorch.localhost>"


def squashed(known: KnownRun, pieces: Sequence[Piece], by: str) -> str:
    """Return the message of the one commit that a whole run becomes; `pieces` oldest first."""
    noted = [found for piece in pieces if (found := read(piece.message)) is not None]
    last = pieces[-1].subject if pieces else f"Work of {known.name}"
    if len(pieces) == 1:
        body = _body(pieces[0].message)
    else:
        body = "\n\n".join([f"{counted(len(pieces), 'commit')} of {known.name}:", *_turns(pieces)])
    block = "\n".join([*_heads(known), *_shared(noted), *_foot(known.run.tip, by)])
    return "\n\n".join(filter(None, [_cut(last), body, block])) + "\n"


def merged(known: KnownRun, pieces: Sequence[Piece], by: str) -> str:
    """Return the message of the merge commit of a run."""
    told = "\n".join(f"* {piece.subject}" for piece in pieces[:TURNS_MAX])
    block = "\n".join([*_heads(known), *_foot(known.run.tip, by)])
    subject = f"Merge {known.name} into {known.target}"
    return "\n\n".join(filter(None, [subject, told, block])) + "\n"


def replayed(message: str, oid: str, by: str) -> str:
    """Return the message of a commit's copy: as it was, with where it comes from.

    What the commit says itself of being a copy, or of who promoted it, is left out.
    """
    lines = [line for line in message.rstrip("\n").split("\n") if not _OURS.match(line)]
    text = "\n".join(lines).rstrip("\n")
    head, gap, block = text.rpartition("\n\n")
    joined = gap and head.strip() and all(map(_TRAILER.fullmatch, block.split("\n")))
    return f"{text}{chr(10) if joined else chr(10) * 2}" + "\n".join(_foot(oid, by)) + "\n"


def _heads(known: KnownRun) -> list[str]:
    unit = known.run.unit
    return [
        trailer("Agent", f"{unit.project}/agent/{unit.name}"),
        trailer("Run", str(known.run.number)),
    ]


def _foot(oid: str, by: str) -> list[str]:
    return [trailer("Recorded", oid), f"{BY}: {clean(' '.join(by.split()))}"]


def _shared(noted: Sequence[Noted]) -> Iterator[str]:
    """Yield what is true of all turns together: sums, and what each of them says alike."""
    for name, field in _ALIKE.items():
        values = {getattr(one, field) for one in noted}
        if len(values) == 1 and (value := values.pop()):
            yield trailer(name, value)
    given, made = sum(n.tokens_in for n in noted), sum(n.tokens_out for n in noted)
    if given or made:
        yield trailer("Tokens", f"{given} in, {made} out")
    cost = sum(n.cost_usd for n in noted)
    if cost > 0:
        yield trailer("Cost-USD", f"{cost:.6f}".rstrip("0").rstrip("."))


_ALIKE = {
    "Conversation": "conversation",
    "Prompt": "prompt",
    "Model": "model",
    "Charter": "charter",
    "Desired": "desired",
}


def _turns(pieces: Sequence[Piece]) -> Iterator[str]:
    for piece in pieces[:TURNS_MAX]:
        said = trailers(piece.message)
        lines = [f"    {name}: {_flat(value)}" for name, value in said.items() if name not in _ONCE]
        yield "\n".join([f"* {piece.subject}", f"    Commit: {piece.oid}", *lines])
    if pieces[TURNS_MAX:]:
        yield f"and {len(pieces) - TURNS_MAX} more"


_ONCE = frozenset({"Nova-Agent", "Nova-Run"})


def _flat(text: str) -> str:
    return clean(" ".join(text.split()))


def _body(message: str) -> str:
    """Return what is between the subject and the trailers."""
    rest = message.strip("\n").partition("\n")[2].strip("\n")
    head, _, block = rest.rpartition("\n\n")
    last = all(map(_TRAILER.fullmatch, block.split("\n")))
    return head.strip("\n") if last else rest


def _cut(text: str) -> str:
    return text if len(text) <= SUBJECT_MAX else f"{text[: SUBJECT_MAX - 1]}…"
