"""The programs that novaorch runs: there, new enough, and willing.

Runs only `git version`, `git rev-parse` and `tmux -V`; starts no server.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from reconciler.adapters.machine.asked import Asked
from reconciler.adapters.machine.words import git_version, tmux_version
from reconciler.model.verdict import Verdict

WAIT_S = 5.0
GIT_MIN = (2, 30)
TMUX_MIN = (3, 2)
_INSTALLERS = (
    ("apt-get", "sudo apt-get install {0}"),
    ("dnf", "sudo dnf install {0}"),
    ("apk", "sudo apk add {0}"),
    ("pacman", "sudo pacman -S {0}"),
    ("brew", "brew install {0}"),
)


def python(asked: Asked) -> Verdict:
    """Python itself; older ones do not get this far, newer ones may lack packages."""
    del asked
    here = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if sys.version_info < (3, 11):  # noqa: UP036 - said, not assumed
        return Verdict("python", False, f"{here} is too old", "install Python 3.11 or newer")
    return Verdict("python", True, here)


def git(asked: Asked) -> Verdict:
    """Git, and whether it runs at all."""
    code, said = run(["git", "version"], asked.environ)
    version = git_version(said)
    if code != 0 or version is None:
        return Verdict("git", False, _first(said), install(asked.environ, "git"))
    if version < GIT_MIN:
        fix = install(asked.environ, "git")
        return Verdict("git", False, f"{_first(said)} is older than {_shown(GIT_MIN)}", fix)
    return Verdict("git", True, _first(said).removeprefix("git version "))


def repository(asked: Asked) -> Verdict:
    """Whether git is willing to read the repository."""
    place = str(asked.repository)
    code, said = run(
        [
            *("git", "-c", "core.fsmonitor=false", "-C", place),
            *("rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"),
        ],
        asked.environ,
    )
    if code == 0:
        return Verdict("repository", True, f"{place} at {said[:12]}")
    if "dubious ownership" in said:
        fix = f"git config --global --add safe.directory {shlex.quote(place)}"
        return Verdict("repository", False, f"{place} belongs to another user", fix)
    if code == 1:
        return Verdict("repository", False, f"{place} has no commit yet", "git commit")
    return Verdict("repository", False, _first(said), f"git -C {shlex.quote(place)} init")


def tmux(asked: Asked) -> Verdict:
    """Tmux, new enough for the commands that are used."""
    code, said = run(["tmux", "-V"], asked.environ)
    version = tmux_version(said)
    if code != 0:
        return Verdict("tmux", False, _first(said), install(asked.environ, "tmux"))
    if version is None:
        return Verdict("tmux", None, f"{_first(said)}: a version that is not known")
    if version < TMUX_MIN:
        fix = install(asked.environ, "tmux")
        return Verdict("tmux", False, f"{_first(said)} is older than {_shown(TMUX_MIN)}", fix)
    return Verdict("tmux", True, _first(said).removeprefix("tmux "))


def install(environ: Mapping[str, str], package: str) -> str:
    """Return the line that installs a package with what this machine has."""
    path = environ.get("PATH", os.defpath)
    for program, line in _INSTALLERS:
        if shutil.which(program, path=path):
            return line.format(package)
    return f"install {package} with your system's package manager"


def run(argv: Sequence[str], environ: Mapping[str, str], wait_s: float = WAIT_S) -> tuple[int, str]:
    """Return the exit code and everything said; 127 when there is no such program, 124 when it
    takes longer than `wait_s`.

    Git's own variables are taken out: inside a hook they point somewhere else.
    """
    clean = {
        name: value
        for name, value in environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    found = shutil.which(argv[0], path=environ.get("PATH", os.defpath))
    if found is None:
        return 127, f"{argv[0]} is not on PATH"
    try:
        done = subprocess.run(
            [found, *argv[1:]],
            env={**clean, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=wait_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]} does not answer within {wait_s:g} s"
    except OSError as error:
        return 126, f"{found} cannot be run: {error.strerror}"
    return done.returncode, done.stdout.decode(errors="replace").strip()


def _first(said: str) -> str:
    return said.partition("\n")[0][:200] or "it said nothing"


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
