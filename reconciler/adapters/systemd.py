"""A systemd user unit that keeps a daemon up: written, enabled, taken away.

Never ends a session: stopping or restarting the unit ends the daemon alone. Never asks for root.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.model.problems import NovaorchError

ANSWER_S = 60.0
CARRIED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMUX_TMPDIR",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
)
"""What of the installing shell goes into the unit: places and language, never a secret."""
_STEPS_SINCE = 254


@dataclass(frozen=True, slots=True)
class Unit:
    """What is to be kept up: a name, a line for people, an argv, and a file of variables that only
    the user can read and need not be there."""

    name: str
    about: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    variables: Path


def carried(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what of an environment goes into a unit."""
    return tuple((name, environ[name]) for name in CARRIED if environ.get(name))


def folder(environ: Mapping[str, str]) -> Path:
    """Return where a user's units are."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            raise NovaorchError(
                "there is no place for a unit",
                why="neither XDG_CONFIG_HOME nor HOME names an absolute folder",
                fix="set HOME",
            )
        base = f"{home}/.config"
    return Path(base, "systemd", "user")


# -- the text -------------------------------------------------------------------------------------


def text(unit: Unit, version: int) -> str:
    """Return the unit file for this version of systemd. NovaorchError: a word cannot stand in it.

    The fleet's tmux server lives in the unit's control group, so whatever would end or count a
    whole group is told to mind the daemon alone.
    """
    steps = "RestartSteps=6\nRestartMaxDelaySec=60\n" if version >= _STEPS_SINCE else ""
    wait = "1" if steps else "5"
    variables = "".join(f"Environment={_quoted(f'{n}={v}')}\n" for n, v in unit.environment)
    return (
        "# Written by `novaorch service install`, and anew by each install.\n"
        "[Unit]\n"
        f"Description={_plain(unit.about)}\n"
        "StartLimitIntervalSec=0\n"
        "\n"
        "[Service]\n"
        "Type=exec\n"
        f"ExecStart=:{' '.join(_quoted(word) for word in unit.argv)}\n"
        "WorkingDirectory=/\n"
        f"{variables}"
        f"EnvironmentFile=-{_plain(str(unit.variables))}\n"
        "Restart=on-failure\n"
        f"RestartSec={wait}\n"
        f"{steps}"
        "RestartPreventExitStatus=64\n"
        "# Ends the daemon alone: tmux and the agents in it go on.\n"
        "KillMode=process\n"
        "TimeoutStopSec=30\n"
        "# An agent that runs out of memory is not the daemon.\n"
        "OOMPolicy=continue\n"
        "# Every agent counts here, too.\n"
        "TasksMax=infinity\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def _quoted(word: str) -> str:
    return '"' + _plain(word.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _plain(word: str) -> str:
    """Return a word without what systemd would expand; refuse what it could not read."""
    if not word.isprintable() or word != word.strip() or not _is_text(word):
        raise NovaorchError(
            f"{word!r} cannot stand in a systemd unit",
            why="it holds control characters, is not UTF-8, or begins or ends with a space",
            fix="rename it, or start the daemon another way: novaorch up",
        )
    return word.replace("%", "%%")


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


# -- the manager ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How a unit stands: its file as it is ('' for none), and what the manager says of it."""

    file: str
    enabled: bool
    active: bool
    lingers: bool


@dataclass(frozen=True, slots=True)
class Manager:
    """The user's own systemd, asked through its commands."""

    environ: Mapping[str, str]
    otherwise: str
    """What to do where there is none."""
    platform: str = sys.platform

    def path(self, name: str) -> Path:
        """Return where a unit's file is."""
        return folder(self.environ) / name

    def version(self) -> int:
        """Return the version of systemd, 0 when nobody tells."""
        if shutil.which("systemctl", path=self.environ.get("PATH")) is None:
            return 0
        found = re.search(r"systemd (\d+)", self._run("systemctl", "--version").stdout)
        return int(found[1]) if found else 0

    def check(self) -> None:
        """Raise when there is no user manager that answers."""
        if self.platform == "darwin":
            raise self._absent("macOS has no systemd")
        path = self.environ.get("PATH")
        if shutil.which("systemctl", path=path) is None:
            raise self._absent("there is no systemctl on PATH")
        done = self._run("systemctl", "--user", "show-environment")
        if done.returncode != 0:
            raise self._absent(_said(done))

    def write(self, name: str, content: str) -> bool:
        """Write the file, whole or not at all; return whether anything changed."""
        path = self.path(name)
        if _read(path) == content:
            return False
        draft = path.with_name(f".{name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(content, encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise NovaorchError(
                f"cannot write {path}", why=error.strerror or "", fix="look at that folder"
            ) from error
        return True

    def start(self, name: str, *, changed: bool) -> None:
        """Enable the unit and let it run; one that changed is started anew."""
        self._must("systemctl", "--user", "daemon-reload")
        self._must("systemctl", "--user", "enable", name)
        self._must("systemctl", "--user", "restart" if changed else "start", name)

    def remove(self, name: str) -> None:
        """Stop and disable the unit and take its file away."""
        self._must("systemctl", "--user", "disable", "--now", name)
        with contextlib.suppress(FileNotFoundError):
            self.path(name).unlink()
        self._must("systemctl", "--user", "daemon-reload")
        self._run("systemctl", "--user", "reset-failed", name)

    def linger(self) -> str:
        """Let the user's manager outlive the login; return '' or why it does not."""
        if self.lingers():
            return ""
        if shutil.which("loginctl", path=self.environ.get("PATH")) is None:
            return "there is no loginctl on PATH"
        done = self._run("loginctl", "enable-linger")
        return "" if done.returncode == 0 else _said(done)

    def lingers(self) -> bool:
        """Return whether the user's manager outlives the login."""
        if shutil.which("loginctl", path=self.environ.get("PATH")) is None:
            return False
        user = str(os.getuid())
        done = self._run("loginctl", "show-user", user, "--property=Linger", "--value")
        return done.returncode == 0 and done.stdout.strip() == "yes"

    def standing(self, name: str) -> Standing:
        """Return how the unit stands."""
        enabled = self._run("systemctl", "--user", "is-enabled", "--quiet", name)
        active = self._run("systemctl", "--user", "is-active", "--quiet", name)
        return Standing(
            file=_read(self.path(name)),
            enabled=enabled.returncode == 0,
            active=active.returncode == 0,
            lingers=self.lingers(),
        )

    def _must(self, *argv: str) -> None:
        done = self._run(*argv)
        if done.returncode != 0:
            raise NovaorchError(
                f"`{' '.join(argv)}` failed", why=_said(done), fix="journalctl --user -n 20"
            )

    def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                argv,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                env={**self.environ, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
                timeout=ANSWER_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NovaorchError(
                f"`{' '.join(argv)}` did not answer", why=str(error), fix=self.otherwise
            ) from error

    def _absent(self, why: str) -> NovaorchError:
        return NovaorchError("there is no systemd user manager here", why=why, fix=self.otherwise)


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines: Sequence[str] = (done.stderr or done.stdout).strip().splitlines()
    return lines[0] if lines else f"exit status {done.returncode}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
