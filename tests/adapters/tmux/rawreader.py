"""A small program that reads its terminal as an agent does: raw, with pastes and a composer.

Its arguments: a file to which it appends every prompt it was given, as one JSON text a line, and
how many Enters it swallows. It draws a composer between two rules, its hint dim.
"""

import json
import os
import sys
import termios
import tty

BEGIN, END = b"\x1b[200~", b"\x1b[201~"
PATH, SWALLOWS = sys.argv[1], int((sys.argv[2:] or ["0"])[0])


def draw(text: str) -> None:
    rows = text.split("\n")[-12:]
    shown = rows if text else ["\x1b[2mTry something\x1b[0m"]
    body = [f"\u276f\u00a0{shown[0]}", *(f"  {row}" for row in shown[1:])]
    lines = ["hello", "\u2500" * 60, *body, "\u2500" * 60, "  ? for shortcuts"]
    sys.stdout.write("\x1b[H\x1b[2J" + "\r\n".join(lines))
    sys.stdout.write(f"\x1b[{2 + len(body)};{3 + len(shown[-1] if text else '')}H")
    sys.stdout.flush()


class Composer:
    """What was typed and not sent."""

    def __init__(self) -> None:
        self.text, self.swallows = "", SWALLOWS

    def take(self, data: bytes) -> bytes:
        """Take what is complete; return the rest."""
        while data:
            if data.startswith(BEGIN):
                if END not in data:
                    return data
                pasted, data = data[len(BEGIN) :].split(END, 1)
                self.text += pasted.decode().replace("\r", "\n")
            elif BEGIN.startswith(data):
                return data
            else:
                self.press(data[:1])
                data = data[1:]
        return data

    def press(self, key: bytes) -> None:
        """Take one key."""
        if key != b"\r":
            self.text += key.decode("latin-1")
        elif self.swallows:
            self.swallows -= 1
        elif self.text:
            with open(PATH, "a") as told:  # noqa: PTH123  (without -S it would be slow to start)
                told.write(json.dumps(self.text) + "\n")
            self.text = ""


def main() -> None:
    tty.setraw(0, termios.TCSANOW)
    sys.stdout.write("\x1b[?2004h")
    data, composer = b"", Composer()
    draw("")
    open(PATH, "a").close()  # noqa: PTH123
    while chunk := os.read(0, 65536):
        data = composer.take(data + chunk)
        draw(composer.text)


main()
