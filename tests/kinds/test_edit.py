"""One word of a manifest changes; every other byte, comment and blank stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.edit import with_mode
from reconciler.kinds.parse import parse
from reconciler.model.problems import NovaorchError

PATH = "web/agents/torch.yaml"
HEAD = "apiVersion: novaorch/v1\nkind: Agent\nmetadata: {name: torch}\n"


def changed(text: str, mode: str = "manual") -> str:
    return with_mode(PATH, text.encode(), mode).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("spec:\n  mode: auto\n  command: [a]\n", "spec:\n  mode: manual\n  command: [a]\n"),
        (
            "spec:\n  mode:   'auto'  # why\n  command: [a]\n",
            "spec:\n  mode:   'manual'  # why\n  command: [a]\n",
        ),
        ('spec: {mode: "auto", command: [a]}\n', 'spec: {mode: "manual", command: [a]}\n'),
        ("spec: {command: [a], mode: stopped}", "spec: {command: [a], mode: manual}"),
        ("spec:\n  command: [a]\n", "spec:\n  mode: manual\n  command: [a]\n"),
        (
            "spec:   # x\n    # its program\n    command: [a]\n\n",
            "spec:   # x\n    mode: manual\n    # its program\n    command: [a]\n\n",
        ),
        ("spec: {command: [a]}\n", "spec: {mode: manual, command: [a]}\n"),
        ("spec: {\n  command: [a],\n}\n", "spec: {mode: manual, \n  command: [a],\n}\n"),
        ('spec: {"command": ["a"]}\n', 'spec: {"mode": "manual", "command": ["a"]}\n'),
        ("spec:\r\n  command: [a]\r\n", "spec:\r\n  mode: manual\r\n  command: [a]\r\n"),
        ("spec:\n  command: [a]", "spec:\n  mode: manual\n  command: [a]"),
        (
            "spec:\n  command: ['# mode: auto', 'mode: x']\n",
            "spec:\n  mode: manual\n  command: ['# mode: auto', 'mode: x']\n",
        ),
        (
            "spec:\n  env: {MODE: auto, X: '✓ é'}\n  command: [a]\n  mode: auto\n# mode: auto\n",
            "spec:\n  env: {MODE: auto, X: '✓ é'}\n  command: [a]\n  mode: manual\n# mode: auto\n",
        ),
        ("spec:\n  {X: 1}\n", ""),
    ],
)
def test_only_the_mode_changes(before: str, after: str) -> None:
    if not after:
        with pytest.raises(NovaorchError):
            changed(HEAD + before)
        return
    assert changed(HEAD + before) == HEAD + after


def test_a_sign_before_it_on_the_same_line_does_not_shift_it() -> None:
    text = HEAD + "spec: {command: [a, '✓✓ 𝄞'], mode: auto, env: {A: 'x'}}\n"
    assert changed(text) == text.replace("mode: auto", "mode: manual")


def test_what_is_so_already_stays() -> None:
    text = HEAD + "spec:\n  command: [a]\n"
    assert changed(text, "auto") == text


def test_there_and_back_is_the_same_file() -> None:
    text = HEAD + "spec:\n  mode: auto # x\n  command: [a]\n"
    assert changed(changed(text, "stopped"), "auto") == text


@pytest.mark.parametrize(
    "text", ["", "{", "kind: Fleet\n", HEAD, HEAD + "spec: {mode: odd, command: [a]}\n"]
)
def test_a_file_with_an_error_is_left_alone(text: str) -> None:
    with pytest.raises(NovaorchError):
        changed(text)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@given(
    comment=WORDS,
    shape=st.tuples(st.integers(1, 6), st.booleans(), st.booleans()),
    old=st.sampled_from(["", "auto", "'training'", '"stopped"']),
    new=st.sampled_from(["auto", "manual", "training", "stopped"]),
)
def test_whatever_is_around_it(
    comment: str, shape: tuple[int, bool, bool], old: str, new: str
) -> None:
    indent, first, crlf = shape
    gap = " " * indent
    rows = [f"{gap}command: [a]", *([f"{gap}mode: {old} # {comment}"] if old else [])]
    lines = [*HEAD.splitlines(), f"# {comment}", "spec:", *(rows[::-1] if first else rows), "# end"]
    text = ("\r\n" if crlf else "\n").join([*lines, ""])
    if parse(PATH, "", text.encode())[0] is None:
        return
    edited = with_mode(PATH, text.encode(), new)
    manifest, _ = parse(PATH, "", edited)
    assert manifest is not None
    assert manifest.spec["mode"] == new
    before, after = (set(t.splitlines()) for t in (text, edited.decode()))
    assert len(before - after) <= 1 >= len(after - before)
