"""Takes arguments that were checked against their schema out of a call, each as its own type."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.toolbox import ToolError
from reconciler.model.ids import Json


def text(said: Mapping[str, Json], name: str, default: str = "") -> str:
    """Return a text, `default` when it was not given."""
    value = said.get(name, default)
    return value if isinstance(value, str) else default


def texts(said: Mapping[str, Json], name: str) -> tuple[str, ...]:
    """Return a list of texts, empty when it was not given."""
    value = said.get(name)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def number(said: Mapping[str, Json], name: str, default: int, most: int) -> int:
    """Return a number from 0 to `most`. ToolError `invalid`: it is negative; more is `most`."""
    value = said.get(name, default)
    wanted = value if isinstance(value, int) else default
    if wanted < 0:
        raise ToolError("invalid", f"{name} is negative", fix=f"give 0 to {most}")
    return min(wanted, most)
