"""Limits heard once for the fleet, budgets kept before money is spent, with or without a store."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import pytest

from reconciler.adapters.memory import MemoryClock
from reconciler.adapters.memory.accounts import MemoryAccounts
from reconciler.core.budget import day_of, next_day
from reconciler.core.capacity import GAP_S, PACE_S
from reconciler.loop.purse import FRESH_S
from reconciler.loop.treasury import Treasury
from reconciler.model.agent import Evidence, Persona, Roster, Seat
from reconciler.model.capacity import Account, Flow, Spending
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId

A, B, C = (UnitId.of("p", "agent", name) for name in "abc")


@dataclass
class Bills:
    """What transcripts say was spent; None: this runtime does not say."""

    usd: dict[UnitId, float | None] = field(default_factory=dict)
    reads: int = 0

    def spending(self, seat: Seat, day: str) -> Spending | None:
        """See `Records.spending`."""
        self.reads += 1
        usd = self.usd.get(seat.unit, 0.0)
        return None if usd is None else Spending(str(seat.unit), day, usd, 10, 5)

    def session(self, seat: Seat) -> Evidence | None:
        """See `Records.session`."""

    def holds(self, seat: Seat, marks: object) -> None:
        """See `Records.holds`."""


class Bank:
    """A treasury of one host; several may share the accounts."""

    def __init__(self, *seats: Seat, accounts: MemoryAccounts | None = None) -> None:
        self.clock, self.bills = MemoryClock(), Bills()
        self.accounts = accounts or MemoryAccounts()
        self.seats = {seat.unit: seat for seat in seats}
        self.said: list[str] = []
        self.reopened = 0
        self.treasury = self.anew()

    def anew(self) -> Treasury:
        """Return one that knows nothing, as after a restart."""

        def told() -> None:
            self.reopened += 1

        self.treasury = Treasury(
            self.accounts,
            self.bills,
            lambda: Roster("demo", "c", self.seats),
            self.clock,
            self.said.append,
            told,
        )
        return self.treasury

    @property
    def now(self) -> float:
        return self.clock.now()

    def hear(self, name: str, unit: UnitId = A, **payload: Json) -> HookAnswer:
        return self.treasury.hear(HookEvent(unit, name, self.now, payload))

    def limit(self, unit: UnitId = A, text: str = "resets in 10m") -> None:
        said = self.hear("StopFailure", unit, error="rate_limit", last_assistant_message=text)
        assert said == SILENCE

    def stored(self, name: str = "work") -> Account:
        return self.accounts.read([name])[name]


def seat(unit: UnitId = A, account: str = "work", usd: float = 0.0) -> Seat:
    persona = Persona("claude-code", "opus", account=account, usd_per_day=usd)
    return Seat(unit, persona, "auto", "%1", 11)


class TestLimits:
    def test_one_agents_limit_is_everybodys(self) -> None:
        bank = Bank(seat(A), seat(B), seat(C, "home"))
        bank.limit()
        admitted = [bank.treasury.admits(unit, bank.now) for unit in (A, B, C)]
        assert [yes for yes, _, _ in admitted] == [False, False, True]
        assert admitted[1][1] == bank.now + 600
        assert admitted[1][2].startswith("the account work is closed until 20")
        assert admitted[1][2].endswith("its limit is reached: resets in 10m")

    def test_it_is_written_for_other_hosts(self) -> None:
        here = Bank(seat(A))
        there = Bank(seat(B), accounts=here.accounts)
        here.limit()
        here.treasury.round()
        assert here.stored().flow is Flow.CLOSED
        there.treasury.round()
        assert not there.treasury.admits(B, there.now)[0]
        assert there.treasury.standing(there.now)["work"].until == here.now + 600

    def test_two_hosts_that_meet_it_at_once_count_once(self) -> None:
        here = Bank(seat(A))
        there = Bank(seat(B), accounts=here.accounts)
        here.limit(text="429")
        there.limit(B, text="429")
        here.treasury.round()
        there.treasury.round()
        assert here.stored().strikes == 1

    def test_it_outlives_the_daemon(self) -> None:
        bank = Bank(seat(A))
        bank.limit()
        bank.treasury.round()
        bank.anew().round()
        assert not bank.treasury.admits(A, bank.now)[0]

    def test_without_a_store_it_counts_here_and_is_written_later(self) -> None:
        bank = Bank(seat(A))
        bank.accounts.down = True
        bank.limit()
        bank.treasury.round()
        bank.treasury.round()
        assert not bank.treasury.admits(A, bank.now)[0]
        assert len([line for line in bank.said if "kept by this host alone" in line]) == 1
        bank.accounts.down = False
        bank.treasury.round()
        assert bank.stored().flow is Flow.CLOSED
        assert bank.said[-1] == "accounts: well again"

    def test_a_wiped_store_is_no_reason_to_go_on_at_once(self) -> None:
        bank = Bank(seat(A))
        bank.limit()
        bank.treasury.round()
        bank.accounts.wipe()
        bank.treasury.round()
        assert not bank.treasury.admits(A, bank.now)[0]
        assert bank.stored().until == bank.now + 600

    def test_an_overload_that_only_the_text_tells_of_is_one(self) -> None:
        bank = Bank(seat(A))
        text = "API Error: 529 Overloaded. This is a server-side issue"
        bank.hear("StopFailure", error="server_error", last_assistant_message=text)
        assert bank.treasury.admits(A, bank.now)[1] == bank.now + 15

    def test_no_credit_closes(self) -> None:
        bank = Bank(seat(A))
        bank.hear("StopFailure", error="billing_error", last_assistant_message="Credit too low")
        assert "it has no credit" in bank.treasury.admits(A, bank.now)[2]

    @pytest.mark.parametrize("error", ["authentication_failed", "invalid_request", "", "unknown"])
    def test_other_failures_say_nothing_of_the_account(self, error: str) -> None:
        bank = Bank(seat(A))
        bank.hear("StopFailure", error=error)
        assert bank.treasury.admits(A, bank.now) == (True, bank.now, "")

    def test_after_it_opened_wakes_go_one_by_one(self) -> None:
        bank = Bank(seat(A), seat(B))
        bank.limit()
        bank.clock.sleep(600)
        assert bank.treasury.admits(A, bank.now)[0]
        yes, due, why = bank.treasury.admits(B, bank.now)
        assert (yes, due) == (False, bank.now + GAP_S)
        assert "is paced until" in why
        bank.clock.sleep(GAP_S)
        assert bank.treasury.admits(B, bank.now)[0]

    def test_a_turn_is_taken_for_all_hosts(self) -> None:
        here = Bank(seat(A))
        there = Bank(seat(B), accounts=here.accounts)
        here.limit()
        here.treasury.round()
        for bank in (here, there):
            bank.clock.sleep(600)
        assert here.treasury.admits(A, here.now)[0]
        here.treasury.round()
        there.treasury.round()
        assert not there.treasury.admits(B, there.now)[0]

    def test_a_turn_that_ends_well_forgives_the_strikes(self) -> None:
        bank = Bank(seat(A))
        bank.limit(text="429")
        bank.clock.sleep(61)
        bank.hear("Stop")
        bank.treasury.round()
        assert bank.stored().strikes == 0

    def test_it_says_when_an_account_closes_and_opens(self) -> None:
        bank = Bank(seat(A))
        bank.limit()
        assert bank.reopened == 1
        assert bank.said[0].startswith("account work is closed until 20")

    def test_all_is_open_again_in_the_end(self) -> None:
        bank = Bank(seat(A))
        bank.limit()
        assert set(bank.treasury.standing(bank.now)) == {"work"}
        bank.clock.sleep(600 + PACE_S)
        assert bank.treasury.standing(bank.now) == {}
        assert bank.treasury.known(bank.now)["work"].flow is Flow.OPEN

    def test_a_command_has_no_account(self) -> None:
        bank = Bank(replace(seat(A), persona=Persona("command")), replace(seat(B), persona=None))
        bank.limit()
        bank.treasury.round()
        assert bank.treasury.admits(A, bank.now)[0]
        assert bank.treasury.admits(B, bank.now)[0]
        assert bank.accounts.texts == {}


class TestBudgets:
    @pytest.mark.parametrize("name", ["UserPromptSubmit", "PreToolUse"])
    def test_nothing_is_spent_over_it(self, name: str) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = 20.5
        said = bank.hear(name)
        assert said.refuse.startswith("novaorch: its budget for 20")
        assert "$20.50 of $20" in said.refuse

    @pytest.mark.parametrize("name", ["Stop", "PostToolUse", "PermissionRequest", "SessionEnd"])
    def test_what_costs_nothing_is_not_refused(self, name: str) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = 20.5
        assert bank.hear(name) == SILENCE

    def test_below_it_all_is_well(self) -> None:
        bank = Bank(seat(A, usd=20.0), seat(B))
        bank.bills.usd |= {A: 19.9, B: 1e6}
        assert bank.hear("UserPromptSubmit") == SILENCE
        assert bank.hear("UserPromptSubmit", B) == SILENCE

    def test_a_turn_is_stopped_at_its_next_tool(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        assert bank.hear("PreToolUse") == SILENCE
        bank.bills.usd[A] = 21.0
        bank.hear("PostToolUse")
        assert bank.hear("PreToolUse").refuse

    def test_nobody_is_woken_to_be_refused(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = 20.0
        yes, due, why = bank.treasury.admits(A, bank.now)
        assert (yes, due) == (False, next_day(bank.now))
        assert "its budget for" in why

    def test_a_new_day_is_a_new_budget(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = 20.0
        assert bank.hear("UserPromptSubmit").refuse
        bank.clock.sleep(next_day(bank.now) - bank.now)
        bank.bills.usd[A] = 0.0
        assert bank.hear("UserPromptSubmit") == SILENCE

    def test_transcripts_are_not_read_at_every_tool(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        for _ in range(50):
            bank.hear("PreToolUse")
        assert bank.bills.reads == 1
        bank.clock.sleep(FRESH_S)
        bank.hear("PreToolUse")
        assert bank.bills.reads == 2

    def test_what_was_spent_is_written_down(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = 3.5
        bank.treasury.round()
        assert bank.accounts.spent(day_of(bank.now))[str(A)].usd == 3.5
        assert bank.treasury.spendings()[A].usd == 3.5

    def test_what_another_host_knows_counts_though_the_transcript_is_gone(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.accounts.spend(Spending(str(A), day_of(bank.now), 25.0))
        bank.treasury.round()
        assert bank.hear("UserPromptSubmit").refuse
        assert bank.accounts.spent(day_of(bank.now))[str(A)].usd == 25.0

    def test_a_runtime_that_does_not_say_is_warned_of(self) -> None:
        bank = Bank(seat(A, usd=20.0), seat(B))
        bank.bills.usd |= {A: None, B: None}
        assert bank.hear("UserPromptSubmit") == SILENCE
        assert bank.treasury.warnings() == {
            A: "budget cannot be enforced: claude-code does not report what it spends"
        }

    def test_a_model_without_a_price_is_warned_of(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = -1.0
        bank.treasury.round()
        assert "the price of a model it uses is not known" in bank.treasury.warnings()[A]

    def test_a_budget_that_is_used_up_is_warned_of(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.bills.usd[A] = 20.0
        bank.treasury.round()
        assert "is used up" in bank.treasury.warnings()[A]

    def test_who_left_is_forgotten(self) -> None:
        bank = Bank(seat(A, usd=20.0))
        bank.treasury.round()
        bank.seats.clear()
        bank.treasury.round()
        assert bank.treasury.spendings() == {}
        assert bank.treasury.warnings() == {}


def test_an_event_of_nobody_is_passed_over() -> None:
    assert Bank().hear("StopFailure", error="rate_limit") == SILENCE


def test_many_threads_lose_no_limit() -> None:
    bank = Bank(seat(A), seat(B))
    threads = [
        threading.Thread(target=bank.limit, args=(unit, "429")) for unit in (A, B) for _ in range(8)
    ]
    threads.append(threading.Thread(target=bank.treasury.round))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    bank.treasury.round()
    assert (bank.stored().flow, bank.stored().strikes) == (Flow.CLOSED, 1)


def test_its_thread_tells_the_store() -> None:
    bank = Bank(seat(A))
    written = threading.Event()
    swap = bank.accounts.swap

    def noted(before: Account, after: Account) -> bool:
        done = swap(before, after)
        written.set()
        return done

    bank.accounts.swap = noted  # type: ignore[method-assign]
    bank.treasury.begin()
    try:
        bank.limit()
        assert written.wait(10)
    finally:
        bank.treasury.close()
