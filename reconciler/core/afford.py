"""What begins while a model account is closed waits until it opens; then it goes one by one.

A limit is no fall: who fell while the account was closed is not counted for it. What was begun is
finished, and what runs is left alone.
"""

from __future__ import annotations

import math

from reconciler.core.capacity import GAP_S, account_of, admit, at
from reconciler.core.moves import held
from reconciler.core.scene import Scene
from reconciler.model.action import Action, Reason, Verb
from reconciler.model.capacity import Account, Flow
from reconciler.model.ids import UnitId
from reconciler.model.world import PaneMark

NOW = "novaorch apply --now"


def afford(scene: Scene, actions: list[Action]) -> list[Action]:
    """Return the actions with every start of an agent whose account lets nothing through held, and
    the others of one account some seconds apart. A person who says `now` lets all through."""
    if scene.consent.now or not scene.restraints.accounts:
        return actions
    turns: dict[str, float] = {}
    return [_afforded(scene, action, turns) for action in actions]


def limited(scene: Scene, unit: UnitId, mark: PaneMark) -> bool:
    """Whether a life that ended was one of before its account opened: such a fall is none."""
    account = _account(scene, unit)
    if account is None or at(account, scene.world.taken_at).flow is Flow.OPEN:
        return False
    return account.flow is Flow.CLOSED and mark.started <= account.until


def _afforded(scene: Scene, action: Action, turns: dict[str, float]) -> Action:
    account = _account(scene, action.unit) if _begins(action) else None
    if account is None:
        return action
    now = scene.world.taken_at
    standing = at(account, now)
    if standing.flow is Flow.OPEN:
        return action
    turn = admit(account, now)
    if standing.flow is Flow.PACE:
        turn = max(turn, turns.get(account.name) or _after_last(scene, account.name))
        turns[account.name] = turn + GAP_S
    if turn <= now:
        return action
    detail = f"the account {account.name} {_words(standing)}"
    return held(action, Reason.NO_CAPACITY, detail, until=turn, fix=NOW)


def _begins(action: Action) -> bool:
    return action.verb in (Verb.START, Verb.RESTART) and not action.continues


def _account(scene: Scene, unit: UnitId) -> Account | None:
    process = scene.desired.processes.get(unit)
    name = account_of(process.launch.persona) if process is not None else ""
    return scene.restraints.accounts.get(name) if name else None


def _after_last(scene: Scene, name: str) -> float:
    """Return the hour from which one more agent of an account may start, as the marks of those
    that started last tell it. An hour of a mark is rounded down."""
    hours = [
        pane.mark.started
        for unit, pane in scene.match.panes.items()
        if pane.mark is not None and not pane.dead and _is_of(scene, unit, name)
    ]
    now = math.floor(scene.world.taken_at)
    return max((hour for hour in hours if hour <= now), default=-GAP_S) + GAP_S


def _is_of(scene: Scene, unit: UnitId, name: str) -> bool:
    process = scene.desired.processes.get(unit)
    return process is not None and account_of(process.launch.persona) == name


def _words(account: Account) -> str:
    said = {
        Flow.CLOSED: "is closed",
        Flow.DRAIN: "begins nothing new",
        Flow.PACE: "lets one through at a time",
    }[account.flow]
    return f"{said}: {account.why}" if account.why else said
