"""What a person would be asked once, answered beforehand: onboarding, and trust in a directory.

The file belongs to Claude Code and its user. Whatever else is in it stays; one that cannot be read
is never replaced. Nothing is written when nothing is missing, and then no lock is taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.claude_code import files
from reconciler.model.ids import Json
from reconciler.model.problems import NovaorchError

STALE_S, PATIENCE_S, PAUSE_S = 10.0, 3.0, 0.02
"""Whoever has the lock touches it more often than that; for so long it is waited for."""
KEY_SHOWN = 20
"""So many characters from the end of an API key say which one was agreed to."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is agreed to: these directories, this API key ('': none is given), the version whose
    onboarding counts as done, and, when the manifest says so, to run without permissions."""

    directories: tuple[str, ...]
    version: str
    key: str = ""
    bypass: bool = False


def seed(config: Path, answers: Answers) -> bool:
    """Write into Claude Code's own file what is missing there; return whether anything was.

    NovaorchError: it cannot be read, or somebody else keeps it locked.
    """
    target = Path(os.path.realpath(config))  # a link into a folder of dotfiles stays one
    if _agreed(_read(target), answers) is None:
        return False
    if not target.parent.exists():
        files.private_folder(target.parent)
    with _locked(target):
        wanted = _agreed(_read(target), answers)
        if wanted is None:
            return False
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        files.write(target, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", mode)
    return True


def _read(config: Path) -> dict[str, Json]:
    try:
        text = config.read_bytes()
        found = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return {}
    except OSError as broken:
        raise _unreadable(config, broken.strerror or "it cannot be opened") from broken
    except (ValueError, RecursionError) as broken:
        raise _unreadable(config, "it is not JSON") from broken
    if not isinstance(found, dict):
        raise _unreadable(config, "it is not a JSON object")
    return found


def _unreadable(config: Path, why: str) -> NovaorchError:
    return NovaorchError(
        f"{config} cannot be read, and is left as it is",
        why=f"{why}; Claude Code keeps there what its user agreed to",
        fix=f"mend it, or move it away: mv {config} {config}.broken",
    )


def _agreed(found: Mapping[str, Json], answers: Answers) -> dict[str, Json] | None:
    """Return the content with every answer in it, None when each is there already."""
    wanted: dict[str, Json] = {**found}
    if wanted.get("hasCompletedOnboarding") is not True:
        wanted["hasCompletedOnboarding"] = True
        # Some versions drop what is their default: asked for at each start, it would be written
        # each time, and each start would wait for a lock that a killed one left behind.
        wanted.setdefault("theme", "dark")
        wanted.setdefault("lastOnboardingVersion", answers.version or "2.1.0")
    if answers.bypass:
        wanted["bypassPermissionsModeAccepted"] = True
    projects = _object(wanted.get("projects"))
    trust: dict[str, Json] = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    for directory in answers.directories:
        said = _object(projects.get(directory))
        if said.get("hasTrustDialogAccepted") is not True:
            projects[directory] = {**said, **trust}
    wanted["projects"] = projects
    if answers.key:
        wanted["customApiKeyResponses"] = _with_key(wanted, answers.key[-KEY_SHOWN:])
    return wanted if wanted != found else None


def _with_key(found: Mapping[str, Json], shown: str) -> Json:
    said = _object(found.get("customApiKeyResponses"))
    approved, rejected = _array(said.get("approved")), _array(said.get("rejected"))
    if shown not in approved and shown not in rejected:  # a person's no stays a no
        approved = [*approved, shown]
    return {**said, "approved": approved, "rejected": rejected}


def _object(value: Json) -> dict[str, Json]:
    return {**value} if isinstance(value, dict) else {}


def _array(value: Json) -> list[Json]:
    return [*value] if isinstance(value, list) else []


@contextlib.contextmanager
def _locked(config: Path) -> Iterator[None]:
    """Hold the lock that Claude Code itself takes before it writes: a folder of that name."""
    lock = config.with_name(f"{config.name}.lock")
    until = time.monotonic() + PATIENCE_S
    with files.told(lock, "make"):
        while not _taken(lock):
            if time.monotonic() > until:
                raise NovaorchError(
                    f"{config} is locked",
                    why=f"another program has held {lock} for {PATIENCE_S:g} s",
                    fix="nothing: it is tried again; if it stays so, end what writes it",
                )
            time.sleep(PAUSE_S)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.rmdir()


def _taken(lock: Path) -> bool:
    try:
        lock.mkdir(mode=0o700)
    except FileExistsError:
        with contextlib.suppress(OSError):
            if time.time() - lock.stat().st_mtime > STALE_S:
                lock.rmdir()
        return False
    return True
