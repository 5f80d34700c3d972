"""Tools about messages: send, read, reply, verify. Refuses what the command line refuses, too.

Never shows an agent what was not sent to it, or by it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.address import OURSELVES, book_of, receivers
from reconciler.core.admission import FULL, Bucket, check_size, spend
from reconciler.core.explain import hour
from reconciler.core.messageid import is_message_id
from reconciler.core.posting import Draft, messages
from reconciler.core.receipts import reached
from reconciler.core.toolbox import ToolError
from reconciler.gate.tools.arguments import number, text
from reconciler.gate.tools.means import Means, coded
from reconciler.model.ids import Json, UnitId
from reconciler.model.message import Message, Priority, Proof, Stage, Tracked
from reconciler.model.problems import RefusedError

WAIT_MAX_S = 20
LOOK_S = 0.05
WAITING_MAX = 8
"""So many calls wait at once; who comes then is answered at once."""
READ_MAX, READ_USUAL = 50, 10
READ_CHARS = 32_000
"""More than this is not read at once, unless one message alone is larger."""
BEGINS = 200
RECEIPTS_MAX = 50
EVIDENCE = "read_inbox: its agent asked for it"

Said = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """What one call sends, and how long it waits for."""

    draft: Draft
    wait_s: int = 0


class Letters:
    """Carries out the tools about messages. Any thread."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lock = threading.Lock()
        self._waits = threading.Semaphore(WAITING_MAX)
        self._buckets: dict[UnitId, Bucket] = {}

    # -- sending -----------------------------------------------------------------------------------

    def send(self, unit: UnitId, said: Said) -> dict[str, Json]:
        """Send to whom `to` means."""
        parent = self._mine(unit, text(said, "reply_to")) if said.get("reply_to") else None
        draft = _draft(unit, text(said, "to"), said, parent)
        return self._sent(unit, _Outgoing(draft, number(said, "wait_s", 0, WAIT_MAX_S)))

    def reply(self, unit: UnitId, said: Said) -> dict[str, Json]:
        """Send to whoever sent a message."""
        parent = self._mine(unit, text(said, "id"))
        to = parent.sender if parent.sender != unit else parent.to
        if to == OURSELVES:
            raise ToolError(
                "not-allowed",
                "novaorch reads no messages",
                why=f"{parent.id} is from novaorch itself",
                fix="ask a person: request_decision",
            )
        return self._sent(unit, _Outgoing(_draft(unit, to, said, parent)))

    def _sent(self, unit: UnitId, out: _Outgoing) -> dict[str, Json]:
        means, now = self._means, self._means.now()
        book, draft = book_of(means.roster()), out.draft
        with coded("too-large"):
            check_size(draft.body)
        with coded("unknown-agent"):
            whom = receivers(draft.to, book, draft.sender)
        self._spend(unit, len(whom), now)
        with coded("invalid"):
            made = messages(draft, book, now, iter(means.mint, ""))
        kept = means.mail.accept(made)
        found = self._awaited([one.id for one in kept], out.wait_s)
        _refuse_full(found)
        again = {one.id for one in kept if one.again}
        rows: list[Json] = [self._receipt(one, again) for one in found[:RECEIPTS_MAX]]
        told: dict[str, Json] = {"messages": rows, "count": len(found)}
        lost = [one.message.to for one in found if one.stage is Stage.DEAD]
        if lost:
            told["not_delivered"] = list(lost[:RECEIPTS_MAX])
        return told

    def _receipt(self, kept: Tracked, again: set[str]) -> Json:
        message = kept.message
        told: dict[str, Json] = {"id": message.id, "to": message.to, "stage": kept.stage.value}
        if message.id in again:
            told["note"] = "was sent before with this key"
        seat = self._means.roster().seats.get(UnitId(message.to))
        if kept.open and seat is not None and not seat.pane:
            told["note"] = "it does not run now"
        elif kept.open and seat is not None and seat.mode == "manual":
            told["note"] = "it is in mode manual: it gets this when it asks"
        return told

    def _awaited(self, ids: Sequence[str], wait_s: int) -> list[Tracked]:
        """Return these messages, after a while if that helps; too many do not wait at once."""
        waits = wait_s > 0 and self._waits.acquire(blocking=False)
        until = self._means.now() + wait_s
        try:
            while True:
                found = [kept for name in ids if (kept := self._means.mail.find(name))]
                done = not waits or all(_over(kept) for kept in found)
                if done or not 0 < until - self._means.now() <= wait_s:
                    return found
                self._means.pause(LOOK_S)
        finally:
            if waits:
                self._waits.release()

    def _spend(self, unit: UnitId, count: int, now: float) -> None:
        with self._lock:
            try:
                left = spend(self._buckets.get(unit, Bucket(at=now)), count, now)
            except RefusedError as error:
                raise ToolError("too-many", error.what, why=error.why, fix=error.fix) from None
            self._buckets[unit] = left

    # -- reading -----------------------------------------------------------------------------------

    def read(self, unit: UnitId, said: Said) -> dict[str, Json]:
        """Return what waits, or one message; it counts as read from now on.

        What is on its way to the agent's screen already is left to arrive there, or it would be
        read twice.
        """
        means = self._means
        if said.get("id"):
            one = self._found(unit, text(said, "id"))
            if one.message.to == unit:
                means.mail.prove([(one.message.id, self._proof())])
            return {"messages": [_letter(one.message)]}
        most = max(1, number(said, "limit", READ_USUAL, READ_MAX))
        with means.turn(unit):
            waiting = means.mail.inbox(str(unit))
            fresh = [one for one in waiting if one.stage is not Stage.INJECTED]
            taken = _fitting(fresh[:most])
            means.mail.prove([(one.message.id, self._proof()) for one in taken])
        told: dict[str, Json] = {"messages": [_letter(one.message) for one in taken]}
        told["left"] = len(fresh) - len(taken)
        if len(waiting) > len(fresh):
            told["arriving"] = len(waiting) - len(fresh)
        return told

    def verify(self, unit: UnitId, said: Said) -> dict[str, Json]:
        """Return what the store knows of a message to the caller, or by it."""
        name = text(said, "id").strip()
        kept = self._means.mail.find(name) if is_message_id(name) else None
        if kept is None or unit not in (kept.message.to, kept.message.sender):
            return {
                "id": name[:40],
                "genuine": False,
                "why": "no message of this id was sent to you or by you",
            }
        message = kept.message
        return {
            "id": message.id,
            "genuine": True,
            "from": message.sender,
            "to": message.to,
            "at": _at(message.at),
            "priority": message.priority.name.lower(),
            "stage": kept.stage.value,
            "begins": message.body[:BEGINS],
            "characters": len(message.body),
        }

    def _proof(self) -> Proof:
        return Proof(Stage.READ, self._means.now(), EVIDENCE)

    def _mine(self, unit: UnitId, name: str) -> Message:
        return self._found(unit, name).message

    def _found(self, unit: UnitId, name: str) -> Tracked:
        name = name.strip()
        kept = self._means.mail.find(name) if is_message_id(name) else None
        if kept is None or unit not in (kept.message.to, kept.message.sender):
            raise ToolError(
                "unknown-message",
                f"there is no message {name[:40]!r} to you or by you",
                fix="take the whole id from the message's head: m and 26 characters",
            )
        return kept


