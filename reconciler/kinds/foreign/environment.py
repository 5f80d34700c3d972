"""Variables in foreign files: values that may be committed, references for the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reconciler.kinds.foreign.notes import Notes
from reconciler.kinds.foreign.read import Items, Table, Value
from reconciler.kinds.foreign.variables import (
    Surroundings,
    references,
    secret_looking,
    sole_reference,
)
from reconciler.kinds.names import shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(slots=True)
class Variables:
    """Values, and references to values (`env:NAME`) that are looked up at the start."""

    env: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


def variables(value: Value, line: int, around: Surroundings, notes: Notes) -> Variables:
    """Return what an `environment:` mapping says; what cannot be a variable is noted."""
    made = Variables()
    if value is None:
        return made
    if not isinstance(value, Table):
        notes.lost(line, f"environment holds {shown(value)}, not names with values")
        return made
    for name, text in value.items():
        at = value.at(name)
        if not _NAME.fullmatch(name) or name.startswith(("NOVAORCH_", "TMUX")):
            notes.lost(at, f"the variable {shown(name)}: not a name that may be set")
        elif text is None or isinstance(text, Table | Items):
            notes.lost(at, f"the variable {name}: its value is {shown(text)}")
        else:
            _variable(made, (name, text, at), around, notes)
    return made


def _variable(
    made: Variables, entry: tuple[str, str, int], around: Surroundings, notes: Notes
) -> None:
    name, text, line = entry
    sole = sole_reference(text)
    if sole and sole in around.environ and secret_looking(sole, around.environ[sole]):
        made.secrets[name] = f"env:{sole}"
        notes.changed(line, f"{name} is taken from ${sole} at each start, never written down")
        return
    hidden = [n for n in references(text) if secret_looking(n, around.environ.get(n, ""))]
    if not sole and any(n in around.environ for n in hidden):
        notes.lost(line, f"the variable {name}: ${hidden[0]} in its value looks secret")
        return
    value = _expanded(text, around, line, notes)
    if secret_looking(name, value) and value:
        made.secrets[name] = f"env:{name}"
        notes.changed(
            line,
            f"{name} looks secret: its value is not written down, set {name} where novaorch runs",
        )
        return
    if value != text:
        notes.changed(line, f"{name} has the value of today, {shown(value)}")
    if name == "PATH":
        notes.changed(line, "PATH holds: tmux itself lets the caller's PATH win over it")
    made.env[name] = value


def _expanded(text: str, around: Surroundings, line: int, notes: Notes) -> str:
    value = around.expanded(text, line, notes)
    if value == "~" or value.startswith("~/"):
        value = around.home + value[1:]
    if value.startswith("."):
        # As pathlib joins: dots that mean "here" go, ".." stays.
        parts = f"{around.folder}/{value}".split("/")
        value = "/" + "/".join(part for part in parts if part not in {"", "."})
    return value
