"""Which run a word means: `shop/torch`, `shop/torch/3`, `torch`, `torch/3`. Pure.

A word that could mean two is refused, never guessed; a refusal names what there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.plain import clean
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.model.promotion import KnownRun
from reconciler.model.training import Verdict

_SHOWN, _WORD_MAX = 8, 200


def one(word: str, runs: Sequence[KnownRun]) -> KnownRun:
    """Return the run that a word means: without a number the open one, else the last.

    NovaorchError: there is none; UsageError: it could be several.
    """
    name, number = _parts(word)
    found = [known for known in runs if name in _names(known)]
    agents = sorted({_agent(known) for known in found})
    if len(agents) > 1:
        raise UsageError(
            f"{clean(word)!r} could be a run of {len(agents)} agents",
            why=", ".join(agents[:_SHOWN]),
            fix=f"write the project, too: {agents[0]}",
        )
    exact = [known for known in found if number in (-1, known.run.number)]
    if not exact:
        raise _none(word, found or runs)
    still = [known for known in exact if known.run.verdict is Verdict.OPEN]
    return max(still or exact, key=lambda known: known.run.number)


def _parts(word: str) -> tuple[str, int]:
    """Return what is before the number, and the number, -1 for none."""
    plain = word.strip().removeprefix("refs/heads/").removeprefix("training/")
    head, _, tail = plain.rpartition("/")
    if head and tail.isascii() and tail.isdigit() and len(tail) < 10:
        return head, int(tail)
    return plain, -1


def _names(known: KnownRun) -> tuple[str, ...]:
    unit = known.run.unit
    return (unit.name, _agent(known), str(unit), str(UnitId.of(unit.project, "agent", unit.name)))


def _agent(known: KnownRun) -> str:
    return f"{known.run.unit.project}/{known.run.unit.name}"


def _none(word: str, there: Sequence[KnownRun]) -> NovaorchError:
    shown = [known.name for known in there][:_SHOWN]
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    return NovaorchError(
        f"there is no run {clean(word)[:_WORD_MAX]!r}",
        why=f"there are {', '.join(shown)}{more}" if shown else "no agent has worked in one yet",
        fix="see them: novaorch training list --all",
    )
