"""What an agent is told of its runs: that one conflicts and what to do, or that one is rejected.

Pure. It is text for a model: facts first, then what to do in its own work tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.plain import clean
from reconciler.model.promotion import Clash, KnownRun

_PATHS, _COMMITS = 20, 3


def conflict(known: KnownRun, clashes: Sequence[Clash], policy: str) -> str:
    """Return what an agent is told whose run does not go together with its target."""
    lines = [
        f"Your run {known.name} conflicts with {known.target}: nothing was promoted, nothing is "
        "lost.",
        "",
        "Both sides changed:",
        *(_path(clash, known.target) for clash in clashes[:_PATHS]),
    ]
    if clashes[_PATHS:]:
        lines.append(f"- and {len(clashes) - _PATHS} more")
    join = f"git rebase {known.target}" if policy == "ff" else f"git merge {known.target}"
    lines += [
        "",
        "What to do, in your own work tree:",
        f"1. {join}",
        "2. resolve each of these paths so that both changes keep their meaning; run the tests",
        "3. finish it: git add the paths, then git commit (or git rebase --continue)",
        "4. say that it is done; the run is promoted anew then",
    ]
    return "\n".join(lines)


def rejected(known: KnownRun, by: str, why: str) -> str:
    """Return what an agent is told whose run was rejected."""
    return "\n".join(
        [
            f"Your run {known.name} was rejected by {clean(by)}: {clean(why)}",
            "",
            f"Its commits are kept (refs/novaorch/archive/{known.name}). A new run begins at "
            f"{known.target or 'its base'} once your work tree is clean.",
        ]
    )


def _path(clash: Clash, target: str) -> str:
    sides = ((target, clash.ours), ("your run", clash.theirs))
    told = "; ".join(
        f"{whose}: {', '.join(oid[:12] for oid in oids[:_COMMITS])}"
        for whose, oids in sides
        if oids
    )
    return f"- {clean(clash.path)}" + (f" ({told})" if told else "")
