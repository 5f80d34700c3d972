"""The door to the remote of a fleet's repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.model.problems import NovaorchError
from reconciler.model.remote import Remote

if TYPE_CHECKING:
    from reconciler.adapters.git.elsewhere.remote import GitRemote
    from reconciler.adapters.git.refs import OwnRef
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
        from reconciler.adapters.git.elsewhere.remote import GitRemote
        from reconciler.adapters.tmux.secret import lookup

        return GitRemote(
            self.repository.common_dir, remote, lambda reference: lookup(reference, self.environ)
        )

    def webhook(self: Ground, reference: str) -> bytes:
        """Return the secret that nudges are signed with. NovaorchError: it is missing, or weak."""
        from reconciler.adapters.tmux.secret import lookup
        from reconciler.core.nudges import SECRET_MIN

        found = lookup(reference, self.environ).encode()
        if len(found) < SECRET_MIN:
            raise NovaorchError(
                "the webhook's secret is too short",
                why=f"it has {len(found)} bytes, and one signed nudge is enough to guess it",
                fix=f"make one of at least {SECRET_MIN} bytes: openssl rand -hex 32",
            )
        return found

    def theirs(self: Ground) -> Callable[[str], str]:
        """Return what tells the commit of a remote's branch as it was fetched last, '' for none.

        One line by pipe when nothing changed. BlindError: our own ref is damaged.
        """
        from reconciler.adapters.git.elsewhere.remote import tracking_ref

        refs: dict[str, OwnRef] = {}

        def tip(branch: str) -> str:
            if branch not in refs:
                refs[branch] = self.repository.own_ref(tracking_ref(branch))
            return refs[branch].tip()

        return tip
