"""The strict subset of YAML: hostile bytes end early, surprises of YAML 1.1 stay text."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.text import DEPTH_MAX, PROBLEMS_MAX, Value, read


def value(text: str | bytes) -> Value:
    document, problems = read("f", text if isinstance(text, bytes) else text.encode())
    assert problems == []
    return document.value


def broken(text: str | bytes) -> list[str]:
    document, problems = read("f", text if isinstance(text, bytes) else text.encode())
    assert problems
    assert all(p.path == "f" for p in problems)
    del document
    return [f"{p.rule} {p.line}:{p.column}" for p in problems]


@pytest.mark.parametrize(
    "word",
    [
        "no",
        "on",
        "yes",
        "off",
        "y",
        "n",
        "true",
        "null",
        "~",
        "012",
        "0o14",
        "0x1f",
        "22:22",
        "1_000",
        "1e309",
        ".inf",
        ".nan",
        "2026-01-01",
        "=",
        "1.0",
        "-0",
    ],
)
def test_plain_words_stay_text(word: str) -> None:
    assert value(f"a: {word}") == {"a": word}


def test_an_empty_value_is_none_and_an_empty_text_is_text() -> None:
    assert value('a:\nb: ""\n') == {"a": None, "b": ""}


def test_a_quoted_merge_key_is_a_word() -> None:
    assert value('"<<": x\n') == {"<<": "x"}


def test_a_block_text_and_escapes_come_through() -> None:
    assert value('a: |\n  x\n  y\nb: "\\u001b"\n') == {"a": "x\ny\n", "b": "\x1b"}


def test_a_byte_order_mark_is_stripped() -> None:
    document, problems = read("f", b"\xef\xbb\xbfa: 1\n")
    assert (document.value, problems, document.keys["a",]) == ({"a": "1"}, [], (1, 1))


def test_windows_line_ends_keep_their_places() -> None:
    document, _ = read("f", b"a: 1\r\nb:\r\n  - x\r\n")
    assert document.values["b", 0] == (3, 5)


def test_columns_count_characters() -> None:
    document, _ = read("f", "ä: {ö€😀: x}\n".encode())
    assert document.values["ä", "ö€😀"] == (1, 10)


def test_places_of_keys_values_and_items() -> None:
    document, _ = read("f", b"a:\n  b: [x, {c: d}]\n")
    assert document.keys["a", "b"] == (2, 3)
    assert document.values["a", "b", 0] == (2, 7)
    assert document.values["a", "b", 1, "c"] == (2, 14)
    assert document.mark(("a", "b", 1, "missing")) == (2, 10)
    assert document.key(("a", "gone")) == (1, 1)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (b"a: 1\nb: \xff", ["yaml/encoding 2:4"]),
        ("a: ä".encode("latin-1"), ["yaml/encoding 1:4"]),
        ("a: 1".encode("utf-16"), ["yaml/utf16 1:1"]),
        ("a: 1".encode("utf-16-be"), ["yaml/utf16 1:1"]),
        (b"a: \x00", ["yaml/control-character 1:4"]),
        ("a: b\ufeff".encode(), ["yaml/control-character 1:5"]),
        (b"a: 1\n\tb: 2\n", ["yaml/tab 2:1"]),
        (b"a:\n \t- b\n", ["yaml/tab 2:2"]),
        (b"a: 'x\n", ["yaml/syntax 2:1"]),
        (b"a: b: c\n", ["yaml/syntax 1:5"]),
        (b"a: [1\n", ["yaml/syntax 2:1"]),
        (b"}", ["yaml/syntax 1:1"]),
        (b"a: 1\n---\nb: 2\n", ["yaml/documents 2:1"]),
        (b"a: 1\na: 2\na: 3\n", ["yaml/duplicate-key 2:1", "yaml/duplicate-key 3:1"]),
        (b"a: {b: 1, b: 2}\n", ["yaml/duplicate-key 1:11"]),
        (b'a: 1\n"a": 2\n', ["yaml/duplicate-key 2:1"]),
        (b"x: &a b\ny: *a\n", ["yaml/anchor 1:4", "yaml/alias 2:4"]),
        (b"x: *a\n", ["yaml/alias 1:4"]),
        (b"*a : x\n", ["yaml/alias 1:1"]),
        (b"<<: {a: b}\n", ["yaml/merge-key 1:1"]),
        (b"a: !!python/object/apply:os.system [id]\n", ["yaml/tag 1:4"]),
        (b"a: !x b\n", ["yaml/tag 1:4"]),
        (b"a: ! b\n", ["yaml/tag 1:4"]),
        (b"!!map {a: b}\n", ["yaml/tag 1:1"]),
        (b"%TAG ! tag:x,2000:\n---\na: 1\n", ["yaml/directive 1:1"]),
        (b"{a: b}: c\n", ["yaml/key-not-text 1:1"]),
        (b"? [a, {b: c}]\n: {d: e}\nf: g\n", ["yaml/key-not-text 1:3"]),
        (b"?\n: a\n", ["yaml/key-not-text 1:2"]),
        (b": a\n", ["yaml/syntax 1:1"]),
        (b"", ["yaml/empty 0:0"]),
        (b"---\n...\n", ["yaml/empty 0:0"]),
        (b"just text\n", ["yaml/not-a-mapping 1:1"]),
        (b"- a\n", ["yaml/not-a-mapping 1:1"]),
    ],
)
def test_what_is_refused(text: bytes, rules: list[str]) -> None:
    assert broken(text) == rules


def test_keys_thrown_away_take_nothing_with_them() -> None:
    document, _ = read("f", b"? [a, {b: c}]\n: {d: e, f: [g]}\nh: i\n")
    assert document.value == {"h": "i"}
    assert set(document.values) == {(), ("h",)}


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 1000, 50_000, 500_000])
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_ends_early(depth: int, opening: str) -> None:
    # The YAML library's own composer kills the interpreter at a nesting of 50,000.
    text = (opening * depth)[: 1 << 20]
    assert broken(text)[-1].split()[0] in {"yaml/depth", "yaml/syntax"}


def test_the_deepest_that_is_allowed() -> None:
    inner = DEPTH_MAX - 1
    assert value("a: " + "[" * inner + "]" * inner) is not None
    assert broken("a: " + "[" * (inner + 1) + "]" * (inner + 1)) == [f"yaml/depth 1:{inner + 4}"]


def test_an_alias_bomb_is_not_followed() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    document, problems = read("f", "\n".join(lines).encode())
    assert {p.rule for p in problems} == {"yaml/anchor", "yaml/alias"}
    assert document.value is not None
    assert not document.whole


def test_many_problems_end_the_reading() -> None:
    assert len(broken("a: [" + "*x, " * 5000 + "]")) == PROBLEMS_MAX


def test_many_keys_are_counted() -> None:
    text = "".join(f"k{i}: v\n" for i in range(25_001))
    assert broken(text)[0].startswith("yaml/nodes")


def test_a_long_scalar_is_just_a_scalar() -> None:
    assert value(f"a: {'x' * 1_000_000}") == {"a": "x" * 1_000_000}


def test_first_line_shifts_every_place() -> None:
    document, _ = read("f", b"a: b\n", first_line=5)
    assert document.keys["a",] == (5, 1)
    _, problems = read("f", b"a: 1\na: 2\n", first_line=5)
    assert problems[0].line == 6


def test_without_libyaml_the_answers_are_the_same() -> None:
    code = """
