"""Agents' own work trees on real git: seen, made, adopted, kept and taken away.

Never runs what a repository or an agent names (no filter, no hook, no driver), never follows a
link out of a tree, and never removes a byte that cannot be read back from a kept ref.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.adapters.git.worktrees.restoring import Restored, kept_of, restored
    from reconciler.adapters.git.worktrees.workshop import GitWorkshop

__all__ = ["GitWorkshop", "Restored", "kept_of", "restored"]

_HOMES = {
    "GitWorkshop": "workshop",
    "Restored": "restoring",
    "kept_of": "restoring",
    "restored": "restoring",
}


def __getattr__(name: str) -> Any:
    """Import on first use: most verbs need none of it."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
