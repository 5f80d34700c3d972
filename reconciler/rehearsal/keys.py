"""Bytes of a keyboard, told apart: pastes, keys with a name, and text."""

from __future__ import annotations

BEGIN, END = b"\x1b[200~", b"\x1b[201~"
NAMED = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1b[Z": "mode",
}
CONTROL = {
    b"\r": "enter",
    b"\x7f": "back",
    b"\x08": "back",
    b"\x15": "clear",
    b"\x03": "interrupt",
    b"\x04": "end",
    b"\n": "newline",
    b"\t": "tab",
    b"\x1b": "escape",
}


class Keys:
    """Cuts a stream into (name, text): name is `paste`, `text` or a key's; text may be empty."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[tuple[str, str]]:
        """Return what is complete; half a paste, or half a letter, is kept for the next time."""
        left = self._held + data
        found: list[tuple[str, str]] = []
        while left:
            name, text, used = _next(left)
            if not used:
                break
            left = left[used:]
            if name:
                found.append((name, text))
        self._held = left
        return found


def _next(left: bytes) -> tuple[str, str, int]:
    if left.startswith(BEGIN):
        end = left.find(END)
        text = left[len(BEGIN) : end].decode("utf-8", "replace")
        # A terminal sends a line's end in a paste as a carriage return.
        return "paste", text.replace("\r", "\n"), end + len(END) if end >= 0 else 0
    for sequence, name in NAMED.items():
        if left.startswith(sequence):
            return name, "", len(sequence)
    if left[:1] in CONTROL:
        if left[:1] == b"\x1b" and len(left) > 1 and BEGIN.startswith(left[: len(BEGIN)]):
            return "", "", 0
        return CONTROL[left[:1]], "", 1
    length = 0
    while length < len(left) and left[length : length + 1] not in CONTROL:
        length += 1
    while length and not _whole(left[:length]):
        length -= 1
    return "text", left[:length].decode("utf-8", "replace"), length


def _whole(data: bytes) -> bool:
    """Whether data does not end in the middle of a letter."""
    tail = data[-4:]
    for size in range(1, len(tail) + 1):
        byte = tail[-size]
        if byte >= 0xC0:
            return size >= (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4)
        if byte < 0x80:
            return True
    return True
