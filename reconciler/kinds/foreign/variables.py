"""Variables and `~` in foreign files: what may be written down, and what stays a reference.

A manifest is committed, so a value that could be secret never becomes part of it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.names import shown

_REFERENCE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)
_SECRET_WORDS = frozenset(
    {"TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASS", "PASSPHRASE", "KEY"}
    | {"KEYS", "APIKEY", "CREDENTIAL", "CREDENTIALS", "AUTH", "COOKIE", "PAT", "PRIVATE", "DSN"}
)
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|\b(?:sk-|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA)\w"
)
_SHELL_KNOWS = frozenset(("HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "HOSTNAME"))


def secret_looking(name: str, value: str = "") -> bool:
    """Return whether a variable of this name, or this value, must not be written down."""
    words = set(name.upper().split("_"))
    return bool(words & _SECRET_WORDS) or _SECRET_VALUE.search(value) is not None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the file came from: its folder, the home, the variables at the time of import.

    `root` is the repository that the manifest goes to ('': unknown).
    """

    folder: str
    home: str
    environ: Mapping[str, str]
    root: str = ""

    def expanded(self, text: str, line: int, notes: Notes) -> str:
        """Return `text` with variables replaced, as its program does; secret ones are left."""

        def value(name: str, whole: str) -> str:
            if name in self.environ and secret_looking(name, self.environ[name]):
                notes.changed(line, f"${name} stays unexpanded: its value looks secret")
                return whole
            return self.environ.get(name, whole)

        return _replaced(text, value)

    def typed(self, text: str, line: int, notes: Notes) -> str:
        """Return a line to type: variables are left to the shell in the pane, $PWD excepted."""

        def value(name: str, whole: str) -> str:
            if name == "PWD":
                return self.environ.get(name, whole)
            if name in self.environ and name not in _SHELL_KNOWS:
                notes.changed(line, f"${name} is left to the shell in the pane")
            return whole

        return _replaced(text, value)

    def path(self, text: str, line: int, notes: Notes) -> str:
        """Return a directory with its variables and its `~` replaced; it may still be relative."""
        path = self.expanded(text, line, notes)
        return self.home + path[1:] if path == "~" or path.startswith("~/") else path

    def said(self, path: str, line: int, notes: Notes) -> str:
        """Return a path as a manifest says it, '' (and a note) when none may say it.

        Below the repository's root it is relative, below the home it starts with `~`, so that what
        is committed fits other machines.
        """
        near = posixpath.normpath(path) if path else ""
        if path.startswith("~"):
            notes.lost(line, f"the directory {shown(path)}: the home of somebody else")
        elif near == ".." or near.startswith("../"):
            notes.lost(line, f"the directory {shown(path)}: it leads out of the repository")
        elif not path or "#" in path or not path.isprintable() or len(path) > 4096:
            notes.lost(line, f"the directory {shown(path)}: not one that a manifest may say")
        else:
            return _short(near, self.root, self.home)
        return ""


def _short(path: str, root: str, home: str) -> str:
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) + 1 :] or "."
    if home not in {"", "/"} and (path == home or path.startswith(f"{home}/")):
        return "~" + path[len(home) :]
    return path


def _replaced(text: str, value: Callable[[str, str], str]) -> str:
    return _REFERENCE.sub(lambda found: value(found[1].strip("{}"), found[0]), text)


def sole_reference(text: str) -> str:
    """Return the variable that is all of `text`, or ''."""
    found = _REFERENCE.fullmatch(text)
    return found[1].strip("{}") if found else ""


def references(text: str) -> tuple[str, ...]:
    """Return the variables named in `text`."""
    return tuple(found[1].strip("{}") for found in _REFERENCE.finditer(text))
