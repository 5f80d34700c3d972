"""Ids of messages sort by their hour, hold it, and look like nothing else."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.mint import Mint
from reconciler.core.envelope import mark, marks
from reconciler.core.messageid import is_message_id, made_at, message_id

MS = st.integers(0, (1 << 48) - 1)
CHANCE = st.integers(0, (1 << 80) - 1)


@given(MS, CHANCE, MS, CHANCE)
def test_ids_sort_as_their_hours(ms: int, chance: int, other: int, luck: int) -> None:
    assert (message_id(ms, chance) < message_id(other, luck)) == ((ms, chance) < (other, luck))


@given(MS, CHANCE)
def test_an_id_holds_its_hour_and_is_found_in_a_text(ms: int, chance: int) -> None:
    name = message_id(ms, chance)
    assert is_message_id(name)
    assert made_at(name) == ms / 1000
    assert marks(f"so {mark(name)} it is") == {name}


def test_what_is_no_id() -> None:
    whole = message_id(1_700_000_000_000, 7)
    for text in ("", "m1", whole[1:], whole + "0", whole.upper(), "m8" + whole[2:], "mu" * 14):
        assert not is_message_id(text)
        assert made_at(text) == 0.0
    assert not is_message_id(whole + "\n")


def test_a_mint_never_goes_back_though_the_clock_does() -> None:
    hours = iter([10.0, 10.0, 9.0, 10.001, 3.0])
    mint = Mint(lambda: next(hours))
    made = [mint() for _ in range(5)]
    assert made == sorted(set(made))
    assert [made_at(name) for name in made] == [10.0, 10.0, 10.0, 10.001, 10.001]


def test_two_mints_and_many_threads_make_no_id_twice() -> None:
    made: list[str] = []
    mints = [Mint(lambda: 5.0), Mint(lambda: 5.0)]

    def work(mint: Mint) -> None:
        made.extend(mint() for _ in range(500))

    threads = [threading.Thread(target=work, args=(mints[n % 2],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 4000
