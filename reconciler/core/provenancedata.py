"""The story of a line as data: records for machines. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.core.plain import clean
from reconciler.core.provenance import who
from reconciler.model.provenance import Deed, Landing, Line, Span, Standing, Story, Wish
from reconciler.model.training import Noted


def line_json(line: Line) -> dict[str, Any]:
    """Return a line and its story as plain JSON."""
    standing = line.story.standing if line.story is not None else Standing.UNCOMMITTED
    made: dict[str, Any] = {
        "file": clean(line.path),
        "line": line.line,
        "rev": line.rev,
        "text": line.text,
        "standing": standing.value,
    }
    if line.story is None:
        return {**made, "why": line.why}
    made |= {"at": line.at, "origin": {"file": clean(line.origin_path), "line": line.origin}}
    return {**made, **story_json(line.story)}


def story_json(story: Story) -> dict[str, Any]:
    """Return the story of a commit as plain JSON; what is not known is left out."""
    made: dict[str, Any] = {
        "commit": deed_json(story.deed),
        "signature": {
            "state": story.seal.state.value,
            "by": story.seal.by,
            "key": story.seal.key,
            "why": story.seal.why,
        },
        "standing": story.standing.value,
    }
    if story.work.oid != story.deed.oid:
        made["made_in"] = deed_json(story.work)
    if story.noted is not None:
        made["agent"] = noted_json(story.noted)
    if story.doubt:
        made["doubt"] = story.doubt
    if story.prompt is not None:
        made["prompt"] = {
            "hash": story.prompt.hash, "text": story.prompt.text, "absent": story.prompt.absent,
        }  # fmt: skip
    if story.wish is not None:
        made["wish"] = _wish_json(story.wish)
    if story.landing is not None:
        made["verdict"] = _landing_json(story.landing)
    return {**made, "notes": list(story.notes)}


def deed_json(deed: Deed) -> dict[str, Any]:
    """Return a commit as plain JSON."""
    if deed.missing:
        return {"id": deed.oid, "missing": True}
    return {
        "id": deed.oid,
        "author": deed.author,
        "committer": deed.committer,
        "at": int(deed.at),
        "subject": deed.subject,
    }


def noted_json(noted: Noted) -> dict[str, Any]:
    """Return what a commit says of itself as plain JSON."""
    return {
        "unit": str(noted.unit),
        "run": noted.run,
        "turn": noted.number,
        "conversation": noted.conversation,
        "cause": noted.cause,
        "prompt": noted.prompt,
        "model": noted.model,
        "tokens_in": noted.tokens_in,
        "tokens_out": noted.tokens_out,
        "cost_usd": noted.cost_usd,
        "extra": dict(noted.extra),
    }


def _wish_json(wish: Wish) -> dict[str, Any]:
    made: dict[str, Any] = {"repository": wish.repository, "manifest": wish.path}
    for name in ("followed", "placed", "changed", "charter"):
        deed: Deed | None = getattr(wish, name)
        if deed is not None:
            made[name] = deed_json(deed)
    return {**made, "absent": wish.absent}


def _landing_json(landing: Landing) -> dict[str, Any]:
    return {
        "verdict": landing.verdict,
        "target": landing.target,
        "result": landing.result,
        "by": landing.by,
        "why": landing.why,
        "gate": landing.gate,
        "at": int(landing.at),
        "ref": landing.ref,
    }


def span_json(span: Span, story: Story) -> dict[str, Any]:
    """Return lines of one origin as plain JSON: what `blame` tells of them."""
    noted = story.noted
    return {
        "from": span.first,
        "to": span.end - 1,
        "origin": {"file": clean(span.path), "line": span.origin},
        "who": who(story),
        "agent": str(noted.unit) if noted is not None else "",
        "run": noted.run if noted is not None else 0,
        "turn": noted.number if noted is not None else 0,
        "prompt": noted.prompt if noted is not None else "",
        "standing": story.standing.value,
        "commit": deed_json(story.deed),
        "made_in": deed_json(story.work),
    }
