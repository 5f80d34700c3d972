"""Nobody is interrupted: not who types, not a turn, not a draft."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.engaged import disturbed
from reconciler.model.action import Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Disruption, Field, fields_digest
from reconciler.model.world import Engagement, Presence
from tests.bench import Bench, said
from tests.builders import agent, agent_id, desired, seated, session, window

A, B = agent_id("a"), agent("b")
TYPES = Presence(Engagement.TYPING, "ada types in /dev/pts/3", 1_800_000_060.4)
BUSY = Presence(Engagement.BUSY, "a turn that began 2 minutes ago")
DRAFT = Presence(Engagement.DRAFT, "3 lines are not sent")


def engaged(wish: Desired, who: Presence, *units: UnitId) -> Bench:
    bench = Bench(wish).run()
    bench.host.engaged |= dict.fromkeys(units or (A,), who)
    return bench


ENDS = {
    "restart": desired(agent("a", "new"), B),
    "polite restart": desired(agent("a", "new", quits=("/exit",)), B),
    "stop by wish": desired(agent("a", stopped=True), B),
    "stop what was taken over": desired(replace(agent("a"), stopped=True), B),
    "remove": desired(B),
}


@pytest.mark.parametrize("who", [TYPES, BUSY, DRAFT])
@pytest.mark.parametrize("name", ENDS)
def test_what_would_end_a_process_waits_for_who_is_at_work(name: str, who: Presence) -> None:
    bench = engaged(desired(agent("a"), B), who)
    bench.commit(ENDS[name])
    (hold,) = bench.plan().actions
    assert (hold.verb, hold.reason, hold.unit) == (Verb.HOLD, Reason.ENGAGED, A)
    assert hold.detail == f"{who.kind}: {who.detail}"
    assert hold.until == (1_800_000_061 if who is TYPES else 0)
    assert hold.fix == "novaorch apply --now"
    before = bench.pids()
    bench.once()
    assert bench.pids() == before
    assert bench.host.signals == []
    bench.once(now=True)
    bench.host.engaged.clear()
    bench.run()
    assert bench.pids().get(A) != before[A]


def test_when_they_are_gone_it_is_done() -> None:
    bench = engaged(desired(agent("a")), TYPES)
    bench.commit(desired(agent("a", "new")))
    bench.once()
    bench.host.engaged.clear()
    assert said(bench.plan().actions) == ["restart agent/a changed"]


def test_what_touches_no_process_never_waits() -> None:
    torch = seated("torch", "main", "dev")
    bench = engaged(
        desired(session("main", window("dev", "x", torch)), session("side", window("y", "z")),
                torch, agent("a")),
        TYPES, A, torch.id,
    )  # fmt: skip
    moved = seated("torch", "side", "y")
    bench.commit(
        desired(session("main", window("dev", "x"), columns=100),
                session("side", window("y", "z", moved)), moved, agent("a", labels={"x": "1"}))
    )  # fmt: skip
    assert not bench.plan().holds
    pids = bench.pids()
    bench.run()
    assert bench.pids() == pids


def test_what_fell_is_healed_and_what_began_is_finished_whoever_looks_on() -> None:
    bench = engaged(desired(agent("a")), TYPES)
    bench.host.exit(A, 1)
    bench.once()
    assert A in bench.pids()
    bench.host.stubborn.add(A)
    bench.commit(desired(agent("a", "new")))
    bench.once(now=True)
    bench.clock.sleep(20)
    assert said(bench.plan().moves) == ["restart agent/a drain-overdue"]


def test_a_unit_of_several_panes_waits_as_a_whole() -> None:
    many = desired(session("main", window("dev", "x", "y", "z")), B)
    bench = engaged(many, TYPES, UnitId("p/session/main/dev.1"))
    bench.host.engaged[UnitId("p/session/main/dev.2")] = BUSY
    bench.commit(desired(B))
    (hold,) = bench.plan().actions
    assert hold.reason is Reason.ENGAGED
    assert hold.detail == f"typing: {TYPES.detail}; busy: {BUSY.detail}"
    assert hold.until == 0, "nobody knows when the turn ends"


def at_a_boundary(model: str) -> Desired:
    fields = (*agent("a").fields, Field("model", model, Disruption.BOUNDARY))
    return desired(replace(agent("a"), fields=fields, digest=fields_digest(fields)))


@pytest.mark.parametrize(("who", "waits"), [(TYPES, False), (DRAFT, False), (BUSY, True)])
def test_a_change_between_two_turns_waits_for_the_turn_alone(who: Presence, waits: bool) -> None:
    bench = engaged(at_a_boundary("opus"), who)
    bench.commit(at_a_boundary("sonnet"))
    (action,) = bench.plan().actions
    assert action.reason is (Reason.ENGAGED if waits else Reason.CHANGED)
    assert action.verb is (Verb.HOLD if waits else Verb.RESTART)
    fields = (*agent("a", "new").fields, Field("model", "haiku", Disruption.BOUNDARY))
    both = replace(agent("a", "new"), fields=fields, digest=fields_digest(fields))
    bench.commit(desired(both))
    assert bench.plan().actions[0].reason is Reason.ENGAGED, "the worst class decides"


def test_only_who_could_be_disturbed_is_asked_after() -> None:
    torch = seated("torch", "main", "dev")
    wish = desired(session("main", window("dev", "x", torch)), torch, agent("a"), B, agent("c"))
    bench = Bench(wish).run()
    assert asked_after(bench) == []
    bench.host.exit(agent_id("c"), 1)
    bench.commit(desired(session("main", window("dev", torch)), torch, agent("a", "new"),
                         agent("b", stopped=True), agent("c", "new")))  # fmt: skip
    units = {p.pane_id: p.mark.unit for p in bench.panes() if p.mark}
    asked = [units[pane] for pane in asked_after(bench)]
    assert sorted(asked) == [A, B.id, "p/session/main/dev.0"]
    bench.once()
    assert asked_after(bench) == []


def test_an_update_in_place_asks_after_nobody() -> None:
    bench = Bench(desired(agent("a"), B)).run()
    bench.commit(desired(agent("a", labels={"x": "1"}), agent("b", labels={"x": "1"})))
    assert len(bench.plan().moves) == 2
    assert asked_after(bench) == []


def asked_after(bench: Bench) -> list[str]:
    thought = bench.think()
    return disturbed(thought.scene, thought.plan.actions)
