"""A tree whose run is over brought onto a new one, from its base. Nothing unsaved is touched."""

from __future__ import annotations

from pathlib import Path

from reconciler.adapters.git.worktrees import mark as marks
from reconciler.adapters.git.worktrees import moving, runs
from reconciler.adapters.git.worktrees.heads import head_of
from reconciler.adapters.git.worktrees.locks import refuse_locked
from reconciler.adapters.git.worktrees.opening import branch_for, logged
from reconciler.adapters.git.worktrees.survey import Standing, Survey, files_of, take
from reconciler.adapters.git.worktrees.yard import Yard
from reconciler.model.problems import StalePlanError
from reconciler.model.step import BeginRun
from reconciler.model.workspace import RUNS


def begin_run(yard: Yard, step: BeginRun) -> None:
    """Put a tree on a new run. StalePlanError: it is not what was looked at; SourceError: why not.

    After a kill in the middle it goes on where it was.
    """
    workspace = step.workspace
    standing = yard.standing(step.unit, Path(workspace.path))
    old = _as_expected(yard, standing, step)
    refuse_locked(standing.admin)
    room = yard.room(standing.common)
    survey = take(room, yard.ground(standing.common).book, standing)
    passing = moving.passing(room, standing, survey.head)
    strangers = survey.strangers(passing)
    _refuse_unsaved(survey, passing, strangers)
    move = moving.underway(standing.admin)
    if move is None or move.before != survey.head or not _there(yard, standing, move.branch):
        number, tip = branch_for(yard, room, workspace)
        move = moving.Move(survey.head, tip, runs.name_of(step.unit, number))
        _refuse_covered(standing, strangers, files_of(room, tip))
        yard.tick("branch")
        moving.begin(standing.admin, move)
    yard.tick("begun")
    moving.bring(yard, survey, files_of(room, move.after), staying=strangers)
    line = logged(move.after, f"novaorch: begin {move.branch} after {old}", move.before)
    moving.put_head(standing.admin, f"ref: refs/heads/{move.branch}", line)
    yard.tick("head")
    marks.write(standing.admin, marks.whole(yard.fleet, workspace))
    moving.end(standing.admin)
    yard.known.pop(step.unit, None)


def _there(yard: Yard, standing: Standing, branch: str) -> bool:
    return bool(yard.ground(standing.common).book.tip(f"refs/heads/{branch}"))


def _as_expected(yard: Yard, standing: Standing, step: BeginRun) -> str:
    """Return the branch of the run that is over."""
    branch, _ = head_of(standing.admin)
    ground = yard.ground(standing.common)
    ours = branch.startswith(f"{RUNS}/{step.unit.project}/{step.unit.name}/")
    tip = ground.book.tip(f"refs/heads/{branch}") if branch else ""
    over = ours and runs.finished(ground.book, branch, step.unit, ground.parent)
    if not over or tip != step.tip:
        raise StalePlanError(
            f"{standing.path} is on {branch or 'no branch'} at {tip[:12] or 'no commit'} by now",
            fix="look again: novaorch diff",
        )
    return branch


def _refuse_unsaved(survey: Survey, passing: moving.Files, strangers: frozenset[str]) -> None:
    """Refuse to leave what belongs to the old run; what git knows nothing of comes along."""
    unsaved = survey.unsaved(passing)
    odd = [(path, why) for path, why in unsaved.refused if path not in strangers]
    if unsaved.tied or odd:
        told = f"{unsaved.staged} staged, {unsaved.changed} changed"
        refused = "; ".join(f"{path!r}: {why}" for path, why in odd[:3])
        raise StalePlanError(
            f"{survey.standing.path} holds what is in no commit, so no new run begins there",
            why=f"{told} files" + (f"; {refused}" if refused else ""),
            fix=f"let the agent commit it: novaorch training commit {survey.standing.unit.project}/"
            f"{survey.standing.unit.name}",
        )


def _refuse_covered(standing: Standing, strangers: frozenset[str], wanted: moving.Files) -> None:
    """Refuse a run whose files would cover what git knows nothing of."""
    folders = {path[:at] for path in wanted for at, sign in enumerate(path) if sign == "/"}
    covered = sorted(p for p in strangers if p in wanted or p in folders or _below(p, wanted))
    if covered:
        raise StalePlanError(
            f"the next run has files where {standing.path} holds some that are in no commit",
            why=", ".join(repr(path) for path in covered[:3]),
            fix=f"move them: cd {standing.path}",
        )


def _below(path: str, wanted: moving.Files) -> bool:
    return any(path[:at] in wanted for at, sign in enumerate(path) if sign == "/")
