"""Field by field: what is wanted against what was last applied."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.action import Change
from reconciler.model.ids import Json, canonical
from reconciler.model.unit import Disruption, Field


def changes(fields: tuple[Field, ...], applied: Mapping[str, Json] | None) -> tuple[Change, ...]:
    """Return the fields that differ, sorted by name.

    A field that was applied and is wanted no longer counts with the class of its group
    (`env.X` as the other `env.*` do), else as a restart: dropping a thing is a change of it.
    With `applied` None every field counts as changed: the digest already proved a difference.
    """
    before = applied or {}
    wanted = {f.name: f for f in fields}
    found = [
        Change(f.name, f.value, before.get(f.name), f.disruption)
        for f in fields
        if f.name not in before or before[f.name] != f.value
    ]
    found += [
        Change(name, None, value, _class_of(name, fields))
        for name, value in before.items()
        if name not in wanted
    ]
    return tuple(sorted(found, key=lambda change: change.field))


_GROUPS = {
    "labels": Disruption.HOT,
    "options": Disruption.HOT,
    "windows": Disruption.HOT,
    "size": Disruption.HOT,
    "charter": Disruption.HOT,
    "session": Disruption.HOT,
    "after": Disruption.HOT,
    "stop": Disruption.HOT,
    "restart": Disruption.HOT,
    "heal": Disruption.HOT,
    "protect": Disruption.HOT,
    "model": Disruption.BOUNDARY,
    "permission": Disruption.BOUNDARY,
    "tools": Disruption.BOUNDARY,
    "conversation": Disruption.HOT,
    "prompt": Disruption.HOT,
    "account": Disruption.HOT,
    "decide": Disruption.HOT,
    "budget": Disruption.HOT,
}


def _class_of(name: str, fields: tuple[Field, ...]) -> Disruption:
    group = name.partition(".")[0]
    for field in fields:
        if field.name.partition(".")[0] == group:
            return field.disruption
    return _GROUPS.get(group, Disruption.RESTART)


def worst(found: tuple[Change, ...]) -> Disruption:
    """Return the most disruptive class among the changes."""
    return max((change.disruption for change in found), default=Disruption.HOT)


def applied_text(fields: tuple[Field, ...]) -> str:
    """Return the JSON text that a unit's mark keeps of its fields."""
    return canonical({f.name: f.value for f in fields})
