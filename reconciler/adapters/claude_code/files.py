"""Small private files, written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.model.ids import Json
from reconciler.model.problems import NovaorchError

READ_BYTES_MAX = 16 * 1024 * 1024


def private_folder(path: Path) -> Path:
    """Make a folder (0700) and what is missing above it; return it."""
    with told(path, "make"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o777 != 0o700:
            path.chmod(0o700)
    return path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Put `text` where `path` is; whoever reads it meanwhile sees the old file or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with told(path, "write"):
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
    except NovaorchError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def write_json(path: Path, value: Mapping[str, Json]) -> None:
    """Write an object, one field a line."""
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Json]:
    """Return the object in one of our own files, or in a runtime's; {} when there is none there."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(READ_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def told(path: Path, verb: str) -> Iterator[None]:
    """Turn an OSError into words that name the path and the mend."""
    try:
        yield
    except OSError as broken:
        raise NovaorchError(
            f"cannot {verb} {path}",
            why=broken.strerror or "",
            fix=f"let its folder be writable, with space left: ls -ld {path.parent}",
        ) from broken
