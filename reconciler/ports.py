"""The doors to the outside, in the loop's own words. Adapters implement them; the loop calls them.

Every method either answers fully or raises `NovaorchError`; `BlindError` means that the outside
did not answer, which is never the same as an empty answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.model.action import Expect
from reconciler.model.ids import Json, UnitId
from reconciler.model.manifest import Manifest, Tree
from reconciler.model.problems import Problem
from reconciler.model.status import Status
from reconciler.model.step import Step
from reconciler.model.unit import Process
from reconciler.model.world import World


@dataclass(frozen=True, slots=True)
class Order:
    """Steps that are carried out as one: all `expects` are checked by the host in the same breath.

    The host stops at the first step that fails; what was done before it stays done.
    """

    unit: UnitId
    steps: tuple[Step, ...]
    expects: tuple[Expect, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an order went: `stale` when an expectation did not hold (then nothing was done)."""

    unit: UnitId
    error: str = ""
    fix: str = ""
    stale: bool = False
    seconds: float = 0.0


class Host(Protocol):
    """Where sessions live: tmux."""

    def photograph(self, now: float) -> World:
        """Return everything there is. No server is an empty world; no answer is a BlindError."""
        ...

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        """Return the last applied fields of the given units; targets are session or pane ids."""
        ...

    def refusals(self, processes: Iterable[Process]) -> Mapping[UnitId, tuple[str, str]]:
        """Return (why, how to mend) for each process that cannot be started on this machine."""
        ...

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """Carry out independent orders; one receipt each, in the same order."""
        ...

    def close(self) -> None:
        """Let go of the connection. Sessions stay."""
        ...


class Repository(Protocol):
    """Where wishes live: git, read as objects; nothing in it is ever executed."""

    def tree(self, revision: str) -> Tree:
        """Return the entries below `desired-state/` at `revision`.

        A revision is anything git resolves to a commit, or `:worktree`, or `:staged`.
        """
        ...

    def read(self, oids: Sequence[str]) -> Mapping[str, bytes]:
        """Return the content of blobs by id."""
        ...

    def close(self) -> None:
        """End the helper processes."""
        ...


class ManifestCache(Protocol):
    """Parsed manifests by (blob id, path): an unchanged blob is no work."""

    def get(self, oid: str, path: str) -> tuple[Manifest | None, tuple[Problem, ...]] | None:
        """Return what parsing gave the last time, or None."""
        ...

    def put(
        self, oid: str, path: str, manifest: Manifest | None, problems: tuple[Problem, ...]
    ) -> None:
        """Remember what parsing gave."""
        ...

    def save(self) -> None:
        """Write what is new to disk. Failing to write is not an error: the cache is only speed."""
        ...


class Store(Protocol):
    """Where observations are published: DragonflyDB, Redis or Valkey. Losing it loses no agent."""

    def publish(self, commit: str, statuses: Sequence[Status], now: float) -> None:
        """Publish the status of every unit; units not named are forgotten."""
        ...

    def recall(self) -> Mapping[str, Json]:
        """Return what the last publisher said: its heartbeat, commit and statuses."""
        ...

    def ping(self) -> str:
        """Return the server's name and version."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Clock(Protocol):
    """The one place that knows the hour."""

    def now(self) -> float:
        """Return epoch seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Trigger(Protocol):
    """What shortens the wait. Carries no news: the next pass reads everything itself."""

    def wait(self, timeout_s: float) -> str:
        """Return a word for the log: `hook`, `watch`, `tmux`, `poll`, or `stop` to end."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...