import sys
sys.modules["yaml._yaml"] = None
from reconciler.kinds.text import read, _LOADER
assert _LOADER.__name__ == "SafeLoader", _LOADER
document, problems = read("f", b"a: [x, {c: ~}]\\nb:\\n  e: no\\ng:\\n")
assert document.value == {"a": ["x", {"c": "~"}], "b": {"e": "no"}, "g": None}, document.value
assert document.values["a", 1, "c"] == (1, 12)
assert not problems
rules = [p.rule for p in read("f", b"a: &x [*x]\\nb: !t c")[1]]
assert rules == ["yaml/anchor", "yaml/alias", "yaml/tag"], rules
assert [p.rule for p in read("f", b"[" * 100000)[1]] == ["yaml/depth"]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


_ODD = st.sampled_from([*"[]{}:,-?&*!|>'\"%@`#\n\t \r~<=.a0é\x00\x1b\ufeff", "\n  ", ": ", "- "])


@given(
    st.one_of(
        st.binary(max_size=400), st.lists(_ODD, max_size=200).map(lambda p: "".join(p).encode())
    )
)
def test_reading_never_raises_and_places_are_in_the_file(data: bytes) -> None:
    document, problems = read("f", data)
    if not problems:
        assert isinstance(document.value, dict)
    for found in problems:
        assert 0 <= found.line <= data.count(b"\n") + data.count(b"\r") + 2


_words = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=8)
_values = st.recursive(
    _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_words, _values, min_size=1, max_size=4))
def test_json_reads_as_itself(written: dict[str, Value]) -> None:
    assert value(json.dumps(written, ensure_ascii=False)) == written
