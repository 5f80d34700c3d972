"""A run told in Markdown: what was asked, said, changed and decided. Pure, and always the same for
the same run. Whatever an agent or a person wrote is text here and never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reconciler.core.explain import counted
from reconciler.core.plain import clean
from reconciler.core.provenance import SHORT, hour, money
from reconciler.model.provenance import Deed, Landing, SealState, Standing, Story
from reconciler.model.report import FilePart, Report, TurnPart

_MARKUP = re.compile(r"([\\`*_\[\]|~]|^[#+=-])")
_TICKS = re.compile(r"`+")
SURE = {
    Standing.VERIFIED: "signed with the fleet's key",
    Standing.RECORDED: "in novaorch's own record, not signed",
    Standing.CLAIMED: "NOT PROVEN",
    Standing.PERSON: "a commit of a person, or of the agent's own hand",
}


def markdown(report: Report) -> str:
    """Return a report as Markdown."""
    lines = [f"# {plain(report.name)}", "", *_facts(report), ""]
    lines += ["| turn | when | what | files | lines | tokens | cost |", "| --- " * 7 + "|"]
    lines += [_row(turn) for turn in report.turns]
    for turn in report.turns:
        lines += ["", *_turn(turn)]
    return "\n".join(lines) + "\n"


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what is true of a run as a whole, name and text."""
    yield "agent", clean(report.agent)
    yield "state", report.state
    if report.target:
        yield "for", report.target
    yield "from", f"{report.base[:SHORT] or 'its beginning'} to {report.tip[:SHORT]}"
    if report.turns:
        yield "when", f"{hour(report.began)} to {hour(report.ended)}"
    yield "size", size(report)
    if sums(report.turns):
        yield "took", sums(report.turns)
    models = dict.fromkeys(t.story.noted.model for t in report.turns if t.story.noted)
    if any(models):
        yield "model", clean(", ".join(filter(None, models)))
    if report.untold:
        yield "untold", f"{counted(report.untold, 'commit')} before these"
    yield from _judged(report.landing)


def _judged(landing: Landing | None) -> Iterator[tuple[str, str]]:
    if landing is None:
        return
    yield "verdict", verdict(landing)
    if landing.gate:
        yield "gate", clean(landing.gate)
    if landing.why:
        yield "because", clean(landing.why)


def size(report: Report) -> str:
    """Return how much a run is."""
    added = sum(turn.added for turn in report.turns)
    deleted = sum(turn.deleted for turn in report.turns)
    commits = counted(len(report.turns), "commit")
    return f"{commits}, {counted(report.files, 'file')}, +{added} -{deleted} lines"


def sums(turns: Iterable[TurnPart]) -> str:
    """Return what turns took together, '' when nobody knows."""
    noted = [turn.story.noted for turn in turns if turn.story.noted is not None]
    given, made = sum(one.tokens_in for one in noted), sum(one.tokens_out for one in noted)
    cost = sum(one.cost_usd for one in noted)
    parts = [f"{given:,} tokens in, {made:,} out"] if given or made else []
    return ", ".join([*parts, *([money(cost)] if cost > 0 else [])])


def verdict(landing: Landing) -> str:
    """Return a verdict in words."""
    into = f" into {clean(landing.target)}" if landing.target else ""
    result = f" as {clean(landing.result)[:SHORT]}" if landing.result else ""
    return f"{landing.verdict}{into}{result} by {clean(landing.by)}, {hour(landing.at)}"


def name_of(turn: TurnPart) -> str:
    """Return what a turn is called: its number, or a dash for a commit that is none."""
    noted = turn.story.noted
    return str(noted.number) if noted is not None and noted.number else "-"


def sure(story: Story) -> str:
    """Return how sure it is whose a commit is."""
    if story.standing is Standing.CLAIMED:
        return f"{SURE[story.standing]}: {clean(story.doubt)}"
    bad = f": {clean(story.seal.why)}" if story.seal.state is SealState.BAD else ""
    return SURE[story.standing] + bad


