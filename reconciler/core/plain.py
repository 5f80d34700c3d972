"""Text made fit for a terminal. Imports nothing of ours: the quickest verbs need it, too."""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """Return `text` fit for a terminal: controls, bidi and zero-width characters made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if unicodedata.category(char)[0] != "C" else f"\\u{{{ord(char):x}}}" for char in text
    )
