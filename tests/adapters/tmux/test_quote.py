"""Any text arrives as it is: hypothesis writes it, a real server parses it, a file shows it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.adapters.tmux.control import Control
from reconciler.adapters.tmux.plain import Plain
from reconciler.adapters.tmux.quote import block, command, quote
from reconciler.adapters.tmux.talk import Talk
from reconciler.model.problems import NovaorchError

from .conftest import BINARY, Box

_SHARP = st.sampled_from([*"';\"#$~\\{}%\n\r\t =,|-", "#{", "#(", "\\;", "%if", "//", "é", "😀"])
_TEXT = st.lists(_SHARP | st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_TEXTS = st.lists(_TEXT.map("".join).filter(bool), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def place() -> Iterator[Box]:
    made = Box(tempfile.mkdtemp(prefix="nova-", dir="/tmp"), "plain")
    try:
        made.foreign()
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module", params=["control", "plain"])
def talk(place: Box, request: pytest.FixtureRequest) -> Iterator[Talk]:
    plain = Plain(BINARY, "t", place.environ)
    if request.param == "plain":
        yield plain
        return
    control = Control(BINARY, "t", place.environ, "=theirs", lambda _: None)
    yield control
    control.close()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=_TEXTS, nested=st.booleans())
def test_round_trip(place: Box, talk: Talk, texts: list[str], nested: bool) -> None:
    out = [Path(place.folder) / f"out{n}" for n, _ in enumerate(texts)]
    lines = []
    braces = " 3.2" not in place.host.version()
    for text, path in zip(texts, out, strict=True):
        line = command(("set-buffer", "-b", "b", "--", text)) + f" ; save-buffer -b b {path}"
        lines.append(f"if-shell -F 1 {block(line, braces=braces)}" if nested else line)
    replies = talk.run(lines, 10.0)
    assert [reply.error for reply in replies] == ["" for _ in texts]
    assert [path.read_bytes().decode() for path in out] == texts


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\udcff"])
def test_what_no_word_can_hold(text: str) -> None:
    with pytest.raises(NovaorchError) as refused:
        quote(text)
    assert refused.value.fix


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_word_never_breaks_its_line(text: str) -> None:
    assert not set(quote(text)) & {"\n", "\r", "\0"}
