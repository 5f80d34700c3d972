"""How git speaks to a remote: which programs, which protocols, and with whose word.

Nothing that a repository or a user's git configuration says has a voice here. A secret travels in
the environment of git alone, is told to the one host that it is for, and is in no message.
"""

from __future__ import annotations

import base64
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.masks import Mask
from reconciler.kinds.remoteurl import Address
from reconciler.model.problems import SourceError
from reconciler.model.remote import Remote

USER = "x-access-token"
"""Who a bare token belongs to: forges take any name, or this one."""
CONNECT_S = 20
SLOW_BYTES_S, SLOW_S = 1000, 30
_KEPT = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_SETTINGS = (
    ("transfer.fsckObjects", "true"),
    ("fetch.fsckObjects", "true"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("advice.graftFileDeprecated", "false"),
    ("http.followRedirects", "initial"),
    ("http.lowSpeedLimit", str(SLOW_BYTES_S)),
    ("http.lowSpeedTime", str(SLOW_S)),
    ("http.sslVerify", "true"),
)
_ASK = """#!/bin/sh
# Answers git for one host alone: after a redirect git would ask for another one.
case "$1" in
"Username for '$NOVAORCH_ASK_PLACE'"*) printf '%s\\n' "$NOVAORCH_ASK_USER" ;;
"Password for '$NOVAORCH_ASK_SCHEME://"*"@$NOVAORCH_ASK_HOST'"*)
    printf '%s\\n' "$NOVAORCH_ASK_WORD" ;;
*) exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to a remote over http, and the word that proves it."""

    user: str
    word: str

    @classmethod
    def of(cls, secret: str) -> Login:
        """Understand `token` or `user:token`. SourceError: it holds what no login can."""
        user, colon, word = secret.partition(":")
        login = cls(user, word) if colon else cls(USER, secret)
        if not login.user or not login.word or not (login.user + login.word).isprintable():
            raise SourceError(
                "the remote's credentials cannot be used",
                why="they hold a line break or a control character, or half of them is missing",
                fix="give a token, or user:token, on one line",
            )
        return login


def variables(remote: Remote, address: Address, room: Path, login: Login | None) -> dict[str, str]:
    """Return the environment with which git speaks to one remote, and to no other."""
    made = {name: os.environ[name] for name in _KEPT if name in os.environ}
    made["GIT_ALLOW_PROTOCOL"] = address.protocol
    made["GIT_PROTOCOL_FROM_USER"] = "0"
    allowed = (p for p in remote.protocols if p in ("http", "https"))
    if address.protocol in ("http", "https"):  # a redirect may lead from one to the other
        made["GIT_ALLOW_PROTOCOL"] = ":".join(allowed)
        made["HOME"] = str(room)  # no .netrc of anybody
    if address.protocol == "ssh":
        made["GIT_SSH_COMMAND"], made["GIT_SSH_VARIANT"] = ssh(remote.key), "ssh"
    if login is not None:
        made.update(_asking(address, room, login))
    made["GIT_CONFIG_COUNT"] = str(len(_SETTINGS))
    for number, (name, value) in enumerate(_SETTINGS):
        made[f"GIT_CONFIG_KEY_{number}"], made[f"GIT_CONFIG_VALUE_{number}"] = name, value
    return made


def ssh(key: str) -> str:
    """Return the command that git starts ssh with: it asks nobody, and trusts no unknown host."""
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "PermitLocalCommand=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ClearAllForwardings=yes",
        f"ConnectTimeout={CONNECT_S}",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
    ]
    words = ["ssh"]
    if key:
        options += ["IdentitiesOnly=yes"]
        words += ["-i", key]
    words += [word for option in options for word in ("-o", option)]
    return shlex.join(words)


def masking(login: Login | None) -> Mask:
    """Return what takes a login out of words that git or a server said."""
    if login is None:
        return Mask(secrets.token_bytes(16))
    both = f"{login.user}:{login.word}"
    forms = (login.word, both, base64.b64encode(both.encode()).decode())
    return Mask(secrets.token_bytes(16), forms)


def _asking(address: Address, room: Path, login: Login) -> Mapping[str, str]:
    script = room / "ask"
    if not script.exists():
        made = script.with_name(f".ask-{secrets.token_hex(4)}")
        made.write_text(_ASK)
        made.chmod(0o700)
        made.replace(script)
    return {
        "GIT_ASKPASS": str(script),
        "NOVAORCH_ASK_SCHEME": address.protocol,
        "NOVAORCH_ASK_HOST": address.place,
        "NOVAORCH_ASK_PLACE": f"{address.protocol}://{address.place}",
        "NOVAORCH_ASK_USER": login.user,
        "NOVAORCH_ASK_WORD": login.word,
    }
