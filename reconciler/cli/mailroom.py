"""What verbs about messages share: the fleet's mail, who is meant, and what the daemon knows."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from reconciler.cli import render
from reconciler.core import address
from reconciler.core.address import PERSON, Book
from reconciler.core.receipts import letter_lines, story
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.message import Tracked
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring

if TYPE_CHECKING:
    from reconciler.adapters.store.mail import RedisMail

NO_DAEMON = "nobody delivers it: no controller is at work here (novaorch up)"
ANSWER_S = 2.0


@contextlib.contextmanager
def opened(wiring: Wiring, fleet: FleetSettings, *, start: bool = False) -> Iterator[RedisMail]:
    """Give the mail of a fleet; `start` lets it start the embedded server."""
    mail = wiring.mail(fleet, start=start)
    try:
        yield mail
    finally:
        mail.close()


def oneself(wiring: Wiring) -> str:
    """Return the person at the terminal, as a sender: by the name that git knows."""
    name = wiring.person.partition("<")[0]
    return PERSON + (" ".join(name.split())[:100] or "somebody")


def whom(word: str, book: Book) -> str:
    """Return whose mail is meant; somebody who left the fleet may still be named in full."""
    if word.startswith(PERSON):
        return address.receivers(word, book)[0]
    if word.count("/") == 2 and UnitId(word) not in book.agents:
        return word
    return str(address.agent(word, book))


def one(mail: RedisMail, word: str) -> Tracked:
    """Return the message that a word names; NovaorchError: none, or not clear which."""
    found = mail.find(word.strip().lower())
    if found is None:
        raise NovaorchError(
            f"there is no one message {word[:60]!r}",
            why="no id begins so, or several do, or it was forgotten 30 days after its end",
            fix="see the ids: novaorch messages",
        )
    return found


def told(wiring: Wiring, word: str, as_json: bool, *, sure: bool) -> bool:
    """Print the way of a message, and what it waits for now; False when there is none.

    `sure`: the word is no unit's, so that a store that does not answer is an error.
    """
    try:
        fleet = wiring.followed.read().fleet
        with opened(wiring, fleet) as mail:
            kept = mail.find(word.lower())
    except NovaorchError:
        if sure:
            raise
        return False
    if kept is None:
        return False
    why = waits(wiring, fleet, kept)
    if as_json:
        render.record("message", **kept.as_json(), waits=why)
        return True
    for line in (*letter_lines(kept), *story(kept, why)):
        render.out(line)
    return True


def waits(wiring: Wiring, fleet: FleetSettings, kept: Tracked) -> str:
    """Return what an open message waits for now, asked of the daemon; '' for one that is not."""
    if not kept.open:
        return ""
    if kept.message.to.startswith(PERSON):
        return "that somebody reads it: novaorch inbox"
    try:
        said = _asked(wiring.state(fleet).control, f"/messages/{quote(kept.message.id, safe='')}")
    except (OSError, ValueError, http.client.HTTPException):
        return NO_DAEMON
    return said or "the controller has not come to it yet"


def _asked(path: Path, what: str) -> str:
    """Ask the daemon why, at its socket; '' when it knows nothing of it."""
    line = _Line(path)
    try:
        line.request("GET", what)
        said = json.loads(line.getresponse().read(1 << 20))
    finally:
        line.close()
    value = said.get("value") if isinstance(said, dict) else None
    why = value.get("why") if isinstance(value, dict) else None
    return why if isinstance(why, str) else ""


class _Line(http.client.HTTPConnection):
    """HTTP by a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        """Reach the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(str(self._path))
