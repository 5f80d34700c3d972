"""`kill -9` between any two effects: the next reconciler ends where an undisturbed one does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from reconciler.adapters.memory import CrashError
from reconciler.adapters.memory.board import Pane
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired
from tests.bench import Bench
from tests.builders import MENDED, agent, agent_id, desired, lone, seated, session, window

TORCH = seated("torch", "main", "dev")
THERE = seated("torch", "side", "ops")
TOGETHER = desired(session("main", window("dev", "a", TORCH)), TORCH)


def nothing(bench: Bench) -> None:
    """Nothing happens."""


@dataclass(frozen=True)
class Work:
    """What there was, what happened, and what is wished for now."""

    before: Desired
    after: Desired
    event: Callable[[Bench], None] = nothing


def foreign_main(bench: Bench) -> None:
    bench.host.foreign_session("mine")


def stubborn(*names: str) -> Callable[[Bench], None]:
    return lambda bench: bench.host.stubborn.update(agent_id(name) for name in names)


def polite(*names: str) -> Callable[[Bench], None]:
    return lambda bench: bench.host.polite.update(agent_id(name) for name in names)


def mess(bench: Bench) -> None:
    bench.host.human_rename("p/main", "mine")
    there = bench.host.session("p/side").windows[0].id
    bench.host.human_move(bench.pane(TORCH.id).pane_id, there)
    bench.host.human_move(bench.pane(UnitId("p/session/main/dev.0")).pane_id, there)


WORDS = ("/exit",)
HEALED = desired(
    session("main", window("dev", "a", replace(TORCH, healing=MENDED)), healing=MENDED),
    session("side", window("ops", "b")),
    replace(TORCH, healing=MENDED),
)
WORKS = {
    "start one": Work(desired(), desired(agent("a"))),
    "start a session with an agent": Work(desired(), TOGETHER),
    "start in waves": Work(desired(), desired(agent("a"), agent("b", after=["a"]))),
    "restart": Work(desired(agent("a")), desired(agent("a", "new"))),
    "restart a stubborn one": Work(
        desired(agent("a")), desired(agent("a", "new")), stubborn("a")
    ),
    "restart one that knows words": Work(
        desired(agent("a", quits=WORDS)), desired(agent("a", "new", quits=WORDS)), polite("a")
    ),
    "restart one that heeds nothing": Work(
        desired(agent("a", quits=WORDS, kill=14)), desired(agent("a", "new", quits=WORDS, kill=14)),
        stubborn("a"),
    ),
    "stop one that heeds nothing": Work(
        desired(agent("a", quits=WORDS, kill=14), agent("b")), desired(agent("b")), stubborn("a")
    ),
    "restart a shell": Work(desired(agent("a", "")), desired(agent("a", "new"))),
    "protect": Work(desired(agent("a")), desired(agent("a", protect=True))),
    "a name and places that a person changed": Work(HEALED, HEALED, mess),
    "update": Work(desired(agent("a")), desired(agent("a", labels={"x": "1"}))),
    "stop": Work(desired(agent("a"), agent("b")), desired(agent("b"))),
    "stop a stubborn one": Work(
        desired(agent("a"), agent("b")), desired(agent("b")), stubborn("a")
    ),
    "stop by wish": Work(desired(agent("a")), desired(agent("a", stopped=True))),
    "exit": Work(desired(agent("a")), desired(agent("a")), lambda b: b.host.exit("p/agent/a", 3)),
    "rename and restart a lone one": Work(
        desired(agent("a")),
        desired(agent("a", "new"), frames=[lone(agent("a", "new"), session="else", columns=90)]),
    ),
    "move to another session": Work(
        desired(session("main", window("dev", "a", TORCH)), session("side", window("ops", "b")),
                TORCH),
        desired(session("main", window("dev", "a")), session("side", window("ops", "b", THERE)),
                THERE),
    ),
    "move to a session that is made for it": Work(
        desired(session("main", window("dev", "a", TORCH)), TORCH),
        desired(session("main", window("dev", "a")), session("side", window("ops", THERE)), THERE),
    ),
    "move out, and restart": Work(
        TOGETHER, desired(session("main", window("dev", "a")), agent("torch", "new"))
    ),
    "move in": Work(desired(session("main", window("dev", "a")), agent("torch")), TOGETHER),
    "move in, the old session is gone": Work(desired(agent("torch")), TOGETHER),
    "windows renamed, put in between and swapped": Work(
        desired(session("main", window("one", "a", "b"), window("two", "c"))),
        desired(session("main", window("two", "c"), window("new", "n"),
                        window("uno", "b", "x", "a"))),
    ),
    "panes between windows": Work(
        desired(session("main", window("one", "a", "b", layout="tiled"), window("two", "c"))),
        desired(session("main", window("one", "b", layout="tiled"), window("two", "c", "a"))),
    ),
    "adopt": Work(
        desired(),
        desired(session("main", window("dev", "a"), called="mine", adopt=True)),
        foreign_main,
    ),
    "replace the server": Work(TOGETHER, TOGETHER, lambda bench: bench.host.kill_server()),
    "a killed window": Work(
        desired(session("main", window("dev", "a"), window("ops", "b", TORCH)), TORCH),
        desired(session("main", window("dev", "a"), window("ops", "b", TORCH)), TORCH),
        lambda bench: bench.host.human_close("@1"),
    ),
}  # fmt: skip


def begun(work: Work) -> Bench:
    bench = Bench(work.before).run()
    work.event(bench)
    bench.commit(work.after)
    bench.host.log.clear()
    bench.host.starts.clear()
    return bench


def truth(bench: Bench) -> object:
    """Everything that matters of the end: places, layouts, settings, marks but for their hours."""
    sessions = [bench.host.session(seen.session_id) for seen in bench.host.sessions]
    return sorted(
        (
            (s.name, s.size, str(s.mark), s.applied, sorted(s.options.items())),
            [(w.name, w.key, w.layout, sorted(w.options.items())) for w in s.windows],
            [_pane(p) for p in s.panes()],
        )
        for s in sessions
    )


def _pane(pane: Pane) -> object:
    if pane.mark is None:
        return pane.launch
    mark = pane.mark
    applied = pane.window.session.fields.get(mark.unit)
    return mark.unit, mark.digest, mark.drain, mark.placeholder, applied, pane.dead, pane.launch


def effects(bench: Bench) -> Counter[str]:
    return Counter(f"{type(s).__name__} {getattr(s, s.__match_args__[0])}" for s in bench.host.log)


def killed_early(bench: Bench) -> list[str]:
    """Units that got a KILL less than their grace after the last TERM."""
    asked: dict[str, float] = {}
    early: list[str] = []
    for hour, unit, name in bench.host.signals:
        if name in ("TERM", "HUP"):
            asked[unit] = hour
        elif hour - asked[unit] < 14:
            early.append(unit)
    return early


@pytest.mark.parametrize("name", WORKS)
def test_a_crash_between_any_two_effects_changes_nothing_in_the_end(name: str) -> None:
    work = WORKS[name]
    reference = begun(work).run()
    total = len(reference.host.log)
    assert total
    for k in range(total):
        bench = begun(work)
        bench.host.steps_left = k
        with pytest.raises(CrashError):
            bench.run()
        bench.host.steps_left = None
        bench.run()
        assert not killed_early(bench), f"killed without grace after {k}"
        assert truth(bench) == truth(reference), f"after {k} of {total}"
        over = bench.host.starts - reference.host.starts
        assert not over, f"started again after {k}: {over}"
        assert len(bench.host.log) <= total + 8, f"after {k}: {bench.host.log}"
        for effect, count in (effects(bench) - effects(reference)).items():
            assert count <= 1, (k, effect, count)
