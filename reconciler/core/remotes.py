"""Two branches, one here and one elsewhere: which commit is followed, and when to look again.

Pure decisions. Whoever has everything that the other has is followed; when neither has, nobody
guesses, and what was followed last goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.core.backoff import wait_s
from reconciler.model.control import Withheld, Withholding
from reconciler.model.ids import Json, UnitId, digest
from reconciler.model.problems import NovaorchError
from reconciler.model.remote import Offer, Refusal, Relation, Remote, RemoteState, Tips
from reconciler.model.unit import Restart

BACKOFF_MAX_S = 600.0
GAP_S = 3.0
"""The least time between two looks, however many nudges come."""
REFUSED_S = 3600.0
"""After so long a ref is offered again that was refused."""

Contains = Callable[[str, str], bool]
"""Whether the second commit contains the first; NovaorchError: nobody can tell."""


def related(ours: str, theirs: str, contains: Contains) -> Tips:
    """Return how two tips stand to each other; `theirs` is '' before anything was fetched."""
    if not theirs:
        return Tips(ours)
    if ours == theirs:
        return Tips(ours, theirs, Relation.SAME)
    try:
        if contains(ours, theirs):
            return Tips(ours, theirs, Relation.BEHIND)
        found = Relation.AHEAD if contains(theirs, ours) else Relation.DIVERGED
        return Tips(ours, theirs, found)
    except NovaorchError as error:
        return Tips(ours, theirs, Relation.UNKNOWN, f"{error.what} ({error.why}); {error.fix}")


def choose(tips: Tips, accepted: str, branch: str) -> str | Withheld:
    """Return the commit that may be followed, or why neither of the two is.

    `accepted` was followed last. A hold names the other one of the two.
    """
    if tips.relation is Relation.BEHIND:
        return tips.theirs
    if tips.relation in (Relation.NONE, Relation.SAME, Relation.AHEAD):
        return tips.ours
    other = tips.ours if tips.theirs == accepted else tips.theirs
    if tips.relation is Relation.UNKNOWN:
        detail = f"whether {tips.ours[:12]} here or {tips.theirs[:12]} there is newer is unknown"
        return Withheld(other, Withholding.DIVERGED, f"{detail}: {tips.doubt}")
    return Withheld(
        other,
        Withholding.DIVERGED,
        f"commit {tips.ours[:12]} here and {tips.theirs[:12]} of the remote's {branch} have "
        "gone different ways; neither is followed",
        fix=f"git merge novaorch/remote/{branch}",
    )


def next_try(remote: Remote, state: RemoteState, count: int, now: float) -> float:
    """Return the hour of the next look: the interval, a tenth up or down; later after failures."""
    if state.failures:
        slow = Restart(base_s=remote.interval_s, max_s=max(BACKOFF_MAX_S, remote.interval_s))
        return now + max(GAP_S, wait_s(UnitId(remote.url), slow, state.failures))
    share = int(digest([remote.url, count])[:4], 16) / 0xFFFF
    return now + remote.interval_s * (0.9 + 0.2 * share)


def unsent(
    outgoing: Mapping[str, str],
    there: Mapping[str, str],
    refused: Mapping[str, Refusal],
    now: float,
) -> list[Offer]:
    """Return what the remote has not got: not what it refused at this very commit lately."""
    found: list[Offer] = []
    for ref, commit in outgoing.items():
        known = refused.get(ref)
        lately = known is not None and known.commit == commit and now - known.at < REFUSED_S
        if there.get(ref) != commit and not lately:
            found.append(Offer(commit, ref))
    return found


def withheld_push(remote: Remote, tips: Tips, followed: str, lost: bool) -> str:
    """Return why the branch here is not pushed although it is ahead; '' when it may be.

    `lost`: the branch there was set back by force, and pushing would bring back what it lost.
    """
    if tips.ours != followed:
        return f"{tips.ours[:12]} is not followed here, so it is not pushed"
    if lost:
        return (
            f"{remote.branch} was set back by force there, and {tips.ours[:12]} would bring back "
            "what it lost: push it yourself, or take it back (git reset)"
        )
    return ""


def in_words(state: RemoteState, now: float) -> str:
    """Return the state in one line."""
    where = f"{state.branch} of {state.url}"
    parts = [f"fetched {_age(now - state.fetched)} ago" if state.fetched else "never fetched"]
    for count, word in ((state.ahead, "ahead"), (state.behind, "behind")):
        parts += [f"{count} {word}"] if count else []
    if state.trouble:
        soon = f"; next try in {_age(state.next - now)}" if state.next > now else ""
        parts.append(f"failing for {_age(now - state.since)}: {state.trouble}; {state.fix}{soon}")
    parts += [text for text in (state.push_trouble, state.held) if text]
    if state.refused:
        first = state.refused[0]
        parts.append(f"{len(state.refused)} refused, first {first.ref}: {first.why}; {first.fix}")
    return f"{where}: {', '.join(parts)}"


def as_record(state: RemoteState) -> dict[str, Json]:
    """Return what a program may want to know of it."""
    return {
        "url": state.url,
        "branch": state.branch,
        "tip": state.tip,
        "fetched": state.fetched,
        "trouble": state.trouble,
        "ahead": state.ahead,
        "behind": state.behind,
        "pushed": state.pushed,
        "held": state.held,
        "refused": [one.ref for one in state.refused],
    }


def _age(seconds: float) -> str:
    left = max(0, int(seconds))
    for name, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if left >= size:
            return f"{left // size}{name}"
    return f"{left}s"
