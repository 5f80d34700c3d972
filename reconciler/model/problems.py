"""What can be wrong with what a person wrote, and the one error every adapter speaks."""

from __future__ import annotations

import enum
from dataclasses import dataclass

FOLDER = "desired-state"
"""Where manifests are; their paths are relative to it."""


class Severity(enum.StrEnum):
    """An `error` holds its unit; a `warning` is said and passed over."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with one place in the desired state.

    Sorts by place, so the problems of a tree read from top to bottom. `line` and `column`
    count from 1; both are 0 when the whole file is meant.
    """

    path: str
    line: int
    column: int
    rule: str
    what: str
    why: str
    fix: str
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`file:line:column`, or `file` alone when the whole file is meant."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path

    @property
    def where(self) -> str:
        """The same from the top of the repository, as an editor or a terminal opens it."""
        return f"{FOLDER}/{self.place}".rstrip("/")


class NovaorchError(Exception):
    """What went wrong, why, and how to mend it. Every adapter translates into this."""

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix


class BlindError(NovaorchError):
    """The outside did not answer. Unknown is not absent: whoever gets this holds."""


class SourceError(NovaorchError):
    """The desired state cannot be read at all: no repository, no commit, no folder."""


class UsageError(NovaorchError):
    """The command line does not make sense."""

    exit_code = 64


class RefusedError(NovaorchError):
    """A guard said no; `fix` holds the exact command that confirms."""

    exit_code = 3


class StalePlanError(NovaorchError):
    """A saved plan no longer fits the commit or the world."""

    exit_code = 4


class ConflictError(NovaorchError):
    """Somebody else changed the same thing first; read it again and decide anew."""


class LeaseHeldError(NovaorchError):
    """Another controller of this fleet is at work."""

    exit_code = 5
