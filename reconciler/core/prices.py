"""What models cost, as their vendor published it. Data, and the sum of it; no I/O.

A model that is not listed has no known price. That is said, never guessed: a budget that nobody
can reckon must not look kept.
"""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "2026-11-01"
"""The day on which this table was compared with the published one."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens. Reading from a cache is part of neither input nor output."""

    into: float
    out: float
    cache_read: float
    cache_write: float
    cache_write_long: float


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens of one or many answers. `cache_write_long` are those kept for an hour, the others of
    `cache_write` for five minutes."""

    tokens_in: int = 0
    tokens_out: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int = 0


def _row(into: float, out: float, read_share: float = 0.1) -> Price:
    return Price(into, out, into * read_share, into * 1.25, into * 2)


PRICES: dict[str, Price] = {
    "claude-fable-5-1": _row(10, 50, 0.025),
    "claude-mythos-5-1": _row(10, 50, 0.025),
    "claude-fable-5": _row(10, 50),
    "claude-mythos-5": _row(10, 50),
    "claude-opus-5-5": _row(4, 20, 0.05),
    "claude-opus-5": _row(5, 25),
    "claude-opus-4-8": _row(5, 25),
    "claude-opus-4-7": _row(5, 25),
    "claude-opus-4-6": _row(5, 25),
    "claude-opus-4-5": _row(5, 25),
    "claude-opus-4": _row(15, 75),
    "claude-3-opus": _row(15, 75),
    "claude-sonnet-5-5": _row(2, 10, 0.05),
    "claude-sonnet-5": _row(2, 10),
    "claude-sonnet-4": _row(3, 15),
    "claude-3-7-sonnet": _row(3, 15),
    "claude-3-5-sonnet": _row(3, 15),
    # Long prompts cost five times as much, and a sum of tokens does not show which were long: a
    # budget is kept by reckoning with the dear price.
    "claude-haiku-5-5": _row(0.5, 2.5),
    "claude-haiku-4-5": _row(1, 5),
    "claude-3-5-haiku": _row(0.8, 4),
    "claude-3-haiku": _row(0.25, 1.25, 0.12),
}
"""By the beginning of the model's name; the longest that fits counts."""


def price(model: str) -> Price | None:
    """Return what a model costs; None: nobody knows. Providers' prefixes are looked through."""
    name = model.lower().rpartition("/")[2].rpartition("anthropic.")[2]
    fits = [known for known in PRICES if _is_of(name, known)]
    return PRICES[max(fits, key=len)] if fits else None


def cost(model: str, use: Use) -> float | None:
    """Return US dollars for so many tokens of a model; None: its price is not known."""
    known = price(model)
    if known is None:
        return None
    parts = (
        use.tokens_in * known.into,
        use.tokens_out * known.out,
        use.cache_read * known.cache_read,
        use.cache_write * known.cache_write,
        use.cache_write_long * known.cache_write_long,
    )
    return sum(parts) / _MILLION


def _is_of(name: str, family: str) -> bool:
    """Whether a model is of a family: `claude-opus-4-20250514` is of `claude-opus-4`, and
    `claude-opus-45` is not."""
    rest = name.removeprefix(family)
    return rest != name and (not rest or not rest[0].isalnum())
