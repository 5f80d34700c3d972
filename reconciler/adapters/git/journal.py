"""`GitJournal`: every record a commit below `refs/novaorch/journal/`, whose tree is the inventory.

No work tree, no index, no branch; the ref moves only from where it was read to be. One git process
a flush: objects are written by ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.adapters.git.chain import Chain, Contents, Repository, mark_of
from reconciler.adapters.git.journalfiles import HighWater, JournalFiles
from reconciler.adapters.git.loose import Folder, NewObjects
from reconciler.adapters.git.process import said as words_of
from reconciler.adapters.git.refs import OURS
from reconciler.adapters.git.seal import Seal, key_path, sealed
from reconciler.core.journal import (
    checkpoint_head,
    checkpoint_message,
    finished,
    head_after,
    interrupted,
    message,
    name_of,
    page_path,
    pages_after,
    record_json,
    record_of,
    written,
)
from reconciler.core.ledger import follow
from reconciler.core.masks import Mask
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.problems import ConflictError, NovaorchError, SourceError
from reconciler.model.record import Inventory, Kept, Record

TRIES = 5


@dataclass(frozen=True, slots=True)
class JournalSetup:
    """Whose journal it is. `key` signs it; `keep` records stay before a checkpoint; `masks` names
    the key of the masks."""

    host: str
    fleet: str
    masks: str
    keep: int = 10_000
    key: Path | None = None


class GitJournal:
    """One fleet's journal on one host (`ports.Journal`). One thread only.

    `elsewhere`, if there is one, is given a name and a word about the newest commit to keep.
    """

    def __init__(self, repository: Repository, setup: JournalSetup, files: JournalFiles) -> None:
        self._repository, self._setup, self._files = repository, setup, files
        self.elsewhere: Callable[[str, str], None] | None = None
        self._new: NewObjects | None = None
        self._seal = Seal(setup.key) if setup.key is not None else None
        self._chain: Chain | None = None
        self._at: _At | None = None
        self._notes: list[dict[str, Any]] | None = None
        self._begun: dict[str, Any] | None = None

    # -- the port ------------------------------------------------------------------------------

    def inventory(self) -> Inventory:
        """Return what every record adds up to, those included that are no commit yet."""
        at = self._read()
        found = {UnitId(unit): Kept(*page["now"]) for unit, page in at.pages.items() if page["now"]}
        for note in self._waiting(at):
            for deed in record_of(note).deeds:
                follow(found, deed)
        return found

    def intend(self, record: Record) -> None:
        """Note what is about to be done: in a file, before the first side effect."""
        self._settle_begun()
        self._begun = record_json(record)
        self._files.append("intent", self._begun)

    def record(self, record: Record) -> None:
        """Note what was done; it becomes a commit at `flush`."""
        said = record_json(record)
        self._begun = None
        self._unflushed().append(said)
        self._files.append("done", said)

    def flush(self) -> None:
        """Make every note a commit, several in one breath. What fails stays noted."""
        self._settle_begun()
        if not self._unflushed():
            return
        for _ in range(TRIES):
            at = self._read()
            notes = self._waiting(at)
            if not notes:
                break
            self._at = None  # what fails, or comes second, reads everything anew
            made = self._made(at, notes)
            if self._moved(at.tip, made):
                self._remember(made)
                self._at = made
                break
        else:
            raise ConflictError(
                "the journal cannot be written",
                why=f"another process wrote to it {TRIES} times meanwhile",
                fix="nothing is lost: the notes wait for the next pass",
            )
        self._notes = []
        self._files.clear()

    # -- notes ---------------------------------------------------------------------------------

    def _unflushed(self) -> list[dict[str, Any]]:
        """Return the notes that are no commit yet; those of a process that died come first."""
        if self._notes is None:
            self._notes = finished(self._files.notes())
        return self._notes

    def _settle_begun(self) -> None:
        """An intent that is still open when the next begins was cut short."""
        notes = self._unflushed()
        if self._begun is not None:
            notes.append(interrupted(self._begun))
            self._begun = None

    def _waiting(self, at: _At) -> list[dict[str, Any]]:
        """Return the notes that are no commit: a death right after a flush leaves both."""
        notes = self._unflushed()
        if not notes or not at.tip or not at.fresh:
            return notes
        tail = self._chain_().tail(at.tip, len(notes))
        there = {name_of(said) for _, said in self._chain_().records(tail)}
        self._notes = [note for note in notes if name_of(note) not in there]
        at.fresh = False
        return self._notes

    # -- reading -------------------------------------------------------------------------------

    def _chain_(self) -> Chain:
        if self._chain is None:
            self._chain = Chain(self._repository, self._setup.host, self._setup.fleet)
        return self._chain

    def _read(self) -> _At:
        if self._at is None:
            tip = self._chain_().tip()
            held = self._chain_().contents(tip) if tip else Contents({}, Folder(), {})
            self._at = _At(tip, held.head, held.folder, dict(held.pages))
            self._missed(self._at)
        return self._at

    def _missed(self, at: _At) -> None:
        """Keep in mind a mark that the journal has gone back behind."""
        mark = self._files.high_water()
        if not mark.tip or mark.tip == at.tip:
            return
        reached = (at.head.get("checkpoint") or {}).get("tip") == mark.tip
        if at.tip and not reached:
            words = ("merge-base", "--is-ancestor", mark.tip, at.tip)
            reached = self._repository.command.run(*words).ok
        if not reached:
            lost = (*mark.lost, (mark.tip, mark.seq))
            self._files.remember(replace(mark, tip="", seq=0, lost=lost))

    # -- writing -------------------------------------------------------------------------------

    def _made(self, at: _At, notes: list[dict[str, Any]]) -> _At:
        """Write the commits of these notes, and return where the journal would be."""
        objects = self._repository.objects
        self._new = NewObjects(self._repository.common_dir / "objects", objects.object_format)
        made = _At(at.tip, at.head, at.folder, at.pages)
        for note in notes:
            self._add(made, note)
        if made.head["segment"] > self._setup.keep:
            self._checkpoint(made)
        self._new.store()
        made.fresh = False
        return made

    def _add(self, made: _At, note: Mapping[str, Any]) -> None:
        said = {**note, "seq": made.head.get("seq", 0) + 1}
        for unit, page in pages_after(made.pages, said).items():
            made.pages[unit] = page
            self._file(made, page_path(unit), page)
        made.head = head_after(made.head, said, self._setup.masks)
        self._file(made, "record.json", said)
        self._commit(made, message(said), int(said["ended"]))
        made.ended = int(said["ended"])

    def _checkpoint(self, made: _At) -> None:
        """Begin the chain anew with what it adds up to; units long gone are left out."""
        old = made.tip
        for unit in [unit for unit, page in made.pages.items() if page["now"] is None]:
            del made.pages[unit]
            made.folder.put(page_path(unit), "")
        made.folder.put("record.json", "")
        made.head = checkpoint_head(made.head, old)
        made.tip, made.archived = "", old
        self._commit(made, checkpoint_message(made.head), made.ended)

    def _file(self, made: _At, path: str, value: Mapping[str, Any]) -> None:
        assert self._new is not None  # noqa: S101 - only `_made` calls this
        made.folder.put(path, self._new.write("blob", written(value)))

    def _commit(self, made: _At, text: str, hour: int) -> None:
        assert self._new is not None  # noqa: S101
        self._file(made, "head.json", made.head)
        tree = made.folder.write(self._new.write)
        payload = commit_body(tree, made.tip, hour, text)
        if self._seal is not None:
            object_format = self._repository.objects.object_format
            payload = sealed(payload, self._seal.sign(payload), object_format)
        made.tip = self._new.write("commit", payload)

    def _moved(self, old: str, made: _At) -> bool:
        """Let the ref name the new tip, if it still names the old one; False when it does not."""
        chain, zero = self._chain_(), "0" * len(made.tip)
        lines = [f"update {chain.name} {made.tip} {old or zero}"]
        if made.archived:
            number = made.head["checkpoint"]["number"]
            lines.append(f"update {chain.archive(number)} {made.archived}")
            if number > 1:
                lines.append(f"delete {chain.archive(number - 1)}")
        reply = self._repository.command.run(
            "update-ref", "--no-deref", "--stdin", given="".join(f"{x}\n" for x in lines).encode()
        )
        if reply.ok:
            return True
        if chain.tip() != old:
            return False
        raise SourceError(
            "the journal cannot be written to git",
            why=words_of(reply.err),
            fix="look at the disk, and at who owns the folder .git",
        )

    def _remember(self, made: _At) -> None:
        """Note outside of git how far the journal is. It is kept in git in any case."""
        mark = self._files.high_water()
        seq = int(made.head["seq"])
        try:
            self._files.remember(HighWater(made.tip, seq, mark.lost))
            if self.elsewhere is not None:
                self.elsewhere(mark_of(self._chain_()), f"{made.tip} {seq}")
        except NovaorchError:
            return


def open_journal(
    repository: Repository, fleet: FleetSettings, place: tuple[str, Path, str]
) -> tuple[GitJournal, bytes]:
    """Return a fleet's journal and the key of its masks. `place` is the host's name, the folder of
    the fleet's own files (which must be there to be written), and the user's home.
    """
    host, root, home = place
    files = JournalFiles(root)
    secret = files.key()
    key = key_path(fleet.journal_key, home, repository.root)
    setup = JournalSetup(host, fleet.name, Mask(secret).key_id, fleet.journal_keep, key)
    return GitJournal(repository, setup, files), secret


@dataclass(slots=True)
class _At:
    """Where the journal is: its newest commit and everything that it holds.

    `fresh`: nobody compared the notes with it yet. `archived` is the tip that a checkpoint ended.
    """

    tip: str
    head: dict[str, Any]
    folder: Folder
    pages: dict[str, Any]
    fresh: bool = True
    ended: int = 0
    archived: str = ""


def commit_body(tree: str, parent: str, hour: int, text: str) -> bytes:
    """Return the content of a commit of the journal; it depends on nothing else."""
    who = f"{OURS} {max(0, hour)} +0000"
    above = f"parent {parent}\n" if parent else ""
    whole = f"tree {tree}\n{above}author {who}\ncommitter {who}\n\n{text}"
    return whole.encode("utf-8", "backslashreplace")
