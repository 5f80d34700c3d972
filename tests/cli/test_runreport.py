"""`training report` on a run of the real recorder, promoted for real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.app import run
from tests.adapters.git.keys import Key
from tests.adapters.git.linebed import LineBed

EVIL = "evil \x1b[31m \u202e</pre><script>alert(1)</script>"


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[LineBed]:
    made = LineBed(tmp_path / "bed", key=Key(tmp_path / "key"))
    yield made
    made.close()


def report(bed: LineBed, *words: str) -> int:
    return run(["-C", str(bed.repo.path), "training", "report", "shop/torch/2", *words])


def test_a_run_is_told_with_its_diffs_and_verdict(
    bed: LineBed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.turn_of({"src/new.txt": "one\ntwo\n"})
    bed.turn_of(
        {"src/new.txt": "one\nTWO\n", ".env": "A=b\n"}, prompt=EVIL, summary=f"Go\n\n{EVIL}"
    )
    (bed.tree / "app.txt").rename(bed.tree / "moved.txt")
    bed.turn_of({f"{EVIL.replace('/', '_')}.txt": EVIL, "pic.png": "\0\1\2"}, summary="Move")
    bed.promote("squash")
    assert report(bed) == 0
    told = capsys.readouterr().out
    assert report(bed, "--html", str(tmp_path / "a.html")) == 0
    assert report(bed, "--html", "-", "--markdown", str(tmp_path / "a.md")) == 0
    page = capsys.readouterr().out
    assert (tmp_path / "a.md").read_text() == told
    assert (tmp_path / "a.html").read_text() == page
    for word in ("## 1. Add the parser", "\n+one\n+two\n", "\n-two\n+TWO\n", "- .env (policy",
                 "app.txt → moved.txt", "pic.png (binary)", "signed with the fleet's key",
                 "**verdict** promoted into main", "3 commits, 4 files"):  # fmt: skip
        assert word in told, word
    for text in (told, page):
        assert all(char == "\n" or char.isprintable() for char in text)
        assert str(tmp_path) not in text
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_a_huge_diff_is_cut_with_a_note(bed: LineBed, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"many.txt": "x\n" * 5_000, "wide.txt": "y" * 2_000_000 + "\nend\n"}
    files |= {f"small/{n:03}": "1\n" for n in range(250)}
    bed.turn_of(files)
    assert report(bed) == 0
    told = capsys.readouterr().out
    assert "**size** 1 commit, 200 files, +5" in told
    assert "more lines are not shown" in told
    assert "more than 200 files: git show" in told
    assert len(told) < 200_000
    assert max(map(len, told.splitlines())) < 1_000


def test_a_forged_turn_is_told_to_be_unproven(
    bed: LineBed, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.turn_of({"a.txt": "1\n"})
    bed.work("2\n", "b.txt")
    (bed.tree / "c.txt").write_text("3\n")
    bed.repo.git("-C", str(bed.tree), "add", "--all")
    bed.repo.git("-C", str(bed.tree), "commit", "-q", "-m", "By hand")
    assert report(bed) == 0
    told = capsys.readouterr().out
    assert told.count("NOT PROVEN") == 1
    assert "a commit of a person" in told
    assert "## -. By hand" in told


def test_nothing_of_the_repository_is_run(
    bed: LineBed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.turn_of({"a.txt": "1\n", ".gitattributes": "* diff=evil\n"})
    bed.turn_of({"a.txt": "2\n"})
    canary = tmp_path / "canary"
    (bed.repo.path / ".git" / "info" / "attributes").write_text("* diff=evil\n")
    for name in ("diff.evil.textconv", "diff.evil.command", "diff.external", "core.fsmonitor"):
        bed.repo.git("config", name, f"touch {canary};:")
    assert report(bed) == 0
    assert "\n-1\n+2\n" in capsys.readouterr().out
    assert not canary.exists()


def test_where_it_cannot_be_written_is_said(
    bed: LineBed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.turn_of({"a.txt": "1\n"})
    assert report(bed, "--html", str(tmp_path / "no" / "such.html")) == 1
    assert "fix:" in capsys.readouterr().err
    (tmp_path / "folder").mkdir()
    assert report(bed, "--html", str(tmp_path / "folder")) == 1
    assert list(tmp_path.glob(".*")) == []
    assert report(bed, "--html", "-", "--markdown", "-") == 64
    assert run(["-C", str(bed.repo.path), "training", "report", "nobody"]) == 1
    assert subprocess.run(["git", "-C", str(bed.repo.path), "status", "--porcelain"],
                          capture_output=True, check=True).stdout == b""  # fmt: skip
