"""Opens the way for orders: a live talk, what rendering must know, and the right to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.adapters.tmux.fence import claim, guarded
from reconciler.adapters.tmux.launch import Setting
from reconciler.adapters.tmux.link import Link
from reconciler.adapters.tmux.server import setting
from reconciler.adapters.tmux.talk import SilentError, Talk
from reconciler.model.step import OpenSession
from reconciler.ports import Order
from reconciler.ports.agents import Outfitter


@dataclass(frozen=True, slots=True)
class Ready:
    """How one fleet speaks to its server before orders are sent."""

    link: Link
    fleet: str
    environ: Mapping[str, str]
    timeout_s: float
    outfitter: Outfitter | None = None

    def prepare(self, orders: Sequence[Order], epoch: int) -> tuple[Talk, Setting]:
        """Return the way and the setting; starts the server if there is none.

        A wedge here may be tried again: nothing was ordered. OvertakenError: the server obeys a
        larger epoch than ours.
        """
        for attempt in (1, 2):
            talk, anchor = self.link.talk(start=True)
            try:
                now, seen = setting(talk, anchor, self.fleet, self.environ, self.timeout_s)
                if epoch:
                    claim(talk, self.fleet, epoch, seen, self.timeout_s)
                now = replace(now, epoch=epoch, outfitter=self.outfitter)
                return talk, self._with_history(talk, now, orders)
            except SilentError:
                if attempt == 2:
                    raise
                self.link.drop(wedged=True)
        raise AssertionError

    def _with_history(self, talk: Talk, now: Setting, orders: Sequence[Order]) -> Setting:
        """On our own server, let new panes have the history that this fleet wants."""
        wanted = {
            step.history_lines
            for order in orders
            for step in order.steps
            if isinstance(step, OpenSession)
        }
        if not now.own or not wanted - {now.history_lines}:
            return now
        lines = max(wanted)
        line = guarded(f"set-option -g history-limit {int(lines)}", now)
        talk.run([line], self.timeout_s)
        return replace(now, history_lines=lines)
