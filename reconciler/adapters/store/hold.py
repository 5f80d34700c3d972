"""A file lock as a bare descriptor, so that it can be handed down to a server process."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

POLL_S = 0.005


def take(path: Path, until: float = 0.0) -> int | None:
    """Return a descriptor that holds the lock, None when it is still held at `until`.

    `until` is an hour of `time.monotonic`. Closing every copy of the descriptor lets go.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(fd)
                return None
            time.sleep(POLL_S)
        except BaseException:
            os.close(fd)
            raise
        else:
            return fd
