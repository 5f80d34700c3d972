"""What tmuxp types into a pane: `shell_command` in all its shapes, as lines each ended by Enter."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.foreign.read import Items, Table, Value, truthy
from reconciler.kinds.foreign.shell import key_name, sent, typeable
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.names import shown
from reconciler.model.ids import Json

_BLANK = (None, "blank", "pane")
_COMMAND_KEYS = frozenset(("cmd", "enter", "sleep_before", "sleep_after", "suppress_history"))


@dataclass(frozen=True, slots=True)
class Command:
    """One command to type. `enter` is None where nothing is said, so that the last word holds."""

    text: str
    line: int
    enter: bool | None = None


def commands(value: Value, line: int, notes: Notes) -> list[Command]:
    """Return the commands that a `shell_command` or `shell_command_before` means."""
    if isinstance(value, Table):
        if "shell_command" in value:
            return commands(value["shell_command"], value.at("shell_command"), notes)
        return _detailed(value, notes)
    if not isinstance(value, Items):
        return [] if value in _BLANK else [Command(value or "", line)]
    if len(value) == 1 and not isinstance(value[0], Table | Items) and value[0] in _BLANK:
        return []
    return [c for index, item in enumerate(value) for c in _item(item, value.at(index), notes)]


def _item(item: Value, line: int, notes: Notes) -> list[Command]:
    if isinstance(item, Table):
        return _detailed(item, notes)
    if item is None or isinstance(item, Items):
        notes.lost(line, f"a command that is {shown(item)}")
        return []
    return [Command(item, line)]


def _detailed(item: Table, notes: Notes) -> list[Command]:
    for key in item:
        if key not in _COMMAND_KEYS:
            notes.lost(item.at(key), f"{shown(key)}: no word of a command")
    say_sleeps(item, notes)
    if "suppress_history" in item:
        notes.lost(item.at("suppress_history"), "suppress_history: tmuxp obeys it at panes only")
    text = item.get("cmd")
    if text is None or isinstance(text, Table | Items):
        notes.lost(item.line, f"a command whose `cmd` is {shown(text)}")
        return []
    return [Command(text, item.at("cmd"), truthy(item["enter"]) if "enter" in item else None)]


def say_sleeps(item: Table, notes: Notes) -> None:
    """Note each wait: lines are typed at once, and the program reads them when it is ready."""
    for key in ("sleep_before", "sleep_after"):
        if item.get(key) is not None:
            notes.lost(item.at(key), f"{key}: lines are typed at once, without a wait")


@dataclass(frozen=True, slots=True)
class Typist:
    """Turns commands into lines; `enter` and `suppress` are the pane's own words."""

    around: Surroundings
    notes: Notes
    enter: bool = True
    suppress: bool = True

    def lines(self, wanted: list[Command]) -> list[str]:
        """Return the lines to type. A command without Enter runs into the next one, as it does."""
        enter, waiting, made = self.enter, "", list[str]()
        last = 0
        for command in wanted:
            enter = enter if command.enter is None else command.enter
            last = command.line
            waiting += self._keys(command)
            if enter:
                made += typeable(waiting, last, self.notes)
                waiting = ""
        if waiting.strip():
            what = f"{shown(waiting.strip())} is not typed: a line of ours always ends with Enter"
            self.notes.lost(last, what)
        return made

    def _keys(self, command: Command) -> str:
        text = self.around.typed(command.text, command.line, self.notes)
        text = sent(" " + text if self.suppress else text)
        if key_name(text):
            self.notes.lost(command.line, f"the key {text}: lines are typed, not keys")
            return ""
        return text


def type_to_all(panes: list[dict[str, Json]]) -> None:
    """Give each pane what is typed into the panes after it: they are synchronized from the start.

    A pane gets only what is typed once it is there, so nothing of the panes before it.
    """
    lines: list[Json] = []
    for pane in reversed(panes):
        own = pane.get("type")
        lines = [*(own if isinstance(own, list) else []), *lines]
        pane["type"] = list(lines)
