"""Many sessions of one pane in one line: first all are made, then all are marked.

After each fork the server pays for every page that it touches, and to set an option it touches
every session: to make ten and then mark ten costs far less than ten times both. The line is still
one sequence, so nothing comes between making and marking. A session is marked only if it is the one
that this line made: it carries its unit in its environment until it is marked.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.adapters.tmux.launch import Setting
from reconciler.adapters.tmux.quote import block, quote, sequence
from reconciler.adapters.tmux.steps import DONE
from reconciler.adapters.tmux.talk import BIRTH, Reply
from reconciler.model.step import OpenSession
from reconciler.ports import Order

SIZE = 10
UNBORN = "novaorch-unborn"
Made = tuple[Order, Sequence[str]]
"""An order and its commands, of which the first makes the session."""


def fits(order: Order, setting: Setting) -> bool:
    """Return whether `order` may share a line with others."""
    if setting.haunted or not setting.braces or order.expects or len(order.steps) != 1:
        return False
    step = order.steps[0]
    if not isinstance(step, OpenSession) or len(step.windows) != 1:
        return False
    usual = setting.own or step.history_lines == setting.history_lines
    pane = step.windows[0].panes[0]
    plain = not set(pane.mark.unit) & set(",{}#")
    return usual and plain and len(step.windows[0].panes) == 1 and pane.launch is not None


def line(group: Sequence[Made]) -> str:
    """Return the one line that carries out all orders of `group`, each on its own."""
    making = [f"if-shell -F 1 {block(body[0])}" for _, body in group]
    marking = [_marking(number, *made) for number, made in enumerate(group)]
    return sequence([*making, *marking])


def split(reply: Reply, count: int) -> list[Reply]:
    """Return the reply of each of the `count` orders of a line."""
    said = set(reply.output)
    unborn = [n for n in range(count) if f"{UNBORN} {n}" in said]
    unmarked = [n for n in range(count) if f"{DONE} {n}" not in said and n not in unborn]
    errors = dict(zip([*unborn, *unmarked], reply.errors, strict=False))
    births = (row for row in reply.output if row.startswith(BIRTH))
    replies = []
    for number in range(count):
        born = () if number in unborn else tuple(row for row in [next(births, "")] if row)
        done = (DONE,) if f"{DONE} {number}" in said else ()
        error = (errors[number],) if number in errors else ()
        replies.append(Reply((*born, *done), error, reply.at))
    return replies


def _marking(number: int, order: Order, body: Sequence[str]) -> str:
    step = order.steps[0]
    assert isinstance(step, OpenSession)  # noqa: S101  (`fits` said so)
    unit = step.windows[0].panes[0].mark.unit
    ours = quote(f"#{{==:#{{NOVAORCH_UNIT}},{unit}}}")
    rest = sequence([*body[1:], f"display-message -p '{DONE} {number}'"])
    unborn = block(f"display-message -p '{UNBORN} {number}'")
    return f"if-shell -F -t {quote(f'={step.name}:$')} {ours} {block(rest)} {unborn}"
