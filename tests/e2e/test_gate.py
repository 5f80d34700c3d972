"""The gate and the record of a daemon: what they say, and what when it is gone."""

from __future__ import annotations

import dataclasses
import http.client
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.adapters.state import PortFile, holder_pid
from reconciler.adapters.store.resolve import open_store
from reconciler.core.conditions import began
from reconciler.core.recollect import Recalled, recollect
from reconciler.gate import address
from reconciler.loop.daemon import Daemon
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import NovaorchError
from reconciler.model.status import Ready
from tests.e2e.conftest import Fleet, needs_store

counts = pytest.mark.skipif(
    "meter" not in {field.name for field in dataclasses.fields(Daemon)},
    reason="this daemon has no meter yet",
)


def note(fleet: Fleet) -> Path:
    return fleet.state.root / "gate"


def ask(fleet: Fleet, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    place = address.read(note(fleet))
    if not place:
        raise FileNotFoundError(note(fleet))
    link = http.client.HTTPConnection(place.removeprefix("http://"), timeout=20)
    try:
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        return answer.status, answer.read().decode()
    finally:
        link.close()


def value(text: str, name: str, **labels: str) -> float:
    (found,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return found


def ready(fleet: Fleet) -> None:
    """Wait until the daemon told the gate that torch is as wished."""

    def told() -> bool:
        try:
            text = ask(fleet)[1]
        except OSError:  # no note yet, or that of a daemon which was killed
            return False
        return 'novaorch_unit_ready{unit="web/agent/torch"} 1' in text

    fleet.until(told, "the gate says that torch is ready")


def test_a_daemon_has_a_gate_until_it_ends(up: Fleet) -> None:
    ready(up)
    assert note(up).stat().st_mode & 0o777 == 0o600
    status, text = ask(up)
    assert status == 200
    assert value(text, "novaorch_units", state="running") == 1
    assert value(text, "process_open_fds") > 3
    assert ask(up, "/healthz")[0] == 200
    assert ask(up, "/metrics", Host="evil.example")[0] == 421
    said = up.run("metrics", expect=0).out
    assert value(said, "novaorch_unit_ready", unit="web/agent/torch") == 1
    assert value(said, "process_open_fds") > 3
    place = address.read(note(up))
    up.run("down", expect=0)
    assert not note(up).exists()
    port = int(place.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    said = up.run("metrics", expect=0).out
    assert value(said, "novaorch_unit_ready", unit="web/agent/torch") == 1
    assert value(said, "novaorch_last_pass_timestamp_seconds") == 0


def test_people_ask_the_daemon_at_a_socket_of_their_own(up: Fleet) -> None:
    up.until(up.state.control.exists, "the socket")
    assert up.state.control.stat().st_mode & 0o777 == 0o600
    up.until(lambda: up.run("decisions").code == 0, "an answer")
    assert up.run("decisions", expect=0).out == "nobody waits for a decision\n"
    assert "nothing waits" in up.run("decisions", "allow", "dx", expect=1).err
    port = PortFile(up.state.gate_port).port()
    up.run("down", expect=0)
    assert not up.state.control.exists()
    assert "novaorch up" in up.run("decisions", expect=1).err
    up.run("up", expect=0)
    up.until(lambda: address.read(note(up)).endswith(f":{port}"), "the same port")


@counts
def test_the_gate_counts_what_the_daemon_does(up: Fleet) -> None:
    up.run("hooks", "install", expect=0)
    up.until(lambda: ask(up, "/readyz")[0] == 200, "the daemon is ready")
    up.agent("anvil")
    up.commit()
    name = "novaorch_commit_to_converged_seconds_count"
    up.until(lambda: value(ask(up)[1], name) == 1, "the commit is counted")
    text = ask(up)[1]
    assert value(text, "novaorch_seen_to_converged_seconds_count") == 1
    assert value(text, "novaorch_commit_to_converged_seconds_sum") < 30
    assert value(text, "novaorch_actions_total", verb="start", result="done") == 2
    assert value(text, "novaorch_heals_total") == 0
    os.kill(int(up.pids()["web/torch"]), signal.SIGKILL)
    up.until(lambda: value(ask(up)[1], "novaorch_heals_total") == 1, "the heal is counted")
    assert value(ask(up)[1], "novaorch_lease_held") == 1


def test_a_daemon_that_was_killed_leaves_a_note_that_nobody_believes(up: Fleet) -> None:
    ready(up)
    pid = holder_pid(up.state.lock)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    up.until(lambda: holder_pid(up.state.lock) is None, "it is dead")
    said = up.run("metrics", expect=0).out
    assert value(said, "novaorch_last_pass_timestamp_seconds") == 0
    up.run("up", expect=0)
    ready(up)


def test_foes_at_the_gate_do_not_keep_it_from_healing(up: Fleet) -> None:
    ready(up)
    port = int(address.read(note(up)).rpartition(":")[2])
    links = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(100)]
    for link in links:
        link.send(b"GET /metr")
    before = up.pids()["web/torch"]
    os.kill(int(before), signal.SIGKILL)
    up.until(lambda: up.pids().get("web/torch", before) != before, "torch runs again")
    assert ask(up)[0] == 200
    for link in links:
        link.close()


def test_a_taken_port_is_said_and_the_daemon_goes_on(fleet: Fleet) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fleet.settings(f"gate: {{port: {port}}}")
        fleet.commit()
        fleet.run("up", expect=0)
        fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs")
        assert f"cannot listen on 127.0.0.1:{port}" in fleet.log()
        assert not note(fleet).exists()
        fleet.run("status", expect=0)
        said = fleet.run("metrics", expect=0).out
        assert value(said, "novaorch_unit_ready", unit="web/agent/torch") == 1


# -- what was written down -------------------------------------------------------------------------


def written(fleet: Fleet) -> Recalled:
    """Return what the daemon wrote down, without a command: those take their time."""
    try:
        store = open_store(FleetSettings(fleet.name), fleet.state, start=False, environ=os.environ)
        try:
            return recollect(store.recall())
        finally:
            store.close()
    except NovaorchError:
        return recollect({})


def is_written(fleet: Fleet) -> bool:
    """Whether it is written down that torch is as wished."""
    return [status.ready for status in written(fleet).statuses] == [Ready.TRUE]


@needs_store
def test_what_was_written_down_is_believed_only_while_it_is_fresh(fleet: Fleet) -> None:
    fleet.settings("sync: {poll: 1s}")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: is_written(fleet), "torch was written down")
    (unit, whole) = fleet.run("status", "--recorded", "--json", expect=0).records
    assert (unit["ready"], whole["recorded"]) == ("True", True)
    assert {c["type"]: c["status"] for c in unit["conditions"]} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "Healthy": "True",
    }
    pid = holder_pid(fleet.state.lock)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    fleet.until(lambda: written(fleet).stale(time.time()), "it is too old")
    (unit, whole) = fleet.run("status", "--recorded", "--json", expect=1).records
    assert {c["status"] for c in [*unit["conditions"], *whole["status"]["conditions"]]} == {
        "Unknown"
    }
    fleet.run("status", expect=0)  # a look of one's own knows better


