"""What `fleet.yaml` decides for everything else: place, limits, hours, signers, journal, gate."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.remote import Remote


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """Hours in which new commits are followed (`allow`) or not. Deny wins over allow.

    `cron` (five fields, in `timezone`, an IANA name) says when it opens, `duration_s` for how long.
    With `overrun`, what was begun before it closed is finished after it.
    """

    allow: bool
    cron: str
    duration_s: float
    timezone: str = "UTC"
    overrun: bool = True


@dataclass(frozen=True, slots=True)
class Canary:
    """A change to more than `above` running processes goes to some of them first.

    `count` or, when it is 0, `percent` of those that change; they are watched for `bake_s`.
    """

    count: int = 0
    percent: int = 0
    above: int = 1
    bake_s: float = 300.0


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """How a new commit becomes the wish. `follow_rewinds` lets a forced push through."""

    windows: tuple[SyncWindow, ...] = ()
    canary: Canary | None = None
    follow_rewinds: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose signature counts, by SSH keys (`type base64`) or armoured OpenPGP keys.

    `since` and `until` are dates (YYYY-MM-DD, UTC), "" for no limit; `revoked` takes all back.
    """

    name: str
    ssh: tuple[str, ...] = ()
    gpg: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether commits must be signed: `off`, `head`, or every one of the applied `range`."""

    commits: str = "off"
    principals: tuple[Principal, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What `fleet.yaml` decides for everything else. Times in seconds.

    `store_password` is a reference (`env:NAME`), never the password itself. `stops_delay_s` is how
    long a unit must have been absent before it is stopped. More than `restarts_count_max` falls
    mended within `restarts_window_s` are one cause, not many: the rest waits. A client that had a
    key pressed less than `typing_s` ago is a person at work. `journal_key` is the path of the SSH
    key that signs the journal, '' for none; `journal_keep` how many records stay. `gate_port` is
    0 for any free one. `training_key` is the path of the SSH key that signs agents' work, '' for
    none.
    """

    name: str
    socket: str = "novaorch"
    tmux_config: str = ""
    columns: int = 200
    rows: int = 50
    history_lines: int = 10_000
    store_url: str = ""
    store_password: str = ""
    branch: str = ""
    poll_s: float = 5.0
    stops_count_max: int = 5
    stops_percent_max: int = 20
    stops_delay_s: float = 0.0
    roots: tuple[str, ...] = ()
    restarts_count_max: int = 50
    restarts_window_s: float = 10.0
    typing_s: float = 60.0
    sync: SyncPolicy = SyncPolicy()
    verify: Verification = Verification()
    journal_key: str = ""
    journal_keep: int = 10_000
    gate_port: int = 0
    training_key: str = ""
    remote: Remote | None = None
