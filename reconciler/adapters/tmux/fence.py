"""Whose orders a server takes: the number of the one controller that may write to it.

The server keeps it in a hidden variable of its global environment, one a fleet, which formats read
like an option and which costs nothing to set. Every line that writes compares it in the same breath
in which it acts, so a controller that was overtaken while it slept does nothing when it wakes.
"""

from __future__ import annotations

from reconciler.adapters.tmux.launch import Setting
from reconciler.adapters.tmux.quote import block
from reconciler.adapters.tmux.talk import SilentError, Talk

FENCED = "fenced: another controller took over"
FENCED_FIX = "nothing: it keeps this fleet true"
DIGITS_MAX = 15
"""More would not survive every reader of a number."""
ATTEMPTS = 4
UNSET = "lock-after-time"


class OvertakenError(Exception):
    """The server obeys a larger number than ours."""


def variable(fleet: str) -> str:
    """Return the variable that holds the number; the mark of a fleet is never another's."""
    return f"@novaorch_epoch_{fleet}"


def number(word: str) -> int:
    """Return the number that a server said, 0 when it said none."""
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= DIGITS_MAX else 0


def condition(setting: Setting) -> str:
    """Return the format that is true while the server takes our orders; '' when that is no matter.

    No word of it holds `,` or `}` but its own.
    """
    if not setting.epoch:
        return ""
    return f"#{{==:#{{{variable(setting.fleet)}}},{setting.epoch}}}"


def guarded(line: str, setting: Setting) -> str:
    """Return a line that does nothing for a controller that was overtaken."""
    ours = condition(setting)
    return f"if-shell -F '{ours}' {block(line, braces=setting.braces)}" if ours else line


def head(setting: Setting) -> list[str]:
    """Return the command that begins a long line, and ends it for a controller that was overtaken.

    To wrap the line into a condition costs a tenth more: tmux writes the whole of it into its log,
    and once more each part. The name of an option is expanded as a format; that of one which no
    session has of its own prints nothing, that of none at all is an error.
    """
    ours = condition(setting)
    return [f"show-options '#{{?{ours},{UNSET},novaorch-fenced}}'"] if ours else []


def claim(talk: Talk, fleet: str, epoch: int, seen: str, timeout_s: float) -> None:
    """Let the server obey `epoch`, unless it obeys a larger number: OvertakenError.

    `seen` is what it said. Raised, never lowered; of two that claim at once, the larger stays.
    """
    name = variable(fleet)
    for _ in range(ATTEMPTS):
        if number(seen) > epoch:
            raise OvertakenError
        if seen == str(epoch):
            return
        line = f"set-environment -gh {name} {epoch}"
        if number(seen) or not seen:
            line = f"if-shell -F '#{{==:#{{{name}}},{seen}}}' {{ {line} }}"
        reply = talk.run([f"{line} ; display-message -p '#{{{name}}}'"], timeout_s)[0]
        if reply.error or not reply.output:
            raise SilentError(reply.error or "the server did not say whose orders it takes")
        seen = reply.output[-1]
    raise OvertakenError
