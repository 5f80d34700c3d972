"""The gate of a promotion: commands run one after another in a folder that is thrown away.

They run what agents wrote, so they get a process group of their own, a limit, and an environment in
which no token and no secret is. Nothing of them is left when the answer is there.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from reconciler.model.problems import SourceError
from reconciler.model.promotion import Proof

TAIL_BYTES = 8 * 2**10
MARK = "NOVAORCH_GATE"
"""Names the folder in the environment of whatever runs in it."""
GRACE_S = 3.0
_LOOK_S = 0.2
_CHUNK = 2**16
_LAST_READS = 64
_NAME = "novaorch-gate-"
_TOOLS = ("GOPATH", "GOCACHE", "CARGO_HOME", "RUSTUP_HOME", "JAVA_HOME", "NVM_DIR", "PYENV_ROOT")
_PLACES = ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "VIRTUAL_ENV")
_PERSON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR")
_LET_IN = frozenset({*_PERSON, *_PLACES, *_TOOLS})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a gate asks: commands (argv each), and how long each may take."""

    commands: Sequence[Sequence[str]]
    limit_s: float


@contextlib.contextmanager
def throw_away() -> Iterator[Path]:
    """Give an empty folder, and take it away afterwards; those that a killed process left, too."""
    above = Path(tempfile.gettempdir())
    _sweep(above)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{_NAME}{os.getpid()}-", dir=above))
    except OSError as error:
        raise SourceError(
            f"no folder for the gate can be made in {above}",
            why=str(error),
            fix="look at the space and the rights there, or name another place by TMPDIR",
        ) from error
    try:
        yield folder
    finally:
        _gone(folder)


def prove(
    asked: Asked, folder: Path, env: Mapping[str, str], say: Callable[[bytes], None]
) -> Proof:
    """Run the commands until one fails; `say` hears what they print, as it comes.

    A command that cannot be started fails, as one that takes too long does.
    """
    passed = 0
    for argv in asked.commands:
        why, tail = _one(argv, (folder, asked.limit_s), env, say)
        if why:
            return Proof(len(asked.commands), passed, tuple(argv), why, tail)
        passed += 1
    return Proof(len(asked.commands), passed)


def environment(environ: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Return what commands of a gate find: what tools need of the user's, and what we say."""
    kept = {n: v for n, v in environ.items() if n in _LET_IN or n.startswith("LC_")}
    ours = {"CI": "1", "TERM": "dumb", "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **ours, **said}


def _one(
    argv: Sequence[str],
    where: tuple[Path, float],
    env: Mapping[str, str],
    say: Callable[[bytes], None],
) -> tuple[str, str]:
    """Run one command; return why it failed ('': it did not), and the end of what it printed."""
    folder, limit_s = where
    fenced = {**env, MARK: str(folder), "PWD": str(folder)}
    fenced["GIT_CEILING_DIRECTORIES"] = str(folder.parent)  # no repository further up is meant
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=fenced,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"it cannot be started: {error}", ""
    tail = bytearray()
    try:
        in_time = _listen(process, time.monotonic() + limit_s, tail, say)
    finally:
        _end(process)
    text = bytes(tail[-TAIL_BYTES:]).decode("utf-8", "replace")
    if not in_time:
        return f"it took longer than {limit_s:g} s", text
    code = process.returncode
    if not code:
        return "", text
    return (f"it was ended by signal {-code}" if code < 0 else f"its exit code is {code}"), text


def _listen(
    process: subprocess.Popen[bytes],
    until: float,
    tail: bytearray,
    say: Callable[[bytes], None],
) -> bool:
    """Hear a command out; False: it took too long. What lives on behind it is not waited for."""
    pipe = cast("IO[bytes]", process.stdout).fileno()
    os.set_blocking(pipe, False)

    def heard() -> bytes | None:
        data = _read(pipe)
        if data:
            tail.extend(data)
            del tail[: -2 * TAIL_BYTES]
            say(data)
        return data

    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while process.poll() is None:
            left = until - time.monotonic()
            if left <= 0:
                return False
            if selector.select(min(_LOOK_S, left)) and heard() == b"":
                return _wait(process, until)
    for _ in range(_LAST_READS):
        if not heard():
            break
    return True


def _wait(process: subprocess.Popen[bytes], until: float) -> bool:
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _read(pipe: int) -> bytes | None:
    try:
        return os.read(pipe, _CHUNK)
    except BlockingIOError:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and whatever of its group lives on: asked first, if it is still at work."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        _wait(process, time.monotonic() + GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _sweep(above: Path) -> None:
    for folder in above.glob(f"{_NAME}*"):
        owner = folder.name.removeprefix(_NAME).partition("-")[0]
        if owner.isdigit() and Path("/proc/self").exists() and not Path(f"/proc/{owner}").exists():
            _gone(folder)


def _evict(folder: Path) -> None:
    """End what a gate started and let live on, in whatever session: it has our mark."""
    mark = os.fsencode(f"{MARK}={folder}") + b"\0"
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def _gone(folder: Path) -> None:
    """Take a folder away, also what was made read-only in it, and who still runs there."""
    _evict(folder)

    def again(_: object, path: str, __: object) -> None:
        with contextlib.suppress(OSError):
            Path(path).parent.chmod(0o700)
            if Path(path).is_dir() and not Path(path).is_symlink():
                Path(path).chmod(0o700)
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    shutil.rmtree(folder, onerror=again)


def shown(argv: Sequence[str]) -> str:
    """Return a command as people would type it."""
    return shlex.join(argv)
