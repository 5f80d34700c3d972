"""What an agent took out of its branch, kept as a snapshot: the work was a commit of ours once.

Never touches the branch: an agent may rewrite it, and nothing is lost by that.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.adapters.git.loose import Write
from reconciler.adapters.git.refs import OURS
from reconciler.model.ids import UnitId


@dataclass(frozen=True, slots=True)
class Rescue:
    """A commit that is about to be out of reach, and the number under which it is kept."""

    unit: UnitId
    number: int
    branch: str
    commit: str
    tree: str

    def line(self, hour: int, write: Write) -> str:
        """Write the snapshot, in the form of all snapshots; return the line that names it."""
        who = f"{OURS} {hour} +0000"
        people = f"author {who}\ncommitter {who}\n"
        head = f"tree {self.tree}\nparent {self.commit}\n"
        index = write("commit", f"{head}{people}\nWhat is staged\n".encode())
        body = f"{head}parent {index}\n{people}\n{self._message(index)}"
        kept = write("commit", body.encode("utf-8", "replace"))
        return f"create {kept_prefix(self.unit)}{self.number} {kept}"

    def _message(self, index: str) -> str:
        who = f"{self.unit.project}/{self.unit.name}"
        return (
            f"Keep what {who} took out of its branch\n\n"
            f"Recorded work that an amend, a rebase or a reset left behind.\n"
            f"Bring it back: novaorch training restore {who}/{self.number}\n\n"
            f"Nova-Agent: {self.unit.project}/agent/{self.unit.name}\n"
            f"Nova-Kept: {self.number}\nNova-Branch: {self.branch}\n"
            f"Nova-Head: {self.commit}\nNova-Index: {index}\n"
        )


def kept_prefix(unit: UnitId) -> str:
    """Return what the names of an agent's kept refs begin with."""
    return f"refs/novaorch/kept/{unit.project}/{unit.name}/"
