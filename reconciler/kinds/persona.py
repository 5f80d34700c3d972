"""An agent's runtime: from its fields to a Persona, and to the fields that decide on drift.

What a file does not say is no field: an agent of before looks the same to a newer version.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kinds.runtimes import RUNTIMES
from reconciler.kinds.shape import AgentShape, RuleShape
from reconciler.model.agent import Persona, Rule
from reconciler.model.ids import Json
from reconciler.model.unit import Disruption, Field

HOT, BOUNDARY = Disruption.HOT, Disruption.BOUNDARY


def persona(spec: AgentShape) -> Persona | None:
    """Return how its runtime is to be started; None for a plain command."""
    if spec["runtime"] == "command":
        return None
    return Persona(
        runtime=spec["runtime"],
        model=spec["model"] or "",
        permission=spec["permission"] or "",
        tools=tuple(spec["tools"]),
        fresh=spec["conversation"] == "fresh",
        prompt=spec["prompt"] or "",
        account=spec["account"] or spec["runtime"],
        rules=tuple(Rule(r["tool"], r["answer"], r["match"] or "") for r in spec["decide"]),
        usd_per_day=spec["budget"]["usd_per_day"] or 0.0,
    )


def program(spec: AgentShape) -> list[str]:
    """Return what its first process runs: the command, or the runtime's program alone."""
    return spec["command"] or [RUNTIMES[spec["runtime"]].program]


def polite(spec: AgentShape) -> tuple[str, ...]:
    """Return the lines that end it politely: its own, else those of its runtime."""
    return tuple(spec["stop"]["quit"]) or RUNTIMES[spec["runtime"]].quit


def fields(spec: AgentShape) -> Iterator[Field]:
    """Yield what its file says of its runtime."""
    told: tuple[tuple[str, Json, Disruption], ...] = (
        ("model", spec["model"], BOUNDARY),
        ("permission", spec["permission"], BOUNDARY),
        ("tools", [*spec["tools"]] or None, BOUNDARY),
        ("conversation", "fresh" if spec["conversation"] == "fresh" else None, HOT),
        ("prompt", spec["prompt"], HOT),
        ("account", spec["account"], HOT),
        ("budget.usd_per_day", spec["budget"]["usd_per_day"], HOT),
    )
    yield from (Field(name, value, cost) for name, value, cost in told if value is not None)
    for number, rule in enumerate(spec["decide"]):
        yield Field(f"decide.{number}", _sentence(rule), HOT)


def _sentence(rule: RuleShape) -> str:
    return f"{rule['answer']} {rule['tool']}" + (f" {rule['match']}" if rule["match"] else "")
