"""One file loaded by tmuxp and by novaorch, each on a server of its own, pane by pane."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from reconciler.kinds.options import SESSION_OPTIONS, WINDOW_OPTIONS

COLUMNS, ROWS = 120, 40
SETTLE_S = 12.0
_PROGRAMS = (sys.executable, shutil.which("tmux") or "", shutil.which("git") or "")
_PANE = (
    *("window_index", "window_name", "window_active", "pane_index", "pane_left", "pane_top"),
    *("pane_width", "pane_height", "pane_active", "pane_pid", "pane_id", "pane_dead"),
    *("pane_current_command", "pane_current_path"),
)
Seen = dict[str, object]


@dataclass(frozen=True)
class Bench:
    """A home, a repository and two servers, all below one folder."""

    base: Path
    environ: dict[str, str]
    typed: list[str] = field(default_factory=list)

    @classmethod
    def below(cls, base: Path, extra: Mapping[str, str]) -> Bench:
        for name in ("home", "t", "repo", "state"):
            (base / name).mkdir(exist_ok=True)
        environ = {
            "PATH": ":".join(str(Path(p).parent) for p in _PROGRAMS) + ":/usr/bin:/bin",
            "HOME": str(base / "home"),
            "USER": "somebody",
            "SHELL": "/bin/bash",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PS1": "$ ",
            "TMUX_TMPDIR": str(base / "t"),
            "XDG_STATE_HOME": str(base / "state"),
            "XDG_CACHE_HOME": str(base / "state"),
            "XDG_RUNTIME_DIR": str(base / "state"),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "COLUMNS": str(COLUMNS),
            "LINES": str(ROWS),
            "PWD": str(base / "repo"),
            # Whoever runs the tests against another copy of the package says so here.
            **{n: os.environ[n] for n in ("PYTHONPATH",) if n in os.environ},
            **extra,
        }
        return cls(base, environ)

    @property
    def repo(self) -> Path:
        return self.base / "repo"

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            cwd=self.repo,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def novaorch(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "reconciler.cli", *words, check=check)

    def tmux(self, socket: str, *words: str) -> str:
        return self.run("tmux", "-L", socket, *words).stdout

    def found_repository(self) -> None:
        """Make the repository with a fleet whose sessions are as big as tmuxp's."""
        self.run("git", "init", "-q", "-b", "main")
        fleet = self.repo / "desired-state" / "fleet.yaml"
        fleet.parent.mkdir()
        fleet.write_text(
            "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: bench}\nspec:\n"
            f"  tmux: {{socket: ours, size: {{columns: {COLUMNS}, rows: {ROWS}}}}}\n"
        )
        self.commit("Found the fleet")

    def commit(self, message: str) -> None:
        who = ("-c", "user.name=Somebody", "-c", "user.email=s@example.invalid")
        self.run("git", "add", "-A")
        self.run("git", *who, "commit", "-q", "-m", message)

    def close(self) -> None:
        for socket in ("theirs", "ours"):
            self.run("tmux", "-L", socket, "kill-server", check=False)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            alive = [s for s in ("theirs", "ours") if self._alive(s)]
            if not alive:
                break
            time.sleep(0.02)
        shutil.rmtree(self.base / "t", ignore_errors=True)

    def _alive(self, socket: str) -> bool:
        return self.run("tmux", "-L", socket, "list-sessions", check=False).returncode == 0


@dataclass(frozen=True)
class Compared:
    """What importing said, and where the two differ: `place: theirs | ours`."""

    said: str
    differences: list[str]