def origin(story: Story) -> Iterator[tuple[str, str]]:
    """Yield where a turn comes from, name and text."""
    noted, wish = story.noted, story.wish
    yield "commit", f"{story.work.oid[:SHORT]} by {clean(story.work.author)}, {hour(story.work.at)}"
    yield "proof", sure(story)
    if noted is None:
        return
    if noted.conversation:
        yield "conversation", clean(noted.conversation)
    if noted.cause and noted.cause != "turn":
        yield "cause", clean(noted.cause)
    took = [clean(noted.model)] if noted.model else []
    took += [f"{noted.tokens_in:,} tokens in, {noted.tokens_out:,} out"] * bool(noted.tokens_in)
    took += [money(noted.cost_usd)] * (noted.cost_usd > 0)
    if took:
        yield "took", ", ".join(took)
    deeds = (("charter", wish.charter), ("desired", wish.followed)) if wish is not None else ()
    for name, deed in deeds:
        if deed is not None:
            yield name, _deed(deed)


def change(file: FilePart) -> str:
    """Return how much of a file changed."""
    return "binary" if file.added < 0 else f"+{file.added} -{file.deleted}"


def moved(file: FilePart) -> str:
    """Return a file's name, and the one before."""
    return f"{file.before} → {file.path}" if file.before else file.path


def plain(text: str) -> str:
    """Return text that Markdown takes for nothing else, on one line."""
    said = clean(" ".join(text.split()))
    said = _MARKUP.sub(r"\\\1", said)
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- the words above -----------------------------------------------------------------------------


def _facts(report: Report) -> Iterator[str]:
    for name, text in facts(report):
        yield f"- **{name}** {plain(text)}"
    if report.gate_tail:
        yield ""
        yield "The gate said:"
        yield ""
        yield from _fenced(report.gate_tail.splitlines(), "text")


def _row(turn: TurnPart) -> str:
    noted = turn.story.noted
    tokens = f"{noted.tokens_in:,} / {noted.tokens_out:,}" if noted and noted.tokens_in else ""
    cost = money(noted.cost_usd) if noted and noted.cost_usd > 0 else ""
    cells = (
        name_of(turn), hour(turn.story.work.at), turn.story.work.subject, str(len(turn.files)),
        f"+{turn.added} -{turn.deleted}", tokens, cost,
    )  # fmt: skip
    return f"| {' | '.join(plain(cell) for cell in cells)} |"


def _turn(turn: TurnPart) -> Iterator[str]:
    story = turn.story
    yield f"## {name_of(turn)}. {plain(story.work.subject)}"
    yield ""
    for name, text in origin(story):
        yield f"- **{name}** {plain(text)}"
    yield from _asked(story)
    if turn.body:
        yield ""
        yield "It said:"
        yield ""
        yield from _fenced(turn.body.splitlines(), "text")
    if turn.held_back:
        yield ""
        yield "Held back, in no commit:"
        yield ""
        for row in turn.held_back:
            yield f"- {plain(row)}"
    for file in turn.files:
        yield from _file(file)
    if turn.left_out:
        yield ""
        yield f"_{plain(turn.left_out)}_"


def _asked(story: Story) -> Iterator[str]:
    prompt = story.prompt
    if prompt is None:
        return
    yield ""
    yield f"It was asked{f' (prompt {plain(prompt.hash)})' if prompt.hash else ''}:"
    yield ""
    if prompt.text:
        yield from _fenced(prompt.text.splitlines(), "text")
    else:
        yield f"_{plain(prompt.absent)}_"


def _file(file: FilePart) -> Iterator[str]:
    yield ""
    yield f"### {plain(moved(file))} ({plain(change(file))})"
    if file.lines:
        yield ""
        yield from _fenced(file.lines, "diff")
    if file.left_out:
        yield ""
        yield f"_{file.left_out} more lines are not shown_"


def _fenced(lines: Iterable[str], kind: str) -> Iterator[str]:
    """Yield lines as they are, in a fence that none of them can close."""
    shown = [clean(line.expandtabs(4)) for line in lines]
    longest = max((len(run) for line in shown for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{kind}"
    yield from shown
    yield fence


def _deed(deed: Deed) -> str:
    said = f' "{clean(deed.subject)}"' if deed.subject else ""
    by = f" by {clean(deed.author)}" if deed.author else ""
    return f"{deed.oid[:SHORT]}{said}{by}"
