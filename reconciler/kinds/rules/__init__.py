"""The rule book: every rule a manifest can break, why it exists and how to mend it.

One table, so that no message is without a reason. It never decides; the rooms beside it do.
"""

from __future__ import annotations

from reconciler.kinds.rules import fields, files, remotes, text, units
from reconciler.kinds.rules.rule import Rule
from reconciler.model.problems import Problem

RULES: dict[str, Rule] = {
    **files.RULES,
    **text.RULES,
    **fields.RULES,
    **remotes.RULES,
    **units.RULES,
}
"""Every rule by its id."""


def problem(
    rule: str, path: str, what: str, at: tuple[int, int] = (0, 0), fix: str = ""
) -> Problem:
    """Return the problem that `rule` makes of `what` at (line, column) of `path`.

    `fix` replaces the general advice of the rule when something more exact is known.
    """
    book = RULES[rule]
    return Problem(path, at[0], at[1], rule, what, book.why, fix or book.fix, book.severity)


__all__ = ["RULES", "Rule", "problem"]
