"""The gate's commands: heard, limited, fenced in, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reconciler.adapters.proving import MARK, TAIL_BYTES, Asked, environment, prove, throw_away
from reconciler.model.promotion import Proof
from tests.adapters.processes import gone

PATH = {"PATH": os.environ["PATH"]}


class Heard:
    """What commands printed, as it came."""

    def __init__(self) -> None:
        self.data = b""

    def __call__(self, data: bytes) -> None:
        self.data += data


def asked(
    *commands: Sequence[str], limit_s: float = 30, env: Mapping[str, str] = PATH
) -> tuple[Proof, bytes]:
    heard = Heard()
    with throw_away() as folder:
        proof = prove(Asked(commands, limit_s), folder, env, heard)
    assert not folder.exists()
    return proof, heard.data


def shell(text: str) -> list[str]:
    return ["sh", "-c", text]


def test_commands_run_one_after_another_until_one_fails() -> None:
    proof, said = asked(shell("echo one"), shell("echo two >&2; exit 3"), shell("echo three"))
    assert (proof.asked, proof.passed, proof.ok) == (3, 1, False)
    assert proof.failed == ("sh", "-c", "echo two >&2; exit 3")
    assert proof.why == "its exit code is 3"
    assert proof.tail == "two\n"
    assert said == b"one\ntwo\n"


def test_all_pass() -> None:
    proof, _ = asked(shell("true"), shell("true"))
    assert (proof.ok, proof.word) == (True, "passed 2 of 2")


def test_no_command_is_no_objection() -> None:
    assert asked()[0].ok


@pytest.mark.parametrize("argv", [["/nonexistent/tool"], ["no\0way"]])
def test_what_cannot_be_started_fails(argv: list[str]) -> None:
    proof, _ = asked(argv)
    assert not proof.ok
    assert "cannot be started" in proof.why


def test_a_command_that_takes_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    proof, _ = asked(shell(f"sleep 300 & echo $! > {mark}; sleep 300"), limit_s=0.5)
    assert "longer than 0.5 s" in proof.why
    gone(int(mark.read_text()))


def test_one_that_does_not_listen_is_killed() -> None:
    proof, _ = asked(shell("trap '' TERM; while true; do sleep 0.1; done"), limit_s=0.3)
    assert not proof.ok


def test_what_lives_on_behind_a_command_is_neither_waited_for_nor_left(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    began = time.monotonic()
    proof, _ = asked(shell(f"(sleep 300; echo late) & echo $! > {mark}"))
    assert proof.ok
    assert time.monotonic() - began < 60
    gone(int(mark.read_text()))


def test_nor_is_what_ran_away_into_a_session_of_its_own(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    proof, _ = asked(shell(f"setsid sh -c 'echo $$ > {mark}; exec sleep 300' & sleep 0.3"))
    assert proof.ok
    gone(int(mark.read_text()))


def test_a_flood_is_heard_and_its_end_kept() -> None:
    proof, said = asked([sys.executable, "-c", "print('x' * 300_000); print('end'); exit(1)"])
    assert len(said) == 300_005
    assert proof.tail.endswith("end\n")
    assert len(proof.tail) <= TAIL_BYTES


def test_no_secret_reaches_it() -> None:
    theirs = {**PATH, "HOME": "/h", "LC_ALL": "C", "ANTHROPIC_API_KEY": "s", "NOVAORCH_TOKEN": "t",
              "AWS_SECRET_ACCESS_KEY": "u", "SSH_AUTH_SOCK": "/v", "GIT_DIR": "/w", "MY_VAR": "x",
              "PYTHONPATH": "/y", "LD_PRELOAD": "/z"}  # fmt: skip
    env = environment(theirs, {"NOVAORCH_RUN": "shop/torch/1"})
    _, said = asked(["env"], env=env)
    names = {line.partition("=")[0] for line in said.decode().splitlines()}
    shells = {"PWD", "OLDPWD", "SHLVL", "_"}
    ours = {
        "CI",
        "TERM",
        "NOVAORCH_GATE",
        "NO_COLOR",
        "NOVAORCH_RUN",
        "GIT_TERMINAL_PROMPT",
        *shells,
    }
    assert names <= {"PATH", "HOME", "LC_ALL", "GIT_CEILING_DIRECTORIES", *ours}
    assert "HOME" in names


def test_it_does_not_wait_for_a_terminal() -> None:
    assert asked(shell("read line || exit 0; exit 1"))[0].ok


def test_a_folder_that_cannot_be_written_goes_all_the_same() -> None:
    proof, _ = asked(shell("mkdir -p a/b; echo x > a/b/c; chmod 0 a/b; chmod 500 a"))
    assert proof.ok


def test_what_a_killed_process_left_goes_with_the_next_one() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = Path(tempfile.gettempdir()) / f"novaorch-gate-{ended.pid}-abc"
    left.mkdir()
    env = {**os.environ, MARK: str(left)}
    orphan = subprocess.Popen(["sleep", "300"], env=env, start_new_session=True)
    with throw_away():
        assert not left.exists()
    assert orphan.wait(20) == -signal.SIGKILL