@needs_store
def test_hours_of_conditions_outlive_the_daemon(fleet: Fleet) -> None:
    def since() -> float | None:
        return began(written(fleet).statuses[0], "Ready", Ready.TRUE)

    fleet.run("up", expect=0)
    fleet.until(lambda: is_written(fleet), "torch was written down")
    first, heard = since(), written(fleet).heartbeat
    assert first is not None
    fleet.run("down", expect=0)
    fleet.run("up", expect=0)
    fleet.until(lambda: written(fleet).heartbeat > heard, "the next one speaks")
    assert since() == first > 1e9
    (unit, _) = fleet.run("status", "--json", expect=0).records
    assert unit["conditions"][0]["since"] == first


@needs_store
def test_when_tmux_is_silent_status_says_what_was_seen_last(fleet: Fleet) -> None:
    fleet.run("up", expect=0)
    fleet.until(lambda: is_written(fleet), "torch was written down")
    server = int(fleet.tmux("display-message", "-p", "#{pid}"))
    os.kill(server, signal.SIGSTOP)
    try:
        said = fleet.run("status", expect=1)
    finally:
        os.kill(server, signal.SIGCONT)
    assert "web/agent/torch" in said.out
    assert "written down last" in said.out
    assert "novaorch: " in said.err


def test_nothing_written_down_is_said(fleet: Fleet) -> None:
    said = fleet.run("status", "--recorded", expect=1)
    assert "nothing was written down" in said.err
    assert "fix:" in said.err


# -- hands off -------------------------------------------------------------------------------------


def test_what_is_suspended_is_shown_though_nothing_is_due(up: Fleet) -> None:
    ready(up)
    up.run("suspend", "web/agent/torch", "--reason", "a demo", "--for", "1h", expect=0)
    said = up.run("status", expect=0).out
    assert "suspended: a demo" in said
    assert "suspended: web/agent/torch by Ada" in said
    (unit, whole) = up.run("status", "--json", expect=0).records
    assert (unit["suspended"], unit["ready"]) == ("a demo", "True")
    assert whole["suspensions"][0]["scope"] == "web/agent/torch"
    up.until(lambda: value(ask(up)[1], "novaorch_suspended") == 1, "the gate says so, too")
