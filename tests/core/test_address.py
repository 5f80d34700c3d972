"""Whom a word means; what is refused, and what a refusal names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.address import Book, agent, book_of, receivers
from reconciler.model.agent import Roster, Seat
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError

LABELS = {
    "web/agent/torch": (("role", "lead"), ("shift", "night")),
    "web/agent/anvil": (("role", "builder"),),
    "ops/agent/torch": (("role", "lead"),),
    "ops/agent/scout-0": (),
}
BOOK = Book({UnitId(name): labels for name, labels in LABELS.items()})


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("web/agent/torch", ["web/agent/torch"]),
        ("web/torch", ["web/agent/torch"]),
        ("anvil", ["web/agent/anvil"]),
        ("  anvil ", ["web/agent/anvil"]),
        ("scout-0", ["ops/agent/scout-0"]),
        ("person:Ada", ["person:Ada"]),
        ("person:  Ada   Lovelace ", ["person:Ada Lovelace"]),
        ("@all", sorted(LABELS)),
        ("@role=lead", ["ops/agent/torch", "web/agent/torch"]),
        ("@project=web", ["web/agent/anvil", "web/agent/torch"]),
    ],
)
def test_who_is_meant(word: str, found: list[str]) -> None:
    assert list(receivers(word, BOOK)) == found


def test_who_sends_to_many_does_not_get_it_too() -> None:
    assert receivers("@role=lead", BOOK, "web/agent/torch") == ("ops/agent/torch",)
    assert receivers("web/torch", BOOK, "web/agent/torch") == ("web/agent/torch",)
    with pytest.raises(NovaorchError, match="nobody else"):
        receivers("@role=builder", BOOK, "web/agent/anvil")


@pytest.mark.parametrize(
    ("word", "kind", "says"),
    [
        ("torch", UsageError, "ops/torch, web/torch"),
        ("anvl", NovaorchError, "did you mean anvil?"),
        ("web/torhc", NovaorchError, "did you mean web/torch?"),
        ("zzz", NovaorchError, "ops/scout-0, ops/torch, web/anvil, web/torch"),
        ("", NovaorchError, "nobody is called"),
        ("novaorch", NovaorchError, "novaorch reads no messages"),
        ("@role=leed", NovaorchError, "did you mean @role=lead?"),
        ("@roel", UsageError, "@label=value"),
        ("@=x", UsageError, "@label=value"),
        ("@", UsageError, "@label=value"),
        ("person:", UsageError, "no person"),
        ("person:a\x1b[31m", UsageError, "no person"),
        ("person:" + "x" * 101, UsageError, "no person"),
        ("web/session/main", NovaorchError, "nobody is called"),
        ("\x1b]0;x\x07" * 50, NovaorchError, "nobody is called"),
    ],
)
def test_what_is_refused(word: str, kind: type[NovaorchError], says: str) -> None:
    with pytest.raises(kind) as caught:
        receivers(word, BOOK)
    error = caught.value
    told = f"{error.what} {error.why} {error.fix}"
    assert says in told
    assert error.fix
    assert "\x1b" not in told


def test_an_empty_fleet_says_so() -> None:
    with pytest.raises(NovaorchError, match="nobody is called") as caught:
        receivers("torch", Book())
    assert "no agents" in caught.value.why
    with pytest.raises(NovaorchError):
        receivers("@all", Book())


def test_many_are_named_up_to_a_dozen() -> None:
    book = Book({UnitId(f"p/agent/a{n:03}"): () for n in range(100)})
    with pytest.raises(NovaorchError) as caught:
        agent("zzzzzz", book)
    assert "and 88 more" in caught.value.why


def test_a_roster_is_a_book() -> None:
    seat = Seat(UnitId("web/agent/torch"), None, "auto", labels=(("role", "lead"),))
    assert receivers("@role=lead", book_of(Roster(seats={seat.unit: seat}))) == (seat.unit,)


@given(st.text(max_size=60))
def test_any_word_is_somebody_or_a_refusal_with_a_fix(word: str) -> None:
    found: tuple[str, ...] = ()
    refused: NovaorchError | None = None
    try:
        found = receivers(word, BOOK)
    except NovaorchError as error:
        refused = error
    if refused is not None:
        assert refused.what
        assert refused.fix
    else:
        assert found
        assert all(name in LABELS or name.startswith("person:") for name in found)
