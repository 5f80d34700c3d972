"""Refs of our own, below `refs/novaorch/`: commits that no branch holds and nobody checks out.

Never moves a ref that is not what it was read to be, and never takes a damaged one for none.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.git.formats import TREE, object_id, parse_commit, parse_tree
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.process import GitCommand, said
from reconciler.adapters.git.refnames import own_ref as own_ref  # noqa: PLC0414 - known from here
from reconciler.model.problems import BlindError, ConflictError, SourceError

OURS = "novaorch <novaorch@localhost>"
DEPTH_MAX, FILES_MAX, FILE_MAX = 2, 20_000, 2**20
_PERSON = re.compile(r"([^<>\n]*) <([^<>\n]*)>")
# A power cut must not leave a ref whose commit was never written.
_DURABLE = ("-c", "core.fsync=committed,loose-object", "-c", "i18n.commitEncoding=utf-8")


class OwnRef:
    """One ref of ours and the files of the commit that it names. One thread only."""

    def __init__(self, git: GitCommand, objects: ObjectReader, common_dir: Path, name: str) -> None:
        self._git, self._objects, self._common_dir = git, objects, common_dir
        self.name = name
        self._said: object = None
        self._tip = ""

    def tip(self) -> str:
        """Return the id of its commit, '' when there is no such ref. BlindError: it is damaged.

        Costs one line by pipe when nothing changed. A short name could mean a branch of that very
        name, and a damaged ref reads like none; so every change is looked at exactly.
        """
        found = self._objects.find([self.name])[0]
        told = (found, *self._traces())
        if told != self._said:
            plain = self._plainly(found.oid if found is not None else "")
            self._tip = plain if plain is not None else self._exactly()
            self._said = told
        return self._tip

    def files(self, commit: str) -> dict[str, bytes]:
        """Return every file of a commit of this ref by path. BlindError: it holds anything else."""
        try:
            found = parse_commit(commit, self._objects.contents([commit], "commit")[0])
            return self._below(found.tree)
        except ValueError as error:
            raise self.damaged(f"{commit[:12]} is malformed: {error}") from None
        except SourceError as error:
            raise self.damaged(f"{error.what} ({error.why})") from None

    def put(self, files: Mapping[str, bytes], parent: str, why: str, by: str = "") -> str:
        """Make a commit of exactly these files after `parent`, move the ref there, return its id.

        ConflictError when the ref is not at `parent` ('' when there should be none).
        """
        tree = self._tree(files)
        words = ["commit-tree", tree, *(("-p", parent) if parent else ()), "-F", "-"]
        commit = self._made(*words, given=why.encode("utf-8", "replace"), git=self._signed(by))
        self.move(commit, parent)
        return commit

    def move(self, commit: str, parent: str) -> None:
        """Let the ref name `commit` if it names `parent` now ('': if there is none)."""
        words = ("update-ref", "--no-deref", self.name, commit, parent)
        reply = self._git.run(*_DURABLE, *words)
        self._said = None
        if reply.ok:
            return
        if self.tip() != parent:
            raise ConflictError(
                f"{self.name} was changed by somebody else meanwhile",
                why=said(reply.err),
                fix="run the same command again",
            )
        raise _unwritten(said(reply.err))

    def damaged(self, why: str, *, broken: bool = False) -> BlindError:
        """Return the refusal of what this ref holds; `broken`: it names no commit at all."""
        mend = (
            f"write the id of its last commit into it, or forget it all: "
            f"rm {shlex.quote(str(self._common_dir / self.name))}"
            if broken and (self._common_dir / self.name).is_file()
            else f"look at `git log {self.name}`, then take back the last change "
            f"(git update-ref {self.name} {self.name}~1) or forget it all "
            f"(git update-ref --no-deref -d {self.name})"
        )
        return BlindError(
            f"{self.name} holds what novaorch did not write",
            why=f"{why}; whether anything is said there is unknown, so nothing is done",
            fix=mend,
        )

    # -- reading -------------------------------------------------------------------------------

    def _traces(self) -> tuple[object, ...]:
        """Return what changes when the ref comes into being, in whatever way git keeps it."""
        places = (self.name, "packed-refs", "reftable/tables.list")
        return tuple(_trace(self._common_dir / place) for place in places)

    def _plainly(self, found: str) -> str | None:
        """Return the tip if git's own files leave no doubt, without a process; else None."""
        try:
            body = (self._common_dir / self.name).read_bytes()
        except FileNotFoundError:
            return None if found or self._elsewhere() else ""
        except OSError:
            return None
        return found if found and body == found.encode() + b"\n" else None

    def _elsewhere(self) -> bool:
        """Whether git may keep the ref in another place than a file of its own."""
        packed = self._common_dir / "packed-refs"
        try:
            if packed.stat().st_size > FILE_MAX or self.name.encode() in packed.read_bytes():
                return True
        except FileNotFoundError:
            pass
        except OSError:
            return True
        return (self._common_dir / "reftable").exists()

    def _exactly(self) -> str:
        told = "%(refname) %(objectname)%(symref)"
        reply = self._git.run("for-each-ref", f"--format={told}", self.name)
        lines = reply.out.decode("utf-8", "replace").splitlines()
        named = [line.partition(" ")[2] for line in lines if line.startswith(f"{self.name} ")]
        if len(named) == 1 and self._objects.find([named[0]])[0] is not None:
            return named[0]
        if lines or reply.err or not reply.ok or (self._common_dir / self.name).is_file():
            why = said(reply.err) or f"git says of it: {said(' '.join(lines))}"
            raise self.damaged(why, broken=True)
        return ""

    def _below(self, tree: str) -> dict[str, bytes]:
        found: dict[str, str] = {}
        folders = [("", tree)]
        for _ in range(DEPTH_MAX):
            if not folders:
                break
            bodies = self._objects.contents([oid for _, oid in folders], "tree")
            entries = [
                (folder + entry.name, entry)
                for (folder, _), body in zip(folders, bodies, strict=True)
                for entry in parse_tree(body, self._objects.object_format)
            ]
            odd = [path for path, entry in entries if entry.mode not in (TREE, "100644")]
            if odd or len(found) + len(entries) > FILES_MAX:
                raise ValueError(f"{odd[0]!r} is no plain file" if odd else "it holds too much")
            found.update((path, e.oid) for path, e in entries if e.mode != TREE)
            folders = [(f"{path}/", e.oid) for path, e in entries if e.mode == TREE]
        if folders:
            raise ValueError(f"{folders[0][0]!r} is too deep")
        return self._contents(found)

    def _contents(self, found: Mapping[str, str]) -> dict[str, bytes]:
        oids = list(dict.fromkeys(found.values()))
        if not oids:
            return {}
        if any(one.size > FILE_MAX for one in self._objects.headers(oids)):
            raise ValueError("a file in it is too large")
        bodies = dict(zip(oids, self._objects.contents(oids, "blob"), strict=True))
        return {path: bodies[oid] for path, oid in found.items()}

    # -- writing -------------------------------------------------------------------------------

    def _tree(self, files: Mapping[str, bytes]) -> str:
        """Write files of at most one folder's depth as a tree, and return its id."""
        self._write_blobs(set(files.values()))
        folders: dict[str, list[str]] = {"": []}
        for path, content in sorted(files.items()):
            folder, _, name = path.rpartition("/")
            blob = object_id("blob", content, self._objects.object_format)
            folders.setdefault(folder, []).append(f"100644 blob {blob}\t{name}")
        for folder, lines in folders.items():
            if folder:
                made = self._made("mktree", given="\n".join(lines).encode())
                folders[""].append(f"040000 tree {made}\t{folder}")
        return self._made("mktree", given="\n".join(folders[""]).encode())

    def _write_blobs(self, contents: set[bytes]) -> None:
        """Write what is not there yet: mostly one file of many."""
        oids = {object_id("blob", body, self._objects.object_format): body for body in contents}
        there = self._objects.find(list(oids)) if oids else []
        for (oid, body), found in zip(oids.items(), there, strict=True):
            if found is None and self._made("hash-object", "-w", "--stdin", given=body) != oid:
                raise _unwritten(f"it names a file otherwise than {oid}")

    def _signed(self, by: str) -> GitCommand:
        """Return git with an author: a person, or novaorch itself."""
        person = _PERSON.fullmatch(by or OURS)
        if person is None:
            raise SourceError(f"{by!r} is no author", fix="write it as `Name <mail>`")
        who = {
            f"GIT_{role}_{part}": text
            for role in ("AUTHOR", "COMMITTER")
            for part, text in (("NAME", person[1]), ("EMAIL", person[2]))
        }
        return replace(self._git, handed={**self._git.handed, **who})

    def _made(self, *words: str, given: bytes, git: GitCommand | None = None) -> str:
        reply = (git or self._git).run(*_DURABLE, *words, given=given)
        oid = reply.out.decode("ascii", "replace").strip()
        if not reply.ok or not oid:
            raise _unwritten(said(reply.err))
        return oid


def _trace(path: Path) -> tuple[int, ...]:
    try:
        seen = os.lstat(path)
    except OSError:
        return ()
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _unwritten(why: str) -> SourceError:
    return SourceError(
        "git would not write to the repository",
        why=why,
        fix="look at the disk, and at who owns the folder .git",
    )
