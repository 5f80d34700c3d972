"""The doors to what is kept beside git and tmux: the store, and the journal of what is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError

if TYPE_CHECKING:
    from reconciler.adapters.clock import SystemClock
    from reconciler.adapters.git.repository import GitRepository
    from reconciler.adapters.state import StateDir
    from reconciler.adapters.store.ears import Ears
    from reconciler.adapters.store.embedded import EmbeddedServer
    from reconciler.adapters.store.redis_store import RedisStore
    from reconciler.loop.chronicle import Chronicle


class Ground(Protocol):
    """What these doors need of the rest of the wiring."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment."""
        ...

    @property
    def repository(self) -> GitRepository:
        """The repository."""
        ...

    @property
    def clock(self) -> SystemClock:
        """The hour."""
        ...

    @property
    def machine(self) -> str:
        """The name of this host."""
        ...

    def state(self, fleet: FleetSettings) -> StateDir:
        """The fleet's own files."""
        ...

    def store(self, fleet: FleetSettings, *, start: bool) -> RedisStore:
        """The store of this fleet."""
        ...

    def _epoch(self) -> int: ...


class KeepingDoors:
    """Part of `Wiring`: where what happens is kept."""

    def store(self: Ground, fleet: FleetSettings, *, start: bool) -> RedisStore:
        """The store of this fleet; `start` lets it start the embedded server."""
        from reconciler.adapters.store.resolve import open_store

        return open_store(fleet, self.state(fleet), start=start, environ=self.environ)

    def ears(
        self: Ground, store: RedisStore, fleet: FleetSettings, poke: Callable[[str], None]
    ) -> Ears:
        """What hears a word said in the store, and its coming back."""
        from reconciler.adapters.store.ears import Ears

        return Ears(store.endpoint, fleet.name, poke)

    def embedded(self: Ground, fleet: FleetSettings) -> EmbeddedServer:
        """The store server that novaorch itself owns."""
        from reconciler.adapters.store.embedded import EmbeddedServer

        return EmbeddedServer(self.state(fleet), self.environ)

    def chronicle(
        self: Ground,
        fleet: FleetSettings,
        epoch: Callable[[], int] | None = None,
        say: Callable[[str], None] = lambda _text: None,
        *,
        thorough: bool = False,
    ) -> Chronicle:
        """Whoever writes down what is done. `epoch` is that of the lease, `say` hears of trouble.

        `thorough` tells the store how far the journal is: for whoever goes on for days. The folder
        of the fleet's own files must be there: `state(fleet).make()`.
        """
        from reconciler.adapters.git.journal import open_journal
        from reconciler.adapters.tmux.secret import lookup
        from reconciler.core.masks import Mask
        from reconciler.loop.chronicle import Chronicle
        from reconciler.loop.elsewhere import Elsewhere

        def reveal(reference: str) -> str:
            try:
                return lookup(reference, self.environ)
            except NovaorchError:
                return ""

        root, home = self.state(fleet).root, self.environ.get("HOME", "")
        journal, key = open_journal(self.repository, fleet, (self.machine, root, home))
        if thorough:
            far = Elsewhere(lambda: self.store(fleet, start=False), self.clock)
            journal.elsewhere = far.keep
        number = epoch or self._epoch
        return Chronicle(journal, self.clock, Mask(key), self.machine, number, say, reveal)
