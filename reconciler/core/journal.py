"""Records as they are written down: their JSON, their commit message, and what each unit's page
says of it. One renderer for every journal; reading takes back exactly what was written.

Works on plain values, so that a verb in a hurry need not load the nouns. Never masks: see `masks`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.core.plain import clean

if TYPE_CHECKING:
    from reconciler.model.record import Deed, Record

VERSION = 1
DEEDS_KEPT = 3
"""So many of its last deeds are on a unit's page."""
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_INDENT = json.JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False)
_SUBJECT_MAX = 60

Page: TypeAlias = "dict[str, Any]"
"""What the journal says of one unit: what it is `now` (None: gone), and its last deeds."""


def record_json(record: Record) -> dict[str, Any]:
    """Return a record as plain JSON."""
    return {
        "v": VERSION,
        "seq": record.seq,
        "began": round(record.began, 6),
        "ended": round(record.ended, 6),
        "fleet": record.fleet,
        "host": record.host,
        "epoch": record.epoch,
        "plan": record.plan,
        "commit": record.commit,
        "author": record.author,
        "subject": record.subject,
        "interrupted": record.interrupted,
        "deeds": [_deed_json(deed) for deed in record.deeds],
        "holds": [[str(unit), reason, detail] for unit, reason, detail in record.holds],
    }


def _deed_json(deed: Deed) -> dict[str, Any]:
    found: dict[str, Any] = {
        "verb": deed.verb,
        "unit": str(deed.unit),
        "reason": deed.reason,
        "detail": deed.detail,
        "path": deed.path,
        "line": deed.line,
        "changes": [[name, wanted, applied] for name, wanted, applied in deed.changes],
        "leaves": [
            [str(unit), None if kept is None else [kept.digest, kept.commit]]
            for unit, kept in deed.leaves
        ],
        "error": deed.error,
        "stale": deed.stale,
        "seconds": round(deed.seconds, 6),
    }
    return {name: value for name, value in found.items() if value or name in ("verb", "unit")}


def record_of(said: Mapping[str, Any]) -> Record:
    """Return the record that `record_json` wrote. ValueError, KeyError, TypeError: it did not."""
    from reconciler.model.ids import UnitId  # noqa: PLC0415 - see the module's docstring
    from reconciler.model.record import Record  # noqa: PLC0415

    if said["v"] != VERSION:
        raise ValueError(f"version {said['v']!r} of a record is not known")
    plain = {name: said[name] for name in ("plan", "commit", "author", "subject", "fleet", "host")}
    return Record(
        seq=int(said["seq"]),
        began=float(said["began"]),
        ended=float(said["ended"]),
        epoch=int(said["epoch"]),
        deeds=tuple(_deed_of(deed) for deed in said["deeds"]),
        holds=tuple((UnitId(u), str(r), str(d)) for u, r, d in said["holds"]),
        interrupted=bool(said["interrupted"]),
        **{name: str(value) for name, value in plain.items()},
    )


def _deed_of(said: Mapping[str, Any]) -> Deed:
    from reconciler.model.ids import UnitId  # noqa: PLC0415
    from reconciler.model.record import Deed, Kept  # noqa: PLC0415

    return Deed(
        verb=str(said["verb"]),
        unit=UnitId(said["unit"]),
        reason=str(said.get("reason", "")),
        detail=str(said.get("detail", "")),
        path=str(said.get("path", "")),
        line=int(said.get("line", 0)),
        changes=tuple((str(n), w, a) for n, w, a in said.get("changes", ())),
        leaves=tuple(
            (UnitId(unit), None if kept is None else Kept(str(kept[0]), str(kept[1])))
            for unit, kept in said.get("leaves", ())
        ),
        error=str(said.get("error", "")),
        stale=bool(said.get("stale", False)),
        seconds=float(said.get("seconds", 0.0)),
    )


def written(value: Mapping[str, Any]) -> bytes:
    """Return the one text of a value, for people who look at it with git."""
    return f"{_INDENT.encode(value)}\n".encode("utf-8", "backslashreplace")


def one_line(value: Mapping[str, Any]) -> bytes:
    """Return the one text of a value on one line. Half a surrogate pair, as in a path that is no
    UTF-8, is an escape of JSON, and reads back as what it was."""
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


def name_of(said: Mapping[str, Any]) -> str:
    """Return what names a record whatever number it gets: it is never written down twice."""
    bare = {name: value for name, value in said.items() if name != "seq"}
    return hashlib.sha256(one_line(bare)).hexdigest()[:24]


# -- pages ----------------------------------------------------------------------------------------


def pages_after(pages: Mapping[str, Page], said: Mapping[str, Any]) -> dict[str, Page]:
    """Return the pages that a record changes, as they are after it."""
    about = {name: said[name] for name in ("seq", "ended", "plan", "commit", "author", "subject")}
    about |= {"epoch": said["epoch"], "interrupted": said["interrupted"]}
    found: dict[str, Page] = {}
    for deed in said["deeds"]:
        left = dict(deed.get("leaves", ()))
        told = {name: value for name, value in deed.items() if name != "leaves"}
        for unit in dict.fromkeys((deed["unit"], *left)):
            old = found.get(unit) or pages.get(unit) or _blank(unit)
            now = left.get(unit, old["now"])
            since = said["seq"] if unit in left and not _same(now, old["now"]) else old["since"]
            deeds = [*old["deeds"], {**about, **told}][-DEEDS_KEPT:]
            found[unit] = {**old, "now": now, "since": since, "deeds": deeds}
    return found


