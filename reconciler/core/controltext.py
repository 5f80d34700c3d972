"""What people said, as small JSON files: written for `git show`, read with nothing taken on trust.

Total the other way round than a mark: what is not just so is a ValueError, since a word that was
lost could be the one that keeps hands off somebody's work.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from reconciler.model.control import Controls, Quarantine, Suspension, Trial
from reconciler.model.ids import Json, UnitId

_OID = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_TEXT_MAX = 2000
TRIAL = "trial.json"


def files_of(controls: Controls) -> dict[str, bytes]:
    """Return path and content of each file. ValueError when `controls` could not be read back."""
    found = {
        f"suspensions/{number}.json": _text(one)
        for number, one in enumerate(controls.suspensions, start=1)
    }
    found |= {f"quarantine/{one.tree}.json": _text(one) for one in controls.quarantined}
    if controls.trial is not None:
        found[TRIAL] = _text(controls.trial)
    controls_of(found)
    return found


def controls_of(files: Mapping[str, bytes]) -> Controls:
    """Return what the files say; a ValueError names the file that is not one of ours."""
    suspensions: list[tuple[int, Suspension]] = []
    quarantined: list[Quarantine] = []
    trial: Trial | None = None
    for path, body in files.items():
        try:
            if (number := re.fullmatch(r"suspensions/([1-9][0-9]{0,5})\.json", path)) is not None:
                suspensions.append((int(number[1]), _suspension(_record(body, Suspension))))
            elif (tree := re.fullmatch(r"quarantine/([0-9a-f]+)\.json", path)) is not None:
                quarantined.append(_quarantine(tree[1], _record(body, Quarantine)))
            elif path == TRIAL:
                trial = _trial(_record(body, Trial))
            else:
                raise ValueError("novaorch keeps no such file (a newer one may)")
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return Controls(
        suspensions=tuple(one for _, one in sorted(suspensions, key=lambda pair: pair[0])),
        quarantined=tuple(sorted(quarantined, key=lambda one: (one.since, one.tree))),
        trial=trial,
    )


def _text(said: Suspension | Quarantine | Trial) -> bytes:
    record = {name: getattr(said, name) for name in _names(type(said))}
    return (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _record(body: bytes, kind: type[Any]) -> dict[str, Json]:
    try:
        found = json.loads(body.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(found, dict) or set(found) != set(_names(kind)):
        raise ValueError(f"it should say just {', '.join(_names(kind))}")
    return found


def _suspension(said: Mapping[str, Json]) -> Suspension:
    return Suspension(
        scope=_line(said["scope"]),
        reason=_line(said["reason"]),
        by=_line(said["by"]),
        since=_hour(said["since"]),
        until=_hour(said["until"]),
    )


def _quarantine(tree: str, said: Mapping[str, Json]) -> Quarantine:
    if said["tree"] != tree:
        raise ValueError("it is about another tree than its name says")
    return Quarantine(
        commit=_oid(said["commit"]),
        tree=_oid(tree),
        reason=_line(said["reason"]),
        by=_line(said["by"]),
        since=_hour(said["since"]),
    )


def _trial(said: Mapping[str, Json]) -> Trial:
    units = said["units"]
    if not isinstance(units, list):
        raise ValueError("its units are no list")
    return Trial(
        commit=_oid(said["commit"]),
        base=_oid(said["base"]),
        units=tuple(UnitId(_line(unit)) for unit in units),
        began=_hour(said["began"]),
        tree=_oid(said["tree"]),
    )


def _line(value: Json) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_MAX or not value.isprintable():
        raise ValueError("a text in it is not one printable line")
    return value


def _oid(value: Json) -> str:
    if not isinstance(value, str) or not _OID.fullmatch(value):
        raise ValueError("it names no object")
    return value


def _hour(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("an hour in it is no number")
    return float(value)
