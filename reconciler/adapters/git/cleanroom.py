"""A bare repository of our own whose objects and refs are those of another: git at arm's length.

Never lets git read a setting, an attribute or a hook that somebody else could have written; even a
configuration that git cannot parse does no harm here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.process import GitCommand
from reconciler.model.problems import SourceError

LISTING_MAX = 2**20
_SHARED = ("objects", "refs", "packed-refs", "shallow", "reftable", "logs")
_OPTIONAL = frozenset({"shallow", "reftable", "logs"})
_OID = re.compile(rb"(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")
_NAME = "novaorch-room-"
_WHO = {
    f"GIT_{role}_{part}": text
    for role in ("AUTHOR", "COMMITTER")
    for part, text in (("NAME", "novaorch"), ("EMAIL", "novaorch@localhost"))
}


class CleanRoom:
    """Git on the objects and refs of `common_dir` (a repository's common git directory).

    Refs are moved for real, logs of refs are kept as there; hooks, filters, drivers, monitors and
    attributes of that repository are not there at all. `reading` hands out a reader to one thread
    at a time. Close it: it is a folder of links in the place for temporary files.
    """

    def __init__(self, common_dir: Path) -> None:
        self.common_dir = common_dir
        self.object_format = object_format(common_dir)
        self._theirs = _users_excludes()
        self._excluded: object = None
        self._lock = threading.RLock()
        self._readers = threading.RLock()
        try:
            sweep(Path(tempfile.gettempdir()))
            self.path = Path(tempfile.mkdtemp(prefix=f"{_NAME}{os.getpid()}-"))
            self._furnish()
        except OSError as error:
            raise SourceError(
                f"no room for git can be made beside {common_dir}",
                why=str(error),
                fix=f"look at the space and the rights in {tempfile.gettempdir()}",
            ) from error
        self.objects = ObjectReader(self.command().start, self.object_format)

    def command(self, work_tree: Path | None = None, index: Path | None = None) -> GitCommand:
        """Return git here; with a work tree and an index, paths are relative to that tree."""
        handed = {"GIT_DIR": str(self.path), **_WHO}
        if work_tree is not None:
            handed["GIT_WORK_TREE"] = str(work_tree)
        if index is not None:
            handed["GIT_INDEX_FILE"] = str(index)
        return GitCommand(work_tree or self.path, handed=handed)

    @contextlib.contextmanager
    def reading(self) -> Iterator[ObjectReader]:
        """Hold the one reader of objects: its pipes are for one thread at a time."""
        with self._readers:
            yield self.objects

    def excluding(self) -> object:
        """Bring along what the repository and the user leave out of git: patterns, nothing else.

        Returns what changes when one of these patterns does.
        """
        with self._lock:
            source = self.common_dir / "info" / "exclude"
            seen = _stamp(source)
            if seen != self._excluded:
                (self.path / "info" / "exclude").write_bytes(_plain(source))
                self._excluded = seen
        return (seen, *map(_stamp, _ignores(self._theirs)))

    def close(self) -> None:
        """End the helpers and take the folder away."""
        self.objects.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def _furnish(self) -> None:
        (self.path / "info").mkdir()
        (self.path / "HEAD").write_text("ref: refs/heads/novaorch-room\n")
        for name in _SHARED:
            source = self.common_dir / name
            if name not in _OPTIONAL or source.exists():
                (self.path / name).symlink_to(source.resolve())
        (self.path / "config").write_text("".join(f"{line}\n" for line in self._settings()))

    def _settings(self) -> list[str]:
        tables = (self.common_dir / "reftable").is_dir()
        extended = tables or self.object_format != "sha1"
        logs = "true" if (self.common_dir / "logs").is_dir() else "false"
        lines = ["[core]", "\tbare = true", f"\trepositoryFormatVersion = {int(extended)}"]
        # A commit-graph says who came before whom, and anybody may have written it.
        lines += [f"\tlogAllRefUpdates = {logs}", "\tcommitGraph = false"]
        # Or git looks in eight places, for each id that it is told, whether a ref is called so.
        lines += ["\twarnAmbiguousRefs = false"]
        # That no grafts count is said by a variable, which git would remark upon each time.
        lines += ["[advice]", "\tgraftFileDeprecated = false", "[core]"]
        if self._theirs:
            quoted = self._theirs.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'\texcludesFile = "{quoted}"')
        if extended:
            lines += ["[extensions]", f"\tobjectFormat = {self.object_format}"]
            lines += ["\trefStorage = reftable"] if tables else []
        return lines


def object_format(common_dir: Path) -> str:
    """Return the hash that a repository names its objects with, without asking its settings."""
    packed = common_dir / "packed-refs"
    heads = sorted((common_dir / "refs" / "heads").rglob("*")) if not packed.is_file() else []
    for path in (packed, *(head for head in heads if head.is_file())):
        found = _OID.search(_plain(path))
        if found is not None:
            return "sha256" if len(found[0]) == 64 else "sha1"
    said = re.search(rb"(?im)^\s*objectformat\s*=\s*\"?sha256", _plain(common_dir / "config"))
    return "sha256" if said else "sha1"


def sweep(folder: Path) -> None:
    """Take away the rooms of processes that were killed."""
    for path in folder.glob(f"{_NAME}*"):
        owner = path.name.removeprefix(_NAME).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


def _users_excludes() -> str:
    """Return the file of patterns that the user's own settings name, '' for git's own default."""
    asking = GitCommand(Path("/"), handed={"GIT_DIR": "/dev/null"}, user_config=True)
    reply = asking.run("config", "--null", "--path", "--get", "core.excludesFile")
    return reply.out.decode("utf-8", "surrogateescape").rstrip("\0")


def _ignores(named: str) -> list[Path]:
    """Return where the user's own patterns may be."""
    if named:
        return [Path(named)]
    config = os.environ.get("XDG_CONFIG_HOME") or Path(os.environ.get("HOME", "/"), ".config")
    return [Path(config, "git", "ignore")]


def _plain(path: Path) -> bytes:
    """Return the beginning of a plain file; b'' for what is none, or is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return file.read(LISTING_MAX)


def _stamp(path: Path) -> object:
    try:
        seen = path.stat()
    except OSError:
        return ()
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns)
