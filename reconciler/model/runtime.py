"""Agent runtimes as data: one entry says how a command-line agent is started, read and spoken to.

Nothing here runs; `core.runtimes` has the table. A new agent is a new entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.agent import Waiting


@dataclass(frozen=True, slots=True)
class Looks:
    """How its screen is read: regular expressions, held against the rows at the end of the screen.

    The first dialog that fits counts; nothing is typed while one is there. '' never fits.
    `composer` fits a row in which text is being written, its group 1 is that text. `hint` fits the
    whole of a text that it shows there itself; a terminal without colours does not draw it dim.
    """

    ready: str = ""
    busy: str = ""
    composer: str = ""
    hint: str = ""
    limited: str = ""
    auth_lost: str = ""
    dialogs: tuple[tuple[Waiting, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Runtime:
    """One agent runtime.

    `program` is found on PATH, `install` is the line that gets it. `start` are arguments of a new
    conversation, `resume` of one that goes on; words in braces are replaced (`{conversation}`,
    `{model}`, `{permission}`, `{settings}`, `{mcp}`, `{prompt}`), and an argument group with an
    empty replacement is left out. `hooks` and `mcp` say what it can be given. `paste`: it takes
    a paste and Enter; otherwise one line. `quit` are lines that end it politely. `usual` is the
    permission mode that it is given when a manifest names none; '' leaves that to the runtime.
    """

    name: str
    program: str
    install: str
    start: tuple[tuple[str, ...], ...] = ()
    resume: tuple[tuple[str, ...], ...] = ()
    hooks: bool = False
    mcp: bool = False
    paste: bool = False
    quit: tuple[str, ...] = ()
    looks: Looks = Looks()
    permissions: tuple[str, ...] = ()
    """The words that its permission mode may be."""
    usual: str = ""
