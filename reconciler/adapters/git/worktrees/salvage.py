"""What is left of a tree that somebody deleted: what was staged, and commits that no branch has.

Never says that a deleted file can be brought back: only what git still had of it.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from reconciler.adapters.git.worktrees.keeping import Kept, keep
from reconciler.adapters.git.worktrees.places import MAKING
from reconciler.adapters.git.worktrees.survey import Standing, stranded, take
from reconciler.adapters.git.worktrees.yard import Yard
from reconciler.model.problems import SourceError


def salvage(yard: Yard, standing: Standing) -> Kept | None:
    """Keep what the admin folder of a deleted tree knows and nobody else; None: nothing.

    An index or a HEAD that cannot be read is given up: without its tree nobody can mend it.
    """
    room, book = yard.room(standing.common), yard.ground(standing.common).book
    empty = yard.places.aside(MAKING, standing.unit)
    empty.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.suppress(SourceError):
            survey = take(room, book, replace(standing, path=empty))
            staged = survey.staged
            if survey.entries and (staged != survey.base or stranded(room, standing)):
                files = replace(survey.scan, files=staged, refused=(), stamps={})
                return keep(room, book, replace(survey, scan=files, standing=standing))
        return None
    finally:
        empty.rmdir()
