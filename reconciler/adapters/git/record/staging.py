"""The agent's own index after a commit was made beside it: `git status` there is clean again.

Never waits long for a lock, and never takes one away that is not ours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from reconciler.adapters.git.raw.scan import Scan
from reconciler.adapters.git.raw.treefiles import Place
from reconciler.adapters.git.record.gitindex import LOCK, Change, UnknownIndexError, bring_along
from reconciler.adapters.git.record.lane import require_head
from reconciler.adapters.git.record.locks import describe
from reconciler.adapters.git.record.sift import Work
from reconciler.model.problems import SourceError
from reconciler.model.workspace import SeenWorkspace

_TRIES, _WAIT_S = 5, 0.01


@dataclass(frozen=True, slots=True)
class Staging:
    """The index of one work tree."""

    seen: SeenWorkspace
    place: Place
    object_format: str

    def follow(self, found: Scan, work: Work) -> str:
        """Let it say what the commit says; return what hinders it: the next turn tries again.

        In the middle of a merge it stays as it is: what is unmerged stands nowhere else.
        """
        changes = _changes(found, work)
        if not changes or found.unmerged:
            return ""
        for _ in range(_TRIES):
            try:
                require_head(self.seen, self.place)
                bring_along(self.place.index, changes, self.object_format)
            except FileExistsError:
                time.sleep(_WAIT_S)
            except (OSError, UnknownIndexError, SourceError) as error:
                return f"the index was left as it is: {error}"
            else:
                return ""
        why, fix = describe(self.place.index.with_name(LOCK), time.time())
        return f"the index was left as it is: {why}; {fix}"


def _changes(found: Scan, work: Work) -> dict[str, Change | None]:
    index, files = found.index, work.files
    left = {one.path for one in work.held}
    changes: dict[str, Change | None] = {
        path: (leaf, found.steady(path))
        for path, leaf in files.items()
        if index.get(path) != leaf and path not in left
    }
    changes.update((path, None) for path in index if path not in files and path not in left)
    return changes
