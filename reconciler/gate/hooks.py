"""Takes what an agent tells to the desk, and brings back what it is told, in time.

An agent waits for no trouble of ours: what takes too long is answered with silence, and goes on
without it. Only a permission may take a person's time, and has a thread of its own for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from reconciler.core import hookwire
from reconciler.gate.doors import Doors
from reconciler.gate.page import Receive, RefusedAnswer
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId

T = TypeVar("T")

BODY_BYTES_MAX = 8 << 20
"""What a tool read or wrote is in what is told of it."""
ANSWER_S = 0.75
"""Later than this nothing is said: the client waits for a second at most."""
THREADS = 32
"""The end of a turn waits in one of them until its work is committed, and many end at once."""
WAITING_MAX = 512
"""With so many hooks waiting for a thread, the next is answered at once, with silence."""
HELD_MAX = 512
"""So many permissions are held open at once; the next one's dialog alone decides."""
HELD = "PermissionRequest"


class Hooks:
    """Hears hooks on the gate's loop; the desk is asked in threads."""

    def __init__(self, doors: Doors, pool: ThreadPoolExecutor) -> None:
        self._doors, self._pool = doors, pool
        self._waiting = 0
        self._gone_on: Counter[UnitId] = Counter()

    async def take(self, unit: UnitId, name: str, body: bytes, receive: Receive) -> Json:
        """Return what goes back. RefusedAnswer: it is nothing that can be heard."""
        at = self._doors.clock()
        if len(body) > 1 << 16:  # parsing it takes milliseconds: not on the loop
            event = await self._in_pool(lambda: hookwire.event(unit, name, at, body))
        else:
            event = hookwire.event(unit, name, at, body)
        if event is None:
            raise RefusedAnswer(400, "a hook tells a JSON object", "request")
        said = await (self._held(event, receive) if name == HELD else self._quick(event))
        return hookwire.answer(name, said, self._turns(event, said))

    def _turns(self, event: HookEvent, said: HookAnswer) -> int:
        """Return how often this turn was made to go on before; count it if it is again."""
        if event.name != "Stop":
            return 0
        before = self._gone_on[event.unit] if event.payload.get("stop_hook_active") is True else 0
        if said.go_on or said.refuse:
            self._gone_on[event.unit] = before + 1
        else:
            self._gone_on.pop(event.unit, None)
        return before

    async def _quick(self, event: HookEvent) -> HookAnswer:
        """Ask the desk; silence when that takes too long."""
        began = time.monotonic()
        result = "late"
        try:
            if self._waiting >= WAITING_MAX:
                return SILENCE
            async with asyncio.timeout(ANSWER_S):
                said = await self._in_pool(lambda: self._doors.desk.hear(event))
            result = "silent" if said == SILENCE else "answered"
            return said
        except TimeoutError:
            return SILENCE
        except Exception as error:  # the desk broke: the agent goes on all the same
            result = "failed"
            self._doors.log(f"{event.unit}: {event.name} broke: {type(error).__name__}: {error}")
            return SILENCE
        finally:
            self._doors.counts.heard(result, time.monotonic() - began)

    async def _in_pool(self, work: Callable[[], T]) -> T:
        """Do it in a thread. It is done to its end even when nobody waits for it any more."""
        self._waiting += 1
        doing = asyncio.get_running_loop().run_in_executor(self._pool, work)
        doing.add_done_callback(self._done)
        return await asyncio.shield(doing)

    def _done(self, doing: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not doing.cancelled():
            doing.exception()  # was looked at: whoever still waits has it, too

    # -- permissions -------------------------------------------------------------------------------

    async def _held(self, event: HookEvent, receive: Receive) -> HookAnswer:
        """Ask the desk for as long as it takes, or until the agent does not wait any more."""
        counts = self._doors.counts
        if counts.held >= HELD_MAX:
            counts.heard("late")
            return SILENCE
        counts.held += 1
        asked = asyncio.ensure_future(self._in_thread(event))
        left = asyncio.ensure_future(_left(receive))
        result = "gone"
        try:
            await asyncio.wait({asked, left}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                said = asked.result()
                result = "silent" if said == SILENCE else "answered"
                return said
            await self._told_gone(event, asked)
            raise ConnectionAbortedError
        finally:
            counts.held -= 1
            counts.heard(result)
            asked.cancel()
            left.cancel()

    async def _told_gone(self, event: HookEvent, asked: asyncio.Future[HookAnswer]) -> None:
        """Tell the desk that nobody waits any more; once more if it had not begun to hold it."""
        for _ in range(3):
            gone = HookEvent(event.unit, hookwire.GONE, self._doors.clock(), event.payload)
            await self._quick(gone)
            await asyncio.wait({asked}, timeout=ANSWER_S)
            if asked.done():
                return

    async def _in_thread(self, event: HookEvent) -> HookAnswer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[HookAnswer] = loop.create_future()

        def tell(said: HookAnswer) -> None:
            if not answer.done():
                answer.set_result(said)

        def hear() -> None:
            said = SILENCE
            try:
                said = self._doors.desk.hear(event)
            except Exception as error:  # then the dialog at the pane decides
                self._doors.log(f"{event.unit}: {event.name} broke: {type(error).__name__}")
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, said)

        threading.Thread(target=hear, name="held", daemon=True).start()
        return await answer


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
