"""What the verbs about runs share: the repositories they are in, which is meant, its policy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.adapters.proving import Asked, environment, prove, shown, throw_away
from reconciler.cli import mailroom, render
from reconciler.core.explain import clean
from reconciler.core.runnames import one
from reconciler.gate.client import Client
from reconciler.model.agent import AgentState
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError, RefusedError
from reconciler.model.promotion import Candidate, Facts, Kept, KnownRun, Proof
from reconciler.model.unit import Desired, Training, Workspace
from reconciler.wiring import Wiring

if TYPE_CHECKING:
    from reconciler.adapters.git.elsewhere.remote import GitRemote
    from reconciler.adapters.git.judge.promote import GitYard

ASK_S, SAVE_S = 2.0, 30.0
_IDLE = frozenset({AgentState.IDLE, AgentState.DONE, AgentState.CRASHED})


@dataclass
class Court:
    """Every repository in which agents of this fleet work, and the one we are in."""

    wiring: Wiring
    desired: Desired | None
    yards: list[GitYard] = field(default_factory=list)

    @property
    def fleet(self) -> FleetSettings | None:
        """The fleet; None when nobody can read what it is."""
        return self.desired.fleet if self.desired is not None else None

    def all(self) -> tuple[list[KnownRun], list[Kept]]:
        """Return every run and every kept snapshot; of runs that wait for people it is looked at
        closely whether they have them."""
        found = [(yard, yard.runs()) for yard in self.yards]
        runs = [_landed(yard, known) for yard, there in found for known in there.runs]
        return runs, [kept for _, there in found for kept in there.kept]

    def find(self, word: str) -> tuple[GitYard, KnownRun]:
        """Return the run that a word means, and where it is."""
        found = [(yard, known) for yard in self.yards for known in yard.runs().runs]
        chosen = one(word, [known for _, known in found])
        yard = next(yard for yard, known in found if known is chosen)
        return yard, _landed(yard, chosen)

    def training(self, known: KnownRun) -> Training:
        """Return what its manifest says becomes of it; the usual when it has none any more."""
        workspaces = self.desired.workspaces if self.desired is not None else {}
        unit = known.run.unit
        found = workspaces.get(UnitId.of(unit.project, "workspace", unit.name))
        return found.training if found is not None else Training()

    def open(self) -> None:
        """Open every repository once."""
        workspaces = list(self.desired.workspaces.values()) if self.desired is not None else []
        places = dict.fromkeys([str(self.wiring.repository.root), *_places(workspaces)])
        for place in places:
            try:
                yard = self.wiring.yard(Path(place), self.fleet)
            except NovaorchError as error:
                render.err(f"note: {clean(error.what)}: its runs are not shown")
                continue
            if any(y.room.common_dir.samefile(yard.room.common_dir) for y in self.yards):
                yard.close()
                continue
            self.yards.append(yard)
        for yard in self.yards:
            yard.aim(_targets(yard, workspaces), _usual(yard))


@contextmanager
def opened(wiring: Wiring) -> Iterator[Court]:
    """Give the court of a fleet; what cannot be read of its wishes is said, and done without."""
    desired: Desired | None = None
    try:
        desired = wiring.followed.read()
    except NovaorchError as error:
        render.err(f"note: {clean(error.what)}; policies are the usual ones")
    court = Court(wiring, desired)
    try:
        court.open()
        yield court
    finally:
        for yard in court.yards:
            yard.close()


def outside(wiring: Wiring, fleet: FleetSettings | None, what: str) -> None:
    """Raise a RefusedError within an agent: whoever wrote the work does not judge it."""
    unit = mailroom.within(wiring, fleet) if fleet is not None else ""
    if unit:
        raise RefusedError(
            f"{unit} may not {what} runs",
            why="whoever wrote the work does not judge it",
            fix="let a person do it, outside of agents",
        )


def tell(court: Court, known: KnownRun, text: str, key: str) -> None:
    """Write to the agent of a run; without a store that answers, print what it should know."""
    from reconciler.adapters.mint import Mint  # noqa: PLC0415 - few verbs write
    from reconciler.core.address import book_from  # noqa: PLC0415
    from reconciler.core.posting import Draft, messages  # noqa: PLC0415

    unit = known.run.unit
    try:
        if court.desired is None:
            raise BlindError("nobody knows the fleet", fix="novaorch validate")
        with mailroom.opened(court.wiring, court.desired.fleet, start=True) as mail:
            mail.reach()
            sender = mailroom.person(court.wiring)
            draft = Draft(sender, f"{unit.project}/{unit.name}", text, key=key)
            book = book_from(court.desired)
            made = messages(draft, book, court.wiring.clock.now(), iter(Mint(), ""))
            kept = mail.accept(made)
        render.out(f"{unit.project}/{unit.name} is told: {kept[0].id}")
    except NovaorchError as error:
        render.err(f"note: {unit.project}/{unit.name} could not be told ({clean(error.what)}):")
        for line in text.splitlines():
            render.err(f"    {clean(line)}")


@dataclass(frozen=True)
class Elsewhere:
    """The remote that candidates are pushed to."""

    remote: GitRemote

    def push(self, commit: str, name: str) -> None:
        """Offer a commit as a branch there; NovaorchError: it was not taken, and why."""
        answer = self.remote.push_branch(commit, name)
        if not answer.ok:
            raise NovaorchError(f"{name} could not be pushed", why=answer.why, fix=answer.fix)

    def close(self) -> None:
        """Let go of it."""
        self.remote.close()


def remote(court: Court) -> Elsewhere | None:
    """Return the remote that the fleet names; None: it names none."""
    found = court.fleet.remote if court.fleet is not None else None
    return Elsewhere(court.wiring.remote(found)) if found is not None else None


@dataclass(frozen=True)
class Bench:
    """What the daemon knows of an agent at work (`ports.promotion.Bench`)."""

    court: Court
    yard: GitYard
    by: str

    def unsaved(self, known: KnownRun) -> tuple[int, bool]:
        """See `Bench.unsaved`. Without a daemon nobody is known to be at work."""
        count = self.yard.unsaved(known)
        if not count:
            return 0, False
        try:
            state = self._state(known)
        except NovaorchError:
            return count, True  # nobody could save it: what is committed is what there is
        return count, state not in _IDLE

    def record(self, known: KnownRun) -> str:
        """See `Bench.record`."""
        said = {"unit": str(known.run.unit), "by": self.by, "words": ""}
        try:
            self._daemon(SAVE_S).post("/training/commit", dict(said))
        except NovaorchError as error:
            return error.what
        left = self.yard.unsaved(known)
        return f"{left} paths are held back" if left else ""

    def _state(self, known: KnownRun) -> str:
        told = self._daemon(ASK_S).get("/agents")
        found = told.get(str(known.run.unit)) if isinstance(told, dict) else None
        return str(found.get("state", "")) if isinstance(found, dict) else "unknown"

    def _daemon(self, patience_s: float) -> Client:
        if self.court.fleet is None:
            raise BlindError("nobody knows the fleet", fix="novaorch validate")
        return Client(self.court.wiring.state(self.court.fleet).control, patience_s)


@dataclass(frozen=True)
class Prover:
    """Runs the gate of a run and shows what it prints (`ports.promotion.Prover`)."""

    court: Court
    yard: GitYard

    def prove(self, facts: Facts, candidate: Candidate) -> Proof:
        """See `Prover.prove`."""
        training = self.court.training(facts.known)
        if not training.gate:
            return Proof()
        said = {
            "NOVAORCH_RUN": facts.known.name,
            "NOVAORCH_TARGET": facts.known.target,
            "NOVAORCH_CANDIDATE": candidate.commit,
        }
        env = environment(self.court.wiring.environ, said)
        with throw_away() as folder:
            self.yard.lay_out(candidate, folder)
            for argv in training.gate:
                render.out(f"gate: {clean(shown(argv))}")
            proof = prove(Asked(training.gate, training.gate_timeout_s), folder, env, _pass_on)
        render.out(f"gate: {proof.word}")
        return proof


def _pass_on(data: bytes) -> None:
    """Print what a command of the gate printed, without what a terminal might obey."""
    text = data.decode("utf-8", "replace")
    sys.stdout.write("".join(c if c in "\n\t" or c.isprintable() else "" for c in text))
    sys.stdout.flush()


def _landed(yard: GitYard, known: KnownRun) -> KnownRun:
    """Look closer at what waits for people: they may have it in a form of their own."""
    if not known.pushed or known.landed:
        return known
    found = yard.landing(known)
    return replace(known, landed=found.commit) if found is not None else known


def _places(workspaces: list[Workspace]) -> list[str]:
    return [workspace.repository for workspace in workspaces]


def _targets(yard: GitYard, workspaces: list[Workspace]) -> dict[tuple[str, str], str]:
    usual = _usual(yard)
    return {(w.id.project, w.id.name): w.base or usual for w in workspaces}


def _usual(yard: GitYard) -> str:
    return yard.head()
