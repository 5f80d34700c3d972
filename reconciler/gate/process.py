"""What this process uses, read from /proc when somebody asks. Nothing on a system without it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from reconciler.core.metrics import Use

_PROC = Path("/proc")


def use() -> Use | None:
    """Return what this process uses; None where nobody tells."""
    own = _PROC / "self"
    try:
        fields = (own / "stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = next(
            line.split()[1]
            for line in (_PROC / "stat").read_text().splitlines()
            if line.startswith("btime ")
        )
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        return Use(
            resident=int(fields[21]) * page,
            virtual=int(fields[20]),
            cpu_s=(int(fields[11]) + int(fields[12])) / ticks,
            files=len(os.listdir(own / "fd")),  # noqa: PTH208 - one call, no stat for each
            files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            began=int(boot) + int(fields[19]) / ticks,
        )
    except (OSError, ValueError, IndexError, StopIteration):
        return None
