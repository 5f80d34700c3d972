"""Fields that everything that runs has in common: argv, variables, secrets, restart, stop, size."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from reconciler.kinds.names import shown
from reconciler.kinds.specs.words import Raw, Span, Strict, Whole, Word, printable, refusal
from reconciler.model.unit import Disruption

HOT, BOUNDARY = Disruption.HOT, Disruption.BOUNDARY
RESTART, RECREATE = Disruption.RESTART, Disruption.RECREATE

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:(?:/|~/)[^\x00-\x1f\x7f]{1,1024}")


def _argv(words: list[str]) -> list[str]:
    if not words:
        raise refusal(
            "schema/empty", "an empty command", fix="write `command: [program, argument]`"
        )
    if words[0].startswith("-") or "=" in words[0]:
        raise refusal("launch/program", f"{shown(words[0])} cannot be a program", at=(0,))
    return words


def _variable(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name) is None:
        raise refusal("launch/env-name", f"{shown(name)} is not a variable's name")
    if name.startswith(("NOVAORCH_", "TMUX")):
        raise refusal("launch/env-reserved", f"{name} is not yours to set")
    return name


def _reference(text: str) -> str:
    if _REFERENCE.fullmatch(text) is None:
        raise refusal("launch/secret-literal", "a secret stands here by its value")
    return text


Argv = Annotated[list[Word], AfterValidator(_argv), Field(max_length=1000)]
Variable = Annotated[str, AfterValidator(_variable)]
Env = dict[Variable, Raw]
Reference = Annotated[
    str,
    AfterValidator(_reference),
    WithJsonSchema({"type": "string", "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:(/|~/).+)$"}),
]
Secrets = dict[Variable, Reference]
Columns = Annotated[int, Whole(20, 1000)]
Rows = Annotated[int, Whole(5, 500)]
Mending = Literal["heal", "warn", "ignore"]
Line = Annotated[str, AfterValidator(printable(4096, "launch/typed"))]


class Backoff(Strict):
    """How long to wait before a process that ended is started again; doubled each time."""

    base: Annotated[float, Span(0.1, 3600), HOT, Field(description="first wait")] = 1.0
    max: Annotated[float, Span(0.1, 86400), HOT, Field(description="longest wait")] = 60.0

    @model_validator(mode="after")
    def _grows(self) -> Backoff:
        if self.base > self.max:
            raise refusal("launch/backoff", f"base {self.base:g}s is more than max {self.max:g}s")
        return self


class Burst(Strict):
    """How many ends in how short a time are a crash loop, tried at the slowest pace only."""

    count: Annotated[int, Whole(1, 1000), HOT, Field(description="ends, 1 to 1000")] = 5
    window: Annotated[
        float, Span(1, 86400), HOT, Field(description="the time in which they are counted")
    ] = 600.0


class RestartSpec(Strict):
    """When a process that ended by itself is started again."""

    policy: Annotated[
        Literal["always", "on-failure", "never"],
        HOT,
        Field(description="always, on-failure (exit status not 0), or never"),
    ] = "always"
    backoff: Annotated[Backoff, Field(description="how long to wait before")] = Backoff()
    burst: Annotated[Burst, Field(description="what is a crash loop")] = Burst()


class StopSpec(Strict):
    """How a process is asked to end: lines typed, then TERM to its group, then KILL."""

    quit: Annotated[
        list[Line],
        HOT,
        Field(max_length=20, description="lines typed first, each followed by Enter; none: TERM"),
    ] = Field(default_factory=list)
    grace: Annotated[
        float,
        Span(0, 600),
        HOT,
        Field(description="time to end after the first word, lines or TERM; at most 10m"),
    ] = 15.0
    kill: Annotated[
        float, Span(0, 600), HOT, Field(description="with `quit`: time between TERM and KILL")
    ] = 5.0

    @model_validator(mode="after")
    def _kill_follows_quit(self) -> StopSpec:
        if "kill" in self.model_fields_set and not self.quit:
            raise refusal("launch/kill-unused", "kill without quit lines", at=("kill",))
        return self


class HealSpec(Strict):
    """What is done about a difference that no commit made; what is not said, fleet.yaml decides."""

    crash: Annotated[
        Mending | None, HOT, Field(description="when a process ends: heal, warn or ignore")
    ] = None
    edit: Annotated[
        Mending | None,
        HOT,
        Field(description="when a person changes it by hand: heal, warn or ignore"),
    ] = None


class SizeSpec(Strict):
    """A size in cells; what is not said comes from fleet.yaml."""

    columns: Annotated[Columns | None, HOT, Field(description="width, 20 to 1000")] = None
    rows: Annotated[Rows | None, HOT, Field(description="height, 5 to 500")] = None


def apart(env: dict[str, str], secrets: dict[str, str]) -> None:
    """Refuse a variable that has a value and a secret."""
    both = sorted(env.keys() & secrets.keys())
    if both:
        what = f"{', '.join(both)}: both in env and in secrets"
        raise refusal("launch/env-and-secret", what, at=("secrets", both[0]))
