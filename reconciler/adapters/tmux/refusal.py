"""Why a process cannot be started on this machine, asked before it is tried. Starts nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping

from reconciler.adapters.tmux.secret import lookup
from reconciler.core.runtimes import RUNTIMES
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Launch, Process

Refusal = tuple[str, str]
DEFAULT_PATH = "/usr/bin:/bin"


class Inspector:
    """Answers for many processes at once: each directory, command and secret is looked at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._directories: dict[str, Refusal | None] = {}
        self._commands: dict[tuple[str, str, str], Refusal | None] = {}
        self._secrets: dict[str, Refusal | None] = {}

    def refusals(self, processes: Iterable[Process]) -> dict[UnitId, Refusal]:
        """Return (why, how to mend) for each that cannot be started."""
        found: dict[UnitId, Refusal] = {}
        for process in processes:
            refusal = self.refusal(process.launch)
            if refusal is not None:
                found[process.id] = refusal
        return found

    def refusal(self, launch: Launch) -> Refusal | None:
        """Return why `launch` cannot be carried out, or None."""
        return self._directory(launch.directory) or self._command(launch) or self._secret(launch)

    def _directory(self, path: str) -> Refusal | None:
        if path not in self._directories:
            self._directories[path] = _look_at_directory(path)
        return self._directories[path]

    def _command(self, launch: Launch) -> Refusal | None:
        if not launch.argv:
            return None
        name = launch.argv[0]
        path = dict(launch.env).get("PATH") or self._environ.get("PATH") or DEFAULT_PATH
        key = (name, launch.directory if "/" in name else path, _install_line(launch))
        if key not in self._commands:
            look = _look_at_file if "/" in name else _look_on_path
            self._commands[key] = look(*key)
        return self._commands[key]

    def _secret(self, launch: Launch) -> Refusal | None:
        for variable, reference in launch.secrets:
            if reference not in self._secrets:
                self._secrets[reference] = self._look_at_secret(reference)
            refusal = self._secrets[reference]
            if refusal is not None:
                return f"{variable}: {refusal[0]}", refusal[1]
        return None

    def _look_at_secret(self, reference: str) -> Refusal | None:
        try:
            lookup(reference, self._environ)
        except NovaorchError as refused:
            return f"{refused.what}: {refused.why}", refused.fix
        return None


def _look_at_directory(path: str) -> Refusal | None:
    if not path.startswith("/") or "\0" in path:
        return f"{path!r} is not an absolute path", "give an absolute directory"
    if "#" in path or "#" in os.path.realpath(path):
        return (
            f"the directory {path} has a # in its path, and tmux would expand it",
            "use a directory without # in its path",
        )
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  (a Path for each of 1,000 is slow)
    except OSError as broken:
        return f"the directory {path} is not there ({broken.strerror})", f"mkdir -p {path}"
    if not stat.S_ISDIR(mode):
        return f"{path} is not a directory", "give the path of a directory"
    if not os.access(path, os.X_OK):
        return f"the directory {path} may not be entered", f"chmod u+x {path}"
    return None


def _install_line(launch: Launch) -> str:
    """Return the command that gets an agent runtime, '' for anything else."""
    known = RUNTIMES.get(launch.persona.runtime) if launch.persona is not None else None
    return known.install if known is not None else ""


def _look_at_file(name: str, directory: str, install: str) -> Refusal | None:
    path = os.path.join(directory, name)  # noqa: PTH118
    if "\0" in path:
        return "a command cannot hold a NUL", "take the NUL character out of the command"
    if not os.path.isfile(path):  # noqa: PTH113
        return f"the command {path} is not there", install or "install it, or correct the command"
    if not os.access(path, os.X_OK):
        return f"the command {path} is not executable", f"chmod +x {path}"
    return None


def _look_on_path(name: str, path: str, install: str) -> Refusal | None:
    if not name or "\0" in name:
        return "the command is empty", "name a command"
    blocked = ""
    for folder in path.split(":"):
        candidate = os.path.join(folder or ".", name)  # noqa: PTH118
        if os.path.isfile(candidate):  # noqa: PTH113
            if os.access(candidate, os.X_OK):
                return None
            blocked = blocked or candidate
    if blocked:
        return f"the command {blocked} is not executable", f"chmod +x {blocked}"
    mend = install or f"install {name}, or correct PATH"
    return f"the command {name} was not found on PATH={path}", mend
