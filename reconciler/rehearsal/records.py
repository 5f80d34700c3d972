"""What a fake agent writes down: transcript, session file, and the truth about what it was given.

The first two are those of the real one, in its folder. The third is for whoever counts: one line
for each thing that its model was given, in one write, so that no kill leaves half of one.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from reconciler.rehearsal.script import marks

VERSION = "0.1.0"
TYPED = "typed"
"""The route of what is in the composer only."""


def config_folder(environ: dict[str, str]) -> str:
    """Return the folder of the user's agent files."""
    named = environ.get("CLAUDE_CONFIG_DIR")
    return named or os.path.join(os.path.expanduser("~"), ".claude")


def slug(directory: str) -> str:
    """Return how the real one calls a directory's folder of transcripts."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in directory)


def hour() -> str:
    """Return now, as transcripts write it."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


def append(path: str, value: object) -> None:
    """Append one JSON line in one write."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


class Transcript:
    """The conversation's own file. Line ids are counted: nothing here has to be unguessable."""

    def __init__(self, folder: str, conversation: str) -> None:
        self.conversation, self.cwd = conversation, os.getcwd()
        place = os.path.join(folder, "projects", slug(self.cwd))
        os.makedirs(place, exist_ok=True)
        self.path = os.path.join(place, conversation + ".jsonl")
        self.exists = os.path.exists(self.path)
        self._count, self._parent = 0, ""

    def user(self, content: object, **more: object) -> None:
        """Write what the user, or a tool, said."""
        self._line("user", {"message": {"role": "user", "content": content}, **more})

    def assistant(self, block: dict[str, object], usage: tuple[int, int], **more: object) -> None:
        """Write one block of the model's answer, with the tokens that it took."""
        told = {"input_tokens": usage[0], "output_tokens": usage[1]}
        told |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        message = {
            "id": f"msg_{os.getpid()}_{self._count}",
            "type": "message",
            "role": "assistant",
            "model": more.pop("model", "<synthetic>"),
            "content": [block],
            "stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn",
            "usage": told,
        }
        self._line("assistant", {"message": message, **more})

    def attachment(self, event: str, name: str, text: str) -> None:
        """Write what a hook added to the context."""
        told = {"type": "hook_additional_context", "content": [text]}
        self._line("attachment", {"attachment": {**told, "hookName": name, "hookEvent": event}})

    def _line(self, kind: str, more: dict[str, object]) -> None:
        self._count += 1
        uuid = f"{os.getpid():08x}-0000-4000-8000-{self._count:012x}"
        line = {
            "parentUuid": self._parent or None,
            "isSidechain": False,
            "type": kind,
            **more,
            "uuid": uuid,
            "timestamp": hour(),
            "userType": "external",
            "entrypoint": "cli",
            "cwd": self.cwd,
            "sessionId": self.conversation,
            "version": VERSION,
        }
        self._parent = uuid
        append(self.path, line)


class SessionFile:
    """`sessions/PID.json`: what the real one says of itself while it runs."""

    def __init__(self, folder: str, conversation: str) -> None:
        os.makedirs(os.path.join(folder, "sessions"), mode=0o700, exist_ok=True)
        self._path = os.path.join(folder, "sessions", f"{os.getpid()}.json")
        self._told: dict[str, object] = {
            "pid": os.getpid(),
            "sessionId": conversation,
            "cwd": os.getcwd(),
            "startedAt": _now_ms(),
            "procStart": _born(),
            "version": VERSION,
            "kind": "interactive",
            "entrypoint": "cli",
        }

    def say(self, status: str, waiting: str = "") -> None:
        """Write idle, busy or waiting, and for what."""
        told = {**self._told, "status": status, "updatedAt": _now_ms()}
        told["statusUpdatedAt"] = told["updatedAt"]
        if waiting:
            told["waitingFor"] = waiting
        with open(self._path + "~", "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.replace(self._path + "~", self._path)

    def remove(self) -> None:
        """Take it away, as at a polite end."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


class Truth:
    """What the model was given, for those who count at the receiver."""

    def __init__(self, path: str, conversation: str) -> None:
        self._path = path.format(conversation=conversation, pid=os.getpid()) if path else ""
        self._conversation = conversation

    def given(self, route: str, text: str) -> None:
        """Write one thing that the model was given, and by which route."""
        if self._path:
            told = {"at": time.time(), "pid": os.getpid(), "conversation": self._conversation}
            append(self._path, {**told, "route": route, "marks": marks(text), "text": text[:4000]})

    def typed(self, text: str) -> None:
        """Write that a message is in the composer now; the model was not given it yet."""
        if "[novaorch:" in text:
            self.given(TYPED, text)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _born() -> str:
    """Return when the kernel says this process began, '' where it does not say."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""
