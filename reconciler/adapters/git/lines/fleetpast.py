"""What desired state had to do with a commit: read from the fleet's own repository.

Never believes a work tree that an agent can write on who may sign: only what the fleet follows.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.lines.leanroom import LeanRoom, Spot, ended, spot
from reconciler.adapters.git.lines.remembered import ManifestMemory
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.adapters.git.lines.trust import Trust, trust_of
from reconciler.adapters.git.refnames import own_ref
from reconciler.model.ids import UnitId
from reconciler.model.problems import FOLDER, NovaorchError
from reconciler.model.provenance import Deed, Wish
from reconciler.model.training import Noted

_PERSON = re.compile(rb"(.*?) ?<[^<>]*> (\d{1,12})(?: [+-]\d{4})?")
_REPLICA = re.compile(r"(.+)-\d{1,4}")
TIMEOUT_S = 20.0
NOT_HERE = "name the fleet's repository: --fleet DIR"


def deed_of(shelf: Shelf, oid: str) -> Deed:
    """Return a commit in words; one that is not here is said to be missing."""
    body = shelf.body(oid, "commit") if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", oid) else None
    found = shelf.commit(oid) if body is not None else None
    if body is None or found is None:
        return Deed(printable(oid)[:64], missing=True)
    fields: dict[bytes, bytes] = {}
    for line in body.partition(b"\n\n")[0].split(b"\n"):
        name, _, value = line.partition(b" ")
        fields.setdefault(name, value)
    author = _PERSON.match(fields.get(b"author", b""))
    committer = printable(
        fields.get(b"committer", b"").rpartition(b">")[0].decode("utf-8", "replace")
    )
    at = float(author[2]) if author is not None else found.committed
    return Deed(oid, found.author, f"{committer}>"[:200], at, found.subject)


@dataclass(slots=True)
class FleetPast:
    """One fleet's repository. Close it. One thread only."""

    room: LeanRoom
    shelf: Shelf
    home: str
    own: bool
    memory: ManifestMemory | None = None

    @property
    def root(self) -> Path:
        """Where it is: its work tree, or the bare repository."""
        return self.room.place.root

    def close(self) -> None:
        """End what was started for it; what the lines' repository has is left to that."""
        if self.own:
            self.shelf.close()
            self.room.close()

    def followed(self) -> str:
        """Return the commit that the fleet follows, '' for none: what was accepted on this host,
        else the head of the main work tree, never that of an agent's."""
        found = self.shelf.find(f"{own_ref('accepted', os.uname().nodename)}^{{commit}}")
        if found is None:
            head = _main_head(self.room.place)
            found = self.shelf.find(f"{head}^{{commit}}") if head else None
        return found.oid if found is not None else ""

    def manifest(self) -> bytes | None:
        """Return `fleet.yaml` as it is followed; None: this is no fleet's repository."""
        commit = self.shelf.commit(self.followed())
        entry = self.shelf.entry(commit.tree, f"{FOLDER}/fleet.yaml") if commit else None
        if entry is None or entry.mode != "100644":
            return None
        return self.shelf.body(entry.oid, "blob")

    def trust(self) -> Trust:
        """Return whose signatures count in this fleet."""
        return trust_of(self.manifest(), self.main_root, self.home)

    @property
    def main_root(self) -> Path:
        """The main work tree: `fleet.yaml` names keys relative to it."""
        place = self.room.place
        return place.common_dir.parent if place.common_dir.name == ".git" else place.root

    def begin(self, noted: Noted) -> _Asking:
        """Begin to look for what wanted an agent; the answer is awaited when it is needed."""
        at = deed_of(self.shelf, noted.desired) if noted.desired else None
        path = ""
        process = None
        known: list[str] = []
        if at is not None and not at.missing:
            path = self._manifest_of(noted.unit, at.oid)
            known = self.memory.load(at.oid, path) if self.memory is not None else []
            if path and not known:
                words = ("log", "--format=%H", "--no-show-signature", at.oid, "--", path)
                process = self.room.start(*words)
        return _Asking(self, noted, at, path, process, known)

    def _manifest_of(self, unit: UnitId, commit: str) -> str:
        found = self.shelf.commit(commit)
        replica = _REPLICA.fullmatch(unit.name)
        names = [unit.name, *([replica[1]] if replica else [])]
        for name in names if found is not None else ():
            for end in ("yaml", "yml"):
                path = f"{FOLDER}/{unit.project}/agents/{name}.{end}"
                if found is not None and self.shelf.entry(found.tree, path) is not None:
                    return path
        return ""


