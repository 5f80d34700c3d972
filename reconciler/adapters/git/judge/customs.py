"""What a run would bring into its target that no agent's commit may hold by itself.

Recorded work went through this policy already; what an agent committed by its own hand did not. For
every way but a squash each commit counts, as each of them would be there to be read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import LINK, SUBMODULE
from reconciler.adapters.git.process import said
from reconciler.adapters.git.raw.dotgit import refused_name
from reconciler.core.keepout import keeper
from reconciler.core.leaks import added, find, is_text
from reconciler.core.promotion import NO_PATH
from reconciler.model.problems import SourceError
from reconciler.model.promotion import Candidate, KnownRun, Move
from reconciler.model.training import HeldBack
from reconciler.model.unit import Training

LOOKED_THROUGH_MAX = 8 * 2**20
_NOTHING = "000000"


class Goods(NamedTuple):
    """One path as it was and as it is to be; mode `000000` is none."""

    path: str
    mode: str
    before: str
    after: str


def held(
    room: CleanRoom, known: KnownRun, made: tuple[Candidate, Move], policy: Training
) -> tuple[HeldBack, ...]:
    """Return every path that stands against a candidate, with the rule that says so, once."""
    candidate, move = made
    goods = list(_net(room, candidate))
    if move is not Move.SQUASH:
        goods += _each(room, known, candidate.onto)
    kept_out, inside = keeper(policy.keep_out), _Inside(room, policy.file_max)
    found: dict[str, HeldBack] = {}
    for one in dict.fromkeys(goods):
        why = _named(one) or kept_out(one.path) or inside(one)
        if why is not None:
            found.setdefault(one.path, why)
    return tuple(found[path] for path in sorted(found))


def _named(one: Goods) -> HeldBack | None:
    if refused_name(one.path):
        return HeldBack(one.path, "kind", NO_PATH)
    if one.mode == SUBMODULE:
        return HeldBack(one.path, "kind", "it is a repository within")
    return None


class _Inside:
    """Looks into what is brought: where links lead, how large it is, whether it holds secrets."""

    def __init__(self, room: CleanRoom, file_max: int) -> None:
        self._room, self._file_max = room, file_max

    def __call__(self, one: Goods) -> HeldBack | None:
        if one.mode == _NOTHING:
            return None
        size = self._room.objects.headers([one.after])[0].size
        if size > self._file_max:
            return HeldBack(one.path, "size", f"{size} bytes, more than {self._file_max}")
        if size > LOOKED_THROUGH_MAX:
            return None
        body = self._content(one.after)
        if one.mode == LINK:
            return _leads_out(one.path, body.decode("utf-8", "surrogateescape"))
        return self._leaks(one, body) if is_text(body) else None

    def _leaks(self, one: Goods, body: bytes) -> HeldBack | None:
        text = body.decode("utf-8", "replace")
        if not find(text):
            return None
        before = self._content(one.before).decode("utf-8", "replace") if one.before else ""
        leaks = added(before, text)
        lines = ", ".join(f"{one.path}:{leak.line} {leak.rule}" for leak in leaks[:5])
        return HeldBack(one.path, "secret", lines) if leaks else None

    def _content(self, oid: str) -> bytes:
        if self._room.objects.headers([oid])[0].size > LOOKED_THROUGH_MAX:
            return b""
        return self._room.objects.contents([oid], "blob")[0]


def _leads_out(path: str, target: str) -> HeldBack | None:
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or whole == ".." or whole.startswith("../"):
        return HeldBack(path, "kind", f"it is a link out of the tree, to {target}")
    return None


def _net(room: CleanRoom, candidate: Candidate) -> Iterator[Goods]:
    words = ("diff-tree", "-r", "--raw", "-z", "--no-renames", candidate.onto, candidate.commit)
    yield from _goods(room, words)


def _each(room: CleanRoom, known: KnownRun, onto: str) -> Iterator[Goods]:
    """Yield what each commit brings; of a merge what none of its sides had."""
    before = [f"^{known.promoted}"] if known.promoted else []
    yield from _goods(
        room,
        ("log", "--format=", "--raw", "-z", "--no-renames", "--no-abbrev", "--root",
         "--diff-merges=combined", known.run.tip, f"^{onto}", *before),
    )  # fmt: skip


def _goods(room: CleanRoom, asked: Sequence[str]) -> Iterator[Goods]:
    reply = room.command().run(*asked)
    if not reply.ok:
        raise SourceError(
            "git could not say what a run brings",
            why=said(reply.err),
            fix="run `git fsck` in the repository and mend what it names",
        )
    texts = reply.out.decode("utf-8", "surrogateescape").split("\0")
    for head, path in zip(texts[::2], texts[1::2], strict=False):
        line = head.lstrip("\n")
        sides = len(line) - len(line.lstrip(":"))
        words = line[sides:].split()
        modes, oids = words[: sides + 1], words[sides + 1 : -1]
        was = oids[0] if modes[0] not in (_NOTHING, SUBMODULE) else ""
        yield Goods(path, modes[-1], was, oids[-1])
