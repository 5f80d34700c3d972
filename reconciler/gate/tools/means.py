"""What the tools are handed, and how what fails is said: each failure has a word of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from reconciler.core.toolbox import ToolError
from reconciler.model.agent import AgentReport, Roster
from reconciler.model.ids import UnitId
from reconciler.model.problems import (
    BlindError,
    ConflictError,
    NovaorchError,
    RefusedError,
    UsageError,
)
from reconciler.model.training import Recorded
from reconciler.ports.agents import Mail
from reconciler.ports.knowledge import Insights, Proposals, Questions, StatusLines

CODES = (
    "invalid",
    "unknown-agent",
    "unknown-message",
    "unknown-section",
    "not-allowed",
    "too-large",
    "too-many",
    "inbox-full",
    "invalid-manifest",
    "conflict",
    "unavailable",
    "failed",
)
"""Every word that a failure may have."""


def _quiet(_text: str) -> None:
    return None


def _no_turn(_unit: UnitId) -> AbstractContextManager[object]:
    return nullcontext()


def _no_work(unit: UnitId, _by: str, _words: str) -> Recorded | None:
    raise RefusedError(f"{unit} has no work tree of its own", fix="commit with git yourself")


@dataclass(frozen=True, slots=True)
class Means:
    """Everything that tools use. `turn` is held while an inbox is read, so that nobody delivers
    from it at the same moment; `now` tells epoch seconds; `pause` waits; `save` commits the work
    of an agent as somebody asks, None when nothing changed."""

    roster: Callable[[], Roster]
    mail: Mail
    report: Callable[[UnitId, float], AgentReport]
    insights: Insights
    lines: StatusLines
    questions: Questions
    proposals: Proposals
    now: Callable[[], float]
    mint: Callable[[], str]
    pause: Callable[[float], None]
    turn: Callable[[UnitId], AbstractContextManager[object]] = _no_turn
    log: Callable[[str], None] = _quiet
    save: Callable[[UnitId, str, str], Recorded | None] = _no_work


@contextlib.contextmanager
def coded(code: str = "failed", misuse: str = "invalid") -> Iterator[None]:
    """Give whatever fails inside a word: `code`, or the one that its kind always has."""
    try:
        yield
    except ToolError:
        raise
    except NovaorchError as error:
        raise _told(_code(error, code, misuse), error) from error


def _code(error: NovaorchError, code: str, misuse: str) -> str:
    kinds = (
        (BlindError, "unavailable"),
        (ConflictError, "conflict"),
        (RefusedError, "not-allowed"),
        (UsageError, misuse),
    )
    return next((word for kind, word in kinds if isinstance(error, kind)), code)


def _told(code: str, error: NovaorchError) -> ToolError:
    return ToolError(code, error.what, why=error.why, fix=error.fix)
