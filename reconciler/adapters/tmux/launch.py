"""How one process is started: the words of `-c`, `-e` and argv, for any command that starts one.

tmux runs a single word through a shell, expands formats in a directory, and lets the client's PATH
win over `-e PATH`: the words made here avoid all three.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.adapters.tmux.quote import command, quote
from reconciler.adapters.tmux.secret import lookup
from reconciler.core.conversation import conversation
from reconciler.model.problems import NovaorchError
from reconciler.model.step import NewPane
from reconciler.model.unit import Launch
from reconciler.ports.agents import Outfitter

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
PLACEHOLDER = ("env", "true")
"""What a placeholder runs: it ends at once and leaves its dead pane."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What rendering must know of this server and this fleet, read once a batch.

    `own`: we started it. `messages`: how many it logs. `keeps_dead`, `destroys`: what it does with
    dead panes, and with sessions nobody looks at. `haunted`: a NOVAORCH_UNIT is in its environment.
    `braces`: it reads words within braces as it reads them elsewhere. `version`: '' is not known.
    `epoch`: the number that it must obey for our lines to do anything; 0: they always do.
    `outfitter`: who prepares what agent runtimes need to find.
    """

    fleet: str
    environ: Mapping[str, str]
    shell: str = "/bin/sh"
    history_lines: int = 2000
    messages: int = 0
    own: bool = False
    keeps_dead: bool = False
    destroys: bool = False
    haunted: bool = False
    braces: bool = True
    version: str = ""
    epoch: int = 0
    outfitter: Outfitter | None = None


def start(pane: NewPane, setting: Setting, *, again: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the words that end a starting command, and the variables that are this pane's alone.

    `again` says that a process stood here before: then no command would mean the old one.
    """
    if pane.launch is None:
        return command(("-c", "/", "--", *PLACEHOLDER)), ()
    launch, more = _dressed(pane.mark.unit, pane.launch, setting)
    environment = {**_environment(pane, launch, setting), **dict(more)}
    words = ["-c", directory(launch.directory)]
    for name, value in environment.items():
        words += ("-e", f"{name}={value}")
    argv = _argv(launch, environment.get("PATH"))
    if again and not argv:
        argv = (setting.shell, "-l")
    if argv:
        words += ("--", *argv)
    return command(words), tuple(name for name in environment if name != "NOVAORCH_FLEET")


def typed(pane: NewPane, at: str) -> list[str]:
    """Return the commands that type the lines of a fresh pane, each followed by Enter.

    `at` is ` -t TARGET`, or nothing for the newest pane.
    """
    lines = pane.launch.typed if pane.launch is not None else ()
    commands = []
    for line in lines:
        if line:
            commands.append(f"send-keys{at} -l -- {quote(_one_line(line))}")
        commands.append(f"send-keys{at} Enter")
    return commands


def directory(path: str) -> str:
    """Return `path` if tmux will take it as it stands."""
    if "#" in path or not path.startswith("/"):
        raise NovaorchError(
            f"the directory {path} cannot be given to tmux",
            why="tmux expands formats (#) in directories, and takes a relative one from anywhere",
            fix="use an absolute directory without # in its path",
        )
    return path


def title(name: str, *, what: str) -> str:
    """Return a session's or window's name if tmux will keep it as it stands."""
    strange = set(name) & set("#\\") or (what == "session" and set(name) & set(":.'\""))
    if (
        strange
        or not name
        or not name.isprintable()
        or (what == "session" and name[0] in "=$@%!{+-")
    ):
        raise NovaorchError(
            f"not a name for a tmux {what}: {name!r}",
            why="tmux expands # in it, changes some of its characters, or reads it as a target",
            fix="use letters, digits, - and _",
        )
    return name


def applied_key(unit: str) -> str:
    """Return the hidden variable that holds a process's last applied fields in its session."""
    return f"@novaorch_applied_{hashlib.sha256(unit.encode()).hexdigest()[:12]}"


def ascii_json(text: str) -> str:
    """Return the same JSON in ASCII: what tmux prints then cannot be escaped or cut."""
    if text.isascii() and "\x7f" not in text:
        return text
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = (int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
    return "".join(chr(u) if u < 127 else f"\\u{u:04x}" for u in pairs)


def _dressed(
    unit: str, launch: Launch, setting: Setting
) -> tuple[Launch, tuple[tuple[str, str], ...]]:
    """Return how an agent runtime is started at last, and the variables that come with it."""
    if launch.persona is None:
        return launch, ()
    if setting.outfitter is None:
        raise NovaorchError(
            f"{launch.persona.runtime} cannot be started from here",
            why="nobody prepares what an agent runtime needs to find",
            fix="let `novaorch apply` or `novaorch run` start it",
        )
    outfit = setting.outfitter.outfit(unit, launch)
    return replace(launch, argv=outfit.argv), outfit.env


def _environment(pane: NewPane, launch: Launch, setting: Setting) -> dict[str, str]:
    environment = dict(launch.env)
    for name, reference in launch.secrets:
        environment[name] = lookup(reference, setting.environ)
    for name in environment:
        if not _VARIABLE.fullmatch(name):
            raise NovaorchError(
                f"not a name of an environment variable: {name!r}",
                fix="use letters, digits and _, not beginning with a digit",
            )
    environment["NOVAORCH_FLEET"] = setting.fleet
    environment["NOVAORCH_UNIT"] = pane.mark.unit
    environment["NOVAORCH_CONVERSATION"] = conversation(setting.fleet, pane.mark.unit)
    return environment


def _argv(launch: Launch, path: str | None) -> tuple[str, ...]:
    argv = launch.argv
    if path is not None and argv:
        # The client's PATH would replace this one; a PATH is no secret.
        argv = ("/bin/sh", "-c", 'PATH=$1; export PATH; shift; exec "$@"', "sh", path, *argv)
    if len(argv) == 1:
        plain = "=" not in argv[0] and not argv[0].startswith("-")
        return ("/usr/bin/env", *argv) if plain else ("/bin/sh", "-c", 'exec "$0"', *argv)
    return argv


def _one_line(line: str) -> str:
    if "\n" in line or "\r" in line:
        raise NovaorchError(
            "a typed line holds a line break",
            why="each typed line is followed by one Enter",
            fix="write one entry a line",
        )
    return line
