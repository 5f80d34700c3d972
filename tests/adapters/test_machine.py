"""What the doctor sees, on machines that are well and on machines that are not."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.machine import Asked, examine, words
from reconciler.adapters.machine.limits import judge_disk, judge_files, judge_processes
from reconciler.adapters.machine.tools import run
from reconciler.model.problems import BlindError
from reconciler.model.verdict import Verdict

HOUR = 1_900_000_000.0


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    repository = tmp_path / "repo"
    (tmp_path / "home").mkdir()
    (tmp_path / "tmux").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "LANG": "C.UTF-8",
        "TMUX_TMPDIR": str(tmp_path / "tmux"),
    }
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", str(repository)], env=environ, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], env=environ, check=True)
    return Asked(
        environ=environ,
        repository=repository,
        state=tmp_path / "home" / ".local" / "state" / "novaorch" / "demo-12345678",
        now=HOUR,
        panes=20,
        find_server=lambda: Path("/usr/bin/redis-server"),
        ping=lambda: "redis 7.0.15",
        hooks={"post-commit": True},
    )


def verdict(asked: Asked, name: str) -> Verdict:
    (found,) = [v for v in examine(asked) if v.name == name]
    return found


def tool(folder: Path, name: str, script: str) -> dict[str, str]:
    """Return an environment where only this tool is found."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def test_a_healthy_machine(asked: Asked) -> None:
    verdicts = examine(asked)
    assert [v for v in verdicts if v.ok is not True and v.name not in {"memory", "disk"}] == []
    assert [v.name for v in verdicts] == [
        "python", "git", "repository", "tmux", "tmux socket", "open files", "terminals",
        "processes", "inotify", "memory", "state folder", "disk", "store server", "store",
        "locale", "clock", "hooks",
    ]  # fmt: skip
    assert not asked.state.exists(), "looking must make nothing"


def test_every_fault_has_a_mend_and_no_check_raises(asked: Asked, tmp_path: Path) -> None:
    def broken() -> Path | None:
        raise RuntimeError("boom")

    ill = replace(
        asked,
        environ={"PATH": "", "TMUX_TMPDIR": "/proc/none"},
        repository=tmp_path / "none",
        state=Path("/proc/sys/x"),
        now=0.0,
        find_server=broken,
        hooks={"post-commit": False},
        root=tmp_path,
    )
    verdicts = examine(ill)
    by_name = {v.name: v for v in verdicts}
    assert len(by_name) == 17
    assert by_name["store server"] == Verdict("store server", None, "could not be looked at: boom")
    for name in ("git", "repository", "tmux", "tmux socket", "state folder", "clock"):
        assert by_name[name].ok is False, by_name[name]
    for name in ("locale", "hooks"):
        assert by_name[name].ok is None
    assert all(v.fix for v in verdicts if not v.ok and v.name != "store server")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("git version 2.39.5", (2, 39)),
        ("git version 2.39.5 (Apple Git-154)", (2, 39)),
        ("git version 2.45.windows.1", (2, 45)),
        ("git: command not found", None),
        ("", None),
    ],
)
def test_git_versions(text: str, version: words.Version | None) -> None:
    assert words.git_version(text) == version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("tmux 3.3a", (3, 3)),
        ("tmux 3.10", (3, 10)),
        ("tmux next-3.6", (3, 6)),
        ("tmux 1.8", (1, 8)),
        ("tmux openbsd-7.4", (99, 0)),
        ("tmux master", (99, 0)),
        ("screen 4", None),
    ],
)
def test_tmux_versions(text: str, version: words.Version | None) -> None:
    assert words.tmux_version(text) == version


@given(st.text())
def test_no_text_makes_a_reader_fall(text: str) -> None:
    words.git_version(text)
    words.tmux_version(text)
    words.available_bytes(text)
    words.is_utf8({"LANG": text})


def test_memory_texts() -> None:
    text = "MemTotal:  8 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\nBuffers: 3 kB\n"
    assert words.available_bytes(text) == 2048 * 1024
    assert words.available_bytes("MemTotal: 8 kB") is None


@pytest.mark.parametrize(
    ("environ", "good"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "en_US.utf8"}, True),
        ({"LANG": "de_DE.UTF-8@euro"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "UTF-8"}, True),
        ({"LC_ALL": "", "LANG": "C.UTF-8"}, True),
        ({}, False),
    ],
)
def test_locales(environ: dict[str, str], good: bool) -> None:
    assert words.is_utf8(environ) is good


