"""What a runtime's hooks say of what its agent does. Pure; one table of the events' own names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from reconciler.core.resets import reset_at
from reconciler.model.agent import AgentState, Evidence, Waiting, Witness
from reconciler.model.hook import HookEvent
from reconciler.model.ids import Json

_WORKS = {
    "UserPromptSubmit": "a prompt was submitted",
    "PreToolUse": "uses {tool}",
    "PostToolUse": "used {tool}",
    "PostToolUseFailure": "used {tool} in vain",
    "PreCompact": "compacts its conversation",
}
_ASKS = {"AskUserQuestion": Waiting.QUESTION, "ExitPlanMode": Waiting.PLAN}
_NOTES = {
    "permission_prompt": (AgentState.WAITING, Waiting.PERMISSION),
    "elicitation_dialog": (AgentState.WAITING, Waiting.QUESTION),
    "idle_prompt": (AgentState.IDLE, None),
}
_LIMITS = frozenset({"rate_limit", "overloaded", "billing_error"})
_OVERLOAD = re.compile(r"\b529\b|\boverloaded\b", re.IGNORECASE)
_GOES_ON = frozenset({"clear", "resume"})
DETAIL_MAX = 120


def told(event: HookEvent) -> Evidence | None:
    """Return what an event says of its agent's state; None: nothing. Never raises for what is in
    its payload."""
    if event.name in _WORKS:
        words = _WORKS[event.name].format(tool=_short(event.text("tool_name")) or "a tool")
        return _word(event, AgentState.BUSY, words)
    reader = _READERS.get(event.name)
    return reader(event) if reader is not None else None


def background(event: HookEvent) -> int:
    """Return how many tasks go on in the background after a turn."""
    tasks = event.payload.get("background_tasks")
    return sum(map(_runs, tasks)) if isinstance(tasks, list) else 0


def failure_text(event: HookEvent) -> str:
    """Return everything that a failed turn says of why, for whoever looks for an hour in it."""
    names = ("error_details", "last_assistant_message", "message", "error_message")
    return " ".join(text for name in names if (text := event.text(name))) or event.text("error")


def resets(event: HookEvent) -> float:
    """Return the hour at which a limit is over, as the event says it; 0: it does not."""
    for name in ("resetsAt", "resets_at", "reset_at"):
        hour = event.payload.get(name)
        if isinstance(hour, int | float) and not isinstance(hour, bool) and 0 < hour < 1e14:
            return float(hour) / 1000 if hour > 1e11 else float(hour)
    return reset_at(failure_text(event), event.at) or 0.0


def failure(event: HookEvent) -> str:
    """Return why a turn failed, in the runtime's own word; `overloaded` also where it only says so
    in its text."""
    error = event.text("error")
    overloaded = error not in _LIMITS and _OVERLOAD.search(failure_text(event)) is not None
    return "overloaded" if overloaded else error


def _stopped(event: HookEvent) -> Evidence:
    count = background(event)
    more = f"; {count} in the background {'goes' if count == 1 else 'go'} on" if count else ""
    return _word(event, AgentState.IDLE, f"its turn ended{more}")


def _failed(event: HookEvent) -> Evidence:
    error, text = failure(event), _short(failure_text(event))
    if error in _LIMITS:
        word = _word(event, AgentState.LIMITED, text)
        return Evidence(word.witness, word.state, word.at, text, until=resets(event))
    if error == "authentication_failed":
        return _word(event, AgentState.AUTH_LOST, text)
    return _word(event, AgentState.IDLE, f"its turn failed: {text or 'it does not say why'}")


def _asks(event: HookEvent) -> Evidence:
    tool = event.text("tool_name")
    waiting = _ASKS.get(tool, Waiting.PERMISSION)
    detail = f"wants to use {_short(tool) or 'a tool'}"
    return Evidence(Witness.HOOK, AgentState.WAITING, event.at, detail, waiting)


def _noted(event: HookEvent) -> Evidence | None:
    found = _NOTES.get(event.text("notification_type"))
    if found is None:
        return None
    state, waiting = found
    return Evidence(Witness.HOOK, state, event.at, _short(event.text("message")), waiting)


def _ended(event: HookEvent) -> Evidence:
    reason = _short(event.text("reason"))
    if reason in _GOES_ON:
        return _word(event, AgentState.IDLE, f"its conversation was left: {reason}")
    return _word(event, AgentState.DONE, f"its session ended: {reason or 'it does not say why'}")


def _began(event: HookEvent) -> Evidence | None:
    if event.text("source") == "compact":
        return None
    return _word(event, AgentState.STARTING, "its session began")


_READERS: Mapping[str, Callable[[HookEvent], Evidence | None]] = {
    "Stop": _stopped,
    "StopFailure": _failed,
    "PermissionRequest": _asks,
    "Notification": _noted,
    "SessionEnd": _ended,
    "SessionStart": _began,
}


def _word(event: HookEvent, state: AgentState, detail: str) -> Evidence:
    return Evidence(Witness.HOOK, state, event.at, detail)


def _runs(task: Json) -> bool:
    return isinstance(task, dict) and task.get("status", "running") == "running"


def _short(text: str) -> str:
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= DETAIL_MAX else flat[: DETAIL_MAX - 1] + "…"