def load(bench: Bench, files: list[Path]) -> str:
    """Load files with both; return what importing said. A second diff is empty."""
    names = [str(file) for file in files]
    bench.run(
        *(sys.executable, "-c", "from tmuxp.cli import cli; cli()", "load", "-d", "-y"),
        *("--no-progress", "-L", "theirs", "-f", "/dev/null", *names),
    )
    said = bench.novaorch("import", *names, "--project", "work").stdout
    bench.typed.extend(_typed_lines(bench))
    bench.commit("Import")
    bench.novaorch("apply", "--yes")
    again = bench.novaorch("diff", "--worktree", check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    return said


def compare(bench: Bench, file: Path) -> Compared:
    """Load one file with both and return the differences that stay."""
    said = load(bench, [file])
    return Compared(said, differences(bench, next(iter(_sessions(bench, "theirs")))))


def differences(bench: Bench, name: str) -> list[str]:
    """Return where two sessions of one name differ, once both have settled."""
    theirs, ours = _sessions(bench, "theirs")[name], _sessions(bench, "ours")[name]
    deadline = time.monotonic() + SETTLE_S
    found = ["never looked"]
    while found and time.monotonic() < deadline:
        found = _differences("", _seen(bench, "theirs", theirs), _seen(bench, "ours", ours))
        time.sleep(0.1 if found else 0)
    return found


def plain_name(name: str) -> str:
    """Return a session's name as we make it plain."""
    return re.sub(r"[^A-Za-z0-9_/ @+,-]", "_", name)


def _sessions(bench: Bench, socket: str) -> dict[str, str]:
    rows = bench.tmux(socket, "list-sessions", "-F", "#{session_id} #{session_name}").splitlines()
    pairs = (row.split(" ", 1) for row in rows)
    return {plain_name(name): session for session, name in pairs}


def _seen(bench: Bench, socket: str, session: str) -> Seen:
    rows = bench.tmux(
        socket, "list-panes", "-s", "-t", session, "-F", "\t".join(f"#{{{n}}}" for n in _PANE)
    )
    windows: dict[int, list[dict[str, str]]] = {}
    for row in rows.splitlines():
        pane = dict(zip(_PANE, row.split("\t"), strict=True))
        windows.setdefault(int(pane["window_index"]), []).append(pane)
    return {
        "options": _options(bench, socket, ("-A", "-t", session), SESSION_OPTIONS),
        "windows": [_window(bench, socket, windows[index]) for index in sorted(windows)],
    }


def _window(bench: Bench, socket: str, panes: list[dict[str, str]]) -> Seen:
    first = panes[0]
    return {
        "name": first["window_name"],
        "current": first["window_active"],
        "options": _options(bench, socket, ("-wA", "-t", first["pane_id"]), WINDOW_OPTIONS),
        "panes": [_pane(bench, socket, pane) for pane in panes],
    }


def _options(
    bench: Bench, socket: str, words: tuple[str, ...], known: frozenset[str]
) -> dict[str, object]:
    rows = bench.tmux(socket, "show-options", *words).splitlines()
    pairs = (row.replace("* ", " ").partition(" ") for row in rows)
    return {name.rstrip("*"): value for name, _, value in pairs if name.rstrip("*") in known}


def _pane(bench: Bench, socket: str, pane: dict[str, str]) -> Seen:
    cell = "{pane_width}x{pane_height}+{pane_left}+{pane_top}".format(**pane)
    return {
        "cell": cell,
        "active": pane["pane_active"],
        "dead": pane["pane_dead"],
        "command": pane["pane_current_command"],
        "path": pane["pane_current_path"],
        "environment": _environment(int(pane["pane_pid"])),
        "screen": _screen(bench, socket, pane),
    }


def _environment(pid: int) -> dict[str, object]:
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    except OSError:
        return {}
    entries = (pair.partition("=") for pair in pairs if "=" in pair)
    return {
        n: v
        for n, _, v in entries
        if not n.startswith(("NOVAORCH_", "TMUX", "GIT_", "PYTHONPATH")) and n not in _OWN
    }


# The shell or the program in front sets these itself.
_OWN = frozenset(("PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE", "PS1"))


_VOLATILE = frozenset(("top", "htop"))


def _screen(bench: Bench, socket: str, pane: dict[str, str]) -> list[str]:
    """Return the words that can be seen, without the prompt and what was typed.

    Keys typed ahead of a prompt are echoed once or twice, and run into what is printed meanwhile:
    that is chance, with tmuxp as with us.
    """
    if pane["pane_current_command"] in _VOLATILE:
        return []
    text = bench.tmux(socket, "capture-pane", "-p", "-J", "-S", "-", "-t", pane["pane_id"])
    for line in sorted(bench.typed, key=len, reverse=True):
        text = text.replace(line, " ")
    text = re.sub(r"^(?:\S*[$#>] *)+", "", text, flags=re.MULTILINE)
    return sorted({word for word in re.split(r"[\s$#>]+", text) if word})


def _typed_lines(bench: Bench) -> list[str]:
    """Return every line that a manifest of ours types."""
    lines: list[str] = []
    for file in (bench.repo / "desired-state" / "work" / "sessions").glob("*.yaml"):
        for window in yaml.safe_load(file.read_text())["spec"]["windows"]:
            for pane in window.get("panes", ()):
                lines += [line.strip() for line in pane.get("type", ()) if line.strip()]
    return lines


def _differences(place: str, theirs: object, ours: object) -> list[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [
            found
            for key in sorted({*theirs, *ours})
            for found in _differences(f"{place}.{key}", theirs.get(key), ours.get(key))
        ]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        return [d for i, (a, b) in pairs for d in _differences(f"{place}[{i}]", a, b)]
    return [] if theirs == ours else [f"{place}: {theirs!r} | {ours!r}"]
