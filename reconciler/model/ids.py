"""Identity and content digests. Identity is the manifest's path, never a number minted here."""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value, as `json.loads` makes it."""


class UnitId(str):
    """`project/kind/name`, as in `tmux-orch/agent/torch`.

    A pane that a Session declares itself hangs below it: `tmux-orch/session/main/dev.0`.
    """

    __slots__ = ()

    @classmethod
    def of(cls, project: str, kind: str, name: str) -> UnitId:
        """Join the three parts; each is a valid name already."""
        return cls(f"{project}/{kind}/{name}")

    @property
    def project(self) -> str:
        """The folder under `desired-state/` that the unit comes from."""
        return self.split("/", 1)[0]

    @property
    def kind(self) -> str:
        """`agent`, `session` or `workspace`."""
        return self.split("/", 2)[1]

    @property
    def name(self) -> str:
        """Everything after the kind."""
        return self.split("/", 2)[2]


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Json) -> str:
    """Return the one JSON text of `value`: keys sorted, no spaces, Unicode as it is."""
    return _ENCODER.encode(value)


def digest(value: Json) -> str:
    """Return 16 hex characters that name the content of `value`."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]
