"""Accounts and spendings as text, and back, trusting nothing: others may write to a store. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from reconciler.model.capacity import Account, Flow, Spending
from reconciler.model.ids import Json, canonical

TEXT_MAX = 4096
"""No account needs more; what is longer is none."""
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def account_text(account: Account) -> str:
    """Return an account in one line, the same for the same account."""
    return canonical(account.as_json())


def account_of_text(name: str, text: str) -> Account:
    """Return what stands there; an open account where it is nothing, or garbage."""
    return account_of_json(name, _object(text))


def account_of_json(name: str, told: Json) -> Account:
    """Return an account as plain JSON tells it; an open one where that is garbage."""
    said = told if isinstance(told, dict) else None
    flow = said.get("flow") if said is not None else None
    if said is None or not isinstance(flow, str) or flow not in set(Flow):
        return Account(name)
    return Account(
        name,
        Flow(flow),
        until=_number(said, "until"),
        strikes=max(0, int(_number(said, "strikes"))),
        next_at=_number(said, "next_at"),
        why=why if isinstance(why := said.get("why"), str) else "",
    )


def spending_text(spending: Spending) -> str:
    """Return dollars and tokens, parted by blanks."""
    return f"{spending.usd!r} {spending.tokens_in} {spending.tokens_out}"


def spending_of_text(unit: str, day: str, text: str) -> Spending | None:
    """Return what stands there, None when it is garbage."""
    parts = text.split(" ")
    try:
        usd, into, out = float(parts[0]), int(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        return None
    if len(parts) != 3 or not math.isfinite(usd) or into < 0 or out < 0:
        return None
    return Spending(unit, day, usd, into, out)


def larger(one: Spending, other: Spending) -> Spending:
    """Return the larger number of each: a counter that was read from its beginning again, or late,
    takes nothing back."""
    return Spending(
        one.unit,
        one.day,
        max(one.usd, other.usd),
        max(one.tokens_in, other.tokens_in),
        max(one.tokens_out, other.tokens_out),
    )


def _object(text: str) -> Json:
    if len(text) > TEXT_MAX:
        return None
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return None


def _number(said: Mapping[str, Json], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if math.isfinite(value) and abs(value) < 1e12 else 0.0
