"""Who may have the lease, and what a controller may believe of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.lease import (
    Grant,
    Holder,
    Page,
    Standing,
    Term,
    claimed,
    holder_of,
    judged,
    released,
    standing,
)

TTL = 3.0


def test_a_free_lease_is_given_with_a_new_epoch() -> None:
    page = claimed(Page(), "ann", 0, 10.0, TTL)
    assert page == Page(1, "ann", 13.0)


def test_a_lease_that_runs_is_another_ones() -> None:
    page = claimed(Page(), "ann", 0, 10.0, TTL)
    assert claimed(page, "bob", 99, 12.9, TTL) is page
    assert claimed(page, "bob", 0, 13.0, TTL) == Page(2, "bob", 16.0)


def test_who_had_it_last_gets_the_same_epoch_however_late() -> None:
    page = claimed(Page(), "ann", 0, 10.0, TTL)
    assert claimed(page, "ann", 0, 500.0, TTL) == Page(1, "ann", 503.0)


def test_what_was_given_back_is_free_and_its_epoch_is_used() -> None:
    page = claimed(Page(), "ann", 0, 10.0, TTL)
    assert released(page, "bob", 1) is page
    assert released(page, "ann", 2) is page
    free = released(page, "ann", 1)
    assert claimed(free, "bob", 0, 11.0, TTL).epoch == 2
    assert claimed(free, "ann", 0, 11.0, TTL).epoch == 2


def test_a_floor_makes_up_for_a_lost_memory() -> None:
    assert claimed(Page(), "ann", 41, 0.0, TTL).epoch == 42
    assert claimed(Page(50), "ann", 41, 0.0, TTL).epoch == 51


def test_a_book_that_lost_its_memory_gives_the_same_epoch_again() -> None:
    term = Term("ann", 7, TTL, asked=1.0)
    page = claimed(Page(), "ann", term.floor, 2.0, TTL)
    assert judged(term, Grant(page.holder, page.epoch, 5.0), 2.0) == Term("ann", 7, TTL, 2.0)


claims = st.lists(
    st.tuples(
        st.sampled_from(["claim", "release", "wipe"]),
        st.sampled_from(["ann", "bob", "eve"]),
        st.floats(0, 5),
    ),
    max_size=40,
)


@given(claims)
def test_two_never_have_it_and_an_epoch_never_has_two_holders(
    deeds: list[tuple[str, str, float]],
) -> None:
    """Each holder remembers what it had, as its state folder does; nobody trusts the book."""
    page, now = Page(), 0.0
    known = dict.fromkeys(("ann", "bob", "eve"), 0)
    owners: dict[int, str] = {}
    for deed, who, pause in deeds:
        now += pause
        if deed == "wipe":
            page = Page()
            known = dict.fromkeys(known, max(known.values()))  # one host: one state folder
        elif deed == "release":
            page = released(page, who, known[who])
        else:
            before = page
            page = claimed(page, who, known[who], now, TTL)
            if page.holder == who:
                assert page.epoch >= known[who]
                assert owners.setdefault(page.epoch, who) == who
                known[who] = page.epoch
            else:
                assert page == before
                assert before.until > now


def test_standing() -> None:
    never = Term("ann", 5, TTL)
    assert standing(never, 0.0) is Standing.UNCONFIRMED
    held = judged(never, Grant("ann", 5, 13.0), 10.0)
    assert standing(held, 10.0) is Standing.HELD
    assert standing(held, 12.9) is Standing.HELD
    assert standing(held, 13.0) is Standing.UNCONFIRMED
    assert standing(held, 9.9) is Standing.UNCONFIRMED, "the clock was set back"
    again = judged(held, Grant("ann", 5, 23.0), 20.0)
    assert standing(again, 20.0) is Standing.HELD
    lost = judged(again, Grant("bob", 6, 26.0), 23.5)
    assert standing(lost, 23.5) is Standing.LOST
    assert judged(lost, Grant("ann", 7, 30.0), 27.0) is lost, "what is lost stays lost"


def test_a_larger_epoch_is_taken_on_only_by_a_term_that_was_never_confirmed() -> None:
    assert judged(Term("ann", 5, TTL), Grant("ann", 9, 3.0), 0.0).epoch == 9
    confirmed = judged(Term("ann", 5, TTL), Grant("ann", 5, 3.0), 0.0)
    assert standing(judged(confirmed, Grant("ann", 7, 9.0), 6.0), 6.0) is Standing.LOST


def test_a_holder_is_one_line() -> None:
    ann = Holder("forge of ann", 42, "123", "m", "t")
    read = holder_of(ann.text)
    assert read is not None
    assert str(read) == "host forge_of_ann, pid 42"
    assert (read.pid, read.born, read.machine, read.tenure) == (42, "123", "m", "t")
    for garbage in ("", "a", "a b c d e", "a 1 c d", "a 1 c d e f", "a  c d e", "a -1 c d e"):
        assert holder_of(garbage) is None
