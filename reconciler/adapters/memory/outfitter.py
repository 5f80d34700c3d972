"""An outfitter that writes nothing: what it is asked for is kept, and starts as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.model.agent import Outfit
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Launch


@dataclass(slots=True)
class MemoryOutfitter:
    """Remembers whom it outfitted (`ports.agents.Outfitter`).

    refused   units that cannot be outfitted, and why
    env       variables that come with each outfit
    asked     every unit and launch, in order
    """

    refused: dict[str, NovaorchError] = field(default_factory=dict)
    env: tuple[tuple[str, str], ...] = ()
    asked: list[tuple[str, Launch]] = field(default_factory=list)

    def outfit(self, unit: str, launch: Launch) -> Outfit:
        """Return the program with its variables, or raise what `refused` has for the unit."""
        self.asked.append((unit, launch))
        if unit in self.refused:
            raise self.refused[unit]
        return Outfit(launch.argv, self.env)
