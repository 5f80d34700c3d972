"""Which desired state a verb speaks of: the branch, a revision, the work tree or the index."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.model.problems import UsageError

Revision = Annotated[
    str | None, typer.Argument(metavar="[REV]", help="A commit; the fleet's branch when absent.")
]
Worktree = Annotated[bool, typer.Option("--worktree", help="The files as they are, uncommitted.")]
Staged = Annotated[bool, typer.Option("--staged", help="The files as they are in the index.")]
Fetch = Annotated[bool, typer.Option("--fetch", help="Bring here first what the remote has now.")]
OfLine = Annotated[
    str, typer.Option("--rev", metavar="REV", help="Of a file: as it is there; else in HEAD.")
]
OfFleet = Annotated[
    str, typer.Option("--fleet", metavar="DIR", help="Of a file: where the fleet is, if not here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print NDJSON, one record a line.")]


def chosen(revision: str | None, worktree: bool, staged: bool) -> str:
    """Return the revision's name for the repository; '' is the fleet's branch."""
    if sum((revision is not None, worktree, staged)) > 1:
        raise UsageError(
            "REV, --worktree and --staged exclude each other",
            fix="name one of them",
        )
    if worktree:
        return ":worktree"
    if staged:
        return ":staged"
    if revision == "":
        raise UsageError("the revision is empty", fix="name a commit, or leave it out")
    return revision or ""
