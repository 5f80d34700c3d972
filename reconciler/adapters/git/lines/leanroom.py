"""A clean room for verbs in a hurry: git on another repository's objects and refs, no GitPython.

Never lets git read a setting, an attribute or a hook of that repository, nor its word on who came
before whom (a commit-graph is a cache that anybody may have written); never writes into it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.formats import object_id, printable
from reconciler.adapters.git.hardened import CONFIG, NO_USER_CONFIG, OPTIONS, SETTINGS
from reconciler.model.problems import BlindError, SourceError

TIMEOUT_S = 60.0
_NAME = "novaorch-room-"
"""`cleanroom.sweep` takes away those of processes that were killed."""
_LINKED = ("refs", "packed-refs", "reftable", "logs", "shallow")
_QUESTIONS = (
    "--path-format=absolute", "--git-dir", "--git-common-dir", "--is-bare-repository",
    "--show-object-format", "--show-toplevel",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spot:
    """One repository: `root` is its work tree, or the git directory of a bare one."""

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool
    object_format: str


@dataclass(frozen=True, slots=True)
class Said:
    """How one git command ended."""

    code: int
    out: bytes
    err: str


def spot(directory: Path) -> Spot:
    """Find the repository that `directory` is in, as git does. SourceError: there is none."""
    done = _asked(["-C", str(directory), "rev-parse", *_QUESTIONS])
    lines = os.fsdecode(done.out).splitlines()
    if lines[2:3] == ["true"] and len(lines) == 4:  # git names no top level of a bare one
        lines.append(lines[0])
    elif done.code or len(lines) != 5:
        return _slowly(directory)
    return Spot(Path(lines[4]), Path(lines[0]), Path(lines[1]), lines[2] == "true", lines[3])


class LeanRoom:
    """Git on the objects and refs of a repository. One thread only. Close it: it is a folder.

    `graph` is a commit-graph of our own; without one, git reads the commits themselves.
    """

    def __init__(self, place: Spot, graph: Path | None = None) -> None:
        self.place = place
        above = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - the folder's name is by chance
        self.path = Path(above, f"{_NAME}{os.getpid()}-{os.urandom(8).hex()}")
        self.graph = graph if graph is not None and graph.is_file() else None
        self._objects = place.common_dir / "objects"
        try:
            self._furnish()
        except OSError as error:
            raise SourceError(
                f"no room for git can be made in {above}",
                why=str(error),
                fix=f"look at the space and the rights in {above}",
            ) from error

    def __enter__(self) -> LeanRoom:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def object_format(self) -> str:
        """The hash that names objects here: `sha1` or `sha256`."""
        return self.place.object_format

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start git here with pipes; what it complains of is in `complaint` afterwards."""
        words = ["-c", f"core.commitGraph={'true' if self.graph else 'false'}"]
        with (self.path / "err").open("ab") as complaints:
            return _started([*words, *args], self._environ(), complaints.fileno(), self.path)

    def run(self, *args: str, given: bytes = b"", timeout_s: float = TIMEOUT_S) -> Said:
        """Run one command to its end. Silence for `timeout_s` is a BlindError."""
        before = len(self._complaints())
        out, code = _finished(self.start(*args), given, timeout_s)
        return Said(code, out, _words(self._complaints()[before:]))

    def complaint(self) -> str:
        """Return what git complained of here, safe to print and short."""
        return _words(self._complaints())

    def put(self, body: bytes) -> str:
        """Take a blob into this room, where it ends with it, and return its id."""
        oid = object_id("blob", body, self.object_format)
        path = self.path / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(b"blob %d\0" % len(body) + body, 1))
        return oid

    def learn(self, commit: str, to: Path, timeout_s: float) -> bool:
        """Write a commit-graph of `commit` and all before it to a file of ours; False: not now.

        What the repository itself has of the kind is hidden meanwhile: nothing is taken from it.
        """
        objects = self.place.common_dir / "objects"
        if (objects / "info" / "alternates").exists():
            return False
        ours = self.path / "objects" / "info" / "commit-graph"
        with contextlib.suppress(OSError, BlindError):
            if self.graph is not None:
                ours.unlink()
                ours.write_bytes(self.graph.read_bytes())
            (self.path / "alone").mkdir()
            for source in objects.iterdir():
                if source.name == "pack" or len(source.name) == 2:
                    (self.path / "alone" / source.name).symlink_to(source)
            self._objects = self.path / "alone"
            made = self.run(
                "-c", "core.commitGraph=true",
                "commit-graph", "write", "--stdin-commits", "--changed-paths", "--no-progress",
                given=f"{commit}\n".encode(), timeout_s=timeout_s,
            )  # fmt: skip
            if made.code == 0:
                to.parent.mkdir(parents=True, exist_ok=True)
                draft = to.with_name(f"{to.name}.{os.getpid()}")
                draft.write_bytes(ours.read_bytes())
                draft.replace(to)
                return True
        return False

    def close(self) -> None:
        """Take the folder away."""
        for folder, folders, files in os.walk(self.path, topdown=False):
            for name in files:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))  # noqa: PTH108, PTH118 - by the hundred
            for name in folders:
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    path.unlink() if path.is_symlink() else path.rmdir()
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _furnish(self) -> None:
        self.path.mkdir(mode=0o700)
        info = self.path / "objects" / "info"
        info.mkdir(parents=True)
        for name in _LINKED:
            source = self.place.common_dir / name
            if name == "refs" or source.exists():
                (self.path / name).symlink_to(source)
        if self.graph is not None:
            (info / "commit-graph").symlink_to(self.graph)
        (self.path / "HEAD").write_bytes(_head(self.place.git_dir))
        tables = (self.place.common_dir / "reftable").is_dir()
        lines = ["[core]", "\tbare = true", "\trepositoryFormatVersion = 1", "[extensions]"]
        lines += [f"\tobjectFormat = {self.object_format}"]
        lines += ["\trefStorage = reftable"] if tables else []
        (self.path / "config").write_text("\n".join([*lines, ""]))

    def _environ(self) -> dict[str, str]:
        return {
            "GIT_DIR": str(self.path),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(self._objects),
        }

    def _complaints(self) -> bytes:
        try:
            return (self.path / "err").read_bytes()
        except OSError:
            return b""


