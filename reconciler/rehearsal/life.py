"""What a fake agent does in order: it starts, takes turns, and ends; and what it hears meanwhile.

What happens in order is a generator, and yields what it waits for; somebody else does the waiting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator

from reconciler.rehearsal import screen
from reconciler.rehearsal.asking import Choice
from reconciler.rehearsal.figure import Figure
from reconciler.rehearsal.flags import Flags
from reconciler.rehearsal.hooks import load
from reconciler.rehearsal.records import Transcript
from reconciler.rehearsal.script import Script
from reconciler.rehearsal.turn import Turn
from reconciler.rehearsal.waits import Pause

FOLD_BREAKS, FOLD_CHARACTERS = 2, 800
"""The composer shows a longer paste as a word; so does the real one."""
Steps = Generator[Pause, None, None]
FOOTERS = {
    "auto": "⏵⏵ auto mode on",
    "acceptEdits": "⏵⏵ accept edits on",
    "plan": "⏸ plan mode on",
    "bypassPermissions": "⏵⏵ bypass permissions on",
}


class Life(Figure):
    """One agent from its start to its end."""

    def __init__(self, flags: Flags, script: Script, folder: str, conversation: str) -> None:
        super().__init__(flags, script, folder, conversation)
        self.resumed = flags.has("--resume")
        self.refused = _refused(self.resumed, self.transcript)
        self.trusted = not script.trust and _trusts(folder)
        self.listening = False
        self.on_ready: Callable[[], None] = lambda: None
        self.draft = script.draft
        self.queue: list[str] = list(flags.rest[:1])
        self._swallow = script.swallow
        self._pasted: dict[str, str] = {}
        self._ending: Steps | None = None

    # -- what happens in order -----------------------------------------------------------------

    def begin(self) -> Steps:
        """Start: wait, ask whether the folder is trusted, tell the hooks."""
        yield Pause(self.script.start_s)
        self.on_ready()
        self.listening = True
        if not self.trusted:
            yield from self._gate()
        if self.code is None:
            head = f"▐▛███▜▌  Fake agent · {self.flags.one('--model', 'no model')}"
            self.screen.tell(f"{head}\n{os.getcwd()}\n", " ", " ")
            told = yield from self.ask("SessionStart", {"source": self._source()})
            self.context("SessionStart", "SessionStart", told)
            self.say("idle")

    def next(self) -> Steps | None:
        """Return what to do now that nothing is under way; None: wait for keys."""
        if self._ending is not None:
            ending, self._ending = self._ending, None
            return ending
        if self.queue:
            self.turns += 1
            return Turn(self, self.queue.pop(0)).steps()
        return None

    def leave(self, reason: str) -> Steps:
        """End politely."""
        told = self.hooks.calls("SessionEnd", self.payload("SessionEnd", {"reason": reason}))
        yield from told
        self.session.remove()
        self.code = 0

    def broken_off(self) -> None:
        """A person pressed Escape in the middle of a turn."""
        self.dialog, self.busy = None, ""
        said = [{"type": "text", "text": "[Request interrupted by user]"}]
        self.transcript.user(said)
        self.screen.tell("Interrupted · What should the agent do instead?", "  ⎿  ")
        self.say("idle")

    def _gate(self) -> Steps:
        gate = Choice([], ["no", "yes"], lambda at: screen.gate(os.getcwd(), at))
        self.dialog = gate
        yield gate
        self.dialog = None
        if gate.picked != "yes":
            self.code = 1

    # -- the keyboard --------------------------------------------------------------------------

    def press(self, name: str, text: str) -> str:
        """Take one key; `break off` means that what is under way ends."""
        if self.dialog is not None:
            self.dialog.press(name, text)
            return ""
        if name in ("paste", "text"):
            self.draft += self._folded(text) if name == "paste" else text
            self.truth.typed(text)
        elif name in ("newline", "back", "clear"):
            self.draft = {"newline": self.draft + "\n", "back": self.draft[:-1]}.get(name, "")
        elif name == "enter":
            self._enter()
        elif name in ("end", "interrupt") and not self.draft and not self.busy:
            self._ending = self.leave("prompt_input_exit")
        elif name == "interrupt" and self.draft:
            self.draft = ""
        return "break off" if name in ("escape", "interrupt") and self.busy else ""

    def _enter(self) -> None:
        if self._swallow:
            self._swallow -= 1
        elif self.draft.strip() in ("/exit", "/quit"):
            self.draft, self._ending = "", self.leave("prompt_input_exit")
        elif self.draft.strip():
            for word, text in self._pasted.items():
                self.draft = self.draft.replace(word, text)
            self.queue.append(self.draft)
            self.draft = self.hint = ""

    def _folded(self, text: str) -> str:
        """Return what stands in the composer for a paste: a long one is a word only."""
        breaks = text.count("\n")
        if breaks <= FOLD_BREAKS and len(text) <= FOLD_CHARACTERS:
            return text
        word = f"[Pasted text #{len(self._pasted) + 1} +{breaks} lines]"
        self._pasted[word] = text
        return word

    # -- the screen ----------------------------------------------------------------------------

    def shown(self) -> tuple[list[str], tuple[int, int]]:
        """Return the rows below the past, and where the cursor stands in them."""
        if self.dialog is not None:
            rows = self.dialog.shown()
            return rows, (len(rows) - 1, 0)
        footer = FOOTERS.get(self.mode, "⏸ manual mode on")
        footer += " · esc to interrupt" if self.busy else " · ? for shortcuts"
        rows, cursor = screen.composer(self.draft, self.hint, footer, self.screen.width)
        above = [f"✻ {self.busy}… (esc to interrupt)", ""] if self.busy else []
        above += [f"  ❯ {line}" for line in self.queue]
        return above + rows, (cursor[0] + len(above), cursor[1])

    def _source(self) -> str:
        return "resume" if self.resumed else "startup"


def _refused(resumed: bool, transcript: Transcript) -> str:
    """Return why it cannot start at all, in the real one's words."""
    if resumed and not transcript.exists:
        return f"No conversation found with session ID: {transcript.conversation}"
    if not resumed and transcript.exists:
        return f"Error: Session ID {transcript.conversation} is already in use."
    return ""


def _trusts(folder: str) -> bool:
    """Whether the user's file says that this folder is trusted."""
    beside = os.path.join(os.path.dirname(folder), ".claude.json")
    inside = os.path.join(folder, ".claude.json")
    named = inside if "CLAUDE_CONFIG_DIR" in os.environ else beside
    projects: object = load(named).get("projects")
    project = projects.get(os.getcwd()) if isinstance(projects, dict) else None
    return isinstance(project, dict) and bool(project.get("hasTrustDialogAccepted"))
