"""Random wishes for a small fleet: who lives where, with what, after whom."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.model.fleet import FleetSettings
from reconciler.model.unit import Desired, Frame, Heal, Healing, Process, Window
from tests.builders import (
    WindowSpec,
    agent,
    desired,
    lone,
    problem,
    seated,
    session,
    window,
)

NAMES = ("a", "b", "c")
SEATS = ("main/dev", "main/ops", "side/dev")
DRAWN = "b25d,200x50,0,0{100x50,0,0,0,99x50,101,0,1}"
FLEET = FleetSettings(
    "f", stops_count_max=2, stops_percent_max=20, restarts_count_max=2, restarts_window_s=10
)
CRASH = (Heal.HEAL, Heal.HEAL, Heal.WARN, Heal.IGNORE)


class Drawn:
    """A wish that prints in a few words."""

    def __init__(self, wish: Desired) -> None:
        self.wish = wish

    def __repr__(self) -> str:
        frames = [
            f"{f.session}({f.columns}): "
            + ", ".join(f"{w.key}[{' '.join(_who(self.wish, w))}]{w.layout[:5]}" for w in f.windows)
            for f in self.wish.frames.values()
        ]
        return f"{'; '.join(frames)} {'BROKEN' * (not self.wish.settled)}"


def _who(wish: Desired, window: Window) -> list[str]:
    found = []
    for slot in window.slots:
        p = wish.processes[slot.process]
        found.append(
            f"{p.id.name}={p.launch.argv[0]}{'-stopped' * p.stopped}"
            + "".join(f">{unit.name}" for unit in p.after)
        )
    return found


@st.composite
def fleets(draw: st.DrawFn, *, whole: bool = False) -> Drawn:
    """A wish. Unless `whole`, now and then with an error, without its project, or empty."""
    where = {name: draw(st.sampled_from(("", "lone", *SEATS))) for name in NAMES}
    agents = {n: _agent(draw, n, seat, whole=whole) for n, seat in where.items() if seat}
    frames: list[Frame] = []
    for process in agents.values():
        if process.frame == process.id:
            frames.append(lone(process, columns=draw(st.sampled_from((100, 200)))))
    parts: list[Process | tuple[Frame, list[Process]]] = list(agents.values())
    for name in ("main", "side"):
        made = _session(draw, name, where, agents)
        if made is not None:
            parts.append(made)
    trouble = "" if whole else draw(st.sampled_from(("", "", "", "", "error", "project")))
    wish = desired(
        *parts,
        frames=frames,
        problems=(problem(),) if trouble == "error" else (),
        projects=() if trouble == "project" else ("p",),
        fleet=FLEET,
    )
    return Drawn(wish)


def _agent(draw: st.DrawFn, name: str, seat: str, *, whole: bool) -> Process:
    earlier = NAMES[: NAMES.index(name)]
    more: dict[str, Any] = {
        "labels": draw(st.sampled_from(({}, {"x": "1"}))),
        "stopped": draw(st.sampled_from((False, False, False, True))),
        "after": draw(st.sampled_from(((), (), earlier[-1:]))),
        "quits": draw(st.sampled_from(((), (), ("/exit",)))),
        "protect": draw(st.sampled_from((False, False, False, True))),
        "healing": Healing(
            Heal.HEAL if whole else draw(st.sampled_from(CRASH)), draw(st.sampled_from(Heal))
        ),
    }
    command = draw(st.sampled_from(("run", "run", "new")))
    if seat == "lone":
        return agent(name, command, **more)
    return seated(name, *seat.split("/"), command=command, **more)


def _session(
    draw: st.DrawFn, name: str, where: dict[str, str], agents: dict[str, Process]
) -> tuple[Frame, list[Process]] | None:
    windows: list[WindowSpec] = []
    for key in ("dev", "ops", "log"):
        panes: list[str | Process] = [p for n, p in agents.items() if where[n] == f"{name}/{key}"]
        panes += draw(st.lists(st.sampled_from(("sh", "top", "tail")), max_size=2))
        if panes:
            layout = draw(st.sampled_from(("", "tiled", DRAWN)))
            windows.append(window(key, *draw(st.permutations(panes)), layout=layout))
    if not windows:
        return None
    columns = draw(st.sampled_from((100, 200)))
    healing = Healing(edit=draw(st.sampled_from(Heal)))
    return session(name, *draw(st.permutations(windows)), columns=columns, healing=healing)
