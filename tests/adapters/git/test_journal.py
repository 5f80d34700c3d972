"""The journal in git: a chain of commits that no branch holds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository, process
from reconciler.adapters.git.audit import Audit, behind
from reconciler.adapters.git.chain import Chain
from reconciler.adapters.git.journal import GitJournal, JournalSetup
from reconciler.adapters.git.journalfiles import JournalFiles
from reconciler.adapters.git.seal import Seal, Signers
from reconciler.core.journal import record_of
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, SourceError
from reconciler.model.record import Kept, Record
from tests.adapters.git.sandbox import Sandbox
from tests.adapters.journal_contract import TWO, B, JournalContract, deed, record

REF = "refs/novaorch/journal/box"


class GitPlace:
    """A repository, a folder for notes, and processes that come and go."""

    def __init__(self, box: Sandbox, notes: Path, **setup: object) -> None:
        self.box, self.notes, self.setup = box, notes, setup
        notes.mkdir(exist_ok=True)
        self.opens: list[GitRepository] = []

    def repository(self) -> GitRepository:
        self.opens.append(GitRepository.discover(self.box.path))
        return self.opens[-1]

    def opened(self, notes: Path | None = None) -> GitJournal:
        setup = JournalSetup(**{"host": "box", "fleet": "f", "masks": "k", **self.setup})  # type: ignore[arg-type]
        return GitJournal(self.repository(), setup, JournalFiles(notes or self.notes))

    def chain(self) -> Chain:
        return Chain(self.repository(), "box", "f")

    def records(self) -> Sequence[Record]:
        chain = self.chain()
        tip = chain.tip()
        oids = [oid for part in chain.segments(tip) for oid in part] if tip else []
        return [record_of(said) for _, said in chain.records(oids)]

    def break_(self) -> None:
        lock = self.box.path / ".git" / f"{REF}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()

    def mend(self) -> None:
        (self.box.path / ".git" / f"{REF}.lock").unlink()

    def close(self) -> None:
        for repository in self.opens:
            repository.close()


@pytest.fixture
def place(box: Sandbox, tmp_path: Path) -> Iterator[GitPlace]:
    made = GitPlace(box, tmp_path / "notes")
    yield made
    made.close()


class TestGitJournal(JournalContract):
    @pytest.fixture
    def place(self, box: Sandbox, tmp_path: Path) -> Iterator[GitPlace]:
        made = GitPlace(box, tmp_path / "notes")
        yield made
        made.close()


def write(place: GitPlace, count: int, start: int = 0) -> GitJournal:
    """Write records, each of another agent, one flush each."""
    journal = place.opened()
    for k in range(start, start + count):
        journal.intend(record(hour=100.0 + k))
        unit = UnitId(f"p/agent/a{k % 5}")
        journal.record(record(deed(unit, Kept(f"d{k}", "c")), hour=100.0 + k))
        journal.flush()
    return journal


def found(place: GitPlace, signers: Signers | None = None) -> list[tuple[int, str]]:
    chain = place.chain()
    audit = Audit(chain, "sha1", signers)
    tip = chain.tip()
    marks = JournalFiles(place.notes).high_water()
    lost = behind(chain, tip, [*marks.lost, (marks.tip, marks.seq)])
    return [(one.seq, one.what) for one in (*audit.walk(tip), *lost)]


def test_a_chain_of_commits_below_our_own_ref_that_git_finds_sound(place: GitPlace) -> None:
    write(place, 3)
    box = place.box
    assert box.git("rev-list", "--count", REF) == "3"
    assert box.git("fsck", "--strict", "--no-dangling") == ""
    assert box.git("branch", "--list") == "* main"
    assert box.git("status", "--porcelain") == ""
    names = box.git("ls-tree", "-r", "--name-only", REF).split()
    assert names == ["head.json", "record.json", *(f"units/p/agent/a{k}.json" for k in range(3))]
    who = box.git("log", "-1", "--format=%an %cn %at %ct", REF)
    assert who == "novaorch novaorch 102 102"
    said = box.git("log", "-1", "--format=%s|%(trailers:key=Novaorch-Seq,valueonly)", REF)
    assert said.strip() == f'start 1: commit {"c" * 12} "Add an agent"|3'


def test_a_flush_is_one_git_process(place: GitPlace) -> None:
    journal = write(place, 2)
    spawned: list[str] = []
    start = process.GitCommand.start

    def counted(self: process.GitCommand, *args: str) -> object:
        spawned.append(args[0])
        return start(self, *args)

    for k in range(4):
        journal.record(record(deed(kept=Kept(str(k), "x")), hour=300.0 + k))
    try:
        process.GitCommand.start = counted  # type: ignore[assignment,method-assign]
        journal.flush()
    finally:
        process.GitCommand.start = start  # type: ignore[method-assign]
    assert spawned == ["update-ref"]
    assert [r.seq for r in place.records()] == [1, 2, 3, 4, 5, 6]
    assert found(place) == []


def test_two_writers_race_and_both_are_kept(place: GitPlace, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = place.opened(), place.opened(tmp_path / "other")
    for k in range(6):
        writer = (one, other)[k % 2]
        writer.record(record(deed(UnitId(f"p/agent/w{k}")), hour=100.0 + k))
        assert len(writer.inventory()) >= 1
    one.flush()
    other.flush()
    one.record(record(deed(B, TWO), hour=200))
    one.flush()
    assert [r.seq for r in place.records()] == list(range(1, 8))
    assert len(place.opened().inventory()) == 7
    assert found(place) == []


def test_a_checkpoint_stands_for_what_it_follows(box: Sandbox, tmp_path: Path) -> None:
    place = GitPlace(box, tmp_path / "notes", keep=4)
    journal = write(place, 5)
    journal.record(record(deed(UnitId("p/agent/a0"), None, verb="stop"), hour=200))
    journal.flush()
    write(place, 12, start=20)
    archives = box.git("for-each-ref", "--format=%(refname)", "refs/novaorch/journal-archive")
    assert archives == "refs/novaorch/journal-archive/box/3"
    assert [r.seq for r in place.records()] == list(range(11, 19))
    assert found(place) == []
    assert place.opened().inventory() == write(place, 0).inventory()
    place.close()


def test_a_second_fleet_of_the_same_repository_has_a_journal_of_its_own(
    place: GitPlace, tmp_path: Path
) -> None:
    write(place, 2)
    other = GitPlace(place.box, tmp_path / "other", fleet="g")
    write(other, 1)
    assert len(place.records()) == 2
    assert place.chain().name == REF
    assert Chain(other.repository(), "box", "g").name != REF
    assert Chain(other.repository(), "box").name == REF
    other.close()


# -- tampering ------------------------------------------------------------------------------------


def rebuild(place: GitPlace, change: Callable[[list[Old]], list[Old]]) -> None:
    """Write the whole chain anew, as somebody with a text editor and git would."""
    box = place.box
    oids = box.git("rev-list", "--reverse", REF).split()
    old = [Old(box.git("cat-file", "commit", oid) + "\n", oid) for oid in oids]
    parent = ""
    for one in change(old):
        lines = [x for x in one.body.split("\n") if not x.startswith("parent ")]
        above = [f"parent {parent}"] if parent else []
        body = "\n".join([lines[0], *above, *lines[1:]])
        parent = box.git("hash-object", "-t", "commit", "-w", "--stdin", given=body.encode())
    box.git("update-ref", REF, parent)


@dataclass
class Old:
    body: str
    oid: str

    def with_file(self, box: Sandbox, path: str, text: str) -> Old:
        index = str(box.path / ".git" / "tamper")
        box.git("read-tree", self.oid, GIT_INDEX_FILE=index)
        blob = box.blob(text.encode())
        box.git(
            "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", GIT_INDEX_FILE=index
        )
        tree = box.git("write-tree", GIT_INDEX_FILE=index)
        return Old(re.sub(r"\Atree \S+", f"tree {tree}", self.body), self.oid)


def forget(place: GitPlace) -> None:
    (place.notes / "journal.tip").unlink()


def edited(place: GitPlace, number: int, path: str, old: str, new: str) -> None:
    def change(chain: list[Old]) -> list[Old]:
        text = place.box.git("show", f"{chain[number - 1].oid}:{path}") + "\n"
        assert old in text
        chain[number - 1] = chain[number - 1].with_file(place.box, path, text.replace(old, new))
        return chain

    rebuild(place, change)


def test_an_untouched_chain_is_sound(place: GitPlace) -> None:
    write(place, 7)
    rebuild(place, lambda chain: chain)
    assert found(place) == []


def test_an_edited_record_is_named(place: GitPlace) -> None:
    write(place, 7)
    edited(place, 4, "record.json", "absent", "removed")
    remembered = found(place)
    forget(place)
    ((seq, what),) = found(place)
    assert seq == 4
    assert "altered" in what
    assert [seq for seq, _ in remembered] == [4, 4]


def test_an_edited_inventory_is_named(place: GitPlace) -> None:
    write(place, 7)
    forget(place)
    edited(place, 3, "units/p/agent/a2.json", '"d2"', '"d9"')
    assert [(seq, "p/agent/a2" in what) for seq, what in found(place)] == [(3, True)]


def test_a_record_that_was_edited_whole_is_found_by_what_is_remembered(place: GitPlace) -> None:
    write(place, 3)
    other = place.box.git("rev-parse", f"{REF}~1")
    place.box.git("update-ref", REF, other)
    notes = place.notes.parent / "forged"
    notes.mkdir()
    forger = place.opened(notes)
    forger.record(record(deed(UnitId("p/agent/a2"), Kept("forged", "c")), hour=102.0))
    forger.flush()
    assert [(seq, "altered" in what) for seq, what in found(place)] == [(3, True)]


def test_a_dropped_record_is_named(place: GitPlace) -> None:
    write(place, 7)
    forget(place)
    rebuild(place, lambda chain: [*chain[:3], *chain[4:]])
    ((seq, what),) = found(place)
    assert seq == 5
    assert "record 4 before it is missing" in what


def test_records_in_another_order_are_named(place: GitPlace) -> None:
    write(place, 6)
    forget(place)
    rebuild(place, lambda chain: [*chain[:2], chain[3], chain[2], *chain[4:]])
    said = dict(found(place))
    assert "record 3 before it is missing" in said[4]
    assert "the order was changed" in said[3]


def test_a_chain_cut_short_is_named(place: GitPlace) -> None:
    write(place, 6)
    place.box.git("update-ref", REF, f"{REF}~2")
    assert [(seq, "cut off" in what) for seq, what in found(place)] == [(5, True), (6, True)]
    write(place, 1, start=30)  # goes on after what is there, and does not forget
    assert {5, 6} <= {seq for seq, _ in found(place)}


def test_a_deleted_chain_is_named(place: GitPlace) -> None:
    write(place, 2)
    place.box.git("update-ref", "-d", REF)
    assert [seq for seq, _ in found(place)] == [1, 2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("author novaorch", "author Mallory"),
        ("committer novaorch", "committer Mallory"),
        ("Novaorch-Author: Ada", "Novaorch-Author: Mallory"),
        ("+0000\n\nstart", "-0700\n\nstart"),
    ],
)
def test_a_forged_author_or_message_is_named(place: GitPlace, old: str, new: str) -> None:
    write(place, 4)
    forget(place)

    def change(chain: list[Old]) -> list[Old]:
        assert old in chain[1].body
        chain[1] = replace(chain[1], body=chain[1].body.replace(old, new))
        return chain

    rebuild(place, change)
    assert [(seq, "author" in what) for seq, what in found(place)] == [(2, True)]


# -- signatures -----------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(words, check=True)
    return path


def test_git_itself_believes_a_signed_journal(box: Sandbox, tmp_path: Path, key: Path) -> None:
    place = GitPlace(box, tmp_path / "notes", key=key)
    write(place, 2)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"novaorch {Seal(key).public()}\n")
    settings = ("-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.format=ssh")
    for commit in (REF, f"{REF}~1"):
        box.git(*settings, "verify-commit", commit)
    signers = Signers(allowed.read_text())
    assert found(place, signers) == []
    edited(place, 2, "record.json", "absent", "removed")
    forget(place)
    assert {seq for seq, _ in found(place, signers)} == {2}
    assert any("signature" in what for _, what in found(place, signers))
    signers.close()
    place.close()


def test_an_unsigned_record_among_signed_ones_is_named(
    box: Sandbox, tmp_path: Path, key: Path
) -> None:
    early = GitPlace(box, tmp_path / "notes")
    write(early, 2)
    signed = GitPlace(box, tmp_path / "notes", key=key)
    write(signed, 2, start=5)
    signers = Signers(f"novaorch {Seal(key).public()}\n")
    assert found(signed, signers) == []
    write(early, 1, start=9)
    assert [(seq, "not signed" in what) for seq, what in found(signed, signers)] == [(5, True)]
    signers.close()
    early.close()
    signed.close()


def test_a_key_that_cannot_sign_lets_notes_wait(box: Sandbox, tmp_path: Path) -> None:
    place = GitPlace(box, tmp_path / "notes", key=tmp_path / "no-such-key")
    journal = place.opened()
    journal.record(record(deed()))
    with pytest.raises(SourceError) as told:
        journal.flush()
    assert "signed" in told.value.what
    GitPlace(box, tmp_path / "notes").opened().flush()
    assert len(place.records()) == 1
    place.close()


# -- hostile words --------------------------------------------------------------------------------


def test_no_text_can_forge_a_trailer_or_a_second_line(place: GitPlace) -> None:
    journal = place.opened()
    evil = "x\n\nNovaorch-Seq: 99\nNovaorch-Author: root"
    deeds = (deed(UnitId("p/session/main/.git.0")), deed(UnitId("p/session/main/..")))
    journal.record(record(*deeds, author=evil, subject=evil, plan=evil, commit=evil))
    journal.flush()
    assert place.box.git("log", "-1", "--format=%(trailers:key=Novaorch-Seq,valueonly)", REF) == "1"
    assert len(place.box.git("cat-file", "commit", REF).split("\n\n")[1].split("\n")) == 1
    assert place.box.git("fsck", "--strict", "--no-dangling") == ""
    assert set(place.opened().inventory()) == {d.unit for d in deeds}
    assert found(place) == []


def test_notes_that_a_full_disk_cut_short_are_passed_over(place: GitPlace) -> None:
    journal = place.opened()
    journal.record(record(deed()))
    with (place.notes / "journal.pending").open("ab") as file:
        file.write(b'\n{"note":"done","rec')
    journal = place.opened()
    journal.record(record(deed(B, TWO), hour=101))
    again = place.opened()
    again.flush()
    assert len(place.records()) == 2


def test_a_place_that_takes_no_notes_is_said_and_git_is_written_all_the_same(
    place: GitPlace, tmp_path: Path
) -> None:
    journal = place.opened(tmp_path / "no" / "such" / "folder")
    with pytest.raises(NovaorchError) as told:
        journal.intend(record(deed()))
    assert told.value.fix
    with pytest.raises(NovaorchError):
        journal.record(record(deed()))
    journal.flush()
    assert len(place.records()) == 1


def test_a_large_record_is_one_pack_that_git_finds_sound(place: GitPlace) -> None:
    journal = place.opened()
    many = [deed(UnitId(f"p/agent/a{k}"), path="x" * (k % 90)) for k in range(300)]
    journal.record(record(*many))
    journal.flush()
    write(place, 1)
    packs = list((place.box.path / ".git" / "objects" / "pack").glob("*.pack"))
    assert len(packs) == 1
    assert place.box.git("fsck", "--full", "--strict", "--no-dangling") == ""
    place.box.git("verify-pack", str(packs[0]))
    assert len(place.opened().inventory()) == 300
    assert found(place) == []
    place.box.git("gc", "--quiet", "--prune=now")
    assert found(place) == []
