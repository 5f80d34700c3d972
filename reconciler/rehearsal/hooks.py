"""The hooks of a settings file: whom an event is told, and what their answers add up to."""

from __future__ import annotations

import json
import os
import re

from reconciler.rehearsal.waits import Pause, Post, Program

TIMEOUT_S = {"UserPromptSubmit": 30.0, "SessionEnd": 1.5}
NOT_BY_HTTP = ("SessionStart", "Setup")
"""The real one tells these to commands only."""
VARIABLE = re.compile(r"\$\{?(\w+)\}?")


class Hooks:
    """What one settings file wants to be told."""

    def __init__(self, settings: str, deaf: bool) -> None:
        self._table: dict[str, list[dict[str, object]]] = {}
        if settings and not deaf:
            self._table = load(settings).get("hooks") or {}

    def calls(self, event: str, payload: dict[str, object]) -> list[Pause]:
        """Begin to tell everybody; return what has to be waited for."""
        begun: list[Pause] = []
        body = json.dumps(payload).encode()
        for group in self._table.get(event, []):
            pattern = group.get("matcher")
            if pattern and pattern != "*" and not re.fullmatch(str(pattern), _subject(payload)):
                continue
            hooks = group.get("hooks")
            for hook in hooks if isinstance(hooks, list) else []:
                wait = _begin(event, hook, body)
                begun += [wait] if wait is not None else []
        return begun


def answer(waits: list[Pause], event: str) -> dict[str, object]:
    """Return what those who were told said, as one answer: `decision`, `reason`, `context`, and
    what a permission hook decided as `behavior`. Silence, nonsense and errors are no answer."""
    merged: dict[str, object] = {}
    contexts: list[str] = []
    for wait in waits:
        if not isinstance(wait, Post | Program) or wait.status != 200:
            continue
        said = _said(wait.body, event)
        merged |= {key: said[key] for key in ("decision", "reason", "continue") if key in said}
        special = said.get("hookSpecificOutput")
        if isinstance(special, dict):
            contexts += [str(special["additionalContext"])] if special.get(_CONTEXT) else []
            merged |= _decided(special)
    return {**merged, "context": "\n".join(contexts)[:10_000]}


_CONTEXT = "additionalContext"


def load(named: str) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Return a JSON object given as text or as a path; nothing when it cannot be read."""
    try:
        text = named
        if not named.lstrip().startswith("{"):
            with open(named, encoding="utf-8") as file:
                text = file.read()
        found = json.loads(text)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def filled(headers: object, allowed: object = None) -> dict[str, str]:
    """Return headers with variables filled in; `allowed` names which, None is any."""

    def value(found: re.Match[str]) -> str:
        may = not isinstance(allowed, list) or found[1] in allowed
        return os.environ.get(found[1], "") if may else ""

    told = headers if isinstance(headers, dict) else {}
    return {str(name): VARIABLE.sub(value, str(text)) for name, text in told.items()}


def _begin(event: str, hook: dict[str, object], body: bytes) -> Pause | None:
    told = hook.get("timeout")
    limit = float(told) if isinstance(told, int | float) else TIMEOUT_S.get(event, 600.0)
    if hook.get("type") == "command":
        return Program(str(hook.get("command")), body, limit)
    if hook.get("type") == "http" and event not in NOT_BY_HTTP:
        headers = filled(hook.get("headers"), hook.get("allowedEnvVars") or [])
        return Post(str(hook["url"]), headers, body, limit)
    return None


def _subject(payload: dict[str, object]) -> str:
    """Return what a matcher is held against."""
    return str(payload.get("tool_name") or payload.get("source") or payload.get("reason") or "")


def _said(body: bytes, event: str) -> dict[str, object]:
    text = body.decode("utf-8", "replace").strip()
    try:
        found = json.loads(text or "{}")
    except ValueError:
        spoken = event in ("SessionStart", "UserPromptSubmit")
        found = {"hookSpecificOutput": {_CONTEXT: text}} if spoken else {}
    return found if isinstance(found, dict) else {}


def _decided(special: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    decision = special.get("decision")
    if isinstance(decision, dict) and decision.get("behavior") in ("allow", "deny"):
        found = {"behavior": decision["behavior"], "because": decision.get("message", "")}
    if special.get("permissionDecision") in ("allow", "deny", "ask"):
        found = {"behavior": special["permissionDecision"]}
        found["because"] = special.get("permissionDecisionReason", "")
    return found
