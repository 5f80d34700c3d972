"""`GitRecorder`: the work in agents' work trees as commits on the branches of their runs.

Runs nothing of a repository's, overwrites no ref that it did not read, and waits for no agent's
lock. A turn without a change is no commit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import SUBMODULE
from reconciler.adapters.git.loose import NewObjects, Write
from reconciler.adapters.git.raw.recall import Recall
from reconciler.adapters.git.raw.scan import Scan, StatIndex, fingerprint, scan
from reconciler.adapters.git.raw.treefiles import Leaf
from reconciler.adapters.git.record.lane import Base, Ground, Lane, place_of, require_head
from reconciler.adapters.git.record.locks import describe, lock_in
from reconciler.adapters.git.record.press import Draft, Press, UnmovedError
from reconciler.adapters.git.record.rescue import Rescue, kept_prefix
from reconciler.adapters.git.record.sift import Sift, Work
from reconciler.adapters.git.record.staging import Staging
from reconciler.adapters.git.refs import OURS
from reconciler.adapters.git.seal import Seal
from reconciler.core.masks import Mask
from reconciler.core.minutes import note, spoken_for
from reconciler.core.trailers import compose
from reconciler.model.ids import UnitId
from reconciler.model.problems import ConflictError, SourceError
from reconciler.model.training import HeldBack, Recorded, Turn
from reconciler.model.unit import Training
from reconciler.model.workspace import SeenWorkspace

TRIES = 3


def recorded_ref(unit: UnitId, run: int) -> str:
    """Return the full name of the ref to the commit that novaorch itself made last in a run."""
    return f"refs/novaorch/training/{unit.project}/{unit.name}/{run}"


class GitRecorder:
    """Records work (`ports.workspaces.Recorder`). Any thread; close it.

    `key` is the path of the SSH key that signs, None for unsigned commits. `mask` takes secrets
    out of what is kept of words.
    """

    def __init__(self, key: Path | None = None, mask: Mask | None = None) -> None:
        self._seal = Seal(key) if key is not None else None
        self._mask = mask
        self._lock = threading.Lock()
        self._grounds: dict[str, Ground] = {}
        self._lanes: dict[str, Lane] = {}

    def record(self, seen: SeenWorkspace, policy: Training, turn: Turn) -> Recorded | None:
        """See `Recorder.record`."""
        began = time.monotonic()
        ground, lane = self._found(seen)
        with lane.lock:
            for left in reversed(range(TRIES)):
                try:
                    made = _Record(ground, lane, seen, policy, self._mask).make(turn)
                except ConflictError:
                    lane.forget()
                    if not left:
                        raise
                except BaseException:
                    lane.forget()
                    raise
                else:
                    return made and replace(made, seconds=time.monotonic() - began)
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def fingerprint(self, seen: SeenWorkspace) -> str:
        """See `Recorder.fingerprint`."""
        ground, lane = self._found(seen)
        with lane.lock, ground.hands.held():
            place = place_of(seen, ground.room.common_dir)
            return fingerprint(ground.room, place, lane.known.recall)

    def close(self) -> None:
        """End the helpers. What is recorded next starts them anew."""
        with self._lock:
            grounds, self._grounds, self._lanes = self._grounds, {}, {}
        for ground in grounds.values():
            ground.close()

    def _found(self, seen: SeenWorkspace) -> tuple[Ground, Lane]:
        with self._lock:
            ground = self._grounds.get(seen.repository)
            common = Path(seen.repository)
            if not (common / "objects").is_dir():
                raise SourceError(
                    f"the repository {common} is gone",
                    why=f"the work tree {seen.path} belongs to it; it may have been moved",
                    fix=f"from where it is now: git worktree repair {seen.path}",
                )
            if ground is None:
                room = CleanRoom(common)
                ground = self._grounds[seen.repository] = Ground(room, Press(room, self._seal))
            lane = self._lanes.get(seen.path)
            if lane is None:
                known = StatIndex(recall=Recall(ground.hands.rested))
                lane = self._lanes[seen.path] = Lane(Path(seen.path), known=known)
            return ground, lane


class _Record:
    """One commit of one work tree."""

    def __init__(
        self, ground: Ground, lane: Lane, seen: SeenWorkspace, policy: Training, mask: Mask | None
    ) -> None:
        self._ground, self._lane, self._seen = ground, lane, seen
        self._policy, self._mask = policy, mask
        self._sift = Sift(ground.room, policy)
        self._place = place_of(seen, ground.room.common_dir)
        self._staging = Staging(seen, self._place, ground.room.object_format)
        self._branch = f"refs/heads/{seen.branch}"

    def make(self, turn: Turn) -> Recorded | None:
        """Record what is there; None: nothing changed."""
        with self._ground.hands.held():
            base, found, work = self._read()
            changes = _changes(base.files, work.files)
            if not changes:
                found.store()
                self._staging.follow(found, work)
                return None
            self._require_blobs(changes, found.new)
            for path, leaf in changes.items():
                base.root.put(path, leaf)
            tree = base.root.write(found.new.write)
            draft, number = self._draft(base.tip, tree, turn, (found.new, work.held))
        commit = self._pressed(draft, base.tip)
        self._lane.last, self._lane.number = commit, number
        self._lane.base = Base(commit, tree, base.root, work.files)
        with self._ground.hands.held():
            found.remember()
            trouble = self._staging.follow(found, work)
        return Recorded(
            turn.unit,
            commit,
            self._seen.branch,
            self._seen.run,
            number,
            len(changes),
            work.held,
            trouble=trouble,
        )

    # -- what is there -------------------------------------------------------------------------

    def _read(self) -> tuple[Base, Scan, Work]:
        """Read the tree, between two looks at whether its HEAD is where it belongs."""
        require_head(self._seen, self._place)
        base = self._lane.based(self._ground, self._tip())
        rules = self._sift.rules(base)
        found = scan(self._ground.room, self._place, base.files, self._lane.known, rules)
        require_head(self._seen, self._place)
        return base, found, self._sift.work(base, found)

    def _tip(self) -> str:
        tip = self._ground.tip(self._branch)
        if tip:
            return tip
        last = self._ground.tip(recorded_ref(self._seen.unit, self._seen.run)) or "COMMIT"
        raise SourceError(
            f"the branch {self._seen.branch} is gone",
            why="HEAD of the work tree is on it, so there is nothing to add work to",
            fix=f"git -C {self._seen.path} update-ref {self._branch} {last}",
        )

    def _require_blobs(self, changes: Mapping[str, Leaf | None], new: NewObjects) -> None:
        """What was read some turns ago may have been tidied away since: then read it again."""
        wanted = {x.oid for x in changes.values() if x is not None and x.mode != SUBMODULE}
        wanted -= new.held()
        if not wanted:
            return
        with self._ground.room.reading() as objects:
            lost = [one for one in objects.find(sorted(wanted)) if one is None]
        if lost:
            raise ConflictError(
                "objects that were written before are gone",
                why="somebody tidied the repository meanwhile",
                fix="the next turn reads the work tree anew",
            )

    # -- the commit ----------------------------------------------------------------------------

    def _draft(
        self, tip: str, tree: str, turn: Turn, rest: tuple[NewObjects, tuple[HeldBack, ...]]
    ) -> tuple[Draft, int]:
        new, held = rest
        seen, prompts = self._seen, self._policy.prompts
        ours = recorded_ref(seen.unit, seen.run)
        last = self._ground.tip(ours)
        number = self._lane.counted(self._ground, last) + 1
        told = spoken_for(turn, prompts, self._mask)
        hour = max(0, int(turn.at))
        said = note(turn, prompts, held, self._mask)
        notes = self._lane.noted(self._ground, seen) if said else None
        kept = self._kept(last, tip)

        def moves(commit: str, write: Write) -> list[str]:
            lines = [f"update {self._branch} {commit} {tip}"]
            lines.append(f"update {ours} {commit} {last or '0' * len(commit)}")
            if notes is not None:
                lines.append(notes.add(commit, said, hour, write))
            return [*([kept.line(hour, write)] if kept is not None else ()), *lines]

        message = compose(told, seen.run, number, held)
        return Draft(_payload(tree, tip, turn.unit, (hour, message)), new.taken(), moves), number

    def _pressed(self, draft: Draft, tip: str) -> str:
        try:
            return self._ground.press.make(draft)
        except UnmovedError as error:
            raise self._unmoved(str(error), tip) from None

    def _kept(self, last: str, tip: str) -> Rescue | None:
        """Keep what we made and the agent took out of its branch, before it is out of reach."""
        if not last or last == tip or self._ground.contains(last, tip):
            return None
        unit = self._seen.unit
        prefix = kept_prefix(unit)
        names = (name.removeprefix(prefix) for name in self._ground.below(prefix))
        number = max((int(name) for name in names if name.isdigit()), default=0) + 1
        tree = self._ground.commit(last)[0].tree
        return Rescue(unit, number, self._seen.branch, last, tree)

    def _unmoved(self, said: str, tip: str) -> Exception:
        lock = lock_in(said)
        said = said.replace(str(self._ground.room.path), str(self._ground.room.common_dir))
        if lock is not None:
            why, fix = describe(lock, time.time())
            return SourceError("a ref of git is locked, so the work waits", why=why, fix=fix)
        if self._ground.tip(self._branch) != tip or "but expected" in said or "exists" in said:
            return ConflictError(
                f"the branch {self._seen.branch} was moved by somebody else meanwhile",
                why=said,
                fix="nothing is lost: the work is recorded with the next turn",
            )
        return SourceError(
            "git would not move its refs",
            why=said,
            fix=f"look at the disk, and at who owns {self._ground.room.common_dir}",
        )


def _changes(before: Mapping[str, Leaf], after: Mapping[str, Leaf]) -> dict[str, Leaf | None]:
    """Return what is to be changed in a tree; what goes comes first, as it may make room."""
    if before == after:
        return {}
    changes: dict[str, Leaf | None] = {path: None for path in before if path not in after}
    changes.update((path, leaf) for path, leaf in after.items() if before.get(path) != leaf)
    return changes


def _payload(tree: str, parent: str, unit: UnitId, told: tuple[int, str]) -> bytes:
    hour, message = told
    author = f"{unit.name} <{unit.name}.{unit.project}@agents.novaorch.localhost>"
    lines = (f"tree {tree}", f"parent {parent}", f"author {author} {hour} +0000")
    head = "\n".join((*lines, f"committer {OURS} {hour} +0000"))
    return f"{head}\n\n{message}".encode("utf-8", "replace")
