"""What is wished for in one campaign, and what happens to it: commits, people, falls."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.hostile.conftest import Besieged
from tests.real.ground import Ground

NAMES = ("a", "b", "c", "d", "e", "f")
WORDS = ("red", "green", "blue")
ROCK = "quiet/agent/rock"


@dataclass
class Wanted:
    """One agent as it is wished for."""

    word: str = "red"
    seat: str = ""
    stopped: bool = False
    stubborn: bool = False
    label: str = "x"

    @property
    def says(self) -> str:
        """What such an agent writes down: another word for each way in which it is started."""
        return f"{self.word}-stubborn" if self.stubborn else self.word


@dataclass
class Campaign:
    """One fleet and what is asked of it. `agents` holds the wish, `broken` what cannot be read."""

    fleet: Besieged
    ground: Ground
    chance: random.Random
    agents: dict[str, Wanted] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    windows: list[str] = field(default_factory=lambda: ["one", "two"])

    # -- the wish ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Commit the first wish."""
        self.fleet.settings("sync: {poll: 500ms}", "limits: {stops: {count: 20}}")
        self.fleet.repo.write("web/README.md", "a project that is never gone\n")
        self._agent(ROCK.rpartition("/")[2], Wanted(), project="quiet")
        self.agents = {name: Wanted() for name in NAMES[:4]}
        self.agents["d"].seat = "main"
        self.write()

    def write(self) -> None:
        """Write and commit the whole wish."""
        for name in NAMES:
            wanted = self.agents.get(name)
            path = self.fleet.repo.path / f"desired-state/web/agents/{name}.yaml"
            if wanted is None:
                path.unlink(missing_ok=True)
            elif name in self.broken:
                path.write_text("apiVersion: novaorch/v1\nkind: Agent\nspec: {command: [a, b")
            else:
                self._agent(name, wanted)
        panes = [
            f"{{name: {key}, panes: [{{command: {self.ground.argv(_pane(key), 'own')}}}]}}"
            for key in self.windows
        ]
        self.fleet.session("main", f"windows: [{', '.join(panes)}]")
        self.fleet.commit()

    def _agent(self, name: str, wanted: Wanted, project: str = "web") -> None:
        unit = f"{project}/agent/{name}"
        lines = [
            f"command: {self.ground.argv(unit, wanted.says, stubborn=wanted.stubborn)}",
            "stop: {grace: 1s}",
            "restart: {backoff: {base: 100ms, max: 300ms}, burst: {count: 500, window: 1m}}",
        ]
        if wanted.seat:
            lines.append(f"session: {wanted.seat}")
        if wanted.stopped:
            lines.append("mode: stopped")
        text = f"metadata: {{labels: {{l: {wanted.label}}}}}\nspec:\n"
        body = "".join(f"  {line}\n" for line in lines)
        self.fleet.repo.write(
            f"{project}/agents/{name}.yaml", f"apiVersion: novaorch/v1\nkind: Agent\n{text}{body}"
        )

    def expected(self) -> dict[str, str]:
        """Return the word of everything that must run; what is broken keeps what it has."""
        found = {ROCK: "red"} | {_pane(key): "own" for key in self.windows}
        for name, wanted in self.agents.items():
            if not wanted.stopped and name not in self.broken:
                found[f"web/agent/{name}"] = wanted.says
        return found

    # -- what happens --------------------------------------------------------------------------

    def happens(self) -> tuple[str, set[str]]:
        """Let something happen; return what, and the units whose processes it may touch."""
        happening = self.chance.choice(_HAPPENINGS)
        return happening.__name__, {
            f"web/agent/{n}" if "/" not in n else n for n in happening(self)
        }

    def some(self) -> str:
        """Return the name of an agent that is wished for."""
        return self.chance.choice(sorted(self.agents))


def _pane(key: str) -> str:
    return f"own-{key}"


def all_anew(case: Campaign) -> set[str]:
    word = case.chance.choice(WORDS)
    for wanted in case.agents.values():
        wanted.word = word
    case.write()
    return set(case.agents)


def another_word(case: Campaign) -> set[str]:
    name = case.some()
    case.agents[name].word = case.chance.choice(WORDS)
    case.write()
    return {name}


def more(case: Campaign) -> set[str]:
    fresh = [name for name in NAMES if name not in case.agents]
    for name in fresh:
        case.agents[name] = Wanted(case.chance.choice(WORDS), case.chance.choice(("", "main")))
    case.write()
    return set(fresh)


def fewer(case: Campaign) -> set[str]:
    """Nothing is stopped while a file has an error, so that is mended with it."""
    gone = set(case.chance.sample(sorted(case.agents), max(0, len(case.agents) - 3)))
    for name in gone:
        del case.agents[name]
    touched, case.broken = gone | case.broken, set()
    case.write()
    return touched


def a_label(case: Campaign) -> set[str]:
    case.agents[case.some()].label = case.chance.choice("uvwxyz")
    case.write()
    return set()


def another_seat(case: Campaign) -> set[str]:
    wanted = case.agents[case.some()]
    wanted.seat = "" if wanted.seat else "main"
    case.write()
    return set()


def stop_or_start(case: Campaign) -> set[str]:
    name = case.some()
    case.agents[name].stopped = not case.agents[name].stopped
    case.write()
    return {name}


def stubborn(case: Campaign) -> set[str]:
    name = case.some()
    case.agents[name].stubborn = not case.agents[name].stubborn
    case.write()
    return {name}


def break_or_mend(case: Campaign) -> set[str]:
    if case.broken:
        touched, case.broken = set(case.broken), set()
    else:
        touched = {case.some()}
        case.broken = set(touched)
    case.write()
    return touched


def windows_swap(case: Campaign) -> set[str]:
    case.windows.reverse()
    case.write()
    return set()


def falls(case: Campaign) -> set[str]:
    living = case.ground.living()
    units = [unit for unit in sorted(living) if unit.startswith("web/")]
    fallen = case.chance.sample(units, min(len(units), case.chance.randint(1, 3)))
    for unit in fallen:
        os.kill(living[unit].pid, signal.SIGKILL)
    return set(fallen)


def a_session_is_killed(case: Campaign) -> set[str]:
    name = case.some()
    case.fleet.tmux("kill-session", "-t", f"=web/{name}", ok=False)
    return {name}


_HAPPENINGS: tuple[Callable[[Campaign], set[str]], ...] = (
    all_anew, another_word, more, fewer, a_label, another_seat, stop_or_start, stubborn,
    break_or_mend, windows_swap, falls, a_session_is_killed,
)  # fmt: skip
