"""What an Agent may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from reconciler.kinds.names import shown
from reconciler.kinds.specs.launch import (
    HOT,
    RECREATE,
    RESTART,
    Argv,
    Env,
    HealSpec,
    RestartSpec,
    Secrets,
    SizeSpec,
    StopSpec,
    apart,
)
from reconciler.kinds.specs.words import Directory, Flag, Name, Strict, Whole, printable, refusal

_LATER = ("claude-code", "codex", "gemini")


def _runtime(word: str) -> str:
    if word in _LATER:
        raise refusal("launch/runtime-later", f"runtime {word} is not there yet")
    if word != "command":
        raise refusal("schema/choice", f"{shown(word)} is not a runtime", fix="write `command`")
    return word


Runtime = Annotated[str, AfterValidator(_runtime), WithJsonSchema({"enum": ["command"]})]
Dependency = Annotated[str, AfterValidator(printable(200))]


class AgentSpec(Strict):
    """A program that is kept running: in a pane of a Session, or in a tmux session of its own."""

    runtime: Annotated[Runtime, RESTART, Field(description="how it is started; `command`")] = (
        "command"
    )
    command: Annotated[
        Argv, RESTART, Field(description="program and arguments; never passed through a shell")
    ]
    directory: Annotated[
        Directory,
        RESTART,
        Field(description="where it runs: relative to the repository, absolute, or from ~"),
    ] = "."
    env: Annotated[Env, RESTART, Field(description="environment variables")] = Field(
        default_factory=dict
    )
    secrets: Annotated[
        Secrets,
        RESTART,
        Field(description="variables by reference: env:NAME or file:/absolute/path"),
    ] = Field(default_factory=dict)
    replicas: Annotated[
        int, Whole(1, 500), RECREATE, Field(description="how many; from 2 on NAME-0, NAME-1 ...")
    ] = 1
    session: Annotated[
        Name | None,
        HOT,
        Field(description="the Session of this project in which it lives; none: its own"),
    ] = None
    after: Annotated[
        list[Dependency],
        HOT,
        Field(description="starts after these: `name`, `project/name` or a full id"),
    ] = Field(default_factory=list)
    mode: Annotated[
        Literal["auto", "stopped"], HOT, Field(description="auto runs it, stopped ends it")
    ] = "auto"
    restart: Annotated[RestartSpec, Field(description="what happens when it ends by itself")] = (
        RestartSpec()
    )
    stop: Annotated[StopSpec, Field(description="how it is ended")] = StopSpec()
    heal: Annotated[HealSpec, Field(description="what is mended by itself")] = HealSpec()
    protect: Annotated[
        Flag, HOT, Field(description="whether it runs on when its file is gone, until confirmed")
    ] = False
    size: Annotated[SizeSpec, Field(description="size of its own tmux session")] = SizeSpec()

    @model_validator(mode="after")
    def _one_value_each(self) -> AgentSpec:
        apart(self.env, self.secrets)
        return self
