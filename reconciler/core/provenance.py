"""The story of a line in words. Pure: what is claimed is never told as if it were proven."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.core.plain import clean
from reconciler.model.provenance import (
    Deed,
    Landing,
    Line,
    Prompt,
    Seal,
    SealState,
    Standing,
    Story,
    Wish,
)
from reconciler.model.training import Noted

SHORT = 12
PROMPT_LINE_MAX = 96
_INDENT = " " * 12


def line_words(line: Line) -> list[str]:
    """Return what is known of a line, as people read it: newest fact first, the wish last."""
    head = f"{clean(line.path)}:{line.line}  {line.text}".rstrip()
    if line.story is None:
        return [head, _said("commit", f"not committed yet: {line.why}")]
    lines = [head]
    if line.at != line.line:
        lines.append(_said("line", f"{line.at} in {clean(line.rev)}, before what is uncommitted"))
    return [*lines, *story_words(line.story, line)]


def story_words(story: Story, line: Line | None = None) -> list[str]:
    """Return the story of a commit: one fact a line."""
    return [
        *_commits(story, line),
        *_agent(story),
        *_prompt(story.prompt),
        *_work(story.noted),
        *_wish(story.wish, story.noted),
        *_landed(story.landing),
        *(_said("note", clean(note)) for note in story.notes),
    ]


def who(story: Story) -> str:
    """Return in a few words who wrote it: `shop/torch 3.2`, or a person's name."""
    noted = story.noted
    if noted is None:
        return clean(story.work.author.partition(" <")[0]) or "nobody"
    turn = f".{noted.number}" if noted.number else ""
    run = f" {noted.run}{turn}" if noted.run else ""
    sure = "?" if story.standing is Standing.CLAIMED else ""
    return clean(f"{noted.unit.project}/{noted.unit.name}{run}{sure}")


def hour(epoch_s: float) -> str:
    """Return an hour in UTC, so that it reads the same for everybody."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "at no hour"


def day(epoch_s: float) -> str:
    """Return the day of an hour, in UTC."""
    return hour(epoch_s)[:10]


def money(usd: float) -> str:
    """Return dollars: `$0.12`, and `$0.0012` where two digits would say nothing."""
    return f"${usd:.2f}" if usd >= 0.1 else f"${usd:.4f}"


# -- the words above -----------------------------------------------------------------------------


def _said(name: str, text: str) -> str:
    return f"  {name:<9} {text}"


def _deed(deed: Deed) -> str:
    subject = f' "{clean(deed.subject)}"' if deed.subject else ""
    if deed.missing:
        return f"{clean(deed.oid)[:SHORT]} (not in the repository that was looked at)"
    return f"{deed.oid[:SHORT]}{subject} by {clean(deed.author)}, {hour(deed.at)}"


def _commits(story: Story, line: Line | None) -> Iterator[str]:
    yield _said("commit", _deed(story.deed))
    elsewhere = (
        line is not None
        and line.origin
        and (line.origin != line.at or line.origin_path != line.path)
    )
    if line is not None and elsewhere:
        yield f"{_INDENT}there it is {clean(line.origin_path)}:{line.origin}"
    if story.work.oid != story.deed.oid:
        yield _said("made in", _deed(story.work))
    yield _said("signed", _seal(story.seal))


def _seal(seal: Seal) -> str:
    key = f" ({clean(seal.key)})" if seal.key else ""
    why = f": {clean(seal.why)}" if seal.why else ""
    by = f" by {clean(seal.by)}" if seal.by else ""
    return {
        SealState.GOOD: f"verified{by}{key}",
        SealState.BAD: f"NOT VALID{key}{why or ': its signature does not fit its content'}",
        SealState.UNKNOWN_KEY: f"with a key that nobody here knows{key}{why}",
        SealState.UNCHECKED: f"not checked{key}{why}",
        SealState.UNSIGNED: "no",
    }[seal.state]


def _agent(story: Story) -> Iterator[str]:
    noted = story.noted
    if noted is None:
        yield _said(
            "agent", "none: no agent is named, so a person wrote it, or a program of theirs"
        )
        return
    parts = [str(noted.unit)]
    parts += [f"run {noted.run}"] if noted.run else []
    parts += [f"turn {noted.number}"] if noted.number else []
    parts += [f"conversation {noted.conversation}"] if noted.conversation else []
    told = clean(", ".join(parts))
    if story.standing is Standing.CLAIMED:
        yield _said("claims", f"{told}")
        yield f"{_INDENT}not proven: {clean(story.doubt)}"
    else:
        yield _said("agent", told)
    if noted.cause and noted.cause != "turn":
        yield f"{_INDENT}recorded because it was {clean(noted.cause)}"


def _prompt(prompt: Prompt | None) -> Iterator[str]:
    if prompt is None:
        return
    name = f" [{clean(prompt.hash)}]" if prompt.hash else ""
    if not prompt.text:
        yield _said("prompt", f"{clean(prompt.absent)}{name}")
        return
    rows = [clean(row.expandtabs(4).rstrip()) for row in prompt.text.splitlines() if row.strip()]
    pieces = [piece for row in rows for piece in _wrapped(row)]
    for at, piece in enumerate(pieces or [""]):
        yield _said("prompt", piece) if at == 0 else f"{_INDENT}{piece}"
    if name:
        yield f"{_INDENT}{name.strip()}"


def _wrapped(row: str) -> Iterator[str]:
    while len(row) > PROMPT_LINE_MAX:
        cut = row.rfind(" ", 20, PROMPT_LINE_MAX)
        cut = cut if cut > 0 else PROMPT_LINE_MAX
        yield row[:cut]
        row = row[cut:].lstrip()
    yield row


def _work(noted: Noted | None) -> Iterator[str]:
    if noted is None:
        return
    parts = [clean(noted.model)] if noted.model else []
    if noted.tokens_in or noted.tokens_out:
        parts.append(f"{noted.tokens_in:,} tokens in, {noted.tokens_out:,} out")
    parts += [money(noted.cost_usd)] if noted.cost_usd > 0 else []
    if parts:
        yield _said("model", ", ".join(parts))


def _wish(wish: Wish | None, noted: Noted | None) -> Iterator[str]:
    if wish is None or noted is None:
        return
    if wish.charter is not None:
        yield _said("charter", _deed(wish.charter))
    if wish.placed is not None:
        yield _said("put there", _deed(wish.placed))
        yield f"{_INDENT}{clean(wish.path)} in {clean(wish.repository)}"
    if wish.changed is not None and wish.placed is not None and wish.changed != wish.placed:
        yield _said("as of", _deed(wish.changed))
    if wish.followed is not None and wish.followed not in (wish.placed, wish.changed):
        yield _said("followed", _deed(wish.followed))
    if wish.absent:
        yield f"{_INDENT}{clean(wish.absent)}" if wish.followed else _said("wish", wish.absent)


def _landed(landing: Landing | None) -> Iterator[str]:
    if landing is None:
        return
    into = f" into {clean(landing.target)}" if landing.target else ""
    as_ = f" as {clean(landing.result)[:SHORT]}" if landing.result else ""
    by = f" by {clean(landing.by)}" if landing.by else ""
    yield _said("verdict", f"{clean(landing.verdict)}{into}{as_}{by}, {hour(landing.at)}")
    if landing.gate:
        yield f"{_INDENT}gate: {clean(landing.gate)}"
    if landing.why:
        yield f"{_INDENT}{clean(landing.why)}"