def _draft(unit: UnitId, to: str, said: Said, parent: Message | None) -> Draft:
    urgency = Priority[text(said, "priority", "normal").upper()]
    body, key = text(said, "body"), text(said, "key")
    return Draft(str(unit), to, body, urgency, key, parent)


def _over(kept: Tracked) -> bool:
    return kept.stage is Stage.DEAD or reached(kept, Stage.SUBMITTED)


def _refuse_full(found: Sequence[Tracked]) -> None:
    """Refuse when nobody at all has room."""
    full = [one for one in found if one.stage is Stage.DEAD and one.proofs[-1].evidence == FULL]
    if full and len(full) == len(found):
        raise ToolError(
            "inbox-full",
            f"there is no room for it at {full[0].message.to}",
            why=FULL,
            fix="wait until it has read some, or tell a person",
        )


def _fitting(waiting: Sequence[Tracked]) -> list[Tracked]:
    """Return as many from the front as fit; the first always does."""
    taken: list[Tracked] = []
    left = READ_CHARS
    for one in waiting:
        left -= len(one.message.body)
        if taken and left < 0:
            break
        taken.append(one)
    return taken


def _letter(message: Message) -> Json:
    told: dict[str, Json] = {"id": message.id, "from": message.sender, "at": _at(message.at)}
    if message.priority is not Priority.NORMAL:
        told["priority"] = message.priority.name.lower()
    if message.reply_to:
        told["reply_to"] = message.reply_to
    return {**told, "body": message.body}


def _at(at: float) -> str:
    return hour(int(at)) if 0 <= at < 1e11 else "an hour that no calendar has"
