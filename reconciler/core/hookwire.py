"""The words between Claude Code's hooks and us: what is subscribed to, what comes, what goes back.

Touches nothing. What is not understood is passed on as it is, and answered with silence: a hook
that fails would cost the agent a line on its screen, and nothing is worth more than that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId

TIMEOUT_S = 1
"""Whole seconds, as settings have them. An agent waits no longer for a gate that is down, hangs or
babbles; the gate itself answers sooner."""
HELD_TIMEOUT_S = 86_400
"""A permission may take a person's time: its dialog is on the screen all the while."""
SUBSCRIBED: Mapping[str, int] = {
    "UserPromptSubmit": TIMEOUT_S,
    "PreToolUse": TIMEOUT_S,
    "PostToolUse": TIMEOUT_S,
    "PostToolUseFailure": TIMEOUT_S,
    "PermissionRequest": HELD_TIMEOUT_S,
    "Notification": TIMEOUT_S,
    "Stop": TIMEOUT_S,
    "StopFailure": TIMEOUT_S,
    "SessionEnd": TIMEOUT_S,
}
"""The events to ask for by HTTP, and how long each may take. An event that a version does not know
makes it stop at its start and ask a person, so there is none that only some know."""
GONE = "PermissionGone"
"""A word of our own: whoever asked for a permission does not wait for the answer any more. The
person at the pane said no, or the agent is no more."""
TEXT_MAX = 10_000
"""More of a text is cut off by the client; we cut it ourselves and say so."""
GO_ON_MAX = 5
"""So many times in a row a turn that would end is made to go on; then it ends."""

_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}\Z")
_CUT = "\n[cut here: it was longer than a hook may say]"
_CONTEXT = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure")
_ENDS = ("Stop", "SubagentStop")


def is_name(text: str) -> bool:
    """Whether a text can be the name of an event."""
    return _NAME.match(text) is not None


def event(unit: UnitId, name: str, at: float, body: bytes) -> HookEvent | None:
    """Return what a runtime told; None when it is no JSON object."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return HookEvent(unit, name, at, payload) if isinstance(payload, dict) else None


def answer(name: str, said: HookAnswer, gone_on: int = 0) -> dict[str, Json]:
    """Return what goes back for an event, `{}` for nothing.

    `gone_on` counts how often in a row this turn was made to go on already. What an event has no
    place for is left out.
    """
    if name == "PermissionRequest":
        return _permission(said)
    if name in _ENDS:
        text = said.go_on or said.refuse
        go_on = bool(text) and gone_on < GO_ON_MAX
        return {"decision": "block", "reason": cut(text)} if go_on else {}
    if name == "PreToolUse" and said.refuse:
        reason: dict[str, Json] = {"permissionDecisionReason": cut(said.refuse)}
        return _specific(name, {"permissionDecision": "deny", **reason})
    if name == "UserPromptSubmit" and said.refuse:
        return {"decision": "block", "reason": cut(said.refuse)}
    if name in _CONTEXT and said.context:
        return _specific(name, {"additionalContext": cut(said.context)})
    return {}


def _permission(said: HookAnswer) -> dict[str, Json]:
    word = "deny" if said.refuse else said.decision
    if word == "allow":
        decision: dict[str, Json] = {"behavior": "allow"}
    elif word == "deny":
        because = said.refuse or said.because or "not allowed"
        decision = {"behavior": "deny", "message": cut(because)}
    else:
        return {}
    return _specific("PermissionRequest", {"decision": decision})


def _specific(name: str, fields: dict[str, Json]) -> dict[str, Json]:
    return {"hookSpecificOutput": {"hookEventName": name, **fields}}


def cut(text: str) -> str:
    """Return a text that the client takes whole, with a word at its end if it was longer.

    It counts as JavaScript does, where some characters are two. Half a character cannot be sent:
    it becomes a question mark.
    """
    fit = text.encode("utf-8", "replace").decode("utf-8")
    units = fit.encode("utf-16-le")
    if len(units) <= 2 * TEXT_MAX:
        return fit
    return units[: 2 * (TEXT_MAX - len(_CUT))].decode("utf-16-le", "ignore") + _CUT
