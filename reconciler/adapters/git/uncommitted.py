"""`desired-state/` as it lies in the work tree or in the index, before any commit.

Never runs a filter, follows a link, or opens anything but a plain file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.adapters.git.folders import (
    DEPTH_MAX,
    ENTRIES_MAX,
    FOLDER,
    not_a_folder,
    too_deep,
    too_many,
)
from reconciler.adapters.git.formats import LINK, SUBMODULE, by_path, object_id, printable
from reconciler.adapters.git.process import GitCommand, Reply, said
from reconciler.model.manifest import Blob
from reconciler.model.problems import SourceError

FILE_MAX = 2 * 2**20
TOTAL_MAX = 64 * 2**20
_INSIDE = FOLDER.encode() + b"/"


@dataclass(slots=True)
class WorkTree:
    """Files read from disk: their entries, and their content by id."""

    blobs: list[Blob] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    total: int = 0


def read_work_tree(git: GitCommand, root: Path, object_format: str) -> WorkTree:
    """Read what `git add` would take: tracked and untracked files, without the ignored ones."""
    if not _is_folder(root / FOLDER):
        return WorkTree()
    # The user's own ignore rules count, as they would for their `git add`.
    listing = replace(git, user_config=True).run(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", FOLDER
    )
    wanted = {n.removeprefix(_INSIDE) for n in _names(listing) if n.startswith(_INSIDE)}
    if len(wanted) > ENTRIES_MAX:
        raise too_many()
    found = WorkTree()
    try:
        for path, name, folder in _walk(os.fsencode(root / FOLDER), wanted):
            _take(found, path, name, folder, object_format)
    except OSError as error:
        raise SourceError(
            f"{FOLDER}/ in the work tree cannot be read",
            why=str(error),
            fix="look at the permissions of that file, or try again when it stands still",
        ) from error
    found.blobs.sort(key=by_path)
    return found


def _is_folder(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(mode):
        raise not_a_folder(_mode(mode))
    return True


def read_index(git: GitCommand) -> list[Blob]:
    """Return the staged entries, without sizes."""
    blobs = []
    for line in _names(git.run("ls-files", "-z", "--stage", "--", FOLDER)):
        head, _, name = line.partition(b"\t")
        mode, oid, stage = head.decode("ascii").split(" ")
        path = name.decode("utf-8", "surrogateescape")
        if stage != "0":
            raise SourceError(
                f"{printable(path)} is in the middle of a merge",
                fix="finish the merge (`git add` the file), or `git merge --abort`",
            )
        if not name.startswith(_INSIDE):
            raise not_a_folder(mode)
        if path.count("/") > DEPTH_MAX:
            raise too_deep()
        blobs.append(Blob(path.removeprefix(f"{FOLDER}/"), oid, mode))
    if len(blobs) > ENTRIES_MAX:
        raise too_many()
    return blobs


def _names(reply: Reply) -> list[bytes]:
    if not reply.ok:
        raise SourceError(
            "git could not list the files of the work tree",
            why=said(reply.err),
            fix="run `git status` in the repository and mend what it names",
        )
    return reply.out.split(b"\0")[:-1]


def _walk(top: bytes, wanted: set[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield (path, name, descriptor of its folder) of every wanted thing that is on disk.

    Goes by descriptors, so that no folder can be swapped for a link on the way.
    """
    folders = {path.rpartition(b"/")[0] for path in wanted}
    folders |= {b"/".join(f.split(b"/")[:n]) for f in folders for n in range(f.count(b"/") + 1)}
    for here, below, names, descriptor in os.fwalk(top, onerror=_reraise):
        prefix = here[len(top) + 1 :] + b"/" if here != top else b""
        if prefix.count(b"/") > DEPTH_MAX:
            raise too_deep()
        for name in (*names, *below):
            path = prefix + name
            if path in wanted or path + b"/" in wanted:
                yield path, name, descriptor
        below[:] = [name for name in below if prefix + name in folders]


def _reraise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _take(found: WorkTree, raw: bytes, name: bytes, folder: int, object_format: str) -> None:
    path = raw.decode("utf-8", "surrogateescape")
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        if _has_git(name, folder):
            nothing = "0" * len(object_id("blob", b"", object_format))
            found.blobs.append(Blob(path, nothing, SUBMODULE))
        return
    mode, content = _mode(status.st_mode), b""
    if mode == LINK:
        content = os.readlink(name, dir_fd=folder)
    elif stat.S_ISREG(status.st_mode):
        content, size = _content(name, folder)
        if size > FILE_MAX:  # never read, so it cannot be hashed: its stamp stands for it
            stamp = b"%d %d" % (size, status.st_mtime_ns)
            found.blobs.append(Blob(path, object_id("too-large", stamp, object_format), mode, size))
            return
    oid = object_id("blob", content, object_format)
    found.blobs.append(Blob(path, oid, mode, len(content)))
    found.contents[oid] = content
    found.total += len(content)
    if found.total > TOTAL_MAX:
        raise SourceError(
            f"{FOLDER}/ in the work tree holds more than {TOTAL_MAX // 2**20} MiB",
            fix=f"move what is no manifest out of {FOLDER}/, or let .gitignore name it",
        )


def _mode(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    return f"{stat.S_IFMT(mode):06o}"


def _has_git(name: bytes, folder: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        os.stat(name + b"/.git", dir_fd=folder, follow_symlinks=False)
        return True
    return False


def _content(name: bytes, folder: int) -> tuple[bytes, int]:
    """Return (content, size); no content when the file is larger than FILE_MAX."""
    # NONBLOCK: should a FIFO take the file's place just now, opening it must not wait.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{os.fsdecode(name)} changed while it was read")
        if status.st_size > FILE_MAX:
            return b"", status.st_size
        content = file.read(FILE_MAX + 1)
        return (content, len(content)) if len(content) <= FILE_MAX else (b"", len(content))
