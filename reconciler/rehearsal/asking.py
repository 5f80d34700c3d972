"""A question on the screen: answered by a key, or by the first hook that decides."""

from __future__ import annotations

import time
from collections.abc import Callable

from reconciler.rehearsal.hooks import answer
from reconciler.rehearsal.waits import FOREVER, Pause


class Choice(Pause):
    """Waits for one of `answers`; the highlighted one is taken by Enter, any by its number.

    `picked` is the answer, `by` is `key` or `hook`. Other keys and pastes do nothing, as at the
    real one's dialogs: what is typed blindly here is lost.
    """

    def __init__(
        self, told: list[Pause], answers: list[str], rows: Callable[[int], list[str]]
    ) -> None:
        super().__init__(FOREVER)
        self.picked = self.by = self.because = ""
        self.done = False
        self.began = time.monotonic()
        self._told, self._answers, self._rows = told, answers, rows
        self._chosen = 0

    def shown(self) -> list[str]:
        """Return the rows of the question."""
        return self._rows(self._chosen)

    def press(self, name: str, text: str) -> None:
        """Take one key."""
        if name in ("up", "down"):
            step = 1 if name == "down" else -1
            self._chosen = (self._chosen + step) % len(self._answers)
        elif name == "enter":
            self._pick(self._answers[self._chosen])
        elif name in ("escape", "interrupt"):
            self._pick("no")
        elif name == "text" and text.isdecimal() and 0 < int(text) <= len(self._answers):
            self._pick(self._answers[int(text) - 1])

    def _pick(self, answer_: str) -> None:
        self.picked, self.by, self.done = answer_, "key", True
        self.close()

    def reads(self) -> list[int]:
        return [fd for wait in self._told for fd in wait.reads()]

    def writes(self) -> list[int]:
        return [fd for wait in self._told for fd in wait.writes()]

    def step(self) -> None:
        if self.done:
            return
        for wait in self._told:
            wait.step()
        over = [wait for wait in self._told if wait.done]
        self._told = [wait for wait in self._told if not wait.done]
        self.until = min((wait.until for wait in self._told), default=FOREVER)
        said = answer(over, "PermissionRequest")
        if said.get("behavior") in ("allow", "deny"):
            self.picked = "yes" if said["behavior"] == "allow" else "no"
            self.because, self.by, self.done = str(said.get("because") or ""), "hook", True
            self.close()

    def close(self) -> None:
        for wait in self._told:
            wait.close()
        self._told = []
