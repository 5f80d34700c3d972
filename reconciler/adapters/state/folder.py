"""The folder where novaorch keeps its own files. Looking makes nothing: it appears with the first
write. Never holds a wish or a truth; all of it may be deleted.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.model.control import SILENT, Consent
from reconciler.model.problems import NovaorchError

SOCKET_BYTES_MAX = 100
"""Room for a unix socket path: 108 bytes on Linux, 104 on macOS."""

_FLEET = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_AGENT = re.compile(r"([a-z0-9][a-z0-9-]{0,47})/agent/([a-z0-9][a-z0-9-]{0,63})")


@dataclass(frozen=True, slots=True)
class StateDir:
    """The files of one fleet in one repository, for one user on one machine."""

    root: Path
    store_socket: Path

    @classmethod
    def of(cls, fleet: str, common_dir: Path, environ: Mapping[str, str]) -> StateDir:
        """Return the place for `fleet` of the repository whose shared git folder is `common_dir`.

        Touches nothing on disk. Two paths to one repository (a symlink, a linked worktree) are
        one place.
        """
        if not _FLEET.fullmatch(fleet):
            raise NovaorchError(
                f"{fleet!r} cannot name a fleet",
                why="the name becomes a folder",
                fix="use a-z, 0-9 and -, at most 48 characters",
            )
        mark = hashlib.sha256(os.fsencode(common_dir.resolve())).hexdigest()[:8]
        root = _state_home(environ) / "novaorch" / f"{fleet}-{mark}"
        return cls(root=root, store_socket=_socket_path(root, environ))

    @property
    def cache(self) -> Path:
        """Parsed manifests."""
        return self.root / "manifests.cache"

    @property
    def store(self) -> Path:
        """The embedded store's folder."""
        return self.root / "store"

    @property
    def lock(self) -> Path:
        """Held by the one controller that is at work."""
        return self.root / "controller.lock"

    @property
    def log(self) -> Path:
        """What the controller says when it runs in the background."""
        return self.root / "controller.log"

    @property
    def confirmed(self) -> Path:
        """What a person said to the controller on the command line, until it is taken."""
        return self.root / "confirmed"

    @property
    def epoch(self) -> Path:
        """The largest epoch that a controller of this host had."""
        return self.root / "epoch"

    @property
    def pid(self) -> Path:
        """The process id of the controller in the background."""
        return self.root / "controller.pid"

    @property
    def gate(self) -> Path:
        """Where the gate is, as a note for whoever asks it, while it is open."""
        return self.root / "gate"

    @property
    def gate_port(self) -> Path:
        """The ports that the gate had (`PortFile`)."""
        return self.root / "gate-port"

    @property
    def questions(self) -> Path:
        """What agents asked, and nobody has answered yet."""
        return self.root / "questions.json"

    @property
    def remote(self) -> Path:
        """How it stands with the remote, as a note for whoever looks."""
        return self.root / "remote.json"

    @property
    def control(self) -> Path:
        """The socket at which the command line speaks to the controller."""
        return self.store_socket.with_name("control.sock")

    @staticmethod
    def is_agent(unit: str) -> bool:
        """Whether a text is the id of an agent."""
        return _AGENT.fullmatch(unit) is not None

    def agent(self, unit: str) -> Path:
        """Return the folder of an agent's own files; NovaorchError: that is no agent."""
        parts = _AGENT.fullmatch(unit)
        if parts is None:
            raise NovaorchError(
                f"{unit[:100]!r} is no agent",
                why="only agents have files of their own",
                fix="name it as PROJECT/agent/NAME",
            )
        return self.root / "agents" / parts[1] / parts[2]

    def make(self) -> Path:
        """Make the folder, readable by its owner alone whatever the umask, and return it."""
        private_folder(self.root)
        return self.root

    def confirm(self, word: str, now: bool = False) -> None:
        """Leave a person's consent for the controller, whole or not at all."""
        text = json.dumps({"word": word, "now": now})
        replaced(self.confirmed, text)

    def consented(self) -> Consent:
        """Take what a person left, once. What is damaged says nothing."""
        taken = self.confirmed.with_name(f".taken-{os.getpid()}")
        try:
            self.confirmed.replace(taken)  # a word that comes now is not deleted unread
            text = taken.read_bytes()
            taken.unlink()
        except OSError:
            return SILENT
        try:
            said = json.loads(text[:4096])
        except (ValueError, RecursionError):
            return SILENT
        if not isinstance(said, dict) or not isinstance(said.get("word"), str):
            return SILENT
        return Consent(said["word"].strip(), now=said.get("now") is True)

    def make_store(self) -> Path:
        """Make the store's folder and its socket's, and return the former."""
        self.make()
        private_folder(self.store)
        if self.store_socket.parent != self.root:
            private_folder(self.store_socket.parent)
        return self.store

    def check_socket(self) -> None:
        """Refuse a socket folder that somebody else could have prepared; absent is fine."""
        with told(self.store_socket.parent, "look at"):
            if os.path.lexists(self.store_socket.parent):
                _check_private(self.store_socket.parent)


def replaced(path: Path, text: str) -> None:
    """Write a small file of ours anew, whole or not at all."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with told(draft, "write"):
            draft.touch(mode=0o600)
            draft.write_text(text, encoding="ascii")
            draft.replace(path)
    except NovaorchError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def private_folder(path: Path) -> None:
    """Make `path` and what is missing above it with mode 0700; refuse another user's folder."""
    with told(path, "make"):
        for folder in (*reversed(path.parents), path):
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            except OSError:
                if folder.is_dir():
                    continue
                raise
            folder.chmod(0o700)
        if _check_private(path) & 0o777 != 0o700:
            path.chmod(0o700)


def _check_private(folder: Path) -> int:
    """Return the mode of a real folder of ours; a symlink or a stranger's is refused."""
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise NovaorchError(
            f"{folder} is not a folder of yours",
            why="it is a symlink, a file, or belongs to another user, who could read along",
            fix=f"look at it (`ls -ld {folder}`) and remove it, or {_MEND}",
        )
    return seen.st_mode


_MEND = "choose another place: XDG_STATE_HOME=/a/folder/of/yours novaorch ..."


@contextlib.contextmanager
def told(path: Path, verb: str) -> Iterator[None]:
    """Turn an OSError into words that name the path and the mend."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        fix = f"free some space there, or {_MEND}" if error.errno == errno.ENOSPC else _MEND
        raise NovaorchError(f"cannot {verb} {where}", why=error.strerror or "", fix=fix) from error


def _state_home(environ: Mapping[str, str]) -> Path:
    """Return the base folder; a relative XDG_STATE_HOME is ignored, as its standard says."""
    for name, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        value = environ.get(name, "")
        if value.startswith("/"):
            return Path(value, below)
    raise NovaorchError(
        "there is no place for novaorch's own files",
        why="neither XDG_STATE_HOME nor HOME names an absolute folder",
        fix=_MEND,
    )


def _socket_path(root: Path, environ: Mapping[str, str]) -> Path:
    """Return where the store listens: in `root`, or in a short folder when that is too long."""
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [root]
    if runtime.startswith("/"):
        places.append(Path(runtime, f"novaorch-{mark}"))
    for place in places:
        if len(os.fsencode(place / "store.sock")) <= SOCKET_BYTES_MAX:
            return place / "store.sock"
    return Path("/tmp", f"novaorch-{os.getuid()}-{mark}", "store.sock")  # noqa: S108 - checked
