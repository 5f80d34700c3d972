"""Which entries of a tree may be read, and what their paths mean. Never looks at content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.kinds import KINDS
from reconciler.kinds.names import visible
from reconciler.kinds.rules import problem
from reconciler.model.manifest import Blob
from reconciler.model.problems import Problem

BYTES_MAX = 1 << 20
ENTRIES_MAX = 20_000
DEPTH_MAX = 16

_FOLDERS = {kind.folder: kind.name for kind in KINDS.values() if kind.folder}

# Nearly every path is this plain; the careful checks below see the rest only.
_PLAIN = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,99}/){0,8}[a-z0-9][a-z0-9_-]{0,99}\.(?:ya?ml|md)")


@dataclass(frozen=True, slots=True)
class Place:
    """What a path says: its project, the kind its folder stands for, and its stem."""

    project: str
    kind: str
    stem: str


def place(path: str) -> Place:
    """Return what `path` means; `kind` is '' where no kind lives."""
    parts = path.split("/")
    stem = parts[-1].rpartition(".")[0]
    if len(parts) == 1:
        return Place("", "Fleet" if path == "fleet.yaml" else "", stem)
    if len(parts) == 2:
        return Place(parts[0], "Charter" if parts[1] == "charter.md" else "", stem)
    return Place(parts[0], _FOLDERS.get(parts[1], ""), stem)


def concerns(path: str) -> bool:
    """Whether the file is read: a YAML manifest, or a project's charter."""
    if path.startswith(".") or "/." in path:
        return False
    if path.endswith((".yaml", ".yml")):
        return True
    return path.endswith("/charter.md") and path.count("/") == 1


def stranger(path: str) -> Problem | None:
    """Return the warning about a file that nobody reads, unless it is plainly not meant to be."""
    if concerns(path) or path.startswith(".") or "/." in path or path.lower().endswith(".md"):
        return None
    return problem("path/not-read", path, f"{visible(path)} is not read")


def refuse(blob: Blob) -> Problem | None:
    """Return why an entry may not be read at all, by its path, git mode and size alone."""
    if blob.mode == "100644" and blob.size <= BYTES_MAX and _PLAIN.fullmatch(blob.path):
        return None
    name = visible(blob.path)
    for rule, breached, what in _CHECKS:
        if breached(blob):
            return problem(rule, name, what.format(name=name, mode=visible(blob.mode)))
    return None


def refuse_tree(blobs: Iterable[Blob]) -> tuple[Problem, ...]:
    """Return what is wrong with the entries together: too many, or two that some disks call one.

    The problem stands at the later path of two.
    """
    paths = sorted(blob.path for blob in blobs)
    if len(paths) > ENTRIES_MAX:
        return (problem("tree/too-many", "", f"{len(paths)} entries below desired-state"),)
    if len({path.lower() for path in paths}) == len(paths) and all(map(_PLAIN.fullmatch, paths)):
        return ()
    seen: dict[str, str] = {}
    return tuple(found for path in paths if (found := _twin(path, seen)) is not None)


def _twin(path: str, seen: dict[str, str]) -> Problem | None:
    """Enter `path` and the folders above it; return the problem when one has a twin."""
    above = path
    while above:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", above).casefold())
        first = seen.setdefault(folded, above)
        if first != above:
            same = unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", above)
            rule = "tree/unicode-twins" if same else "tree/case-twins"
            return problem(rule, visible(path), f"{visible(above)} and {visible(first)}")
        above = above.rpartition("/")[0]
    return None


def _not_utf8(blob: Blob) -> bool:
    try:
        blob.path.encode()
    except UnicodeEncodeError:
        return True
    return False


def _parts(check: Callable[[str], bool]) -> Callable[[Blob], bool]:
    return lambda blob: any(check(part) for part in blob.path.split("/"))


# Characters that HFS+ drops from names: `.g<zero width>it` is `.git` there.
_DROPPED = dict.fromkeys(
    [0xFEFF, *range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070)]
)


def _is_git_folder(part: str) -> bool:
    plain = part.translate(_DROPPED).lower().partition(":")[0].rstrip(". ")
    return plain == ".git" or re.fullmatch(r"git~[0-9]+", plain) is not None


_CHECKS: tuple[tuple[str, Callable[[Blob], bool], str], ...] = (
    ("path/not-utf8", _not_utf8, "{name} is not UTF-8"),
    (
        "path/control",
        lambda b: any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in b.path),
        "{name} holds a control character",
    ),
    ("path/absolute", lambda b: b.path.startswith("/"), "{name} is absolute"),
    ("path/backslash", lambda b: "\\" in b.path, "{name} holds a backslash"),
    ("path/traversal", _parts(lambda p: p in {"", ".", ".."}), "{name} leads elsewhere"),
    ("path/git-folder", _parts(_is_git_folder), "{name} looks like git's own folder"),
    ("path/trailing", _parts(lambda p: p[-1:] in {".", " "}), "{name} ends in a dot or a space"),
    ("path/long-component", _parts(lambda p: len(p.encode()) > 255), "a name is over 255 bytes"),
    ("path/deep", lambda b: b.path.count("/") >= DEPTH_MAX, "the file lies too deep"),
    ("path/symlink", lambda b: b.mode == "120000", "{name} is a symbolic link"),
    ("path/submodule", lambda b: b.mode == "160000", "{name} is a submodule"),
    ("path/executable", lambda b: b.mode == "100755", "{name} is executable"),
    ("path/mode", lambda b: b.mode != "100644", "{name} has the mode {mode}"),
    ("file/too-big", lambda b: b.size > BYTES_MAX, "{name} is over 1 MiB"),
)
