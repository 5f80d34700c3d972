"""Secrets in text: known forms of tokens, private keys, and assignments of what looks random.

Never tells a value: only the line and the rule. Made for few false alarms, so it is no proof that
there is nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MASK = "«secret»"
_BEFORE, _BEHIND = 60, 400
BINARY_AFTER = 8_000
"""A file with a NUL among its first bytes is none of text, as git has it."""


class Leak(NamedTuple):
    """One secret: its line, counted from 1, and what it looks like."""

    line: int
    rule: str


class _Rule(NamedTuple):
    """A form that is only looked for where one of the `words` stands."""

    name: str
    words: tuple[str, ...]
    form: re.Pattern[str]


class _Hit(NamedTuple):
    start: int
    end: int
    rule: str


def _rule(name: str, words: str, form: str) -> _Rule:
    return _Rule(name, tuple(words.split()), re.compile(rf"(?<![A-Za-z0-9])(?:{form})"))


_KNOWN = (
    _rule("AWS access key", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _rule("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _rule("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{60,255}"),
    _rule("GitLab token", "glpat-", r"glpat-[\w-]{20,}"),
    _rule("Slack token", "xoxa- xoxb- xoxp- xoxr- xoxs-", r"xox[abprs]-[A-Za-z0-9-]{20,}"),
    _rule("Slack webhook", "hooks.slack.com", r"hooks\.slack\.com/services/T\w+/B\w+/\w{16,}"),
    _rule("Stripe key", "sk_live_ rk_live_", r"[sr]k_live_[A-Za-z0-9]{16,}"),
    _rule("Anthropic key", "sk-ant-", r"sk-ant-[\w-]{24,}"),
    _rule(
        "OpenAI key",
        "sk-",
        r"sk-(?:proj-|svcacct-)?(?=[\w-]{0,99}\d)(?=[\w-]{0,99}[A-Z])[\w-]{40,}",
    ),
    _rule("Google API key", "AIza", r"AIza[\w-]{35}(?![\w-])"),
    _rule("Google token", "ya29.", r"ya29\.[\w-]{30,}"),
    _rule("npm token", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _rule("PyPI token", "pypi-AgE", r"pypi-AgE[\w-]{50,}"),
    _rule("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
    _rule("SendGrid key", "SG.", r"SG\.[\w-]{20,24}\.[\w-]{40,45}"),
    _rule("DigitalOcean token", "dop_v1_ doo_v1_", r"do[op]_v1_[a-f0-9]{64}"),
    _rule("Shopify token", "shpat_ shpss_", r"shp(?:at|ss)_[a-fA-F0-9]{32}"),
    _rule("Vault token", "hvs. hvb.", r"hv[sb]\.[\w-]{24,}"),
    _rule("age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    _rule("Telegram token", ":AA", r"\d{8,10}:AA[\w-]{32,34}(?![\w-])"),
    _rule("Azure key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{60,}={0,2}"),
    _rule("JSON web token", "eyJ", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    _rule(
        "private key",
        "PRIVATE",
        r"(?<!\S)?-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\\nr\"'+,]|[A-Z][A-Za-z-]{1,30}: [^\n]{0,80}\n){0,40}[A-Za-z0-9+/=]{32,}",
    ),
)
_KEY = (
    r"(?:token|secret|passwd|password|passphrase|pwd|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|secret[_-]?key|client[_-]?secret|encryption[_-]?key|credentials?)"
)
_ASSIGNED = re.compile(
    rf"(?i)(?<![A-Za-z0-9])[\w.-]{{0,40}}?{_KEY}(?![A-Za-z0-9])[\"'`\])]{{0,2}}\s{{0,4}}(?::|=|=>|:=)\s{{0,4}}"
    rf"(?:[rbuf]?([\"'`])(?P<quoted>[^\s\"'`]{{16,256}})\1|(?P<bare>[A-Za-z0-9+/_.~=-]{{16,256}})\s*(?:$|[#,;]))",
    re.M,
)
_ASSIGNED_WORDS = ("token", "secret", "passw", "passphrase", "pwd", "key", "credential")
_LOGIN = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{1,64}:(?P<bare>[^\s/@\"'<>]{12,200})@"
)
_PRETEND = re.compile(
    r"(?i)example|sample|dummy|fake|mock|placeholder|change.?me|your|insert|redacted|masked"
    r"|x{4,}|\*{3,}|0{6,}|1234|abcd|qwerty|foobar|lorem|\$\{|\{\{|<|%\(|«"
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find(text: str) -> tuple[Leak, ...]:
    """Return every line that seems to hold a secret, with the rule that says so."""
    found = {Leak(text.count("\n", 0, hit.start) + 1, hit.rule) for hit in _hits(text)}
    return tuple(sorted(found))


def values(text: str) -> frozenset[str]:
    """Return the secrets themselves: to tell old ones from new ones, and for nothing else."""
    return frozenset(text[hit.start : hit.end] for hit in _hits(text))


def added(before: str, after: str) -> tuple[Leak, ...]:
    """Return the leaks of a text that were not in it before."""
    hits = _hits(after)
    known = values(before) if hits and before else frozenset()
    new = [hit for hit in hits if after[hit.start : hit.end] not in known]
    return tuple(sorted({Leak(after.count("\n", 0, h.start) + 1, h.rule) for h in new}))


def redacted(text: str) -> str:
    """Return a text with every secret in it replaced."""
    for hit in sorted(_hits(text), reverse=True):
        text = f"{text[: hit.start]}{MASK}{text[hit.end :]}"
    return text


def is_text(body: bytes) -> bool:
    """Return whether a file is looked through at all."""
    return b"\0" not in body[:BINARY_AFTER]


def _hits(text: str) -> list[_Hit]:
    """Return where secrets are, without overlap."""
    hits: list[_Hit] = []
    for hit in sorted((*_known(text), *_assigned(text), *_logins(text))):
        if not hits or hit.start >= hits[-1].end:
            hits.append(hit)
    return hits


def _known(text: str) -> Iterator[_Hit]:
    for rule in _KNOWN:
        if any(word in text for word in rule.words):
            for match in rule.form.finditer(text):
                if not match[0].endswith("EXAMPLE") and len(set(match[0])) > 9:
                    yield _Hit(match.start(), match.end(), rule.name)


def _assigned(text: str) -> Iterator[_Hit]:
    low = text.lower()
    if not any(word in low for word in _ASSIGNED_WORDS):
        return
    for line in _lines_with(text, low):
        for match in _ASSIGNED.finditer(text, *line):
            yield from _random(match, "quoted" if match["quoted"] else "bare", "assigned secret")


def _lines_with(text: str, low: str) -> Iterable[tuple[int, int]]:
    """Yield the spans of lines that hold one of the words: the form is slow on others."""
    if len(low) != len(text):  # some capital letters become two small ones
        return [(0, len(text))]
    spans = []
    for word in _ASSIGNED_WORDS:
        at = low.find(word)
        while at >= 0:
            start = max(text.rfind("\n", 0, at) + 1, at - _BEFORE)
            end = text.find("\n", at, at + _BEHIND)
            end = min(len(text), at + _BEHIND) if end < 0 else end
            spans.append((start, end))
            at = low.find(word, end)
    return spans


def _logins(text: str) -> Iterator[_Hit]:
    if "://" in text and "@" in text:
        for match in _LOGIN.finditer(text):
            yield from _random(match, "bare", "password in an address")


def _random(match: re.Match[str], group: str, rule: str) -> Iterator[_Hit]:
    if _looks_random(match[group]):
        yield _Hit(match.start(group), match.end(group), rule)


def _looks_random(value: str) -> bool:
    """Whether a value has letters, digits and little order, and pretends to be nothing else."""
    if _PRETEND.search(value) or _UUID.fullmatch(value):
        return False
    digits = sum(char.isdigit() for char in value)
    letters = sum(char.isalpha() for char in value)
    if digits < 2 or letters < 4 or "://" in value or value.count("/") > len(value) / 8:
        return False
    words = [word for word in re.split(r"[._/()-]", value) if word]
    if max(map(len, words), default=0) < 12:
        return False
    return entropy(value) >= (3.0 if re.fullmatch(r"(?i)[0-9a-f]+", value) else 3.6)


def entropy(value: str) -> float:
    """Return the bits a character, by how often each one stands there."""
    counts = [value.count(char) for char in set(value)]
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
