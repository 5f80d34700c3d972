"""The tokens that agents prove themselves with: one file each, in the agent's own folder.

Never searches: a token's text begins with its unit. Never compares in a time that tells anything.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.state.folder import StateDir, private_folder, replaced
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError

SECRET_BYTES = 32
TEXT_MAX = 512
REASONS = ("malformed", "unknown", "stale", "wrong")
"""Why a token is refused: it is none; its agent was never started here; it was good before the
last start; it was never good."""


@dataclass(slots=True)
class _Kept:
    """What stands in a token's file: the token, and the digest of the one before it, which counts
    until the new one has `spoken` for the first time; that stands in a file of its own, so that
    whoever mints and whoever checks never write the same one."""

    token: str
    before: str = ""
    spoken: bool = False


class Tokens:
    """Mints and checks tokens; any thread may. A daemon that starts anew knows them all."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int, int], _Kept]] = {}

    def mint(self, unit: str) -> str:
        """Return a new token for an agent that is about to start, and keep it (0600).

        The one before is stale as soon as the new one is used: a start that fails leaves the
        agent that runs with a voice. NovaorchError: it cannot be kept.
        """
        path = self._path(unit)
        name = base64.b32encode(unit.encode("ascii")).decode("ascii").rstrip("=").lower()
        made = f"{name}.{secrets.token_urlsafe(SECRET_BYTES)}"
        private_folder(path.parent)
        with self._lock:
            self._read.pop(path, None)
            kept = self._kept(path)
            if kept is None:
                before = ""
            else:  # one that never spoke is nobody's: what runs has the one before it
                before = _digest(kept.token) if kept.spoken or not kept.before else kept.before
            replaced(path, f"{made}\n{before}\n")
        return made

    def read(self, unit: str) -> str:
        """Return an agent's token, '' when it has none."""
        with self._lock:
            kept = self._kept(self._path(unit))
        return kept.token if kept is not None else ""

    def verify(self, text: str) -> tuple[UnitId, str]:
        """Return whose token this is and '', or an empty id and the reason, one of `REASONS`."""
        unit = _unit(text)
        if not unit:
            return UnitId(""), "malformed"
        path = self._path(unit)
        with self._lock:
            kept = self._kept(path)
            if kept is None:
                return UnitId(""), "unknown"
            if hmac.compare_digest(_digest(text), _digest(kept.token)):
                self._spoke(path, kept)
                return unit, ""
            if hmac.compare_digest(_digest(text), kept.before):
                return (UnitId(""), "stale") if kept.spoken else (unit, "")
        return UnitId(""), "wrong"

    # -- files -------------------------------------------------------------------------------------

    def _path(self, unit: str) -> Path:
        return self._state.agent(unit) / "token"

    def _kept(self, path: Path) -> _Kept | None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            self._read.pop(path, None)
            return None
        try:
            seen = os.fstat(fd)
            mark = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            cached = self._read.get(path)
            if cached is not None and cached[0] == mark:
                return cached[1]
            kept = _parsed(os.read(fd, 2 * TEXT_MAX))
        except OSError:
            return None
        finally:
            os.close(fd)
        if kept is not None:
            kept.spoken = _line(path.with_name("spoken")) == _digest(kept.token)
            self._read[path] = (mark, kept)
        return kept

    def _spoke(self, path: Path, kept: _Kept) -> None:
        """Note that a token is in use: the one before it is stale from now on."""
        if not kept.spoken:
            kept.spoken = True
            with contextlib.suppress(NovaorchError):  # a daemon after this one notes it then
                replaced(path.with_name("spoken"), f"{_digest(kept.token)}\n")


def _parsed(data: bytes) -> _Kept | None:
    try:
        token, before = data.decode("ascii").split("\n")[:2]
    except ValueError:
        return None
    return _Kept(token, before) if token else None


def _line(path: Path) -> str:
    try:
        return path.read_bytes()[:TEXT_MAX].decode("ascii", "replace").strip()
    except OSError:
        return ""


def _unit(text: str) -> UnitId:
    """Return the unit that a token names, '' when it is no token."""
    name, dot, secret = text.partition(".")
    if not dot or not secret or len(text) > TEXT_MAX or not text.isascii():
        return UnitId("")
    try:
        told_name = base64.b32decode(name.upper() + "=" * (-len(name) % 8)).decode("ascii")
    except (binascii.Error, ValueError):
        return UnitId("")
    return UnitId(told_name) if StateDir.is_agent(told_name) else UnitId("")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii", "replace")).hexdigest()
