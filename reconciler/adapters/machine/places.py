"""Places and surroundings: folders, the store, the locale, the clock, the hooks.

Makes no folder and opens no socket itself.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import reconciler
from reconciler.adapters.machine.asked import Asked
from reconciler.adapters.machine.limits import nearest
from reconciler.adapters.machine.words import is_utf8
from reconciler.model.problems import NovaorchError
from reconciler.model.verdict import Verdict

SOCKET_BYTES_MAX = 100
DAY_S = 86_400.0
# 2024 and 2100: a clock outside was never set, or was set by mistake.
HOURS = (1_704_067_200.0, 4_102_444_800.0)


def tmux_folder(asked: Asked) -> Verdict:
    """The folder of tmux's sockets: tmux refuses one that others can enter."""
    folder = Path(asked.environ.get("TMUX_TMPDIR") or "/tmp", f"tmux-{os.getuid()}")  # noqa: S108
    name = "tmux socket"
    if len(os.fsencode(folder / asked.socket)) > SOCKET_BYTES_MAX:
        what = f"{folder / asked.socket} is too long for a socket"
        return Verdict(name, False, what, "export TMUX_TMPDIR=/tmp")
    if not os.path.lexists(folder):
        if os.access(nearest(folder), os.W_OK | os.X_OK) and folder.parent.is_dir():
            return Verdict(name, True, f"{folder} will be made")
        what = f"{folder} cannot be made"
        return Verdict(name, False, what, f"mkdir -p {folder.parent}, or export TMUX_TMPDIR=/tmp")
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        return Verdict(name, False, f"{folder} is not a folder of yours", f"ls -ld {folder}")
    if seen.st_mode & 0o007:
        what = f"{folder} is open to others ({stat.S_IMODE(seen.st_mode):o})"
        return Verdict(name, False, what, f"chmod 700 {folder}")
    return Verdict(name, True, str(folder))


def state_folder(asked: Asked) -> Verdict:
    """The folder of novaorch's own files."""
    name, place = "state folder", nearest(asked.state)
    fix = "choose another place: XDG_STATE_HOME=/a/folder/of/yours"
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Verdict(name, False, f"{place} cannot be written", fix)
    if place == asked.state and place.stat().st_mode & 0o077:
        return Verdict(name, None, f"{place} is open to others", f"chmod 700 {place}")
    there = str(place) if place == asked.state else f"{asked.state} will be made"
    return Verdict(name, True, there)


def store_server(asked: Asked) -> Verdict:
    """A binary for the embedded store; not needed when a store is set."""
    found = asked.find_server()
    if found is not None:
        return Verdict("store server", True, str(found))
    if asked.store_url:
        return Verdict("store server", True, "none here, and none needed: a url is set")
    return Verdict("store server", None, "none found: nothing is published", asked.store_fix)


def store_answers(asked: Asked) -> Verdict:
    """The store itself. Agents run without it, so only a store that was set is missed."""
    if asked.ping is None:
        return Verdict("store", True, "not asked")
    try:
        return Verdict("store", True, asked.ping())
    except NovaorchError as error:
        why = f"{error.what}: {error.why}" if error.why else error.what
        return Verdict("store", False if asked.store_url else None, why, error.fix)


def locale(asked: Asked) -> Verdict:
    """UTF-8, or tmux draws underscores for what it cannot show."""
    if is_utf8(asked.environ):
        return Verdict("locale", True, "UTF-8")
    return Verdict("locale", None, "the locale is not UTF-8", "export LC_ALL=C.UTF-8")


def clock(asked: Asked) -> Verdict:
    """The hour: drains and back-offs are counted by it."""
    if not HOURS[0] <= asked.now <= HOURS[1]:
        return Verdict("clock", False, "the clock is years off", "set it: sudo date -s ...")
    made = Path(reconciler.__file__).stat().st_mtime
    if made > asked.now + DAY_S:
        days = (made - asked.now) / DAY_S
        what = f"the clock is {days:.0f} days behind novaorch's own files"
        return Verdict("clock", None, what, "set it: sudo date -s ...")
    return Verdict("clock", True, "sensible")


def hooks(asked: Asked) -> Verdict:
    """The git hooks: without them a commit is noticed at the next poll."""
    missing = sorted(name for name, there in asked.hooks.items() if not there)
    if missing:
        what = f"not installed: {', '.join(missing)}; commits are noticed by polling"
        return Verdict("hooks", None, what, "novaorch hooks install")
    return Verdict("hooks", True, ", ".join(sorted(asked.hooks)) or "none wanted")
