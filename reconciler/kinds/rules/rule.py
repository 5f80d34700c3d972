"""What a rule is. Knows no rule itself."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.problems import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """Why a rule exists, how to mend a breach, and whether a breach holds its unit."""

    why: str
    fix: str
    severity: Severity = Severity.ERROR
