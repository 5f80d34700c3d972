"""What agents may spend in a day (UTC), and whether that can be kept. Pure; the hour is given."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from reconciler.core.prices import AS_OF, price
from reconciler.model.action import Plan, Verb
from reconciler.model.agent import Persona
from reconciler.model.capacity import Spending
from reconciler.model.unit import Desired, Process

DAY_S = 86_400.0


def day_of(now: float) -> str:
    """Return the day of an hour, as YYYY-MM-DD."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def next_day(now: float) -> float:
    """Return the epoch second at which the next day begins."""
    return (math.floor(now / DAY_S) + 1) * DAY_S


def exceeded(persona: Persona | None, spending: Spending | None) -> str:
    """Return why nothing more may be spent today, '' when it may. A cost that nobody knows is not
    over a budget: see `unenforced`."""
    if persona is None or persona.usd_per_day <= 0 or spending is None:
        return ""
    if spending.usd < persona.usd_per_day:
        return ""
    return (
        f"its budget for {spending.day} is used up: {money(spending.usd)} of "
        f"{money(persona.usd_per_day)} (spec.budget.usd_per_day); it opens again at 00:00 UTC"
    )


def unenforced(persona: Persona | None, spending: Spending | None, *, tells: bool) -> str:
    """Return why a budget cannot be kept, '' when it can or there is none. `tells` says whether
    the runtime reports what it uses at all."""
    if persona is None or persona.usd_per_day <= 0:
        return ""
    if not tells:
        return f"budget cannot be enforced: {persona.runtime} does not report what it spends"
    if spending is not None and spending.usd < 0:
        return f"budget cannot be enforced: the price of a model it uses is not known ({AS_OF})"
    return ""


def forecast(desired: Desired, plan: Plan) -> tuple[str, ...]:
    """Return one line on what the agents with a budget may cost a day, and how much of that this
    plan adds; none when nobody has a budget."""
    agents = [p for p in desired.processes.values() if _budget(p) > 0 and not p.stopped]
    if not agents:
        return ()
    starts = {a.unit for a in plan.moves if a.verb is Verb.START}
    total = _sum(agents)
    more = _sum(agent for agent in agents if agent.id in starts)
    news = f", {money(more)} of it by what this plan starts" if more else ""
    without = sum(_unbound(p) for p in desired.processes.values())
    rest = f"; {without} without a budget" if without else ""
    who = "1 agent" if len(agents) == 1 else f"{len(agents)} agents"
    return (f"Budget: up to {money(total)} a day for {who}{news}{rest}.", *_unpriced(agents))


def money(usd: float) -> str:
    """Return dollars as people write them."""
    return f"${usd:,.2f}" if usd != int(usd) else f"${int(usd):,}"


def _unpriced(agents: Iterable[Process]) -> tuple[str, ...]:
    """Name the models whose price is not known: their budget would be kept by nobody."""
    personas = [a.launch.persona for a in agents if a.launch.persona is not None]
    names = sorted({p.model for p in personas if p.model and not _priced(p.model)})
    if not names:
        return ()
    return (f"Budget: the price of {', '.join(names)} is not known, so it cannot be enforced.",)


def _priced(model: str) -> bool:
    """Whether a price is known. A short name (`opus`) stands for whatever is newest of it."""
    return price(model) is not None or model.lower().partition("[")[0] in _SHORT


_SHORT = frozenset({"opus", "sonnet", "haiku", "fable", "default", "opusplan", "best"})


def _budget(process: Process) -> float:
    return process.launch.persona.usd_per_day if process.launch.persona is not None else 0.0


def _unbound(process: Process) -> bool:
    persona = process.launch.persona
    agent = persona is not None and persona.runtime not in ("", "command", "fake")
    return agent and _budget(process) <= 0 and not process.stopped


def _sum(agents: Iterable[Process]) -> float:
    return sum(_budget(agent) for agent in agents)
