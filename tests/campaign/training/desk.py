"""The one that is killed: the real gate, the real training, the real recorder, in one process.

`python -m tests.campaign.training.desk CONFIG`: says `ready` when it listens; SIGTERM ends it.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.git.record.apart import Apart
from reconciler.gate.doors import Doors
from reconciler.gate.server import Server
from reconciler.loop.training import Training
from reconciler.loop.turns import Books
from reconciler.model.agent import Persona, Seat
from reconciler.model.ids import UnitId
from reconciler.model.training import Recorded, Spoken, Trainee, Turn
from reconciler.model.unit import Training as Policy
from reconciler.model.workspace import SeenWorkspace


class Unwritten:
    """A runtime that writes nothing down, in a fleet whose past nobody knows."""

    def spoken(self, _seat: Seat, _since: float) -> Spoken | None:
        return None

    def charter(self, _project: str, _desired: str) -> str:
        return "c" * 40

    def hour(self, _seen: SeenWorkspace) -> float:
        return 0.0


class Timed:
    """The recorder, with a note of how long each turn waited until its commit was durable."""

    def __init__(self, recorder: Apart, log: Path) -> None:
        self._recorder, self._log = recorder, log.open("a", buffering=1)
        self.fingerprint, self.close = recorder.fingerprint, recorder.close

    def record(self, seen: SeenWorkspace, policy: Policy, turn: Turn) -> Recorded | None:
        made = self._recorder.record(seen, policy, turn)
        if made is not None:
            now = time.time()
            line = {"commit": made.commit, "at": now, "took": now - turn.at, "own": made.seconds}
            self._log.write(json.dumps(line) + "\n")
        return made


def main() -> int:
    told = json.loads(Path(sys.argv[1]).read_text())
    log = Path(sys.argv[1]).with_name("desk.log")
    recorder = Timed(Apart(Path(told["key"]), b"campaign" * 4), log)
    nothing = Unwritten()
    books = Books(recorder, nothing, nothing, SystemClock(), _say, close=recorder.close)
    training = Training(books)
    training.take({_unit(one): _trainee(one, told["repository"]) for one in told["agents"]})
    tokens = {one["token"]: _unit(one) for one in told["agents"]}

    def verify(token: str) -> tuple[UnitId, str]:
        unit = tokens.get(token)
        return (unit, "") if unit is not None else (UnitId(""), "unknown")

    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    server = Server(Doors(verify=verify, desk=training, log=_say), told["port"])
    print("ready", flush=True)
    over.wait()
    server.close()
    training.close()
    return 0


def _unit(one: Mapping[str, Any]) -> UnitId:
    return UnitId(f"shop/agent/{one['name']}")


def _trainee(one: Mapping[str, Any], repository: str) -> Trainee:
    seen = SeenWorkspace(
        UnitId(f"shop/workspace/{one['name']}"), one["tree"], repository, one["branch"]
    )
    seat = Seat(_unit(one), Persona("claude-code", "opus"), "training")
    return Trainee(seat, Policy(), seen, "d" * 40)


def _say(text: str) -> None:
    if "could not" in text or "broke" in text or "not recorded" in text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
