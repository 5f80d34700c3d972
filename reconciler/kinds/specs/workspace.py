"""What an agent's workspace may say: a work tree of its own, and what becomes of the work in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from reconciler.kinds.names import shown
from reconciler.kinds.specs.launch import HOT, RECREATE, Argv
from reconciler.kinds.specs.words import Branch, Directory, Span, Strict, printable, refusal
from reconciler.model.workspace import RUNS

_SIZES = {"KB": 2**10, "MB": 2**20, "GB": 2**30}
_SIZE_MAX = 2**30


def _bytes(value: object) -> object:
    match = re.fullmatch(r"([1-9][0-9]{0,6})(KB|MB|GB)", value) if isinstance(value, str) else None
    if match is None:
        raise refusal("workspace/size", f"{shown(value)} is not a size")
    size = int(match[1]) * _SIZES[match[2]]
    if size > _SIZE_MAX:
        raise refusal("schema/range", f"{shown(value)} is more than 1GB", fix="choose at most 1GB")
    return size


def _no_run(branch: str) -> str:
    if branch.startswith(f"{RUNS}/"):
        raise refusal("workspace/base", f"{shown(branch)} is the branch of a run")
    return branch


def _pattern(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise refusal("workspace/pattern", f"{shown(text)} leads out of the work tree")
    return text


Size = Annotated[
    int,
    BeforeValidator(_bytes),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]*(KB|MB|GB)$", "default": "50MB"}),
]
Base = Annotated[Branch, AfterValidator(_no_run)]
KeepOut = Annotated[str, AfterValidator(printable(256)), AfterValidator(_pattern)]


class WorkspaceSpec(Strict):
    """A git work tree that only this agent has, on a branch of its own."""

    repository: Annotated[
        Directory,
        RECREATE,
        Field(description="of which repository: relative to this one, absolute, or from ~"),
    ] = "."
    base: Annotated[
        Base | None,
        HOT,
        Field(description="the branch that its runs begin at and go back to; else the one there"),
    ] = None
    merge: Annotated[
        Literal["squash", "merge", "ff"],
        HOT,
        Field(description="how a run that is promoted comes into the base"),
    ] = "squash"
    gate: Annotated[
        list[Argv],
        HOT,
        Field(max_length=20, description="commands that must end well before a run is promoted"),
    ] = Field(default_factory=list)
    gate_timeout: Annotated[
        float,
        Span(1, 86400),
        HOT,
        Field(alias="gate-timeout", description="how long each of them may take"),
    ] = 900.0
    keep_out: Annotated[
        list[KeepOut],
        HOT,
        Field(
            alias="keep-out",
            max_length=200,
            description="patterns of paths that are never committed, beside those that never are",
        ),
    ] = Field(default_factory=list)
    file_max: Annotated[
        Size,
        HOT,
        Field(alias="file-max", description="larger files are never committed, at most 1GB"),
    ] = 50 * 2**20
    prompts: Annotated[
        Literal["excerpt", "hash", "none"],
        HOT,
        Field(description="what is kept of the prompt that led to a commit"),
    ] = "excerpt"
    settle: Annotated[
        float,
        Span(1, 3600),
        HOT,
        Field(description="a tree that has not changed for so long is settled"),
    ] = 10.0
