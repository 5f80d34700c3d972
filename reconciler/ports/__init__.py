"""The doors to the outside, in the loop's own words. Adapters implement them; the loop calls them.

Every method either answers fully or raises `NovaorchError`; `BlindError` means that the outside
did not answer, which is never the same as an empty answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.lease import Grant
from reconciler.model.action import Expect
from reconciler.model.control import Controls
from reconciler.model.fleet import Verification
from reconciler.model.ids import Json, UnitId
from reconciler.model.manifest import Manifest, Tree
from reconciler.model.problems import Problem
from reconciler.model.record import Inventory, Record
from reconciler.model.status import Status
from reconciler.model.step import Step
from reconciler.model.unit import Process
from reconciler.model.world import Presence, World


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

    def glance(self, world: World, sessions: Collection[str]) -> World | None:
        """Return a photograph with these sessions (by id) as they are now, all others as they were.

        None when that cannot be told: then take a whole photograph. BlindError as there.
        """
        ...

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        """Return the last applied fields of the given units; targets are session or pane ids."""
        ...

    def refusals(self, processes: Iterable[Process]) -> Mapping[UnitId, tuple[str, str]]:
        """Return (why, how to mend) for each process that cannot be started on this machine."""
        ...

    def presence(self, panes: Iterable[str], typing_s: float) -> Mapping[str, Presence]:
        """Return who or what is at work in these panes (by id); a pane at peace is left out.

        A client that had a key pressed less than `typing_s` ago is a person typing.
        """
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

    def descends(self, older: str, newer: str) -> bool:
        """Return whether commit `newer` contains commit `older`. SourceError: nobody can tell."""
        ...

    def unsigned(self, older: str, newer: str, policy: Verification) -> tuple[str, str] | None:
        """Return the first commit that `policy` does not let pass, and why; None: all is well.

        What is looked at is `newer` alone, or every commit that it contains and `older` does not;
        without an `older` one ('') there is no range yet, and `newer` alone is looked at.
        """
        ...

    def line(self, commit: str) -> Iterable[tuple[str, str]]:
        """Yield (commit, id of its `desired-state/`, '' for none), backwards by first parents."""
        ...

    def close(self) -> None:
        """End the helper processes."""
        ...


class Mark(Protocol):
    """One commit kept under a name of ours: what was followed last on this host."""

    def tip(self) -> str:
        """Return its id, '' when there is none. BlindError: nobody can tell."""
        ...

    def move(self, commit: str, parent: str) -> None:
        """Let the name mean `commit` if it means `parent` now ('': nothing); ConflictError."""
        ...


class Control(Protocol):
    """Where people's words to the controller are kept: a ref of its own, with an author each."""

    def read(self) -> Controls:
        """Return everything that was said. Costs next to nothing when nothing changed."""
        ...

    def write(self, controls: Controls, why: str, by: str = "") -> Controls:
        """Say it all anew, as `controls`, because of `why`; return it with its new version.

        `by` is the person who says it, as `Name <mail>`; '' is novaorch itself. `accepted` is kept
        elsewhere and not written. ConflictError when another change came after `controls.version`
        was read.
        """
        ...


class Journal(Protocol):
    """What was done, kept for ever. A crash at any moment loses no deed that was begun.

    A record's number is given when it becomes durable: whatever `seq` says before.
    """

    def inventory(self) -> Inventory:
        """Return what all records add up to, with those that are noted but not durable yet."""
        ...

    def intend(self, record: Record) -> None:
        """Note what is about to be done, so that not even `kill -9` can hide it.

        An intent that no `record` follows becomes a record that is `interrupted`.
        """
        ...

    def record(self, record: Record) -> None:
        """Note what was done. Several notes may become durable together, at `flush`."""
        ...

    def flush(self) -> None:
        """Make every note a commit. When that cannot be, the notes wait for the next flush."""
        ...


class LeaseBook(Protocol):
    """Where the one lease of a fleet is kept, for every host that could run it.

    `core.lease` has its rules. Whether a lease is over is judged by the book's own clock.
    """

    def claim(self, holder: str, floor: int, now: float, ttl_s: float) -> Grant:
        """Take the lease if it is free or over, or is `holder`'s; return it as it stands then.

        A new holder's epoch is larger than any before, and larger than `floor`; who had the last
        one gets the same again. `Grant.until` is told by the clock of `now`. BlindError: no answer,
        and nobody knows.
        """
        ...

    def release(self, holder: str, epoch: int) -> None:
        """Give it back, if it is still this very one."""
        ...

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
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

    def publish(
        self, commit: str, statuses: Sequence[Status], now: float, *, every_s: float = 0.0
    ) -> None:
        """Publish the status of every unit; units not named are forgotten.

        `every_s` tells how soon, at the latest, the next word comes (0: nobody knows): after three
        times as long without one, what stands there is known no more.
        """
        ...

    def recall(self) -> Mapping[str, Json]:
        """Return what the last publisher said: its heartbeat, commit and statuses."""
        ...

    def mark(self, name: str, value: str) -> None:
        """Keep a word for later (a high-water mark); losing the store loses it."""
        ...

    def marked(self, name: str) -> str:
        """Return that word, or ''."""
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

    def pressing(self) -> str:
        """Return the word that the next `wait` would say at once, '' when there is none."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...
