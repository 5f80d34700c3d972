"""Asks the daemon at its control socket. What it says is wrong is raised here as it was there."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from reconciler.model.ids import Json
from reconciler.model.problems import BlindError, NovaorchError

ANSWER_S = 10.0
ANSWER_BYTES_MAX = 64 << 20


class Told(NovaorchError):  # noqa: N818 - it is the daemon's error, word by word
    """What the daemon said was wrong; `exit_code` is the one it named."""

    def __init__(self, words: Mapping[str, Json]) -> None:
        super().__init__(
            str(words.get("what", "the daemon refused")),
            why=str(words.get("why", "")),
            fix=str(words.get("fix", "")),
        )
        code = words.get("exit_code")
        self.exit_code = code if isinstance(code, int) and 0 < code < 128 else 1


class _Line(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(self.timeout)
            line.connect(str(self._path))
        except BaseException:
            line.close()
            raise
        self.sock = line


@dataclass(frozen=True, slots=True)
class Client:
    """One daemon, by its socket (`StateDir.control`). Each call is a connection of its own."""

    path: Path
    timeout_s: float = ANSWER_S

    def get(self, path: str, **query: str) -> Json:
        """Return what is asked for; BlindError: no daemon answers."""
        return self._call("GET", path, None, query)

    def post(self, path: str, body: Json = None, **query: str) -> Json:
        """Have something done and return what came of it; BlindError: no daemon answers, and
        whether it was done is not known if it was reached at all."""
        return self._call("POST", path, body, query)

    def _call(self, method: str, path: str, body: Json, query: Mapping[str, str]) -> Json:
        target = quote(path) + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        link = _Line(self.path, self.timeout_s)
        try:
            link.request(method, target, data, {"Content-Type": "application/json"})
            said = json.loads(link.getresponse().read(ANSWER_BYTES_MAX))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise BlindError(
                "no daemon answers", why="it is not running", fix="novaorch up"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise BlindError(
                "the daemon does not answer as it should", why=str(error), fix="novaorch status"
            ) from error
        finally:
            link.close()
        if isinstance(said, dict) and isinstance(said.get("error"), dict):
            raise Told(said["error"])
        return said.get("value") if isinstance(said, dict) else None
