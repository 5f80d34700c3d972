"""A hundred light agents in one process: each works for a second, tells that its turn ended, waits.

`python -m tests.campaign.training.agents CONFIG SECONDS SEED`. What each one did is in its own log
beside its tree: one line of JSON a turn. The logs are the truth that the commits are held against.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

PERIOD_S = 1.0


class Hand:
    """One agent: what it does in a turn comes from its own chance."""

    def __init__(self, told: dict[str, Any], port: int, seed: str) -> None:
        self.name, self.tree, self.token = told["name"], Path(told["tree"]), told["token"]
        self._port, self._chance = port, random.Random(seed)
        self._turn = 0
        self._log = (self.tree.parent / f"{self.name}.log").open("a")

    async def live(self, until: float, first: float) -> None:
        await asyncio.sleep(first)
        while time.time() < until:
            began = time.monotonic()
            await self._one()
            await asyncio.sleep(max(0.0, PERIOD_S - (time.monotonic() - began)))
        self._log.close()

    async def _one(self) -> None:
        self._turn += 1
        prompt = f"turn {self._turn} of {self.name}"
        await self._hook("UserPromptSubmit", {"prompt": prompt})
        self._work()
        asked = time.time()
        last = f"Finish {prompt}.\n\nAll of it."
        done = await self._hook("Stop", {"session_id": "c", "last_assistant_message": last})
        line = {"turn": self._turn, "asked": asked, "took": time.time() - asked, "done": done}
        self._log.write(json.dumps(line) + "\n")
        self._log.flush()

    def _work(self) -> None:
        """Write, change, remove and rename files, as work does."""
        text = f"{self.name} {self._turn}\n"
        draft = self.tree.parent / f"{self.name}.draft"
        draft.write_text(text)
        draft.rename(self.tree / "turn.txt")
        number = self._chance.randrange(60)
        path = self.tree / f"part{number // 10}" / f"file{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# by {text}" + "value = 2\n" * self._chance.randrange(5, 120))
        if self._turn % 5 == 0:
            other = self.tree / "new" / f"made{self._turn % 20}.py"
            other.parent.mkdir(exist_ok=True)
            if other.exists():
                other.unlink()
            else:
                other.write_text(text * 30)
        if self._turn % 7 == 0:
            path.chmod(0o755)

    async def _hook(self, name: str, payload: dict[str, Any]) -> bool:
        """Tell the gate; False: it was not there, or broke off. Nothing is told twice."""
        body = json.dumps({"hook_event_name": name, **payload}).encode()
        head = (
            f"POST /hook/{name} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(head.encode() + body)
            await writer.drain()
            return await asyncio.wait_for(_answered(reader), 20)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            return False
        finally:
            writer.close()


async def _answered(reader: asyncio.StreamReader) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = 0
    for line in head.split("\r\n"):
        if line.startswith("content-length:"):
            length = int(line.partition(":")[2])
    if length:
        await reader.readexactly(length)
    return head.split(" ")[1].startswith("2")


async def _all(config: dict[str, Any], seconds: float, seed: str) -> None:
    until = time.time() + seconds
    hands = [Hand(one, config["port"], f"{seed}/{one['name']}") for one in config["agents"]]
    await asyncio.gather(
        *(hand.live(until, PERIOD_S * at / len(hands)) for at, hand in enumerate(hands))
    )


if __name__ == "__main__":
    asyncio.run(_all(json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2]), sys.argv[3]))
