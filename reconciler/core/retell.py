"""The journal told to people, line by line, and to machines. Plain values in, plain texts out.

Loads nothing of ours but `plain`: `novaorch why` has a tenth of a second for everything. Believes
nobody: a journal that was tampered with paints no terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reconciler.core.plain import clean

VERSION = 1
_VALUE_MAX = 120


def ndjson(kind: str, fields: Mapping[str, Any]) -> str:
    """Return one record for machines; a terminal may show it too."""
    made = {"v": VERSION, "type": kind, **fields}
    text = json.dumps(made, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(made).replace("\x7f", "\\u007f")


def meant(word: str, units: Iterable[str]) -> list[str]:
    """Return the units that a word can mean: that very id, else those that end with it. A name
    alone means an agent before its work tree."""
    known = list(units)
    found = [word] if word in known else sorted(u for u in known if u.endswith(f"/{word}"))
    first = [unit for unit in found if unit.split("/")[1:2] != ["workspace"]]
    return first or found


# -- why ------------------------------------------------------------------------------------------


def why_lines(page: Mapping[str, Any], host: str = "") -> list[str]:
    """Return what the journal says of one unit, its last deed first and in full."""
    now, deeds = page["now"], list(page["deeds"])
    unit = clean(page["unit"])
    if now is not None:
        asks = f", as commit {_short(now[1])} asks" if now[1] else ""
        head = f"{unit}  there since record {page['since']}{asks}"
    elif page["since"]:
        head = f"{unit}  gone since record {page['since']}"
    else:
        head = f"{unit}  no pane of its own"
    lines = [f"{head}{f' (on {clean(host)})' if host else ''}"]
    if deeds:
        lines += _full(page["unit"], deeds[-1])
    if deeds[1:]:
        lines.append("  before that:")
        lines += [f"    {event_line(deed, named=False)}" for deed in reversed(deeds[:-1])]
    return lines


def _full(unit: str, deed: Mapping[str, Any]) -> list[str]:
    by = f" of {clean(deed['unit'])}" if deed["unit"] != unit else ""
    lines = [f"  last      {clean(deed['verb'])}{by}, {_reason(deed)}: {_outcome(deed)}"]
    lines.append(f"  when      {hour(deed['ended'])}")
    said = f' "{clean(deed["subject"])}"' if deed["subject"] else ""
    author = f" by {clean(deed['author'])}" if deed["author"] else ""
    lines.append(f"  wish      commit {_short(deed['commit'])}{said}{author}")
    if deed.get("path"):
        lines.append(f"  declared  {place(deed)}")
    epoch = f", epoch {deed['epoch']}" if deed["epoch"] else ""
    lines.append(f"  plan      {clean(deed['plan'])[:16]}, record {deed['seq']}{epoch}")
    lines += [f"            {_change(change)}" for change in deed.get("changes", ())]
    return lines


def place(deed: Mapping[str, Any]) -> str:
    """Return file and line of the manifest that asked for a deed, from the repository's top."""
    line = f":{deed['line']}" if deed.get("line") else ""
    return f"desired-state/{clean(deed['path'])}{line}"


def _reason(deed: Mapping[str, Any]) -> str:
    why = clean(deed.get("reason", "")).replace("-", " ")
    detail = clean(deed.get("detail", ""))
    return f"{why} ({detail})" if detail else why


def _outcome(deed: Mapping[str, Any]) -> str:
    if deed.get("error"):
        how = "stale" if deed.get("stale") else "failed"
        return clean(deed["error"]) if deed.get("interrupted") else f"{how}: {clean(deed['error'])}"
    seconds = deed.get("seconds", 0)
    return f"done in {seconds:.3f} s" if seconds else "done"


def _change(change: Sequence[Any]) -> str:
    name, wanted, applied = change
    return f"{clean(str(name))}: wanted {_value(wanted)}, last applied {_value(applied)}"


def _value(value: object) -> str:
    text = "nothing" if value is None else clean(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _VALUE_MAX else f"{text[: _VALUE_MAX - 1]}…"


# -- events and history ---------------------------------------------------------------------------


def events(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the deeds of a record, each with what it needs to stand alone."""
    names = ("seq", "ended", "plan", "commit", "author", "subject", "epoch", "interrupted")
    about = {name: said[name] for name in names}
    return [{**about, **deed} for deed in said["deeds"]]


def about(event: Mapping[str, Any], unit: str) -> bool:
    """Whether an event did something to a unit: by name, or by what it left."""
    left = {str(one) for one, _ in event.get("leaves", ())}
    return any(u == unit or u.endswith(f"/{unit}") for u in {event["unit"], *left})


def event_line(event: Mapping[str, Any], *, named: bool = True) -> str:
    """Return one deed in one line."""
    unit = f" {clean(event['unit'])}" if named else ""
    return (
        f"{hour(event['ended'])}  {clean(event['verb'])}{unit}  {_reason(event)}: "
        f"{_outcome(event)}  (record {event['seq']}, commit {_short(event['commit'])})"
    )


def applied(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the desired commits in the order in which they were worked on.

    Records of one commit that follow each other are one entry, until another commit comes.
    """
    found: list[dict[str, Any]] = []
    for said in records:
        if not found or found[-1]["commit"] != said["commit"]:
            names = ("commit", "author", "subject")
            fresh = {"began": said["began"], "moves": {}, "failed": 0, "first": said["seq"]}
            found.append({**{name: said[name] for name in names}, **fresh})
        entry = found[-1]
        entry["ended"], entry["last"] = said["ended"], said["seq"]
        for deed in said["deeds"]:
            if deed.get("error"):
                entry["failed"] += 1
            else:
                entry["moves"][deed["verb"]] = entry["moves"].get(deed["verb"], 0) + 1
    return found


def history_line(entry: Mapping[str, Any]) -> str:
    """Return one desired commit and what came of it in one line."""
    moves = ", ".join(f"{clean(verb)} {count}" for verb, count in entry["moves"].items())
    outcome = f"{entry['failed']} failed" if entry["failed"] else "done"
    subject = clean(entry["subject"]) or "-"
    return (
        f"{hour(entry['began'])}  {_short(entry['commit'])}  {clean(entry['author']) or '-'}  "
        f"{subject}  {moves or 'nothing'}: {outcome}"
    )


def hour(epoch_s: float) -> str:
    """Return an hour in UTC, so that it reads the same for everybody."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError, TypeError):
        return "at no hour"


def _short(commit: str) -> str:
    return clean(commit)[:12] or "-"
