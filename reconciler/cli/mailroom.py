"""What verbs about messages share: the fleet's mail, who is meant, and what the daemon knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.cli import render
from reconciler.core import address
from reconciler.core.address import PERSON, Book
from reconciler.core.receipts import letter_lines, story
from reconciler.gate.client import Client
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId
from reconciler.model.message import Tracked
from reconciler.model.problems import NovaorchError, RefusedError
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


def oneself(wiring: Wiring, fleet: FleetSettings) -> str:
    """Return who sends from this terminal: within an agent that agent, by its token; else the
    person, by the name that git knows."""
    unit = within(wiring, fleet)
    return str(unit) if unit else person(wiring)


def person(wiring: Wiring) -> str:
    """Return the person at the terminal, as a sender."""
    name = wiring.person.partition("<")[0]
    return PERSON + (" ".join(name.split())[:100] or "somebody")


def within(wiring: Wiring, fleet: FleetSettings) -> UnitId:
    """Return the agent of this fleet within which a command runs, '' for none.

    RefusedError: its token is nobody's any more, so who it is cannot be told.
    """
    token = wiring.environ.get("NOVAORCH_TOKEN", "")
    if not token or wiring.environ.get("NOVAORCH_FLEET", "") != fleet.name:
        return UnitId("")
    unit, why = wiring.tokens(fleet).verify(token)
    if not unit:
        raise RefusedError(
            "who runs this command cannot be told",
            why=f"NOVAORCH_TOKEN is {why}: it is no agent's of the fleet {fleet.name}",
            fix="restart the agent; as a person: env -u NOVAORCH_TOKEN novaorch ...",
        )
    return unit


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
        said = Client(wiring.state(fleet).control, ANSWER_S).get(f"/messages/{kept.message.id}")
    except NovaorchError:
        return NO_DAEMON
    why = said.get("why") if isinstance(said, dict) else None
    return why if isinstance(why, str) and why else "the controller has not come to it yet"
