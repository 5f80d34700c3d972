"""git, read as objects through GitPython's process wrapper.

Never executes what a repository holds; never spawns a process on a pass that finds no change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.adapters.git.place import Handed
    from reconciler.adapters.git.repository import GitRepository, init_repository

__all__ = ["GitRepository", "Handed", "init_repository"]

_HOMES = {"GitRepository": "repository", "init_repository": "repository", "Handed": "place"}


def __getattr__(name: str) -> Any:
    """Import on first use: `glance` has no time for GitPython."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
