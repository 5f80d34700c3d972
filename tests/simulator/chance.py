"""Stories that nobody wrote: a fleet, what happens to it, and faults, all drawn by one seed.

Whatever happened, it ends with a clean wish and people who let go; so the end is always the wish.
"""

from __future__ import annotations

import random

from tests.simulator.campaign import Failure, Strike, telling_apart, told
from tests.simulator.gate import FAULTS, Gate
from tests.simulator.oracle import complaints, evidence
from tests.simulator.telling import Act, StuckError, Workload
from tests.simulator.universe import Universe
from tests.simulator.workloads import (
    BROKEN,
    agent,
    base,
    closes,
    commit,
    does,
    doomed,
    falls,
    pane,
    promotes,
    session,
    stubborn,
    writes,
)

NAMES = ("a", "b", "c", "d")
SEATS = ("", "main", "side")
SHY = frozenset({"pause", "rewind"})
"""Faults whose cost has no bound of one: they are drawn seldom enough in the written stories."""


def _wish(chance: random.Random) -> dict[str, bytes | None]:
    """Return a whole wish for project `web`: what is not in it is removed."""
    files: dict[str, bytes | None] = {f"web/agents/{name}.yaml": None for name in NAMES}
    files |= {f"web/sessions/{name}.yaml": None for name in SEATS[1:]}
    open_ = [name for name in SEATS[1:] if chance.random() < 0.6]
    for name in open_:
        keys = chance.sample(("dev", "log", "ops"), chance.randint(1, 3))
        files[f"web/sessions/{name}.yaml"] = session(*(_window(chance, key) for key in keys))
    for index, name in enumerate(NAMES):
        if chance.random() < 0.7:
            files[f"web/agents/{name}.yaml"] = _agent(chance, index, open_)
    return files


def _window(chance: random.Random, key: str) -> str:
    panes = [pane(chance.choice("xyz")) for _ in range(chance.randint(1, 2))]
    return f"{{name: {key}, panes: [{', '.join(panes)}]}}"


def _agent(chance: random.Random, index: int, seats: list[str]) -> bytes:
    spec = {"session": chance.choice(["", *seats])}
    if index and chance.random() < 0.3:
        spec["mode"] = "stopped"
    if chance.random() < 0.2:
        spec["env"] = "{WORD: x}"
    if chance.random() < 0.4:
        spec["workspace"] = chance.choice(("{}", "{}", "{merge: ff}", "{repository: /other}"))
    spec = {name: value for name, value in spec.items() if value}
    return agent(chance.choice(("run", "run", "new")), **spec)


def _happening(chance: random.Random) -> Act:
    name = f"web/agent/{chance.choice(NAMES)}"
    acts = (
        commit(_wish(chance)),
        commit(_wish(chance)),
        falls(name, event=chance.choice(("tmux", ""))),
        falls(name, status=0),
        closes(name),
        closes("web/session/main/dev.0"),
        does("human_split", "web/main"),
        does("human_window", "web/side"),
        does("kill_server"),
        commit({f"web/agents/{chance.choice(NAMES)}.yaml": BROKEN}),
        commit({f"web/sessions/{chance.choice(SEATS[1:])}.yaml": BROKEN}),
        stubborn(name),
        doomed(name, 1),
        writes(name, f"file-{chance.randrange(10**6)}"),
        writes(name, f"file-{chance.randrange(10**6)}"),
        promotes(name),
    )
    return chance.choice(acts)


def _peace(universe: Universe) -> str:
    """Everybody is well again, and has committed what there was."""
    universe.host.doomed.clear()
    for tree in universe.yard.trees.values():
        tree.commit()
    return "hook"


def story(seed: int) -> Workload:
    """Return the story of a seed."""
    chance = random.Random(seed)
    acts = [
        (round(chance.uniform(0.0, 40.0), 2), _happening(chance))
        for _ in range(chance.randint(2, 6))
    ]
    acts += [(41.0, _peace), (42.0, commit(_wish(chance)))]
    wish = {path: data for path, data in _wish(chance).items() if data is not None}
    return Workload(
        f"seed {seed}", base(wish), tuple(acts), _ours(), confirms=True, spare=1000, rest_s=240.0
    )


def _ours() -> frozenset[str]:
    panes = (
        f"{seat}/{key}.{n}" for seat in SEATS[1:] for key in ("dev", "log", "ops") for n in "01"
    )
    return frozenset(
        {*(f"web/agent/{name}" for name in NAMES), *(f"web/session/{p}" for p in panes)}
    )


def judged(seed: int) -> Failure | None:
    """Tell the story of a seed, first without faults, then with one to three; and judge both."""
    workload = story(seed)
    quiet, universe = told(workload, {})
    known = evidence(workload.begin(), universe)
    lost = any(act.__name__ == "kill_server" for _, act in workload.acts)
    loose = ("kill-server",) if lost else ()
    wrong = complaints(universe, workload, known, loose)
    if wrong:
        return Failure(workload.name, (), tuple(wrong), tuple(quiet.story), seed)
    chance = random.Random(f"faults of {seed}")
    strikes = _strikes(chance, quiet)
    faults = tuple(strike.fault for strike in strikes)
    try:
        gate, universe = told(
            workload, {s.number: s.fault for s in strikes}, 3700.0 if "back" in faults else 0.0
        )
    except StuckError as error:
        return Failure(workload.name, strikes, (str(error),), (), seed)
    wrong = complaints(universe, workload, known, (*faults, *loose, "ahead"))
    return Failure(workload.name, strikes, tuple(wrong), tuple(gate.story), seed) if wrong else None


def _strikes(chance: random.Random, quiet: Gate) -> tuple[Strike, ...]:
    """Draw faults. After the first the boundaries shift, so a later one strikes where it can."""
    boundaries = telling_apart(quiet.crossed)
    found = dict[int, Strike]()
    for _ in range(chance.randint(1, 3)):
        fault = chance.choice([fault for fault in FAULTS if fault not in SHY])
        fit = [b.number for b in boundaries if b.bears(fault)]
        if fit:
            number = chance.choice(fit)
            found[number] = Strike(fault, number)
    return tuple(found[number] for number in sorted(found))
