"""Whether a commit is followed: one decision from what is known of it, with its reason.

A commit that is not followed takes nothing back: what was followed last goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.control import SILENT, Consent, Quarantine, Withheld, Withholding
from reconciler.model.ids import digest


@dataclass(frozen=True, slots=True)
class Follow:
    """A commit that is followed."""

    commit: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a head beside the commit that was followed last.

    `descends` says whether it contains that one; with a `doubt`, nobody can tell, and why.
    `same`: it asks for the very same as what runs. `unasked`: no signature is asked for.
    `unsigned` is a commit that does not pass, and why. `closed` says, in words, that no window is
    open; `until` is when one opens, 0 for never.
    """

    descends: bool = True
    doubt: str = ""
    same: bool = False
    unasked: bool = True
    quarantine: Quarantine | None = None
    unsigned: tuple[str, str] | None = None
    closed: str = ""
    until: float = 0.0
    follow_rewinds: bool = False
    consent: Consent = SILENT


def decide(head: str, accepted: str, facts: Facts) -> Follow | Withheld:
    """Return whether `head` is followed after `accepted` ('': nothing was followed yet).

    The first of these that is so withholds it: its content is quarantined; it does not contain
    what was followed; a signature is missing; no window is open. Only the third cannot be
    lifted by a word.
    """
    if facts.quarantine is not None:
        return _quarantined(head, facts.quarantine)
    if head == accepted:
        return Follow(head)
    if accepted and not _goes_on(head, accepted, facts):
        return _rewound(head, accepted, facts.doubt)
    if facts.unsigned is not None:
        return _unverified(head, *facts.unsigned)
    if accepted and facts.closed and not facts.same and not facts.consent.now:
        return Withheld(
            head,
            Withholding.WINDOW,
            f"commit {head[:12]} waits until commits are followed again: {facts.closed}",
            fix="novaorch apply --now",
            until=facts.until,
        )
    return Follow(head)


def word(head: str, accepted: str) -> str:
    """Return the word that lets this very rewind through."""
    return digest([accepted, head])[:8]


def _goes_on(head: str, accepted: str, facts: Facts) -> bool:
    if facts.descends and not facts.doubt:
        return True
    return (
        (facts.same and facts.unasked)
        or facts.follow_rewinds
        or facts.consent.word == word(head, accepted)
    )


def _quarantined(head: str, quarantine: Quarantine) -> Withheld:
    reason = f": {quarantine.reason}" if quarantine.reason else ""
    return Withheld(
        head,
        Withholding.QUARANTINED,
        f"commit {head[:12]} asks for what was rolled back with {quarantine.commit[:12]}{reason}",
        fix=f"novaorch rollback --release {quarantine.commit[:12]}",
    )


def _rewound(head: str, accepted: str, doubt: str) -> Withheld:
    why = doubt or "the branch was rewound or rewritten"
    return Withheld(
        head,
        Withholding.REWOUND,
        f"commit {head[:12]} does not contain {accepted[:12]}, which was followed last: {why}",
        fix=f"novaorch apply --confirm {word(head, accepted)}",
    )


def _unverified(head: str, commit: str, why: str) -> Withheld:
    which = "" if commit == head else f" by way of {commit[:12]}"
    return Withheld(
        head,
        Withholding.UNVERIFIED,
        f"commit {head[:12]} is not trusted{which}: {why}",
        fix=f"sign it with a key of a principal (git commit --amend -S), or see "
        f"`git log --show-signature {commit[:12]}`",
    )
