"""The table of runtimes: the words that start an agent, and what makes a row of its screen."""

from __future__ import annotations

import re
import uuid

import pytest

from reconciler.core.conversation import conversation
from reconciler.core.runtimes import AGENTS, RUNTIMES, argv
from reconciler.model.agent import Persona, Waiting
from reconciler.model.runtime import Looks, Runtime

LOOKS = RUNTIMES["claude-code"].looks


def test_a_conversation_is_a_uuid_of_its_names() -> None:
    for fleet, unit in [("demo", "web/agent/torch"), ("", ""), ("é", "p/agent/ü")]:
        made = conversation(fleet, unit)
        assert made == str(uuid.uuid5(uuid.NAMESPACE_URL, f"novaorch:{fleet}/{unit}"))


# -- words -----------------------------------------------------------------------------------------

PLAY = Runtime(
    "play",
    "play",
    "get it",
    start=(("-a", "{one}"), ("{two}-{one}",), ("always",), ("--", "{prompt}")),
    resume=(("go", "{one}"),),
)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ({}, ("always", "--", "hi")),
        ({"one": "1"}, ("-a", "1", "always", "--", "hi")),
        ({"one": "1", "two": "2"}, ("-a", "1", "2-1", "always", "--", "hi")),
        ({"one": "", "two": "2"}, ("always", "--", "hi")),
        ({"one": "{two}", "two": "2"}, ("-a", "{two}", "2-{two}", "always", "--", "hi")),
    ],
)
def test_groups_with_an_empty_word_are_left_out(
    words: dict[str, str], wanted: tuple[str, ...]
) -> None:
    assert argv(PLAY, Persona("play", prompt="hi"), words, resume=False) == ("play", *wanted)


def test_a_conversation_that_goes_on_has_other_words() -> None:
    assert argv(PLAY, Persona("play", prompt="hi"), {"one": "1"}, resume=True) == (
        "play",
        "go",
        "1",
    )


@pytest.mark.parametrize("name", AGENTS)
def test_nothing_that_a_manifest_says_becomes_an_option(name: str) -> None:
    """A prompt comes behind `--`, or behind a flag that takes it."""
    runtime = RUNTIMES[name]
    words = argv(runtime, Persona(name, prompt="--yolo"), {"conversation": "c"}, resume=False)
    assert words[-1] in ("--yolo", "--prompt-interactive=--yolo")
    assert words[-1] != "--yolo" or words[-2] == "--"
    assert "--yolo" not in argv(runtime, Persona(name, prompt="--yolo"), {}, resume=True)


@pytest.mark.parametrize("name", AGENTS)
def test_every_runtime_is_whole(name: str) -> None:
    runtime = RUNTIMES[name]
    assert runtime.name == name
    for part in (runtime.program, runtime.install, *runtime.quit):
        assert part
        assert part.isprintable()
    assert runtime.permissions
    assert runtime.usual in ("", *runtime.permissions)
    assert runtime.start != runtime.resume


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_pattern_can_be_read_and_none_fits_an_empty_row(name: str) -> None:
    looks = RUNTIMES[name].looks
    patterns = [looks.ready, looks.busy, looks.composer, looks.limited, looks.auth_lost]
    for pattern in [*patterns, *(p for _, p in looks.dialogs)]:
        if pattern:
            assert re.compile(pattern).search("") is None, pattern
    assert not looks.composer or re.compile(looks.composer).groups == 1


def test_the_fake_agent_looks_like_the_real_one() -> None:
    assert RUNTIMES["fake"].looks == RUNTIMES["claude-code"].looks
    assert RUNTIMES["command"].looks == Looks()


# -- rows ------------------------------------------------------------------------------------------


def fits(pattern: str, row: str) -> bool:
    return re.search(pattern, row) is not None


def dialog(row: str) -> Waiting | None:
    return next((kind for kind, pattern in LOOKS.dialogs if fits(pattern, row)), None)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (" \u276f 1. Yes, I trust this folder", Waiting.TRUST),
        ("   Yes, I trust this folder", Waiting.TRUST),
        (" Do you want to proceed?", Waiting.PERMISSION),
        (" Do you want to create a.txt?", Waiting.PERMISSION),
        (" Do you want to make this edit to a b.py?", Waiting.PERMISSION),
        (" Esc to cancel · Tab to amend · ctrl+e to explain", Waiting.PERMISSION),
        (" Exit plan mode?", Waiting.PLAN),
        ("   Exit plan mode?", Waiting.PLAN),
        ("Enter to select · ↑/↓ to navigate · Esc to cancel", Waiting.QUESTION),
        (" Enter to confirm · Esc to cancel", Waiting.QUESTION),
        ("    \u276f 1. Yes, and switch to default", Waiting.QUESTION),
        # What somebody wrote, read or said is no question.
        ("  Do you want to proceed?", None),
        ("● Do you want to proceed?", None),
        ("\u276f Do you want to proceed?", None),
        ("\u276f 1. Do this", None),
        ("  ⎿  Enter to select", None),
        ("● Esc to cancel", None),
        ("  esc to interrupt · ← for agents", None),
        ("  ⏸ manual mode on · ? for shortcuts", None),
    ],
)
def test_what_asks_something(row: str, kind: Waiting | None) -> None:
    assert dialog(row) is kind


