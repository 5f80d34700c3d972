"""A place elsewhere with which a fleet's repository shares its wishes and its work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remote:
    """What `fleet.yaml` says of the remote. Times in seconds.

    `url` holds no secret. `protocols` may be spoken, and no other. `credentials` is a reference
    (`env:NAME`, `file:/path`) to a token for https, `key` the path of an SSH key; '' for what ssh
    itself finds. `push` has `training` and/or `desired`. `webhook` is a reference to the secret
    with which a nudge must be signed, '' for no such door.
    """

    url: str
    branch: str = "main"
    interval_s: float = 30.0
    protocols: tuple[str, ...] = ("https", "ssh")
    credentials: str = ""
    key: str = ""
    push: tuple[str, ...] = ("training",)
    webhook: str = ""
