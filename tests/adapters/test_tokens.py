"""Tokens and the port: they outlive daemons, tell agents apart, and are nobody else's."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from reconciler.adapters.state import PortFile, StateDir, Tokens
from reconciler.model.problems import NovaorchError

TORCH, ANVIL = "web/agent/torch", "web/agent/anvil"


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(root=tmp_path / "state", store_socket=tmp_path / "state" / "store.sock")


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_says_whose_it_is_and_outlives_the_daemon(state: StateDir) -> None:
    tokens = Tokens(state)
    torch, anvil = tokens.mint(TORCH), tokens.mint(ANVIL)
    for daemon in (tokens, Tokens(state)):
        assert daemon.verify(torch) == (TORCH, "")
        assert daemon.verify(anvil) == (ANVIL, "")
        assert daemon.read(TORCH) == torch
    assert len(torch.partition(".")[2]) >= 43


def test_it_is_its_owners_alone(state: StateDir) -> None:
    old = os.umask(0)
    try:
        Tokens(state).mint(TORCH)
    finally:
        os.umask(old)
    folder = state.agent(TORCH)
    assert (folder / "token").stat().st_mode & 0o777 == 0o600
    while folder != state.root.parent:
        assert folder.stat().st_mode & 0o777 == 0o700
        folder = folder.parent


def test_a_new_start_makes_the_old_token_stale_once_it_speaks(state: StateDir) -> None:
    tokens, gate = Tokens(state), Tokens(state)
    first = tokens.mint(TORCH)
    assert gate.verify(first) == (TORCH, "")
    second = tokens.mint(TORCH)
    assert gate.verify(first) == (TORCH, ""), "the start may have failed: the old one lives"
    assert gate.verify(second) == (TORCH, "")
    for daemon in (gate, tokens, Tokens(state)):
        assert daemon.verify(first) == ("", "stale")
        assert daemon.verify(second) == (TORCH, "")


def test_starts_that_failed_leave_the_agent_that_runs_its_voice(state: StateDir) -> None:
    tokens, gate = Tokens(state), Tokens(state)
    lives = tokens.mint(TORCH)
    assert gate.verify(lives) == (TORCH, "")
    failed = [tokens.mint(TORCH) for _ in range(3)]
    assert gate.verify(lives) == (TORCH, "")
    assert [gate.verify(text)[1] for text in failed] == ["wrong", "wrong", ""]
    assert gate.verify(lives) == ("", "stale")


def test_a_token_that_never_spoke_still_gives_way(state: StateDir) -> None:
    tokens = Tokens(state)
    first, second = tokens.mint(TORCH), tokens.mint(TORCH)
    assert tokens.verify(first) == (TORCH, "")
    assert tokens.verify(second) == (TORCH, "")
    assert tokens.verify(first) == ("", "stale")


def test_what_is_no_token_is_told_from_a_wrong_one(state: StateDir) -> None:
    tokens = Tokens(state)
    good = tokens.mint(TORCH)
    name, _, secret = good.partition(".")
    assert tokens.verify(f"{name}.{secret[:-1]}") == ("", "wrong")
    assert tokens.verify(f"{name}.{secret}x") == ("", "wrong")
    other = Tokens(state).mint(ANVIL).partition(".")[0]
    assert tokens.verify(f"{other}.{secret}") == ("", "wrong"), "nobody speaks for another"
    state.agent(ANVIL).joinpath("token").unlink()
    assert tokens.verify(f"{other}.{secret}") == ("", "unknown")


@pytest.mark.parametrize(
    "text",
    ["", ".", "x", "x.y", ".secret", "a" * 4000, "é.x", "mfrgg.\udcff", "\0.\0", "MFRA====.x"],
)
def test_rubbish_is_malformed(state: StateDir, text: str) -> None:
    assert Tokens(state).verify(text) == ("", "malformed")


@pytest.mark.parametrize(
    "unit", ["../agent/x", "web/agent/../..", "web/session/main", "web/agent/", "web/agent/a/b", ""]
)
def test_nobody_leaves_the_folder_of_agents(state: StateDir, unit: str) -> None:
    import base64  # noqa: PLC0415

    name = base64.b32encode(unit.encode()).decode().rstrip("=").lower()
    assert Tokens(state).verify(f"{name}.secret") == ("", "malformed")
    with pytest.raises(NovaorchError):
        Tokens(state).mint(unit)
    assert not state.root.exists()


def test_a_damaged_file_is_no_token_and_is_mended_by_the_next_start(state: StateDir) -> None:
    tokens = Tokens(state)
    good = tokens.mint(TORCH)
    path = state.agent(TORCH) / "token"
    for content in (b"", b"\n\n", b"\xff\xfe", b"one line"):
        path.write_bytes(content)
        assert tokens.verify(good)[1] == "unknown"
    assert tokens.verify(tokens.mint(TORCH)) == (TORCH, "")


def test_a_link_is_not_followed(state: StateDir, tmp_path: Path) -> None:
    tokens = Tokens(state)
    good = tokens.mint(TORCH)
    path = state.agent(TORCH) / "token"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert Tokens(state).verify(good) == ("", "unknown")


# -- the port --------------------------------------------------------------------------------------


def test_the_port_is_chosen_once(state: StateDir) -> None:
    kept = PortFile(state.gate_port)
    port = kept.port()
    assert 20_000 <= port < 32_000, "below those that outgoing connections get"
    assert PortFile(state.gate_port).port() == port
    assert kept.moved() == 0.0
    assert kept.port(9100) == 9100


def test_a_taken_port_is_left_and_that_is_remembered(state: StateDir) -> None:
    kept = PortFile(state.gate_port)
    port = kept.port()
    other = kept.another()
    assert other != port
    assert kept.port() == other
    assert kept.moved() > 1e9
    assert kept.had() == (other, port)
    third = kept.another()
    assert third not in (port, other)


def test_a_port_that_is_taken_is_never_chosen(state: StateDir) -> None:
    first = PortFile(state.gate_port).port()
    state.gate_port.unlink()
    with socket.socket() as door:
        door.bind(("127.0.0.1", first))
        door.listen()
        assert PortFile(state.gate_port).port() != first


@pytest.mark.parametrize("content", [b"", b"0\n", b"99999\n", b"-1", b"x", b"\xff" * 400])
def test_a_damaged_note_of_ports_is_none(state: StateDir, content: bytes) -> None:
    state.make()
    state.gate_port.write_bytes(content)
    assert PortFile(state.gate_port).had() == ()
    assert PortFile(state.gate_port).port() > 0
