"""Whatever a manifest says, its text says the same to our strict reader and to any other."""

from __future__ import annotations

import string

import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.foreign.write import manifest_text, scalar
from reconciler.kinds.text import read

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
    st.text(string.digits + "+-.eExX_:~nulyestrfao ", max_size=8),
    st.text(string.punctuation + " a\n\t", max_size=8),
)
VALUE = st.recursive(
    TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(TEXT.filter(bool), VALUE, min_size=1, max_size=4))
def test_round_trip(value: dict[str, object]) -> None:
    text = manifest_text(value, "x.json")  # type: ignore[arg-type]
    assert yaml.safe_load(text) == value
    document, problems = read("f.yaml", text.encode())
    assert (document.value, problems) == (value, [])


def test_the_plain_stays_plain() -> None:
    assert [scalar(v) for v in ("echo hello", "on", "8009", "~", "~/x", "0x1f", "1e3", "a: b")] == [
        "echo hello",
        '"on"',
        '"8009"',
        '"~"',
        "~/x",
        '"0x1f"',
        '"1e3"',
        '"a: b"',
    ]
    assert [scalar(v) for v in (True, 5, "", "it's", 'say "x"')] == [
        "true",
        "5",
        '""',
        '"it\'s"',
        "'say \"x\"'",
    ]


def test_the_modeline_comes_first() -> None:
    assert manifest_text({"a": ["b"]}, "s.json") == (
        "# yaml-language-server: $schema=s.json\na:\n  - b\n"
    )
