"""What may be asked of a person, what is an answer, and which decision is meant by a name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.model.decision import Decision
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError

PERMISSION, ASKED = "permission", "question"
TEXT_MAX = 4_000
OPTIONS_MAX = 10
WIDE, TALL = 160, 8
"""So much of what is asked is shown to people."""
OPEN_MAX = 20
"""So many questions of one agent are open at once."""


def one(name: str, decisions: Sequence[Decision]) -> Decision:
    """Return the one with this id, or the unique beginning of one. NovaorchError: there is none."""
    word = name.strip().lower()
    fitting = [d for d in decisions if word and d.id.startswith(word)]
    exact = [d for d in fitting if d.id == word] or fitting
    if not exact:
        raise gone(name)
    if len(exact) > 1:
        why = ", ".join(decision.id for decision in exact)
        raise NovaorchError(f"{name!r} begins several", why=why, fix="say more of it")
    return exact[0]


def gone(name: str) -> NovaorchError:
    """Return the word for what nobody waits for."""
    return NovaorchError(
        f"nothing waits for a decision under {name[:100]!r}",
        why="it was answered, at its pane perhaps, or nobody waits for it any more",
        fix="novaorch decisions",
    )


def choice(decision: Decision, answer: str) -> str:
    """Return an answer as it is told: one of the options, by its word or number, or any text.

    NovaorchError: it is none.
    """
    text = answer.strip()
    options = decision.options
    if decision.kind == PERMISSION and not options:
        raise NovaorchError(
            f"{decision.id} cannot be answered from here",
            why="the agent asks several things at once, on its screen",
            fix=f"novaorch attach {decision.unit}",
        )
    if text and not options:
        return text[:TEXT_MAX]
    found = next((option for option in options if option.lower() == text.lower()), "")
    if not found and text.isascii() and text.isdecimal() and 0 < int(text[:3]) <= len(options):
        found = options[int(text[:3]) - 1]
    if not found:
        raise NovaorchError(
            f"{text[:100]!r} is no answer to {decision.id}",
            why="it asks for one of: " + ", ".join(options or ("any text",)),
            fix=f"novaorch decisions answer {decision.id} {(options or ('...',))[0]!r}",
        )
    return found


def check(text: str, options: Sequence[str], open_now: int) -> None:
    """Refuse a question that cannot be shown, or is one too many (NovaorchError)."""
    wrong: Mapping[str, bool] = {
        "the question is empty": not text,
        f"the question has more than {TEXT_MAX} characters": len(text) > TEXT_MAX,
        f"there are more than {OPTIONS_MAX} options": len(options) > OPTIONS_MAX,
        "an option is empty, or longer than 200 characters": any(
            not 0 < len(option) <= 200 for option in options
        ),
        "two options are the same": len({o.lower() for o in options}) < len(options),
        f"{OPEN_MAX} questions of this agent are open": open_now >= OPEN_MAX,
    }
    why = next((words for words, is_so in wrong.items() if is_so), "")
    if why:
        raise NovaorchError("this cannot be asked", why=why, fix="ask one short question at a time")


def answered(decision: Decision) -> str:
    """Return the answer of a question as the agent that asked reads it."""
    because = f"\nBecause: {decision.because}" if decision.because else ""
    asked = decision.asks if len(decision.asks) <= 200 else decision.asks[:199] + "…"
    return f"Decision {decision.id}, you asked: {asked}\nAnswer: {decision.answer}{because}"


def read(told: object) -> Decision | None:
    """Return a decision from its plain JSON, None when that is none."""
    if not isinstance(told, dict):
        return None
    words = {key: value for key, value in told.items() if isinstance(value, str)}
    at, held, options = told.get("at"), told.get("held_until", 0), told.get("options")
    if not isinstance(at, int | float) or not isinstance(held, int | float):
        return None
    if not isinstance(options, list) or not {"id", "unit", "kind", "asks"} <= {*words}:
        return None
    return Decision(
        id=words["id"],
        unit=UnitId(words["unit"]),
        kind=words["kind"],
        asks=words["asks"],
        detail=words.get("detail", ""),
        at=float(at),
        held_until=float(held),
        options=tuple(str(option) for option in options),
        answer=words.get("answer", ""),
        by=words.get("by", ""),
        because=words.get("because", ""),
    )


def lines(decision: Decision, ago: str) -> list[str]:
    """Return a decision as people read it: what is asked, and how it is answered."""
    head = f"{decision.id}  {decision.unit}"
    if decision.kind == PERMISSION:
        text = [f"{head} wants to use {decision.asks}, {ago} ago"]
        shown = decision.detail.splitlines() or [""]
    else:
        text, shown = [f"{head} asks, {ago} ago"], decision.asks.splitlines()
    text += [f"    {line[:WIDE]}" for line in shown[:TALL]]
    if len(shown) > TALL:
        text.append(f"    ... {len(shown) - TALL} lines more (--json)")
    if decision.answer:
        because = f": {decision.because}" if decision.because else ""
        return [*text, f"  {decision.answer}, by {decision.by}{because}"]
    return [*text, f"  {_how(decision)}"]


def _how(decision: Decision) -> str:
    if decision.kind == PERMISSION:
        if not decision.options:
            return f"novaorch attach {decision.unit}"
        return f"novaorch decisions allow {decision.id}  |  deny {decision.id} --because ..."
    options = "  ".join(f"{n}: {o}" for n, o in enumerate(decision.options, 1))
    return f"novaorch decisions answer {decision.id} {options or '...'}"
