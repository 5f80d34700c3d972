"""The door to the remote of a fleet's repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.model.remote import Remote

if TYPE_CHECKING:
    from reconciler.adapters.git.remote import GitRemote
    from reconciler.adapters.git.repository import GitRepository


class Ground(Protocol):
    """What this door needs of the rest of the wiring."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment."""
        ...

    @property
    def repository(self) -> GitRepository:
        """The repository."""
        ...


class RemoteDoors:
    """Part of `Wiring`: the way to a repository elsewhere."""

    def remote(self: Ground, remote: Remote) -> GitRemote:
        """Open the remote that `fleet.yaml` names; whoever opens it closes it."""
        from reconciler.adapters.git.remote import GitRemote
        from reconciler.adapters.tmux.secret import lookup

        return GitRemote(
            self.repository.common_dir, remote, lambda reference: lookup(reference, self.environ)
        )
