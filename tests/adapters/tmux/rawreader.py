"""A small program that reads its terminal as an agent does: raw, with bracketed pastes, a composer.

Its arguments: a file to which it appends every prompt it was given, as one JSON text a line, and how
many Enters it swallows. It draws a composer between two rules, its hint dim.
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


def main() -> None:
    tty.setraw(0, termios.TCSANOW)
    sys.stdout.write("\x1b[?2004h")
    data, text, swallows = b"", "", SWALLOWS
    draw(text)
    open(PATH, "a").close()
    while chunk := os.read(0, 65536):
        data += chunk
        while data:
            if data.startswith(BEGIN):
                if END not in data:
                    break
                pasted, data = data[len(BEGIN) :].split(END, 1)
                text += pasted.decode().replace("\r", "\n")
            elif BEGIN.startswith(data):
                break
            elif data[:1] == b"\r":
                data = data[1:]
                if swallows:
                    swallows -= 1
                elif text:
                    with open(PATH, "a") as told:
                        told.write(json.dumps(text) + "\n")
                    text = ""
            else:
                text, data = text + data[:1].decode("latin-1"), data[1:]
        draw(text)


main()
