"""What a fake agent is, whatever it is doing: its files, its hooks, its screen, what it shows."""

from __future__ import annotations

from collections.abc import Generator

from reconciler.rehearsal.asking import Choice
from reconciler.rehearsal.flags import Flags
from reconciler.rehearsal.hooks import Hooks, answer
from reconciler.rehearsal.records import SessionFile, Transcript, Truth
from reconciler.rehearsal.screen import Screen
from reconciler.rehearsal.script import Script
from reconciler.rehearsal.servers import Servers
from reconciler.rehearsal.waits import Pause


class Figure:
    """One agent. `code` is its exit code once it has one; `turns` counts those of this life."""

    def __init__(self, flags: Flags, script: Script, folder: str, conversation: str) -> None:
        self.flags, self.script, self.conversation = flags, script, conversation
        self.mode = flags.one("--permission-mode", "default")
        self.hooks = Hooks(flags.one("--settings"), script.deaf)
        self.servers = Servers(flags.options.get("--mcp-config", []))
        self.transcript = Transcript(folder, conversation)
        self.truth = Truth(script.log, conversation)
        self.session = SessionFile(folder, conversation)
        self.screen = Screen(1, script.rows)
        self.code: int | None = None
        self.aside: list[Pause] = []
        """What is under way and nobody waits for."""
        self.dialog: Choice | None = None
        self.busy = self.hint = ""
        self.turns = 0

    def ask(self, event: str, more: dict[str, object]) -> Generator[Pause, None, dict[str, object]]:
        """Tell the hooks of an event, wait for all of them, and return their one answer."""
        waits = self.hooks.calls(event, self.payload(event, more))
        yield from waits
        return answer(waits, event)

    def payload(self, event: str, more: dict[str, object]) -> dict[str, object]:
        """Return what a hook is told."""
        return {
            "session_id": self.conversation,
            "transcript_path": self.transcript.path,
            "cwd": self.transcript.cwd,
            "permission_mode": self.mode,
            "hook_event_name": event,
            **more,
        }

    def context(self, event: str, name: str, told: dict[str, object]) -> str:
        """Give the model what a hook added, and return it."""
        text = str(told.get("context") or "")
        if text:
            self.transcript.attachment(event, name, text)
            self.truth.given(event, text)
        return text

    def say(self, status: str, waiting: str = "") -> None:
        """Write the session file."""
        self.session.say(status, waiting)
