"""Reads back what was published, trusting nothing: another client may have written there.

Never fails for what it finds, only for a server that does not answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reconciler.model.ids import Json

if TYPE_CHECKING:
    from redis import Redis

ENTRY_BYTES_MAX = 65_536
ENTRIES_MAX = 20_000
_FIELDS = ("host", "pid", "commit", "heartbeat", "every", "version")


def read_controller(client: Redis, key: str) -> tuple[dict[str, Json], int]:
    """Return what the last controller said of itself, and how many fields were skipped."""
    texts, skipped = read_fields(client, key, [name.encode() for name in _FIELDS])
    said: dict[str, Json] = {}
    for field, text in texts.items():
        value = _controller_value(field, text)
        if value is None:
            skipped += 1
        else:
            said[field] = value
    return said, skipped


def read_statuses(client: Redis, key: str) -> tuple[list[Json], int]:
    """Return the statuses sorted by unit, and how many entries were skipped."""
    counts = _try(client, [("HLEN", key)])
    count = counts[0] if isinstance(counts[0], int) else -1
    if not 0 <= count <= ENTRIES_MAX:
        return [], 1
    (names,) = _try(client, [("HKEYS", key)])
    if not isinstance(names, list):
        return [], 1
    texts, _ = read_fields(client, key, names)
    statuses: list[Json] = []
    for unit in sorted(texts):
        value = _json(texts[unit])
        if isinstance(value, dict) and value.get("unit") == unit:
            statuses.append(value)
    return statuses, len(names) - len(statuses)


def read_fields(client: Redis, key: str, fields: Iterable[bytes]) -> tuple[dict[str, str], int]:
    """Return the fields that are short enough and text; the size is asked before the value."""
    fields = list(fields)
    if not fields:
        return {}, 0
    sizes = _try(client, [("HSTRLEN", key, field) for field in fields])
    small = [
        field
        for field, size in zip(fields, sizes, strict=True)
        if isinstance(size, int) and 0 < size <= ENTRY_BYTES_MAX
    ]
    skipped = sum(1 for size in sizes if not isinstance(size, int) or size > ENTRY_BYTES_MAX)
    values = _try(client, [("HGET", key, field) for field in small])
    texts: dict[str, str] = {}
    for field, value in zip(small, values, strict=True):
        try:
            texts[field.decode()] = bytes(value).decode()
        except (UnicodeDecodeError, TypeError):
            skipped += 1
    return texts, skipped


def _try(client: Redis, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Send commands together; an error such as WRONGTYPE stands in its answer's place."""
    pipe: Any = client.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    return list(pipe.execute(raise_on_error=False))


def _controller_value(field: str, text: str) -> Json:
    """Return a field as its own type, None when it is not of it."""
    try:
        if field == "pid":
            return int(text) if len(text) < 20 else None
        if field in ("heartbeat", "every"):
            hour = float(text)
            return hour if math.isfinite(hour) else None
    except ValueError:
        return None
    return text


def _json(text: str) -> Json:
    try:
        return json.loads(text, parse_constant=_no_constant)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return None


def _no_constant(word: str) -> Json:
    raise ValueError(f"{word} is not JSON")
