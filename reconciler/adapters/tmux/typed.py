"""Lines typed into a pane in which a process runs already, as a person would to end it. Pure.

Nothing is expanded, and nothing reaches another pane: a person's copy mode is left first, and a
window whose panes all get the same keys is told not to for so long.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.adapters.tmux.quote import block, quote, sequence
from reconciler.adapters.tmux.render import live
from reconciler.model import step as s
from reconciler.model.problems import NovaorchError

ENDING = "\n\r\x1b"
"""What would end the line, or a paste, before its end."""


def type_lines(pane: str, lines: Sequence[str], *, braces: bool) -> list[str]:
    """Return the commands that type `lines` into a live pane, each followed by Enter as a key."""
    if not lines:
        return []
    at = live(pane, "%")
    keys = sequence([command for line in lines for command in _typed(line, pane)])
    alone = sequence(
        [
            f"set-option -p -t {at} synchronize-panes off",
            keys,
            f"set-option -p -u -t {at} synchronize-panes",
        ]
    )
    return [
        f"if-shell -F -t {at} '#{{pane_in_mode}}' {{ copy-mode -q -t {at} }}",
        f"if-shell -F -t {at} '#{{pane_synchronized}}' "
        f"{block(alone, braces=braces)} {block(keys, braces=braces)}",
    ]


def still(step: s.TypeLines, pane: str) -> str:
    """Return the format that is true while the pane runs that very process."""
    return f"#{{==:#{{pane_id}} #{{pane_pid}} #{{?pane_dead,1,0}},{pane} {int(step.pid)} 0}}"


def _typed(line: str, pane: str) -> list[str]:
    if any(character in line for character in ENDING):
        raise NovaorchError(
            "a typed line holds a line break or an escape",
            why="each typed line is followed by one Enter, and is nothing but text",
            fix="write one entry a line, without control characters",
        )
    at, enter = live(pane, "%"), f"send-keys -t {live(pane, '%')} Enter"
    if not line:
        return [enter]
    if line.isprintable():
        return [f"send-keys -t {at} -l -- {quote(line)}", enter]
    # A tab is a key that completes words; pasted, it is text. The name is used up in this breath.
    buffer = f"novaorch-typed-{pane[1:]}"
    paste = f"paste-buffer -p -d -b {buffer} -t {at}"
    return [f"set-buffer -b {buffer} -- {quote(line)}", paste, enter]