@dataclass(slots=True)
class _Asking:
    """A question that git works on meanwhile."""

    past: FleetPast
    noted: Noted
    at: Deed | None
    path: str
    process: subprocess.Popen[bytes] | None
    known: list[str]

    def answer(self) -> Wish:
        """Return what became known."""
        charter = deed_of(self.past.shelf, self.noted.charter) if self.noted.charter else None
        root = printable(str(self.past.main_root))
        if self.at is None:
            return Wish(root, charter=charter, absent="the commit names no desired state")
        if self.at.missing:
            return Wish(root, self.at, charter=charter, absent=f"it is not in {root}: {NOT_HERE}")
        commits = self._commits()
        if not commits:
            absent = f"no manifest of {self.noted.unit} is in it"
            return Wish(root, self.at, charter=charter, path=self.path, absent=absent)
        changed, placed = (deed_of(self.past.shelf, oid) for oid in (commits[0], commits[-1]))
        return Wish(root, self.at, placed, changed, charter, self.path)

    def _commits(self) -> list[str]:
        """Return the commits that changed the manifest, newest first; only the ends are kept."""
        if self.process is None:
            return self.known
        try:
            out, _ = self.process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            ended(self.process)
            return []
        found = out.decode("ascii", "replace").split()
        if self.at is not None and self.past.memory is not None:
            self.past.memory.save(self.at.oid, self.path, found)
        return found


@dataclass(slots=True)
class Witness:
    """The fleet and whose signatures count there, looked for when somebody needs to know."""

    seek: Callable[[], FleetPast | None] = lambda: None
    _past: FleetPast | None = None
    _trust: Trust | None = None

    @property
    def past(self) -> FleetPast | None:
        """The fleet's repository, None when nobody knows where it is."""
        self._look()
        return self._past

    @property
    def trust(self) -> Trust:
        """Whose signatures count."""
        return self._look()

    def close(self) -> None:
        """Let go of it."""
        if self._past is not None:
            self._past.close()

    def _look(self) -> Trust:
        if self._trust is None:
            self._past = self.seek()
            self._trust = self._past.trust() if self._past is not None else Trust()
        return self._trust


def fleet_past(
    lines: tuple[LeanRoom, Shelf], places: Iterable[Path], home: str, desired: str = ""
) -> FleetPast | None:
    """Return the fleet among some places: the one that has the commit `desired`, else the first.

    `lines` are room and shelf of the repository whose lines are looked at: it may be the fleet's.
    """
    first: FleetPast | None = None
    for past in _fleets(lines, places, home):
        if not desired or past.shelf.commit(desired) is not None:
            if first is not None and first is not past:
                first.close()
            return past
        if first is None:
            first = past
        else:
            past.close()
    return first


def _fleets(
    lines: tuple[LeanRoom, Shelf], places: Iterable[Path], home: str
) -> Iterator[FleetPast]:
    room, shelf = lines
    seen: set[Path] = set()
    for place in places:
        with contextlib.suppress(NovaorchError):
            found = room.place if place == room.place.root else spot(place)
            if found.common_dir in seen:
                continue
            seen.add(found.common_dir)
            own = found.common_dir != room.place.common_dir
            theirs = LeanRoom(found) if own else room
            past = FleetPast(theirs, Shelf(theirs) if own else shelf, home, own)
            if past.manifest() is not None:
                yield past
            else:
                past.close()


def _main_head(place: Spot) -> str:
    """Return what HEAD of the main work tree names: a ref or an id."""
    try:
        line = (place.common_dir / "HEAD").read_bytes()[:4096].split(b"\n")[0]
    except OSError:
        return ""
    return os.fsdecode(line.removeprefix(b"ref: ").strip())
