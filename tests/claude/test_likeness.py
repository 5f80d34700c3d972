"""The fake agent and the real one, through the same scenes: what counts on one, counts on both.

Each scene is one life, since a real one takes seconds to start.
"""

from __future__ import annotations

import time
from typing import Any

from reconciler.core.screen import Reading, read
from reconciler.kinds.runtimes import RUNTIMES
from reconciler.model.agent import AgentState, Waiting
from tests.claude.model import UNKNOWN_KEY, ScriptedModel, limited
from tests.rehearsal.stage import CONVERSATION, MARK, Ear, Stage

LOOKS = RUNTIMES["claude-code"].looks
DEFAULT = ("--permission-mode", "default", "--model", "opus")
NEW = ("--session-id", CONVERSATION, *DEFAULT)
RESUMED = ("--resume", CONVERSATION, *DEFAULT)
COMMON = {"session_id", "transcript_path", "cwd", "hook_event_name"}


def seen(at: Stage) -> Reading:
    return read(at.looked(), LOOKS)


def settle(at: Stage) -> None:
    """Wait until a prompt would be taken: twice, since an early Enter may be swallowed."""
    for _ in range(2):
        at.until(lambda: seen(at).ready, "a composer that takes text")
        time.sleep(0.3)


def prompt(at: Stage, ear: Ear, text: str) -> None:
    """Say something until a hook proves that it was heard."""
    count = len(ear.of("UserPromptSubmit"))
    at.say(text)
    end = time.monotonic() + 1.5
    while len(ear.of("UserPromptSubmit")) == count:
        if time.monotonic() > end:
            at.press("Enter")
            end = time.monotonic() + 1.5
        time.sleep(0.02)


def test_a_turn_with_a_tool_a_hook_s_words_and_a_stop_that_goes_on(at: Stage, ear: Ear) -> None:
    def answer(name: str, told: dict[str, Any]) -> dict[str, Any]:
        if name == "PostToolUse":
            text = f"[novaorch:{MARK}] from a hook"
            return {"hookSpecificOutput": {"hookEventName": name, "additionalContext": text}}
        if name == "Stop" and not told["stop_hook_active"]:
            return {"decision": "block", "reason": "one more thing\nSAY twice"}
        return {}

    ear.answer = answer
    at.start("--allowedTools", "Bash", *NEW)
    settle(at)
    prompt(at, ear, 'begin\nCALL Bash {"command": "echo hi", "description": "d"}\nSAY once')
    at.until(lambda: len(ear.of("Stop")) == 2, "two stops")
    assert ear.names == ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "Stop"]
    assert all(told.keys() >= COMMON for _, told in ear.heard)
    assert "begin" in ear.of("UserPromptSubmit")[0]["prompt"]
    tool = ear.of("PreToolUse")[0]
    assert (tool["tool_name"], tool["tool_input"]["command"]) == ("Bash", "echo hi")
    stops = [told["last_assistant_message"] for told in ear.of("Stop")]
    assert stops == ["once", "twice"]
    at.until(lambda: seen(at).ready, "ready again")
    # It writes its transcript a while after the turn.
    at.until(lambda: "one more thing" in str(at.transcript), "the transcript")
    said = [str(row) for row in at.transcript]
    assert any(f"[novaorch:{MARK}]" in row and "hook_additional_context" in row for row in said)
    assert sum("begin" in row and row.startswith("{") for row in said) >= 1
    assert ear.of("Stop")[0]["transcript_path"].endswith(f"/{CONVERSATION}.jsonl")
    at.say("/exit", "")
    at.insist("Enter", lambda: at.ended() == "0", "the end")
    at.until(lambda: ear.of("SessionEnd"), "the last word")
    assert not list((at.folder / "home" / ".claude" / "sessions").glob("*.json"))


def test_what_it_shows_and_what_its_file_says(at: Stage, ear: Ear, model: ScriptedModel) -> None:
    at.start(*NEW)
    settle(at)
    assert seen(at).state is AgentState.IDLE
    at.until(lambda: at.session()["status"] == "idle", "idle in its file")
    at.say("half a thought\nand another", "Left")
    at.until(lambda: seen(at).draft == "half a thought and another", "a draft")
    at.press("C-c")
    at.until(lambda: seen(at).draft == "", "no draft")
    prompt(at, ear, "THINK 2")
    at.until(lambda: seen(at).state is AgentState.BUSY, "busy")
    at.until(lambda: at.session()["status"] == "busy", "busy in its file")
    at.until(lambda: seen(at).ready, "ready again")
    prompt(at, ear, 'CALL Bash {"command": "touch made", "description": "d"}\nSAY so be it')
    at.until(lambda: seen(at).waiting is Waiting.PERMISSION, "a question")
    assert ear.of("PermissionRequest")[0]["tool_name"] == "Bash"
    at.insist("1", lambda: "PostToolUse" in ear.names, "the tool")
    at.until(lambda: seen(at).ready, "ready once more")
    fake = at.argv[-1].endswith("agent")
    model.refusals.append(limited(time.time() + 3600))
    prompt(at, ear, "LIMIT 3600" if fake else "too much")
    at.until(lambda: ear.of("StopFailure"), "the limit")
    assert ear.of("StopFailure")[0]["error"] == "rate_limit"
    at.until(lambda: seen(at).state is AgentState.LIMITED, "limited")
    at.until(lambda: seen(at).draft == "", "no draft: a hint is none, once it is drawn")
    model.refusals.extend([UNKNOWN_KEY] * 3)
    prompt(at, ear, "AUTH" if fake else "who am I")
    at.until(lambda: len(ear.of("StopFailure")) == 2, "the wrong key")
    assert ear.of("StopFailure")[1]["error"] == "authentication_failed"
    at.until(lambda: seen(at).state is AgentState.AUTH_LOST, "auth lost")


def test_killed_and_resumed_it_is_the_same_conversation(at: Stage, ear: Ear) -> None:
    at.start(*NEW)
    settle(at)
    prompt(at, ear, "before")
    # It writes its transcript a while after the turn; a kill before that leaves nothing.
    at.until(lambda: "Done." in str(at.transcript), "a turn in the transcript")
    at.kill()
    at.start(*RESUMED)
    settle(at)
    prompt(at, ear, "after")
    at.until(lambda: len(ear.of("Stop")) == 2, "another turn")
    assert {told["session_id"] for told in ear.of("Stop")} == {CONVERSATION}
    assert len(list((at.folder / "home" / ".claude" / "projects").glob("*/*.jsonl"))) == 1
    at.kill()
    # It says that the id is in use, and ends at once; of both, tmux may lose one.
    at.start(*NEW, ready=("Pane is dead (status 1", "already in use"))


def test_a_folder_that_nobody_trusts(at: Stage, ear: Ear) -> None:
    at.trust(False)
    at.start(*NEW, ready="I trust this folder")
    at.until(lambda: seen(at).waiting is Waiting.TRUST, "the question")
    assert ear.names == []
