"""Where objects wait that a remote sent, until all of them are there and whole.

A folder in the repository's own `objects/`, named as git names such folders, so that `git gc` takes
away what a killed process left. Never lets an object in while a ref could already name it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reconciler.model.problems import SourceError

_PREFIX = "tmp_objdir-incoming-novaorch-"
_LAST = (".pack", ".rev", ".idx")
"""In this order: what names an object comes after what holds it."""


class Quarantine:
    """Objects beside those of one repository. Use it as a context; only `admit` keeps anything."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects
        self.path = objects

    def __enter__(self) -> Quarantine:
        """Make the folder. SourceError: the disk does not let us."""
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._objects))
            (self.path / "pack").mkdir()
        except OSError as error:
            raise SourceError(
                "nothing can be brought here from the remote",
                why=str(error),
                fix=f"look at the space and the rights of {self._objects}",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Take the folder away, with whatever was not admitted."""
        shutil.rmtree(self.path, ignore_errors=True)

    def variables(self) -> dict[str, str]:
        """Return what makes git write here and read there as well."""
        quoted = str(self._objects).replace("\\", "\\\\").replace('"', '\\"')
        return {
            "GIT_OBJECT_DIRECTORY": str(self.path),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"',
        }

    def size(self) -> int:
        """Return how many bytes wait here; what vanishes meanwhile counts as nothing."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with contextlib.suppress(OSError):
                    total += (Path(folder) / name).lstat().st_size
        return total

    def admit(self) -> None:
        """Move every object to where the repository finds it. What is there already stays."""
        try:
            for source in sorted(self._waiting(), key=_order):
                target = self._objects / source.relative_to(self.path)
                if not target.parent.is_dir():
                    target.parent.mkdir(exist_ok=True)
                    target.parent.chmod(self._objects.stat().st_mode & 0o7777)
                if not target.exists():
                    source.rename(target)
        except OSError as error:
            raise SourceError(
                "what the remote sent cannot be kept",
                why=str(error),
                fix=f"look at the space and the rights of {self._objects}",
            ) from error

    def _waiting(self) -> Iterator[Path]:
        for folder in self.path.iterdir():
            if folder.is_dir() and (folder.name == "pack" or len(folder.name) == 2):
                yield from (path for path in folder.iterdir() if not path.name.startswith("tmp_"))


def _order(path: Path) -> tuple[int, str]:
    return (_LAST.index(path.suffix) if path.suffix in _LAST else -1, path.name)
