"""Commands of foreign files: shell text as argv, and text for `send-keys` as lines to type."""

from __future__ import annotations

import re
import shlex

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.names import shown

# Whatever a shell would do more with than split it into words.
_SHELL_WORK = re.compile(r"[$`&|;<>(){}*?\[\]~!#\n\\=]")
_BUILT_IN = frozenset(
    {".", ":", "alias", "bg", "builtin", "case", "cd", "command", "declare", "eval", "exec", "exit"}
    | {"export", "fg", "for", "function", "hash", "if", "let", "local", "pushd", "read", "return"}
    | {"select", "set", "shift", "shopt", "source", "time", "trap", "type", "typeset", "ulimit"}
    | {"umask", "unset", "until", "wait", "while"}
)
_KEY_NAME = re.compile(
    r"(?:[CMS]-)+.|Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|NPage|PageDown|"
    r"PPage|PageUp|IC|DC|Insert|Delete|F[0-9]{1,2}",
    re.IGNORECASE,
)
LINE_MAX = 4096


def argv(text: str, shell: str = "/bin/sh") -> list[str]:
    """Return the argv of a command that tmux gives to a shell: plain words, else `shell -c`."""
    if _SHELL_WORK.search(text) is None:
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if words and all(words) and words[0] not in _BUILT_IN and not words[0].startswith("-"):
            return words
    return [shell, "-c", text]


def sent(text: str) -> str:
    """Return what tmux types of one argument: it takes a last `;` for itself, and `\\;` as `;`."""
    if text.endswith("\\;"):
        return text[:-2] + ";"
    return text[:-1] if text.endswith(";") else text


def key_name(text: str) -> bool:
    """Return whether `send-keys` takes the text for the name of one key."""
    return _KEY_NAME.fullmatch(text) is not None


def typeable(text: str, line: int, notes: Notes) -> list[str]:
    """Return the lines that a text is when Enter follows each; what cannot be typed is noted.

    An empty line becomes a single space, which a shell reads as nothing too.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [typed for part in lines if (typed := _line(part, line, notes))]


def _line(text: str, line: int, notes: Notes) -> str:
    plain = text.replace("\t", " ")
    if plain != text:
        notes.changed(line, "a tab is typed as a space: a shell would complete words at it")
    plain = "".join(c for c in plain if c.isprintable())
    if len(plain) < len(text):
        notes.changed(line, "a control character is not typed: it would be a command")
    if len(plain) > LINE_MAX:
        notes.lost(line, f"a line of {len(plain)} characters: {shown(plain[:40])}")
        return ""
    return plain or " "
