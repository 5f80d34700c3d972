"""From a line to its turn and prompt, on real repositories, by the real recorder and promotion."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.cli.lineage import Query, opened
from reconciler.core.provenance import line_words
from reconciler.model.problems import SourceError
from reconciler.model.provenance import Line, SealState, Standing
from tests.adapters.git.keys import Key
from tests.adapters.git.linebed import ADA, PROMPT, TORCH, LineBed
from tests.adapters.git.sandbox import Sandbox

Maker = Callable[..., LineBed]
NEW = {"src/new.txt": "one\ntwo\nthree\n"}
BETTER = {"src/new.txt": "one\ntwo\nTHREE\nfour\n"}


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return Key(tmp_path / "key")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Maker]:
    beds: list[LineBed] = []

    def maker(*options: str, key: Key | None = None, apart: bool = False) -> LineBed:
        beds.append(LineBed(tmp_path / f"b{len(beds)}", *options, key=key, apart=apart))
        return beds[-1]

    yield maker
    for bed in beds:
        bed.close()


def ask(place: Path, where: str, rev: str = "", fleet: str = "") -> Line:
    file, _, number = where.rpartition(":")
    with opened(Query(file, rev, place, fleet), os.environ) as found:
        return found.line(int(number))


def standing(line: Line) -> Standing:
    assert line.story is not None
    return line.story.standing


def refusal(place: Path, where: str, rev: str = "") -> str:
    with pytest.raises(SourceError) as caught:
        ask(place, where, rev)
    assert caught.value.fix
    return f"{caught.value.what} {caught.value.why}"


# -- a line that an agent wrote ------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
def test_a_line_leads_to_its_turn_prompt_and_wish(made: Maker, key: Key, format_: str) -> None:
    bed = made(f"--object-format={format_}", key=key)
    first = bed.turn_of(NEW)
    bed.turn_of(BETTER, prompt="do better")
    line = ask(bed.tree, "src/new.txt:2")
    story = line.story
    assert story is not None
    assert (line.text, line.at, story.deed.oid, story.standing) == ("two", 2, first, "verified")
    assert story.seal.state is SealState.GOOD
    assert story.seal.key == key.fingerprint
    noted, prompt, wish = story.noted, story.prompt, story.wish
    assert noted is not None
    assert prompt is not None
    assert wish is not None
    assert (noted.unit, noted.run, noted.number, noted.model) == (TORCH, 2, 1, "opus")
    assert prompt.text.startswith(PROMPT[:20])
    assert "sk-abcdefgh" not in prompt.text
    told = (wish.followed, wish.placed, wish.changed, wish.charter)
    assert [deed and deed.oid for deed in told] == [
        bed.desired, bed.placed, bed.desired, bed.charter,
    ]  # fmt: skip
    assert story.landing is None
    words = "\n".join(line_words(line))
    for word in ("verified by novaorch", "run 2, turn 1", "1,200 tokens in", '"Let torch train"'):
        assert word in words


def test_a_squash_leads_on_to_each_turn(made: Maker, key: Key) -> None:
    bed = made(key=key)
    first, second = bed.turn_of(NEW), bed.turn_of(BETTER, prompt="do better")
    done = bed.promote("squash")
    for number, work, turn in ((1, first, 1), (3, second, 2), (4, second, 2)):
        story = ask(bed.repo.path, f"src/new.txt:{number}").story
        assert story is not None
        assert story.noted is not None
        assert story.landing is not None
        assert (story.deed.oid, story.work.oid) == (done.result, work)
        assert (story.noted.number, story.standing) == (turn, "verified")
        assert (story.landing.verdict, story.landing.by) == ("promoted", ADA)
        assert (story.landing.result, story.landing.target) == (done.result, "main")


def test_a_squash_onto_a_branch_that_went_on_leads_there_too(made: Maker, key: Key) -> None:
    bed = made(key=key)
    text = (bed.tree / "app.txt").read_text()
    work = bed.turn_of({"app.txt": text.replace("line 15\n", "fifteen\n")})
    app = bed.repo.path / "app.txt"
    app.write_text("first\nsecond\n" + app.read_text())
    ours = bed.repo.commit("Two lines more")
    bed.promote("squash")
    changed, above = ask(bed.repo.path, "app.txt:18"), ask(bed.repo.path, "app.txt:1")
    assert changed.text == "fifteen"
    assert changed.story is not None
    assert above.story is not None
    assert changed.story.work.oid == work
    assert (above.story.deed.oid, above.story.standing) == (ours, "person")


@pytest.mark.parametrize("policy", ["ff", "merge"])
@pytest.mark.parametrize("moved", [False, True])
def test_merges_and_copies_lead_to_the_turn(
    made: Maker, key: Key, policy: str, moved: bool
) -> None:
    bed = made(key=key)
    work = bed.turn_of(NEW)
    if moved:
        bed.main(3, "meanwhile")
    bed.promote(policy)
    story = ask(bed.repo.path, "src/new.txt:2").story
    assert story is not None
    assert story.noted is not None
    assert (story.work.oid, story.standing, story.noted.number) == (work, "verified", 1)
    assert story.landing is not None
    assert story.landing.verdict == "promoted"
    copied = policy == "ff" and moved
    assert (story.deed.oid != work) is copied


def test_the_fleet_may_be_another_repository(
    made: Maker, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = made(key=key, apart=True)
    bed.turn_of(NEW)
    alone = ask(bed.tree, "src/new.txt:1").story
    assert alone is not None
    assert (alone.standing, alone.seal.state) == ("claimed", "unknown-key")
    assert "--fleet" in alone.doubt
    named = ask(bed.tree, "src/new.txt:1", fleet=str(bed.fleet.path))
    monkeypatch.setenv("NOVAORCH_REPOSITORY", str(bed.fleet.path))
    told = ask(bed.tree, "src/new.txt:1")
    for line in (named, told):
        story = line.story
        assert story is not None
        assert story.wish is not None
        assert story.wish.placed is not None
        assert (story.standing, story.wish.placed.oid) == ("verified", bed.placed)


def test_without_a_key_our_own_record_counts_and_nothing_else(made: Maker) -> None:
    bed = made()
    bed.turn_of(NEW)
    forged = bed.work("two\n", "forged.txt")
    assert standing(ask(bed.tree, "src/new.txt:1")) is Standing.RECORDED
    line = ask(bed.tree, "forged.txt:1")
    assert line.story is not None
    assert (line.story.deed.oid, line.story.standing) == (forged, "claimed")
    assert "no record" in line.story.doubt


# -- what is claimed and not so ------------------------------------------------------------------


def test_a_forged_trailer_is_a_claim(made: Maker, key: Key, tmp_path: Path) -> None:
    bed = made(key=key)
    bed.turn_of(NEW)
    unsigned = bed.work("forged\n", "forged.txt")
    line = ask(bed.tree, "forged.txt:1")
    assert line.story is not None
    assert (line.story.deed.oid, line.story.standing) == (unsigned, "claimed")
    words = "\n".join(line_words(line))
    assert "not proven: it is not signed, although fleet.yaml names a key" in words
    assert "\n  agent " not in words
    other = Key(tmp_path / "other")
    message = bed.at("log", "-1", "--format=%B")
    (bed.tree / "odd.txt").write_text("odd\n")
    bed.at("add", "--all")
    words_ = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={other.file}")
    bed.at(*words_, "commit", "-q", "-S", "-m", message)
    signed = ask(bed.tree, "odd.txt:1").story
    assert signed is not None
    assert (signed.standing, signed.seal.state) == ("claimed", "unknown-key")
    assert signed.seal.key == other.fingerprint


def test_a_signature_moved_to_other_content_is_not_valid(made: Maker, key: Key) -> None:
    bed = made(key=key)
    good = bed.turn_of(NEW)
    body = bed.repo.git("cat-file", "commit", good).encode() + b"\n"
    other = bed.repo.git("hash-object", "-t", "commit", "-w", "--stdin",
                         given=body.replace(b"Nova-Turn: 1", b"Nova-Turn: 7"))  # fmt: skip
    story = ask(bed.repo.path, "src/new.txt:1", rev=other).story
    assert story is not None
    assert (story.standing, story.seal.state) == ("claimed", "bad")


def test_an_agent_cannot_name_the_key_that_counts(made: Maker, key: Key, tmp_path: Path) -> None:
    bed = made(key=key)
    bed.turn_of(NEW)
    mine = Key(tmp_path / "mine")
    manifest = bed.tree / "desired-state" / "fleet.yaml"
    manifest.write_text(manifest.read_text().replace(str(key.file), str(mine.file)))
    bed.at("add", "--all")
    told = bed.at("log", "-1", "--format=%B")
    bed.at(
        "-c",
        "gpg.format=ssh",
        "-c",
        f"user.signingkey={mine.file}",
        "commit",
        "-q",
        "-S",
        "-m",
        told,
    )
    story = ask(bed.tree, "desired-state/fleet.yaml:4").story
    assert story is not None
    assert story.standing is Standing.CLAIMED


def test_a_copy_of_what_never_was_is_no_copy(made: Maker, key: Key) -> None:
    bed = made(key=key)
    real = bed.turn_of(NEW)
    said = bed.at("log", "-1", "--format=%B").rstrip() + f"\nNova-Recorded: {real}"
    (bed.repo.path / "src").mkdir()
    (bed.repo.path / "src" / "new.txt").write_text("evil\n")
    # This line is in the real one, too, but was there before it.
    (bed.repo.path / "app.txt").write_text("line 7\n" + (bed.repo.path / "app.txt").read_text())
    forged = bed.repo.commit(said)
    assert standing(ask(bed.repo.path, "app.txt:1")) is Standing.CLAIMED
    story = ask(bed.repo.path, "src/new.txt:1").story
    assert story is not None
    assert (story.work.oid, story.standing) == (forged, "claimed")
    assert any("did not write such a line" in note for note in story.notes)


def test_a_note_that_was_altered_is_not_shown(made: Maker, key: Key) -> None:
    bed = made(key=key)
    commit = bed.turn_of(NEW)
    ref = "refs/notes/novaorch/shop/torch/2"
    bed.repo.git("notes", f"--ref={ref}", "add", "-f", "-m",
                 '{"prompt": "be evil", "hash": "0123456789abcdef"}', commit)  # fmt: skip
    story = ask(bed.tree, "src/new.txt:1").story
    assert story is not None
    assert story.prompt is not None
    assert (story.prompt.text, "altered" in story.prompt.absent) == ("", True)


@pytest.mark.parametrize(("policy", "word"), [("hash", "only its hash"), ("none", "was kept")])
def test_a_prompt_that_was_not_kept_says_why(made: Maker, key: Key, policy: str, word: str) -> None:
    bed = made(key=key)
    bed.turn_of(NEW, prompts=policy)
    story = ask(bed.tree, "src/new.txt:1").story
    assert story is not None
    assert story.prompt is not None
    assert story.prompt.text == ""
    assert word in story.prompt.absent


def test_a_clone_without_notes_and_runs_says_what_to_fetch(
    made: Maker, key: Key, tmp_path: Path
) -> None:
    bed = made(key=key)
    bed.turn_of(NEW)
    bed.promote("squash")
    bed.repo.git("clone", "--quiet", "--no-local", "--single-branch", "-b", "main",
                 str(bed.repo.path), str(tmp_path / "clone"))  # fmt: skip
    story = ask(tmp_path / "clone", "src/new.txt:1").story
    assert story is not None
    assert story.prompt is not None
    assert story.noted is not None
    assert (story.standing, story.noted.run, story.noted.number) == ("verified", 2, 0)
    assert any("refs/novaorch/" in note for note in story.notes)
    assert "refs/notes/novaorch/" in story.prompt.absent


# -- which line is meant -------------------------------------------------------------------------


def test_lines_of_a_checkout_are_mapped_through_what_is_not_committed(repo: Sandbox) -> None:
    file = repo.path / "a.txt"
    file.write_text("".join(f"{n}\n" for n in range(1, 11)))
    first = repo.commit("first")
    file.write_text("new\nnew\n1\n2\n3\nFOUR\n" + "".join(f"{n}\n" for n in range(6, 11)))
    mapped = {n: ask(repo.path, f"a.txt:{n}") for n in range(1, 12)}
    assert [mapped[n].at for n in range(1, 12)] == [0, 0, 1, 2, 3, 0, 6, 7, 8, 9, 10]
    assert mapped[6].story is None
    assert mapped[6].text == "FOUR"
    assert "not committed yet" in line_words(mapped[6])[1]
    assert mapped[7].story is not None
    assert mapped[7].story.deed.oid == first
    assert "no line 12" in refusal(repo.path, "a.txt:12")
    assert ask(repo.path, "a.txt:10", rev="HEAD").text == "10"


def test_line_ends_of_another_system_are_no_change(repo: Sandbox) -> None:
    (repo.path / "a.txt").write_bytes(b"a\nb\n")
    repo.commit()
    (repo.path / "a.txt").write_bytes(b"a\r\nb\r\n")
    assert ask(repo.path, "a.txt:2").at == 2


def test_a_file_is_named_from_here_or_from_the_top(repo: Sandbox) -> None:
    (repo.path / "sub").mkdir()
    (repo.path / "sub" / "a.txt").write_text("below\n")
    (repo.path / "a.txt").write_text("top\n")
    (repo.path / "b.txt").write_text("only at the top\n")
    repo.commit()
    here = repo.path / "sub"
    assert ask(here, "a.txt:1").text == "below"
    assert ask(here, "../a.txt:1").text == "top"
    assert ask(here, "b.txt:1").text == "only at the top"
    assert ask(here, "sub/a.txt:1").text == "below"
    assert ask(Path("/"), f"{repo.path}/sub/a.txt:1").text == "below"
    (repo.path / "sub" / "a.txt").unlink()
    here.rmdir()
    assert ask(repo.path, "sub/a.txt:1").text == "below"


def test_a_bare_repository_and_an_older_revision(repo: Sandbox, tmp_path: Path) -> None:
    (repo.path / "a.txt").write_text("old\n")
    first = repo.commit()
    (repo.path / "a.txt").write_text("new\n")
    repo.commit()
    bare = tmp_path / "bare.git"
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(bare))
    assert ask(bare, "a.txt:1").text == "new"
    assert ask(bare, "a.txt:1", rev="main").text == "new"
    old = ask(bare, "a.txt:1", rev=first)
    assert old.story is not None
    assert (old.text, old.story.deed.oid) == ("old", first)
    assert ask(repo.path, "a.txt:1", rev="HEAD~1").text == "old"


@pytest.mark.parametrize(
    "name",
    [
        "a:3",
        'qu"ote',
        "new\nline",
        "tab\there",
        "-c",
        "ünï",
        "back\\slash",
        ":(glob)*",
        "a b",
        "\udcff",
    ],
)
def test_odd_names_of_files(repo: Sandbox, name: str) -> None:
    file = repo.path / name
    file.write_text("x\ny\n")
    first = repo.commit("one")
    file.write_text("x\nz\n")
    (repo.path / "other").write_text("y\n")
    repo.commit("two")
    story = ask(repo.path, f"{name}:1").story
    assert story is not None
    assert story.deed.oid == first


def test_what_has_no_lines_is_refused_with_a_reason(repo: Sandbox) -> None:
    (repo.path / "bin").write_bytes(b"a\0b\n")
    (repo.path / "empty").write_text("")
    (repo.path / "dir").mkdir()
    (repo.path / "dir" / "x").write_text("x\n")
    (repo.path / "link").symlink_to("dir/x")
    (repo.path / "ok").write_text("1\n2")
    repo.commit()
    (repo.path / "untracked").write_text("x\n")
    place = repo.path
    assert "binary" in refusal(place, "bin:1")
    assert "no line 1 it has 0 lines" in refusal(place, "empty:1")
    assert "a folder" in refusal(place, "dir:1")
    assert "symbolic link" in refusal(place, "link:1")
    assert "not committed yet" in refusal(place, "untracked:1")
    assert "no nothing in HEAD" in refusal(place, "nothing:1")
    assert "it has 2 lines" in refusal(place, "ok:3")
    assert "no line 0" in refusal(place, "ok:0")
    assert "no commit 'nope'" in refusal(place, "ok:1", rev="nope")
    assert "no commit" in refusal(place, "ok:1", rev="--all")
    assert ask(place, "ok:2").text == "2"
    outside = place.parent / "elsewhere"
    outside.mkdir()
    assert "not in a git repository" in refusal(outside, "x:1")


def test_nothing_committed_yet(repo: Sandbox) -> None:
    (repo.path / "a").write_text("x\n")
    assert "nothing is committed" in refusal(repo.path, "a:1")


def test_a_line_of_a_megabyte_is_cut_short(repo: Sandbox) -> None:
    (repo.path / "a").write_text("x" * 2**20 + "\n\x1b[31mred\u202e\n")
    repo.commit()
    assert len(ask(repo.path, "a:1").text) == 200
    assert ask(repo.path, "a:2").text == "\\u{1b}[31mred\\u{202e}"


def test_a_shallow_clone_says_that_it_is_cut_off(repo: Sandbox, tmp_path: Path) -> None:
    (repo.path / "a").write_text("x\n")
    repo.commit()
    repo.commit("empty")
    place = tmp_path / "shallow"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.path}", str(place))
    story = ask(place, "a:1").story
    assert story is not None
    assert any("shallow" in note for note in story.notes)


def test_an_object_that_is_another_than_its_name_is_refused(repo: Sandbox) -> None:
    (repo.path / "a").write_text("x\n")
    repo.commit()
    good, bad = (repo.blob(body) for body in (b"x\n", b"y\n"))
    objects = repo.path / ".git" / "objects"
    path = objects / good[:2] / good[2:]
    path.chmod(0o644)
    path.write_bytes((objects / bad[:2] / bad[2:]).read_bytes())
    assert "damaged" in refusal(repo.path, "a:1")
