"""What was seen last, and which pane a `slot:` or which windows a session means by it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.adapters.tmux.watching import panes
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.world import World


class Seen:
    """The last look of one fleet. `slots` is also told of panes that an order makes."""

    def __init__(self, fleet: str) -> None:
        self._fleet = fleet
        self.world = World(0.0, "", ())
        self.slots: dict[UnitId, str] = {}

    def keep(self, world: World) -> None:
        """Remember a look."""
        self.world = world
        self.slots.clear()
        self.slots.update(
            (pane.mark.unit, pane.pane_id)
            for pane in panes(world)
            if pane.mark is not None and pane.mark.fleet == self._fleet
        )

    def resolve(self, target: str) -> str:
        """Return the id that a target means. NovaorchError: no pane is known for it."""
        if not target.startswith("slot:"):
            return target
        pane = self.slots.get(UnitId(target.removeprefix("slot:")))
        if pane is None:
            raise NovaorchError(
                f"no pane is known for {target.removeprefix('slot:')}",
                why="neither the last photograph nor this order shows one",
                fix="nothing: the next pass looks again",
            )
        return pane

    def windows(self, session: str) -> Sequence[str]:
        """Return the ids of a session's windows."""
        return [
            window.window_id
            for seen in self.world.sessions
            if seen.session_id == session
            for window in seen.windows
        ]
