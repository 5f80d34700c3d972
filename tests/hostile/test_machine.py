"""Locale, terminal, home, clock, rights: the machine is not what it was at home."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from reconciler.adapters.memory import MemoryClock
from reconciler.cli import render
from reconciler.loop.cycle import Ports, act, consider
from reconciler.wiring import Wiring
from tests.hostile.conftest import Besieged, clear, script, units

VERBS = (("diff",), ("apply",), ("status",), ("diff", "--json"))


def run_bare(fleet: Besieged, *words: str, **env: str) -> tuple[int, bytes]:
    """Run the installed script with these variables and no others."""
    keep = {name: os.environ[name] for name in ("PATH", "TMUX_TMPDIR") if name in os.environ}
    done = subprocess.run(
        [*script(), "-C", str(fleet.repo.path), *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**keep, **env},
        cwd="/",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "TERM": "nonsense"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1", "LANG": "tr_TR.ISO-8859-9"},
    ],
    ids=str,
)
def test_every_locale_can_read_it(env: dict[str, str], fleet: Besieged, stage: Path) -> None:
    fleet.sleeper("torch", "env: {A: '↻ 🦀 é'}")
    fleet.repo.write("web/agents/b\udcff.yaml", "kind: Agent\n")
    fleet.repo.write("web/agents/ü🦀.yaml", "kind: Agent\n")
    fleet.commit("Ünïcode ↻ \u202e")
    home = {"HOME": str(stage / "home"), "XDG_STATE_HOME": str(stage / "state")}
    for words in VERBS:
        code, said = run_bare(fleet, *words, **home, **env)
        assert b"Traceback" not in said, said.decode("utf-8", "replace")
        assert code in (0, 1, 2), said
        assert b"\xff" not in said
    assert fleet.sessions() == {"web/torch"}


def test_without_a_home(fleet: Besieged, tmp_path: Path) -> None:
    """Looking needs none; what must keep a lock says so, and where else it may be."""
    code, said = run_bare(fleet, "diff")
    assert code == 2, said
    code, said = run_bare(fleet, "apply")
    assert code == 1, said
    assert b"XDG_STATE_HOME" in said
    assert fleet.sessions() == set()
    code, said = run_bare(fleet, "apply", XDG_STATE_HOME=str(tmp_path / "s"), HOME="/nonexistent")
    assert code == 0, said
    assert fleet.sessions() == {"web/torch"}


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_every_umask(mask: int, fleet: Besieged, stage: Path) -> None:
    before = os.umask(mask)
    try:
        fleet.run("diff", expect=2)
        fleet.run("diff", "--out", str(stage / "plan"), expect=2)
        fleet.run("apply", expect=0)
        fleet.run("status", expect=0)
    finally:
        os.umask(before)
    assert (stage / "plan").stat().st_mode & 0o077 == 0
    for path in (stage / "state").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert not (stage / "state/novaorch").stat().st_mode & 0o077


def test_a_state_folder_that_everybody_may_write(live: Besieged, stage: Path) -> None:
    (stage / "state/novaorch").chmod(0o777)
    live.state.root.chmod(0o777)
    live.run("apply", expect=0)
    assert live.state.root.stat().st_mode & 0o077 == 0


def test_a_state_folder_that_is_a_link_to_somebodys(
    live: Besieged, stage: Path, tmp_path: Path
) -> None:
    before = live.pids()
    live.state.root.rename(tmp_path / "theirs")
    live.state.root.symlink_to(tmp_path / "theirs")
    live.sleeper("anvil")
    live.commit()
    assert "is not a folder of yours" in clear(live.run("apply", expect=1))
    assert live.pids() == before


def test_a_read_only_repository(live: Besieged) -> None:
    live.sleeper("anvil")
    live.commit()
    top = str(live.repo.path)
    if subprocess.run(["mount", "--bind", top, top], check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: mounting is not permitted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", top], check=True, capture_output=True)
        with pytest.raises(OSError, match="Read-only"):
            (live.repo.path / "x").touch()
        live.run("diff", expect=2)
        live.run("diff", "--worktree", expect=2)
        live.run("apply", expect=0)
        live.run("status", expect=0)
        for words in (("hooks", "install"), ("init", "--project", "other", "--no-hooks")):
            said = live.run(*words, expect=1)
            assert "ead-only" in clear(said)
            assert "fix:" in said.err
        live.run("up", expect=0)
        live.run("down", expect=0)
    finally:
        subprocess.run(["umount", "-l", top], check=False)
    assert live.sessions() == {"web/torch", "web/anvil"}


@pytest.mark.parametrize("hours", [-1, 24 * 365 * 10, -24 * 365 * 60])
def test_a_clock_that_jumps(hours: int, live: Besieged) -> None:
    """Marks bear hours of another clock: nothing that runs is touched, and changes still come."""
    before = live.pids()
    wiring = Wiring(live.repo.path)
    clock = MemoryClock(max(0.0, wiring.clock.now() + hours * 3600.0))
    try:
        desired = wiring.wishes.read()
        ports = Ports(wiring.host(desired.fleet), wiring.wishes, clock)
        assert not consider(ports, desired).plan.actions
        live.sleeper("anvil")
        live.sleeper("torch", "stop: {grace: 10m}")
        live.commit()
        thought = consider(ports, wiring.wishes.read())
        assert all(outcome.ok for outcome in act(ports, thought.plan.moves, lambda _: None))
        ports.host.close()
    finally:
        wiring.close()
    assert before.items() <= live.pids().items()
    live.run("apply", expect=0)
    live.run("diff", expect=0)
    clear(live.run("status", expect=0))
    assert sorted(units(live)) == ["web/agent/anvil", "web/agent/torch"]


def test_few_file_descriptors(live: Besieged) -> None:
    for number in range(40):
        live.sleeper(f"a{number}")
    live.commit()
    words = [*script(), "-C", str(live.repo.path), "apply"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 20; exec "$@"', "sh", *words],
        capture_output=True,
        text=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1)
    live.run("apply", expect=0)
    assert len(units(live)) == len(set(units(live))) == 41


# -- 23: where things run --------------------------------------------------------------------------


def test_directories_that_are_traps(live: Besieged, tmp_path: Path) -> None:
    before = live.pids()
    places = {
        "hash": tmp_path / "#(touch x)",
        "missing": tmp_path / "nowhere",
        "file": tmp_path / "file",
        "circle": tmp_path / "circle",
        "long": Path("/" + "x" * 3000),
        "link-to-hash": tmp_path / "plain",
    }
    places["hash"].mkdir()
    places["file"].write_text("")
    places["circle"].symlink_to(places["circle"])
    places["link-to-hash"].symlink_to(places["hash"])
    for name, place in places.items():
        live.sleeper(name, f"directory: '{place}'")
    live.sleeper("anvil")
    live.commit()
    said = live.run("apply", expect=1)
    assert "6 held" in clear(said)
    assert live.sessions() == {"web/torch", "web/anvil"}
    assert before.items() <= live.pids().items()


def test_a_directory_that_goes_after_the_start(live: Besieged, tmp_path: Path) -> None:
    place = tmp_path / "here"
    place.mkdir()
    live.sleeper("anvil", f"directory: {place}")
    live.commit()
    live.run("apply", expect=0)
    before = live.pids()
    place.rmdir()
    live.run("diff", expect=0)
    clear(live.run("apply"))
    assert live.pids() == before


# -- 30: what an agent may write -------------------------------------------------------------------


def test_what_an_agent_writes_into_its_work_tree_gives_it_no_power(live: Besieged) -> None:
    """Settings, hooks and marks of a work tree are not the wish: the commit is."""
    before = live.pids()
    top = live.repo.path
    (top / ".claude").mkdir()
    (top / ".claude/settings.json").write_text('{"hooks": {"Stop": [{"command": "touch /x"}]}}')
    (top / ".mcp.json").write_text("{}")
    (top / ".git/novaorch").mkdir(exist_ok=True)
    (top / ".git/novaorch/pid").write_text("1\n")
    (top / ".git/novaorch/nudge").write_text("not a FIFO")
    (top / ".git/novaorch/ask").symlink_to("/dev/zero")
    (top / "desired-state/web/agents/torch.yaml").write_text("kind: Nothing\n")
    (top / ".git/commondir").write_text("/nonexistent\n")
    for words in (("diff",), ("apply",)):
        clear(live.run(*words))
    (top / ".git/commondir").unlink()
    live.run("apply", expect=0)
    live.run("up", expect=0)
    live.until(lambda: "watching" in live.log(), "the daemon works")
    assert live.pids() == before


# -- 12, 20: hooks, and what is printed ------------------------------------------------------------


def test_hooks_do_not_feed_themselves_and_leak_nothing(live: Besieged, tmp_path: Path) -> None:
    live.run("hooks", "install", expect=0)
    live.run("up", expect=0)
    other = tmp_path / "linked"
    live.repo.git("worktree", "add", "-q", "-b", "side", str(other))
    live.sleeper("anvil")
    live.commit()
    live.until(lambda: "web/anvil" in live.sessions(), "anvil runs")
    subprocess.run(
        ["git", "-C", str(other), "commit", "-q", "--allow-empty", "-m", "elsewhere"], check=True
    )
    pid = live.pids()["web/anvil"]
    environ = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"GIT_" not in environ.replace(b"GIT_CONFIG_NOSYSTEM", b"")
    assert live.repo.git("rev-list", "--count", "HEAD") == "2", "nobody commits by himself"


def test_records_for_machines_cannot_paint_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    render.record("x", text="\x1b]0;a\x07\x7f\x9b\u202e\udcff\n", fine="é ↻")
    assert out.getvalue().rstrip("\n").isprintable()
