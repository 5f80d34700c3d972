"""The largest epoch that a controller of this host had, in a file: it survives the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.state.folder import private_folder, replaced

DIGITS_MAX = 15


@dataclass(frozen=True, slots=True)
class EpochFile:
    """One number in one file (`loop.stakes.Milestone`). The lock of its folder must be held."""

    path: Path

    def seen(self) -> int:
        """Return the number; what is not there, or damaged, is 0."""
        try:
            word = self.path.read_bytes()[:64].strip()
        except OSError:
            return 0
        return int(word) if word.isdigit() and len(word) <= DIGITS_MAX else 0

    def keep(self, epoch: int) -> None:
        """Remember this one, unless a larger one was seen."""
        if epoch > self.seen():
            private_folder(self.path.parent)
            replaced(self.path, f"{epoch}\n")
