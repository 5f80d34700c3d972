"""Layouts: which one a window can take, and which is applied again when panes leave."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from reconciler.core.scene import Scene
from reconciler.model.step import Arrange
from reconciler.model.world import SeenPane

_CELL = re.compile(r"[0-9]+x[0-9]+,[0-9]+,[0-9]+,[0-9]+")


def arranged(window_id: str, layout: str, panes: int) -> tuple[Arrange, ...]:
    """Return the step that lays out a window of so many panes, unless the layout cannot hold them.

    A drawn layout has a number of cells; panes that a person added, or that are still on their
    way out, would make tmux refuse it. It is applied when they are gone, by `tidied`.
    """
    return (Arrange(window_id, layout),) if layout and panes and fits(layout, panes) else ()


def fits(layout: str, panes: int) -> bool:
    """Whether a layout, by name or drawn, can hold so many panes."""
    return "," not in layout or len(_CELL.findall(layout)) >= panes


def tidied(scene: Scene, leaving: Iterable[SeenPane]) -> tuple[Arrange, ...]:
    """Return the layouts of wanted windows that lose these panes, to be applied afterwards."""
    losses = Counter(pane.window_id for pane in leaving)
    if not losses:
        return ()
    steps: list[Arrange] = []
    for (unit, key), live in scene.match.windows.items():
        if live.window_id in losses:
            wanted = next(w for w in scene.desired.frames[unit].windows if w.key == key)
            here = {pane.pane_id for pane in live.panes}
            found = (scene.match.panes.get(slot.process) for slot in wanted.slots)
            coming = sum(pane is None or pane.pane_id not in here for pane in found)
            left = len(live.panes) + coming - losses[live.window_id]
            steps.extend(arranged(live.window_id, wanted.layout, left))
    return tuple(steps)
