"""The systemd unit: what stands in it, and how it comes and goes. No real manager is asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.adapters import systemd
from reconciler.adapters.systemd import Unit, carried, text
from reconciler.cli.app import run
from reconciler.model.problems import NovaorchError
from tests.adapters.git.sandbox import Sandbox

FLEET = "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: demo}\n"
needs_verify = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze is here"
)

SYSTEMCTL = """#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKE/calls"
case "$*" in
    --version) echo "systemd ${VERSION:-252} (fake)"; exit 0 ;;
esac
[ ! -e "$FAKE/no-bus" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
case "$*" in
    *" enable "*) touch "$FAKE/enabled" ;;
    *" start "*|*" restart "*) touch "$FAKE/active" ;;
    *" disable --now "*) rm -f "$FAKE/enabled" "$FAKE/active" ;;
    *is-enabled*) [ -e "$FAKE/enabled" ]; exit ;;
    *is-active*) [ -e "$FAKE/active" ]; exit ;;
esac
"""
LOGINCTL = """#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKE/calls"
case "$*" in
    *show-user*) [ -e "$FAKE/linger" ] && echo yes || echo no ;;
    enable-linger) [ ! -e "$FAKE/refuse" ] || { echo "Access denied" >&2; exit 1; }
        touch "$FAKE/linger" ;;
esac
"""


class Machine:
    """A PATH on which systemctl and loginctl write down what they are told."""

    def __init__(self, folder: Path, home: Path, repo: Sandbox) -> None:
        self.folder, self.home, self.repo = folder, home, repo
        for name, script in (("systemctl", SYSTEMCTL), ("loginctl", LOGINCTL)):
            path = folder / name
            path.write_text(script)
            path.chmod(0o755)

    def has(self, name: str) -> None:
        (self.folder / name).touch()

    def calls(self) -> list[str]:
        """What was told since the last question, without questions."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        asks = ("--version", "show-environment", "show-user", "is-enabled", "is-active")
        return [line for line in lines if not any(word in line for word in asks)]

    def run(self, *words: str) -> int:
        return run(["-C", str(self.repo.path), "service", *words])

    @property
    def unit(self) -> Path:
        (found,) = (self.home / ".config" / "systemd" / "user").iterdir()
        return found


