"""A fleet whose wishes come from elsewhere, and two clones of it that do not fight."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.git.sandbox import Sandbox
from tests.e2e.conftest import LIMIT_S, LOOP, end_server, needs_store
from tests.e2e.test_tenure import Shared, shared  # noqa: F401 - a fixture

pytestmark = needs_store
SECRET = "a secret of more than sixteen bytes"


class Host:
    """One clone on a machine of its own, as far as a home and a tmux folder make one."""

    def __init__(self, folder: Path, bare: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "home").mkdir()
        config = (Path(os.environ["HOME"]) / ".gitconfig").read_text()
        (folder / "home/.gitconfig").write_text(config)
        subprocess.run(["git", "clone", "-q", str(bare), str(folder / "repo")], check=True)
        self.repo = Sandbox(folder / "repo")
        self.repo.git("symbolic-ref", "HEAD", "refs/heads/main")
        self.env = {
            **os.environ,
            "HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "TMUX_TMPDIR": str(folder),
            "NUDGE": SECRET,
        }
        self.log = folder / "log"
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, *words: str, expect: int | None = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler.cli", "-C", str(self.repo.path), *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, env=self.env, cwd="/",
            check=False, timeout=LIMIT_S,
        )  # fmt: skip
        assert expect is None or done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def records(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*words, "--json", expect=None).splitlines()]

    def start(self, *words: str) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-u", "-m", "reconciler.cli", "-C", str(self.repo.path),
                 "run", *words],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.env,
            )  # fmt: skip

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._child is not None:
            self._child.send_signal(number)
            self._child.wait(LIMIT_S)
            self._child = None

    def sessions(self) -> set[str]:
        said = self.tmux("list-sessions", "-F", "#{session_name}", ok=False)
        return {name for name in said.split() if "/" in name}

    def tmux(self, *words: str, ok: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-L", "nova-two", *words],
            capture_output=True, text=True, check=False, env=self.env, timeout=LIMIT_S,
        )  # fmt: skip
        assert not ok or done.returncode == 0, done.stderr
        return done.stdout

    def wish(self, *names: str) -> str:
        """Commit agents of these names beside those that there are."""
        for name in names:
            argv = json.dumps([sys.executable, "-c", LOOP.format(word=name)])
            self.repo.write(
                f"web/agents/{name}.yaml",
                "apiVersion: novaorch/v1\nkind: Agent\n"
                f"metadata: {{name: {name}}}\nspec:\n  command: {argv}\n",
            )
        return self.repo.commit(f"wish for {' '.join(names)}")

    def until(self, true: Callable[[], object], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not true():
            said = self.log.read_text() if self.log.exists() else ""
            assert time.monotonic() < end, f"not within {LIMIT_S:.0f} s: {what}\n{said}"
            time.sleep(0.05)

    def said(self, words: str) -> bool:
        return words in self.log.read_text()

    def end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        end_server(self.tmux)


class Place:
    """A bare repository with the first wish in it, and hosts that clone it."""

    def __init__(self, folder: Path, *settings: str, interval: str = "1s") -> None:
        self.folder = folder
        self.bare = Sandbox(folder / "bare.git", "--bare")
        seed = Sandbox(folder / "seed")
        lines = "".join(f"  {line}\n" for line in settings)
        seed.write(
            "fleet.yaml",
            "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: two}\nspec:\n"
            f"  tmux: {{socket: nova-two}}\n  sync: {{poll: 300ms}}\n{lines}"
            f"  remote:\n    url: {self.bare.path}\n    protocols: [file]\n"
            f"    interval: {interval}\n    push: [training, desired]\n    webhook: env:NUDGE\n",
        )
        seed.commit("a fleet")
        seed.git("push", "--quiet", str(self.bare.path), "HEAD:main")
        self.hosts: list[Host] = []

    def host(self, name: str) -> Host:
        self.hosts.append(Host(self.folder / name, self.bare.path))
        return self.hosts[-1]

    def main(self) -> str:
        return self.bare.git("rev-parse", "main")

    def end(self) -> None:
        for host in self.hosts:
            host.end()


@pytest.fixture
def place(stage: Path, shared: Shared) -> Iterator[Callable[..., Place]]:  # noqa: F811
    """Make a place in a folder whose path is short enough for sockets."""
    made: list[Place] = []

    def maker(**more: str) -> Place:
        made.append(Place(stage, shared.setting, **more))
        return made[-1]

    yield maker
    for one in made:
        one.end()


def test_two_clones_share_all_and_one_of_them_acts(place: Callable[..., Place]) -> None:
    both = place()
    ada, bob = both.host("a"), both.host("b")
    first = ada.wish("one")
    ada.start()
    ada.until(lambda: ada.sessions() == {"web/one"}, "what was committed here runs here")
    ada.until(lambda: both.main() == first, "and is pushed")
    bob.start("--standby")
    bob.until(lambda: bob.said("standing by"), "the other one waits")
    tracked = "refs/novaorch/remote/main"
    bob.until(lambda: bob.repo.git("rev-parse", tracked, ok=False) == first, "and knows it")

    bob.repo.git("merge", "--quiet", "--ff-only", "novaorch/remote/main")
    second = bob.wish("two")
    bob.until(lambda: both.main() == second, "what is committed there is pushed from there")
    ada.until(lambda: ada.sessions() == {"web/one", "web/two"}, "and runs here")
    assert ada.repo.git("rev-parse", "main") == first, "nobody's branch is moved"
    assert ada.repo.git("status", "--porcelain") == ""
    assert bob.sessions() == set(), "only one of the two acts"

    run = "refs/heads/training/web/one/1"
    hers = train(ada, run)
    ada.until(lambda: both.bare.git("rev-parse", run, ok=False) == hers, "work is pushed")
    train(bob, run)
    bob.until(lambda: bob.said(f"{run} was refused"), "a run has one writer")
    assert both.bare.git("rev-parse", run) == hers, "nothing is overwritten"
    (remote,) = [r for r in bob.records("status") if r["type"] == "remote"]
    assert remote["refused"] == [run]

    ada.stop(signal.SIGKILL)
    bob.until(lambda: bob.sessions() == {"web/one", "web/two"}, "the other one takes over")
    assert both.main() == second


def train(host: Host, ref: str) -> str:
    """Let a run of an agent be on a host; return its commit."""
    words = ("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", host.folder.name)
    commit = host.repo.git(*words)
    host.repo.git("update-ref", ref, commit)
    return commit


def test_the_loop_goes_on_while_the_remote_is_away(place: Callable[..., Place]) -> None:
    one = place()
    ada = one.host("a")
    ada.wish("one")
    ada.start()
    ada.until(lambda: ada.sessions() == {"web/one"}, "it runs")
    ada.until(lambda: one.main() == ada.repo.git("rev-parse", "HEAD"), "it is pushed")
    away = one.bare.path.with_name("away")
    one.bare.path.rename(away)
    ada.until(lambda: ada.said("no such repository"), "it is said")
    ada.tmux("kill-session", "-t", "=web/one")
    ada.until(lambda: ada.sessions() == {"web/one"}, "it is healed")
    third = ada.wish("three")
    ada.until(lambda: ada.sessions() == {"web/one", "web/three"}, "it is followed")
    said = ada.run("status")
    assert "remote  main of" in said
    assert "failing for" in said
    away.rename(one.bare.path)
    ada.until(lambda: one.main() == third, "and pushed when the remote is back")
    assert ada.said("fetch: well again")
    ada.until(lambda: "failing" not in ada.run("status", expect=None), "and all is well")


def test_those_that_parted_are_held_and_a_merge_mends_it(place: Callable[..., Place]) -> None:
    one = place()
    ada, bob = one.host("a"), one.host("b")
    bob.wish("two")
    bob.repo.git("push", "--quiet", "origin", "main")
    ada.wish("one")
    said = ada.run("diff", "--fetch", expect=1) + ada.run("diff", expect=None)
    assert said == ""
    ada.repo.git("merge", "--quiet", "--no-edit", "novaorch/remote/main")
    found = ada.run("apply", "--yes")
    assert "fetched" in found
    assert ada.sessions() == {"web/one", "web/two"}
    bob.wish("three")
    bob.repo.git("push", "--quiet", "origin", "main")
    ada.run("apply", "--fetch", expect=1)
    assert ada.sessions() == {"web/one", "web/two"}, "neither is followed"
    assert "git merge novaorch/remote/main" in ada.run("status", expect=1)


def test_apply_brings_the_newest_and_says_how_old_it_is(place: Callable[..., Place]) -> None:
    one = place()
    ada, bob = one.host("a"), one.host("b")
    assert "never fetched" in ada.run("diff", expect=None)
    third = bob.wish("three")
    bob.repo.git("push", "--quiet", "origin", "main")
    assert "three" not in ada.run("diff", expect=None)
    assert "web/agent/three" in ada.run("diff", "--fetch", expect=2)
    said = ada.run("apply", "--fetch", "--yes")
    assert ada.sessions() == {"web/three"}
    assert "remote  main of" in said
    (remote,) = [r for r in ada.records("diff") if r["type"] == "remote"]
    assert remote["tip"] == third
    assert remote["fetched"] > 0


def test_a_signed_nudge_shortens_a_long_wait(place: Callable[..., Place]) -> None:
    one = place(interval="1h")
    ada, bob = one.host("a"), one.host("b")
    ada.start()
    ada.until(lambda: ada.said("remote: main is at"), "the first look")
    bob.wish("two")
    bob.repo.git("push", "--quiet", "origin", "main")
    gate = next(line for line in ada.log.read_text().splitlines() if "metrics at" in line)
    url = gate.rpartition(" ")[2].removesuffix("/metrics")
    assert nudge(url, b"{}", "sha256=" + "0" * 64) == 401
    body = b'{"ref": "refs/heads/main"}'
    signed = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert nudge(url, body, signed) == 202
    ada.until(lambda: ada.sessions() == {"web/two"}, "the nudge was heard")
    with urllib.request.urlopen(f"{url}/metrics", timeout=LIMIT_S) as page:
        told = page.read().decode()
    assert "novaorch_gate_webhooks_total 1" in told
    assert 'novaorch_remote_fetches_total{result="ok"} 2' in told
    assert "novaorch_remote_up 1" in told


def nudge(url: str, body: bytes, signature: str) -> int:
    headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{url}/webhook", body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
