"""`after`: what waits for what. Names become ids; circles are found and printed.

Never recurses: a chain may be as long as the fleet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.names import did_you_mean, shown
from reconciler.kinds.placement import Roll, Seating, broken_like
from reconciler.kinds.shape import AgentShape
from reconciler.model.ids import UnitId
from reconciler.model.manifest import Manifest

_SHOWN_MAX = 24


@dataclass(slots=True)
class _Graph:
    """Which manifest waits for which, and by which item of its `after`."""

    edges: dict[UnitId, dict[UnitId, int]] = field(default_factory=dict)
    members: dict[UnitId, list[UnitId]] = field(default_factory=dict)


def resolve(
    roll: Roll, seating: Seating, findings: Findings
) -> Mapping[UnitId, tuple[UnitId, ...]]:
    """Return what each agent manifest waits for, as sorted ids of units.

    A replicated agent stands for all its replicas. A Session is there when all that lives in it
    is, so waiting for one's own Session is a circle too.
    """
    graph = _Graph()
    for member in roll.members.values():
        graph.members.setdefault(member.manifest.id, []).append(member.id)
    found: dict[UnitId, tuple[UnitId, ...]] = {}
    for unit, manifest in roll.agents.items():
        items = cast(AgentShape, manifest.spec)["after"]
        if items:
            found[unit] = _after(manifest, items, graph, roll, findings)
    if found:
        for session, residents in seating.residents.items():
            known = [roll.members[unit] for unit in residents if unit in roll.members]
            graph.edges[session] = {member.manifest.id: 0 for member in known}
        _say_circles(graph, roll, findings)
    return found


def _after(
    manifest: Manifest, items: list[str], graph: _Graph, roll: Roll, findings: Findings
) -> tuple[UnitId, ...]:
    edges = graph.edges.setdefault(manifest.id, {})
    units: set[UnitId] = set()
    for index, item in enumerate(items):
        unit = _id_of(item, manifest.project)
        owner = roll.members[unit].manifest.id if unit in roll.members else unit
        place = f"spec.after.{index}"
        if owner == manifest.id:
            findings.say(manifest, place, "agent/self-dependency", f"after: {item} is itself")
        elif unit in roll.members or unit in roll.sessions or unit in roll.agents:
            edges.setdefault(owner, index)
            units.update([unit] if unit not in roll.agents else graph.members[unit])
        elif broken_like(unit, findings) is not None:
            units.add(unit)
        else:
            _say_unknown(manifest, place, item, roll, findings)
    return tuple(sorted(units))


def _id_of(item: str, project: str) -> UnitId:
    parts = item.split("/")
    if len(parts) == 1:
        return UnitId.of(project, "agent", item)
    if len(parts) == 2:
        return UnitId.of(parts[0], "agent", parts[1])
    return UnitId(item)


def _say_unknown(manifest: Manifest, place: str, item: str, roll: Roll, findings: Findings) -> None:
    fix = ""
    if findings.few:
        mine = [m.name for m in roll.members.values() if m.id.project == manifest.project]
        known = mine if "/" not in item else [*roll.members, *roll.sessions]
        fix = did_you_mean(item, [name for name in known if name != manifest.name])
    what = f"after: {shown(item)} is not there"
    findings.say(manifest, place, "agent/unknown-dependency", what, fix)


# -- circles --------------------------------------------------------------------------------------


def _say_circles(graph: _Graph, roll: Roll, findings: Findings) -> None:
    for knot in _knots(graph.edges):
        start = min(unit for unit in knot if unit in roll.agents)
        circle = _circle(start, knot, graph.edges)
        manifest = roll.agents[start]
        place = f"spec.after.{graph.edges[start][circle[1]]}"
        said = findings.say(manifest, place, "agent/cycle", _told(circle, manifest.project))
        for unit in knot:
            if unit in roll.agents:
                findings.hold(unit, said)


def _told(circle: list[UnitId], project: str) -> str:
    home = f"{project}/agent/"
    names = [str(unit).removeprefix(home) for unit in circle]
    if len(names) > _SHOWN_MAX:
        names = [*names[: _SHOWN_MAX - 2], f"... {len(names) - _SHOWN_MAX} more ...", *names[-2:]]
    return " → ".join(names)


def _circle(
    start: UnitId, knot: set[UnitId], edges: Mapping[UnitId, Mapping[UnitId, int]]
) -> list[UnitId]:
    """Return a shortest way from `start` back to itself within its knot."""
    came: dict[UnitId, UnitId] = {}
    queue = deque([start])
    while start not in came:
        unit = queue.popleft()
        for following in edges.get(unit, ()):
            if following in knot and following not in came:
                came[following] = unit
                queue.append(following)
    way = [start, came[start]]
    while way[-1] != start:
        way.append(came[way[-1]])
    return way[::-1]


def _knots(edges: Mapping[UnitId, Mapping[UnitId, int]]) -> list[set[UnitId]]:
    """Return the sets of units that all reach each other (strongly connected, as Kosaraju)."""
    back: dict[UnitId, list[UnitId]] = {}
    for unit, following in edges.items():
        for to in following:
            back.setdefault(to, []).append(unit)
    left = set(edges)
    knots: list[set[UnitId]] = []
    for unit in reversed(_finished(edges)):
        if unit in left:
            knots.append(_reached(unit, back, left))
            left -= knots[-1]
    return [knot for knot in knots if len(knot) > 1]


def _finished(edges: Mapping[UnitId, Mapping[UnitId, int]]) -> list[UnitId]:
    """Return the units in the order in which a walk in depth leaves them."""
    done: list[UnitId] = []
    seen: set[UnitId] = set()
    stack = [(unit, False) for unit in edges]
    while stack:
        unit, leaving = stack.pop()
        if leaving:
            done.append(unit)
        elif unit not in seen:
            seen.add(unit)
            stack.append((unit, True))
            stack.extend((to, False) for to in edges[unit] if to in edges and to not in seen)
    return done


def _reached(start: UnitId, back: Mapping[UnitId, list[UnitId]], left: set[UnitId]) -> set[UnitId]:
    reached = {start}
    stack = [start]
    while stack:
        for to in back.get(stack.pop(), ()):
            if to in left and to not in reached:
                reached.add(to)
                stack.append(to)
    return reached
