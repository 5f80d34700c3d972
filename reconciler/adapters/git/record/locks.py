"""Lock files of git that are in the way: whose they are, how old, and how to mend it.

Never takes one away: only a person can know that nobody works behind it.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from pathlib import Path

_NAMED = re.compile(r"Unable to create '([^']+\.lock)': File exists")


def lock_in(said: str) -> Path | None:
    """Return the lock file that git's words name as being in the way."""
    found = _NAMED.search(said)
    if found is None:
        return None
    lock = Path(found[1])
    return lock.parent.resolve() / lock.name


def describe(lock: Path, now: float) -> tuple[str, str]:
    """Return what is known of a lock file, and how to mend it."""
    try:
        seen = lock.lstat()
    except OSError:
        return f"{lock} was there just now", "nothing: the next turn tries again"
    age = max(0.0, now - seen.st_mtime)
    holder = _holder(lock)
    who = f"process {holder} has it open" if holder else "no running process has it open"
    why = f"{lock} of user {_user(seen.st_uid)} is {_long(age)} old, and {who}"
    if holder:
        return why, f"wait for it, or look at it: ps -p {holder.split()[0]}"
    return why, f"if no git runs in that work tree: rm {shlex.quote(str(lock))}"


def _holder(lock: Path) -> str:
    """Return pid and name of who has a file open, '' when nobody (whom we may see) has."""
    try:
        wanted = lock.stat()
        pids = [entry for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208
    except OSError:
        return ""
    for pid in pids:
        folder = Path("/proc", pid, "fd")
        try:
            for link in folder.iterdir():
                seen = link.stat()
                if (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return f"{pid} ({Path('/proc', pid, 'comm').read_text().strip()})"
        except OSError:
            continue
    return ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _long(seconds: float) -> str:
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
