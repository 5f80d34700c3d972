"""Is the journal what novaorch wrote? Every commit is made anew in memory and compared.

Never writes. Names each record that was altered, is missing, or bears no signature that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.adapters.git.chain import Chain, Contents, Entry
from reconciler.adapters.git.journal import commit_body
from reconciler.adapters.git.loose import Folder, hashing
from reconciler.adapters.git.seal import Signers, split
from reconciler.core.journal import (
    checkpoint_head,
    checkpoint_message,
    head_after,
    message,
    name_of,
    page_path,
    pages_after,
    record_of,
    written,
)
from reconciler.model.problems import SourceError

UNITS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: with a record by number (0: with none in particular) and commit."""

    seq: int
    commit: str
    what: str


@dataclass(slots=True)
class Audit:
    """One walk along a chain. `signers` says whose signatures count, None: nobody has to sign."""

    chain: Chain
    object_format: str
    signers: Signers | None = None
    checked: int = 0
    signed: int = 0
    unsigned: int = 0
    _head: dict[str, Any] = field(default_factory=dict)
    _pages: dict[str, Any] = field(default_factory=dict)
    _folder: Folder = field(default_factory=Folder)
    _before: str = ""
    _doubted: Entry | None = None

    def walk(self, tip: str) -> Iterator[Finding]:
        """Yield what is wrong with any commit up to `tip`, the oldest first."""
        for part in self.chain.segments(tip):
            for place, entry in enumerate(self.chain.entries(part)):
                yield from self._look(entry, first=place == 0)
                self._before = entry.oid

    def _look(self, entry: Entry, *, first: bool) -> Iterator[Finding]:
        if first and entry.said is None:
            yield from self._checkpoint(entry)
            return
        seq = int(self._head.get("seq", 0)) + 1
        if entry.said is None:
            yield Finding(seq, entry.oid, "its record.json is missing")
            self._adopt(entry)
            return
        try:
            record_of(entry.said)
            told = int(entry.said["seq"])
        except (ValueError, KeyError, TypeError) as error:
            yield Finding(seq, entry.oid, f"its record cannot be read: {error}")
            self._adopt(entry)
            return
        self.checked += 1
        parent = "" if first else self._before
        yield from self._sealed(entry, told)
        if told != seq:
            yield Finding(told, entry.oid, _gap(seq, told))
            self._adopt(entry)
        else:
            yield from self._made(entry, entry.said, parent)

    # -- a checkpoint --------------------------------------------------------------------------

    def _checkpoint(self, entry: Entry) -> Iterator[Finding]:
        """The first commit of a segment: it stands for what was before, if that is still here."""
        before, pages = self._head, self._pages
        held = self._adopt(entry)
        told = held.head.get("checkpoint") or {}
        seq = int(held.head.get("seq", 0))
        yield from self._sealed(entry, seq)
        if not isinstance(told, dict) or not told.get("tip"):
            yield Finding(seq, entry.oid, "it holds neither a record nor a checkpoint")
        elif self._before:
            kept = {unit: page for unit, page in pages.items() if page["now"] is not None}
            expected = checkpoint_head(before, self._before) | {"key": held.head.get("key")}
            wrong = [*_differing(kept, held.pages)]
            if expected != held.head or wrong:
                what = f"this checkpoint is not what the records before it add up to{_named(wrong)}"
                yield Finding(seq, entry.oid, what)
        payload, _ = split(entry.body)
        tree, hour = held.folder.write(hashing(self.object_format)), _hour(payload)
        if told and payload != commit_body(tree, "", hour, checkpoint_message(held.head)):
            yield Finding(seq, entry.oid, "its author, hour or message are not novaorch's")

    # -- a record ------------------------------------------------------------------------------

    def _made(self, entry: Entry, said: dict[str, Any], parent: str) -> Iterator[Finding]:
        seq, payload = int(said["seq"]), split(entry.body)[0]
        tree = payload[5 : payload.find(b"\n")].decode("ascii", "replace")
        doubted, self._doubted = self._doubted, None
        if not self._makes(entry, said, tree):
            if doubted is not None:  # perhaps the record before told the truth, and we did not
                self._adopt(doubted)
            if doubted is None or not self._makes(entry, said, tree):
                wrong = [*_differing(self._pages, self.chain.contents(entry.oid).pages)]
                what = "record and inventory do not fit together: one of them was altered"
                yield Finding(seq, entry.oid, f"{what}{_named(wrong)}")
                self._doubted = entry
        if payload != commit_body(tree, parent, int(said["ended"]), message(said)):
            what = "its author, hour, parents or message are not what its record says"
            yield Finding(seq, entry.oid, what)

    def _makes(self, entry: Entry, said: dict[str, Any], tree: str) -> bool:
        """Go on by one record, and return whether it makes this tree of the one before."""
        write = hashing(self.object_format)
        self._head = head_after(self._head, said, str(self._head.get("key", "")))
        for unit, page in pages_after(self._pages, said).items():
            self._pages[unit] = page
            self._folder.put(page_path(unit), write("blob", written(page)))
        self._folder.put("record.json", write("blob", written(said)))
        self._folder.put("head.json", write("blob", written(self._head)))
        if self._folder.write(write) == tree:
            return True
        # A key that was lost is made anew: then the masks bear another name from here on.
        self._head["key"] = str(self.chain.head(entry.oid).get("key", ""))
        self._folder.put("head.json", write("blob", written(self._head)))
        return self._folder.write(write) == tree

    def _adopt(self, entry: Entry) -> Contents:
        """Go on from what a commit holds, so that one wrong record is not named again."""
        found = self.chain.contents(entry.oid)
        self._head, self._pages, self._folder = dict(found.head), dict(found.pages), found.folder
        if entry.said is not None and isinstance(entry.said.get("seq"), int):
            self._head["seq"] = entry.said["seq"]
        return found

    def _sealed(self, entry: Entry, seq: int) -> Iterator[Finding]:
        payload, signature = split(entry.body)
        if not signature:
            self.unsigned += 1
            if self.signers is not None and self.signed:
                yield Finding(seq, entry.oid, "it is not signed, and those before it are")
            return
        self.signed += 1
        if self.signers is not None and not self.signers.trust(payload, signature):
            yield Finding(seq, entry.oid, "its signature is not good, or not by a key that counts")


