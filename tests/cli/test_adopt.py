"""`novaorch adopt` on a real server: nothing that runs is touched, and nothing is left to do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kinds.foreign.sidebyside import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="nv", dir="/tmp") as folder:
        made = Bench.below(Path(folder).resolve(), WHO)
        made.found_repository()
        first = ("new-session", "-d", "-s", "scratch", "-n", "shell", "-x100", "-y30")
        made.tmux("ours", "-f", "/dev/null", *first)
        try:
            yield made
        finally:
            made.close()


WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Somebody"), ("EMAIL", "s@example.invalid"))
}


def furnish(bench: Bench) -> None:
    """A second window of two panes, one with a program, the first in focus."""
    run = bench.tmux
    run("ours", "new-window", "-t", "=scratch:", "-n", "work", "-c", "/tmp", "exec sleep 1000")
    run("ours", "split-window", "-h", "-t", "=scratch:work", "-c", "/usr")
    run("ours", "select-pane", "-t", "=scratch:work.0")
    run("ours", "set-option", "-t", "=scratch:", "mouse", "on")
    run("ours", "set-option", "-w", "-t", "=scratch:work", "monitor-activity", "on")


def processes(bench: Bench) -> list[str]:
    form = "#{pane_id} #{pane_pid} #{pane_current_path} #{window_layout} #{window_name}"
    return bench.tmux("ours", "list-panes", "-s", "-t", "=scratch", "-F", form).splitlines()


def manifest(bench: Bench) -> Path:
    return bench.repo / "desired-state" / "work" / "sessions" / "scratch.yaml"


def test_written_shown_then_applied(bench: Bench) -> None:
    furnish(bench)
    before = processes(bench)
    done = bench.novaorch("adopt", "scratch", "--project", "work")
    assert [line for line in done.stdout.splitlines() if "= adopt" in line]
    assert "novaorch apply" in done.stdout
    assert "adopt: true" in manifest(bench).read_text()
    bench.commit("Adopt")
    bench.novaorch("apply", "--yes")
    assert processes(bench) == before
    assert bench.novaorch("diff", "--worktree", check=False).returncode == 0


def test_commit_takes_over_and_proves_it(bench: Bench) -> None:
    furnish(bench)
    (bench.repo / "unrelated").write_text("not committed")
    before = processes(bench)
    done = bench.novaorch("adopt", "scratch", "--project", "work", "--commit")
    assert "Taken over" in done.stdout
    assert processes(bench) == before
    shown = bench.run("git", "show", "--stat", "--format=%s", "HEAD").stdout
    assert shown.startswith("Adopt work/session/scratch\n")
    assert "unrelated" not in shown
    again = bench.novaorch("adopt", "scratch")
    assert "ours already: work/session/scratch" in again.stdout
    assert bench.novaorch("diff", check=False).returncode == 0


def test_only_this_adoption_is_carried_out(bench: Bench) -> None:
    other = bench.repo / "desired-state" / "work" / "sessions" / "other.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("apiVersion: novaorch/v1\nkind: Session\nspec: {session: other}\n")
    bench.commit("Another session")
    bench.novaorch("adopt", "scratch", "--commit")
    names = bench.tmux("ours", "list-sessions", "-F", "#{session_name}").split()
    assert "other" not in names
    assert bench.novaorch("diff", check=False).returncode == 2


def test_what_adopted_panes_come_back_with(bench: Bench) -> None:
    furnish(bench)
    bench.novaorch("adopt", "scratch", "--project", "work", "--commit")
    bench.tmux("ours", "kill-session", "-t", "=scratch")
    bench.novaorch("apply", "--yes")
    form = "#{window_name} #{pane_current_path} #{pane_width} #{pane_active}"
    rows = bench.tmux("ours", "list-panes", "-t", "=scratch:work", "-F", form).splitlines()
    assert rows == ["work /tmp 50 1", "work /usr 49 0"]
    assert bench.tmux("ours", "show-options", "-v", "-t", "=scratch:", "mouse") == "on\n"


def test_refusals(bench: Bench) -> None:
    def code(*words: str) -> int:
        return bench.novaorch("adopt", *words, check=False).returncode

    assert code("nobody", "--project", "work") == 1
    assert code("scratch", "--project", "work", "--socket", "default") == 64
    assert code("scratch", "--project", "work", "--as-name", "Not Valid") == 64
    manifest(bench).parent.mkdir(parents=True)
    manifest(bench).write_text("# mine\n")
    assert code("scratch", "--project", "work") == 3
    assert manifest(bench).read_text() == "# mine\n"


def test_a_name_that_no_manifest_may_say(bench: Bench) -> None:
    bench.tmux("ours", "rename-session", "-t", "=scratch", "odd (one)")
    done = bench.novaorch("adopt", "odd (one)", "--project", "work", check=False)
    assert done.returncode == 3
    assert "rename-session" in done.stderr
