"""Status, made in one function from one photograph and one plan. Nothing is remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.conditions import (
    ABSENT,
    AS_WISHED,
    FAILED,
    NOT_WISHED,
    NOTHING,
    OPEN,
    TROUBLED,
    Health,
    News,
    conditions,
    health,
    in_vain,
    lasts,
)
from reconciler.core.plan import fingerprint
from reconciler.core.processes import ended_for_good
from reconciler.core.retry import Attempts
from reconciler.core.scene import Scene
from reconciler.core.suspend import suspended
from reconciler.model.action import Action, Outcome, Plan, Reason, Verb
from reconciler.model.ids import UnitId
from reconciler.model.status import Ready, Status
from reconciler.model.unit import Process
from reconciler.model.world import SeenPane


def fold(
    scene: Scene, plan: Plan, outcomes: Iterable[Outcome] = (), attempts: Attempts | None = None
) -> tuple[Status, ...]:
    """Return one status a unit, sorted by id: processes, frames without one, work trees, and held
    leftovers.

    `plan` is what is still to be done after `outcomes`; so a unit with a pending move is not
    ready, and one whose move failed says why. `attempts` tell which moves failed before. Commits
    that are withheld are no units: see `core.tally`.
    """
    view = _View(
        scene,
        {session.session_id: session.name for session in scene.world.sessions},
        _news(scene, plan, outcomes, attempts or {}),
    )
    found = [_process(view, process) for process in scene.desired.processes.values()]
    trees = {*scene.desired.workspaces, *(u for u in view.news if u.kind == "workspace")}
    found += [_tree(view, unit) for unit in trees]
    named = {status.unit for status in found}
    found += [_other(view, u) for u in {*scene.desired.frames, *view.news} if u not in named]
    return tuple(sorted(found, key=lambda status: status.unit))


@dataclass(frozen=True, slots=True)
class _View:
    """What every status is made from: names of sessions by id, and the news of each unit."""

    scene: Scene
    names: Mapping[str, str]
    news: Mapping[UnitId, News]

    def suspended(self, unit: UnitId) -> str:
        """Return why hands are kept off a unit, or ''."""
        said = self.scene.restraints.suspensions
        found = suspended(said, unit, self.scene.world.taken_at) if said else None
        return found.reason or "suspended" if found is not None else ""


# -- news -----------------------------------------------------------------------------------------


def _news(
    scene: Scene, plan: Plan, outcomes: Iterable[Outcome], attempts: Attempts
) -> dict[UnitId, News]:
    # A hold comes last in a plan, and says more.
    pending = {a.unit: a for a in plan.actions if a.reason is not Reason.WITHHELD}
    failed = {o.action.unit: o for o in outcomes if not o.ok}
    tried = {
        action.unit: attempt
        for action in (pending.values() if attempts else ())
        if (attempt := attempts.get(fingerprint(action))) is not None
    }
    vain = _in_vain(scene, pending)
    found: dict[UnitId, News] = {}
    for unit in {*pending, *failed}:
        attempt = tried.get(unit)
        failures, error = (attempt.failures, attempt.error) if attempt is not None else (0, "")
        found[unit] = News(pending.get(unit), failed.get(unit), failures, error, unit in vain)
    return found


def _in_vain(scene: Scene, pending: Mapping[UnitId, Action]) -> frozenset[UnitId]:
    """Return the units that wait for what does not come unless somebody does something."""
    waiting = [a for a in pending.values() if a.reason is Reason.DEPENDENCY]
    stalled = {a.unit for a in pending.values() if lasts(a)} if waiting else set()
    needs = {unit for action in waiting for unit in action.needs}
    return in_vain(waiting, stalled | {u for u in needs - pending.keys() if _rests(scene, u)})


def _rests(scene: Scene, unit: UnitId) -> bool:
    """Whether a process of which nothing is pending does not run: nobody is going to start it."""
    return unit in scene.desired.processes and not scene.match.alive(unit)


# -- one unit -------------------------------------------------------------------------------------


def _process(view: _View, process: Process) -> Status:
    scene = view.scene
    pane = scene.match.panes.get(process.id)
    news = _news_of(view, process, pane)
    there = pane is not None or process.stopped
    ready = Ready.TRUE if there and news.none else Ready.FALSE
    state = _state(process, pane, news.action)
    mark = pane.mark if pane is not None else None
    well = health(process, pane, state, scene.world.taken_at)
    reason, message = _reason(news, ready), _message(news)
    return Status(
        unit=process.id,
        ready=ready,
        state=state,
        reason=reason,
        message=message,
        commit=mark.commit if mark is not None else "",
        session=view.names.get(pane.session_id, "") if pane is not None else "",
        pane=pane.pane_id if pane is not None else "",
        pid=pane.pid if pane is not None and not pane.dead else 0,
        since=mark.started if mark is not None else 0,
        falls=mark.falls if mark is not None else 0,
        observed=scene.desired.commit,
        suspended=view.suspended(process.id),
        conditions=conditions(ready, reason, message, news.stalled, well),
    )


def _news_of(view: _View, process: Process, pane: SeenPane | None) -> News:
    """What is due, and what failed; for a pane that is not there, what its session waits for."""
    news = view.news.get(process.id)
    if news is None and pane is None:
        news = view.news.get(process.frame)
    return news or NOTHING


def _state(process: Process, pane: SeenPane | None, action: Action | None) -> str:
    if pane is None or pane.mark is None:
        absent = "stopped" if process.stopped else "absent"
        return "held" if action is not None and action.verb is Verb.HOLD else absent
    if not pane.dead:
        return "draining" if pane.mark.asked else "running"
    if process.stopped:
        return "stopped"
    return "ended" if ended_for_good(process, pane) else "exited"


def _other(view: _View, unit: UnitId) -> Status:
    """A session, or a unit that is held although nobody (readable) asks for it."""
    session = view.scene.match.sessions.get(unit)
    frame = view.scene.desired.frames.get(unit)
    news = view.news.get(unit, NOTHING)
    mark = session.mark if session is not None else None
    held = news.action is not None and news.action.verb is Verb.HOLD
    there = frame is not None and session is not None
    ready = Ready.TRUE if there and news.none else Ready.FALSE
    reason, message = _reason(news, ready), _message(news)
    well: Health = NOT_WISHED if frame is None else OPEN if session is not None else ABSENT
    return Status(
        unit=unit,
        ready=ready,
        state="held" if held else "open" if session is not None else "absent",
        reason=reason,
        message=message,
        commit=mark.commit if mark is not None else "",
        session=session.name if session is not None else "",
        observed=view.scene.desired.commit,
        suspended=view.suspended(unit),
        conditions=conditions(ready, reason, message, news.stalled, well),
    )


def _tree(view: _View, unit: UnitId) -> Status:
    """An agent's work tree. All right, it says which run it is on."""
    seen, wanted = view.scene.world.workspaces.get(unit), view.scene.desired.workspaces.get(unit)
    news = view.news.get(unit, NOTHING)
    held = news.action is not None and news.action.verb is Verb.HOLD
    there = seen is not None and wanted is not None and not seen.trouble
    ready = Ready.TRUE if there and news.none else Ready.FALSE
    branch = seen.branch if seen is not None else ""
    reason, message = _reason(news, ready), _message(news) or branch
    well: Health = NOT_WISHED if wanted is None else ABSENT if seen is None else OPEN
    well = TROUBLED if seen is not None and seen.trouble else well
    return Status(
        unit=unit,
        ready=ready,
        state="held" if held else "absent" if seen is None else "open",
        reason=reason,
        message=message,
        commit="",
        observed=view.scene.desired.commit,
        suspended=view.suspended(unit),
        conditions=conditions(ready, reason, message, news.stalled, well),
    )


# -- words ----------------------------------------------------------------------------------------


def _reason(news: News, ready: Ready) -> str:
    if news.outcome is not None or news.failures:
        return FAILED
    if news.action is not None:
        return news.action.reason.value
    return AS_WISHED if ready is Ready.TRUE else Reason.ABSENT.value


def _message(news: News) -> str:
    action, outcome = news.action, news.outcome
    if outcome is not None or news.failures:
        said = f"{outcome.error} {outcome.fix}".strip() if outcome is not None else news.error
        return f"{said} (tried {news.failures} times)" if news.failures > 1 else said
    if action is None:
        return ""
    if action.verb is Verb.HOLD:
        return f"{action.detail}; {action.fix}" if action.fix else action.detail
    return f"{action.verb.value} is due: {action.detail or action.reason.value}"
