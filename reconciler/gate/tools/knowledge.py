"""Tools about what agents know and wish: insights, decisions, proposals."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.admission import clean_body
from reconciler.core.explain import hour
from reconciler.core.insights import found, insight
from reconciler.core.toolbox import ToolError
from reconciler.gate.tools.arguments import number, text, texts
from reconciler.gate.tools.means import Means, coded
from reconciler.model.ids import Json, UnitId
from reconciler.model.insight import Proposal

Said = Mapping[str, Json]

TITLE_MAX, WHY_MAX = 100, 4_000
FILE_MAX = 256 << 10
SHOWN_MAX = 20


def share(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """Keep an insight."""
    with coded("too-large"):
        one = insight(unit, text(said, "text"), texts(said, "labels"), means.now())
    fresh = means.insights.share(one)
    return {"id": one.id, "kept": "now" if fresh else "before"}


def search(means: Means, _unit: UnitId, said: Said) -> dict[str, Json]:
    """Find insights."""
    most = max(1, number(said, "limit", 5, SHOWN_MAX))
    known = means.insights.all()
    best = found(text(said, "query")[:1_000], known, most)
    rows: list[Json] = [
        {
            "id": one.id,
            "from": str(one.author),
            "at": hour(int(one.at)),
            "labels": list(one.labels),
            "text": one.text,
        }
        for one in best
    ]
    return {"insights": rows, "known": len(known)}


def request_decision(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """Ask a person."""
    question = text(said, "question")
    with coded("invalid"):
        asked = means.questions.ask(
            unit, clean_body(question) if question else "", texts(said, "options")
        )
    told: dict[str, Json] = {"id": asked.id, "state": "decided" if asked.answer else "open"}
    return {**told, "note": "go on with what does not depend on it; the answer is a message to you"}


def propose(means: Means, unit: UnitId, said: Said) -> dict[str, Json]:
    """Propose a change."""
    title = " ".join(_limited(said, "title", TITLE_MAX).split())
    if not title or not title.isprintable():
        raise ToolError("invalid", "the title says nothing", fix="one plain line")
    content, delete = said.get("content"), said.get("delete") is True
    if (content is None) != delete:
        raise ToolError(
            "invalid",
            "it is not clear what is to become of the file",
            fix="give its whole `content`, or `delete`: true, and not both",
        )
    if isinstance(content, str) and len(content.encode("utf-8", "replace")) > FILE_MAX:
        raise ToolError("too-large", f"a file of more than {FILE_MAX} bytes is not taken")
    why = _limited(said, "why", WHY_MAX)
    wanted = Proposal(
        author=unit,
        path=text(said, "path").removeprefix("desired-state/"),
        content=content if isinstance(content, str) else None,
        title=title,
        why=clean_body(why) if why.strip() else "",
        number=number(said, "proposal", 0, 999_999),
    )
    with coded("invalid-manifest"):
        made = means.proposals.propose(wanted)
    return {
        "proposal": made.number,
        "branch": made.branch,
        "commit": made.commit[:12],
        "based_on": made.base[:12],
        "note": "nothing changes until a person merges it",
    }


def _limited(said: Said, name: str, most: int) -> str:
    words = text(said, name)
    if len(words) > most:
        raise ToolError("too-large", f"{name} is longer than {most} characters", fix="say less")
    return words
