"""Starts wait for their account, then go one by one; a limit is no fall."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.afford import limited
from reconciler.core.capacity import GAP_S, PACE_S
from reconciler.core.plan import plan
from reconciler.loop.cycle import act
from reconciler.model.action import Action, Plan, Reason, Verb
from reconciler.model.agent import Persona
from reconciler.model.capacity import Account, Flow
from reconciler.model.control import Consent, Restraints
from reconciler.model.unit import Process
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, seated, session, window

A, B = agent_id("a"), agent_id("b")


def minded(name: str, account: str = "work", command: str = "claude", **more: object) -> Process:
    """An agent with a runtime, and an account."""
    made = agent(name, command, **more)  # type: ignore[arg-type]
    return replace(
        made, launch=replace(made.launch, persona=Persona("claude-code", "opus", account=account))
    )


class Till:
    """A bench whose accounts a test decides about."""

    def __init__(self, *agents: Process) -> None:
        self.bench = Bench(desired(*agents))
        self.accounts: dict[str, Account] = {}

    @property
    def now(self) -> float:
        return self.bench.clock.now()

    def put(self, flow: Flow, for_s: float, name: str = "work", next_at: float = 0.0) -> None:
        until = self.now + for_s if for_s else 0.0
        self.accounts[name] = Account(name, flow, until, 1, next_at, "its limit is reached")

    def plan(self, *, now: bool = False) -> Plan:
        scene = self.bench.think().scene
        restraints = Restraints(accounts=dict(self.accounts))
        return plan(replace(scene, restraints=restraints, consent=Consent(now=now)))

    def once(self) -> list[Action]:
        moves = self.plan().moves
        act(self.bench.ports, moves, self.bench.told.append)
        return list(moves)


def holds(made: Plan) -> dict[str, float]:
    """Return until when who is held for want of capacity."""
    return {a.unit.name: a.until for a in made.holds if a.reason is Reason.NO_CAPACITY}


class TestClosed:
    def test_a_start_waits_and_says_for_what(self) -> None:
        till = Till(minded("a"), minded("b", "home"), agent("c"))
        till.put(Flow.CLOSED, 600)
        made = till.plan()
        assert holds(made) == {"a": till.now + 600}
        (hold,) = made.holds
        assert hold.detail == "the account work is closed: its limit is reached"
        assert hold.fix == "novaorch apply --now"
        assert said(made.moves) == ["start agent/b absent", "start agent/c absent"]

    def test_who_says_now_is_not_held(self) -> None:
        till = Till(minded("a"))
        till.put(Flow.CLOSED, 600)
        assert said(till.plan(now=True).moves) == ["start agent/a absent"]

    def test_who_runs_goes_on(self) -> None:
        till = Till(minded("a"))
        till.once()
        till.put(Flow.CLOSED, 600)
        assert till.plan().actions == ()

    def test_nothing_is_ended_that_could_not_begin_again(self) -> None:
        till = Till(minded("a"))
        till.once()
        till.put(Flow.CLOSED, 600)
        till.bench.commit(desired(minded("a", command="other")))
        assert holds(till.plan()) == {"a": till.now + 600}

    def test_what_was_begun_is_finished(self) -> None:
        till = Till(minded("a"))
        till.once()
        till.bench.commit(desired(minded("a", command="other")))
        till.once()
        till.bench.host.exit(A, 0)
        till.put(Flow.CLOSED, 600)
        assert said(till.plan().moves) == ["restart agent/a drained"]

    def test_stops_and_changes_in_place_go_on(self) -> None:
        till = Till(minded("a"), minded("b"))
        till.once()
        till.put(Flow.CLOSED, 600)
        wish = (minded("a", stopped=True), minded("b", labels={"x": "y"}))
        till.bench.commit(desired(*wish))
        assert sorted(said(till.plan().moves)) == [
            "stop agent/a stopped-by-wish",
            "update agent/b changed",
        ]

    def test_a_slot_is_made_and_only_its_agent_waits(self) -> None:
        torch = replace(seated("torch", "main", "dev"), launch=minded("torch").launch)
        till = Till(torch)
        till.bench.commit(desired(torch, session("main", window("dev", "vim", torch))))
        till.put(Flow.CLOSED, 600)
        assert said(till.once()) == ["start session/main absent"]
        assert holds(till.plan()) == {"torch": till.now + 600}
        till.accounts.clear()
        assert said(till.plan().moves) == ["start agent/torch absent"]

    def test_a_drained_account_begins_nothing(self) -> None:
        till = Till(minded("a"))
        till.put(Flow.DRAIN, 600)
        (hold,) = till.plan().holds
        assert hold.detail.startswith("the account work begins nothing new")


class TestPace:
    def test_many_go_one_by_one(self) -> None:
        till = Till(*(minded(name) for name in "abcd"), minded("x", "home"))
        till.put(Flow.PACE, 3000)
        assert said(till.once()) == ["start agent/a absent", "start agent/x absent"]
        assert set(holds(till.plan())) == {"b", "c", "d"}

    def test_each_is_told_its_turn(self) -> None:
        till = Till(*(minded(name) for name in "abc"))
        till.put(Flow.PACE, 3000)
        assert holds(till.plan()) == {"b": till.now + GAP_S, "c": till.now + 2 * GAP_S}

    def test_the_marks_of_who_started_last_count(self) -> None:
        """A restarted daemon, or another way to start, makes no crowd."""
        till = Till(minded("a"), minded("b"))
        till.put(Flow.PACE, 3000)
        till.once()
        till.bench.clock.sleep(GAP_S - 1)
        assert till.once() == []
        till.bench.clock.sleep(1)
        assert said(till.once()) == ["start agent/b absent"]

    def test_a_wake_of_before_counts(self) -> None:
        till = Till(minded("a"))
        till.put(Flow.PACE, 3000, next_at=till.now + 3)
        assert holds(till.plan()) == {"a": till.now + 3}

    def test_after_it_opened_too(self) -> None:
        till = Till(*(minded(name) for name in "abc"))
        till.put(Flow.CLOSED, 600)
        till.bench.clock.sleep(601)
        assert len(till.once()) == 1
        till.bench.clock.sleep(PACE_S)
        assert len(till.once()) == 2

    @settings(deadline=None, max_examples=30)
    @given(st.integers(1, 9), st.integers(0, 700))
    def test_in_the_end_all_run_and_never_two_at_once(self, count: int, closed_s: int) -> None:
        till = Till(*(minded(f"a{n}") for n in range(count)))
        till.put(Flow.CLOSED, closed_s or 1)
        opened = till.now + (closed_s or 1)
        starts: list[float] = []
        while len(starts) < count:
            moves = till.once()
            starts += [till.now] * len(moves)
            waits = [action.until for action in till.plan().holds]
            till.bench.clock.sleep(max(1.0, min(waits, default=till.now) - till.now))
        assert starts[0] >= opened
        paced = [hour for hour in starts if hour < opened + PACE_S]
        assert all(b - a >= GAP_S - 1 for a, b in pairwise(paced))
        assert till.plan().actions == ()


class TestFalls:
    def fallen(self, *, limited: bool) -> Till:
        till = Till(minded("a"))
        till.once()
        till.bench.clock.sleep(30)
        till.bench.host.exit(A, 1)
        if limited:
            till.put(Flow.CLOSED, 600)
        return till

    def falls(self, till: Till) -> int:
        pane = till.bench.think().scene.match.panes[A]
        assert pane.mark is not None
        return pane.mark.falls

    def test_a_fall_while_the_account_is_closed_waits_for_it(self) -> None:
        till = self.fallen(limited=True)
        assert holds(till.plan()) == {"a": till.now + 600}

    def test_and_is_none(self) -> None:
        till = self.fallen(limited=True)
        till.bench.clock.sleep(601)
        assert [a.verb for a in till.once()] == [Verb.RESTART]
        assert self.falls(till) == 0

    def test_a_life_that_began_in_the_second_in_which_it_opens_began_before(self) -> None:
        till = self.fallen(limited=True)
        scene = till.bench.think().scene
        mark = scene.match.panes[A].mark
        assert mark is not None
        scene = replace(scene, restraints=Restraints(accounts=dict(till.accounts)))
        began = int(till.accounts["work"].until)
        assert limited(scene, A, replace(mark, started=began))
        assert not limited(scene, A, replace(mark, started=began + 1))

    def test_any_other_fall_is_one(self) -> None:
        till = self.fallen(limited=False)
        till.once()
        assert self.falls(till) == 1

    def test_a_life_that_began_after_it_opened_fell_by_itself(self) -> None:
        till = self.fallen(limited=True)
        till.bench.clock.sleep(601)
        till.once()
        till.bench.clock.sleep(30)
        till.bench.host.exit(A, 1)
        till.once()
        assert self.falls(till) == 1

    def test_a_limit_long_ago_excuses_nothing(self) -> None:
        till = self.fallen(limited=True)
        till.bench.clock.sleep(600 + PACE_S)
        till.once()
        assert self.falls(till) == 1
