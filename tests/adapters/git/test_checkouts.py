"""A work tree that is on the target comes along when it is clean, and is left alone when not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.model.problems import NovaorchError, RefusedError
from reconciler.model.promotion import Move
from tests.adapters.git.runbed import Bed, snapshot

Dirt = Callable[[Bed], object]


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()


def user_files(bed: Bed) -> dict[str, bytes]:
    return {p: b for p, b in snapshot(bed.repo.path).items() if not p.startswith(".git/")}


def refused(bed: Bed) -> NovaorchError:
    """Promote, and see that nothing at all was changed by the refusal."""
    refs, files = bed.refs(), user_files(bed)
    index = bed.repo.git("ls-files", "--stage")
    with pytest.raises(NovaorchError) as caught:
        bed.promote()
    assert caught.value.exit_code == 3
    assert bed.refs() == refs
    assert user_files(bed) == files
    assert bed.repo.git("ls-files", "--stage") == index
    return caught.value


def test_it_comes_along_with_all_kinds_of_files(bed: Bed) -> None:
    (bed.tree / "tool").write_text("#!/bin/sh\n")
    (bed.tree / "tool").chmod(0o755)
    (bed.tree / "link").symlink_to("app.txt")
    (bed.tree / "other.txt").unlink()
    (bed.tree / "näme with\nbreak").write_bytes(b"\0\r\n")
    bed.work("1\n", "deep/er/new.txt")
    bed.promote()
    assert user_files(bed) == {p: b for p, b in snapshot(bed.tree).items() if p != ".git"}
    assert os.access(bed.repo.path / "tool", os.X_OK)
    assert bed.clean()


def link_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to("app.txt")


DIRT: dict[str, Dirt] = {
    "changed": lambda bed: (bed.repo.path / "other.txt").write_text("half done\n"),
    "changed where the run changes": lambda bed: (bed.repo.path / "app.txt").write_text("mine\n"),
    "same size": lambda bed: (bed.repo.path / "other.txt").write_text(
        (bed.repo.path / "other.txt").read_text().replace("line 1", "LINE 1")
    ),
    "staged": lambda bed: (
        (bed.repo.path / "fresh").write_text("x"),
        bed.repo.git("add", "fresh"),
    ),
    "staged and taken back on disk": lambda bed: (
        (bed.repo.path / "other.txt").write_text("staged\n"),
        bed.repo.git("add", "other.txt"),
        bed.repo.git("cat-file", "-p", "HEAD:other.txt"),
        (bed.repo.path / "other.txt").write_text(bed.repo.git("show", "HEAD:other.txt") + "\n"),
    ),
    "deleted": lambda bed: (bed.repo.path / "other.txt").unlink(),
    "mode": lambda bed: (bed.repo.path / "other.txt").chmod(0o755),
    "a link instead": lambda bed: link_instead(bed.repo.path / "other.txt"),
    "meant to be added": lambda bed: (
        (bed.repo.path / "fresh").write_text("x"),
        bed.repo.git("add", "-N", "fresh"),
    ),
}


@pytest.mark.parametrize("kind", DIRT)
def test_what_no_commit_has_is_never_touched(bed: Bed, kind: str) -> None:
    bed.change(3, "three")
    DIRT[kind](bed)
    error = refused(bed)
    assert "not committed" in error.what
    assert f"git -C {bed.repo.path} stash push" in error.fix


def test_the_command_that_is_named_mends_it(bed: Bed) -> None:
    bed.change(3, "three")
    (bed.repo.path / "other.txt").write_text("half done\n")
    refused(bed)
    bed.repo.git("stash", "push", "--include-untracked", "--quiet")
    bed.promote()
    bed.repo.git("stash", "pop", "--quiet")
    assert (bed.repo.path / "other.txt").read_text() == "half done\n"


def test_what_git_does_not_know_stays_and_is_in_nobodys_way(bed: Bed) -> None:
    bed.work("1\n")
    (bed.repo.path / "notes").write_text("mine\n")
    bed.promote()
    assert (bed.repo.path / "notes").read_text() == "mine\n"
    assert bed.repo.git("status", "--porcelain") == "?? notes"


@pytest.mark.parametrize("ignored", [False, True])
def test_unless_the_run_brings_a_file_of_that_name(bed: Bed, ignored: bool) -> None:
    bed.work("1\n")
    if ignored:
        (bed.repo.path / ".git" / "info" / "exclude").write_text("new.txt\n")
    (bed.repo.path / "new.txt").write_text("mine\n")
    error = refused(bed)
    assert "new.txt" in error.why
    assert bed.prover.asked == [], "that is seen before the gate is asked"


def test_a_touched_file_is_no_changed_one(bed: Bed) -> None:
    bed.change(3, "three")
    os.utime(bed.repo.path / "other.txt", (1, 1))
    bed.promote()
    assert bed.clean()


TROUBLE: dict[str, Dirt] = {
    "index.lock": lambda bed: (bed.repo.path / ".git" / "index.lock").touch(),
    "merge": lambda bed: (
        bed.repo.git("switch", "-q", "-c", "side"),
        bed.main(1, "uno"),
        bed.repo.git("switch", "-q", "main"),
        bed.main(1, "eins"),
        bed.repo.git("merge", "side", ok=False),
    ),
    "rebase": lambda bed: (
        bed.repo.git("switch", "-q", "-c", "side"),
        bed.main(1, "uno"),
        bed.repo.git("switch", "-q", "main"),
        bed.main(1, "eins"),
        bed.repo.git("rebase", "side", ok=False),
    ),
    "hidden": lambda bed: bed.repo.git("update-index", "--assume-unchanged", "other.txt"),
    "sparse": lambda bed: bed.repo.git("sparse-checkout", "set", "--no-cone", "app.txt"),
    "line ends": lambda bed: bed.repo.git("config", "core.autocrlf", "true"),
}


@pytest.mark.parametrize("kind", TROUBLE)
def test_where_files_cannot_be_brought_along_nothing_is_moved(bed: Bed, kind: str) -> None:
    bed.change(12, "twelve")
    TROUBLE[kind](bed)
    error = refused(bed)
    assert "cannot be moved" in error.what or "not committed" in error.what
    assert error.fix


@pytest.mark.parametrize("path", ["app.txt", "other.txt"])
def test_what_was_changed_while_the_gate_was_asked_is_not_touched(bed: Bed, path: str) -> None:
    bed.change(3, "three")
    refs = bed.refs()
    bed.prover.meanwhile = lambda _f, _m: ((bed.repo.path / path).write_text("mine\n"), None)[1]
    with pytest.raises(RefusedError, match="while the gate was asked"):
        bed.promote()
    assert bed.refs() == refs
    assert bed.repo.git("status", "--porcelain") == f"M {path}"
    assert (bed.repo.path / path).read_text() == "mine\n"


def test_it_is_enough_to_step_off_the_branch(bed: Bed) -> None:
    bed.change(3, "three")
    bed.repo.git("config", "core.autocrlf", "true")
    assert f"git -C {bed.repo.path} switch --detach" in refused(bed).fix
    bed.repo.git("switch", "--quiet", "--detach")
    files = user_files(bed)
    bed.promote()
    assert user_files(bed) == files


def test_another_tree_of_the_repository_comes_along_too(bed: Bed, tmp_path: Path) -> None:
    bed.repo.git("switch", "--quiet", "-c", "elsewhere")
    bed.repo.git("worktree", "add", "--quiet", str(tmp_path / "second"), "main")
    bed.change(3, "three")
    bed.promote()
    assert "three" in (tmp_path / "second" / "app.txt").read_text()
    assert "three" not in (bed.repo.path / "app.txt").read_text()


def test_when_the_second_tree_cannot_the_first_goes_back(bed: Bed, tmp_path: Path) -> None:
    second = tmp_path / "zweiter"
    bed.repo.git("worktree", "add", "--quiet", "--force", str(second), "main")
    bed.work("1\n")
    bed.prover.meanwhile = lambda _f, _m: ((second / "new.txt").write_text("mine\n"), None)[1]
    refused(bed)
    assert not (bed.repo.path / "new.txt").exists()
    assert bed.clean()
    (second / "new.txt").unlink()
    bed.prover.meanwhile = lambda _f, _m: None
    assert bed.promote().move is Move.SQUASH
    assert (second / "new.txt").exists()


# -- nothing of the repository's is run -----------------------------------------------------------


def test_an_agent_that_rewrites_the_configuration_gets_nothing_run(
    bed: Bed, tmp_path: Path
) -> None:
    trap, ran = tmp_path / "trap", tmp_path / "ran"
    trap.write_text(f"#!/bin/sh\necho $0 $@ >> {ran}\ncat\n")
    trap.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "post-merge", "reference-transaction", "post-index-change"):
        (hooks / hook).symlink_to(trap)
    bed.change(3, "three")
    bed.main(12, "twelve")
    (bed.tree / ".gitattributes").write_text("*.md diff=evil merge=evil text\n")
    bed.work("1\n", "a.md")
    for name, value in {
        "core.hooksPath": str(hooks), "core.fsmonitor": str(trap), "diff.external": str(trap),
        "diff.evil.textconv": str(trap), "merge.evil.driver": f"{trap} %A",
        "gpg.program": str(trap), "log.showSignature": "true", "core.pager": str(trap),
        "core.sshCommand": str(trap), "trailer.nova-verdict.command": str(trap),
        "core.alternateRefsCommand": str(trap),
    }.items():  # fmt: skip
        bed.repo.git("config", name, value)
    ran.unlink(missing_ok=True)
    for policy in ("squash", "merge", "ff"):
        bed.promote(policy, allow=(".gitattributes",))
        ran_by_us = ran.read_text() if ran.exists() else ""
        assert ran_by_us == ""
        bed.begin(bed.run + 1)
        ran.unlink(missing_ok=True)
        bed.change(5, f"five {policy}")
        ran.unlink(missing_ok=True)


def test_a_filter_is_not_run_but_stands_in_the_way(bed: Bed, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (bed.tree / ".gitattributes").write_text("*.bin filter=evil\n")
    bed.work("1\n", "a.bin")
    bed.repo.git("config", "filter.evil.smudge", f"touch {ran}; cat")
    bed.repo.git("config", "filter.evil.clean", f"touch {ran}; cat")
    ran.unlink(missing_ok=True)
    with pytest.raises(RefusedError, match="cannot be moved"):
        bed.promote(allow=(".gitattributes",))
    assert not ran.exists()
