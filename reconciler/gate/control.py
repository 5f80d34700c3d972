"""What is served at the control socket: the command line asks, the daemon answers, in JSON.

Whoever can open the socket is the user that the daemon runs as; nobody else can.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, unquote

from reconciler.gate.doors import Call, Control, Controls, Doors
from reconciler.gate.page import Page, Receive, RefusedAnswer, Scope, Send, of_json, put
from reconciler.gate.request import Request, body, fit, no_body, within
from reconciler.model.ids import Json
from reconciler.model.problems import NovaorchError

BODY_BYTES_MAX = 1 << 20


class ControlRoom:
    """The application behind the socket."""

    def __init__(self, doors: Doors, pool: ThreadPoolExecutor, patience_s: float) -> None:
        self._doors, self._pool, self._patience_s = doors, pool, patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; never fails."""
        if scope["type"] != "http":
            return
        try:
            await put(send, await self._answer(fit(scope), receive))
        except RefusedAnswer as refused:
            self._doors.counts.refused(refused.reason)
            why = {"what": str(refused), "why": "", "fix": "", "exit_code": 1}
            await put(send, of_json({"error": why}, refused.page.status))  # type: ignore[dict-item]
        except ConnectionError:
            return

    async def _answer(self, request: Request, receive: Receive) -> Page:
        control, named = _found(self._doors.controls, request)
        if request.method == "GET":
            no_body(request)
        within(request, BODY_BYTES_MAX)
        data = await body(receive, BODY_BYTES_MAX, self._patience_s)
        try:
            value: Json = json.loads(data) if data else None
        except (ValueError, RecursionError):
            raise RefusedAnswer(400, "the body is no JSON", "request") from None
        call = Call(named, dict(parse_qsl(request.query)), value)
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._pool, control, call)
        except NovaorchError as error:
            return of_json({"error": as_json(error)}, 409)
        except Exception as error:
            self._doors.log(f"{request.path} broke: {type(error).__name__}: {error}")
            return of_json({"error": as_json(_defect(error))}, 500)
        return of_json({"value": done})


def as_json(error: NovaorchError) -> dict[str, Json]:
    """Return an error as it travels."""
    code = error.exit_code
    return {"what": error.what, "why": error.why, "fix": error.fix, "exit_code": code}


def _defect(error: Exception) -> NovaorchError:
    why = f"{type(error).__name__}: a defect of novaorch"
    return NovaorchError("the daemon could not do it", why=why, fix="look at the daemon's log")


def _found(controls: Controls, request: Request) -> tuple[Control, dict[str, str]]:
    """Return who answers, and the words in braces. RefusedAnswer: nobody does."""
    words = [unquote(word) for word in request.path.split("/")]
    fitting = {
        method: (control, named)
        for (method, path), control in controls.items()
        if (named := _named(path.split("/"), words)) is not None
    }
    if request.method in fitting:
        return fitting[request.method]
    if fitting:
        raise RefusedAnswer(405, f"only {', '.join(sorted(fitting))} is served here", "method")
    raise RefusedAnswer(404, f"nothing is served at {request.path}", "request")


def _named(pattern: list[str], words: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(words):
        return None
    named: dict[str, str] = {}
    for part, word in zip(pattern, words, strict=True):
        if part.startswith("{"):
            named[part[1:-1]] = word
        elif part != word:
            return None
    return named
