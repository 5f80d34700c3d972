"""The gate itself: one thread with one loop, a port on 127.0.0.1 and, for the user, a socket.

Nothing while nobody asks: uvicorn's own loop looks ten times a second whether it is to end, so it
is not used. Never lets a client make it wait, grow, or answer another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.gate.control import ControlRoom
from reconciler.gate.doors import Doors
from reconciler.gate.hooks import THREADS
from reconciler.gate.page import Asgi
from reconciler.gate.public import Public
from reconciler.gate.request import HEAD_BYTES_MAX
from reconciler.model.problems import NovaorchError

if TYPE_CHECKING:
    from reconciler.gate.link import Hall

HOST = "127.0.0.1"
PATIENCE_S = 5.0
"""How long a stranger has for everything: to ask, and to take its answer."""
GRACE_S = 1.0
"""How long what is being answered may go on when the gate closes."""
BACKLOG = 1024


class TakenError(NovaorchError):
    """Somebody else listens on the port."""


class Server:
    """The gate, open from the moment it is made until `close`.

    It listens at once; who comes before everything is loaded waits for a few milliseconds.
    """

    def __init__(
        self,
        doors: Doors,
        port: int = 0,
        control: Path | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Listen on a port, 0 for any free one, and at the socket `control`.

        TakenError: somebody else has the port. NovaorchError: the socket cannot be made.
        """
        self._doors, self._patience_s = doors, patience_s
        self._doorway = [_listen(port)]
        self.port: int = self._doorway[0].getsockname()[1]
        self._control = control
        try:
            self._doorway += [_listen_at(control)] if control is not None else []
        except BaseException:
            self._doorway[0].close()
            raise
        self._halls: list[Hall] = []
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def clients(self) -> int:
        """How many are connected."""
        return sum(len(hall.links) for hall in self._halls)

    def close(self) -> None:
        """End the thread and every connection; a second call does nothing."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it came to its end
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(PATIENCE_S)

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        pools = [ThreadPoolExecutor(THREADS, f"gate-{n}") for n in ("agents", "people")]
        self._loop.set_exception_handler(self._trouble)
        try:
            self._loop.run_until_complete(self._serve(pools))
        except Exception as error:
            self._doors.log(f"the gate broke: {type(error).__name__}: {error}")
        finally:
            for door in self._doorway:
                door.close()
            self._forget_control()
            for pool in pools:
                pool.shutdown(wait=False, cancel_futures=True)
            self._loop.close()

    async def _serve(self, pools: list[ThreadPoolExecutor]) -> None:
        rooms: list[Asgi] = [
            Public(self._doors, pools[0], self._patience_s),
            ControlRoom(self._doors, pools[1], self._patience_s),
        ]
        opened = [
            await self._open(door, room) for door, room in zip(self._doorway, rooms, strict=False)
        ]
        await self._end.wait()
        for door in self._doorway:
            self._loop.remove_reader(door)
        await asyncio.sleep(0)  # or asyncio forgets the socket of whoever is just being let in
        for server in opened:
            for listener in server.servers:
                listener.close()
        await self._finish([task for server in opened for task in server.server_state.tasks])

    async def _open(self, door: socket.socket, room: Asgi) -> Any:
        """Let uvicorn serve one listener with one application."""
        from uvicorn.config import Config  # noqa: PLC0415 - 9 MB, and only a daemon needs them
        from uvicorn.lifespan.off import LifespanOff  # noqa: PLC0415
        from uvicorn.server import Server as Uvicorn  # noqa: PLC0415

        from reconciler.gate.link import KEEP_S, Hall, Link  # noqa: PLC0415

        config = Config(
            room,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_S,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        )
        config.load()
        server = Uvicorn(config)
        server.lifespan = LifespanOff(config)
        hall = Hall(self._patience_s)
        self._halls.append(hall)
        config.http_protocol_class = lambda **_: Link(hall, config, server.server_state)  # type: ignore[assignment]
        await server.startup(sockets=[door])
        return server

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        """Let what is being answered come to its end for a moment, then end everything."""
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        for task in tasks:
            task.cancel()
        for hall in self._halls:
            hall.shut()
        # Whoever is just being let in comes to the door, and hears that it is shut.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=GRACE_S)
        for _ in range(3):
            await asyncio.sleep(0)

    def _trouble(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), OSError) and "socket" in context:
            for hall in self._halls:  # no descriptor is left for whoever comes
                hall.make_room()
        else:
            error = context.get("exception")
            self._doors.log(f"trouble at the gate: {context.get('message')}: {error!r}")

    def _forget_control(self) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.unlink()


def _listen(port: int) -> socket.socket:
    # Only of a socket that says it is TCP does asyncio send small answers at once, not after 40 ms.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((HOST, port))
        door.listen(BACKLOG)
        door.setblocking(False)
    except OSError as error:
        door.close()
        raise TakenError(
            f"the gate cannot listen on {HOST}:{port}",
            why=error.strerror or str(error),
            fix="end what listens there, or set another `gate.port` in fleet.yaml (0: any)",
        ) from error
    return door


def _listen_at(path: Path) -> socket.socket:
    """Listen on a unix socket that its owner alone can open. The controller's lock must be held:
    a socket that lies there is that of one that was killed."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        door.bind(os.fspath(path))
        path.chmod(0o600)
        door.listen(BACKLOG)
        door.setblocking(False)
    except OSError as error:
        door.close()
        raise NovaorchError(
            f"the gate cannot listen at {path}",
            why=error.strerror or str(error),
            fix=f"look at what lies there (`ls -l {path}`) and remove it",
        ) from error
    return door
