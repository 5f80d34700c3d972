"""The plain data that a manifest's `spec` is once its schema has passed. Mirrors `specs/`; a test
holds the two together.
"""

from __future__ import annotations

from typing import TypedDict


class BackoffShape(TypedDict):
    """Seconds."""

    base: float
    max: float


class BurstShape(TypedDict):
    """See `specs.launch.Burst`; seconds."""

    count: int
    window: float


class RestartShape(TypedDict):
    """See `specs.launch.RestartSpec`."""

    policy: str
    backoff: BackoffShape
    burst: BurstShape


class StopShape(TypedDict):
    """See `specs.launch.StopSpec`; seconds."""

    quit: list[str]
    grace: float
    kill: float


class HealShape(TypedDict):
    """See `specs.launch.HealSpec`; None where fleet.yaml decides."""

    crash: str | None
    edit: str | None


class SizeShape(TypedDict):
    """Cells; None where fleet.yaml decides."""

    columns: int | None
    rows: int | None


class RuleShape(TypedDict):
    """See `specs.agent.RuleSpec`."""

    tool: str
    match: str
    answer: str


class BudgetShape(TypedDict):
    """See `specs.agent.BudgetSpec`; None where there is none."""

    usd_per_day: float | None


# Words of two parts are no names that a class body could hold.
WorkspaceShape = TypedDict(
    "WorkspaceShape",
    {
        "repository": str,
        "base": str | None,
        "merge": str,
        "gate": list[list[str]],
        "gate-timeout": float,
        "keep-out": list[str],
        "file-max": int,
        "prompts": str,
        "settle": float,
    },
)
"""See `specs.workspace.WorkspaceSpec`; seconds, bytes."""


class AgentShape(TypedDict):
    """See `specs.agent.AgentSpec`."""

    runtime: str
    command: list[str] | None
    model: str | None
    permission: str | None
    tools: list[str]
    conversation: str
    prompt: str | None
    account: str | None
    decide: list[RuleShape]
    budget: BudgetShape
    directory: str
    workspace: WorkspaceShape | None
    env: dict[str, str]
    secrets: dict[str, str]
    replicas: int
    session: str | None
    after: list[str]
    mode: str
    restart: RestartShape
    stop: StopShape
    heal: HealShape
    protect: bool
    size: SizeShape


class PaneShape(TypedDict):
    """See `specs.session.PaneSpec`."""

    command: list[str] | None
    agent: str | None
    type: list[str]
    directory: str | None
    env: dict[str, str]
    secrets: dict[str, str]
    focus: bool
    restart: RestartShape
    stop: StopShape


class WindowShape(TypedDict):
    """See `specs.session.WindowSpec`."""

    name: str | None
    layout: str | None
    directory: str | None
    focus: bool
    options: dict[str, str]
    env: dict[str, str]
    panes: list[PaneShape]


class SessionShape(TypedDict):
    """See `specs.session.SessionSpec`."""

    session: str | None
    adopt: bool
    directory: str
    size: SizeShape
    env: dict[str, str]
    options: dict[str, str]
    heal: HealShape
    protect: bool
    windows: list[WindowShape]


SHELL_PANE: PaneShape = {
    "command": None,
    "agent": None,
    "type": [],
    "directory": None,
    "env": {},
    "secrets": {},
    "focus": False,
    "restart": {
        "policy": "always",
        "backoff": {"base": 1.0, "max": 60.0},
        "burst": {"count": 5, "window": 600.0},
    },
    "stop": {"quit": [], "grace": 15.0, "kill": 5.0},
}
"""What a window without panes gets."""

SHELL_WINDOW: WindowShape = {
    "name": None,
    "layout": None,
    "directory": None,
    "focus": False,
    "options": {},
    "env": {},
    "panes": [SHELL_PANE],
}
"""What a Session without windows gets."""
