"""`novaorch schema`: what an editor needs to check a manifest while it is written."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from reconciler.cli import render
from reconciler.kinds import KINDS
from reconciler.kinds.schema import json_schema
from reconciler.model.problems import UsageError


def command(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="Fleet, Session or Agent.")] = "",
) -> None:
    """Print the JSON Schema of a kind, or the names of the kinds.

    Example: novaorch schema Agent > agent.schema.json
    """
    if not kind:
        for name in KINDS:
            render.out(name)
        return
    known = {name.lower(): name for name in KINDS}
    if kind.lower() not in known:
        raise UsageError(f"there is no kind {kind}", fix=f"one of {', '.join(KINDS)}")
    render.out(json.dumps(json_schema(known[kind.lower()]), indent=2, ensure_ascii=False))
