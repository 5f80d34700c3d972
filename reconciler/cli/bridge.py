"""MCP for clients that speak through pipes: a line in is a request to the gate, its answer a line.

Holds nothing and decides nothing. Imports little: clients start it again and again. The token goes
to this machine's loopback and nowhere else, and is never printed.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

LINE_BYTES_MAX = 1 << 20
ANSWER_BYTES_MAX = 8 << 20
AT_ONCE_MAX = 8
COMING_S = 3.0
"""A gate that is not there may be coming back: so long it is tried again."""
PAUSE_S = 0.1
ANSWER_S = 60.0
DOWN, UNSURE, REFUSED = -32001, -32002, -32003
_GATE = re.compile(r"http://(127\.0\.0\.1|localhost):([0-9]{1,5})/?\Z")

Door = Callable[[], tuple[str, str]]
"""Returns where the gate is and the token that opens it, as they are now."""


class BridgeError(Exception):
    """A request that got no answer: `code` and text go to the client."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def is_gate(address: str) -> bool:
    """Whether a token may be sent there: to this machine alone."""
    return _GATE.match(address) is not None


@dataclass(slots=True)
class Bridge:
    """Carries messages until its input ends. `say` hears of each new trouble once."""

    door: Door
    lines_out: IO[bytes]
    say: Callable[[str], object]
    coming_s: float = COMING_S
    _write: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE_MAX))
    _trouble: str = ""
    _gone: bool = False

    def run(self, lines_in: IO[bytes]) -> int:
        """Carry every line; return 0 once all that was asked is answered."""
        threads: list[threading.Thread] = []
        while not self._gone and (line := lines_in.readline(LINE_BYTES_MAX + 1)):
            if len(line) > LINE_BYTES_MAX:
                _skip(lines_in, line)
                self._put(_failure(None, REFUSED, f"more than {LINE_BYTES_MAX} bytes in a line"))
            elif line.strip():
                self._room.acquire()
                threads = [thread for thread in threads if thread.is_alive()]
                threads.append(threading.Thread(target=self._carry, args=(line,)))
                threads[-1].start()
        for thread in threads:
            thread.join()
        return 0

    def _carry(self, line: bytes) -> None:
        try:
            said = self._asked(line)
            self._trouble = ""
        except BridgeError as error:
            text = str(error)
            if text != self._trouble:
                self._trouble = text
                self.say(text)
            number = _number(line)
            said = _failure(number, error.code, text) if number is not None else b""
        finally:
            self._room.release()
        if said:
            self._put(said)

    def _asked(self, line: bytes) -> bytes:
        """Return the gate's answer, empty when it has none."""
        until = time.monotonic() + self.coming_s
        while True:
            address, token = self.door()
            link, refused = self._reached(address), ""
            if link is None:
                refused = f"nothing answers at {address}: is the daemon running? (novaorch up)"
            else:
                status, said = _exchange(link, line, token)
                if status in (200, 202):
                    return said.strip()
                if status != 429 and (status != 401 or self.door() == (address, token)):
                    raise BridgeError(REFUSED, _refusal(status, said))
            if time.monotonic() > until:
                raise BridgeError(DOWN, refused or "the gate has too much to do: try again")
            time.sleep(PAUSE_S)

    def _reached(self, address: str) -> http.client.HTTPConnection | None:
        found = _GATE.match(address)
        if found is None:
            return None
        link = http.client.HTTPConnection(found[1], int(found[2]), timeout=ANSWER_S)
        try:
            link.connect()
        except OSError:
            return None
        return link

    def _put(self, said: bytes) -> None:
        with self._write:
            try:
                self.lines_out.write(said + b"\n")
                self.lines_out.flush()
            except (OSError, ValueError):  # whoever asked is not there any more
                self._gone = True


def _exchange(link: http.client.HTTPConnection, line: bytes, token: str) -> tuple[int, bytes]:
    """Ask on a connection that is open. BridgeError: it broke, and nobody knows what was done."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    try:
        link.request("POST", "/mcp", line.strip(), headers)
        answer = link.getresponse()
        return answer.status, answer.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        text = f"the gate was lost while it answered ({why}): look whether it was done"
        raise BridgeError(UNSURE, text) from error
    finally:
        link.close()


def _refusal(status: int, said: bytes) -> str:
    words = " ".join(said[:300].decode("utf-8", "replace").split())
    return f"the gate refused this ({status}): {words}"


def _number(line: bytes) -> str | int | None:
    """Return the id of a request; None for what wants no answer."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    number = found.get("id") if isinstance(found, dict) and "method" in found else None
    return number if isinstance(number, (str, int)) else None


def _failure(number: str | int | None, code: int, text: str) -> bytes:
    error = {"code": code, "message": text}
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode("ascii")


def _skip(lines_in: IO[bytes], line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = lines_in.readline(LINE_BYTES_MAX)


def serve(door: Door) -> int:
    """Carry between this process's own pipes and the gate."""

    def say(text: str) -> None:
        sys.stderr.write(f"novaorch mcp: {text}\n")
        sys.stderr.flush()

    return Bridge(door, sys.stdout.buffer, say).run(sys.stdin.buffer)