def lines_of(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield what a process of a room prints, line by line, without the line break."""
    if process.stdout is not None:
        for line in process.stdout:
            yield line.rstrip(b"\n")


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a git that was not read to its end: it has nothing to lose."""
    process.kill()
    process.communicate()


def _head(git_dir: Path) -> bytes:
    """Return HEAD: a ref or an id, and nothing else."""
    try:
        body = (git_dir / "HEAD").read_bytes()[:4096]
    except OSError:
        body = b""
    first = body.split(b"\n")[0].strip()
    plain = first.startswith(b"ref: refs/") or first.isalnum()
    return first + b"\n" if plain else b"ref: refs/heads/novaorch-room\n"


def _quoted(path: Path) -> str:
    """Return a path as git takes one of several: in quotes, since it may hold a colon."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _asked(args: list[str]) -> Said:
    process = _started(args, {}, subprocess.DEVNULL, None)
    out, code = _finished(process, b"", TIMEOUT_S)
    return Said(code, out, "")


def _started(
    args: list[str], environ: dict[str, str], complaints: int, place: Path | None
) -> subprocess.Popen[bytes]:
    settings = [word for pair in CONFIG for word in ("-c", pair)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.Popen(
            ["git", *OPTIONS, *settings, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**kept, **SETTINGS, **NO_USER_CONFIG, **environ},
            cwd=place,
        )
    except FileNotFoundError:
        raise SourceError(
            "git was not found", fix="install git 2.31 or newer, or add its folder to PATH"
        ) from None
    except (OSError, ValueError) as error:
        raise BlindError("git could not be started", why=str(error), fix="try again") from error


def _finished(
    process: subprocess.Popen[bytes], given: bytes, timeout_s: float
) -> tuple[bytes, int]:
    try:
        out, _ = process.communicate(given, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        ended(process)
        raise BlindError(
            f"git did not answer within {timeout_s:g} s",
            why="it may wait for a slow disk",
            fix="run the same git command by hand to see where it hangs",
        ) from None
    return out, process.returncode


def _words(err: bytes) -> str:
    return printable(" ".join(err.decode("utf-8", "replace").split()))[:500]


def _slowly(directory: Path) -> Spot:
    """Let `place.locate` say what is wrong, or find what the user trusts."""
    from reconciler.adapters.git.place import locate  # noqa: PLC0415 - loads GitPython

    found = locate(directory)
    return Spot(found.root, found.git_dir, found.common_dir, found.bare, found.object_format)
