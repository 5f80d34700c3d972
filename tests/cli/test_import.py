"""`novaorch import` in a real repository: what it writes, refuses and says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kinds.foreign.sidebyside import Bench

TMUXP = "session_name: {name}\nstart_directory: /tmp\nwindows:\n- panes: [echo hi]\n"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="nv", dir="/tmp") as folder:
        made = Bench.below(Path(folder).resolve(), {})
        made.found_repository()
        try:
            yield made
        finally:
            made.close()


def foreign(bench: Bench, name: str, text: str = TMUXP) -> str:
    (bench.base / name).write_text(text.replace("{name}", name.partition(".")[0]))
    return str(bench.base / name)


def test_several_files_and_one_that_cannot_be_read(bench: Bench) -> None:
    files = [foreign(bench, "a.yaml"), foreign(bench, "b.yaml", "x: [\n"), foreign(bench, "c.json")]
    done = bench.novaorch("import", *files, "--project", "work", check=False)
    assert done.returncode == 1
    assert "b.yaml:2: the file is not YAML" in done.stderr
    folder = bench.repo / "desired-state" / "work" / "sessions"
    assert sorted(p.name for p in folder.iterdir()) == ["a.yaml", "c.yaml"]
    assert bench.novaorch("validate", "--worktree", check=False).returncode == 0


def test_a_manifest_is_never_overwritten(bench: Bench) -> None:
    file = foreign(bench, "a.yaml")
    bench.novaorch("import", file, "--project", "work")
    written = bench.repo / "desired-state" / "work" / "sessions" / "a.yaml"
    written.write_text("mine")
    again = bench.novaorch("import", file, check=False)
    assert (again.returncode, written.read_text()) == (3, "mine")
    assert "--force" in again.stderr
    bench.novaorch("import", file, "--force")
    assert written.read_text().startswith("# yaml-language-server: $schema=")


def test_two_files_of_one_name_in_one_call(bench: Bench) -> None:
    (bench.base / "other").mkdir()
    twin = bench.base / "other" / "a.yaml"
    twin.write_text(TMUXP.replace("{name}", "a"))
    done = bench.novaorch("import", foreign(bench, "a.yaml"), str(twin), check=False)
    assert done.returncode == 3


def test_dry_run_prints_and_writes_nothing(bench: Bench) -> None:
    done = bench.novaorch("import", foreign(bench, "a.yaml"), "--dry-run", "--as-name", "renamed")
    assert "  name: renamed\n" in done.stdout
    assert not (bench.repo / "desired-state" / "work").exists()


def test_the_project_is_named_when_there_are_several(bench: Bench) -> None:
    for name in ("one", "two"):
        (bench.repo / "desired-state" / name).mkdir()
    done = bench.novaorch("import", foreign(bench, "a.yaml"), check=False)
    assert done.returncode == 64
    assert "one, two" in done.stderr


@pytest.mark.parametrize(
    "words", [["--project", "Not Valid"], ["--as-name", "No"], ["--from", "byobu"]]
)
def test_wrong_usage(bench: Bench, words: list[str]) -> None:
    assert bench.novaorch("import", foreign(bench, "a.yaml"), *words, check=False).returncode == 64


def test_a_tmuxinator_file_runs(bench: Bench) -> None:
    text = (
        "name: rails\nroot: /tmp\nwindows:\n- shell:\n    panes:\n    - echo one\n    - echo two\n"
    )
    bench.novaorch("import", foreign(bench, "r.yml", text), "--project", "work")
    bench.commit("Import")
    bench.novaorch("apply", "--yes")
    assert bench.novaorch("diff", "--worktree", check=False).returncode == 0
    rows = bench.tmux("ours", "list-panes", "-s", "-t", "=rails", "-F", "#{pane_current_path}")
    assert rows.split() == ["/tmp", "/tmp"]
