"""Holds every commit against the agents' own logs: nothing lost, moved, swapped or said twice."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.trailers import read
from tests.campaign.training.ground import Agent, Ground

QUIET_S = 3.0
"""So long after a start times are counted apart: a new process reads everything anew."""


@dataclass
class Report:
    """What came of it. Times in seconds, from the end of a turn to its durable commit.

    `joined` turns have their work in the next commit of their agent.
    """

    agents: int = 0
    turns: int = 0
    commits: int = 0
    joined: int = 0
    kills: int = 0
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    after_starts: list[float] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not any(getattr(self, name) for name in FAULTS)

    def quantile(self, part: float) -> float:
        """Return how long that part of the turns took at most, those right after kills apart."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0

    def __str__(self) -> str:
        p50, p99, most = (self.quantile(part) * 1e3 for part in (0.5, 0.99, 1.0))
        faults = ", ".join(f"{name} {len(getattr(self, name))}" for name in FAULTS)
        late = max(self.after_starts, default=0.0) * 1e3
        return (
            f"{self.turns} turns of {self.agents} agents in {self.seconds:.0f} s: {self.commits} "
            f"signed commits, {self.joined} turns joined to the next (kill -9: {self.kills}); "
            f"{faults}; p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {most:.0f} ms"
            + f"; in the first {QUIET_S:g} s of a desk, most {late:.0f} ms"
        )


FAULTS = ("lost", "astray", "disordered", "twice", "unsigned", "unsaid")


def judge(ground: Ground, kills: list[float], seconds: float) -> Report:
    """Compare every branch with the log of its agent."""
    report = Report(agents=len(ground.agents), kills=len(kills), seconds=seconds)
    for agent in ground.agents:
        log = ground.folder / "trees" / f"{agent.name}.log"
        turns = [json.loads(line) for line in log.read_text().splitlines()]
        _Judge(ground, agent, report).all(turns)
    _times(ground, kills, report)
    _signed(ground, report)
    return report


class _Judge:
    """One agent."""

    def __init__(self, ground: Ground, agent: Agent, report: Report) -> None:
        self._ground, self._agent, self._report = ground, agent, report

    def all(self, turns: list[dict[str, Any]]) -> None:
        found = self._commits()
        recorded = [turn for turn, _, _ in found]
        self._report.turns += len(turns)
        self._report.commits += len(found)
        self._order(found)
        self._losses(turns, recorded)
        self._rest(turns)

    def _commits(self) -> list[tuple[int, str, str]]:
        """Return (turn that its content is of, commit, message), oldest first."""
        form = "--format=%H%x00%B%x00"
        words = ("log", "--reverse", "--first-parent", "-z", form, f"main..{self._agent.branch}")
        fields = self._ground.git(*words).decode().split("\0")
        pairs = [(fields[at].strip("\n"), fields[at + 1]) for at in range(0, len(fields) - 2, 3)]
        if not pairs:
            return []
        asked = "".join(f"{commit}:turn.txt\n" for commit, _ in pairs).encode()
        lines = self._ground.git("cat-file", "--batch", given=asked).decode().splitlines()
        bodies = lines[1::3]
        found = []
        for (commit, message), body in zip(pairs, bodies, strict=True):
            name, _, turn = body.partition(" ")
            if name != self._agent.name:
                self._report.astray.append(f"{commit} on {self._agent.branch} is of {name}")
            found.append((int(turn), commit, message))
        return found

    def _order(self, found: list[tuple[int, str, str]]) -> None:
        last = 0
        for number, (turn, commit, message) in enumerate(found, 1):
            noted = read(message)
            if noted is None or noted.unit.name != self._agent.name or noted.number != number:
                self._report.unsaid.append(f"{commit} says {noted}, and is number {number}")
            if turn < last:
                self._report.disordered.append(f"{self._agent.name}: {turn} after {last}")
            last = turn
        subjects = [message.split("\n")[0] for _, _, message in found]
        for subject, count in Counter(subjects).items():
            if count > 1:
                self._report.twice.append(f"{self._agent.name}: {subject} {count} times")

    def _losses(self, turns: list[dict[str, Any]], recorded: list[int]) -> None:
        """Each turn's work is in a commit: its own, or the next one of its agent."""
        there, last = set(recorded), max(recorded, default=0)
        for turn in turns:
            if turn["turn"] in there:
                continue
            # Its process was killed, or the agent was answered before it was done and went on to
            # the next turn: then that one's commit has the work of both.
            if turn["turn"] < last:
                self._report.joined += 1
            else:
                self._report.lost.append(f"{self._agent.name}: turn {turn['turn']}")

    def _rest(self, turns: list[dict[str, Any]]) -> None:
        """What lies in the tree at the end is what the branch has, and its index says so."""
        tree = self._agent.tree
        words = ["git", "-C", str(tree), "status", "--porcelain"]
        dirty = subprocess.run(words, capture_output=True, check=True).stdout.decode()
        if dirty and turns and turns[-1]["done"]:
            self._report.lost.append(f"{self._agent.name}: at the end {dirty.split()}")
        for left in Path(self._ground.repo / ".git" / "worktrees" / tree.name).glob("index.*"):
            self._report.unsaid.append(f"{left} was left behind")


def _times(ground: Ground, kills: list[float], report: Report) -> None:
    """Take the times of commits, those of a desk that has just begun apart."""
    starts = [ground.began, *kills]
    for line in (ground.folder / "desk.log").read_text().splitlines():
        said = json.loads(line)
        fresh = any(0 <= said["at"] - said["took"] - at < QUIET_S for at in starts)
        (report.after_starts if fresh else report.times).append(said["took"])


def _signed(ground: Ground, report: Report) -> None:
    """The newest commit of every branch passes git's own check, and all have a signature."""
    allowed = ground.folder / "allowed"
    allowed.write_text(f"novaorch@localhost {ground.key.with_suffix('.pub').read_text()}")
    config = ("-c", f"gpg.ssh.allowedSignersFile={allowed}")
    for agent in ground.agents:
        try:
            ground.git(*config, "verify-commit", agent.branch)
        except AssertionError as error:
            report.unsigned.append(f"{agent.branch}: {error}")
    commits = ground.git("rev-list", "--branches=training", "^main").decode().split()
    bodies = ground.git("cat-file", "--batch", given="\n".join([*commits, ""]).encode())
    count = bodies.count(b"\ngpgsig -----BEGIN SSH SIGNATURE-----")
    if count != len(commits):
        report.unsigned.append(f"{len(commits) - count} commits have no signature")
