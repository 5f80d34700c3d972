"""Durations as a manifest writes them: `1h30m`, `15s`, `500ms`."""

from __future__ import annotations

import math
import re

_SPAN = re.compile(
    r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{1,6})?)s)?", re.ASCII
)
_SIZES = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0))


def seconds(text: str) -> float | None:
    """Return the seconds that `1h30m`, `15s`, `0.5s` or `500ms` mean, or None."""
    if (thousandths := re.fullmatch(r"([0-9]{1,9})ms", text)) is not None:
        return int(thousandths[1]) / 1000
    match = _SPAN.fullmatch(text)
    if match is None or not text:
        return None
    parts = (float(part or 0) for part in match.groups())
    return math.fsum(part * size for part, (_, size) in zip(parts, _SIZES, strict=True))


def written(length_s: float) -> str:
    """Return a duration as a person writes it, the shortest way: `1d12h`, `90.5s` as `1m30.5s`."""
    said, rest = "", length_s
    for unit, size in _SIZES[:-1]:
        count, rest = divmod(rest, size)
        said += f"{count:.0f}{unit}" if count else ""
    return f"{said}{rest:g}s" if rest or not said else said
