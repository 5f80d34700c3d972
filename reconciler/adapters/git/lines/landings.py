"""How a run came into a branch: the verdict that is archived of it.

Reads only, and believes no more than that the archive says so.
"""

from __future__ import annotations

from reconciler.adapters.git.lines.fleetpast import deed_of
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.core.plain import clean
from reconciler.core.trailers import trailers
from reconciler.core.verdicts import read
from reconciler.model.provenance import Landing


def landing_of(shelf: Shelf, ref: str) -> Landing | None:
    """Return the verdict that a ref (or a commit) holds; None: there is none, or it is none."""
    found = shelf.find(f"{ref}^{{commit}}")
    if found is None:
        return None
    said = trailers(found.body.partition(b"\n\n")[2].decode("utf-8", "replace"))
    verdict = read(said)
    if verdict is None:
        return None
    return Landing(
        verdict.verdict.value,
        clean(verdict.target),
        clean(verdict.result),
        clean(verdict.by),
        clean(verdict.why),
        clean(said.get("Nova-Gate", "")),
        deed_of(shelf, found.oid).at,
        ref,
    )
