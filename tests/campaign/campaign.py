"""A campaign: messages among fake agents while daemon and store are killed at random instants.

`python -m tests.campaign [--messages N] [--agents N] [--seed N] [--kills-every S]` runs one. What
is proved is counted at the receivers: each message that was acknowledged is in its agent's context
once, and its receipt says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.adapters.mint import Mint
from reconciler.adapters.store.mail import RedisMail
from reconciler.cli.playhouse import ASIDE, Playhouse
from reconciler.core.admission import INBOX_MAX
from reconciler.core.receipts import reached
from reconciler.model.message import Message, Stage
from reconciler.model.problems import NovaorchError

OPEN_MAX = INBOX_MAX // 4
"""So many messages wait for one agent at most; more would be refused, and say so."""
BATCH = 20
COLLECT_MAX = 100
QUIET_S = 60.0
"""Nothing new arrives for so long: then what is not there is lost."""


@dataclass
class Report:
    """What came of a campaign."""

    accepted: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    without_receipt: list[str] = field(default_factory=list)
    retries: int = 0
    seconds: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.without_receipt)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} of the {name}" for name, count in self.kills.items())
        stages = ", ".join(f"{count} {name}" for name, count in self.stages.items())
        return (
            f"{self.accepted} messages in {self.seconds:.0f} s, kill -9: {kills or 'none'}; "
            f"{self.retries} sends again; lost {len(self.lost)}, twice {len(self.twice)}, "
            f"without a receipt {len(self.without_receipt)} ({stages})"
        )


class Campaign:
    """One run. Everything that is chosen comes from the seed; what the machine does, does not."""

    def __init__(
        self, messages: int, agents: int, *, seed: int, kill_every_s: float, rate: float
    ) -> None:
        self._chance, self._rate = random.Random(seed), rate
        self._wanted, self._kill_every_s = messages, kill_every_s
        self.patience_s = QUIET_S
        self.house = Playhouse({f"a{n}": _script(n, seed) for n in range(agents)})
        self.report = Report()
        self.sent: dict[str, str] = {}
        self._open: Counter[str] = Counter()
        self._seen: dict[str, int] = {}
        self._arrived: Counter[str] = Counter()
        self._unproved: deque[str] = deque()
        self._over = threading.Event()

    def run(self) -> Report:
        """Do it all, and leave nothing behind."""
        began = time.monotonic()
        killer = threading.Thread(target=self._kill)
        try:
            self.house.open()
            self.house.start()
            everybody = len(self.house.scripts)
            self.house.until(lambda: len(self.house.ready()) == everybody, "all are up", 120.0)
            killer.start()
            with self._mail() as mail:
                self._send(mail)
                self._over.set()
                killer.join()
                self._settle()
                self._judge(mail)
        finally:
            self._over.set()
            if killer.is_alive():
                killer.join()
            self.house.close()
        self.report.seconds = time.monotonic() - began
        return self.report

    @contextlib.contextmanager
    def _mail(self) -> Iterator[RedisMail]:
        wiring = self.house.wiring()
        mail = wiring.mail(wiring.wishes.read().fleet, start=True)
        try:
            yield mail
        finally:
            mail.close()
            wiring.close()

    # -- senders ---------------------------------------------------------------------------------

    def _send(self, mail: RedisMail) -> None:
        """Send all; what is not acknowledged is sent again with the same key, until it is."""
        mint, number = Mint(), 0
        while number < self._wanted:
            self._read_truth()
            self._collect(mail, min(len(self._unproved), COLLECT_MAX))
            batch: list[Message] = []
            for _ in range(min(BATCH, self._wanted - number)):
                sender, to = self._chance.sample(self.house.agents, 2)
                if self._open[to] >= OPEN_MAX:
                    continue
                number += 1
                self._open[to] += 1
                body = f"message {number}" + "\nwith a second line" * (number % 3)
                words = (mint(), str(sender), str(to), body, time.time())
                batch.append(Message(*words, key=f"n{number}"))
            self._accept(mail, batch)
            time.sleep(len(batch) / self._rate if batch else 0.05)

    def _accept(self, mail: RedisMail, batch: list[Message]) -> None:
        while batch:
            try:
                kept = mail.accept(batch)
            except NovaorchError:
                self.report.retries += 1
                time.sleep(0.05)
                continue
            for message, one in zip(batch, kept, strict=True):
                self.sent[one.id] = message.to
                self._unproved.append(one.id)
            self.report.accepted += len(kept)
            return

    def _read_truth(self) -> None:
        """Read on in what the agents wrote down, to know how much is still open for each."""
        for agent in self.house.agents:
            name = agent.rpartition("/")[2]
            path = self.house.root / "truth" / f"{name}.jsonl"
            try:
                with path.open("rb") as file:
                    file.seek(self._seen.get(name, 0))
                    data = file.read()
            except FileNotFoundError:
                continue
            whole = data.rpartition(b"\n")[0]
            self._seen[name] = self._seen.get(name, 0) + len(whole) + bool(whole)
            for line in whole.splitlines():
                told = json.loads(line)
                if told["route"] not in ASIDE:
                    self._open[str(agent)] -= len(told["marks"])
                    self._arrived.update(told["marks"])

    def _collect(self, mail: RedisMail, count: int) -> None:
        """Ask for the receipts of so many messages, the oldest first; the store keeps those of what
        is over only for a while. One that does not say `submitted` yet is asked for later."""
        for _ in range(count):
            name = self._unproved.popleft()
            try:
                kept = mail.find(name) if self._arrived[name] else None
            except NovaorchError:
                kept = None
            if kept is None or not reached(kept, Stage.SUBMITTED):
                self._unproved.append(name)
            else:
                self.report.stages[kept.stage.value] += 1

    # -- killers ---------------------------------------------------------------------------------

    def _kill(self) -> None:
        chance = random.Random(self._chance.random())
        while not self._over.wait(chance.expovariate(1 / self._kill_every_s)):
            if chance.random() < 0.5:
                self.report.kills["daemon"] += 1
                self.house.kill()
                time.sleep(chance.choice((0.0, 0.1, 1.0)))
                self.house.start()
            else:
                self.report.kills["store"] += self._kill_store()

    def _kill_store(self) -> int:
        try:
            (record,) = (self.house.root / "s").rglob("server.json")
            pid = int(json.loads(record.read_text())["pid"])
            os.kill(pid, signal.SIGKILL)
        except (ValueError, OSError, KeyError):
            return 0
        return 1

    # -- the verdict -----------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until everything arrived, or nothing more does."""
        before, since = -1, time.monotonic()
        while len(self._arrived) < len(self.sent) and time.monotonic() < since + self.patience_s:
            time.sleep(0.1)
            self._read_truth()
            if len(self._arrived) != before:
                before, since = len(self._arrived), time.monotonic()

    def _judge(self, mail: RedisMail) -> None:
        end = time.monotonic() + self.patience_s
        while self._unproved:
            self._collect(mail, len(self._unproved))  # a proof may still be on its way
            if time.monotonic() >= end:
                break
            time.sleep(0.05)
        for name in self._unproved:
            kept = mail.find(name)
            stage = kept.stage.value if kept is not None else "unknown"
            self.report.without_receipt.append(f"{name} ({stage})")
        counted = self.house.counted()
        for name, to in self.sent.items():
            times = counted[to.rpartition("/")[2]][name]
            elsewhere = sum(one[name] for one in counted.values()) - times
            self.report.lost += [name] if not times else []
            self.report.twice += [name] if times > 1 or elsewhere else []


def _script(number: int, seed: int) -> dict[str, object]:
    """Agents of three kinds: at rest, at work, and slow to hear an Enter."""
    kinds: tuple[dict[str, object], ...] = (
        {},
        {"tools": [0, 3], "tool_s": [0.0, 0.2], "think_s": [0.0, 0.1]},
        {"swallow": 3, "think_s": [0.0, 0.05]},
    )
    return {"seed": seed * 1000 + number, "rows": 30, **kinds[number % len(kinds)]}
