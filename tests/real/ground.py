"""What really runs: agents that write down who they are, and a reader of what they wrote."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PROGRAM = 'read -r stat </proc/$$/stat; echo "$0 $1 $stat" >>"$2"; {how}exec sleep 86400'
"""Writes one line (unit, word, its own line of /proc) at once, and then only sleeps."""
STUBBORN = "trap '' TERM; while :; do sleep 0.2; done; "


@dataclass(frozen=True)
class Start:
    """One start of one agent. `born` tells the process from a later one with its id."""

    unit: str
    word: str
    pid: int
    born: str

    @property
    def alive(self) -> bool:
        """Whether this very process is still there, and no zombie."""
        try:
            state, born = _state_and_birth(Path(f"/proc/{self.pid}/stat").read_text())
        except OSError:
            return False
        return born == self.born and state not in "ZX"


def _state_and_birth(stat: str) -> tuple[str, str]:
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]


class Ground:
    """The log in which every agent of one fleet writes when it starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def argv(self, unit: str, word: str, *, stubborn: bool = False) -> str:
        """Return the command of an agent, as YAML."""
        program = PROGRAM.format(how=STUBBORN if stubborn else "")
        return json.dumps(["sh", "-c", program, unit, word, str(self.path)])

    def starts(self) -> list[Start]:
        """Return every start there ever was."""
        found = []
        for line in self.path.read_text().splitlines():
            unit, word, stat = line.split(" ", 2)
            found.append(Start(unit, word, int(stat.split()[0]), _state_and_birth(stat)[1]))
        return found

    def living(self) -> dict[str, Start]:
        """Return the one process of each unit that runs; AssertionError when one runs twice."""
        alive = [start for start in self.starts() if start.alive]
        twice = [unit for unit, count in Counter(s.unit for s in alive).items() if count > 1]
        assert not twice, f"runs twice: {[s for s in alive if s.unit in twice]}"
        return {start.unit: start for start in alive}
