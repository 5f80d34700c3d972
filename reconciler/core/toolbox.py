"""Tools that an agent may call, as data: what each is called, takes, and says of itself. Pure.

Kept small on purpose: every agent's model reads all of it in every conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.ids import Json
from reconciler.model.problems import NovaorchError

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "strings": (list,),
}


@dataclass(frozen=True, slots=True)
class Param:
    """One argument of a tool. `kind` is string, integer, boolean or strings (a list of them);
    `words` are the only values."""

    name: str
    about: str = ""
    kind: str = "string"
    required: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `reads` says that calling it changes nothing."""

    name: str
    about: str
    params: tuple[Param, ...] = ()
    reads: bool = False

    def as_json(self) -> dict[str, Json]:
        """Return it as a list of tools shows it, with the schema of its arguments."""
        schema: dict[str, Json] = {
            "type": "object",
            "properties": {param.name: _schema(param) for param in self.params},
            "additionalProperties": False,
        }
        required: list[Json] = [param.name for param in self.params if param.required]
        if required:
            schema["required"] = required
        shown: dict[str, Json] = {
            "name": self.name,
            "description": self.about,
            "inputSchema": schema,
        }
        if self.reads:
            shown["annotations"] = {"readOnlyHint": True}
        return shown


class ToolError(NovaorchError):
    """A call that cannot be carried out, in a word for programs (`code`) and words for models."""

    def __init__(self, code: str, what: str, *, why: str = "", fix: str = "") -> None:
        """Say what, why and how to mend it; `code` is one of a closed list of the tool's."""
        super().__init__(what, why=why, fix=fix)
        self.code = code


def checked(tool: Tool, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """Return the arguments if they are what the tool takes; ToolError `invalid` names the first
    that is not."""
    known = {param.name: param for param in tool.params}
    for name in arguments:
        if name not in known:
            raise _invalid(tool, f"{tool.name} has no argument {name[:40]!r}", sorted(known))
    for param in tool.params:
        if param.name in arguments:
            _check(tool, param, arguments[param.name])
        elif param.required:
            raise _invalid(tool, f"{tool.name} needs the argument {param.name}", sorted(known))
    return dict(arguments)


def _check(tool: Tool, param: Param, value: Json) -> None:
    fits = isinstance(value, _TYPES[param.kind])
    if isinstance(value, bool) and param.kind != "boolean":
        fits = False
    if isinstance(value, list):
        fits = fits and all(isinstance(item, str) for item in value)
    if not fits:
        kind = "list of strings" if param.kind == "strings" else param.kind
        raise _invalid(tool, f"{param.name} of {tool.name} is no {kind}", [])
    if param.words and value not in param.words:
        raise _invalid(tool, f"{param.name} of {tool.name} is not one of its words", param.words)


def _invalid(tool: Tool, what: str, choices: Sequence[str]) -> ToolError:
    fix = f"one of: {', '.join(choices)}" if choices else f"call {tool.name} as its schema says"
    return ToolError("invalid", what, fix=fix)


def _schema(param: Param) -> Json:
    schema: dict[str, Json] = {"type": param.kind}
    if param.kind == "strings":
        schema = {"type": "array", "items": {"type": "string"}}
    if param.about:
        schema["description"] = param.about
    if param.words:
        schema["enum"] = list(param.words)
    return schema
