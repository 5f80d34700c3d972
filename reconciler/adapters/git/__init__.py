"""git, read as objects through GitPython's process wrapper.

Never executes what a repository holds; never spawns a process on a pass that finds no change.
"""

from reconciler.adapters.git.place import Handed
from reconciler.adapters.git.repository import GitRepository, init_repository

__all__ = ["GitRepository", "Handed", "init_repository"]
