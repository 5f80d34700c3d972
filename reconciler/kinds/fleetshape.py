"""The plain data that `fleet.yaml` is once its schema has passed. Mirrors `specs/`; a test holds
the two together.
"""

from __future__ import annotations

from typing import TypedDict

from reconciler.kinds.shape import HealShape


class FixedSizeShape(TypedDict):
    """Cells."""

    columns: int
    rows: int


class TmuxShape(TypedDict):
    """See `specs.fleet.TmuxSpec`."""

    socket: str
    config: str | None
    size: FixedSizeShape
    history: int


class StoreShape(TypedDict):
    """See `specs.fleet.StoreSpec`."""

    url: str | None
    password: str | None


class HoursShape(TypedDict):
    """See `specs.sync.WindowHours`; seconds."""

    allow: str | None
    deny: str | None
    duration: float
    timezone: str
    overrun: bool


class CanaryShape(TypedDict):
    """See `specs.sync.CanarySpec`; seconds."""

    first: str
    above: int
    bake: float


class SyncShape(TypedDict):
    """See `specs.fleet.SyncSpec`."""

    branch: str | None
    poll: float
    rewind: str
    windows: list[HoursShape]
    canary: CanaryShape | None


class StopsShape(TypedDict):
    """See `specs.fleet.StopsSpec`."""

    count: int
    percent: int
    delay: float


class RestartsShape(TypedDict):
    """See `specs.fleet.RestartsSpec`; seconds."""

    count: int
    window: float


class LimitsShape(TypedDict):
    """See `specs.fleet.LimitsSpec`; seconds."""

    stops: StopsShape
    restarts: RestartsShape
    typing: float
    roots: list[str]


class VerifyShape(TypedDict):
    """See `specs.sync.VerifySpec`."""

    commits: str


# `from` is no name that a class body could hold.
PrincipalShape = TypedDict(
    "PrincipalShape",
    {
        "name": str,
        "ssh": list[str],
        "gpg": list[str],
        "from": str | None,
        "until": str | None,
        "revoked": bool,
    },
)
"""See `specs.sync.PrincipalSpec`."""


class JournalShape(TypedDict):
    """See `specs.fleet.JournalSpec`."""

    key: str | None
    keep: int


class TrainingShape(TypedDict):
    """See `specs.fleet.TrainingSpec`."""

    key: str | None


class RemoteShape(TypedDict):
    """See `specs.remote.RemoteSpec`; seconds."""

    url: str
    branch: str
    interval: float
    protocols: list[str]
    credentials: str | None
    key: str | None
    push: list[str]
    webhook: str | None


class GateShape(TypedDict):
    """See `specs.fleet.GateSpec`."""

    port: int


class FleetShape(TypedDict):
    """See `specs.fleet.FleetSpec`."""

    tmux: TmuxShape
    store: StoreShape
    sync: SyncShape
    verify: VerifyShape
    principals: list[PrincipalShape]
    limits: LimitsShape
    heal: HealShape
    journal: JournalShape
    gate: GateShape
    training: TrainingShape
    remote: RemoteShape | None
