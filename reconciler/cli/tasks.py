"""`novaorch tasks`: the checkboxes of charters, open and done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from reconciler.cli import render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.chapters import Checkbox, checkboxes
from reconciler.core.explain import clean
from reconciler.model.ids import UnitId
from reconciler.model.problems import UsageError
from reconciler.model.unit import CharterText, Desired


def command(
    ctx: typer.Context,
    project: Annotated[
        str,
        typer.Argument(metavar="[PROJECT]", help="One; all when absent, or an agent's own."),
    ] = "",
    only_open: Annotated[bool, typer.Option("--open", help="Only what is not done.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the tasks of charters: `- [ ]` is open, `- [x]` is done.

    Inside an agent its own project is shown.

    Example: novaorch tasks web --open
    """
    context: Context = ctx.obj
    charters = _chosen(context.wiring.followed.read(), project)
    for charter in charters:
        boxes = checkboxes(charter.text)
        shown = [box for box in boxes if not (only_open and box.done)]
        if as_json:
            _records(charter.project, shown)
        else:
            _printed(charter, boxes, shown)
    if not charters and not as_json:
        render.out("no project has a charter")


def _chosen(desired: Desired, project: str) -> list[CharterText]:
    own = UnitId(os.environ.get("NOVAORCH_UNIT", ""))
    known = sorted(desired.charters, key=lambda charter: charter.project)
    name = project or (own.project if own.count("/") >= 2 else "")
    found = [charter for charter in known if charter.project == name or not name]
    if project and not found:
        names = ", ".join(charter.project for charter in known) or "none"
        raise UsageError(f"{clean(project)!r} has no charter", why=f"these have: {names}",
                         fix="name one of them")  # fmt: skip
    return found or known


def _records(project: str, boxes: Sequence[Checkbox]) -> None:
    for box in boxes:
        render.record("task", project=project, text=box.text, done=box.done, section=box.chapter)


def _printed(charter: CharterText, boxes: Sequence[Checkbox], shown: Sequence[Checkbox]) -> None:
    done = sum(box.done for box in boxes)
    title = f" {clean(charter.title)}" if charter.title else ""
    render.out(f"{charter.project}:{title} ({len(boxes) - done} open, {done} done)")
    chapter = ""
    for box in shown:
        if box.chapter != chapter:
            chapter = box.chapter
            render.out(f"  {clean(chapter)}")
        render.out(f"    [{'x' if box.done else ' '}] {clean(box.text)}")