def behind(chain: Chain, tip: str, marks: Iterable[tuple[str, int]]) -> Iterator[Finding]:
    """Yield what is missing or altered since a mark was made: each should still be in the chain."""
    oids = [oid for part in chain.segments(tip) for oid in part] if tip else []
    known = {*oids, *_checkpoints(chain, tip)}
    names: dict[str, int] | None = None
    for mark, seq in dict(marks).items():
        if mark in known:
            continue
        if names is None:
            names = {name_of(said): said["seq"] for _, said in chain.records(oids)}
        yield from _lost(chain, names, mark, seq)


def _checkpoints(chain: Chain, tip: str) -> list[str]:
    """A mark may be older than what is archived: the checkpoint vouches for what it followed."""
    found = []
    for start in [part[0] for part in chain.segments(tip)] if tip else []:
        found.append(str((chain.head(start).get("checkpoint") or {}).get("tip", "")))
    return found


def _lost(chain: Chain, names: dict[str, int], mark: str, seq: int) -> Iterator[Finding]:
    last = max(names.values(), default=0)
    try:
        once = list(chain.records(chain.oids(mark)))
    except SourceError:
        once = []
    gone = [(said["seq"], oid) for oid, said in once if name_of(said) not in names]
    for number, oid in gone:
        how = "altered" if number <= last else "missing: the journal was cut off before it"
        yield Finding(int(number), oid, f"this record was written, and is {how}")
    if not gone:
        what = (
            f"record {seq} was written, and is no longer in the chain: it was cut off or rewritten"
        )
        yield Finding(seq, mark, what)


def _gap(expected: int, told: int) -> str:
    if told < expected:
        return f"it comes after record {expected - 1}: the order was changed"
    if told == expected + 1:
        return f"record {expected} before it is missing"
    return f"records {expected} to {told - 1} before it are missing"


def _differing(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    return (unit for unit in sorted({*one, *other}) if one.get(unit) != other.get(unit))


def _named(units: Sequence[str]) -> str:
    more = ", …" if len(units) > UNITS_NAMED else ""
    return f" ({', '.join(units[:UNITS_NAMED])}{more})" if units else ""


def _hour(payload: bytes) -> int:
    line = next((x for x in payload.split(b"\n") if x.startswith(b"committer ")), b"")
    words = line.split()
    return int(words[-2]) if len(words) > 2 and words[-2].isdigit() else 0
