"""What an agent runtime finds when it starts, and what nobody else does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.claude_code import plugin
from reconciler.adapters.claude_code.outfitter import OF_ANOTHER
from reconciler.core.conversation import conversation
from reconciler.core.hookwire import HELD_TIMEOUT_S, SUBSCRIBED, TEXT_MAX
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Launch
from tests.adapters.claude_code.wardrobe import (
    FLEET,
    GATE,
    UNIT,
    Wardrobe,
    after,
    begin,
    env,
    program,
    tree,
)

OWN = conversation(FLEET, UNIT)


def words(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the program and what follows it: without what takes variables away."""
    rest = argv[1:]
    while rest[0] == "-u":
        rest = rest[2:]
    return rest


def command(wardrobe: Wardrobe) -> None:
    """Put a command `novaorch` on the agents' path."""
    (wardrobe.root / "bin" / "novaorch").write_text("#!/bin/sh\n")
    (wardrobe.root / "bin" / "novaorch").chmod(0o755)


def test_what_its_plugin_runs_is_on_its_path(
    wardrobe: Wardrobe, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = wardrobe.root / "own"
    own.mkdir()
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    assert "PATH" not in env(wardrobe.dress()), "there is none to be found"
    (own / "novaorch").touch()
    assert env(wardrobe.dress())["PATH"] == f"{wardrobe.environ['PATH']}:{own}"
    command(wardrobe)
    assert "PATH" not in env(wardrobe.dress()), "it has one already"


def test_the_plugin_is_whole() -> None:
    names = {path.name for path in (Path(plugin.folder()) / "commands").iterdir()}
    assert {name.removesuffix(".md") for name in names} == {
        *("status", "tasks", "send", "wake", "auto", "manual", "train", "stop", "metrics"),
        "escalate",
    }


def test_a_new_agent_begins_its_own_conversation(wardrobe: Wardrobe) -> None:
    command(wardrobe)
    outfit = wardrobe.dress(model="opus", prompt="Begin {now}.")
    folder = wardrobe.folder()
    assert words(outfit.argv) == (
        *("claude", "--session-id", OWN, "--settings", f"{folder}/settings.json"),
        *("--mcp-config", f"{folder}/mcp.json", "--strict-mcp-config"),
        *("--plugin-dir", plugin.folder(), "--model", "opus"),
        *("--permission-mode", "default", "--", "Begin {now}."),
    )
    assert env(outfit) == {
        "NOVAORCH_TOKEN": "token-1",
        "NOVAORCH_GATE": GATE,
        "NOVAORCH_CONVERSATION": OWN,
        "DISABLE_AUTOUPDATER": "1",
    }


def test_its_files_are_its_owners_alone(wardrobe: Wardrobe) -> None:
    old = os.umask(0)
    try:
        wardrobe.dress()
    finally:
        os.umask(old)
    for name, mode in tree(wardrobe.folder()).items():
        assert mode == 0o600, name
    assert wardrobe.folder().stat().st_mode & 0o777 == 0o700
    wardrobe.folder().chmod(0o755)
    wardrobe.dress()
    assert wardrobe.folder().stat().st_mode & 0o777 == 0o700


def test_the_token_is_in_the_environment_and_nowhere_else(wardrobe: Wardrobe) -> None:
    outfit = wardrobe.dress(prompt="x", tools=("Read",))
    assert "token-1" not in " ".join(outfit.argv)
    for path in wardrobe.root.rglob("*"):
        if path.is_file():
            assert b"token-1" not in path.read_bytes(), path


def test_it_is_told_apart_from_an_agent_around_it(wardrobe: Wardrobe) -> None:
    outfit = wardrobe.dress()
    given = replace(wardrobe.launch(), env=(("CLAUDE_CODE_ENTRYPOINT", "mine"),))
    other = wardrobe.dress(launch=given)
    shown = (*outfit.argv[: outfit.argv.index("claude")], "env")
    said = subprocess.run(
        shown,
        env={"PATH": "/usr/bin:/bin", "KEPT": "1", **dict.fromkeys(OF_ANOTHER, "outer")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "outer" not in said.stdout
    assert "KEPT=1" in said.stdout
    assert "CLAUDE_CODE_ENTRYPOINT" not in other.argv, "what a manifest says itself stays"


# -- settings --------------------------------------------------------------------------------------


def test_hooks_tell_the_gate_and_wait_for_nobody_else_long(wardrobe: Wardrobe) -> None:
    wardrobe.dress(tools=("Read", "Bash(git log:*)"))
    settings = wardrobe.json("settings.json")
    assert settings["permissions"] == {"allow": ["Read", "Bash(git log:*)", "mcp__novaorch"]}
    hooks = settings["hooks"]
    assert set(hooks) == {*SUBSCRIBED, "SessionStart"}
    for event in SUBSCRIBED:
        ((hook,),) = [group["hooks"] for group in hooks[event]]
        assert hook["type"] == "http"
        assert hook["url"] == f"{GATE}/hook/{event}"
        assert hook["headers"] == {"Authorization": "Bearer $NOVAORCH_TOKEN"}
        assert hook["allowedEnvVars"] == ["NOVAORCH_TOKEN"]
        assert hook["timeout"] <= 1 or (event, hook["timeout"]) == (
            "PermissionRequest",
            HELD_TIMEOUT_S,
        )


def test_the_first_hook_tells_who_it_is_and_leaves_a_note(wardrobe: Wardrobe) -> None:
    wardrobe.dress()
    ((group,),) = [wardrobe.json("settings.json")["hooks"]["SessionStart"]]
    assert group["matcher"] == "startup|resume|clear|compact"
    told = json.dumps({"session_id": OWN})
    command = group["hooks"][0]["command"]
    said = subprocess.run(
        ["/bin/sh", "-c", command], input=told, capture_output=True, text=True, check=True
    )
    context = json.loads(said.stdout)["hookSpecificOutput"]["additionalContext"]
    for part in (UNIT, FLEET, "verify_message", "read_inbox", "Keep it lit."):
        assert part in context
    assert wardrobe.json("began.json") == {"session_id": OWN}
    assert (wardrobe.folder() / "began.json").stat().st_mode & 0o777 == 0o600


def test_a_folder_with_a_strange_name_is_quoted_for_the_shell(tmp_path: Path) -> None:
    place = tmp_path / "a b'$(touch hacked)"
    place.mkdir()
    wardrobe = Wardrobe(place)
    wardrobe.dress()
    command = wardrobe.json("settings.json")["hooks"]["SessionStart"][0]["hooks"][0]["command"]
    said = subprocess.run(
        ["/bin/sh", "-c", command],
        input="{}",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "hookSpecificOutput" in said.stdout
    assert not (tmp_path / "hacked").exists()


def test_who_has_a_work_tree_of_its_own_is_told_so(wardrobe: Wardrobe) -> None:
    def told() -> str:
        said = wardrobe.json("session-start.json")["hookSpecificOutput"]["additionalContext"]
        return str(said)

    wardrobe.dress()
    assert "work tree" not in told()
    launch = replace(wardrobe.launch(), env=(("NOVAORCH_REPOSITORY", "/srv/fleet"),))
    wardrobe.dress(launch=launch)
    assert "`save_work`" in told()
    wardrobe.charter = "x" * 20_000
    wardrobe.dress(launch=launch)
    assert len(told()) <= TEXT_MAX


@pytest.mark.parametrize("charter", ["line of a charter\n" * 2000, "🪁" * 20_000])
def test_a_long_charter_is_cut_and_says_so(wardrobe: Wardrobe, charter: str) -> None:
    wardrobe.charter = charter
    wardrobe.dress()
    told = wardrobe.json("session-start.json")["hookSpecificOutput"]["additionalContext"]
    assert len(told.encode("utf-16-le")) // 2 <= TEXT_MAX
    assert told.endswith("the tool read_charter has all of it]")


def test_the_gate_is_its_only_server(wardrobe: Wardrobe) -> None:
    wardrobe.dress()
    assert wardrobe.json("mcp.json") == {
        "mcpServers": {
            "novaorch": {
                "type": "http",
                "url": f"{GATE}/mcp",
                "headers": {"Authorization": "Bearer ${NOVAORCH_TOKEN}"},
            }
        }
    }


# -- conversations ---------------------------------------------------------------------------------


def test_what_was_said_goes_on(wardrobe: Wardrobe) -> None:
    wardrobe.dress()
    begin(wardrobe.folder(), OWN)
    wardrobe.talk(OWN)
    outfit = wardrobe.dress(prompt="not again", model="opus")
    assert after(outfit.argv, "--resume") == OWN
    assert "--session-id" not in outfit.argv
    assert "not again" not in outfit.argv
    assert after(outfit.argv, "--model") == "opus", "all other words are as at the start"
    assert env(outfit)["NOVAORCH_CONVERSATION"] == OWN


def test_nothing_said_is_begun_again_under_the_same_id(wardrobe: Wardrobe) -> None:
    for _ in range(5):
        assert after(wardrobe.dress().argv, "--session-id") == OWN
        begin(wardrobe.folder(), OWN)


def test_fresh_lives_have_conversations_of_their_own(wardrobe: Wardrobe) -> None:
    seen = set()
    for _ in range(3):
        outfit = wardrobe.dress(fresh=True, prompt="Begin.")
        name = after(outfit.argv, "--session-id")
        assert env(outfit)["NOVAORCH_CONVERSATION"] == name
        assert outfit.argv[-1] == "Begin."
        begin(wardrobe.folder(), name)
        wardrobe.talk(name)
        seen.add(name)
    assert len(seen | {OWN}) == 4


def test_another_directory_has_no_transcript_of_it(wardrobe: Wardrobe) -> None:
    wardrobe.dress()
    begin(wardrobe.folder(), OWN)
    wardrobe.talk(OWN)
    (wardrobe.root / "elsewhere").mkdir()
    moved = replace(wardrobe.launch(), directory=str(wardrobe.root / "elsewhere"))
    assert after(wardrobe.dress(launch=moved).argv, "--session-id") == OWN
    linked = wardrobe.root / "link"
    linked.symlink_to(wardrobe.root / "work")
    same = replace(wardrobe.launch(), directory=str(linked))
    assert after(wardrobe.dress(launch=same).argv, "--resume") == OWN


# -- versions, and other runtimes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "odd"),
    [
        ("2.1.197", ""),
        ("2.1.250", ""),
        ("2.1.330", ""),
        ("2.1.999", ""),
        ("2.1.100", "version 2.1.100 was not tried"),
        ("3.0.0", "version 3.0.0 was not tried"),
        ("who knows", "does not say which version"),
        ("", "does not say which version"),
    ],
)
def test_an_unknown_version_is_said_and_started(wardrobe: Wardrobe, version: str, odd: str) -> None:
    program(wardrobe.root / "bin", version)
    for _ in range(3):
        assert words(wardrobe.dress().argv)[0] == "claude"
    assert len(wardrobe.said) == (1 if odd else 0)
    assert odd in "".join(wardrobe.said)


def test_a_program_is_asked_once_for_its_version(wardrobe: Wardrobe) -> None:
    for name in ("a", "b", "c"):
        wardrobe.dress(f"web/agent/{name}")
    asked = wardrobe.root / "bin" / "claude.asked"
    assert asked.read_text() == "x\n"
    os.utime(program(wardrobe.root / "bin", "2.1.331"), ns=(1, 1))
    wardrobe.dress()
    assert asked.read_text() == "x\nx\n"


def test_a_program_that_cannot_be_asked_is_started_all_the_same(wardrobe: Wardrobe) -> None:
    (wardrobe.root / "bin" / "claude").unlink()
    assert words(wardrobe.dress().argv)[0] == "claude"
    assert "does not say" in wardrobe.said[0]


def test_the_fake_agent_has_the_same_files(wardrobe: Wardrobe) -> None:
    outfit = wardrobe.dress(runtime="fake")
    assert words(outfit.argv)[:4] == (
        *(sys.executable, "-m", "reconciler.rehearsal.agent"),
        "--session-id",
    )
    assert set(tree(wardrobe.folder())) >= {"settings.json", "mcp.json", "session-start.json"}
    assert wardrobe.said == []


def test_codex_is_given_the_gate_in_its_own_words(wardrobe: Wardrobe) -> None:
    outfit = wardrobe.dress(runtime="codex", model="gpt-5", permission="never", prompt="Begin.")
    assert words(outfit.argv) == (
        *("codex", "--model", "gpt-5", "--ask-for-approval", "never"),
        *("-c", f'mcp_servers.novaorch.url="{GATE}/mcp"'),
        *("-c", 'mcp_servers.novaorch.bearer_token_env_var="NOVAORCH_TOKEN"', "--", "Begin."),
    )
    assert env(outfit)["NOVAORCH_TOKEN"] == "token-1"
    assert "NOVAORCH_CONVERSATION" not in env(outfit), "nobody knows its conversation"
    assert not (wardrobe.root / "home" / ".claude.json").exists()


def test_gemini_goes_on_with_what_it_kept(wardrobe: Wardrobe) -> None:
    assert after(wardrobe.dress(runtime="gemini").argv, "--session-id") == OWN
    chats = wardrobe.root / "home" / ".gemini" / "tmp" / "x" / "chats"
    chats.mkdir(parents=True)
    (chats / f"session-2026-11-22T19-00-{OWN[:8]}.json").touch()
    assert after(wardrobe.dress(runtime="gemini").argv, "--resume") == OWN


def test_a_command_is_left_as_it_is(wardrobe: Wardrobe) -> None:
    outfit = wardrobe.outfits.outfit(UNIT, Launch(("htop", "-d", "1"), "/"))
    assert (outfit.argv, outfit.env) == (("htop", "-d", "1"), ())
    assert wardrobe.minted == []


def test_an_unknown_runtime_is_refused(wardrobe: Wardrobe) -> None:
    with pytest.raises(NovaorchError, match="'nope' is not a runtime") as refused:
        wardrobe.dress(runtime="nope")
    assert "claude-code" in refused.value.fix


def test_a_folder_that_cannot_be_made_is_said(wardrobe: Wardrobe) -> None:
    (wardrobe.root / "state").write_text("in the way")
    with pytest.raises(NovaorchError, match="cannot make"):
        wardrobe.dress()
    assert wardrobe.minted == []
