"""A fleet under attack: the real command, git, tmux and files, and what attackers know."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.cli.app import run as command_line
from tests.e2e.conftest import Fleet, Said

HEAD = "apiVersion: novaorch/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"
SLEEP = "  command: [sleep, '86400']\n"


class Besieged(Fleet):
    """A fleet whose agents only sleep, so that many of them cost nothing."""

    def sleeper(self, name: str, *lines: str, project: str = "web") -> Path:
        """Write an agent that sleeps; `lines` go below its spec."""
        more = "".join(f"  {line}\n" for line in lines)
        text = HEAD.format(kind="Agent", name=name) + SLEEP + more
        return self.repo.write(f"{project}/agents/{name}.yaml", text)

    def session(self, name: str, *lines: str, project: str = "web") -> Path:
        """Write a Session with these lines below its spec."""
        text = HEAD.format(kind="Session", name=name) + "".join(f"  {line}\n" for line in lines)
        return self.repo.write(f"{project}/sessions/{name}.yaml", text)

    def run(self, *words: str, expect: int | None = None, **env: str) -> Said:
        """Run `novaorch` in this very process, which saves the start of a Python each time."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.update(env, NO_COLOR="1")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = command_line(["-C", str(self.repo.path), *words])
        finally:
            os.environ.clear()
            os.environ.update(before)
        said = Said(code, out.getvalue(), err.getvalue())
        assert expect in (None, code), f"{words}: {said.out}{said.err}"
        return said

    def as_script(self, *words: str, cwd: Path | str = "/", **env: str) -> Said:
        """Run the installed script, as a person does, from `cwd`."""
        done = subprocess.run(
            [*script(), "-C", str(self.repo.path), *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
            cwd=cwd,
            check=False,
            timeout=60,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def problems(self, *words: str) -> dict[str, tuple[str, int, int]]:
        """Return the first problem of each path: rule, line, column."""
        found: dict[str, tuple[str, int, int]] = {}
        for r in self.run("validate", "--json", *words).records:
            if r["type"] == "problem":
                found.setdefault(r["path"], (r["rule"], r["line"], r["column"]))
        return found

    def servers(self) -> int:
        """Return how many tmux servers answer on the socket: none or one."""
        return int(self.tmux("display-message", "-p", "x", ok=False) == "x\n")


def script() -> list[str]:
    """Return the words that start novaorch without the current folder on Python's path."""
    beside = Path(sys.executable).parent / "novaorch"
    return [str(beside)] if beside.exists() else [sys.executable, "-P", "-m", "reconciler.cli"]


def clear(said: Said) -> str:
    """Return what was said, after a look at whether a person can read it and knows what to do."""
    everything = said.out + said.err
    assert "Traceback" not in everything
    assert "defect" not in said.err.lower(), said.err
    assert said.code in (0, 2) or everything.strip()
    for character in everything:
        assert character in "\n\t" or character.isprintable(), repr(everything)
    return everything


def units(fleet: Besieged) -> list[str]:
    """Return the unit of every pane of ours that runs, as tmux knows it: a twin shows up twice."""
    said = fleet.tmux(
        "list-panes", "-a", "-F", "#{pane_dead} #{@novaorch_pane}", ok=False
    ).splitlines()
    return [words[3] for words in map(str.split, said) if words[0] == "0" and len(words) > 3]


class Canary:
    """A program that an attacker wants to be run, and whether it was."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.snapped = folder / "snapped"
        self.program = folder / "trap"
        self.program.write_text(
            f'#!/bin/sh\necho "$0 $*" >>{shlex.quote(str(self.snapped))}\ncat\n'
        )
        self.program.chmod(0o755)

    @property
    def alive(self) -> bool:
        return not self.snapped.exists()

    def dead(self) -> str:
        """Return who killed it."""
        return self.snapped.read_text() if self.snapped.exists() else ""


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "cage")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Besieged]]:
    """Make fleets by name; everything they started ends with the test."""
    made: list[Besieged] = []

    def maker(name: str) -> Besieged:
        made.append(Besieged(tmp_path / f"the {name} repository", name))
        return made[-1]

    yield maker
    for fleet in made:
        fleet.end()


@pytest.fixture
def bare(make: Callable[[str], Besieged]) -> Besieged:
    """A fleet without an agent, not committed yet."""
    return make("demo")


@pytest.fixture
def fleet(bare: Besieged) -> Besieged:
    """A committed fleet with one agent, `web/agent/torch`, which sleeps. It does not run yet."""
    bare.sleeper("torch")
    bare.commit("Wish for torch")
    return bare


@pytest.fixture
def live(fleet: Besieged) -> Besieged:
    """The same, and torch runs."""
    fleet.run("apply", expect=0)
    assert fleet.sessions() == {"web/torch"}
    return fleet
