"""Standing answers to permission prompts: which rule of an agent's manifest fits what it asks.

Touches nothing. Words and paths are chosen by a model that may have read anything, so an `allow`
fits narrowly (its `*` never reaches over the end of a command, out of a folder or into another
host) and a `deny` widely. What is in doubt fits no `allow`, and a person is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from reconciler.model.agent import Rule
from reconciler.model.ids import Json, canonical

TEXT_MAX = 20_000
"""Longer commands fit no `allow`."""
PLAN, QUESTION = "ExitPlanMode", "AskUserQuestion"
_PERSONAL = frozenset({PLAN, QUESTION})
"""Tools that ask a person something: a pattern with `*` never means these."""
_SUBJECT: Mapping[str, str] = {
    "Bash": "command",
    "BashOutput": "bash_id",
    "Read": "file_path",
    "Write": "file_path",
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
    "NotebookRead": "notebook_path",
    "LS": "path",
    "WebFetch": "url",
    "WebSearch": "query",
    "Skill": "skill",
    "Task": "prompt",
    "Agent": "prompt",
}
"""What a tool would do, in one word of its input; all of it for every other tool."""
_SHELL = re.compile(r"[;&|`<>$\n\r]")
"""Where one command becomes two, writes somewhere, or means another word than it says."""
_PARTS = re.compile(r"[;&|`<>(){}$\n\r]+")


def subject(tool: str, asked: Mapping[str, Json]) -> str:
    """Return what a tool would do, as rules see it and people read it."""
    found = asked.get(_SUBJECT.get(tool, ""))
    return found if isinstance(found, str) else canonical(dict(asked))


def ruled(
    rules: Sequence[Rule], tool: str, asked: Mapping[str, Json], directory: str = ""
) -> Rule | None:
    """Return the first rule that fits; None: no rule does, so a person is asked.

    A path is held against a pattern as it is, and as it is below `directory`.
    """
    text = subject(tool, asked)
    return next((rule for rule in rules if _fits(rule, tool, text, directory)), None)


def _fits(rule: Rule, tool: str, text: str, directory: str) -> bool:
    if not like(rule.tool, tool) or (tool in _PERSONAL and rule.tool != tool):
        return False
    if not rule.match.strip("*"):
        return True
    if rule.answer == "allow":
        return len(text) <= TEXT_MAX and text.isprintable() and _narrow(rule, tool, text, directory)
    return any(like(rule.match, form) for form in _forms(tool, text, directory))


def _narrow(rule: Rule, tool: str, text: str, directory: str) -> bool:
    word = _SUBJECT.get(tool, "")
    if word == "command":
        stars = _starred(rule.match, text)
        return stars is not None and not _SHELL.search(stars)
    if word in ("file_path", "notebook_path", "path"):
        paths = _paths(text, directory)
        return ".." not in text.split("/") and any(like(rule.match, path) for path in paths)
    if word == "url":
        return _within_host(rule.match, text)
    return like(rule.match, text)


def _forms(tool: str, text: str, directory: str) -> Sequence[str]:
    """Return every way in which a text may be meant: a command that hides in another one, too."""
    word = _SUBJECT.get(tool, "")
    if word == "command":
        parts = [part.strip() for part in _PARTS.split(text)]
        return (text, text.strip(), *(part for part in parts if part))
    if word in ("file_path", "notebook_path", "path"):
        return (*_paths(text, directory), *_paths(_plain(text), directory))
    return (text,)


def _paths(text: str, directory: str) -> tuple[str, ...]:
    below = directory.rstrip("/") + "/"
    inside = directory and text.startswith(below)
    return (text, text[len(below) :]) if inside else (text,)


def _plain(path: str) -> str:
    """Return a path without `.`, `..` and empty parts, as far as its words tell."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part not in ("", "."):
            kept.append(part)
    return ("/" if path.startswith("/") else "") + "/".join(kept)


_URL = re.compile(r"(?P<host>[a-z][a-z0-9+.-]*://[^/?#]*)(?P<rest>.*)\Z", re.IGNORECASE)


def _within_host(pattern: str, url: str) -> bool:
    """Whether a URL fits with its host and with the rest of it, each on its own."""
    wanted, found = _URL.match(pattern), _URL.match(url)
    if wanted is None or found is None or any(char in url for char in "@\\% "):
        return False
    host = like(wanted["host"].lower(), found["host"].lower())
    return host and (like(wanted["rest"], found["rest"]) or wanted["rest"] in ("", "/*"))


def like(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern in which `*` is anything, and nothing else is special.

    As quick for the worst of patterns as for the best.
    """
    return _starred(pattern, text) is not None


def _starred(pattern: str, text: str) -> str | None:
    """Return what the stars of a pattern stand for, together; None when it does not fit."""
    first, *rest = pattern.split("*")
    if not rest:
        return "" if text == pattern else None
    last = rest.pop()
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return None
    if not text.endswith(last):
        return None
    at, end, stars = len(first), len(text) - len(last), []
    for part in rest:
        found = text.find(part, at, end)
        if found < 0:
            return None
        stars.append(text[at:found])
        at = found + len(part)
    return "".join([*stars, text[at:end]])
