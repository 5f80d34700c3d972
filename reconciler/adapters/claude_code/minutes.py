"""Adds up what transcripts say of the work after some hour: who asked what, and what it took."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.adapters.claude_code.transcripts import Transcript
from reconciler.model.training import Spoken


def summed(own: Sequence[Transcript], every: Sequence[Transcript], since: float) -> Spoken:
    """Return what was asked and answered after `since`; 0: after the last prompt.

    `own` are an agent's conversations, `every` those and the ones of its helpers: a helper's
    prompts are its agent's own words, its tokens are used for the same work. A price that nobody
    knows makes the whole sum unknown.
    """
    asked = sorted((one for part in own for one in part.prompts), key=lambda one: one.at)
    if not since and asked:
        since = asked[-1].at - 0.001
    last = max(own, key=_newest, default=None)
    new = [a for part in every for a in part.answers.values() if a.at > since]
    uses = [answer.use for answer in new]
    into = sum(u.tokens_in + u.cache_read + u.cache_write + u.cache_write_long for u in uses)
    known = all(answer.usd is not None for answer in new)
    said = last.said if last is not None else None
    return Spoken(
        prompts=tuple(one.text for one in asked if one.at > since),
        said=said.text if said is not None and said.at > since else "",
        conversation=last.path.stem if last is not None else "",
        model=max(new, key=lambda one: one.at).model if new else "",
        tokens_in=into,
        tokens_out=sum(use.tokens_out for use in uses),
        cost_usd=sum(a.usd or 0.0 for a in new) if known else 0.0,
        at=max((a.at for a in new), default=0.0),
    )


def _newest(part: Transcript) -> float:
    return max((answer.at for answer in part.answers.values()), default=0.0)
