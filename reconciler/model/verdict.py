"""What an examination of one thing found: for `novaorch doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.ids import Json


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing looked at. `ok` is None for a warning: it works, but not for long or not well.

    `fix` is the command, or the advice, that mends it; '' when all is well.
    """

    name: str
    ok: bool | None
    what: str
    fix: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return the verdict as plain JSON, field by field."""
        return {"name": self.name, "ok": self.ok, "what": self.what, "fix": self.fix}
