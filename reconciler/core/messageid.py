"""What a message's id looks like: its hour and chance, in a text that sorts by hour. Pure.

`m` and 26 characters of Crockford's base32: 48 bits of milliseconds, 80 bits of chance.
"""

from __future__ import annotations

import re

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
CHANCE_BITS = 80
_MS_BITS = 48
_LENGTH = 26
_ID = re.compile(f"m[0-7][{ALPHABET}]{{{_LENGTH - 1}}}", re.ASCII)


def message_id(ms: int, chance: int) -> str:
    """Return the id of a message made in this millisecond of the epoch."""
    value = (ms & ((1 << _MS_BITS) - 1)) << CHANCE_BITS | (chance & ((1 << CHANCE_BITS) - 1))
    return "m" + "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def is_message_id(text: str) -> bool:
    """Whether a text is a whole id."""
    return _ID.fullmatch(text) is not None


def made_at(text: str) -> float:
    """Return the epoch second in which an id was made; 0 for a text that is no id."""
    if not is_message_id(text):
        return 0.0
    value = 0
    for character in text[1:]:
        value = value << 5 | ALPHABET.index(character)
    return (value >> CHANCE_BITS) / 1000
