"""No secret is kept, whatever it looks like and wherever it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.masks import Mask
from reconciler.model.ids import Json, canonical

MASK = Mask(b"k" * 32)
SECRET = "Zx9-planted_Value"


@pytest.mark.parametrize(
    "text",
    [
        f"--token={SECRET}",
        f"--api-key {SECRET}",
        f"run --password '{SECRET}' now",
        f"https://ada:{SECRET}@example.org/x",
        f"postgres://u:{SECRET}@h/db?x=1",
        f"Authorization: Bearer {SECRET}",
        f'{{"client_secret": "{SECRET}"}}',
        f"GITHUB_TOKEN={SECRET} make",
        f"aws_secret_access_key = {SECRET}",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        f"sk-ant-api03-{SECRET}",
        f"ghp_{SECRET.replace('-', '').replace('_', '')}",
        f"xoxb-1234-{SECRET}",
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str) -> None:
    for plain in (SECRET, SECRET.replace("-", "").replace("_", "")):
        assert plain not in MASK.text(text)
    assert "«masked " in MASK.text(text)


@pytest.mark.parametrize(
    "text",
    [
        "exited with status 1",
        "asked to end; KILL follows when its grace is over",
        "git@github.com:a/b",
        "ssh://git@example.org/a",
        "the secret's variable TOKEN is not set",
        "desired-state/p/agents/token-bot.yaml",
        "--verbose --count=3",
        "Ada <ada@example.org>",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert MASK.text(text) == text


def test_a_command_is_masked_word_by_word() -> None:
    command: Json = ["agent", "--token", SECRET, f"--password={SECRET}", "--quiet", "go"]
    kept = MASK.field("command", command)
    word = MASK.word(SECRET)
    assert kept == ["agent", "--token", word, f"--password={word}", "--quiet", "go"]


def test_a_table_is_masked_by_the_names_in_it() -> None:
    kept = MASK.field("options", {"api_token": SECRET, "status": "on", "password": 7})
    assert kept == {"api_token": MASK.word(SECRET), "status": "on", "password": 7}


@pytest.mark.parametrize("name", ["env.HOME", "env.X", "secrets.KEY", "env", "secrets"])
def test_variables_are_masked_by_their_field_whatever_they_hold(name: str) -> None:
    assert MASK.field(name, "1") == MASK.word("1")
    assert MASK.field(name, None) is None
    assert MASK.field(name, {"A": "yes"}) == {"A": MASK.word("yes")}
    assert MASK.field("labels.x", "1") == "1"


def test_equal_values_show_and_other_keys_have_other_words() -> None:
    assert MASK.word("a") == Mask(b"k" * 32).word("a") != MASK.word("b")
    assert Mask(b"x").word("a") != MASK.word("a")
    assert Mask(b"x").key_id != MASK.key_id
    assert MASK.word("a").startswith("«masked ")


def test_masking_twice_changes_nothing() -> None:
    for text in (f"--token={SECRET}", f"https://a:{SECRET}@h/", f"Bearer {SECRET}"):
        once = MASK.text(text)
        assert MASK.text(once) == once


def test_known_values_are_found_anywhere_the_longest_first() -> None:
    mask = MASK.knowing(["planted", "planted-longer", "tiny"])
    told = mask.text("got planted-longer, planted and tiny")
    assert "planted" not in told
    assert "tiny" in told
    assert mask.word("planted-longer") in told


def test_controls_are_made_visible_and_long_texts_are_cut() -> None:
    assert MASK.text("a\x1b[31m\nb\u202e") == "a\\u{1b}[31m\\u{a}b\\u{202e}"
    assert len(MASK.text("x" * 10_000)) == 500
    assert MASK.text("x" * 500) == "x" * 500


TEXTS = st.text(max_size=40)
SHELL = st.sampled_from(
    ("--token={}", "{}", "x {} y", "https://u:{}@h/p", "TOKEN={}", "'{}'", "a{}b", '"{}"', "\x1b{}")
)


@given(TEXTS, SHELL, TEXTS)
def test_a_known_secret_is_in_no_text(before: str, shape: str, after: str) -> None:
    mask = MASK.knowing([SECRET])
    assert SECRET not in mask.text(before + shape.format(SECRET) + after, limit=10_000)


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.just(SECRET),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(("env.A", "secrets.B", "command", "options.x")))
def test_a_known_secret_is_in_no_value(value: Json, name: str) -> None:
    assert SECRET not in canonical(MASK.knowing([SECRET]).field(name, value))


def test_what_is_too_short_to_be_a_secret_is_found_in_no_text() -> None:
    mask = Mask(b"key", ["hunter2", "secret", "short"])
    assert mask.text("a short text") == "a short text"
    assert "secret" not in mask.text("a secret text")
    assert "hunter2" not in mask.text("a hunter2 text")
