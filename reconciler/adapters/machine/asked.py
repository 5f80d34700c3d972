"""What the doctor is told beforehand: everything that is not a fact of the machine itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """`panes` is how many the fleet wants at once; `now` is the hour, in epoch seconds.

    `root` is the file system's root: another one in tests. `find_server` and `ping` are the
    store's own looks; `store_fix` is the line that installs a server. `hooks` says of each git
    hook whether it is installed.
    """

    environ: Mapping[str, str]
    repository: Path
    state: Path
    now: float
    panes: int = 0
    columns: int = 200
    history_lines: int = 10_000
    socket: str = "novaorch"
    store_url: str = ""
    find_server: Callable[[], Path | None] = lambda: None
    ping: Callable[[], str] | None = None
    store_fix: str = ""
    hooks: Mapping[str, bool] = field(default_factory=dict)
    root: Path = Path("/")

    def number(self, path: str) -> int | None:
        """Return the number in a file below `root`, None when there is none."""
        try:
            return int((self.root / path).read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return None
