"""How a fake agent behaves: a JSON object in FAKE_AGENT, or the path of a file that has one.

Lines of a prompt say what one turn does, in the order in which they stand:

    CALL <tool> <json>   use a tool; tools of MCP servers are really called, `Write` writes a file
                         below its folder where `writes` says so, and no other does anything
    SAY <text>           end the turn with this text
    THINK <seconds>      let so much pass before each answer of the model
    LIMIT <seconds>      be told that the account is used up, until then
    AUTH                 be told that the key is none
    CRASH <code>         end at once
"""

from __future__ import annotations

import json
import os
import re

MARK = re.compile(r"\[novaorch:(m[0-9a-z]{26})\]")
LINE = re.compile(r"^[ \t>|]*(CALL|SAY|THINK|LIMIT|AUTH|CRASH)\b[ \t]*(.*?)[ \t]*$", re.MULTILINE)


class Script:
    """What may be said in FAKE_AGENT, with what holds when it is not.

    Times are seconds; a pair is a range from which each is drawn by `seed` and conversation.
    """

    seed: int = 0
    start_s: float = 0.0
    """So long it does not read its keyboard."""
    trust: bool = False
    """It asks whether the folder is trusted, whatever its files say."""
    swallow: int = 0
    """So many first Enters are lost, and the text stays in the composer."""
    draft: str = ""
    """Stands in the composer when it starts."""
    deaf: bool = False
    """It calls no hooks."""
    think_s: tuple[float, float] = (0.0, 0.0)
    tools: tuple[float, float] = (0, 0)
    """How many tool calls of its own a turn has."""
    tool_s: tuple[float, float] = (0.0, 0.0)
    asks: tuple[str, ...] = ("Bash", "Edit", "Write", "WebFetch")
    """The tools that need a permission, unless they are allowed."""
    writes: bool = False
    """The tool Write really writes."""
    limit_every: int = 0
    limit_s: float = 60.0
    crash_every: int = 0
    """The turn of this number ends the process in its middle."""
    rows: int = 200
    """So many rows of its past are kept to be shown."""
    log: str = ""
    """Where it writes what its model was given, a line each; {conversation} and {pid} are filled
    in."""

    def __init__(self, told: dict[str, object]) -> None:
        for name, value in told.items():
            default = getattr(type(self), name, None)
            if default is None or name.startswith("_"):
                raise SystemExit(f"FAKE_AGENT: there is no {name!r}")
            setattr(self, name, tuple(value) if isinstance(value, list) else value)


def read(environ: dict[str, str]) -> Script:
    """Return the script that the environment names; SystemExit says what is wrong with it."""
    text = environ.get("FAKE_AGENT", "").strip()
    try:
        if text and not text.startswith("{"):
            with open(os.path.expanduser(text), encoding="utf-8") as file:
                text = file.read()
        return Script(json.loads(text or "{}"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"FAKE_AGENT cannot be read: {error}") from error


def lines(text: str) -> list[tuple[str, str]]:
    """Return what a text asks a turn to do: (word, the rest of its line)."""
    return [(found[1], found[2]) for found in LINE.finditer(text)]


def marks(text: str) -> list[str]:
    """Return the ids of the messages that a text carries, each once, in order."""
    return list(dict.fromkeys(MARK.findall(text)))
