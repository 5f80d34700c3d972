"""What the journal keeps outside of git: notes that are no commit yet, its key, its highest water.

Nothing here is a truth about what runs. The key must not be in git: with it words can be guessed.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.journal import one_line
from reconciler.model.problems import NovaorchError

KEY_BYTES = 32
LOST_MAX = 8


@dataclass(frozen=True, slots=True)
class HighWater:
    """The furthest a journal is known to have been; `lost` are marks that it went back behind."""

    tip: str = ""
    seq: int = 0
    lost: tuple[tuple[str, int], ...] = ()


class JournalFiles:
    """The journal's files in a folder of ours, made by somebody else."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.pending = root / "journal.pending"

    # -- notes ---------------------------------------------------------------------------------

    def append(self, word: str, said: Mapping[str, Any]) -> None:
        """Add one note in one write; after that not even `kill -9` can hide it."""
        # A line that a full disk cut short is closed by the next one's line break.
        line = b"\n" + one_line({"note": word, "record": said}) + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(self.pending, flags, 0o600)
            try:
                if os.write(fd, line) != len(line):
                    raise OSError(28, "the note was cut short")
            finally:
                os.close(fd)
        except OSError as error:
            raise _unwritable(self.pending, error) from error

    def notes(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the notes in order; a line that was cut short is none."""
        try:
            lines = self.pending.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unwritable(self.pending, error) from error
        found = []
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                note = json.loads(line)
                found.append((str(note["note"]), dict(note["record"])))
        return found

    def clear(self) -> None:
        """Forget the notes: all of them are commits now."""
        try:
            with contextlib.suppress(FileNotFoundError):
                os.truncate(self.pending, 0)
        except OSError as error:
            raise _unwritable(self.pending, error) from error

    # -- the highest water ---------------------------------------------------------------------

    def high_water(self) -> HighWater:
        """Return what is remembered; nothing when nothing is, or it cannot be read."""
        try:
            said = json.loads((self._root / "journal.tip").read_bytes())
            lost = tuple((str(tip), int(seq)) for tip, seq in said["lost"])
            return HighWater(str(said["tip"]), int(said["seq"]), lost)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return HighWater()

    def remember(self, mark: HighWater) -> None:
        """Keep how far the journal is, whole or not at all."""
        lost = [list(one) for one in mark.lost[-LOST_MAX:]]
        path, draft = self._root / "journal.tip", self._root / ".journal.tip"
        try:
            _write_private(
                draft, one_line({"tip": mark.tip, "seq": mark.seq, "lost": lost}) + b"\n"
            )
            draft.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from error

    # -- the key -------------------------------------------------------------------------------

    def key(self) -> bytes:
        """Return the key of the masks; made on first use. Where it cannot be kept it lives as
        long as this process, and the next one's words are others."""
        path = self._root / "journal.key"
        for _ in range(2):
            try:
                found = path.read_bytes()
                if len(found) == KEY_BYTES:
                    return found
                path.unlink()
            except FileNotFoundError:
                pass
            except OSError:
                break
            with contextlib.suppress(OSError):
                self._make_key(path)
        return os.urandom(KEY_BYTES)

    def _make_key(self, path: Path) -> None:
        """Link a whole file into place: of two that try, both take the same."""
        draft = path.with_name(f".journal.key.{os.getpid()}")
        _write_private(draft, os.urandom(KEY_BYTES))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whatever the umask."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if os.write(fd, content) != len(content):
            raise OSError(28, "the file was cut short")
    finally:
        os.close(fd)


def _unwritable(path: Path, error: OSError) -> NovaorchError:
    return NovaorchError(
        f"the journal's notes cannot be kept in {path}",
        why=error.strerror or str(error),
        fix="free some space there, or give yourself write access; what runs is kept true anyway",
    )
