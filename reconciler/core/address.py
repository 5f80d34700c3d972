"""Whom a message is meant for: from the word that somebody wrote to the receivers. Pure.

A word that could mean two is refused, never guessed; a refusal names what comes near.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.plain import clean
from reconciler.model.agent import Roster
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.model.unit import Desired

PERSON = "person:"
OURSELVES = "novaorch"
EVERYBODY = "@all"
_NEAR = 4
_SHOWN = 12
_NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class Book:
    """Everybody who can be written to: each agent with its labels; people need not be in it."""

    agents: Mapping[UnitId, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def labelled(self, name: str, value: str) -> list[UnitId]:
        """Return the agents that carry a label; every agent has one called `project`."""
        return sorted(
            unit
            for unit, labels in self.agents.items()
            if (name, value) in labels or (name, value) == ("project", unit.project)
        )


def book_of(roster: Roster) -> Book:
    """Return who is in a roster."""
    return Book({unit: seat.labels for unit, seat in roster.seats.items()})


def book_from(desired: Desired) -> Book:
    """Return whom a commit asks for, whether they run or not."""
    agents = [p for p in desired.processes.values() if p.id.kind == "agent"]
    return Book({agent.id: agent.labels for agent in agents})


def receivers(word: str, book: Book, sender: str = "") -> tuple[str, ...]:
    """Return everybody whom a word means, sorted; whoever sends to many does not get it, too.

    A word is a unit's id, `project/name`, a name that only one agent has, `person:NAME`, or of
    many `@all` or `@label=value`. NovaorchError: nobody is meant; UsageError: it is not clear who.
    """
    word = word.strip()
    if word.startswith("@"):
        return _many(word, book, sender)
    if word.startswith(PERSON):
        return (_person(word.removeprefix(PERSON)),)
    return (str(agent(word, book)),)


def agent(word: str, book: Book) -> UnitId:
    """Return the one agent whom a word means; NovaorchError and UsageError as `receivers`."""
    found = [unit for unit in book.agents if word in _names(unit)]
    if word in book.agents:
        return UnitId(word)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(f"{u.project}/{u.name}" for u in found)[:_SHOWN])
        raise UsageError(
            f"{clean(word)!r} could be {len(found)} agents",
            why=f"{names} are called so",
            fix=f"write the project, too: {min(f'{u.project}/{u.name}' for u in found)}",
        )
    if word == OURSELVES:
        raise NovaorchError(
            "novaorch reads no messages",
            why="what it does is asked for by commits",
            fix="write to an agent, or to a person: person:NAME",
        )
    raise _nobody(word, [name for unit in book.agents for name in _names(unit)], book)


def _names(unit: UnitId) -> tuple[str, ...]:
    return (unit.name, f"{unit.project}/{unit.name}", str(unit))


def _many(word: str, book: Book, sender: str) -> tuple[str, ...]:
    if word == EVERYBODY:
        found = sorted(book.agents)
    else:
        name, equals, value = word[1:].partition("=")
        if not (equals and name and value):
            raise UsageError(
                f"{clean(word[:_NAME_MAX])!r} is no group",
                why="a group is named by a label and its value, or is everybody",
                fix="write @label=value, as in @role=lead, or @all",
            )
        found = book.labelled(name, value)
    others = tuple(str(unit) for unit in found if unit != sender)
    if not others:
        if found:
            why = "only you are in it"
            raise NovaorchError(f"nobody else is in {clean(word)}", why=why, fix="name an agent")
        raise _nobody(word, _groups(book), book)
    return others


def _groups(book: Book) -> list[str]:
    told = {f"@{name}={value}" for labels in book.agents.values() for name, value in labels}
    return sorted(told | {f"@project={unit.project}" for unit in book.agents})


def _person(name: str) -> str:
    flat = " ".join(name.split())
    if not flat or len(flat) > _NAME_MAX or not flat.isprintable():
        raise UsageError(
            "no person is named",
            why=f"a name is up to {_NAME_MAX} characters that can be shown",
            fix='write it behind the colon: "person:Ada Lovelace"',
        )
    return PERSON + flat


def _nobody(word: str, known: Iterable[str], book: Book) -> NovaorchError:
    """Return the refusal of a word that nobody is called by."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word[:_NAME_MAX], names, n=_NEAR, cutoff=0.6)
    shown = clean(word[:_NAME_MAX])
    if near:
        return NovaorchError(
            f"nobody is called {shown!r}",
            why=f"these come near: {', '.join(near)}",
            fix=f"did you mean {near[0]}?",
        )
    if not book.agents:
        why, fix = "the fleet has no agents", "add one: novaorch init --help"
    else:
        short = sorted({f"{unit.project}/{unit.name}" for unit in book.agents})
        more = f" and {len(short) - _SHOWN} more" if len(short) > _SHOWN else ""
        why = f"the agents are {', '.join(short[:_SHOWN])}{more}"
        fix = "see them: novaorch status"
    return NovaorchError(f"nobody is called {shown!r}", why=why, fix=fix)
