"""One question, one answer, on a bare socket: for looking around without loading a client.

Speaks just enough of the protocol for PING and SHUTDOWN; everything else is the client's part.
"""

from __future__ import annotations

import socket
from pathlib import Path

Address = Path | tuple[str, int]
"""A unix socket, or a host and a port."""

ANSWER_BYTES_MAX = 4096


def ask(address: Address, word: str, timeout_s: float) -> str:
    """Send one word and return the first line of the answer, with its first character.

    `+PONG` is an answer, `-LOADING ...` is one too, '' means that the server hung up. OSError
    when nobody listens; TimeoutError (an OSError) when somebody listens and says nothing.
    """
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        line.connect(str(address) if isinstance(address, Path) else address)
        line.sendall(word.encode() + b"\r\n")
        heard = b""
        while b"\r\n" not in heard and len(heard) < ANSWER_BYTES_MAX:
            more = line.recv(ANSWER_BYTES_MAX)
            if not more:
                break
            heard += more
    return heard.partition(b"\r\n")[0].decode(errors="replace")


PONG = "+PONG"


def alive(answer: str) -> bool:
    """Whether an answer to PING is that of a store that is up, or still reading its data."""
    return answer == PONG or answer.startswith("-LOADING")
