"""Which version a runtime's program is, asked once for each file of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

TIMEOUT_S = 5.0
TRIED = ("2.1.197", "2.1.330")
"""The first and the last version of which all that is counted on here was seen."""
_VERSION = re.compile(r"\b(\d{1,4})\.(\d{1,4})\.(\d{1,6})\b")


@dataclass(slots=True)
class Versions:
    """Asks `PROGRAM --version`; an answer holds as long as the file is the same one."""

    _known: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def of(self, program: str, environ: Mapping[str, str]) -> str:
        """Return the version as `1.2.3`, '' when it does not say."""
        path = shutil.which(program, path=environ.get("PATH"))
        if path is None:
            return ""
        try:
            seen = os.stat(path)  # noqa: PTH116
        except OSError:
            return ""
        key = (os.path.realpath(path), seen.st_mtime_ns, seen.st_size)
        if key not in self._known:
            self._known[key] = _asked(path, environ)
        return self._known[key]


def strange(version: str) -> str:
    """Return what to say of a version that nobody tried, '' for nothing."""
    if not version:
        return "it does not say which version it is"
    first, last = (_numbers(tried) for tried in TRIED)
    if first <= _numbers(version) and _numbers(version)[:2] <= last[:2]:
        return ""
    return f"version {version} was not tried with this novaorch, {TRIED[0]} to {TRIED[-1]} were"


def _asked(path: str, environ: Mapping[str, str]) -> str:
    names = ("PATH", "HOME", "LANG", "LC_ALL", "CLAUDE_CONFIG_DIR")
    try:
        said = subprocess.run(
            [path, "--version"],
            capture_output=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env={name: environ[name] for name in names if name in environ},
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _VERSION.search(said.stdout.decode("utf-8", "replace"))
    return found[0] if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3])
