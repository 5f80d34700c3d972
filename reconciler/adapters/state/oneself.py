"""Who this process is to all others, and whether another one on this very machine is gone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
from pathlib import Path

from reconciler.adapters.state.lock import born
from reconciler.core.lease import Holder


def oneself() -> Holder:
    """Return a new tenure of this process."""
    pid = os.getpid()
    return Holder(platform.node() or "unknown", pid, born(pid), _machine(), secrets.token_hex(4))


def gone(holder: Holder) -> bool:
    """Whether a holder is known to be dead: its process was seen from here, and is no more.

    Of another machine, another boot or another view of processes, nobody here can tell.
    """
    return holder.machine == _machine() and born(holder.pid) != holder.born


def _machine() -> str:
    """Return a word for this boot of this machine, and the processes that can be seen on it."""
    boot = b""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    view = ""
    with contextlib.suppress(OSError):
        view = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (no path of a file)
    seen = b"|".join((boot, os.fsencode(view), os.fsencode(platform.node())))
    return hashlib.sha256(seen).hexdigest()[:12]
