"""Starting git: the one place that spawns it, so that nothing a repository holds is executed.

Never passes a repository's data as an option, and never lets the caller's `GIT_*` variables in.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.hardened import CONFIG, NO_USER_CONFIG, OPTIONS, SETTINGS
from reconciler.model.problems import BlindError, SourceError

if TYPE_CHECKING:
    from git.cmd import Git

TIMEOUT_S = 30.0
USER_TIMEOUT_S = 300.0  # a commit runs the user's own hooks, which may run their tests

_USER_CONFIG = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")

# What `git rev-parse --local-env-vars` names: variables that tie git to one repository.
_LOCAL = """GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT
    GIT_OBJECT_DIRECTORY GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE
    GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE GIT_PREFIX GIT_SHALLOW_FILE
    GIT_COMMON_DIR GIT_INTERNAL_SUPER_PREFIX GIT_QUARANTINE_PATH GIT_NAMESPACE
    GIT_CEILING_DIRECTORIES GIT_LITERAL_PATHSPECS"""


def _launcher() -> Git:
    """Import GitPython without the `git version` that importing it runs (and that may fail)."""
    quiet = {"GIT_PYTHON_REFRESH": "quiet", "GIT_PYTHON_GIT_EXECUTABLE": "/nonexistent/git"}
    before = {name: os.environ.get(name) for name in quiet}
    os.environ.update(quiet)
    try:
        from git.cmd import Git  # noqa: PLC0415 - only here are the variables set
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    # Its working directory is never used: it would expand `~` and `$` in a path.
    return Git("/")


_GIT = _launcher()


@dataclass(frozen=True, slots=True)
class Reply:
    """How one git command ended."""

    code: int
    out: bytes
    err: str

    @property
    def ok(self) -> bool:
        """Whether git said success."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class GitCommand:
    """Git, hardened, at one place.

    `trusted` repeats the user's own `safe.directory` values; git's ownership check stays on.
    `handed` are variables that git itself gave to one of our hooks. `fenced`: the repository is
    `directory` itself, so should it vanish, another one further up must not be found.
    `overridden` False leaves the repository's settings visible: for reading settings only.
    """

    directory: Path
    trusted: tuple[str, ...] = ()
    handed: Mapping[str, str] = field(default_factory=dict)
    user_config: bool = False
    fenced: bool = False
    overridden: bool = True

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start a helper with three pipes, in its own process group."""
        config = [f"safe.directory={place}" for place in self.trusted]
        config += CONFIG if self.overridden else ()
        options = [word for pair in config for word in ("-c", pair)]
        return _spawn([*OPTIONS, *options, "-C", str(self.directory), *args], self._settings())

    def run(self, *args: str, given: bytes = b"", timeout_s: float = TIMEOUT_S) -> Reply:
        """Run one command to its end. Silence for `timeout_s` is a BlindError."""
        return _finish(self.start(*args), given, timeout_s)

    def _settings(self) -> dict[str, str]:
        fence = {"GIT_CEILING_DIRECTORIES": str(self.directory.parent)} if self.fenced else {}
        if not self.user_config:
            return {**SETTINGS, **NO_USER_CONFIG, **fence, **self.handed}
        theirs = {name: os.environ[name] for name in _USER_CONFIG if name in os.environ}
        return {**SETTINGS, **theirs, **fence, **self.handed}


def run_for_user(directory: Path, args: Sequence[str], given: bytes = b"") -> Reply:
    """Run git as the user would: their configuration, identity and hooks."""
    keep = {n: v for n, v in os.environ.items() if n.startswith("GIT_") and n not in _LOCAL.split()}
    command = ["--no-pager", "-C", str(directory), *args]
    settings = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **keep}
    return _finish(_spawn(command, settings), given, USER_TIMEOUT_S)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a git of ours and whatever it started, and let go of its pipes."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # unsent bytes for a process that is gone
                continue


def said(err: str) -> str:
    """Return git's own words, safe to print and short."""
    return printable(" ".join(err.split()))[:500]


def _spawn(args: Sequence[str], settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    git = shutil.which("git")
    if git is None:
        raise SourceError(
            "git was not found",
            why="novaorch reads desired state with the git command, and PATH holds none",
            fix="install git 2.31 or newer, or add its folder to PATH",
        )
    # GitPython can add variables but not take any away; `env` execs, so it costs no process.
    # Only names are passed: values on a command line could be read by other users.
    unset = _unset(name for name in os.environ if name not in settings)
    try:
        handle = _GIT.execute(
            [*unset, git, *args],
            istream=subprocess.PIPE,
            as_process=True,
            env=dict(settings),
            shell=False,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise BlindError("git could not be started", why=str(error), fix="try again") from error
    process, handle.proc = handle.proc, None  # its own finaliser would wait without a limit
    return cast("subprocess.Popen[bytes]", process)


def _unset(names: Iterable[str]) -> list[str]:
    words = [word for name in names if name.startswith("GIT_") for word in ("-u", name)]
    return ["env", *words] if words else []


def _finish(process: subprocess.Popen[bytes], given: bytes, timeout_s: float) -> Reply:
    try:
        out, err = process.communicate(given, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        kill(process)
        raise BlindError(
            f"git did not answer within {timeout_s:g} s",
            why="it may wait for a slow disk, a lock or a hook",
            fix="run the same git command by hand to see where it hangs",
        ) from None
    return Reply(process.returncode, out, err.decode("utf-8", "replace"))
