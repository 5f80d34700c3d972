"""Rules: the first that fits counts; an allow fits narrowly, a deny widely, whatever is asked."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.ruling import like, ruled, subject
from reconciler.model.agent import Rule
from reconciler.model.ids import Json


def bash(command: str) -> tuple[str, dict[str, Json]]:
    return "Bash", {"command": command, "description": "x"}


def file(path: str, tool: str = "Write") -> tuple[str, dict[str, Json]]:
    return tool, {"file_path": path}


def fetch(url: str) -> tuple[str, dict[str, Json]]:
    return "WebFetch", {"url": url, "prompt": "x"}


def fits(rule: Rule, asked: tuple[str, dict[str, Json]], directory: str = "/repo") -> bool:
    return ruled((rule,), *asked, directory) is rule


def allow(tool: str, match: str = "") -> Rule:
    return Rule(tool, "allow", match)


def deny(tool: str, match: str = "") -> Rule:
    return Rule(tool, "deny", match)


def test_the_first_that_fits_counts() -> None:
    rules = (deny("Bash", "rm *"), Rule("Bash", "ask", "git push*"), allow("Bash", "git *"))
    answers = {
        command: (rule.answer if (rule := ruled(rules, *bash(command))) else None)
        for command in ("rm -rf x", "git push origin", "git status", "ls", "gitx")
    }
    assert answers == {
        "rm -rf x": "deny",
        "git push origin": "ask",
        "git status": "allow",
        "ls": None,
        "gitx": None,
    }


@pytest.mark.parametrize(
    ("rule", "asked", "fit"),
    [
        (allow("*"), bash("anything; at all\n"), True),
        (allow("Bash", "*"), bash("anything; at all"), True),
        (allow("Bash"), file("/x"), False),
        (allow("mcp__github__*"), ("mcp__github__get_issue", {}), True),
        (allow("mcp__github__*"), ("mcp__gitlab__get_issue", {}), False),
        (allow("Bash", "git status"), bash("git status"), True),
        (allow("Bash", "git status"), bash("git status -s"), False),
        (allow("Bash", "make *"), bash("make test"), True),
        (allow("Bash", "git commit *"), bash("git commit -m 'fix (that) HEAD~1 #3!'"), True),
        # One command that becomes two, or writes, or is another one than it says.
        (allow("Bash", "git *"), bash("git status; rm -rf /"), False),
        (allow("Bash", "git *"), bash("git status && rm -rf /"), False),
        (allow("Bash", "git *"), bash("git status | sh"), False),
        (allow("Bash", "git *"), bash("git status & rm x"), False),
        (allow("Bash", "git *"), bash("git status\nrm x"), False),
        (allow("Bash", "git *"), bash("git log `rm x`"), False),
        (allow("Bash", "git *"), bash("git log $(rm x)"), False),
        (allow("Bash", "git *"), bash("git log > ~/.bashrc"), False),
        (allow("Bash", "git *"), bash("git \u202elog"), False),
        (allow("Bash", "git *"), bash("git log\x00"), False),
        (allow("Bash", "git *"), bash(" git log"), False),
        (allow("Bash", "git *"), bash("PAGER=x git log"), False),
        (allow("Bash", "git * && make *"), bash("git pull && make test"), True),
        (allow("Bash", "git * && make *"), bash("git pull && make test && rm x"), False),
        (allow("Bash", "git *"), bash("git " + "x" * 30_000), False),
        # A deny sees through that.
        (deny("Bash", "rm *"), bash("rm x"), True),
        (deny("Bash", "rm *"), bash("ls; rm x"), True),
        (deny("Bash", "rm *"), bash("ls &&rm x"), True),
        (deny("Bash", "rm *"), bash("echo $(rm x)"), True),
        (deny("Bash", "rm *"), bash("  rm x"), True),
        (deny("Bash", "rm *"), bash("ls\nrm x\n"), True),
        (deny("Bash", "rm *"), bash("ls rm"), False),
        (Rule("Bash", "ask", "git push*"), bash("cd x && git push"), True),
        # Paths.
        (allow("Write", "/repo/src/*"), file("/repo/src/a/b.py"), True),
        (allow("Write", "src/*"), file("/repo/src/a.py"), True),
        (allow("Write", "src/*"), file("/other/src/a.py"), False),
        (allow("Write", "src/*"), file("/repository/src/a.py"), False),
        (allow("Write", "src/*"), file("/repo/src/../../etc/passwd"), False),
        (allow("Write", "/repo/*"), file("/repo/.."), False),
        (allow("Write", "/repo/*"), file("/repo/a..b"), True),
        (deny("Write", "/etc/*"), file("/repo/../etc/passwd"), True),
        (deny("Write", "/etc/*"), file("//etc//passwd"), True),
        (deny("Write", "secrets/*"), file("/repo/./secrets/x"), True),
        (deny("Write", "/etc/*"), file("/repo/etc/x"), False),
        (allow("NotebookEdit", "*.ipynb"), ("NotebookEdit", {"notebook_path": "/a.ipynb"}), True),
        (deny("Other", "*b/c*"), ("Other", {"x": "b//c"}), False),
        # Hosts.
        (allow("WebFetch", "https://docs.python.org/*"), fetch("https://docs.python.org/3/"), True),
        (allow("WebFetch", "https://docs.python.org/*"), fetch("https://docs.python.org"), True),
        (allow("WebFetch", "https://*.python.org/*"), fetch("https://docs.python.org/3/"), True),
        (allow("WebFetch", "https://*.python.org/*"), fetch("https://e.x/?.python.org/"), False),
        (allow("WebFetch", "https://*.python.org/*"), fetch("https://e.x/a.python.org/"), False),
        (allow("WebFetch", "https://*.python.org/*"), fetch("https://e.x#.python.org/"), False),
        (allow("WebFetch", "https://x.y/*"), fetch("https://x.y@e.x/"), False),
        (allow("WebFetch", "https://x.y/*"), fetch("https://x.y\\@e.x/"), False),
        (allow("WebFetch", "https://x.y/*"), fetch("http://x.y/"), False),
        (allow("WebFetch", "https://x.y*"), fetch("https://x.y.e.x/"), True),
        (deny("WebFetch", "*evil*"), fetch("https://a/?evil"), True),
        # What asks a person is no rule's, unless it names it.
        (allow("*"), ("ExitPlanMode", {"plan": "x"}), False),
        (allow("*"), ("AskUserQuestion", {"questions": []}), False),
        (allow("Exit*"), ("ExitPlanMode", {"plan": "x"}), False),
        (allow("ExitPlanMode"), ("ExitPlanMode", {"plan": "x"}), True),
        # What is not as it should be.
        (allow("Bash", "git *"), ("Bash", {"command": ["git", "x"]}), False),
        (allow("Bash", "git *"), ("Bash", {}), False),
        (allow("Bash", "git *"), ("", {}), False),
        (allow("Other", '*"x":1*'), ("Other", {"x": 1}), True),
    ],
)
def test_what_fits(rule: Rule, asked: tuple[str, dict[str, Json]], fit: bool) -> None:
    assert fits(rule, asked) == fit


def test_what_a_tool_would_do_is_told_in_a_word() -> None:
    assert subject(*bash("ls")) == "ls"
    assert subject("Other", {"b": 1, "a": "x"}) == '{"a":"x","b":1}'


@pytest.mark.parametrize(
    ("pattern", "text", "fit"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("a*b*bc", "abbc", True),
        ("a*b*bc", "abc", False),
        ("*ab*ab*", "aab ab", True),
        ("[a]?.", "[a]?.", True),
        ("a?", "ab", False),
    ],
)
def test_a_star_is_anything_and_nothing_else_is_special(pattern: str, text: str, fit: bool) -> None:
    assert like(pattern, text) == fit


@given(parts=st.lists(st.text(max_size=5), min_size=1, max_size=6), filling=st.text(max_size=5))
def test_stars_stand_for_any_text(parts: list[str], filling: str) -> None:
    pattern = "*".join(part.replace("*", "") for part in parts)
    assert like(pattern, pattern.replace("*", filling))


def test_the_worst_of_patterns_is_no_slower() -> None:
    began = time.monotonic()
    assert not like("*a" * 5_000 + "*b", "a" * 20_000)
    assert time.monotonic() - began < 5


@given(command=st.text(alphabet="git ;&|$`<>\n()rmx", max_size=30))
def test_no_allow_lets_a_second_command_pass(command: str) -> None:
    if fits(allow("Bash", "git *"), bash("git " + command)):
        assert not set(command) & set(";&|`<>\n$")


@given(
    tool=st.sampled_from(["Bash", "Write", "WebFetch", "Other"]),
    asked=st.dictionaries(
        st.sampled_from(["command", "file_path", "url", "x"]),
        st.one_of(st.text(max_size=20), st.none(), st.integers(), st.lists(st.text(max_size=3))),
    ),
    answer=st.sampled_from(["allow", "deny", "ask"]),
    match=st.text(max_size=8),
)
def test_nothing_that_is_asked_breaks_it(
    tool: str, asked: dict[str, Json], answer: str, match: str
) -> None:
    ruled((Rule("*", answer, match),), tool, asked, "/repo")
