"""Which live window stands for which wanted one: by key, unless the wish itself moved its panes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Frame, Window
from reconciler.model.world import SeenPane, SeenSession, SeenWindow

Pairs = dict[tuple[UnitId, str], SeenWindow]


def pair_windows(
    desired: Desired,
    sessions: Mapping[UnitId, SeenSession],
    panes: Mapping[UnitId, SeenPane],
    kept: Mapping[UnitId, list[SeenPane]],
) -> Pairs:
    """Pair the windows of every Session; an agent that lives alone needs none."""
    pairs: Pairs = {}
    for frame in desired.frames.values():
        session = sessions.get(frame.id)
        if frame.lone or session is None:
            continue
        free = [window for window in session.windows if window.key]
        pairing = _Pairing(desired, panes, kept, frame)
        for key, window in pairing.run(free):
            pairs[frame.id, key] = window
    return pairs


class _Pairing:
    """One Session's windows against the live ones that bear our key."""

    def __init__(
        self,
        desired: Desired,
        panes: Mapping[UnitId, SeenPane],
        kept: Mapping[UnitId, list[SeenPane]],
        frame: Frame,
    ) -> None:
        self._desired, self._panes, self._kept, self._frame = desired, panes, kept, frame
        self._keys = {window.key for window in frame.windows}

    def run(self, free: list[SeenWindow]) -> Iterator[tuple[str, SeenWindow]]:
        """Yield pairs: same key and a pane of it; then heirs by their panes; then same key alone.

        Keys may be numbers that shift when a window is put in between, and for a while two windows
        may bear one key; so panes weigh more.
        """
        waiting = {window.key: window for window in self._frame.windows}
        for find in (self._same, self._heir, self._namesake):
            for key, window in list(waiting.items()):
                found = find(window, free)
                if found is not None:
                    del waiting[key]
                    free.remove(found)
                    yield key, found

    def _same(self, window: Window, free: list[SeenWindow]) -> SeenWindow | None:
        held = {pane.window_id for _, pane in self._held(window)}
        return next((w for w in free if w.key == window.key and w.window_id in held), None)

    def _heir(self, window: Window, free: list[SeenWindow]) -> SeenWindow | None:
        for unit, pane in self._held(window):
            live = next((w for w in free if w.window_id == pane.window_id), None)
            if live is not None and (live.key not in self._keys or self._renamed(unit, pane)):
                return live
        return None

    def _namesake(self, window: Window, free: list[SeenWindow]) -> SeenWindow | None:
        return next((w for w in free if w.key == window.key), None)

    def _held(self, window: Window) -> Iterator[tuple[UnitId, SeenPane]]:
        for slot in window.slots:
            if slot.process in self._panes:
                yield slot.process, self._panes[slot.process]
            else:
                yield from ((slot.process, pane) for pane in self._kept.get(slot.process, ()))

    def _renamed(self, unit: UnitId, pane: SeenPane) -> bool:
        """Whether the wish gave this pane another window; a person's hand leaves no such trace."""
        wanted = (unit, self._desired.processes[unit].digest)
        return pane.mark is not None and (pane.mark.unit, pane.mark.digest) != wanted
