"""What a fake agent shows: its past, then a composer between two rules, or a dialog instead."""

from __future__ import annotations

import os

SIGN = "❯\u00a0"
"""Before what is being written; a prompt that was sent has an ordinary space there."""
DIM, PLAIN, REVERSE = "\x1b[2m", "\x1b[0m", "\x1b[7m"
ROWS_MAX = 12
"""A composer has no more rows; its first is always there."""
ENTER = "\x1b[?1049h\x1b[?2004h\x1b[?25h\x1b]2;✳ Claude Code (rehearsal)\x07"
LEAVE = "\x1b[?2004l\x1b[?1049l"


class Screen:
    """Rows on a terminal; only those that changed are written."""

    def __init__(self, fd: int, keep: int) -> None:
        self._fd, self._keep = fd, keep
        self._shown: list[str] = []
        self._size = (0, 0)
        self.past: list[str] = []

    def enter(self) -> None:
        """Take the terminal over."""
        self._write(ENTER)

    def leave(self) -> None:
        """Give the terminal back."""
        self._write(LEAVE)

    def tell(self, text: str, first: str = "", rest: str = "  ") -> None:
        """Add to the past; `first` and `rest` stand before its rows."""
        rows = text.split("\n")
        self.past += [(rest if number else first) + row for number, row in enumerate(rows)]
        del self.past[: -self._keep]

    def draw(self, below: list[str], cursor: tuple[int, int]) -> None:
        """Show the past above and these rows at the bottom; `cursor` is (row in them, column)."""
        size = os.get_terminal_size(self._fd)
        width, height = size.columns, size.lines
        room = max(0, height - len(below))
        above = [_cut(row, width) for row in self.past[-room:]] if room else []
        rows = above + [""] * (room - len(above)) + [_cut(row, width) for row in below[-height:]]
        out = []
        if (width, height) != self._size:
            self._size, self._shown = (width, height), []
            out.append("\x1b[2J")
        for number, row in enumerate(rows):
            if number >= len(self._shown) or self._shown[number] != row:
                out.append(f"\x1b[{number + 1};1H\x1b[K{row}{PLAIN}")
        self._shown = rows
        at = min(height, max(1, height - len(below) + 1 + cursor[0]))
        out.append(f"\x1b[{at};{min(width, cursor[1] + 1)}H")
        self._write("".join(out))

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                continue

    @property
    def width(self) -> int:
        """Return the columns there are."""
        return os.get_terminal_size(self._fd).columns


def composer(draft: str, hint: str, footer: str, width: int) -> tuple[list[str], tuple[int, int]]:
    """Return the rows of a composer with its footer, and where the cursor stands in them.

    An empty one shows its hint dim, but for the letter under the cursor: so does the real one.
    """
    rule = DIM + "─" * width + PLAIN
    rows = draft.split("\n")
    shown = [("  " if number else SIGN) + row for number, row in enumerate(rows)]
    at = (len(rows), 2 + len(rows[-1]))
    if not draft and hint:
        shown = [f"{SIGN}{REVERSE}{hint[0]}{PLAIN}{DIM}{hint[1:]}{PLAIN}"]
    if len(shown) > ROWS_MAX:
        shown = [shown[0], *shown[1 - ROWS_MAX :]]
    return [rule, *shown, rule, "  " + footer], (min(at[0], ROWS_MAX), at[1])


def dialog(title: str, detail: str, question: str, answers: list[str], chosen: int) -> list[str]:
    """Return the rows of a permission dialog."""
    told = [f" {'❯' if n == chosen else ' '} {n + 1}. {said}" for n, said in enumerate(answers)]
    foot = " Esc to cancel · Tab to amend"
    return ["─" * 80, f" {title}", "", f"   {detail}", "", f" {question}", *told, "", foot]


def gate(directory: str, chosen: int) -> list[str]:
    """Return the rows of the question whether a folder is trusted; the first answer ends it."""
    answers = ("No, exit", "Yes, I trust this folder")
    told = [f" {'❯' if n == chosen else ' '} {said}" for n, said in enumerate(answers)]
    safe = " Quick safety check: Is this a project you created or one you trust?"
    head = ["─" * 80, " Accessing workspace:", "", f" {directory}", "", safe, ""]
    return [*head, *told, "", " Enter to confirm · Esc to cancel"]


def _cut(row: str, width: int) -> str:
    """Return a row that fits; escapes take no room, and rows with escapes are short by making."""
    return row if "\x1b" in row else row[:width]