def _blank(unit: str) -> Page:
    return {"v": VERSION, "unit": unit, "now": None, "since": 0, "deeds": []}


def _same(one: object, other: object) -> bool:
    return (one is None) == (other is None)


def page_path(unit: str) -> str:
    """Return where a unit's page is: `units/<project>/<kind>/<name>.json`."""
    *folders, name = unit.split("/")
    return "/".join(("units", *map(_part, folders), f"{_part(name)}.json"))


def unit_at(path: str) -> str:
    """Return the unit whose page is at a path."""
    parts = path.removeprefix("units/").removesuffix(".json").split("/")
    return "/".join(_unpart(part) for part in parts)


def _part(name: str) -> str:
    """A window's name may be what no path can hold; only then it is written in hexadecimal."""
    plain = name.isascii() and name.strip(".") and name.isprintable() and "%" not in name
    if plain and name.lower() != ".git":
        return name
    return "%" + name.encode("utf-8", "surrogatepass").hex()


def _unpart(part: str) -> str:
    if not part.startswith("%"):
        return part
    return bytes.fromhex(part[1:]).decode("utf-8", "surrogatepass")


# -- the commit -----------------------------------------------------------------------------------


def message(said: Mapping[str, Any]) -> str:
    """Return a record's commit message: a line for people, then trailers. One text a record."""
    trailers = {
        "Seq": said["seq"],
        "Epoch": said["epoch"],
        "Plan": said["plan"] or "-",
        "Commit": said["commit"] or "-",
        "Author": said["author"] or "-",
    }
    lines = "".join(f"Novaorch-{name}: {flat(str(text))}\n" for name, text in trailers.items())
    return f"{headline(said)}\n\n{lines}"


def headline(said: Mapping[str, Any]) -> str:
    """Return a record in one line: `start 2, restart 1: commit abc123def456 "subject"`."""
    counts: dict[str, int] = {}
    failed = 0
    for deed in said["deeds"]:
        if deed.get("error"):
            failed += 1
        else:
            counts[deed["verb"]] = counts.get(deed["verb"], 0) + 1
    parts = [f"{flat(verb)} {count}" for verb, count in counts.items()]
    parts += [f"{'unknown' if said['interrupted'] else 'failed'} {failed}"] if failed else []
    subject = flat(said["subject"])
    if len(subject) > _SUBJECT_MAX:
        subject = f"{subject[: _SUBJECT_MAX - 1]}…"
    quoted = f' "{subject}"' if subject else ""
    word = "interrupted: " if said["interrupted"] else ""
    return (
        f"{word}{', '.join(parts) or 'nothing'}: commit {flat(said['commit'])[:12] or '-'}{quoted}"
    )


def flat(text: str) -> str:
    """Return a text on one line that no reader takes for two."""
    return clean(text).strip()


def head_after(head: Mapping[str, Any], said: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return `head.json` after a record: where the chain is, and whose masks it bears."""
    return {
        "v": VERSION,
        "seq": said["seq"],
        "fleet": said["fleet"],
        "host": said["host"],
        "key": key,
        "segment": head.get("segment", 0) + 1,
        "checkpoint": head.get("checkpoint"),
    }


def checkpoint_head(head: Mapping[str, Any], tip: str) -> dict[str, Any]:
    """Return the head of a new first commit that stands for everything before it."""
    last = head.get("checkpoint") or {"number": 0}
    told = {"number": last["number"] + 1, "tip": tip, "seq": head["seq"]}
    return {**head, "segment": 0, "checkpoint": told}


def checkpoint_message(head: Mapping[str, Any]) -> str:
    """Return the commit message of such a commit."""
    told = head["checkpoint"]
    return (
        f"checkpoint {told['number']}: what records 1 to {told['seq']} add up to\n\n"
        f"Novaorch-Seq: {told['seq']}\nNovaorch-Before: {told['tip']}\n"
    )


# -- what was begun and not ended -----------------------------------------------------------------

UNKNOWN = "interrupted: what became of it is not known"


def interrupted(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of deeds that were begun, and whose end nobody saw."""
    deeds = [{**deed, "error": UNKNOWN} for deed in intent["deeds"]]
    for deed in deeds:
        deed.pop("leaves", None)
    return {**intent, "deeds": deeds, "interrupted": True}


def finished(notes: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the records that `intent` and `done` notes amount to, in order.

    An intent that nothing follows, or another intent, was interrupted.
    """
    found: list[dict[str, Any]] = []
    begun: dict[str, Any] | None = None
    for word, said in notes:
        if begun is not None and word == "intent":
            found.append(interrupted(begun))
        begun = said if word == "intent" else None
        if word == "done":
            found.append(said)
    return found if begun is None else [*found, interrupted(begun)]
