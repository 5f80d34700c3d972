"""A host in memory, a clock and a wish: one fleet to play with, pass by pass."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.adapters.memory import MemoryClock, MemoryWorkshop, Yard
from reconciler.loop.converge import Convergence, converge
from reconciler.loop.cycle import Ports, Thought, act, think
from reconciler.model.action import Action, Outcome, Plan
from reconciler.model.control import SILENT, Consent
from reconciler.model.ids import UnitId
from reconciler.model.step import Step
from reconciler.model.unit import Desired
from reconciler.model.world import SeenPane, SeenSession
from tests.watched import WatchedHost


class Wish:
    """The reader of wishes: whatever was committed last."""

    def __init__(self, wish: Desired) -> None:
        self.wish = wish

    def read(self, revision: str = "", consent: Consent = SILENT) -> Desired:  # noqa: ARG002
        assert not revision
        return self.wish


class Bench:
    """One fleet. `run` makes what is wished for true; everything else is for looking."""

    def __init__(self, wish: Desired) -> None:
        self.clock, self.wishes = MemoryClock(), Wish(wish)
        self.host = WatchedHost(self.clock)
        self.yard = Yard()
        self.yard.repository("/repo")
        self.workshop = MemoryWorkshop("f", self.yard)
        self.told: list[Outcome] = []

    @property
    def ports(self) -> Ports:
        return Ports(self.host, self.wishes, self.clock, workshop=self.workshop)

    # -- acting --------------------------------------------------------------------------------

    def commit(self, wish: Desired) -> None:
        self.wishes.wish = wish

    def think(self, confirmed: str = "", *, now: bool = False) -> Thought:
        return think(self.ports, consent=Consent(confirmed, now))

    def plan(self, confirmed: str = "", *, now: bool = False) -> Plan:
        return self.think(confirmed, now=now).plan

    def once(self, confirmed: str = "", *, now: bool = False) -> list[Outcome]:
        """One pass of the daemon: every move of one plan."""
        return act(self.ports, self.plan(confirmed, now=now).moves, self.told.append)

    def apply(self, confirmed: str = "") -> Convergence:
        return converge(self.ports, self.think(confirmed), self.told.append)

    def run(self, wish: Desired | None = None) -> Bench:
        """Apply until nothing moves, as time goes by; failures fail the test."""
        if wish is not None:
            self.commit(wish)
        for _ in range(12):
            done = self.apply()
            assert not done.failed, [(o.action.unit, o.error) for o in done.failed]
            if not done.after.plan.moves:
                return self
            self.clock.sleep(1)
        raise AssertionError(f"never done: {said(done.after.plan.actions)}")

    # -- looking -------------------------------------------------------------------------------

    def panes(self) -> list[SeenPane]:
        return [p for s in self.host.sessions for w in s.windows for p in w.panes]

    def pane(self, unit: UnitId) -> SeenPane:
        """The one real pane of a unit."""
        (found,) = [
            p for p in self.panes() if p.mark and p.mark.unit == unit and not p.mark.placeholder
        ]
        return found

    def pids(self) -> dict[str, int]:
        """What runs, by unit."""
        return {p.mark.unit: p.pid for p in self.panes() if p.mark and not p.dead}

    def shape(self) -> dict[str, list[tuple[str, list[str]]]]:
        """Sessions by name: each window's key (or its name in brackets) and who is in it.

        A placeholder is in brackets, a dead pane has a cross, a pane that is not ours a dash.
        """
        return shape_of(self.host.sessions)

    def steps(self, plan: Plan | None = None) -> list[Step]:
        return [step for action in (plan or self.plan()).moves for step in action.steps]


def shape_of(sessions: Sequence[SeenSession]) -> dict[str, list[tuple[str, list[str]]]]:
    """The shape of some sessions; see `Bench.shape`."""
    return {
        session.name: [
            (w.key or f"[{w.name}]", [_who(pane) for pane in w.panes]) for w in session.windows
        ]
        for session in sessions
    }


def _who(pane: SeenPane) -> str:
    if pane.mark is None:
        return "-"
    name = "/".join(pane.mark.unit.split("/")[2:])
    name = f"[{name}]" if pane.mark.placeholder else name
    return f"{name}✗" if pane.dead else name


def said(actions: Sequence[Action]) -> list[str]:
    """Actions in a few words each: verb, unit, reason."""
    return [f"{a.verb.value} {a.unit.partition('/')[2]} {a.reason.value}" for a in actions]
