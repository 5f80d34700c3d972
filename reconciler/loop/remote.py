"""The envoy: one thread that goes to the remote, comes back, and waits.

No pass waits for it. What it brings lies in the repository, and its word to the loop is "look";
while a remote does not answer, everything here goes on without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from reconciler.core.remotes import GAP_S
from reconciler.loop.exchange import Exchange
from reconciler.model.remote import Counted, Relation, Remote, RemoteState, Tips

JOIN_S = 5.0
TROUBLE_S = 60.0
"""After a fault that nobody foresaw, the thread waits so long."""

Meet = Callable[[Remote, "Envoy"], Exchange]
"""Opens what goes on with a remote. NovaorchError: its address, or its word, is refused."""


class Envoy:
    """Speaks with one remote at a time, that of the settings in force.

    `of`, `know` and `close` are for one thread; `nudge` for any.
    """

    def __init__(self, meet: Meet, log: Callable[[str], None], gap_s: float = GAP_S) -> None:
        self._meet, self._log, self._gap_s = meet, log, gap_s
        self._remote: Remote | None = None
        self._known: tuple[Tips, str] = (Tips(), "")
        self._exchange: Exchange | None = None
        self._word = threading.Condition()
        self._nudged = False
        self._turn = 0
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> RemoteState | None:
        """How it stands; None without a remote."""
        exchange = self._exchange
        return exchange.state if exchange is not None else None

    @property
    def counted(self) -> Counted:
        """What was counted with this remote."""
        exchange = self._exchange
        return exchange.counted if exchange is not None else Counted()

    @property
    def remote(self) -> Remote | None:
        """The remote that it speaks with."""
        return self._remote

    @property
    def known(self) -> tuple[Tips, str]:
        """The two tips as the last pass saw them, and the commit that it followed."""
        return self._known

    def of(self, remote: Remote | None) -> None:
        """Speak with this remote from now on, in a thread of its own; None: with nobody."""
        if remote == self._remote:
            return
        self.close()
        self._remote = remote
        if remote is not None:
            words = (remote, self._turn)
            self._thread = threading.Thread(
                target=self._run, args=words, name="remote", daemon=True
            )
            self._thread.start()

    def know(self, tips: Tips, followed: str) -> None:
        """Take note of what a pass found here and there, and what it followed."""
        before, self._known = self._known, (tips, followed)
        if before != self._known and tips.relation is Relation.AHEAD:
            self.nudge()

    def nudge(self) -> None:
        """Look soon: somebody says that there is a reason. A flood of these is one look."""
        with self._word:
            self._nudged = True
            self._word.notify_all()

    def close(self) -> None:
        """End the thread and what it waits for; a second call does nothing."""
        with self._word:
            self._turn += 1
            self._word.notify_all()
        exchange, thread = self._exchange, self._thread
        if exchange is not None:
            exchange.close()
        if thread is not None:
            thread.join(JOIN_S)
        self._exchange, self._thread, self._remote = None, None, None

    def _run(self, remote: Remote, turn: int) -> None:
        exchange: Exchange | None = None
        while turn == self._turn:
            wait_s = TROUBLE_S
            try:
                if exchange is None:
                    exchange = self._met(remote, turn)
                wait_s = exchange.step()
            except Exception as error:  # a thread that ends in silence is missed by nobody
                self._log(f"remote: {getattr(error, 'what', type(error).__name__)}: {error}")
            self._wait(turn, wait_s)
        if exchange is not None:
            exchange.close()

    def _met(self, remote: Remote, turn: int) -> Exchange:
        made = self._meet(remote, self)
        with self._word:
            if turn == self._turn:
                self._exchange = made
            else:
                made.over = True
        return made

    def _wait(self, turn: int, wait_s: float) -> None:
        """Wait out the time, or until a nudge; however many of those come, never in a hot loop."""
        gap_s = min(self._gap_s, wait_s)
        with self._word:
            self._word.wait_for(lambda: turn != self._turn, gap_s)
            self._word.wait_for(lambda: turn != self._turn or self._nudged, wait_s - gap_s)
            self._nudged = False
