"""Which repository a command means that is run within an agent, in that agent's own work tree.

There the files of desired state are a copy on a branch of work, which nobody follows. An agent is
told by `NOVAORCH_REPOSITORY` where its fleet is. That counts without `-C`, and only in a work tree
of that fleet, or where there is no fleet at all: whoever goes from an agent's pane to another
fleet's repository means that one. Imports nothing heavy, asks no git, and never fails.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

REPOSITORY, FLEET = "NOVAORCH_REPOSITORY", "NOVAORCH_FLEET"
MARK = "novaorch.json"
"""In the folder that git keeps for a linked work tree: whose tree it is."""
READ_MAX = 65_536
_LINE = re.compile(r".+:[0-9]{1,9}", re.DOTALL)


def meant(argv: list[str], environ: Mapping[str, str]) -> list[str]:
    """Return the command line with the `-C` that an agent's environment means, or as it is."""
    fleet = environ.get(REPOSITORY, "")
    if not fleet.startswith("/") or not argv or argv[0].startswith("-") or _of_files(argv):
        return argv
    try:
        cwd = Path.cwd()
    except OSError:  # the folder is gone: git would say so
        return argv
    return ["-C", fleet, *argv] if _leads_there(cwd, environ) else argv


def _of_files(argv: list[str]) -> bool:
    """Whether files are asked about: those where one is, not those of the fleet's checkout."""
    line = argv[0] == "why" and any(_LINE.fullmatch(word) for word in argv[1:])
    return line or argv[0] == "blame"


def _leads_there(cwd: Path, environ: Mapping[str, str]) -> bool:
    for folder in (cwd, *cwd.parents):
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
            return False  # within a bare repository, or git's own folder
        git = folder / ".git"
        if git.exists():
            return _ours(git, environ) or not (folder / "desired-state").is_dir()
    return True


def _ours(git: Path, environ: Mapping[str, str]) -> bool:
    """Whether a linked work tree is one of the fleet that the environment names."""
    text = _text(git)
    if not text.startswith("gitdir: "):
        return False
    mark = git.parent / text.removeprefix("gitdir: ").strip() / MARK
    try:
        told = json.loads(_text(mark))
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("fleet") == environ.get(FLEET, "")


def _text(path: Path) -> str:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
            return file.read(READ_MAX).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
