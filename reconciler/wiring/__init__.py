"""The only place that names adapters. Everything is made on first use: most verbs need little."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.adapters.clock import SystemClock
from reconciler.adapters.manifestcache import DiskCache
from reconciler.adapters.state import StateDir
from reconciler.core.lease import Standing
from reconciler.kinds import SHAPE
from reconciler.loop.cycle import Ports
from reconciler.loop.follow import Followed
from reconciler.loop.highwater import HighWater
from reconciler.loop.restraints import restraints
from reconciler.loop.stakes import Stakes
from reconciler.loop.tenure import Tenure
from reconciler.loop.trial import Trials
from reconciler.loop.wish import Wishes
from reconciler.model.fleet import FleetSettings
from reconciler.wiring.agents import AgentDoors
from reconciler.wiring.judging import JudgingDoors
from reconciler.wiring.keeping import KeepingDoors
from reconciler.wiring.remotes import RemoteDoors
from reconciler.wiring.trees import TreeDoors

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.adapters.askbox import AskBox
    from reconciler.adapters.git.control import GitControl
    from reconciler.adapters.git.repository import GitRepository
    from reconciler.adapters.git.worktrees import GitWorkshop
    from reconciler.adapters.tmux.host import Tmux
    from reconciler.adapters.watch import Nudges
    from reconciler.model.agent import Outfit
    from reconciler.model.capacity import Account
    from reconciler.model.control import Trial
    from reconciler.model.unit import Launch
    from reconciler.ports.agents import Outfitter


@dataclass(slots=True)
class _Late:
    """An outfitter that is made when the first agent runtime starts."""

    make: Callable[[], Outfitter]
    made: Outfitter | None = None

    def outfit(self, unit: str, launch: Launch) -> Outfit:
        """See `Outfitter.outfit`."""
        self.made = self.made or self.make()
        return self.made.outfit(unit, launch)


@dataclass(frozen=True)
class Wiring(AgentDoors, KeepingDoors, TreeDoors, RemoteDoors, JudgingDoors):
    """One repository, seen from `directory`, with the user's environment."""

    directory: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    _tenures: list[Tenure] = field(default_factory=list, init=False, repr=False, compare=False)
    _workshops: list[GitWorkshop] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @cached_property
    def repository(self) -> GitRepository:
        """The repository that `directory` is in."""
        from reconciler.adapters.git.place import Handed
        from reconciler.adapters.git.repository import GitRepository

        return GitRepository.discover(self.directory, handed=Handed.from_environ(self.environ))

    @cached_property
    def clock(self) -> SystemClock:
        """The hour."""
        return SystemClock()

    @cached_property
    def wishes(self) -> Wishes:
        """Desired state, read through the cache of parsed manifests."""
        repository = self.repository
        home = self.environ.get("HOME", "")
        rehearsal = self.environ.get("NOVAORCH_REHEARSAL") == "1"
        cache, trees = self._cache(), str(self.trees)
        return Wishes(repository, cache, str(repository.root), home, rehearsal, trees)

    @cached_property
    def followed(self) -> Followed:
        """Desired state, followed commit by commit: what a controller keeps true."""
        from reconciler.adapters.git.refs import own_ref

        repository = self.repository
        # Each linked work tree has a HEAD of its own, and so a mark of its own.
        place = repository.git_dir.name if repository.git_dir != repository.common_dir else ""
        name = own_ref("accepted", f"{self.machine}.{place}" if place else self.machine)
        mark = HighWater(
            repository.own_ref(name),
            repository,
            self.clock,
            store=lambda fleet, start: self.store(fleet, start=start),
            # Several clones may share a store, and even a host: what one knows, another may not.
            name=f"{name.removeprefix('refs/novaorch/')}@{self._clone()}",
        )
        made = Followed(self.wishes, self.control, mark, self.clock, theirs=self.theirs())
        made.trials = Trials(
            self.control,
            self.wishes.read,
            made.promote,
            revert=lambda trial, why: made.log(self._taken_back(trial, why)),
            log=lambda text: made.log(text),  # noqa: PLW0108 - `made` gets another log later
        )
        return made

    def _taken_back(self, trial: Trial, why: str) -> str:
        """Take back in the branch, too, what failed on trial; return what was done, in words."""
        from reconciler.adapters.git.revert import Revert, revert_to

        branch = self.wishes.read(trial.base).fleet.branch or self.repository.head_branch()
        if not branch or self.repository.tree(f"refs/heads/{branch}").commit != trial.commit:
            return "the branch has moved on meanwhile, so no commit takes it back there"
        message = (
            f"Take back desired-state/ to {trial.base[:12]}\n\n{why}\n\n"
            f"Rolled-back: {trial.commit}\n"
        )
        ground = self.repository.ground()
        commit, where = revert_to(ground, Revert(trial.base, branch, message))
        return f"commit {commit[:12]} on {where} takes it back"

    @property
    def machine(self) -> str:
        """The name of this host."""
        return os.uname().nodename

    @cached_property
    def control(self) -> GitControl:
        """What people told the controller of this host."""
        from reconciler.adapters.git.control import GitControl
        from reconciler.adapters.git.refs import own_ref

        return GitControl(self.repository.own_ref(own_ref("control", self.machine)))

    @property
    def person(self) -> str:
        """Who the user is to git, as `Name <mail>`. SourceError: git does not know."""
        from reconciler.adapters.git.writes import person

        return person(self.repository.root)

    def close(self) -> None:
        """Keep what was parsed, and end the helper process of the repository."""
        if "followed" in self.__dict__:
            self.followed.remember()
        elif "wishes" in self.__dict__:
            self.wishes.remember()
        if "repository" in self.__dict__:
            self.repository.close()
        for workshop in self._workshops:
            workshop.close()

    def _cache(self) -> DiskCache:
        base = self.environ.get("XDG_CACHE_HOME") or str(
            Path(self.environ.get("HOME", "/")) / ".cache"
        )
        file = Path(base) / "novaorch" / f"{self._clone()}.json"
        return DiskCache(file, f"{__version__} {SHAPE}")

    def _clone(self) -> str:
        """Return a word for this clone: no two of a machine have the same."""
        return hashlib.sha256(os.fsencode(self.repository.common_dir.resolve())).hexdigest()[:16]

    @property
    def nudge(self) -> Path:
        """The FIFO that git hooks write a byte to."""
        from reconciler.adapters.githooks import default_nudge

        return default_nudge(self.repository)

    def state(self, fleet: FleetSettings) -> StateDir:
        """Where novaorch keeps its own files for this fleet."""
        return StateDir.of(fleet.name, self.repository.common_dir, self.environ)

    def stakes(self, fleet: FleetSettings) -> Stakes:
        """What the one controller of this fleet must have: locks, an epoch, perhaps a lease."""
        from reconciler.adapters.state import EpochFile, LockFile
        from reconciler.adapters.tmux.epochs import ServerEpoch

        state = self.state(fleet)
        server = ServerEpoch(fleet.socket, fleet=fleet.name, environ=self.environ)
        server.make_folder()
        grounds = (LockFile(server.lock, ours=False), LockFile(state.lock))
        milestones = (EpochFile(state.epoch), server)
        if not fleet.store_url:  # a store of one's own is nobody else's
            return Stakes(grounds, milestones)
        from reconciler.adapters.store.resolve import open_leases

        return Stakes(grounds, milestones, open_leases(fleet, self.environ))

    def tenure(self, fleet: FleetSettings) -> Tenure:
        """The right to be the controller of this fleet, not begun yet: a process has one at most.

        Whatever hosts of this wiring write from now on, they write with its epoch.
        """
        from reconciler.adapters.state import gone, oneself

        self._tenures[:] = [Tenure(self.stakes(fleet), oneself(), self.clock, gone)]
        return self._tenures[0]

    def _epoch(self) -> int:
        """The number that a write carries; 0 for whoever never asked to be the controller."""
        return self._tenures[0].number() if self._tenures else 0

    def _standing(self, now: float) -> Standing:
        return self._tenures[0].standing(now) if self._tenures else Standing.HELD

    def _fenced(self) -> None:
        for tenure in self._tenures:
            tenure.overtaken()

    def host(self, fleet: FleetSettings, on_event: Callable[[str], None] | None = None) -> Tmux:
        """The tmux server of this fleet."""
        from reconciler.adapters.tmux.host import Tmux

        host = Tmux(
            fleet.socket,
            fleet=fleet.name,
            config=fleet.tmux_config,
            environ=self.environ,
            on_event=on_event,
            epoch=self._epoch,
            on_fenced=self._fenced,
            outfitter=_Late(lambda: self.outfitter(fleet)),
        )
        if on_event is not None:
            host.watch_deaths()
        return host

    def nudges(self) -> Nudges:
        """What shortens the daemon's wait."""
        from reconciler.adapters.watch import Nudges

        repository = self.repository
        return Nudges(self.nudge, repository.git_dir, repository.common_dir)

    def askbox(self, poke: Callable[[str], None]) -> AskBox:
        """Where hooks ask the daemon."""
        from reconciler.adapters.askbox import AskBox

        return AskBox(self.nudge.parent, poke)

    def staged(self, index: Path) -> Wishes:
        """Desired state as another index stages it, sharing the memory of the commits' reader."""
        from reconciler.adapters.git.place import Handed

        repository = self.repository.beside(Handed(index_file=index))
        return self.wishes.beside(repository)

    def ports(
        self,
        fleet: FleetSettings,
        on_event: Callable[[str], None] | None = None,
        accounts: Callable[[float], Mapping[str, Account]] | None = None,
    ) -> Ports:
        """Everything that a pass needs. `accounts` are those that do not let everything through."""
        windows = fleet.sync.windows
        if accounts is None:
            held_back = restraints(self.control, self._standing, windows)
        else:
            held_back = restraints(self.control, self._standing, windows, accounts)
        return Ports(
            self.host(fleet, on_event),
            self.followed,
            self.clock,
            restraints=held_back,
            workshop=self.workshop(fleet),
        )
