"""What the gate is handed: everything that it lets people and agents in to. It knows no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.gate.counts import Counts
from reconciler.gate.page import Asgi, Pages
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.ports.agents import Desk


@dataclass(frozen=True, slots=True)
class Call:
    """One thing asked at the control socket: `named` are the words in braces of its path, `query`
    what follows the question mark, `body` the JSON that came with it."""

    named: Mapping[str, str]
    query: Mapping[str, str]
    body: Json = None


Control: TypeAlias = Callable[[Call], Json]
"""Answers a call in a thread of the gate; NovaorchError goes to the caller as it is."""

Controls: TypeAlias = Mapping[tuple[str, str], Control]
"""By method and path, as in `("POST", "/decisions/{id}")`."""


@dataclass(frozen=True, slots=True)
class Bell:
    """What a signed nudge rings. `secret` returns what it is signed with, None for no such door;
    NovaorchError: it cannot be read."""

    secret: Callable[[], bytes | None]
    ring: Callable[[], None]


class Nobody:
    """Hears everything and says nothing."""

    def hear(self, _event: HookEvent) -> HookAnswer:
        """Return silence."""
        return SILENCE


def _unknown(_token: str) -> tuple[UnitId, str]:
    return UnitId(""), "unknown"


def _quiet(_text: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Doors:
    """Where requests go. `verify` returns whose token a text is, or why it is none's; `mcp` gets a
    scope with `novaorch.unit` in it; `clock` tells epoch seconds."""

    pages: Pages = field(default_factory=dict)
    verify: Callable[[str], tuple[UnitId, str]] = _unknown
    desk: Desk = field(default_factory=Nobody)
    mcp: Asgi | None = None
    controls: Controls = field(default_factory=dict)
    bell: Bell | None = None
    clock: Callable[[], float] = time.time
    log: Callable[[str], None] = _quiet
    counts: Counts = field(default_factory=Counts)
