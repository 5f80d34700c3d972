"""No space, or no inode, at each place that novaorch writes to: nothing half-written, nothing lost.

The disks are real: small file systems in memory, which only root may mount.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import needs_store
from tests.hostile.conftest import Besieged, clear, script

WAYS = ("space", "inodes")


class Disk:
    """A small disk that can be filled to the last byte, and emptied again."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._fill = top / ".fill"

    def fill(self, way: str = "space") -> None:
        self._fill.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            if way == "space":
                with (self._fill / "all").open("ab", buffering=0) as file:
                    while True:
                        file.write(b"\0" * 4096)
            for number in range(100_000):
                (self._fill / f"f{number}").touch()

    def free(self) -> None:
        for file in self._fill.iterdir():
            file.unlink()
        self._fill.rmdir()

    def files(self) -> dict[str, bytes]:
        """Return every file there is besides the filling, with its content."""
        return {
            str(path.relative_to(self.top)): path.read_bytes()
            for path in sorted(self.top.rglob("*"))
            if path.is_file() and self._fill not in path.parents
        }


@pytest.fixture
def disk() -> Iterator[Callable[[Path], Disk]]:
    """Put a small disk on a folder; or skip, loudly, where that is not permitted."""
    mounted: list[Path] = []

    def mount(folder: Path, size: str = "4m") -> Disk:
        folder.mkdir(parents=True, exist_ok=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes=2000", "small", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"NO DISK WAS FILLED: mounting is not permitted here ({done.stderr})")
        folder.chmod(0o700)
        mounted.append(folder)
        return Disk(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


Mount = Callable[[Path], Disk]


@pytest.fixture
def make(disk: Mount, make: Callable[[str], Besieged]) -> Callable[[str], Besieged]:
    """The usual one, which ends its fleets before their disks are taken away."""
    return make


@pytest.mark.parametrize("way", WAYS)
def test_the_cache_of_parsed_manifests(way: str, fleet: Besieged, stage: Path, disk: Mount) -> None:
    """Only speed is lost, in silence."""
    cache = disk(stage / "cache")
    cache.fill(way)
    for words, code in ((("diff",), 2), (("apply",), 0), (("diff",), 0)):
        said = fleet.run(*words, expect=code)
        assert not said.err
    assert cache.files() == {}
    cache.free()
    fleet.run("diff", expect=0)
    assert list(cache.files())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", ["apply", "up", "run"])
def test_the_state_folder_and_the_lock(
    verb: str, way: str, live: Besieged, stage: Path, disk: Mount
) -> None:
    before = live.pids()
    live.sleeper("anvil")
    live.commit()
    state = disk(stage / "state")
    state.fill(way)
    said = live.run(verb, expect=1)
    assert str(stage / "state") in clear(said)
    assert "free some space" in said.err
    assert live.pids() == before
    live.run("diff", expect=2)
    live.run("status", expect=1)
    state.free()
    live.run("apply", expect=0)
    assert live.sessions() == {"web/torch", "web/anvil"}


def test_a_state_folder_that_fills_up_later(live: Besieged, stage: Path, disk: Mount) -> None:
    state = disk(stage / "state")
    live.run("apply", expect=0)
    state.fill()
    before = live.pids()
    live.sleeper("anvil")
    live.commit()
    said = live.run("apply")
    clear(said)
    assert said.code in (0, 1)
    assert before.items() <= live.pids().items()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("there", [False, True])
def test_a_saved_plan(there: bool, way: str, fleet: Besieged, tmp_path: Path, disk: Mount) -> None:
    plans = disk(tmp_path / "plans")
    plan = plans.top / "plan.json"
    if there:
        fleet.run("diff", "--out", str(plan), expect=2)
    before = plans.files()
    plans.fill(way)
    fleet.sleeper("anvil")
    fleet.commit()
    said = fleet.run("diff", "--out", str(plan), expect=1)
    assert str(plan) in clear(said)
    assert "fix:" in said.err
    assert plans.files() == before
    if there:
        plans.free()
        fleet.run("apply", str(plan))
        assert fleet.sessions() == {"web/torch"}, "the plan that was there is whole"


@pytest.mark.parametrize("way", WAYS)
def test_the_hooks(way: str, tmp_path: Path, make: Callable[[str], Besieged], disk: Mount) -> None:
    top = disk(tmp_path / "the demo repository")
    fleet = make("demo")
    fleet.sleeper("torch")
    hook = fleet.repo.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    fleet.commit()
    fleet.run("apply", expect=0)
    before, running = top.files(), fleet.pids()
    top.fill(way)
    said = fleet.run("hooks", "install", expect=1)
    assert ".git" in clear(said)
    assert "fix:" in said.err
    after = top.files()
    for path, content in before.items():
        assert after[path] == content, path
    assert not [p for p, content in after.items() if p not in before and not content], "half"
    assert fleet.pids() == running
    top.free()
    fleet.run("hooks", "install", expect=0)
    fleet.run("hooks", "uninstall", expect=0)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize("way", WAYS)
def test_the_first_files(
    way: str, tmp_path: Path, make: Callable[[str], Besieged], disk: Mount
) -> None:
    top = disk(tmp_path / "the demo repository")
    fleet = make("demo")
    (fleet.repo.path / "desired-state/fleet.yaml").unlink()
    (fleet.repo.path / "desired-state").rmdir()
    before = top.files()
    top.fill(way)
    said = fleet.run("init", "--no-hooks", expect=1)
    assert "desired-state" in clear(said)
    assert "fix:" in said.err
    assert top.files() == before
    top.free()
    fleet.run("init", "--no-hooks", "--commit", "--socket", fleet.socket, expect=0)
    assert all(content for path, content in top.files().items() if "desired-state" in path)
    fleet.run("validate", expect=0)


def test_the_first_files_with_room_for_half_of_them(
    tmp_path: Path, make: Callable[[str], Besieged], disk: Mount
) -> None:
    top = disk(tmp_path / "the demo repository")
    fleet = make("demo")
    (fleet.repo.path / "desired-state/fleet.yaml").unlink()
    top.fill()
    with (top.top / ".fill/all").open("r+b") as file:
        file.truncate((top.top / ".fill/all").stat().st_size - 3 * 4096)
    fleet.run("init", "--no-hooks", expect=1)
    assert all(content for path, content in top.files().items() if "desired-state" in path)
    top.free()
    fleet.run("init", "--no-hooks", "--commit", "--socket", fleet.socket, expect=0)
    fleet.run("validate", expect=0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", ["import", "adopt"])
def test_a_manifest_that_a_verb_writes(
    verb: str, way: str, tmp_path: Path, make: Callable[[str], Besieged], disk: Mount
) -> None:
    top = disk(tmp_path / "the demo repository")
    fleet = make("demo")
    fleet.sleeper("torch")
    fleet.commit()
    fleet.run("apply", expect=0)
    fleet.tmux("new-session", "-d", "-s", "scratch", "-x", "80", "-y", "24", "sleep", "86400")
    source = tmp_path / "scratch.yaml"
    source.write_text("session_name: scratch\nwindows:\n  - panes: [htop]\n")
    before, running = top.files(), fleet.pids()
    top.fill(way)
    words = ("import", str(source)) if verb == "import" else ("adopt", "scratch", "--commit")
    said = fleet.run(*words, "--project", "web", expect=1)
    assert "scratch.yaml" in clear(said)
    assert "fix:" in said.err
    assert top.files() == before
    assert fleet.pids() == running
    top.free()
    assert fleet.run(*words, "--project", "web").code == 0
    assert fleet.pids() == running


@needs_store
@pytest.mark.parametrize("way", WAYS)
def test_the_daemon_its_log_its_store_and_its_pipes(
    way: str, tmp_path: Path, stage: Path, make: Callable[[str], Besieged], disk: Mount
) -> None:
    """Everything the daemon writes is on disks that fill up while it runs."""
    state, top = disk(stage / "state"), disk(tmp_path / "the demo repository")
    fleet = make("demo")
    fleet.sleeper("torch")
    fleet.settings("sync: {poll: 200ms}")
    first = fleet.commit()
    fleet.sleeper("anvil")
    wish = fleet.commit()
    ref = fleet.repo.path / ".git/refs/heads/main"
    ref.write_text(f"{first}\n")
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
    fleet.until(lambda: "store   redis" in fleet.run("status").out, "the store answers")
    before = fleet.pids()
    state.fill(way)
    assert ref.stat().st_size == len(wish) + 1
    ref.write_text(f"{wish}\n")  # the file is there already: it needs no space
    top.fill(way)
    fleet.until(lambda: fleet.sessions() == {"web/torch", "web/anvil"}, "anvil runs")
    assert before.items() <= fleet.pids().items()
    fleet.run("status")
    os.sync()
    state.free()
    top.free()
    fleet.until(lambda: fleet.run("status").code == 0, "all is well")
    assert "ended" in fleet.run("down", expect=0).out


@pytest.mark.parametrize("way", WAYS)
def test_a_daemon_that_starts_in_a_full_repository(
    way: str, tmp_path: Path, make: Callable[[str], Besieged], disk: Mount
) -> None:
    """No place for its FIFOs: it is slower, says so, and works."""
    top = disk(tmp_path / "the demo repository")
    fleet = make("demo")
    fleet.sleeper("torch")
    fleet.commit()
    top.fill(way)
    fleet.run("up", expect=0)
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
    if way == "inodes":
        assert "slower than it could be" in fleet.log()


@pytest.mark.parametrize("way", WAYS)
def test_the_word_of_a_confirmation(way: str, fleet: Besieged, stage: Path, disk: Mount) -> None:
    state = disk(stage / "state")
    for number in range(8):
        fleet.sleeper(f"a{number}")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: len(fleet.sessions()) == 9, "all run")
    fleet.remove(*(f"web/agents/a{n}.yaml" for n in range(8)))
    fleet.repo.git("commit", "-q", "-m", "Away with them")
    state.fill(way)
    word = fleet.run("apply", expect=3).out.rpartition("--confirm ")[2].split()[0]
    state.fill(way)  # the journal may have given a block back
    said = fleet.run("apply", "--confirm", word)
    clear(said)
    assert said.code == 1
    assert str(stage / "state") in said.err
    assert len(fleet.sessions()) == 9


def test_a_file_size_limit_is_no_defect(fleet: Besieged, tmp_path: Path) -> None:
    """RLIMIT_FSIZE of nothing: each write anywhere ends in EFBIG, and SIGXFSZ is not our death."""
    command = [*script(), "-C", str(fleet.repo.path), "diff"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command, "--out", str(tmp_path / "plan")],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1, done.stderr
    assert str(tmp_path / "plan") in done.stderr
    assert not (tmp_path / "plan").exists()
