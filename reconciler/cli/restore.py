"""`novaorch training restore`: a snapshot of unsaved work made a work tree again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import court, render
from reconciler.cli.app import Context
from reconciler.cli.court import Court
from reconciler.cli.revision import AsJson
from reconciler.core.explain import clean, counted
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.model.promotion import Kept

_SHOWN = 8


def restore(
    ctx: typer.Context,
    snapshot: Annotated[
        str,
        typer.Argument(metavar="SNAPSHOT", help="shop/torch (its last one), shop/torch/3, torch."),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Elsewhere than its own place.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make what an agent left in no commit a work tree again: files, index and branch as they were.

    It goes to the agent's own place: where its tree is, that must be on the same commit and hold
    nothing unsaved. With --to a new work tree is made elsewhere, to look at and to take from.
    `novaorch training list` shows what there is.

    Example: novaorch training restore shop/torch --to ./rescued
    """
    # Few verbs make trees.
    from reconciler.adapters.git.worktrees import restored  # noqa: PLC0415

    context: Context = ctx.obj
    with court.opened(context.wiring) as held:
        common, kept = chosen(held, snapshot)
        place = to.absolute() if to is not None else _own_place(held, kept)
        made = restored(common, f"refs/novaorch/kept/{kept.name}", place)
    if as_json:
        render.record(
            "restored",
            snapshot=kept.name,
            commit=kept.commit,
            path=str(made.path),
            branch=made.branch,
            files=made.files,
        )
        return
    on = f"on {clean(made.branch)}" if made.branch else "on no branch"
    amount = counted(made.files, "file")
    render.out(f"restored {kept.name}: {amount} in {clean(str(made.path))}, {on}")
    if made.why_detached:
        render.err(f"note: HEAD is detached: {clean(made.why_detached)}")


def chosen(held: Court, word: str) -> tuple[Path, Kept]:
    """Return the snapshot that a word means, with its repository. NovaorchError: it means none."""
    there = [(yard.room.common_dir, kept) for yard in held.yards for kept in yard.runs().kept]
    found = [(place, kept) for place, kept in there if word in _names(kept)]
    agents = sorted({kept.name.rpartition("/")[0] for _, kept in found})
    if len(agents) > 1:
        raise UsageError(
            f"{clean(word)!r} could be a snapshot of {len(agents)} agents",
            why=", ".join(agents[:_SHOWN]),
            fix=f"write the project, too: {agents[0]}",
        )
    if not found:
        raise _none(word, [kept for _, kept in there])
    return max(found, key=lambda one: _number(one[1]))


def _names(kept: Kept) -> tuple[str, ...]:
    agent, _, number = kept.name.rpartition("/")
    name = agent.rpartition("/")[2]
    return (kept.name, agent, f"{name}/{number}", name, f"refs/novaorch/kept/{kept.name}")


def _number(kept: Kept) -> int:
    word = kept.name.rpartition("/")[2]
    return int(word) if word.isascii() and word.isdigit() else 0


def _own_place(held: Court, kept: Kept) -> Path:
    fleet = held.fleet
    if fleet is None:
        raise UsageError(
            "nobody can tell where the agent's own place is",
            why="fleet.yaml cannot be read",
            fix=f"say where to: novaorch training restore {kept.name} --to DIRECTORY",
        )
    return held.wiring.trees / fleet.name / kept.name.rpartition("/")[0]


def _none(word: str, there: Sequence[Kept]) -> NovaorchError:
    shown = ", ".join(kept.name for kept in there[:_SHOWN])
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return NovaorchError(
        f"there is no snapshot {clean(word)[:200]!r}",
        why=f"there are {shown}{more}" if there else "nothing unsaved was ever kept here",
        fix="see them: novaorch training list",
    )
