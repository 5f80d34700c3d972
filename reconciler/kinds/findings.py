"""What was found wrong while a tree became units: the problems, and the units they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.kinds.rules import problem
from reconciler.model.ids import UnitId
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem, Severity


@dataclass(slots=True)
class Findings:
    """A growing list. `broken` maps each held unit to the first problem that holds it."""

    problems: list[Problem] = field(default_factory=list)
    broken: dict[UnitId, Problem] = field(default_factory=dict)

    def say(self, manifest: Manifest, name: str, rule: str, what: str, fix: str = "") -> Problem:
        """Add a problem at a field of a manifest; an error holds the manifest's unit."""
        at = manifest.place(name)
        found = problem(rule, manifest.path, what, (at[0], at[1]), fix)
        self.problems.append(found)
        if found.severity is Severity.ERROR:
            self.broken.setdefault(manifest.id, found)
        return found

    @property
    def few(self) -> bool:
        """Whether there is time to look for advice: comparing names with names is slow."""
        return len(self.problems) < 200

    def hold(self, unit: UnitId, because: Problem) -> None:
        """Hold a unit for a problem that was said elsewhere."""
        self.broken.setdefault(unit, because)
