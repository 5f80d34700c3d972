"""What a manifest may say: the one table of kinds.

A kind is its fields (`specs/`), and the file beside this one that lowers it to units. Nothing here
imports pydantic or YAML until a file has to be read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.unit import Disruption

API_VERSION = "novaorch/v1"
SHAPE = "649bb5a858d755f4"
"""Names the fields of all kinds: what was parsed under another name is parsed anew."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A word, and where its files live: a project's `folder`, or the one `file` of that name."""

    name: str
    folder: str = ""
    file: str = ""


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Fleet", file="fleet.yaml"),
        Kind("Charter", file="charter.md"),
        Kind("Session", folder="sessions"),
        Kind("Agent", folder="agents"),
    )
}


def disruption(kind: str) -> Mapping[str, Disruption]:
    """Return what a change of each field of `kind` costs, by dotted path.

    `*` stands for the names of a map, `[]` for the items of a list. Raises LookupError for a
    kind that does not exist and for a field without a class.
    """
    from reconciler.kinds.schema import classes  # noqa: PLC0415  # brings pydantic

    return classes(kind)


__all__ = ["API_VERSION", "KINDS", "SHAPE", "Kind", "disruption"]