@pytest.mark.parametrize(
    ("row", "busy"),
    [
        ("✻ Zesting…", True),
        ("· Wrangling… (3s · esc to interrupt)", True),
        ("✶ Reading three files… (1m 2s · ↓ 1.2k tokens)", True),
        ("✻ API error · Retrying in 6s · attempt 5/10", True),
        ("✻ 401 invalid x-api-key · retrying in 8s · attempt 5/10", True),
        ("  ⏸ manual mode on · esc to interrupt · ← for agents", True),
        ("✻ Cogitated for 0s", False),
        ("✻ Crunched for 0s · done 6:55 PM", False),
        ("  ⏸ manual mode on · ? for shortcuts · ← for agents", False),
        ("● Thinking about it…", False),
        ("esc to interrupt", False),
    ],
)
def test_what_is_at_work(row: str, busy: bool) -> None:
    assert fits(LOOKS.busy, row) is busy


@pytest.mark.parametrize(
    ("row", "draft"),
    [
        ("\u276f", ""),
        ("\u276f\u00a0", ""),
        ("\u276f\u00a0a draft here", "a draft here"),
        (">\u00a0older", "older"),
        ("\u276f a prompt of before", None),
        ("  \u276f queued", None),
        ("● text", None),
    ],
)
def test_where_a_person_writes(row: str, draft: str | None) -> None:
    found = re.search(LOOKS.composer, row)
    assert (found[1] if found else None) == draft
    assert fits(LOOKS.ready, row) is (draft is not None)


@pytest.mark.parametrize(
    ("row", "limited", "auth"),
    [
        ("● API Error: Request rejected (429) · This request would exceed", True, False),
        ("  ⎿  You've hit your session limit · resets 3pm (UTC)", True, False),
        ("● You've hit your limit · resets 3pm", True, False),
        ("  ⎿  5-hour limit reached ∙ resets 7pm", True, False),
        ("● Usage limit reached", True, False),
        ("  ⎿  Credit balance too low · Add funds: https://x", True, False),
        ("  ⎿  Invalid API key · Fix external API key", False, True),
        ("● Please run /login · API Error: 401 unauthorized", False, True),
        ("✻ 401 invalid x-api-key · retrying in 2s · attempt 3/10", False, True),
        ("● Not logged in · Please run /login", False, True),
        ("● API Error: 529 Overloaded. This is a server-side issue", False, False),
        ("● The docs say: You've hit your limit", False, False),
        ("● We mention that the usage limit reached zero", False, False),
        ("\u276f Invalid API key", False, False),
    ],
)
def test_what_an_account_does_not_allow(row: str, limited: bool, auth: bool) -> None:
    assert (fits(LOOKS.limited, row), fits(LOOKS.auth_lost, row)) == (limited, auth)


@pytest.mark.parametrize(
    ("name", "row", "kind"),
    [
        # Seen on codex 0.169 and gemini 0.61.
        ("codex", "\u203a Ask Codex to do anything", "ready"),
        ("codex", "◦ Working (1s • esc to interrupt)", "busy"),
        ("codex", "  Would you like to run the following command?", "permission"),
        ("codex", "  Press enter to confirm or esc to cancel", "question"),
        ("codex", "  gpt-5 default · /work", ""),
        ("gemini", " >   Type your message or @path/to/file", "ready"),
        ("gemini", " >", "ready"),
        ("gemini", " ⠸ Thinking... (esc to cancel, 1s)", "busy"),
        ("gemini", " │ Do you trust the files in this folder?            │", "trust"),
        ("gemini", "Allow execution of: 'echo, redirection (>)'?", "permission"),
        ("gemini", "   How would you like to authenticate for this project?", "auth"),
        ("gemini", " workspace (/directory)     sandbox    /model", ""),
    ],
)
def test_rows_of_others(name: str, row: str, kind: str) -> None:
    looks = RUNTIMES[name].looks
    asked = next((k.value for k, pattern in looks.dialogs if fits(pattern, row)), "")
    named = {"ready": looks.ready, "busy": looks.busy, "auth": looks.auth_lost}
    found = [word for word, pattern in named.items() if fits(pattern, row)]
    assert [*found, *([asked] if asked else [])] == ([kind] if kind else [])
