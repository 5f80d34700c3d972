"""tmux as the place where sessions live: `ports.Host` over a real server.

Reads and writes through one control client when it can, through plain clients when it must. It
decides nothing, and touches nothing but what an order names by its id.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal

from reconciler.adapters.tmux import applied, photo, presence
from reconciler.adapters.tmux.ends import look_for_the_dead
from reconciler.adapters.tmux.fence import FENCED, FENCED_FIX, OvertakenError
from reconciler.adapters.tmux.link import Link
from reconciler.adapters.tmux.orders import Batch
from reconciler.adapters.tmux.plain import Plain
from reconciler.adapters.tmux.ready import Ready
from reconciler.adapters.tmux.refusal import Inspector
from reconciler.adapters.tmux.seen import Seen
from reconciler.adapters.tmux.server import Server
from reconciler.adapters.tmux.steps import Known
from reconciler.adapters.tmux.talk import (
    LEAVING,
    LateError,
    NoServerError,
    Reply,
    SilentError,
    address,
    socket_path,
)
from reconciler.adapters.tmux.watching import Watching, lost, panes, server_pid
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import BlindError
from reconciler.model.unit import Process
from reconciler.model.world import Presence, World
from reconciler.ports import Order, Receipt
from reconciler.ports.agents import Outfitter

RETRIES, PAUSE_S = 20, 0.01
"""How often and how soon a server that is just ending is asked again."""

NEWS = frozenset(
    {"%sessions-changed", "%window-close", "%unlinked-window-close", "%window-add", "%exit"}
)
"""Notifications after which the world may be another one."""


class Tmux:
    """A tmux server. `socket` is a name (`-L`) or an absolute path (`-S`).

    `config` is the path of a file that a server which we start ourselves reads. `on_event` is
    called, from another thread, with the word `tmux` when something may have changed; with it the
    control client also serves reads. Every call ends within about `call_timeout_s`. `epoch` is the
    number of the one controller that may write, asked before each write; 0 writes unfenced.
    `on_fenced` is told when the server obeys a larger one. `outfitter` prepares what agent runtimes
    need to find; without one they cannot be started.
    """

    def __init__(  # noqa: PLR0913  (the wiring names each)
        self,
        socket: str,
        *,
        fleet: str,
        config: str = "",
        call_timeout_s: float = 5.0,
        mode: Literal["auto", "plain"] = "auto",
        environ: Mapping[str, str] | None = None,
        on_event: Callable[[str], None] | None = None,
        binary: str = "tmux",
        epoch: int | Callable[[], int] = 0,
        on_fenced: Callable[[], None] = lambda: None,
        outfitter: Outfitter | None = None,
    ) -> None:
        self._socket, self._fleet, self._binary = socket, fleet, binary
        self._epoch = epoch if callable(epoch) else lambda: epoch
        self._on_fenced = on_fenced
        self._timeout_s = call_timeout_s
        self._environ = dict(os.environ if environ is None else environ)
        self._on_event = on_event
        self._plain = Plain(binary, socket, self._environ)
        self._server = Server(self._plain, config, call_timeout_s)
        self._link = Link(
            self._server, self._environ, plain_only=mode == "plain", notify=self._noticed
        )
        self._ready = Ready(self._link, fleet, self._environ, call_timeout_s, outfitter)
        self._seen = Seen(fleet)
        self._memory = photo.Memory()
        self._bar = f"|{secrets.token_hex(2)}|"
        self._watching: Watching | None = None
        self._unburied: set[str] = set()

    def photograph(self, now: float) -> World:
        """See `Host.photograph`. Starts no server."""
        world = self._taken(now)
        unburied = {pane.pane_id for pane in panes(world) if lost(pane)}
        if unburied - self._unburied:
            look_for_the_dead(server_pid(world))
            world = self._taken(now)
        self._unburied = unburied
        self._seen.keep(world)
        if self._watching is not None:
            self._watching.keep(world)
        return world

    def glance(self, world: World, sessions: Collection[str]) -> World | None:
        """See `Host.glance`."""
        glanced = self._glanced(world, sessions)
        if glanced is not None and any(lost(pane) for pane in panes(glanced)):
            look_for_the_dead(server_pid(world))
            glanced = self._glanced(world, sessions)
        if glanced is not None:
            self._seen.keep(glanced)
        return glanced

    def applied(self, targets: Mapping[UnitId, str]) -> Mapping[UnitId, Mapping[str, Json]]:
        """See `Host.applied`. What is not there, or damaged, is an empty mapping."""
        if not targets:
            return {}
        try:
            replies = self._read([applied.ask(unit, at) for unit, at in targets.items()])
        except NoServerError:
            return {unit: {} for unit in targets}
        return {unit: applied.decoded(reply) for unit, reply in zip(targets, replies, strict=True)}

    def refusals(self, processes: Iterable[Process]) -> Mapping[UnitId, tuple[str, str]]:
        """See `Host.refusals`."""
        return Inspector(self._environ).refusals(processes)

    def presence(self, panes: Iterable[str], typing_s: float) -> Mapping[str, Presence]:
        """See `Host.presence`; `presence` says what counts as evidence."""
        asked = list(dict.fromkeys(panes))
        if not asked:
            return {}
        lines = [presence.ask_clients(self._bar), *(presence.ask_pane(p, self._bar) for p in asked)]
        try:
            clients, *replies = self._read(lines)
        except NoServerError:
            return {}
        typists, now = presence.people(clients, self._bar), time.time()
        seen = {
            pane: presence.present(reply, self._bar, typists, now, typing_s)
            for pane, reply in zip(asked, replies, strict=True)
        }
        return {pane: found for pane, found in seen.items() if found is not None}

    def perform(self, orders: Sequence[Order]) -> Sequence[Receipt]:
        """See `Host.perform`. Starts the server if there is none.

        With an epoch, nothing is done on a server that obeys a larger one: every receipt is stale.
        """
        if not orders:
            return []
        epoch = self._epoch()
        for last in (False, True):  # a SilentError says that nothing at all was sent
            try:
                return self._performed(orders, epoch)
            except OvertakenError:
                self._on_fenced()
                return [Receipt(o.unit, FENCED, FENCED_FIX, stale=True) for o in orders]
            except SilentError as silent:
                self._link.drop(wedged=True)
                if last or isinstance(silent, LateError):
                    raise self._blind(silent.why) from silent
            except NoServerError as gone:
                raise self._blind("the server ended while it was spoken to") from gone
        raise AssertionError

    def _performed(self, orders: Sequence[Order], epoch: int) -> Sequence[Receipt]:
        talk, setting = self._ready.prepare(orders, epoch)
        known = Known(self._seen.resolve, self._seen.windows, setting)
        batch = Batch(known, self._seen.slots, self._timeout_s)
        try:
            receipts = batch.perform(orders, talk)
            if any(receipt.error == FENCED for receipt in receipts):
                self._on_fenced()
            return receipts
        finally:
            if batch.broken:
                self._link.drop(wedged=True)

    def close(self) -> None:
        """Let go of the control client. Server and sessions stay."""
        self._link.drop(wedged=False)
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.close()

    def watch_deaths(self) -> bool:
        """Call `on_event` at once when a program in a pane ends; say whether that works by now.

        It begins with the next call that finds a control client, and again after a lost one.
        """
        if self._on_event is None:
            return False
        if self._watching is None:
            self._watching = Watching(
                self._link, self._fleet, self._timeout_s, lambda: self._noticed("%exit")
            )
        self._watching.keep(self._seen.world)
        return self._watching.alive

    def attach_argv(self, session_name: str) -> list[str]:
        """Return the command that shows a session: it switches when run inside this very server."""
        inside = self._environ.get("TMUX", "").split(",", 1)[0]
        verb = (
            "switch-client"
            if inside and inside == socket_path(self._socket, self._environ)
            else "attach-session"
        )
        return [*address(self._binary, self._socket), verb, "-t", f"={session_name}"]

    def version(self) -> str:
        """Return what the program calls itself, such as `tmux 3.3a`."""
        return self._client(("-V",)).output[0]

    def server_alive(self) -> bool:
        """Return whether a server answers. BlindError when it neither answers nor is absent."""
        try:
            self._client(("list-sessions",))
        except NoServerError:
            return False
        return True

    def shutdown_anchor(self) -> None:
        """Remove our own session; the server ends when nothing else is left on it."""
        self.close()
        try:
            self._server.remove_anchor()
        except SilentError as silent:
            raise self._blind(silent.why) from silent

    def _glanced(self, world: World, sessions: Collection[str]) -> World | None:
        try:
            asked = [photo.SERVER, *(photo.session_panes(s, self._bar) for s in sessions)]
            replies = self._read(asked)
            rows = [row for reply in replies for row in reply.output]
            now = photo.parse(rows, world.taken_at, self._bar)
        except (NoServerError, ValueError):
            return None
        fresh = {session.session_id: session for session in now.sessions}
        whole = now.server == world.server and not any(reply.error for reply in replies)
        return world.renewed(fresh) if whole and fresh.keys() == set(sessions) else None

    def _taken(self, now: float) -> World:
        try:
            replies = self._read([photo.SERVER, photo.panes(self._bar)])
            rows = [row for reply in replies for row in reply.output]
            world = photo.parse(rows, now, self._bar, self._memory)
        except NoServerError:
            self._server.refuse_stranger()
            return World(now, "", ())
        except ValueError as odd:
            raise self._blind(f"what it says makes no sense: {odd}") from odd
        for reply in replies:
            if reply.error:
                raise self._blind(reply.error)
        return world

    def _read(self, lines: Sequence[str]) -> list[Reply]:
        try:
            return self._link.read(lines, connect=self._on_event is not None)
        except SilentError as silent:
            raise self._blind(silent.why) from silent

    def _client(self, words: Sequence[str]) -> Reply:
        try:
            reply = self._plain.call(words, self._timeout_s)
            for _ in range(RETRIES):
                if not reply.error.startswith(LEAVING):
                    break
                time.sleep(PAUSE_S)
                reply = self._plain.call(words, self._timeout_s)
        except SilentError as silent:
            raise self._blind(silent.why) from silent
        if reply.error:
            raise self._blind(reply.error)
        return reply

    def _noticed(self, word: str) -> None:
        if self._on_event is not None and word in NEWS:
            self._on_event("tmux")

    def _blind(self, why: str) -> BlindError:
        where = " ".join(address(self._binary, self._socket))
        return BlindError(
            f"the tmux server {self._socket} does not answer",
            why=why,
            fix=f"try `{where} list-sessions`; if it hangs too, look at the server's process",
        )
