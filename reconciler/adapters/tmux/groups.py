"""Many sessions of one pane in one line: first all are made, then all are marked.

After each fork the server pays for every page that it touches, and to set an option it touches
every session: to make ten and then mark ten costs far less than ten times both. The line is still
one sequence: nothing comes between making and marking, and a failure ends it before the next step,
so nothing is marked that this line did not make. What a failure left undone is then done one by
one; a session that was made already is marked only if it is ours: until then it carries its unit
in its environment.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.adapters.tmux import fence
from reconciler.adapters.tmux.launch import Setting
from reconciler.adapters.tmux.quote import block, quote, sequence
from reconciler.adapters.tmux.steps import DONE, checked, refusing
from reconciler.adapters.tmux.talk import BIRTH, Reply
from reconciler.model.step import OpenSession
from reconciler.ports import Order

SIZE = 10
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


def line(group: Sequence[Made], setting: Setting) -> str:
    """Return the one line that carries out all orders of `group`, unless one of them fails."""
    marking = (command for _, body in group for command in body[1:])
    making = (body[0] for _, body in group)
    done = f"display-message -p {DONE}"
    return sequence([*fence.head(setting), *making, *marking, done])


def split(reply: Reply, count: int) -> list[Reply] | None:
    """Return the reply of each of the `count` orders of a line; None if it was cut short."""
    births = born(reply)
    if DONE not in reply.output or len(births) != count:
        return None
    return [Reply((birth, DONE), (), reply.at) for birth in births]


def born(reply: Reply) -> list[str]:
    """Return the rows of the panes that were made, in order."""
    return [row for row in reply.output if row.startswith(BIRTH)]


def rest(made: Made, setting: Setting) -> str:
    """Return the line that finishes a session which was made and not marked, if it is ours."""
    order, body = made
    step = order.steps[0]
    assert isinstance(step, OpenSession)  # noqa: S101  (`fits` said so)
    target, unit = quote(f"={step.name}:$"), step.windows[0].panes[0].mark.unit
    ours = quote(f"#{{==:#{{NOVAORCH_UNIT}},{unit}}}")
    marks = checked(body[1:], (), setting)
    return f"if-shell -F -t {target} {ours} {block(marks)} {block(refusing(setting))}"
