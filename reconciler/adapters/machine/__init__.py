"""What this machine can carry, for `novaorch doctor`: one small look a fact.

Changes nothing, and never raises: what cannot be looked at is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.adapters.machine.asked import Asked
from reconciler.adapters.machine.limits import (
    disk,
    inotify,
    memory,
    open_files,
    processes,
    terminals,
)
from reconciler.adapters.machine.places import (
    clock,
    hooks,
    locale,
    state_folder,
    store_answers,
    store_server,
    tmux_folder,
)
from reconciler.adapters.machine.tools import git, python, repository, tmux
from reconciler.model.verdict import Verdict

__all__ = ["Asked", "examine"]

_CHECKS: tuple[tuple[str, Callable[[Asked], Verdict]], ...] = (
    ("python", python),
    ("git", git),
    ("repository", repository),
    ("tmux", tmux),
    ("tmux socket", tmux_folder),
    ("open files", open_files),
    ("terminals", terminals),
    ("processes", processes),
    ("inotify", inotify),
    ("memory", memory),
    ("state folder", state_folder),
    ("disk", disk),
    ("store server", store_server),
    ("store", store_answers),
    ("locale", locale),
    ("clock", clock),
    ("hooks", hooks),
)


def examine(asked: Asked) -> list[Verdict]:
    """Return one verdict for each fact, always the same ones in the same order."""
    return [_look(name, check, asked) for name, check in _CHECKS]


def _look(name: str, check: Callable[[Asked], Verdict], asked: Asked) -> Verdict:
    try:
        return check(asked)
    except Exception as error:  # a doctor who falls ill helps nobody
        said = " ".join(str(error).split()) or type(error).__name__
        return Verdict(name, None, f"could not be looked at: {said[:300]}")
