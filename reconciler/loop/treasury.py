"""Keeps the ledgers: what model accounts let through, and what agents have spent today.

Nobody ever waits for a store here: what is known is kept at hand, and made the same as the store's
by a round of its own. While no store answers, what this host met counts all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.budget import next_day
from reconciler.core.capacity import (
    Event,
    Limited,
    Overloaded,
    Served,
    Unpaid,
    account_of,
    admit,
    after,
    at,
    booked,
)
from reconciler.core.suspend import hour
from reconciler.core.told import failure, failure_text, resets
from reconciler.loop.purse import Purse, bound
from reconciler.model.agent import Roster, Seat
from reconciler.model.capacity import Account, Flow, Spending
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError
from reconciler.ports import Clock
from reconciler.ports.agents import Accounts, Records

ROUND_S = 5.0
TRIES = 8
"""So often a change of an account is tried while other hosts change it, too."""
UNWRITTEN_MAX = 200
"""So many changes of an account are kept for a store that is down; the last ones matter."""
_SPENDS = frozenset({"UserPromptSubmit", "PreToolUse"})
_SPENT = frozenset({"PostToolUse", "Stop", "StopFailure", "SubagentStop"})

Change = Callable[[Account], Account]


@dataclass(slots=True)
class Treasury:
    """The accounts and budgets of one fleet. Any thread may ask; one of its own makes rounds.

    `reopened` is told when an account lets more or less through than before: somebody may be due.
    """

    accounts: Accounts
    records: Records
    roster: Callable[[], Roster]
    clock: Clock
    log: Callable[[str], None]
    reopened: Callable[[], None] = lambda: None
    _known: dict[str, Account] = field(default_factory=dict)
    _unwritten: dict[str, list[Change]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _bell: threading.Event = field(default_factory=threading.Event)
    _ended: bool = False
    _thread: threading.Thread | None = None
    _trouble: str = ""
    purse: Purse = field(init=False)

    def __post_init__(self) -> None:
        """Open the purse at the same doors."""
        self.purse = Purse(self.accounts, self.records)

    # -- asked ------------------------------------------------------------------------------------

    def hear(self, event: HookEvent) -> HookAnswer:
        """Take note of limits and of spending; refuse what would spend over a budget."""
        seat = self.roster().seats.get(event.unit)
        if seat is None or seat.persona is None:
            return SILENCE
        if event.name == "StopFailure":
            self._failed(seat, event)
        elif event.name == "Stop":
            self._served(seat, event.at)
        if event.name in _SPENT and bound(seat):
            self.purse.stale(event.unit)
        if event.name in _SPENDS:
            why = self.purse.empty(seat, event.at)
            return HookAnswer(refuse=f"novaorch: {why}") if why else SILENCE
        return SILENCE

    def admits(self, unit: UnitId, now: float) -> tuple[bool, float, str]:
        """Return whether an agent may be woken now; otherwise from which hour on, and why not.

        A yes takes the account's turn: the next one waits some seconds, if the account is paced.
        """
        seat = self.roster().seats.get(unit)
        if seat is None or seat.persona is None:
            return True, now, ""
        why = self.purse.empty(seat, now)
        if why:
            return False, next_day(now), why
        name = account_of(seat.persona)
        with self._lock:
            account = self._known.get(name)
            if account is None:
                return True, now, ""
            due = admit(account, now)
            if due > now:
                standing = at(account, now)
                why = f"the account {name} is {_flow(standing)} until {hour(due)}: {standing.why}"
                return False, due, why
            self._change(name, lambda one: booked(one, now))
        return True, now, ""

    def standing(self, now: float) -> Mapping[str, Account]:
        """Return the accounts that do not let everything through, as they were written."""
        with self._lock:
            known = self._known.values()
            return {a.name: a for a in known if at(a, now).flow is not Flow.OPEN}

    def known(self, now: float) -> Mapping[str, Account]:
        """Return how every account of the fleet's agents stands at this hour."""
        with self._lock:
            return {name: at(self._known.get(name, Account(name)), now) for name in self._names()}

    def warnings(self) -> Mapping[UnitId, str]:
        """Return the agents whose budget cannot be enforced, or is used up, and why."""
        return self.purse.warnings(self.roster())

    def spendings(self) -> Mapping[UnitId, Spending]:
        """Return what agents with a budget have spent today, as far as it is known."""
        return self.purse.known()

    # -- rounds -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make rounds from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="treasury", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Make no more rounds."""
        self._ended = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def round(self) -> None:
        """Make what is known the same as what the store keeps; read what was spent."""
        now = self.clock.now()
        try:
            self._exchange(now)
            self.purse.exchange(self.roster(), now)
            self._note("")
        except BlindError as error:
            self._note(f"accounts are kept by this host alone: {error.what} ({error.why})")
        except NovaorchError as error:
            self._note(f"what agents spend is not known: {error.what} ({error.why})")

    def _run(self) -> None:
        while not self._ended:
            self.round()
            self._bell.wait(ROUND_S)
            self._bell.clear()

    def _exchange(self, now: float) -> None:
        names = self._names()
        if not names:
            return
        said = self.accounts.read(names)
        for name, account in said.items():
            with self._lock:
                changes = self._unwritten.get(name, [])[:] or self._lost(account, now)
            kept = self._written(account, changes) if changes else account
            with self._lock:
                left = [c for c in self._unwritten.get(name, []) if c not in changes]
                self._unwritten[name] = left
                before = self._known.get(name, Account(name))
                for change in left:
                    kept = change(kept)
                self._known[name] = kept
            if at(before, now).flow is not at(kept, now).flow:
                self._tell(kept, now)

    def _lost(self, account: Account, now: float) -> list[Change]:
        """Return how to tell a store again what it forgot: nobody else makes an account as new."""
        known = self._known.get(account.name, account)
        if account != Account(account.name) or at(known, now).flow is Flow.OPEN:
            return []
        return [lambda found: known if found == account else found]

    def _written(self, account: Account, changes: Iterable[Change]) -> Account:
        """Write what happened to an account over whatever others wrote meanwhile."""
        changes = list(changes)
        for _ in range(TRIES):
            new = account
            for change in changes:
                new = change(new)
            if new == account or self.accounts.swap(account, new):
                return new
            account = self.accounts.read([account.name])[account.name]
        raise BlindError(
            f"the account {account.name} cannot be written",
            why="others write it all the time",
            fix="it is tried again in a moment",
        )

    # -- inside -----------------------------------------------------------------------------------

    def _failed(self, seat: Seat, event: HookEvent) -> None:
        said = _event(event)
        name = account_of(seat.persona)
        if said is not None and name:
            self._happened(name, said, event.at)

    def _served(self, seat: Seat, now: float) -> None:
        name = account_of(seat.persona)
        account = self._known.get(name)
        if account is not None and account.strikes:
            self._happened(name, Served(), now)

    def _happened(self, name: str, said: Event, now: float) -> None:
        with self._lock:
            before = at(self._known.get(name, Account(name)), now)
            self._change(name, lambda account: after(account, said, now))
            new = self._known[name]
        if before.flow is not at(new, now).flow:
            self._tell(new, now)

    def _change(self, name: str, change: Change) -> None:
        """Change an account at once, here; the next round tells the store."""
        before = self._known.get(name, Account(name))
        new = change(before)
        if new == before:
            return
        self._known[name] = new
        self._unwritten[name] = [*self._unwritten.get(name, []), change][-UNWRITTEN_MAX:]
        self._bell.set()

    def _tell(self, account: Account, now: float) -> None:
        standing = at(account, now)
        end = f" until {hour(standing.until)}" if standing.until else ""
        why = f": {standing.why}" if standing.why else ""
        self.log(f"account {account.name} is {_flow(standing)}{end}{why}")
        self.reopened()

    def _names(self) -> list[str]:
        seats = self.roster().seats.values()
        return sorted({name for seat in seats if (name := account_of(seat.persona))})

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self.log(trouble or "accounts: well again")


def _event(event: HookEvent) -> Event | None:
    """Return what a failed turn says of its account; None: that is not why it failed."""
    error, text = failure(event), failure_text(event)
    if error == "rate_limit":
        return Limited(text, resets(event))
    if error == "overloaded":
        return Overloaded(text)
    return Unpaid(text) if error == "billing_error" else None


def _flow(account: Account) -> str:
    words = {
        Flow.OPEN: "open",
        Flow.PACE: "paced",
        Flow.DRAIN: "draining",
        Flow.CLOSED: "closed",
    }
    return words[account.flow]
