"""Suspensions: people keep hands off a unit, a project or all of it, for a while and a reason.

Rules only. What an earlier pass began is finished: a process that was asked to end, ends, and if
it was to be started anew, it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.core.moves import held
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.control import Controls, Suspension
from reconciler.model.ids import UnitId

DAY_S = 86_400.0
LONGEST_S = 30 * DAY_S
"""Nothing is suspended and forgotten: longer than this must be said anew."""


def still(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with every move of a suspended unit, of whatever kind, turned into a hold.

    A suspended Session covers the panes that it declares itself; an agent that lives in it is a
    unit of its own, and only its own process is kept still when it is suspended.
    """
    said, now = scene.restraints.suspensions, scene.world.taken_at
    return [_held(action, said, now) for action in actions] if said else actions


def active(said: Iterable[Suspension], now: float) -> tuple[Suspension, ...]:
    """Return the suspensions that are not over, the widest first."""
    going = (one for one in said if now < one.until)
    return tuple(sorted(going, key=lambda one: (one.scope.count("/"), one.scope, one.until)))


def suspended(said: Iterable[Suspension], unit: UnitId, now: float) -> Suspension | None:
    """Return what keeps hands off a unit: of several, the one that ends last."""
    covering = (one for one in said if one.covers(unit, now))
    return max(covering, key=lambda one: (one.until, -one.scope.count("/")), default=None)


def line(suspension: Suspension, now: float) -> str:
    """Return one suspension in one line, for whoever looks at the fleet."""
    return (
        f"suspended: {named(suspension.scope)} by {_name(suspension.by)} until "
        f"{hour(suspension.until)} ({_left(suspension.until - now)} left): {suspension.reason}"
    )


def named(scope: str) -> str:
    """Return a scope as people call it."""
    return scope or "the whole fleet"


def hour(epoch_s: float) -> str:
    """Return an hour as people read it, in UTC."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def command(scope: str) -> str:
    """Return the command that ends a suspension."""
    return f"novaorch resume {scope}".rstrip()


def with_suspension(controls: Controls, suspension: Suspension) -> Controls:
    """Return what is said after one more: a new word on a scope replaces the old one on it."""
    kept = active(controls.suspensions, suspension.since)
    others = tuple(one for one in kept if one.scope != suspension.scope)
    return replace(controls, suspensions=(*others, suspension))


def without(controls: Controls, scopes: Iterable[str], now: float) -> Controls:
    """Return what is said after these scopes are resumed; what is over is forgotten, too."""
    ended = frozenset(scopes)
    kept = tuple(one for one in active(controls.suspensions, now) if one.scope not in ended)
    return replace(controls, suspensions=kept)


def _held(action: Action, said: tuple[Suspension, ...], now: float) -> Action:
    if action.verb is Verb.HOLD or action.continues:
        return action
    why = suspended(said, action.unit, now)
    if why is None:
        return action
    of = "" if why.scope == action.unit else f" with {named(why.scope)}"
    detail = f"suspended{of} by {_name(why.by)} until {hour(why.until)}: {why.reason}"
    return held(action, Reason.SUSPENDED, detail, until=why.until, fix=command(why.scope))


def _name(by: str) -> str:
    return by.partition(" <")[0] or "somebody"


def _left(seconds: float) -> str:
    minutes = max(0, int(seconds)) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days}d" if days else "", f"{hours}h" if hours else "", f"{minutes}m"]
    return "".join([part for part in parts if part][:2])
