"""The gatekeeper: one port for ever, and a loud word when that could not be."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconciler.adapters.state import PortFile, StateDir, Tokens
from reconciler.cli.gatekeeper import Gatekeeper, Staff
from reconciler.core.hearing import HEARD
from reconciler.core.metrics import Measured
from reconciler.gate import address
from reconciler.gate.client import Client
from reconciler.gate.pages import Known
from reconciler.model.agent import AgentReport, AgentState
from reconciler.model.fleet import FleetSettings
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.status import Ready, Status
from reconciler.wiring import Wiring
from tests.adapters.git.sandbox import Sandbox

TORCH = UnitId("web/agent/torch")


class Desk:
    def __init__(self) -> None:
        self.heard: list[HookEvent] = []

    def hear(self, event: HookEvent) -> HookAnswer:
        self.heard.append(event)
        return HookAnswer(context="hello")


@dataclass
class House:
    """One daemon after the other, in one repository."""

    wiring: Wiring
    fleet: FleetSettings = field(default_factory=lambda: FleetSettings("demo"))
    log: list[str] = field(default_factory=list)
    desk: Desk = field(default_factory=Desk)
    keepers: list[Gatekeeper] = field(default_factory=list)

    @property
    def state(self) -> StateDir:
        return self.wiring.state(self.fleet)

    def daemon(self, port: int = 0) -> Gatekeeper:
        staff = Staff(self.desk, controls={("GET", "/agents"): lambda _call: {}})
        made = Gatekeeper(self.wiring, self.known, self.log.append, staff)
        made.of(FleetSettings("demo", gate_port=port))
        self.keepers.append(made)
        return made

    def known(self) -> Known:
        return Known("demo", "c1", (), Measured(), 1_000.0, 5.0)

    @property
    def port(self) -> int:
        return int(address.read(self.state.gate).rpartition(":")[2] or 0)

    def hook(self, token: str) -> int:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            link.request("POST", "/hook/Stop", b"{}", {"Authorization": f"Bearer {token}"})
            return link.getresponse().status
        finally:
            link.close()


@pytest.fixture
def house(repo: Sandbox) -> Iterator[House]:
    wiring = Wiring(repo.path)
    made = House(wiring)
    yield made
    for keeper in made.keepers:
        keeper.close()
    wiring.close()


def status(since: int, pid: int = 7) -> Status:
    report = AgentReport(AgentState.IDLE, 1.0, 1.0, "a hook")
    return Status(TORCH, Ready.TRUE, "running", "", "", "c1", pid=pid, since=since, agent=report)


def test_an_agent_finds_the_next_daemon_with_the_token_it_has(house: House) -> None:
    token = Tokens(house.state).mint(TORCH)
    first = house.daemon()
    port = house.port
    assert house.hook(token) == 200
    assert house.hook("mfrgg.wrong") == 401
    first.close()
    assert not house.state.control.exists()
    second = house.daemon()
    assert house.port == port == PortFile(house.state.gate_port).port()
    assert house.hook(token) == 200
    assert [event.unit for event in house.desk.heard] == [TORCH, TORCH]
    assert Client(house.state.control).get("/agents") == {}
    assert second.moved == 0.0
    assert second.heard([status(1)])[0].conditions == ()


def test_a_port_that_somebody_else_took_is_left_loudly(house: House) -> None:
    house.daemon().close()
    port = PortFile(house.state.gate_port).port()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        keeper = house.daemon()
        assert house.port not in (0, port)
    (loud,) = [line for line in house.log if "THE GATE HAS MOVED" in line]
    assert str(port) in loud
    assert str(house.port) in loud
    old, new = keeper.heard([status(1), status(int(keeper.moved) + 1)])
    assert [(c.name, c.value) for c in old.conditions] == [(HEARD, Ready.FALSE)]
    assert new.conditions == ()
    moved = house.port
    keeper.close()
    again = house.daemon()
    assert house.port == moved, "there it stays, though the old port is free"
    assert again.heard([status(1)])[0].conditions != ()


def test_a_port_that_a_person_chose_is_that_or_none(house: House) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        port = thief.getsockname()[1]
        keeper = house.daemon(port)
        assert house.port == 0
        assert any(f"cannot listen on 127.0.0.1:{port}" in line for line in house.log)
    keeper.close()
    house.daemon(port)
    assert house.port == port
    assert PortFile(house.state.gate_port).had() == (port,)


def test_without_its_socket_the_gate_is_open_all_the_same(house: House) -> None:
    house.state.make()
    house.state.control.mkdir()
    house.daemon()
    assert house.port > 0
    assert any("control.sock" in line for line in house.log)


def test_what_is_no_agent_is_not_judged() -> None:
    from reconciler.core.hearing import heard  # noqa: PLC0415

    command = Status(TORCH, Ready.TRUE, "running", "", "", "c1", pid=7, since=1)
    stopped = status(1, pid=0)
    assert heard([command, stopped], 100.0) == (command, stopped)


def test_the_gate_counts_what_it_refused(house: House, tmp_path: Path) -> None:
    house.daemon()
    house.hook("mfrgg.wrong")
    link = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
    link.request("GET", "/metrics")
    text = link.getresponse().read().decode()
    link.close()
    assert 'novaorch_gate_refused_total{reason="malformed"} 1' in text
    assert 'novaorch_gate_refused_total{reason="stale"} 0' in text
