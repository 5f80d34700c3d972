"""The doors to agents: outfits, records, keyboards, mail, accounts, questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError, Problem

if TYPE_CHECKING:
    from reconciler.adapters.claude_code import Outfits, RuntimeRecords
    from reconciler.adapters.clock import SystemClock
    from reconciler.adapters.git.propose import GitProposals
    from reconciler.adapters.git.record.apart import Apart
    from reconciler.adapters.git.record.recorder import GitRecorder
    from reconciler.adapters.git.repository import GitRepository
    from reconciler.adapters.manifestcache import DiskCache
    from reconciler.adapters.state import StateDir, Tokens
    from reconciler.adapters.state.questions import QuestionFile
    from reconciler.adapters.store.accounts import RedisAccounts
    from reconciler.adapters.store.knowledge import RedisKnowledge
    from reconciler.adapters.store.mail import RedisMail
    from reconciler.adapters.tmux.typist import TmuxTypist
    from reconciler.loop.follow import Followed
    from reconciler.loop.training import Training
    from reconciler.loop.wish import Wishes


class Ground(Protocol):
    """What these doors need of the rest of the wiring."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The user's environment."""
        ...

    @property
    def wishes(self) -> Wishes:
        """Desired state."""
        ...

    @property
    def followed(self) -> Followed:
        """Desired state, followed commit by commit; whoever reads its log is told."""
        ...

    @property
    def repository(self) -> GitRepository:
        """The repository."""
        ...

    @property
    def clock(self) -> SystemClock:
        """The hour."""
        ...

    def _cache(self) -> DiskCache: ...

    def state(self, fleet: FleetSettings) -> StateDir:
        """The fleet's own files."""
        ...

    def recorder(self, fleet: FleetSettings, *, apart: bool) -> GitRecorder | Apart:
        """Whoever makes commits of what is in work trees."""
        ...

    def records(self, fleet: FleetSettings) -> RuntimeRecords:
        """What agent runtimes themselves write down."""
        ...


class AgentDoors:
    """Part of `Wiring`: everything through which agents are started, read and spoken to."""

    def outfitter(self: Ground, fleet: FleetSettings) -> Outfits:
        """Whoever prepares what agent runtimes need to find when they start."""
        from reconciler.adapters.claude_code import Outfits
        from reconciler.adapters.state import PortFile, Tokens
        from reconciler.adapters.tmux.secret import lookup

        state, port = self.state(fleet), fleet.gate_port
        return Outfits(
            fleet=fleet.name,
            folder=state.agent,
            mint=Tokens(state).mint,
            gate=lambda: f"http://127.0.0.1:{PortFile(state.gate_port).port(port or 0)}",
            charter=self.wishes.charter,
            reveal=lambda reference: lookup(reference, self.environ),
            environ=self.environ,
            say=lambda text: self.followed.log(text),  # noqa: PLW0108 - it gets another log later
        )

    def tokens(self: Ground, fleet: FleetSettings) -> Tokens:
        """Whose token is whose."""
        from reconciler.adapters.state import Tokens

        return Tokens(self.state(fleet))

    def records(self: Ground, fleet: FleetSettings) -> RuntimeRecords:
        """What agent runtimes themselves write down."""
        from reconciler.adapters.claude_code import RuntimeRecords

        return RuntimeRecords(self.state(fleet).agent, self.environ)

    def mail(self: Ground, fleet: FleetSettings, *, start: bool) -> RedisMail:
        """The messages of this fleet, in its store; `start` lets it start the embedded server."""
        from reconciler.adapters.store.resolve import open_mail

        return open_mail(fleet, self.state(fleet), start=start, environ=self.environ)

    def accounts(self: Ground, fleet: FleetSettings, mail: RedisMail) -> RedisAccounts:
        """The ledger of model accounts, in the store that has the mail."""
        from reconciler.adapters.store.accounts import RedisAccounts

        return RedisAccounts(mail.endpoint, fleet.name)

    def knowledge(self: Ground, fleet: FleetSettings, mail: RedisMail) -> RedisKnowledge:
        """What agents tell all others, in the store that has the mail."""
        from reconciler.adapters.store.knowledge import RedisKnowledge

        return RedisKnowledge(mail.endpoint, fleet.name)

    def proposals(self: Ground, followed: Callable[[], str]) -> GitProposals:
        """Where agents propose changes; `followed` tells the commit they begin at."""
        from reconciler.adapters.git.propose import GitProposals
        from reconciler.loop.wish import Wishes

        home = self.environ.get("HOME", "")

        def problems(repository: GitRepository, commit: str) -> Sequence[Problem]:
            # A reader of its own: the one that the daemon follows with is not for other threads.
            return (
                Wishes(repository, self._cache(), str(repository.root), home).read(commit).problems
            )

        return GitProposals(self.repository.root, followed, self.clock.now, problems)

    def training(
        self: Ground, fleet: FleetSettings, log: Callable[[str], None], *, apart: bool = False
    ) -> Training:
        """Whoever commits agents' work; `apart` in a process of its own, for whoever goes on."""
        from reconciler.adapters.git.lineage import GitLineage
        from reconciler.adapters.tmux.secret import lookup
        from reconciler.loop.training import Training
        from reconciler.loop.turns import Books

        def reveal(reference: str) -> str:
            try:
                return lookup(reference, self.environ)
            except NovaorchError:
                return ""

        recorder = self.recorder(fleet, apart=apart)
        lineage = GitLineage(self.repository.command)
        books = Books(recorder, self.records(fleet), lineage, self.clock, log)
        return Training(replace(books, reveal=reveal, close=recorder.close))

    def recorder(self: Ground, fleet: FleetSettings, *, apart: bool) -> GitRecorder | Apart:
        """Whoever makes commits of what is in work trees."""
        from reconciler.adapters.git.journalfiles import JournalFiles
        from reconciler.adapters.git.seal import key_path

        home = self.environ.get("HOME", "")
        key = key_path(fleet.training_key, home, self.repository.root)
        mask = JournalFiles(self.state(fleet).root).key()
        if apart:
            from reconciler.adapters.git.record.apart import Apart

            return Apart(key, mask)
        from reconciler.adapters.git.record.recorder import GitRecorder
        from reconciler.core.masks import Mask

        return GitRecorder(key, Mask(mask))

    def typist(self: Ground, fleet: FleetSettings) -> TmuxTypist:
        """The keyboard at this fleet's panes."""
        from reconciler.adapters.tmux.typist import TmuxTypist

        return TmuxTypist(fleet.socket, environ=self.environ)

    def questions(self: Ground, fleet: FleetSettings) -> QuestionFile:
        """What agents asked, and nobody has answered yet."""
        from reconciler.adapters.state.questions import QuestionFile

        return QuestionFile(self.state(fleet).questions)
