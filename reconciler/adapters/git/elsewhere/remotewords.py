"""What git says when a remote does not do as asked, turned into a reason and a mend. Pure."""

from __future__ import annotations

import re

from reconciler.model.problems import BlindError, NovaorchError, SourceError
from reconciler.model.remote import Answer, Offer, Pushed

_IDLE = ("hint:", "error: cannot run : ")
_LINE = re.compile(r"([ +*=!-])\t([^\t:]*):([^\t]+)\t(.*)")
_REJECTED = (
    (
        ("non-fast-forward", "fetch first", "stale info", "needs force"),
        "the remote has other commits there, and nothing is ever pushed by force",
        "look at both (git fetch, git log), then merge them or push to another name",
    ),
    (
        ("protected branch", "protected ref", "gh006", "gl-hook", "not allowed to push"),
        "the remote protects this ref",
        "let people merge it there, or allow this login to push",
    ),
    (
        ("pre-receive hook declined", "hook declined", "update hook"),
        "a hook of the remote declined it",
        "see what the remote says, and mend that",
    ),
    (
        ("deny updating a hidden ref", "funny refname", "prohibited by gerrit"),
        "the remote takes no such ref",
        "take `training` out of `remote.push`, or use a remote that keeps any ref",
    ),
)
_TROUBLES = (
    (
        ("couldn't find remote ref",),
        SourceError,
        "the remote has no such branch",
        "push the branch there first, or correct `remote.branch` in fleet.yaml",
    ),
    (
        ("host key verification failed", "no matching host key", "host key is known for"),
        SourceError,
        "the host key of the remote is not known, or is another one than before",
        "compare the key with what the host's owner says, then connect once by hand with ssh",
    ),
    (
        ("authentication failed", "could not read username", "could not read password",
         "permission denied", "error: 401", "error: 403", "access denied", "http 401", "http 403",
         "invalid credentials"),
        SourceError,
        "the remote does not let us in",
        "check `remote.credentials` or `remote.key` in fleet.yaml, and what that login may do",
    ),
    (
        ("not allowed", "transport"),
        SourceError,
        "the remote leads to a protocol that is not allowed",
        "add it to `remote.protocols` in fleet.yaml, if you trust it",
    ),
    (
        ("fsck error", "index-pack failed", "unpack-objects", "bad object", "did not send all"),
        SourceError,
        "what the remote sent is damaged",
        "run `git fsck` in the remote's repository and mend what it names",
    ),
    (
        ("does not appear to be a git repository", "repository not found", "not found",
         "no such file"),
        SourceError,
        "there is no such repository, or this login may not see it",
        "correct `remote.url` in fleet.yaml, or the rights of the login",
    ),
    (
        ("server certificate", "ssl certificate", "certificate verif"),
        SourceError,
        "the remote's certificate is not trusted",
        "install the authority's certificate on this machine",
    ),
)  # fmt: skip


def plainly(err: str) -> str:
    """Return git's words in one line: no advice, and nothing of what we keep it from starting."""
    lines = (line.strip() for line in err.splitlines())
    return " ".join(line for line in lines if line and not line.startswith(_IDLE))


def trouble(words: str) -> NovaorchError:
    """Return the error that git's last words (masked already) mean."""
    low = words.lower()
    for signs, kind, what, fix in _TROUBLES:
        found = all if signs[0] == "not allowed" else any
        if found(sign in low for sign in signs):
            return kind(what, why=words, fix=fix)
    return BlindError(
        "the remote did not answer",
        why=words or "git ended without a word",
        fix="check the network and `remote.url`; it is tried again, later and later",
    )


def answers(offers: tuple[Offer, ...], out: str) -> dict[str, Pushed]:
    """Return what `git push --porcelain` printed of these offers, by ref, in its own words."""
    wanted = {offer.ref: offer for offer in offers}
    found: dict[str, Pushed] = {}
    for line in out.splitlines():
        said = _LINE.fullmatch(line)
        offer = wanted.get(said[3]) if said is not None else None
        if said is not None and offer is not None:
            found[offer.ref] = _answer(offer, said[1], said[4])
    return found


def rejected(offer: Offer, words: str) -> Pushed:
    """Return the answer to an offer that a remote refused with these words."""
    low = words.lower()
    for signs, why, fix in _REJECTED:
        if any(sign in low for sign in signs):
            return Pushed(offer, Answer.REJECTED, f"{why}: {words}", fix)
    fix = "see what the remote says, and mend that"
    return Pushed(offer, Answer.REJECTED, words or "the remote gave no reason", fix)


def atomic_only(pushed: Pushed) -> bool:
    """Whether an offer was refused for another one's sake alone."""
    return not pushed.ok and "atomic" in pushed.why.lower()


def _answer(offer: Offer, flag: str, summary: str) -> Pushed:
    plain = {" ": Answer.MOVED, "*": Answer.NEW, "=": Answer.SAME}
    if flag in plain:
        return Pushed(offer, plain[flag])
    return Pushed(offer, Answer.REJECTED, summary)
