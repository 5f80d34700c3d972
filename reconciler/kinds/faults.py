"""Turns what pydantic found into problems at their exact place. Never repeats a value it was given.

Brings pydantic; imported on demand only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.kinds.names import did_you_mean, shown, visible
from reconciler.kinds.rules import problem
from reconciler.kinds.schema import field_names, inside
from reconciler.kinds.text import Document, Loc, Mark
from reconciler.model.problems import Problem

DETAILS_MAX = 500

_Said: TypeAlias = tuple[str, str, str]  # rule, what, fix


def validated(
    path: str, model: type[BaseModel], document: Document
) -> tuple[BaseModel | None, list[Problem]]:
    """Return the document as its model, or None and everything wrong with it."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    return None, [_problem(path, model, document, detail) for detail in details[:DETAILS_MAX]]


def _problem(
    path: str, model: type[BaseModel], document: Document, detail: ErrorDetails
) -> Problem:
    is_key = detail["loc"][-1:] == ("[key]",)
    loc = detail["loc"][:-1] if is_key else detail["loc"]
    rule, what, fix = _said(model, loc, detail)
    if "what" in detail.get("ctx", {}):
        loc = (*loc, *detail["ctx"]["at"])
    if rule == "schema/missing-field":
        return problem(rule, path, what, document.key(loc[:-1]), fix)
    at: Mark = document.key(loc) if is_key or rule == "schema/unknown-field" else document.mark(loc)
    return problem(rule, path, f"{dotted(loc)}: {what}" if loc else what, at, fix)


def dotted(loc: Loc) -> str:
    """Return the place as a person would say it: `spec.windows[0].panes[1].command`."""
    said = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return visible(said.removeprefix("."))[:200]


def _said(model: type[BaseModel], loc: Loc, detail: ErrorDetails) -> _Said:
    context = detail.get("ctx", {})
    if "what" in context:
        return detail["type"], context["what"], context["fix"]
    arm = _ARMS.get(detail["type"])
    if arm is not None:
        return arm(model, loc, detail)
    if detail["type"].endswith("_type"):
        return _shape(detail)
    return "schema/invalid", detail["type"].replace("_", " "), ""


def _unknown(model: type[BaseModel], loc: Loc, _: ErrorDetails) -> _Said:
    name = str(loc[-1])
    leaf = inside(model, loc[:-1])
    fix = did_you_mean(name, field_names(leaf)) if leaf is not None else ""
    below = inside(model, ("spec",))
    if len(loc) == 1 and below is not None and name in field_names(below):
        fix = f"move it below `spec`: spec.{name}"
    return "schema/unknown-field", "there is no such field", fix


def _missing(_: type[BaseModel], loc: Loc, detail: ErrorDetails) -> _Said:
    del detail
    return "schema/missing-field", f"{dotted(loc)} is missing", f"add `{loc[-1]}:`"


def _choice(_: type[BaseModel], loc: Loc, detail: ErrorDetails) -> _Said:
    words = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    if loc == ("apiVersion",):
        return "kind/api-version", f"{shown(detail['input'])} is not known", ""
    fix = did_you_mean(str(detail["input"]), words)
    return "schema/choice", f"{shown(detail['input'])} is not one of {', '.join(words)}", fix


def _long(_: type[BaseModel], loc: Loc, detail: ErrorDetails) -> _Said:
    del loc
    most = detail.get("ctx", {}).get("max_length")
    return "schema/long", f"more than {most} items", ""


_WANTED = {"string": "text", "list": "a list", "dict": "a mapping", "model": "a mapping"}


def _shape(detail: ErrorDetails) -> _Said:
    wanted = _WANTED.get(detail["type"].partition("_")[0], "another shape")
    given = detail["input"]
    if given is None:
        return "schema/empty", f"nothing stands here; {wanted} is wanted", ""
    said = "a text" if isinstance(given, str) else shown(given)
    return "schema/type", f"{said}, where {wanted} is wanted", f"write {wanted}"


_ARMS: dict[str, Callable[[type[BaseModel], Loc, ErrorDetails], _Said]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "literal_error": _choice,
    "too_long": _long,
}
