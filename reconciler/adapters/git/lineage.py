"""Which commits an agent's work goes back to (`ports.workspaces.Lineage`).

Reads history by `rev-list` and `cat-file` alone: neither runs anything that a repository's own
configuration names. Any thread.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.git.folders import FOLDER
from reconciler.adapters.git.process import GitCommand, said
from reconciler.model.problems import SourceError
from reconciler.model.workspace import SeenWorkspace

KEPT_MAX = 500
"""So many answers are remembered; then all are asked anew."""
ASK_S = 5.0
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HOUR = re.compile(rb"^committer .*> (\d{1,12}) [+-]\d{4}$", re.MULTILINE)


@dataclass(slots=True)
class GitLineage:
    """Answers for one fleet, whose repository `git` is at; `trusted` as the user's own git says."""

    git: GitCommand
    _charters: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def charter(self, project: str, desired: str) -> str:
        """See `Lineage.charter`. SourceError: git cannot tell."""
        if not _ID.fullmatch(desired):
            return ""
        key = (project, desired)
        with self._lock:
            if key not in self._charters:
                if len(self._charters) >= KEPT_MAX:
                    self._charters.clear()
                self._charters[key] = self._last(desired, f"{FOLDER}/{project}/charter.md")
            return self._charters[key]

    def hour(self, seen: SeenWorkspace) -> float:
        """See `Lineage.hour`."""
        if not _ID.fullmatch(seen.tip):
            return 0.0
        there = GitCommand(Path(seen.repository), self.git.trusted, fenced=True)
        reply = there.run("cat-file", "commit", seen.tip, timeout_s=ASK_S)
        head = reply.out.partition(b"\n\n")[0]
        found = _HOUR.search(head) if reply.ok else None
        return float(found[1]) if found is not None else 0.0

    def _last(self, commit: str, path: str) -> str:
        words = ("rev-list", "--max-count=1", commit, "--", path)
        reply = self.git.run(*words, timeout_s=ASK_S)
        if not reply.ok:
            raise SourceError(
                f"git cannot tell which commit changed {path}",
                why=said(reply.err),
                fix="run `git fsck` in the fleet's repository and mend what it names",
            )
        return reply.out.decode("ascii", "replace").strip()
