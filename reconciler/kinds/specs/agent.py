"""What an Agent may say."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from reconciler.kinds.names import shown
from reconciler.kinds.runtimes import RUNTIMES
from reconciler.kinds.specs.launch import (
    BOUNDARY,
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
from reconciler.kinds.specs.words import (
    Directory,
    Flag,
    Label,
    Name,
    Shaped,
    Strict,
    Whole,
    printable,
    refusal,
    text,
)
from reconciler.kinds.specs.workspace import WorkspaceSpec


def _runtime(word: str) -> str:
    if word not in RUNTIMES:
        offered = ", ".join(name for name in RUNTIMES if name != "fake")
        raise refusal("schema/choice", f"{shown(word)} is not a runtime", fix=f"choose {offered}")
    return word


def _dollars(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,2})?", value):
        raise refusal("agent/dollars", f"{shown(value)} is not an amount in dollars")
    return float(value)


Runtime = Annotated[
    str,
    AfterValidator(_runtime),
    WithJsonSchema({"enum": [name for name in RUNTIMES if name != "fake"]}),
]
Dependency = Annotated[str, AfterValidator(printable(200))]
Model = Annotated[str, Shaped(r"[A-Za-z0-9][A-Za-z0-9._:/@\[\]-]{0,127}", "agent/model")]
Pattern = Annotated[str, AfterValidator(printable(1024))]
Tool = Annotated[str, AfterValidator(printable(256)), Shaped(r"[^-].*", "agent/tool")]
Prompt = Annotated[str, AfterValidator(text(32_768))]
Dollars = Annotated[
    float,
    BeforeValidator(_dollars),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 999999.99}),
]


class RuleSpec(Strict):
    """A standing answer to what an agent asks leave for; the first rule that fits counts."""

    tool: Annotated[Pattern, HOT, Field(description="name of a tool; `*` stands for anything")]
    match: Annotated[
        Pattern | None,
        HOT,
        Field(description="what it would do (a command, a path), with `*`; none: anything"),
    ] = None
    answer: Annotated[
        Literal["allow", "deny", "ask"], HOT, Field(description="allow, deny, or ask a person")
    ]


class BudgetSpec(Strict):
    """What an agent may spend."""

    usd_per_day: Annotated[
        Dollars | None, HOT, Field(description="dollars a day (UTC); none: no limit of its own")
    ] = None


_OF_AGENTS = ("model", "permission", "tools", "prompt", "account", "decide", "budget")


class AgentSpec(Strict):
    """A program that is kept running: in a pane of a Session, or in a tmux session of its own."""

    runtime: Annotated[
        Runtime,
        RESTART,
        Field(description="how it is started: claude-code, codex, gemini, or `command`"),
    ] = "command"
    command: Annotated[
        Argv | None,
        RESTART,
        Field(description="of runtime command: program and arguments; never through a shell"),
    ] = None
    model: Annotated[
        Model | None, BOUNDARY, Field(description="the model, in the runtime's own word")
    ] = None
    permission: Annotated[
        Pattern | None,
        BOUNDARY,
        Field(description="the permission mode, in the runtime's own word"),
    ] = None
    tools: Annotated[
        list[Tool],
        BOUNDARY,
        Field(max_length=200, description="tools that it may use without asking"),
    ] = Field(default_factory=list)
    conversation: Annotated[
        Literal["resume", "fresh"],
        HOT,
        Field(description="resume: the same one in each life; fresh: each life its own"),
    ] = "resume"
    prompt: Annotated[
        Prompt | None, HOT, Field(description="what opens a new conversation; none: it waits")
    ] = None
    account: Annotated[
        Label | None, HOT, Field(description="whose limits it shares; none: its runtime's own")
    ] = None
    decide: Annotated[
        list[RuleSpec],
        Field(max_length=200, description="standing answers to what it asks leave for"),
    ] = Field(default_factory=list)
    budget: Annotated[BudgetSpec, Field(description="what it may spend")] = BudgetSpec()
    directory: Annotated[
        Directory,
        RESTART,
        Field(
            description="where it runs: relative to the repository (with a workspace: to its own "
            "work tree), absolute, or from ~"
        ),
    ] = "."
    workspace: Annotated[
        WorkspaceSpec | None,
        Field(description="a git work tree of its own, `{}` for the usual one; none: it has none"),
    ] = None
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
        Literal["auto", "manual", "training", "stopped"],
        HOT,
        Field(
            description="auto; manual: only people write to it; training: its work is "
            "committed to branches; stopped: it is ended"
        ),
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

    @model_validator(mode="after")
    def _runtime_has_its_fields(self) -> AgentSpec:
        if self.runtime == "command":
            if not self.command:
                raise refusal("agent/no-command", "runtime command without a command")
            for name in _OF_AGENTS:
                if name in self.model_fields_set and getattr(self, name):
                    raise refusal("agent/only-agents", f"{name} has no meaning here", at=(name,))
        elif self.command is not None:
            what = f"runtime {self.runtime} brings its own program"
            raise refusal("agent/command-unused", what, at=("command",))
        self._permission_is_known()
        return self

    def _permission_is_known(self) -> None:
        known = RUNTIMES[self.runtime].permissions
        if self.permission is not None and self.permission not in known:
            what = f"{shown(self.permission)} is no permission mode of {self.runtime}"
            raise refusal(
                "schema/choice", what, fix=f"choose {', '.join(known)}", at=("permission",)
            )
