"""A tree that is there brought to other files: to a new run's beginning, or to a snapshot.

What is to happen is written down first, in the tree's admin folder; a kill in the middle leaves
files that are either as before or as wanted, and the next try goes on. Never overwrites a file that
is neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.raw import indexfile, plainfiles
from reconciler.adapters.git.raw.indexfile import Entry
from reconciler.adapters.git.raw.treefiles import Leaf
from reconciler.adapters.git.worktrees.locks import locked
from reconciler.adapters.git.worktrees.planting import plant
from reconciler.adapters.git.worktrees.survey import Standing, Survey, files_of
from reconciler.adapters.git.worktrees.yard import Yard

NAME = "novaorch-moving.json"

Files = Mapping[str, Leaf | None]
"""Files by path, None for one that is to be there no more."""


@dataclass(frozen=True, slots=True)
class Move:
    """From which commit's files to which; `branch` is the one it ends on (without refs/heads/)."""

    before: str
    after: str
    branch: str


def underway(admin: Path) -> Move | None:
    """Return the move that was begun here and not finished."""
    try:
        said = json.loads(plainfiles.read(admin / NAME) or b"null")
        return Move(str(said["before"]), str(said["after"]), str(said["branch"])) if said else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def begin(admin: Path, move: Move) -> None:
    """Write down what is about to happen."""
    said = {"before": move.before, "after": move.after, "branch": move.branch}
    plainfiles.put(admin / NAME, json.dumps(said).encode())


def end(admin: Path) -> None:
    """Forget it: it has happened."""
    (admin / NAME).unlink(missing_ok=True)


def passing(room: CleanRoom, standing: Standing, head: str) -> dict[str, Leaf | None]:
    """Return the files that are on their way, by a move that was begun at this commit."""
    move = underway(standing.admin)
    if move is None or move.before != head:
        return {}
    before, after = files_of(room, move.before), files_of(room, move.after)
    return {p: after.get(p) for p in {*before, *after} if before.get(p) != after.get(p)}


def bring(
    yard: Yard,
    survey: Survey,
    wanted: Mapping[str, Leaf],
    entries: Sequence[Entry] = (),
    staying: frozenset[str] = frozenset(),
) -> None:
    """Let the files and the index of a tree be these; `entries` are what is to be staged, if it is
    anything else than the files. What is `staying` is not touched."""
    standing = survey.standing
    room = yard.room(standing.common)
    now = {path: leaf for path, leaf in survey.scan.files.items() if path not in staying}
    with yard.planter(standing.path) as planter:
        for path in sorted(now.keys() - wanted.keys(), reverse=True):
            planter.take(path)
            yard.tick("file")
        new = {p: leaf for p, leaf in wanted.items() if now.get(p) != leaf}
        for path, leaf in sorted(new.items()):
            plant(room, planter, {path: leaf})
            yard.tick("file")
        staged = list(entries) or [planter.entry(p, leaf) for p, leaf in wanted.items()]
    put_index(standing.admin, indexfile.render(staged, room.object_format))
    yard.tick("index")


def put_index(admin: Path, body: bytes) -> None:
    """Write the index as git does: whoever holds its lock is not disturbed."""
    locked(admin, "index", body)


def put_head(admin: Path, line: str, logged: str) -> None:
    """Let HEAD be this line, and its log say why."""
    locked(admin, "HEAD", f"{line}\n".encode())
    (admin / "logs").mkdir(exist_ok=True)
    with (admin / "logs" / "HEAD").open("a", encoding="utf-8") as log:
        log.write(logged)
