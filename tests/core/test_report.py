"""A run as Markdown and as a page: always the same, and harmless whatever was written."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reconciler.core.report import markdown, plain
from reconciler.core.reportpage import page
from reconciler.model.ids import UnitId
from reconciler.model.provenance import (
    Deed,
    Landing,
    Prompt,
    Seal,
    SealState,
    Standing,
    Story,
    Wish,
)
from reconciler.model.report import FilePart, Report, TurnPart
from reconciler.model.training import Noted

GOLDEN = Path(__file__).parent / "reports"
WRITE = bool(os.environ.get("NOVAORCH_WRITE_PLANS"))  # now: a test sees no such variable
HOSTILE = (
    "</pre></span></blockquote><script>alert(1)</script><img src=x onerror=alert(1)>"
    '" onmouseover="x" \x1b[31m\x1b]52;c;aGk=\x07 \u202egnp.exe\u200b\x00\x9b2J '
    "``` ~~~ ]]> &lt; &#60;script&#62; ![x](javascript:alert(1)) [a](http://x) | # - 1. <!-- -->"
)
LINES = (HOSTILE, "```", "````js", "# title", "<script>", "--- | ---", "    code", "</style>")


def story(number: int, word: str, standing: Standing = Standing.VERIFIED) -> Story:
    work = Deed(f"{number:040x}", f"{word} <t@x>", "n <n@x>", 1_800_000_000.0 + number, word)
    noted = Noted(UnitId("shop/agent/torch"), 3, number, word, "0123456789abcdef", "opus",
                  1200, 34, 0.25, "d" * 40, "c" * 40, "turn")  # fmt: skip
    wish = Wish("/place", Deed("d" * 40, word, "", 1.0, word), charter=Deed("c" * 40, missing=True))
    seal = Seal(SealState.GOOD, "us", "SHA256:x")
    prompt = Prompt("0123456789abcdef", f"{word}\nplease")
    doubt = word if standing is Standing.CLAIMED else ""
    return Story(work, work, standing, seal, noted, prompt, None, wish, doubt)


def report(
    word: str = "Add a parser", lines: tuple[str, ...] = ("@@ -1 +1 @@", "-a", "+b")
) -> Report:
    files = (
        FilePart("src/new.txt", 1, 1, lines, 7),
        FilePart(f"{word}.txt", 0, 0, (), before="old.txt"),
        FilePart("a.png", -1, 0),
    )
    hand = Deed("9" * 40, "Ada <a@x>", "", 5.0, word)
    person = Story(hand, hand, Standing.PERSON)
    absent = replace(story(2, word, Standing.CLAIMED), prompt=Prompt("", absent="none was kept"))
    turns = (
        TurnPart(story(1, word), "\n".join(lines), (f"{word} (policy: {word})",), files),
        TurnPart(absent, left_out=word),
        TurnPart(person),
    )
    landing = Landing("promoted", "main", "f" * 40, word, word, "passed 1 of 1", 1_800_000_100.0)
    return Report("shop/torch/3", "shop/agent/torch", "promoted", "main", "b" * 40, "e" * 40, turns,
                  landing, "\n".join(lines), 2)  # fmt: skip


@pytest.mark.parametrize(("name", "make"), [("run.md", markdown), ("run.html", page)])
def test_a_run_is_always_told_the_same(name: str, make: object) -> None:
    assert callable(make)
    told = make(report())
    file = GOLDEN / name
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


class Strict(HTMLParser):
    """Reads a page as a browser would, and keeps what it holds."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text: list[str] = []
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if self.open[-1:] == ["style"] else self.text).append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "p",
        "dl",
        "dt",
        "dd",
        "div",
        "b",
        "span",
        "ol",
        "li",
        "details",
        "summary",
        "pre",
        "blockquote",
        "ul",
    ]
)
ATTRIBUTES = frozenset({
    ("html", "lang"), ("meta", "charset"), ("meta", "http-equiv"), ("meta", "content"),
    ("meta", "name"), ("p", "class"), ("div", "class"), ("span", "class"), ("li", "class"),
    ("li", "id"), ("details", "open"), ("pre", "class"),
})  # fmt: skip


def test_a_page_obeys_nothing_of_what_was_written() -> None:
    told = page(report(HOSTILE, LINES))
    read = Strict()
    read.feed(told)
    read.close()
    assert read.open == []
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES
    assert len(read.styles) == 1
    assert "script-src" not in told
    assert "default-src 'none'" in told
    assert "url(" not in told
    assert "@import" not in told
    shown = "".join(read.text)
    assert "<script>alert(1)</script>" in shown  # it is there, as text
    assert all(char == "\n" or char.isprintable() for char in told)


def test_markdown_obeys_nothing_of_what_was_written() -> None:
    told = markdown(report(HOSTILE, LINES))
    assert all(char == "\n" or char.isprintable() for char in told)
    fence = ""
    outside: list[str] = []
    for line in told.split("\n"):
        opened = re.fullmatch(r"(`{3,})(text|diff)", line)
        if fence:
            fence = "" if line == fence else fence
        elif opened is not None:
            fence = opened[1]
        else:
            outside.append(line)
    assert not fence
    text = "\n".join(outside)
    assert "<" not in text
    assert "`" not in re.sub(r"\\`", "", text)
    assert not re.search(r"(?<!\\)\[", text)
    heads = [line for line in outside if line.startswith("#")]
    assert len(heads) == 1 + 3 + 3  # the run, its turns, the files of one
    rows = [line for line in outside if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 8 for row in rows)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a_b", "a\\_b"),
        ("- x", "\\- x"),
        ("a - b", "a - b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("a\nb", "a b"),
    ],
)
def test_plain_text(text: str, told: str) -> None:
    assert plain(text) == told


def test_a_run_without_anything() -> None:
    empty = Report("a/b/1", "a/agent/b", "open", "", "", "", ())
    for made in (markdown(empty), page(empty)):
        assert "0 commits" in made
