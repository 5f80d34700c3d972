"""Rules about the remote: which addresses may be used, and what a word to it must not hold."""

from __future__ import annotations

from reconciler.kinds.rules.rule import Rule

RULES: dict[str, Rule] = {
    "remote/url": Rule(
        "an address has one plain meaning, or nobody knows whom git would speak to",
        "write https://host/path.git, ssh://user@host/path.git, user@host:path.git, or "
        "/absolute/path with `protocols: [file]`",
    ),
    "remote/helper": Rule(
        "git starts a program for such an address, and the address says which",
        "use https or ssh",
    ),
    "remote/host": Rule(
        "a host or path that starts with `-` is an option to the program that is started",
        "correct the host",
    ),
    "remote/letters": Rule(
        "letters that look alike, and signs that cannot be seen, make one host pass for another",
        "write the host in plain ASCII letters, and % escapes in the path",
    ),
    "remote/secret": Rule(
        "a secret in git is a secret no more",
        "delete it from the url, change it, and write `credentials: env:NAME` beside the url",
    ),
    "remote/protocol": Rule(
        "only allowed protocols are spoken; http and git show all to anyone on the way, and file "
        "reaches any folder of this machine",
        "use https or ssh, or allow it: `protocols: [file]`",
    ),
    "remote/credentials": Rule(
        "a login that does not fit its protocol is never used, or is told to all",
        "delete it, or correct the url: credentials are for https, a key is for ssh",
    ),
    "remote/key": Rule(
        "a private key in a work tree is soon in git, and then it is private no more",
        "keep it outside, and write for example `key: ~/.ssh/id_ed25519`",
    ),
}
