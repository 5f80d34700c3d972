"""A run told as one page of HTML that needs nothing else: no script, no file, no network. Pure.

Whatever an agent or a person wrote is escaped; nothing of it becomes markup, style or an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from reconciler.core.explain import counted
from reconciler.core.plain import clean
from reconciler.core.provenance import hour, money
from reconciler.core.report import change, facts, moved, name_of, origin, size, sums
from reconciler.model.provenance import Standing, Story
from reconciler.model.report import FilePart, Report, TurnPart

_OPEN_MAX = 400
"""Turns whose diffs are longer than this are folded at first."""
_STYLE = """
:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--ground:#fcfcfd;--card:#fff;
--line:#e0e3e7;--add:#e6f6eb;--add-ink:#18794e;--del:#feebec;--del-ink:#c62a2f;--mark:#3451b2}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#b0b4ba;--ground:#111113;--card:#18191b;
--line:#363a3f;--add:#132d21;--add-ink:#3dd68c;--del:#3b1219;--del-ink:#ff9592;--mark:#9eb1ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:2rem 1.25rem 4rem;background:var(--ground);
color:var(--ink);font:16px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:0}
h3{font-size:.95rem;margin:0;font-weight:600;display:inline}
p{margin:.4rem 0}.dim,dt{color:var(--dim)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.6rem 0}
dd{margin:0}.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.5rem .9rem}
.tile b{display:block;font-size:1.15rem}
ol{list-style:none;margin:1.5rem 0 0;padding:0 0 0 1.4rem;border-left:2px solid var(--line)}
li.turn{position:relative;margin:0 0 1.6rem;background:var(--card);border:1px solid var(--line);
border-radius:10px;padding:1rem 1.1rem}
li.turn::before{content:"";position:absolute;left:-1.85rem;top:1.25rem;width:.7rem;height:.7rem;
border-radius:50%;background:var(--mark)}
li.claimed::before{background:var(--del-ink)}li.person::before{background:var(--dim)}
blockquote,pre{margin:.5rem 0;padding:.6rem .8rem;border-radius:6px;background:var(--ground);
border:1px solid var(--line)}
blockquote{border-left:3px solid var(--mark);white-space:pre-wrap}
pre{overflow-x:auto;font:13px/1.45 ui-monospace,monospace;overflow-wrap:normal}
details{margin:.5rem 0}summary{cursor:pointer}
.diff span{display:block;white-space:pre;padding:0 .3rem}
.a{background:var(--add);color:var(--add-ink)}.d{background:var(--del);color:var(--del-ink)}
.h{color:var(--dim)}.warn{color:var(--del-ink);font-weight:600}
@media print{details>*{display:block}li.turn{break-inside:avoid}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report) -> str:
    """Return a report as one HTML page."""
    name = text(report.name)
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{name}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{name}</h1>",
        f'<p class="dim">{text(size(report))}</p>',
        *_tiles(report),
        *_listed(facts(report)),
        *_gate(report),
        "<ol>",
        *(line for turn in report.turns for line in _turn(turn)),
        "</ol>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def text(said: str) -> str:
    """Return text that a browser shows and never obeys."""
    return escape(clean(said), quote=True)


# -- inside --------------------------------------------------------------------------------------


def _tiles(report: Report) -> Iterator[str]:
    turns = sum(1 for turn in report.turns if turn.story.noted and turn.story.noted.number)
    noted = [turn.story.noted for turn in report.turns if turn.story.noted is not None]
    tokens = sum(one.tokens_in + one.tokens_out for one in noted)
    cost = sum(one.cost_usd for one in noted)
    held = sum(len(turn.held_back) for turn in report.turns)
    tiles = [
        (report.state, "state"),
        (str(turns), "turns"),
        (str(report.files), "files"),
        (f"+{sum(t.added for t in report.turns)}", "lines came"),
        (f"-{sum(t.deleted for t in report.turns)}", "lines went"),
        (f"{tokens:,}" if tokens else "", "tokens"),
        (money(cost) if cost > 0 else "", "cost"),
        (str(held) if held else "", "held back"),
    ]
    yield '<div class="tiles">'
    for value, name in tiles:
        if value:
            yield f'<div class="tile"><b>{text(value)}</b><span class="dim">{name}</span></div>'
    yield "</div>"


def _listed(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield "<dl>"
    for name, said in pairs:
        yield f"<dt>{text(name)}</dt><dd>{text(said)}</dd>"
    yield "</dl>"


def _gate(report: Report) -> Iterator[str]:
    if report.gate_tail:
        yield "<details><summary>What the gate said</summary>"
        yield f"<pre>{_rows(report.gate_tail.splitlines())}</pre></details>"


def _turn(turn: TurnPart) -> Iterator[str]:
    story = turn.story
    kinds = {Standing.CLAIMED: " claimed", Standing.PERSON: " person"}
    number = name_of(turn)
    yield f'<li class="turn{kinds.get(story.standing, "")}" id="turn-{story.work.oid[:12]}">'
    yield f"<h2>{text(number)} · {text(story.work.subject)}</h2>"
    took = sums([turn])
    yield (
        f'<p class="dim">{hour(story.work.at)} · +{turn.added} -{turn.deleted}'
        f"{' · ' + text(took) if took else ''}</p>"
    )
    if story.standing is Standing.CLAIMED:
        yield f'<p class="warn">Not proven: {text(story.doubt)}</p>'
    yield from _prompt(story)
    if turn.body:
        yield f"<details><summary>What it said</summary><pre>{_rows(turn.body.splitlines())}</pre>"
        yield "</details>"
    yield "<details><summary>Where it comes from</summary>"
    yield from _listed(origin(story))
    yield "</details>"
    if turn.held_back:
        yield f'<p class="warn">{counted(len(turn.held_back), "path")} held back</p><ul>'
        yield from (f"<li>{text(row)}</li>" for row in turn.held_back)
        yield "</ul>"
    fold = sum(len(file.lines) for file in turn.files) > _OPEN_MAX
    for file in turn.files:
        yield from _file(file, fold)
    if turn.left_out:
        yield f'<p class="dim">{text(turn.left_out)}</p>'
    yield "</li>"


def _prompt(story: Story) -> Iterator[str]:
    prompt = story.prompt
    if prompt is None:
        return
    name = f' <span class="dim">prompt {text(prompt.hash)}</span>' if prompt.hash else ""
    if prompt.text:
        yield f"<blockquote>{_rows(prompt.text.splitlines())}{name}</blockquote>"
    else:
        yield f'<p class="dim">{text(prompt.absent)}{name}</p>'


def _file(file: FilePart, fold: bool) -> Iterator[str]:
    opened = "" if fold or not file.lines else " open"
    head = f'<h3>{text(moved(file))}</h3> <span class="dim">{text(change(file))}</span>'
    yield f"<details{opened}><summary>{head}</summary>"
    if file.lines:
        yield f'<pre class="diff">{"".join(_line(line) for line in file.lines)}</pre>'
    if file.left_out:
        yield f'<p class="dim">{counted(file.left_out, "more line")} not shown</p>'
    yield "</details>"


def _line(line: str) -> str:
    kind = {"+": "a", "-": "d", "@": "h", "\\": "h"}.get(line[:1], "")
    named = f' class="{kind}"' if kind else ""
    return f"<span{named}>{text(line) or ' '}</span>"


def _rows(lines: Iterable[str]) -> str:
    return "\n".join(text(line.expandtabs(4)) for line in lines)
