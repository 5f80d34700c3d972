"""Other processes, as a test waits for them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest


def gone(pid: int) -> None:
    """Wait until a process is no more, or only somebody's zombie; fail when it stays."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "ZX":
            return
        time.sleep(0.02)
    pytest.fail(f"{pid} is still there")
