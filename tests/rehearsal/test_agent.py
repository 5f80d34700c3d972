"""The fake agent in a real pane: it behaves like the real one wherever somebody counts on it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.screen import read
from reconciler.kinds.runtimes import RUNTIMES
from reconciler.model.agent import AgentState, Waiting
from tests.rehearsal.stage import CONVERSATION, MARK, Ear, Stage

LOOKS = RUNTIMES["fake"].looks
BUSY = f"work on it [novaorch:{MARK}]\nCALL Read {{}}\nTHINK 0.3\nSAY over"


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as made:
        yield made


@pytest.fixture
def at(stage: Path, ear: Ear) -> Iterator[Stage]:
    made = Stage(stage, ear.url)
    yield made
    made.close()


def seen(at: Stage) -> Any:
    return read(at.looked(), LOOKS)


def test_a_turn_tells_its_hooks_and_writes_down_what_the_model_was_given(
    at: Stage, ear: Ear
) -> None:
    ear.answer = lambda name, _: (
        {"hookSpecificOutput": {"hookEventName": name, "additionalContext": f"told at {name}"}}
        if name in ("UserPromptSubmit", "PostToolUse")
        else {}
    )
    at.start()
    at.say(BUSY)
    at.until(lambda: "Stop" in ear.names, "the end of the turn")
    assert ear.names == ["UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop"]
    assert ear.tokens == {"Bearer secret"}
    assert ear.of("UserPromptSubmit")[0]["prompt"] == BUSY
    assert ear.of("Stop")[0]["last_assistant_message"] == "over"
    assert [(row["route"], row["marks"]) for row in at.truth] == [
        ("typed", [MARK]),
        ("prompt", [MARK]),
        ("UserPromptSubmit", []),
        ("tool", []),
        ("PostToolUse", []),
    ]
    kinds = [row["type"] for row in at.transcript]
    assert kinds == ["user", "attachment", "assistant", "user", "attachment", "assistant"]
    assert at.transcript[0]["message"] == {"role": "user", "content": BUSY}
    at.until(lambda: at.session()["status"] == "idle", "idle in the session file")


def test_what_it_shows_is_read_as_what_it_does(at: Stage) -> None:
    at.start()
    assert seen(at).state is AgentState.IDLE
    assert seen(at).ready
    at.say("half a thought\nand another", "Left")
    at.until(lambda: seen(at).draft, "a draft")
    assert seen(at).draft == "half a thought and another"
    at.press("C-u")
    at.say("THINK 1.5")
    at.until(lambda: seen(at).state is AgentState.BUSY, "busy")
    assert at.session()["status"] == "busy"
    at.until(lambda: seen(at).ready, "ready again")
    at.say('CALL Bash {"command": "rm x"}')
    at.until(lambda: seen(at).state is AgentState.WAITING, "a question")
    assert seen(at).waiting is Waiting.PERMISSION
    assert at.session()["waitingFor"] == "permission prompt"
    at.press("Escape")
    at.until(lambda: seen(at).ready, "ready after the question")
    at.say("LIMIT 600")
    at.until(lambda: seen(at).state is AgentState.LIMITED, "limited")
    assert seen(at).draft in ("", "R"), "the hint is no draft"


def test_a_held_permission_is_answered_by_its_hook(at: Stage, ear: Ear) -> None:
    def answer(name: str, _: dict[str, Any]) -> dict[str, Any]:
        if name != "PermissionRequest":
            return {}
        time.sleep(0.5)
        decision = {"behavior": "deny", "message": "not on a Sunday"}
        return {"hookSpecificOutput": {"hookEventName": name, "decision": decision}}

    ear.answer = answer
    at.start()
    at.say('CALL Bash {"command": "deploy"}\nSAY so be it')
    at.until(lambda: "Do you want to proceed?" in at.screen(), "the dialog")
    at.until(lambda: "so be it" in at.screen() and "Stop" in ear.names, "the answer")
    assert "PostToolUse" not in ear.names
    assert "rejected" in str(at.transcript[2]["message"]["content"])


def test_a_held_permission_is_answered_by_a_key_as_well(at: Stage, ear: Ear) -> None:
    held = time.monotonic() + 3

    def answer(name: str, _: dict[str, Any]) -> dict[str, Any]:
        if name == "PermissionRequest":
            time.sleep(max(0.0, held - time.monotonic()))
        return {}

    ear.answer = answer
    at.start()
    at.say('CALL Bash {"command": "deploy"}')
    at.until(lambda: "Do you want to proceed?" in at.screen(), "the dialog")
    at.say("typed blindly", "1")
    at.until(lambda: "PostToolUse" in ear.names, "the tool")
    assert time.monotonic() < held
    assert "typed blindly" not in at.screen(), "what is typed at a dialog is lost"


def test_rules_and_modes_spare_a_question(at: Stage, ear: Ear) -> None:
    at.start("--session-id", CONVERSATION, "--allowedTools", "Bash(git *),mcp__x", "--model", "m")
    at.say('CALL Bash {"command": "git log"}')
    at.until(lambda: "Stop" in ear.names, "the end of the turn")
    assert "PermissionRequest" not in ear.names


def test_a_stop_hook_keeps_the_turn_going(at: Stage, ear: Ear) -> None:
    def answer(name: str, told: dict[str, Any]) -> dict[str, Any]:
        if name == "Stop" and not told["stop_hook_active"]:
            return {"decision": "block", "reason": f"more [novaorch:{MARK}]\nSAY twice"}
        return {}

    ear.answer = answer
    at.start()
    at.say("once")
    at.until(lambda: len(ear.of("Stop")) == 2, "two stops")
    assert [told["last_assistant_message"] for told in ear.of("Stop")] == ["Done.", "twice"]
    assert [row["marks"] for row in at.truth if row["route"] == "Stop"] == [[MARK]]
    assert "UserPromptSubmit" not in ear.names[1:]


def test_a_prompt_may_be_refused(at: Stage, ear: Ear) -> None:
    ear.answer = lambda name, _: (
        {"decision": "block", "reason": "no"} if name == "UserPromptSubmit" else {}
    )
    at.start()
    at.say(f"[novaorch:{MARK}]")
    at.until(lambda: "Blocked by hook: no" in at.screen(), "the refusal")
    assert [row["route"] for row in at.truth] == ["typed"]


def test_a_hook_that_is_down_blocks_nobody(at: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    down = {"type": "http", "url": f"http://127.0.0.1:{port}/", "timeout": 600}
    at.hooks = {"UserPromptSubmit": [{"hooks": [down]}], "Stop": [{"hooks": [down]}]}
    at.start()
    at.say("SAY through")
    at.until(lambda: "through" in at.screen().partition("SAY through")[2], "the answer")


def test_a_hook_that_hangs_is_left_alone_when_its_time_is_over(at: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        slow = {"type": "http", "url": url, "timeout": 1}
        at.hooks = {"UserPromptSubmit": [{"hooks": [slow]}]}
        at.start()
        at.say("SAY through")
        at.press("d", "r", "a", "f", "t")
        at.until(lambda: "draft" in at.screen(), "keys are heard meanwhile")
        at.until(lambda: "● through" in at.screen(), "the answer")


def test_prompts_that_come_while_it_works_wait_their_turn(at: Stage, ear: Ear) -> None:
    at.start()
    at.say("one\nTHINK 0.4")
    at.say("two")
    at.until(lambda: len(ear.of("Stop")) == 2, "two turns")
    assert [row["text"].split("\n")[0] for row in at.truth] == ["one", "two"]


def test_an_enter_is_swallowed_and_the_next_is_not(at: Stage, ear: Ear) -> None:
    at.script["swallow"] = 1
    at.start()
    at.say("hello")
    at.until(lambda: seen(at).draft == "hello", "the text in the composer")
    assert ear.names == []
    at.press("Enter")
    at.until(lambda: "Stop" in ear.names, "the turn")


def test_a_long_paste_is_folded_and_submitted_whole(at: Stage, ear: Ear) -> None:
    long = "\n".join(f"line {number}" for number in range(30))
    at.start()
    at.say(long, "Left")
    at.until(lambda: seen(at).draft == "[Pasted text #1 +29 lines]", "the fold")
    at.press("Enter")
    at.until(lambda: ear.of("UserPromptSubmit"), "the prompt")
    assert ear.of("UserPromptSubmit")[0]["prompt"] == long


def test_a_slow_start_loses_an_enter_too(at: Stage, ear: Ear) -> None:
    at.script["start_s"] = 0.6
    at.start(ready="")
    at.say("early")
    at.until(lambda: seen(at).draft is not None and "early" in str(seen(at).draft), "the draft")
    assert ear.names == []


def test_nothing_is_done_before_the_folder_is_trusted(at: Stage, ear: Ear) -> None:
    at.trust(False)
    at.start(ready="Yes, I trust this folder")
    assert seen(at).waiting is Waiting.TRUST
    at.say("hello", "Down", "Enter")
    at.until(lambda: seen(at).ready, "the composer")
    assert ear.names == []
    assert seen(at).draft == ""


def test_a_blind_enter_at_the_trust_question_ends_it(at: Stage) -> None:
    at.trust(False)
    at.start(ready="Yes, I trust this folder")
    at.press("Enter")
    at.until(lambda: at.ended() == "1", "the end")


def test_a_limit_is_told_and_is_no_end(at: Stage, ear: Ear) -> None:
    at.start()
    at.say("LIMIT 0")
    at.until(lambda: "StopFailure" in ear.names, "the failure")
    assert ear.of("StopFailure")[0]["error"] == "rate_limit"
    assert "Stop" not in ear.names
    assert at.transcript[-1]["isApiErrorMessage"] is True
    at.say("and again")
    at.until(lambda: "Stop" in ear.names, "the next turn")


def test_a_conversation_is_resumed_and_never_begun_twice(at: Stage, ear: Ear) -> None:
    at.start()
    at.say("one")
    at.until(lambda: "Stop" in ear.names, "a turn")
    at.kill()
    at.start("--resume", CONVERSATION)
    at.say("two")
    at.until(lambda: len(ear.of("Stop")) == 2, "another turn")
    assert [told["session_id"] for told in ear.of("Stop")] == [CONVERSATION] * 2
    prompts = [r["message"]["content"] for r in at.transcript if r["type"] == "user"]
    assert prompts == ["one", "two"]
    at.kill()
    at.start("--session-id", CONVERSATION, ready="is already in use")
    at.tmux("kill-server")
    at.start("--resume", "22222222-1111-5111-8111-111111111111", ready="No conversation found")


def test_a_polite_end_is_told_and_leaves_no_session_file(at: Stage, ear: Ear) -> None:
    at.start()
    pid = at.pid()
    at.say("/exit")
    at.until(lambda: at.ended() == "0", "the end")
    assert ear.of("SessionEnd")[0]["reason"] == "prompt_input_exit"
    assert not list((at.folder / "home" / ".claude" / "sessions").glob(f"{pid}*"))


def test_a_crash_is_no_polite_end(at: Stage, ear: Ear) -> None:
    at.script["crash_every"] = 2
    at.start()
    at.say("fine")
    at.until(lambda: "Stop" in ear.names, "a turn")
    at.say("not fine")
    at.until(lambda: at.ended() == "1", "the end")
    assert "SessionEnd" not in ear.names
    assert at.truth[-1]["text"] == "not fine"


def test_a_start_tells_commands_and_not_http(at: Stage, ear: Ear) -> None:
    said = {"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "charter"}}
    command = f"cat > {at.folder}/told.json; echo '{json.dumps(said)}'"
    at.hooks["SessionStart"].append({"hooks": [{"type": "command", "command": command}]})
    at.start()
    at.until(lambda: at.truth, "the context")
    assert (at.truth[0]["route"], at.truth[0]["text"]) == ("SessionStart", "charter")
    assert json.loads((at.folder / "told.json").read_text())["source"] == "startup"
    assert ear.names == []


def test_tools_of_servers_are_really_called(at: Stage, ear: Ear) -> None:
    def answer(name: str, told: dict[str, Any]) -> dict[str, Any]:
        if name != "tools/call":
            return {}
        text = f"{told['params']['name']} {told['params']['arguments']['to']}"
        result = {"content": [{"type": "text", "text": text}]}
        return {"jsonrpc": "2.0", "id": told["id"], "result": result}

    ear.answer = answer
    headers = {"Authorization": "Bearer ${NOVAORCH_TOKEN}"}
    server = {"type": "http", "url": f"{ear.url}/mcp", "headers": headers}
    config = json.dumps({"mcpServers": {"novaorch": server}})
    words = ("--mcp-config", config, "--strict-mcp-config", "--allowedTools", "mcp__novaorch")
    at.start("--session-id", CONVERSATION, *words)
    at.say('CALL mcp__novaorch__send_message {"to": "ada"}')
    at.until(lambda: "Stop" in ear.names, "the turn")
    assert "initialize" in ear.names
    assert ("tool", "send_message ada") in [(row["route"], row["text"]) for row in at.truth]
    assert ear.tokens == {"Bearer secret"}


def test_escape_breaks_a_turn_off(at: Stage, ear: Ear) -> None:
    at.start()
    at.say("long\nTHINK 60")
    at.until(lambda: "esc to interrupt" in at.screen(), "busy")
    at.press("Escape")
    at.until(lambda: seen(at).ready, "ready")
    assert "Stop" not in ear.names
    at.say("short")
    at.until(lambda: "Stop" in ear.names, "the next turn")


def test_a_deaf_one_calls_nobody(at: Stage, ear: Ear) -> None:
    at.script["deaf"] = True
    at.start()
    at.say("SAY done")
    at.until(lambda: "● done" in at.screen(), "the turn")
    assert ear.names == []


def test_a_first_prompt_may_come_on_the_command_line(at: Stage, ear: Ear) -> None:
    at.start("--session-id", CONVERSATION, "--", "begin\nSAY begun")
    at.until(lambda: "Stop" in ear.names, "the turn")
    assert at.truth[0]["text"] == "begin\nSAY begun"


def test_a_word_that_it_does_not_know_ends_it_at_once(at: Stage) -> None:
    at.script["hurry"] = True
    at.start(ready="FAKE_AGENT: there is no 'hurry'")


def test_it_is_light(at: Stage) -> None:
    at.start()
    told = Path(f"/proc/{at.pid()}/smaps_rollup").read_text()
    pss = next(line for line in told.splitlines() if line.startswith("Pss:"))
    assert int(pss.split()[1]) < 16_000, "kilobytes of its own share of memory"