def test_sizes_for_people() -> None:
    sizes = [words.size(n) for n in (0, 999, 1000, 50_000_000, 3_400_000_000)]
    assert sizes == ["0 bytes", "999 bytes", "1.0 kB", "50 MB", "3.4 GB"]
    assert abs(words.history_bytes(1, 50_000, 180) - 53e6) < 2e6


@pytest.mark.parametrize(
    ("script", "ok", "words_"),
    [
        ("echo tmux 3.1c", False, "older than 3.2"),
        ("echo tmux 3.2", True, "3.2"),
        ("echo tmux weird", None, "not known"),
        ("exit 1", False, "said nothing"),
    ],
)
def test_tmux_itself(
    asked: Asked, tmp_path: Path, script: str, ok: bool | None, words_: str
) -> None:
    seen = verdict(replace(asked, environ=tool(tmp_path / "bin", "tmux", script)), "tmux")
    assert seen.ok is ok
    assert words_ in seen.what


@pytest.mark.parametrize(
    ("installer", "line"),
    [
        ("apt-get", "sudo apt-get install tmux"),
        ("dnf", "sudo dnf install tmux"),
        ("brew", "brew install tmux"),
        ("other", "install tmux with your system's package manager"),
    ],
)
def test_the_line_to_type_is_this_machines(
    asked: Asked, tmp_path: Path, installer: str, line: str
) -> None:
    seen = verdict(replace(asked, environ=tool(tmp_path / "bin", installer, "")), "tmux")
    assert (seen.ok, seen.fix) == (False, line)


def test_an_old_git_and_one_that_cannot_run(asked: Asked, tmp_path: Path) -> None:
    old = tool(tmp_path / "bin", "git", "echo git version 2.20.1")
    assert "older than 2.30" in verdict(replace(asked, environ=old), "git").what
    (tmp_path / "bin" / "git").write_bytes(b"\x7fELF nonsense")
    assert verdict(replace(asked, environ=old), "git").ok is False


def test_a_tool_that_hangs_is_given_up(tmp_path: Path, asked: Asked) -> None:
    hanging = tool(tmp_path / "bin", "tmux", "exec /bin/sleep 60")
    assert run(["tmux", "-V"], hanging, 0.1) == (124, "tmux does not answer within 0.1 s")
    assert run(["none-such"], asked.environ) == (127, "none-such is not on PATH")


def test_repositories_that_git_does_not_like(asked: Asked, tmp_path: Path) -> None:
    assert verdict(asked, "repository").ok
    nothing = verdict(replace(asked, repository=tmp_path / "home"), "repository")
    assert nothing.ok is False
    assert nothing.fix.endswith(" init")
    subprocess.run(["git", "init", "-q", str(tmp_path / "new")], env=asked.environ, check=True)
    assert verdict(replace(asked, repository=tmp_path / "new"), "repository").fix == "git commit"
    confused = {**asked.environ, "GIT_DIR": "/nowhere"}
    assert verdict(replace(asked, environ=confused), "repository").ok


