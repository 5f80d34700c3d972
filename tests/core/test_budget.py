"""What agents may spend, what models cost, and what nobody can know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.budget import day_of, exceeded, forecast, money, next_day, unenforced
from reconciler.core.prices import PRICES, Use, cost, price
from reconciler.model.agent import Persona
from reconciler.model.capacity import Spending
from reconciler.model.unit import Process
from tests.bench import Bench
from tests.builders import agent, desired

DAY = "2026-11-22"
BOUND = Persona("claude-code", "opus", usd_per_day=20.0)


def bound(name: str, usd: float, model: str = "opus", runtime: str = "claude-code") -> Process:
    made = agent(name)
    persona = Persona(runtime, model, usd_per_day=usd)
    return replace(made, launch=replace(made.launch, persona=persona))


class TestPrices:
    @pytest.mark.parametrize(
        ("model", "usd"),
        [
            ("claude-opus-4-8", 30.0),
            ("claude-opus-4-20250514", 90.0),
            ("claude-opus-4-1-20250805", 90.0),
            ("claude-opus-5", 30.0),
            ("claude-opus-5-5", 24.0),
            ("claude-sonnet-4-5-20250929", 18.0),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 18.0),
            ("anthropic/claude-haiku-4-5", 6.0),
            ("Claude-Haiku-4-5", 6.0),
        ],
    )
    def test_are_those_of_the_longest_name_that_fits(self, model: str, usd: float) -> None:
        assert cost(model, Use(1_000_000, 1_000_000)) == pytest.approx(usd)

    @pytest.mark.parametrize("model", ["", "gpt-9", "claude-opus-45", "opus", "claude-opus-"])
    def test_of_others_are_not_known(self, model: str) -> None:
        assert price(model) is None
        assert cost(model, Use(1)) is None

    def test_of_caches_have_their_own(self) -> None:
        use = Use(cache_read=1_000_000, cache_write=1_000_000, cache_write_long=1_000_000)
        assert cost("claude-opus-4-8", use) == pytest.approx(0.5 + 6.25 + 10)

    def test_are_plausible(self) -> None:
        for found in PRICES.values():
            assert 0 < found.cache_read < found.into < found.cache_write < found.cache_write_long
            assert found.into * 4 <= found.out <= found.into * 6


class TestBudget:
    def test_is_used_up_when_as_much_is_spent(self) -> None:
        assert exceeded(BOUND, Spending("a", DAY, 19.99)) == ""
        assert exceeded(BOUND, Spending("a", DAY, 20.0)) == (
            "its budget for 2026-11-22 is used up: $20 of $20 (spec.budget.usd_per_day); "
            "it opens again at 00:00 UTC"
        )

    def test_without_one_nothing_is_too_much(self) -> None:
        assert exceeded(Persona("claude-code"), Spending("a", DAY, 1e9)) == ""
        assert exceeded(None, Spending("a", DAY, 1e9)) == ""

    def test_an_unknown_cost_is_said_and_not_taken_for_none(self) -> None:
        unknown = Spending("a", DAY, -1.0)
        assert exceeded(BOUND, unknown) == ""
        assert "the price of a model it uses is not known" in unenforced(BOUND, unknown, tells=True)
        said = unenforced(BOUND, None, tells=False)
        assert said == "budget cannot be enforced: claude-code does not report what it spends"
        assert unenforced(BOUND, Spending("a", DAY, 3), tells=True) == ""
        assert unenforced(Persona("codex"), None, tells=False) == ""

    def test_a_day_is_one_in_utc(self) -> None:
        assert day_of(0) == "1970-01-01"
        assert day_of(86_399.9) == "1970-01-01"
        assert next_day(86_399.9) == next_day(0) == 86_400
        assert next_day(86_400) == 172_800


class TestForecast:
    def lines(self, *agents: Process, running: tuple[Process, ...] = ()) -> tuple[str, ...]:
        bench = Bench(desired(*running))
        bench.run()
        bench.commit(desired(*agents))
        thought = bench.think()
        return forecast(thought.desired, thought.plan)

    def test_is_silent_without_budgets(self) -> None:
        assert self.lines(agent("a"), bound("b", 0.0)) == ()

    def test_says_what_the_plan_adds(self) -> None:
        before = bound("a", 20.0)
        assert self.lines(before, bound("b", 12.5), running=(before,)) == (
            "Budget: up to $32.50 a day for 2 agents, $12.50 of it by what this plan starts.",
        )

    def test_says_who_has_none(self) -> None:
        one = bound("a", 20.0)
        found = self.lines(one, bound("b", 0.0), agent("c"), running=(one,))
        assert found == ("Budget: up to $20 a day for 1 agent; 1 without a budget.",)

    def test_says_whose_price_is_not_known(self) -> None:
        found = self.lines(bound("a", 20.0, "claude-next-9"))
        assert found[1] == (
            "Budget: the price of claude-next-9 is not known, so it cannot be enforced."
        )


def test_money_is_written_as_people_do() -> None:
    assert [money(x) for x in (0, 3, 12.5, 1234.567, 20000)] == [
        "$0",
        "$3",
        "$12.50",
        "$1,234.57",
        "$20,000",
    ]
