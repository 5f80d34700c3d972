"""The fake agent: `python -m reconciler.rehearsal.agent`, with the words that the real one takes.

One loop hears the keyboard, the hooks and the clock; what happens in order (a start, a turn, an
end) is a generator of waits that the loop carries on. It never runs a command.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Generator

from reconciler.rehearsal.flags import Flags
from reconciler.rehearsal.keys import Keys
from reconciler.rehearsal.life import Life
from reconciler.rehearsal.records import VERSION, config_folder
from reconciler.rehearsal.script import read
from reconciler.rehearsal.waits import FOREVER, Pause

KEYBOARD = 0
LAST_WORDS_S = 0.2


class Loop:
    """The keyboard, the screen and the clock of one agent, until it ends."""

    def __init__(self, life: Life) -> None:
        self.life = life
        life.on_ready = self._ready
        self._keys = Keys()
        self._task: Generator[Pause, None, None] | None = life.begin()
        self._wait: Pause | None = None
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)

    def run(self) -> int:
        """Go on until the agent ends; return its exit code."""
        while self.life.code is None:
            self._advance()
            if self.life.code is None:
                self._draw()
                self._sleep()
        return self.life.code

    def _advance(self) -> None:
        """Carry the task on as far as it goes, and begin what is next."""
        while self.life.code is None:
            if self._wait is not None:
                self._wait.step()
                if not self._wait.done:
                    return
            self._wait = None
            if self._task is None:
                self._task = self.life.next()
                if self._task is None:
                    return
            self._wait = next(self._task, None)
            if self._wait is None:
                self._task = None

    def _sleep(self) -> None:
        waits = [w for w in (self._wait, *self.life.aside) if w is not None]
        reads = [fd for wait in waits for fd in wait.reads()] + [self._wake]
        reads += [KEYBOARD] if self.life.listening else []
        writes = [fd for wait in waits for fd in wait.writes()]
        until = min((wait.until for wait in waits), default=FOREVER)
        left = None if until == FOREVER else max(0.0, until - time.monotonic())
        ready, _, _ = select.select(reads, writes, [], left)
        if self._wake in ready:
            os.read(self._wake, 512)
        if KEYBOARD in ready:
            self._hear()
        for wait in self.life.aside:
            wait.step()
        self.life.aside = [wait for wait in self.life.aside if not wait.done]

    def _hear(self) -> None:
        try:
            data = os.read(KEYBOARD, 65536)
        except OSError:
            data = b""
        if not data:
            self._leave()
        for name, text in self._keys.feed(data):
            if self.life.press(name, text) == "break off" and self._task is not None:
                self._drop()
                self.life.broken_off()

    def _drop(self) -> None:
        if self._wait is not None:
            self._wait.close()
        if self._task is not None:
            self._task.close()
        self._wait = self._task = None

    def _leave(self) -> None:
        self._drop()
        self._task = self.life.leave("other")

    def _draw(self) -> None:
        if self.life.listening:
            below, cursor = self.life.shown()
            self.life.screen.draw(below, cursor)

    def _ready(self) -> None:
        tty.setraw(KEYBOARD, termios.TCSADRAIN)
        self.life.screen.enter()

    def _signalled(self, number: int, _frame: object) -> None:
        if number != signal.SIGWINCH:
            self._leave()


def _minted() -> str:
    """Return a conversation id of its own, in the form of a UUID."""
    word = os.urandom(16).hex()
    return "-".join((word[:8], word[8:12], "4" + word[13:16], "8" + word[17:20], word[20:]))


def _refused(why: str) -> int:
    """Say why it does not even start. A terminal may lose the words of who ends at once."""
    print(why, flush=True)
    time.sleep(LAST_WORDS_S)
    return 1


def main(words: list[str]) -> int:
    """Run one fake agent on this terminal; return its exit code."""
    flags = Flags(words)
    if flags.has("--version"):
        print(f"{VERSION} (fake agent)")
        return 0
    if not os.isatty(KEYBOARD):
        print("the fake agent needs a terminal", file=sys.stderr)
        return 1
    try:
        script = read(dict(os.environ))
    except SystemExit as error:
        return _refused(str(error))
    conversation = flags.one("--resume") or flags.one("--session-id") or _minted()
    life = Life(flags, script, config_folder(dict(os.environ)), conversation)
    if life.refused:
        return _refused(life.refused)
    before = termios.tcgetattr(KEYBOARD)
    try:
        return Loop(life).run()
    finally:
        life.screen.leave()
        termios.tcsetattr(KEYBOARD, termios.TCSANOW, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