def test_a_repository_of_another_user(asked: Asked) -> None:
    theirs = {**asked.environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    git = tool(
        asked.repository.parent / "bin",
        "git",
        "echo 'fatal: detected dubious ownership in repository at x' >&2; exit 128",
    )
    seen = verdict(replace(asked, environ={**theirs, **git}), "repository")
    assert seen.ok is False
    assert seen.fix == f"git config --global --add safe.directory {asked.repository}"


def test_the_repository_runs_nothing_of_its_own(asked: Asked, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand"):
        subprocess.run(
            ["git", "-C", str(asked.repository), "config", key, f"touch {trap}; false"],
            env=asked.environ,
            check=True,
        )
    examine(asked)
    assert not trap.exists()


def test_tmux_folders(asked: Asked, tmp_path: Path) -> None:
    folder = tmp_path / "tmux" / f"tmux-{os.getuid()}"
    assert "will be made" in verdict(asked, "tmux socket").what
    folder.mkdir(mode=0o700)
    assert verdict(asked, "tmux socket").ok
    folder.chmod(0o755)
    assert verdict(asked, "tmux socket").fix == f"chmod 700 {folder}"
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert verdict(asked, "tmux socket").ok is False
    long = {**asked.environ, "TMUX_TMPDIR": "/tmp/" + "x" * 100}
    assert "too long" in verdict(replace(asked, environ=long), "tmux socket").what


def test_open_files() -> None:
    endless = resource.RLIM_INFINITY
    assert judge_files(endless, endless, 10**6).ok
    assert judge_files(256, 4096, 247).ok
    few = judge_files(256, 4096, 248)
    assert (few.ok, few.fix) == (False, "ulimit -n 514, then start the tmux server anew")
    assert judge_files(256, endless, 248).fix.startswith("ulimit -n 514")
    assert judge_files(256, 300, 248).fix.startswith("ulimit -n 300")
    assert "hard limit" in judge_files(256, 256, 500).fix


def test_processes() -> None:
    assert judge_processes(10, 500, 0).ok
    assert judge_processes(2000, 500, 7).ok
    assert judge_processes(1999, 500, 7).ok is None


def test_disks() -> None:
    assert judge_disk(Path("/"), 10**12, 10**6).ok
    assert judge_disk(Path("/"), 100 * 10**6, 10**6).ok is None
    assert judge_disk(Path("/"), 10**6, 10**6).ok is False
    assert "inode" in judge_disk(Path("/"), 10**12, 0).what


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_what_the_kernel_allows(asked: Asked, tmp_path: Path) -> None:
    small = replace(asked, root=tmp_path / "root")
    for name in ("terminals", "inotify", "memory"):
        assert verdict(small, name) == Verdict(name, True, "not counted on this system")
    put(small.root, "proc/sys/kernel/pty/max", "30\n")
    put(small.root, "proc/sys/kernel/pty/nr", "11\n")
    assert verdict(small, "terminals").fix == "sudo sysctl kernel.pty.max=51"
    put(small.root, "proc/sys/kernel/pty/nr", "10\n")
    assert verdict(small, "terminals").ok
    put(small.root, "proc/sys/kernel/pty/nr", "garbage")
    assert verdict(small, "terminals").ok
    put(small.root, "proc/sys/fs/inotify/max_user_watches", "100")
    put(small.root, "proc/sys/fs/inotify/max_user_instances", "4")
    assert "watches=" in verdict(small, "inotify").fix
    put(small.root, "proc/sys/fs/inotify/max_user_watches", "65536")
    assert "instances=" in verdict(small, "inotify").fix
    put(small.root, "proc/meminfo", "MemAvailable: 50000 kB\n")
    assert verdict(small, "memory").ok is False
    put(small.root, "proc/meminfo", "MemAvailable: 150000 kB\n")
    assert verdict(small, "memory").ok is None
    put(small.root, "proc/meminfo", "MemAvailable: 1500000 kB\n")
    assert verdict(small, "memory").ok


def test_state_folders(asked: Asked) -> None:
    assert "will be made" in verdict(asked, "state folder").what
    asked.state.mkdir(parents=True, mode=0o755)
    assert verdict(asked, "state folder").fix == f"chmod 700 {asked.state}"
    asked.state.chmod(0o700)
    assert verdict(asked, "state folder").ok
    asked.state.rmdir()
    asked.state.write_text("a file")
    assert verdict(asked, "state folder").ok is False


def test_stores(asked: Asked) -> None:
    def blind() -> str:
        raise BlindError("no store is running", why="nothing answers", fix="novaorch up")

    down = replace(asked, ping=blind, find_server=lambda: None, store_fix="apt-get install x")
    assert verdict(down, "store").ok is None
    assert verdict(down, "store").fix == "novaorch up"
    assert verdict(down, "store server").fix == "apt-get install x"
    wanted = replace(down, store_url="redis://h")
    assert verdict(wanted, "store").ok is False
    assert verdict(wanted, "store server").ok
    assert verdict(replace(asked, ping=None), "store").what == "not asked"


@pytest.mark.parametrize(
    ("now", "ok"), [(0.0, False), (5e9, False), (1_704_067_201.0, None), (HOUR, True)]
)
def test_clocks(asked: Asked, now: float, ok: bool | None) -> None:
    assert verdict(replace(asked, now=now), "clock").ok is ok


def test_a_verdict_is_plain_data() -> None:
    read: Callable[[], object] = Verdict("a", None, "b", "c").as_json
    assert read() == {"name": "a", "ok": None, "what": "b", "fix": "c"}
