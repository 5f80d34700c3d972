"""Where the gate is: one line in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from reconciler.model.problems import NovaorchError

_ADDRESS = re.compile(r"http://127\.0\.0\.1:[1-9][0-9]{0,4}\Z")


def write(path: Path, address: str) -> None:
    """Note the address, whole or not at all; the folder must be there."""
    draft = path.with_name(f".{path.name}")
    try:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, f"{address}\n".encode("ascii"))
        finally:
            os.close(fd)
        draft.replace(path)
    except OSError as error:
        raise NovaorchError(
            f"cannot note where the gate is in {path}",
            why=error.strerror or str(error),
            fix="free some space there; until then `novaorch metrics` does not find the gate",
        ) from error


def read(path: Path) -> str:
    """Return the address, '' when there is none that can be."""
    try:
        text = path.read_bytes()[:64].decode("ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if _ADDRESS.match(text) else ""


def forget(path: Path, address: str) -> None:
    """Remove the note, if it is still this one."""
    if read(path) == address:
        with contextlib.suppress(OSError):
            path.unlink()
