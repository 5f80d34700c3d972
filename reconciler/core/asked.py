"""What was asked, out of the text that a model was given: messages without what was put around them
for its eyes. Pure.

The mark of a message stays, so that its way can be followed; so does the quoting of its body, so
that nobody writes the head of another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.core.envelope import END, QUOTED, marks

_HEAD = re.compile(
    r"(\[novaorch:m[0-9a-z]{26}\]) message from (.+?), (?:\d{4}-\d\d-\d\d |an hour )"
)
_PASTE = re.compile(r"</?pasted_content(?: id=\"[^\"]{0,40}\")?>")
_WAYS = "(MCP tools: `reply` answers it"


def asked(text: str) -> str:
    """Return a prompt as it was written by whoever wrote it."""
    return "\n".join(_lines(text)).strip() if marks(text) else text.strip()


def _lines(text: str) -> Iterator[str]:
    within = False
    for line in text.split("\n"):
        head = _HEAD.match(line)
        if head is not None:
            within = True
            yield f"{head[1]} {head[2]}:"
        elif within and (line == END or line.startswith(_WAYS)):
            within = within and line != END
        elif not _PASTE.fullmatch(line) or (within and line.startswith(QUOTED)):
            yield line