@pytest.fixture
def machine(tmp_path: Path, stage: Path, repo: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("API_KEY", "SECRET")
    repo.write("fleet.yaml", FLEET)
    repo.commit()
    return Machine(folder, stage / "home", repo)


# -- coming and going ------------------------------------------------------------------------------


def test_install_writes_enables_starts_and_lingers(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.run("install") == 0
    name = machine.unit.name
    assert re.fullmatch(r"novaorch-demo-[0-9a-f]{8}\.service", name)
    assert machine.calls() == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {name}",
        f"systemctl --user restart {name}",
        "loginctl enable-linger",
    ]
    assert "linger is on" in capsys.readouterr().out
    assert machine.run("status") == 0


def test_a_second_install_changes_nothing(machine: Machine) -> None:
    machine.run("install")
    machine.calls()
    before = machine.unit.stat()
    assert machine.run("install") == 0
    assert machine.unit.stat() == before
    assert [line.split()[2] for line in machine.calls()] == ["daemon-reload", "enable", "start"]


def test_what_changed_is_started_anew(machine: Machine) -> None:
    machine.run("install")
    machine.calls()
    machine.unit.write_text("# of an older version\n")
    assert machine.run("status") == 1
    assert machine.run("install") == 0
    assert any(" restart " in line for line in machine.calls())
    assert machine.run("status") == 0


def test_uninstall_takes_it_away_and_may_come_twice(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.run("install")
    name = machine.unit.name
    machine.calls()
    assert machine.run("uninstall") == 0
    assert not list((machine.home / ".config" / "systemd" / "user").iterdir())
    assert machine.calls() == [
        f"systemctl --user disable --now {name}",
        "systemctl --user daemon-reload",
        f"systemctl --user reset-failed {name}",
    ]
    assert machine.run("uninstall") == 0
    assert machine.calls() == []
    assert "not installed" in capsys.readouterr().out
    assert machine.run("status") == 1


def test_print_touches_nothing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has("no-bus")
    assert machine.run("install", "--print") == 0
    assert "[Service]" in capsys.readouterr().out
    assert not (machine.home / ".config").exists()
    assert machine.calls() == []


def test_no_enable_only_writes(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has("no-bus")
    assert machine.run("install", "--no-enable") == 0
    assert machine.unit.read_text().startswith("# Written by")
    assert machine.calls() == []
    assert "systemctl --user enable --now" in capsys.readouterr().out


def test_without_a_user_manager_it_says_what_else_to_do(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has("no-bus")
    assert machine.run("install") == 1
    said = capsys.readouterr().err
    assert "No medium found" in said
    assert f"@reboot {sys.executable}" in said
    assert not (machine.home / ".config").exists()


def test_without_systemctl_it_says_what_else_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only = machine.folder / "only"
    only.mkdir()
    git = shutil.which("git")
    assert git is not None
    (only / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(only))
    for words in (("install",), ("status",)):
        assert machine.run(*words) == 1
        assert "no systemctl on PATH" in capsys.readouterr().err


def test_macos_has_none() -> None:
    with pytest.raises(NovaorchError) as caught:
        systemd.Manager(os.environ, "use cron", platform="darwin").check()
    assert (caught.value.why, caught.value.fix) == ("macOS has no systemd", "use cron")


def test_a_login_that_may_not_linger_is_told_how(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has("refuse")
    assert machine.run("install") == 0
    said = capsys.readouterr().err
    assert "Access denied" in said
    assert "sudo loginctl enable-linger" in said


# -- what stands in it -----------------------------------------------------------------------------


def words(line: str) -> list[str]:
    """Read a line of quoted words as systemd does."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in found]


def fields(content: str) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for line in content.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            made.setdefault(key, []).append(value)
    return made


def test_the_daemon_is_this_very_interpreter_and_imports_from_nowhere_else(
    machine: Machine,
) -> None:
    machine.run("install", "--no-enable")
    found = fields(machine.unit.read_text())
    root = str(machine.repo.path)
    argv = [sys.executable, "-P", "-m", "reconciler.cli", "-C", root, "run"]
    assert words(found["ExecStart"][0]) == argv
    assert found["ExecStart"][0].startswith(":"), "nothing is expanded from the environment"
    assert found["WorkingDirectory"] == ["/"]


def test_the_sessions_survive_whatever_happens_to_the_unit(machine: Machine) -> None:
    machine.run("install", "--no-enable")
    found = fields(machine.unit.read_text())
    assert found["KillMode"] == ["process"]
    assert found["OOMPolicy"] == ["continue"]
    assert found["TasksMax"] == ["infinity"]
    assert found["Restart"] == ["on-failure"]
    assert found["WantedBy"] == ["default.target"]


def test_places_are_carried_and_secrets_are_not(machine: Machine) -> None:
    machine.run("install", "--no-enable")
    content = machine.unit.read_text()
    assert "SECRET" not in content
    assert "API_KEY" not in content
    given = dict(word.split("=", 1) for e in fields(content)["Environment"] for word in words(e))
    assert given["PATH"] == os.environ["PATH"]
    assert given["XDG_STATE_HOME"] == os.environ["XDG_STATE_HOME"]
    assert given["TMUX_TMPDIR"] == os.environ["TMUX_TMPDIR"]
    assert set(given) <= set(systemd.CARRIED)
    (file,) = fields(content)["EnvironmentFile"]
    assert re.fullmatch(r"-/.*/novaorch/novaorch-demo-[0-9a-f]{8}\.env", file)


def unit(*argv: str, about: str = "a fleet") -> Unit:
    return Unit("novaorch-x.service", about, argv, (("PATH", "/a b:/c"),), Path("/none/x.env"))


ODD = '/a b/%n/$HOME/${X}/"q"/it\'s/back\\slash/;/#/é'


def test_odd_paths_come_through() -> None:
    made = text(unit("/bin/sh", ODD, ";", about=ODD), 252)
    assert words(fields(made)["ExecStart"][0]) == ["/bin/sh", ODD, ";"]


@pytest.mark.parametrize("word", ["a\nb", "a\x1bb", "a\udc80", " a", "a ", "a\u202eb"])
def test_what_cannot_stand_in_a_unit_is_refused(word: str) -> None:
    with pytest.raises(NovaorchError) as caught:
        text(unit("/bin/sh", word), 252)
    assert caught.value.fix


def test_newer_managers_wait_longer_and_longer() -> None:
    assert "RestartSteps" not in text(unit("/bin/sh"), 252)
    assert "RestartSteps=6\nRestartMaxDelaySec=60\n" in text(unit("/bin/sh"), 254)


def test_an_empty_variable_is_not_carried() -> None:
    assert carried({"PATH": "/bin", "LANG": "", "HOME": "/h"}) == (("PATH", "/bin"),)


@needs_verify
@pytest.mark.parametrize("argv", [("/bin/sh", "-c", "true"), ("/bin/sh", ODD)])
def test_systemd_itself_has_nothing_to_say_against_it(
    argv: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "novaorch-x.service"
    path.write_text(text(unit(*argv, about=ODD), 252), encoding="utf-8")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    about_us = [line for line in done.stderr.splitlines() if "novaorch-x" in line]
    assert (done.returncode, about_us) == (0, [])
