"""A manifest that a verb writes: where it goes, that it is valid. Never overwrites another."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from reconciler.kinds.foreign.naming import unit_name
from reconciler.kinds.foreign.notes import Imported
from reconciler.kinds.foreign.variables import Surroundings
from reconciler.kinds.foreign.write import manifest_text
from reconciler.kinds.names import NAME
from reconciler.kinds.parse import parse
from reconciler.model.problems import NovaorchError, RefusedError, UsageError
from reconciler.wiring import Wiring

FOLDER = "desired-state"
SCHEMA = "../../.schemas/session.json"


def project(wiring: Wiring, wanted: str) -> str:
    """Return the project that a new manifest goes to: the one named, or the only one there is."""
    import re  # noqa: PLC0415

    if wanted:
        if not re.fullmatch(NAME, wanted):
            raise UsageError(
                f"{wanted} cannot name a project", fix=f"for example: --project {unit_name(wanted)}"
            )
        return wanted
    root = Path(wiring.repository.root)
    known = sorted(p.name for p in (root / FOLDER).glob("*/") if re.fullmatch(NAME, p.name))
    if len(known) == 1:
        return known[0]
    if known:
        raise UsageError(
            f"there are {len(known)} projects: {', '.join(known)}", fix="name one with --project"
        )
    return unit_name(root.name)


def surroundings(wiring: Wiring, folder: Path) -> Surroundings:
    """Return where a foreign file, or a live session, comes from."""
    environ = {**wiring.environ, "PWD": str(wiring.directory)}
    return Surroundings(str(folder), environ.get("HOME", ""), environ, str(wiring.repository.root))


def place(project_name: str, unit: str) -> str:
    """Return the path of a Session's manifest below desired-state/."""
    return f"{project_name}/sessions/{unit}.yaml"


def write(wiring: Wiring, path: str, imported: Imported, *, force: bool) -> Path:
    """Write a manifest and return its file. RefusedError when one is there already."""
    text = checked(path, imported)
    file = Path(wiring.repository.root) / FOLDER / path
    if file.exists() and not force:
        raise RefusedError(
            f"{FOLDER}/{path} is there already",
            why="a manifest that somebody wrote is never overwritten",
            fix="choose another name (--as-name), or say --force",
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, text)
    except OSError as error:
        raise NovaorchError(
            f"{file} cannot be written", why=error.strerror or str(error), fix="mend the folder"
        ) from error
    return file


def checked(path: str, imported: Imported) -> str:
    """Return the manifest's text; NovaorchError when our own reader would refuse it."""
    text = manifest_text(imported.manifest, SCHEMA)
    manifest, problems = parse(path, "", text.encode())
    if manifest is None:
        first = problems[0]
        raise NovaorchError(
            f"the manifest of {imported.name} would not be valid: {first.what}",
            why=first.why,
            fix=f"change what it comes from ({first.fix}), or write the manifest by hand",
        )
    return text


def _replace(file: Path, text: str) -> None:
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(draft).chmod(0o644)
        Path(draft).replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
