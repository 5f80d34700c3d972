"""Which paths of an agent's work are never committed: what would act on whoever checks it out, what
holds secrets by its name, and what the manifest keeps out.

Never looks into a file: `leaks` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from reconciler.model.training import HeldBack

_TOOLS = frozenset({".claude", ".codex", ".gemini", ".cursor", ".husky", ".lefthook"})
_TOOL_FILES = frozenset({".mcp.json", ".claude.json", ".pre-commit-config.yaml", ".overcommit.yml"})
_SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".kube", ".docker"})
_SECRET_FILES = frozenset(
    {".netrc", "_netrc", ".pgpass", ".pypirc", ".htpasswd", ".dockercfg", ".s3cfg", ".my.cnf"}
    | {f"id_{kind}{end}" for kind in ("rsa", "dsa", "ecdsa", "ed25519") for end in ("", "_sk")}
)
_KEY_STORES = (".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".agekey")
_SHOWN_ENV = (".example", ".sample", ".template", ".dist", ".schema", ".defaults")
_HOOK_NAMES = """
    applypatch-msg commit-msg fsmonitor-watchman post-applypatch post-checkout post-commit
    post-index-change post-merge post-receive post-rewrite post-update pre-applypatch
    pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase pre-receive prepare-commit-msg
    proc-receive push-to-checkout reference-transaction sendemail-validate update
"""
_GIT_HOOKS = frozenset(_HOOK_NAMES.split())


def keeper(patterns: Sequence[str]) -> Callable[[str], HeldBack | None]:
    """Return what says of a path why it is never committed, None if it may be.

    A pattern without a slash is a name at any depth, of a file or a folder; one with a slash is a
    path from the top. `*` and `?` stay within a name, `**` does not.
    """
    kept_out = [(pattern, _pattern(pattern)) for pattern in patterns]

    def held(path: str) -> HeldBack | None:
        why = _never(path.lower())
        if not why:
            why = next((f"keep-out has {p!r}" for p, found in kept_out if found.match(path)), "")
        return HeldBack(path, "policy", why) if why else None

    return held


def _never(path: str) -> str:
    folders, _, name = path.rpartition("/")
    parts = (*folders.split("/"), name) if folders else (name,)
    if any(part.startswith(".git") for part in parts):
        return "names that begin with .git steer git"
    if not _TOOLS.isdisjoint(parts) or name in _TOOL_FILES or name.startswith("lefthook."):
        return "it steers tools and agents"
    if len(parts) > 1 and parts[-2] in ("hooks", "hooks.d") and name.split(".")[0] in _GIT_HOOKS:
        return "it is a git hook"
    return _secret(parts, name)


def _secret(parts: Sequence[str], name: str) -> str:
    if name.startswith(".env") and not name.endswith(_SHOWN_ENV):
        return "files of environments hold secrets"
    if name in _SECRET_FILES or name.endswith(_KEY_STORES) or not _SECRET_FOLDERS.isdisjoint(parts):
        return "files of this name hold secrets"
    return ""


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str]:
    body = pattern.strip("/")
    whole = "".join(_WORDS.get(word, re.escape(word)) for word in _PIECE.findall(body))
    above = "" if "/" in body or pattern.startswith("/") else "(?:.*/)?"
    below = "/.*" if pattern.endswith("/") else "(?:/.*)?"
    return re.compile(f"{above}{whole}{below}\\Z", re.S)


_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+", re.S)
_WORDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
