"""Words in tmux's own command language. Nothing here ever meets a shell.

A word is put between single quotes, where tmux changes nothing; a quote and every control
character leave them and stand, escaped, between double quotes. A line break therefore never
appears as itself, which control mode needs: there a line is a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.model.problems import NovaorchError

_PLAIN = re.compile(r"[A-Za-z0-9_./:@+,-][A-Za-z0-9_./:@%+=,-]*", re.ASCII)
_LONE = re.compile(r"[\ud800-\udfff]")
_LEAVES = re.compile(r"['\x00-\x1f\x7f]+")


def quote(text: str) -> str:
    """Return `text` as one word. NUL and lone surrogates cannot be in one: NovaorchError."""
    if _PLAIN.fullmatch(text):
        return text
    if _LONE.search(text):
        raise NovaorchError(
            "text that is not UTF-8 cannot be given to tmux",
            why="tmux's parser stops at such a byte",
            fix="write the value as UTF-8",
        )
    if "\0" in text:
        raise NovaorchError(
            "a NUL character cannot be given to tmux",
            why="a program's arguments and environment end at the first NUL",
            fix="take the NUL character out of the manifest",
        )
    return "'" + _LEAVES.sub(_escaped, text) + "'"


def command(words: Iterable[str]) -> str:
    """Return one command, every word quoted."""
    return " ".join(map(quote, words))


def sequence(commands: Iterable[str]) -> str:
    """Return commands that run one after the other and stop at the first that fails."""
    return " ; ".join(commands)


def block(body: str, *, braces: bool = True) -> str:
    """Return `body` as an argument of `if-shell`.

    tmux 3.2 reads quotes within braces in its own way: there, and where the body holds words from
    outside, it is to be one quoted word (`braces` False), which every version reads alike.
    """
    return "{ " + body + " }" if braces else quote(body)


def _escaped(match: re.Match[str]) -> str:
    inner = "".join(c if c == "'" else f"\\{ord(c):03o}" for c in match.group())
    return f"'\"{inner}\"'"
