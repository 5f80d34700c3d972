"""Healing, protection, bursts and polite ends: from files to the values that the loop obeys."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.manifestcache import DiskCache
from reconciler.adapters.memory import MemoryClock, MemoryHost, MemoryRepository
from reconciler.kinds.launch import _KILL_S, _USUAL
from reconciler.loop.converge import converge
from reconciler.loop.cycle import Ports, think
from reconciler.loop.wish import Wishes
from reconciler.model.action import Verb
from reconciler.model.ids import UnitId
from reconciler.model.unit import (
    Desired,
    Frame,
    Heal,
    Healing,
    Launch,
    Process,
    Restart,
    Source,
)
from tests.kinds.desk import FLEET, HOME, ROOT, agent, fleet, session, wish
from tests.kinds.publickeys import ED25519

A, S, F = "p/agents/a.yaml", "p/sessions/s.yaml", "fleet.yaml"
ID_A, ID_S, PANE = UnitId("p/agent/a"), UnitId("p/session/s"), UnitId("p/session/s/w0.0")
USUAL = Healing(Heal.HEAL, Heal.WARN)


def good(files: dict[str, str]) -> Desired:
    desired = wish(files)
    assert desired.problems == ()
    return desired


def own(unit: Process | Frame) -> dict[str, object]:
    """The declared fields of a unit that are about care."""
    groups = ("heal", "protect", "restart.burst", "stop.quit", "stop.kill")
    return {f.name: f.value for f in unit.fields if f.name.startswith(groups)}


def test_what_is_not_said_is_as_it_was() -> None:
    desired = good({A: agent(), S: session()})
    for process in desired.processes.values():
        assert (process.quit, process.kill_after_s, process.protect) == ((), 5.0, False)
        assert process.restart == Restart()
        assert process.healing == USUAL
        assert own(process) == {}
    for frame in desired.frames.values():
        assert frame.healing == USUAL
        assert own(frame) == {}


def test_the_usual_values_are_those_of_the_model() -> None:
    process = Process(ID_A, Source(A), ID_A, Launch((), "/"), (), "")
    assert (process.restart, process.kill_after_s) == (_USUAL, _KILL_S)


def test_an_agent_says_all_of_it() -> None:
    text = """heal: {crash: warn, edit: ignore}
protect: true
restart: {burst: {count: 2, window: 1m}}
stop: {quit: [/exit, "y"], grace: 3s, kill: 1s}
"""
    desired = good({A: agent(text)})
    process = desired.processes[ID_A]
    assert process.healing == desired.frames[ID_A].healing == Healing(Heal.WARN, Heal.IGNORE)
    assert process.protect
    assert (process.restart.burst_count, process.restart.burst_window_s) == (2, 60.0)
    assert (process.quit, process.stop_grace_s, process.kill_after_s) == (("/exit", "y"), 3.0, 1.0)
    assert own(process) == {
        "heal.crash": "warn",
        "heal.edit": "ignore",
        "protect": True,
        "restart.burst.count": 2,
        "restart.burst.window": 60.0,
        "stop.quit": ["/exit", "y"],
        "stop.kill": 1.0,
    }


def test_a_session_speaks_for_its_own_panes_only() -> None:
    text = "heal: {crash: ignore}\nprotect: true\nwindows: [{panes: [{}, {agent: a}]}]"
    desired = good({S: session(text), A: agent()})
    assert desired.frames[ID_S].healing == Healing(Heal.IGNORE, Heal.WARN)
    assert own(desired.frames[ID_S]) == {"heal.crash": "ignore", "protect": True}
    pane, resident = desired.processes[PANE], desired.processes[ID_A]
    assert (pane.healing, pane.protect) == (Healing(Heal.IGNORE, Heal.WARN), True)
    assert own(pane) == {"protect": True}
    assert (resident.healing, resident.protect) == (USUAL, False)


def test_protect_is_in_the_digest_of_each_pane_it_holds_for() -> None:
    plain, held = good({S: session()}), good({S: session("protect: true")})
    assert plain.processes[PANE].digest != held.processes[PANE].digest
    assert plain.frames[ID_S].digest != held.frames[ID_S].digest


def test_a_pane_says_how_it_is_ended() -> None:
    text = "windows: [{panes: [{restart: {burst: {count: 9}}, stop: {quit: [exit], kill: 0s}}]}]"
    pane = good({S: session(text)}).processes[PANE]
    assert (pane.quit, pane.kill_after_s, pane.restart.burst_count) == (("exit",), 0.0, 9)


@pytest.mark.parametrize("text", ["stop: {quit: []}", "restart: {burst: {count: 5, window: 10m}}"])
def test_usual_values_written_out_change_no_digest(text: str) -> None:
    plain, told = good({A: agent()}), good({A: agent(text)})
    assert plain.processes[ID_A].digest == told.processes[ID_A].digest


def test_protect_where_only_agents_live_is_said_to_do_nothing() -> None:
    desired = wish({S: session("protect: true\nwindows: [{panes: [{agent: a}]}]"), A: agent()})
    assert [p.rule for p in desired.problems] == ["session/protect-unused"]
    assert desired.settled
    assert not desired.processes[ID_A].protect


# -- none of it ends a thing that runs ------------------------------------------------------------

CHANGES = {
    A: [
        "heal: {crash: warn}",
        "heal: {edit: ignore}",
        "protect: true",
        "restart: {burst: {count: 2}}",
        "restart: {burst: {window: 1m}}",
        "stop: {quit: [/exit]}",
        "stop: {quit: [/exit], kill: 1s}",
    ],
    S: ["heal: {crash: warn}", "heal: {edit: heal}", "protect: true"],
    F: [
        "heal: {crash: warn, edit: heal}",
        "limits: {restarts: {count: 1, window: 1s}, typing: 0s}",
        "sync: {rewind: follow, canary: {above: 9}}",
        "journal: {key: ~/.ssh/id, keep: 100}",
        "gate: {port: 8080}",
        f"principals: [{{name: ada, ssh: {ED25519}}}]",
    ],
}


def pids(host: MemoryHost) -> dict[str, int]:
    windows = [w for session in host.photograph(0.0).sessions for w in session.windows]
    return {pane.pane_id: pane.pid for window in windows for pane in window.panes}


WRITERS = {A: agent, S: session, F: fleet}


@pytest.mark.parametrize(("path", "spec"), [(p, s) for p, specs in CHANGES.items() for s in specs])
def test_a_change_of_care_restarts_nothing(path: str, spec: str, tmp_path: Path) -> None:
    repository, host = MemoryRepository(), MemoryHost()
    wishes = Wishes(repository, DiskCache(tmp_path / "c", "test"), ROOT, HOME)
    ports = Ports(host, wishes, MemoryClock())
    files = {F: FLEET.encode(), A: agent().encode(), S: session().encode()}
    repository.commit(files)
    converge(ports, think(ports), lambda _: None)
    before = pids(host)
    assert len(before) == 2
    repository.commit({**files, path: WRITERS[path](spec).encode()})
    changed = think(ports)
    assert {action.verb for action in changed.plan.actions} <= {Verb.UPDATE}
    converge(ports, changed, lambda _: None)
    assert pids(host) == before
    assert think(ports).plan.actions == ()
