"""Secrets taken out of what is kept for ever: by a field's name first, then by how a text looks.

Equal values become equal words, so a change still shows; without the key no word can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

from reconciler.core.plain import clean
from reconciler.model.ids import Json, canonical

SECRET_MIN = 6
"""A value shorter than this is not looked for in free text: it would be found everywhere."""
TEXT_MAX = 500
ITEMS_MAX = 64

_NAMES = (
    r"token|passw(?:or)?d|passphrase|secret|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|client[-_]?key|credentials?"
)
_KNOWN_KEYS = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        sk-[A-Za-z0-9_-]{8,} | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,} | whsec_[A-Za-z0-9]{8,}
      | gh[pousr]_[A-Za-z0-9]{8,} | github_pat_\w{8,} | glpat-[\w-]{8,} | xox[a-z]-[\w-]{8,}
      | (?:AKIA|ASIA)[A-Z0-9]{12,} | AIza[\w-]{20,} | ya29\.[\w.-]{8,} | npm_[A-Za-z0-9]{8,}
      | pypi-[\w-]{8,} | hf_[A-Za-z0-9]{8,} | dop_v1_[a-f0-9]{8,} | SG\.[\w.-]{8,}
      | hvs\.[\w-]{8,} | shpat_[a-f0-9]{8,} | eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?
    )""",
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.S
)
_LOGIN = re.compile(r"(?<=://)([^\s/?#\"'<>]+)@")
_BEARER = re.compile(r"(?i)\b((?:bearer|basic)\s+)(?!«)([A-Za-z0-9._~+/=-]{6,})")
_GIVEN = re.compile(
    rf"(?i)([\w-]*(?:{_NAMES})[\w-]*[\"']?\s?[=:]\s?[\"']?)(?!«|//|\s)([^\s\"'&;,]+)"
)
_FOLLOWS = re.compile(rf"(?i)((?<![\w-])--?[\w-]*(?:{_NAMES})[\w-]*\s+[\"']?)(?!«|-)([^\s\"']+)")
_OPTION = re.compile(rf"(?i)--?[\w-]*(?:{_NAMES})[\w-]*")


class Mask:
    """Masks with one key. `known` are secrets by value: they are masked wherever they stand."""

    def __init__(self, key: bytes, known: Iterable[str] = ()) -> None:
        self._key = key
        values = {value for value in known if len(value) >= SECRET_MIN}
        self._known = sorted(values, key=lambda value: (-len(value), value))

    @property
    def key_id(self) -> str:
        """A name of the key that does not tell it."""
        return hashlib.sha256(b"novaorch mask key\0" + self._key).hexdigest()[:8]

    def knowing(self, known: Iterable[str]) -> Mask:
        """Return the same mask for other known secrets."""
        return Mask(self._key, known)

    def word(self, value: str) -> str:
        """Return the word that stands for a value."""
        raw = value.encode("utf-8", "surrogatepass")
        return f"«masked {hmac.new(self._key, raw, hashlib.sha256).hexdigest()[:4]}»"

    def text(self, text: str, limit: int = TEXT_MAX) -> str:
        """Return a text of at most `limit` characters with nothing secret and no control in it."""
        for value in self._known:
            if value in text:
                text = text.replace(value, self.word(value))
        text = _PRIVATE_KEY.sub(lambda m: self.word(m[0]), text)
        text = _LOGIN.sub(lambda m: f"{self._login(m[1])}@", text)
        text = _KNOWN_KEYS.sub(lambda m: self.word(m[0]), text)
        for pattern in (_BEARER, _GIVEN, _FOLLOWS):
            text = pattern.sub(lambda m: m[1] + self.word(m[2]), text)
        text = clean(text)
        return text if len(text) <= limit else f"{text[: limit - 1]}…"

    def field(self, name: str, value: Json) -> Json:
        """Return the value of a declared field as it may be kept; what is absent stays absent."""
        head = name.split(".", 1)[0]
        if value is None or head not in ("env", "secrets"):
            return self.value(value)
        if isinstance(value, dict):
            return {clean(key): self.field(name, below) for key, below in value.items()}
        return self.word(value if isinstance(value, str) else canonical(value))

    def value(self, value: Json) -> Json:
        """Return any value with every text in it masked; very long ones are cut short."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            kept = self._words(value[:ITEMS_MAX])
            return [*kept, f"… and {len(value) - ITEMS_MAX} more"] if value[ITEMS_MAX:] else kept
        if isinstance(value, dict):
            some = list(value.items())[:ITEMS_MAX]
            return {self.text(key): self._entry(key, below) for key, below in some}
        return value

    def _entry(self, key: str, below: Json) -> Json:
        if isinstance(below, str) and _OPTION.fullmatch(f"-{key}"):
            return self.word(below)
        return self.value(below)

    def _words(self, words: list[Json]) -> list[Json]:
        """Mask a list that may be a command: what follows `--token` is one."""
        kept: list[Json] = []
        for place, word in enumerate(words):
            before = words[place - 1] if place else None
            told = isinstance(before, str) and _OPTION.fullmatch(before) is not None
            if told and isinstance(word, str) and not word.startswith("-"):
                kept.append(self.word(word))
            else:
                kept.append(self.value(word))
        return kept

    def _login(self, login: str) -> str:
        """Keep a plain user's name; anything behind a colon, or long, is a secret."""
        user, colon, word = login.partition(":")
        if "«" in login or (not colon and len(user) < 16):
            return login
        return f"{user}:{self.word(word)}" if colon else self.word(user)
