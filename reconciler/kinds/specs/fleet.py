"""What the Fleet may say: which tmux server, which store, how to follow git, and limits."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, model_validator

from reconciler.kinds.keys import is_private, ssh_key
from reconciler.kinds.names import shown
from reconciler.kinds.specs.launch import HOT, RECREATE, Columns, Mending, Reference, Rows
from reconciler.kinds.specs.remote import RemoteSpec
from reconciler.kinds.specs.sync import CanarySpec, PrincipalSpec, VerifySpec, WindowHours
from reconciler.kinds.specs.words import Branch, Directory, Span, Strict, Whole, refusal


def _socket(text: str) -> str:
    absolute = text.startswith("/") and text.isprintable() and "#" not in text and len(text) < 100
    named = re.fullmatch(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,64}", text)
    if not absolute and named is None:
        raise refusal("fleet/socket", f"{shown(text)} is not a socket's name or path")
    return text


def _url(text: str) -> str:
    """Return the address as it is. What it holds is never shown: it could be a password."""
    try:
        parts = urlsplit(text)
        query = parse_qs(parts.query)
        parts.port  # noqa: B018  # reading it is the check
    except ValueError:
        raise refusal("fleet/store-url", "the store's url cannot be read") from None
    if not text.isprintable() or " " in text or parts.scheme not in {"redis", "rediss", "unix"}:
        raise refusal("fleet/store-url", "the store's url has no known scheme")
    if parts.scheme == "unix" and not parts.path.startswith("/"):
        raise refusal("fleet/store-url", "a unix url needs an absolute path")
    if parts.password or "password" in query:
        raise refusal("fleet/store-password", "a password stands in the store's url")
    return text


def _key_file(path: str) -> str:
    if is_private(path):
        raise refusal("verify/private-key", "a private key stands here")
    if not path.startswith(("/", "~/")):
        raise refusal("fleet/journal-key", f"{shown(path)} lies in the repository")
    return path


def _near(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    if parts.scheme == "unix" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class TmuxSize(Strict):
    """The size of sessions that do not say otherwise."""

    columns: Annotated[Columns, HOT, Field(description="width")] = 200
    rows: Annotated[Rows, HOT, Field(description="height")] = 50


class TmuxSpec(Strict):
    """The tmux server of this fleet."""

    socket: Annotated[
        Annotated[str, AfterValidator(_socket)],
        RECREATE,
        Field(description="name (as in `tmux -L`) or absolute path (`tmux -S`)"),
    ] = "novaorch"
    config: Annotated[
        Directory | None, HOT, Field(description="a tmux configuration file for a new server")
    ] = None
    size: Annotated[TmuxSize, Field(description="size in cells")] = TmuxSize()
    history: Annotated[
        int, Whole(0, 1_000_000), HOT, Field(description="lines of scrollback of new panes")
    ] = 10_000


class StoreSpec(Strict):
    """Where observations are published; DragonflyDB, Redis or Valkey. Absent: an embedded one."""

    url: Annotated[
        Annotated[str, AfterValidator(_url)] | None,
        HOT,
        Field(description="redis://, rediss:// or unix://, without a password"),
    ] = None
    password: Annotated[
        Reference | None, HOT, Field(description="by reference: env:NAME or file:/absolute/path")
    ] = None

    @model_validator(mode="after")
    def _guarded(self) -> StoreSpec:
        plain = self.url is not None and self.url.startswith("redis:")
        if self.url is not None and plain and self.password is None and not _near(self.url):
            raise refusal("fleet/store-open", "a store elsewhere, open to all", at=("url",))
        return self


class SyncSpec(Strict):
    """How git is followed."""

    branch: Annotated[
        Branch | None,
        HOT,
        Field(description="the branch that is the wish; else the one checked out"),
    ] = None
    poll: Annotated[
        float, Span(0.2, 86400), HOT, Field(description="longest time between two looks")
    ] = 5.0
    rewind: Annotated[
        Literal["hold", "follow"],
        HOT,
        Field(description="what is done when the branch was set back or rewritten by force"),
    ] = "hold"
    windows: Annotated[
        list[WindowHours], Field(max_length=100, description="hours for changes; none: always")
    ] = Field(default_factory=list)
    canary: Annotated[
        CanarySpec | None, Field(description="changes of many go to a few first; absent: to all")
    ] = None


class StopsSpec(Strict):
    """How much one plan may stop without a confirmation: whichever is more."""

    count: Annotated[int, Whole(0, 10_000), HOT, Field(description="units")] = 5
    percent: Annotated[int, Whole(0, 100), HOT, Field(description="percent of all units")] = 20
    delay: Annotated[
        float,
        Span(0, 86400),
        HOT,
        Field(description="how long a unit is gone before it is stopped"),
    ] = 0.0


class RestartsSpec(Strict):
    """How many ends are mended in how short a time; more have one cause, and the rest waits."""

    count: Annotated[int, Whole(1, 100_000), HOT, Field(description="restarts")] = 50
    window: Annotated[
        float, Span(1, 3600), HOT, Field(description="the time in which they are counted")
    ] = 10.0


class LimitsSpec(Strict):
    """What a commit cannot do by itself."""

    stops: Annotated[StopsSpec, Field(description="stops in one plan")] = StopsSpec()
    restarts: Annotated[RestartsSpec, Field(description="ends that are mended at once")] = (
        RestartsSpec()
    )
    typing: Annotated[
        float, Span(0, 3600), HOT, Field(description="a key pressed so lately is a person at work")
    ] = 60.0
    roots: Annotated[
        list[Directory], HOT, Field(description="directories below which things may run; none: any")
    ] = Field(default_factory=list)


class FleetHeal(Strict):
    """What is done about a difference that no commit made, where a manifest does not say."""

    crash: Annotated[
        Mending, HOT, Field(description="when a process ends: heal, warn or ignore")
    ] = "heal"
    edit: Annotated[
        Mending,
        HOT,
        Field(description="when a person changes things by hand: heal, warn or ignore"),
    ] = "warn"


class JournalSpec(Strict):
    """The record of everything that was done, kept in git."""

    key: Annotated[
        Annotated[Directory, AfterValidator(_key_file)] | None,
        HOT,
        Field(description="path of the SSH key that signs each record, outside the repository"),
    ] = None
    keep: Annotated[
        int, Whole(100, 10_000_000), HOT, Field(description="how many records stay, at least 100")
    ] = 10_000


class TrainingSpec(Strict):
    """The work of agents as commits."""

    key: Annotated[
        Annotated[Directory, AfterValidator(_key_file)] | None,
        HOT,
        Field(description="path of the SSH key that signs them, outside the repository"),
    ] = None


class GateSpec(Strict):
    """Where agents, metrics and people reach the controller, on this machine only."""

    port: Annotated[int, Whole(0, 65535), HOT, Field(description="0: any that is free")] = 0


class FleetSpec(Strict):
    """Settings of the whole fleet."""

    tmux: Annotated[TmuxSpec, Field(description="the tmux server")] = TmuxSpec()
    store: Annotated[StoreSpec, Field(description="where observations are published")] = StoreSpec()
    sync: Annotated[SyncSpec, Field(description="how git is followed")] = SyncSpec()
    verify: Annotated[VerifySpec, Field(description="signatures of commits")] = VerifySpec()
    principals: Annotated[
        list[PrincipalSpec], Field(max_length=1000, description="whose signatures count")
    ] = Field(default_factory=list)
    limits: Annotated[LimitsSpec, Field(description="guards")] = LimitsSpec()
    heal: Annotated[FleetHeal, Field(description="what is mended by itself")] = FleetHeal()
    journal: Annotated[JournalSpec, Field(description="the record in git")] = JournalSpec()
    gate: Annotated[GateSpec, Field(description="the door on this machine")] = GateSpec()
    training: Annotated[TrainingSpec, Field(description="agents' work as commits")] = TrainingSpec()
    remote: Annotated[
        RemoteSpec | None, Field(description="a repository elsewhere; absent: none")
    ] = None

    @model_validator(mode="after")
    def _somebody_may_sign(self) -> FleetSpec:
        if self.verify.commits != "off" and all(who.revoked for who in self.principals):
            what = f"commits must be signed ({self.verify.commits}), and nobody may"
            raise refusal("verify/nobody", what, at=("verify", "commits"))
        return self

    @model_validator(mode="after")
    def _one_owner_a_key(self) -> FleetSpec:
        owners: dict[str, str] = {}
        for index, who in enumerate(self.principals):
            for kind, keys in (("ssh", [*map(ssh_key, who.ssh)]), ("gpg", who.gpg)):
                for key in keys:
                    if key in owners:
                        what = f"a key of {owners[key]} stands at {who.name} again"
                        raise refusal("verify/key-twice", what, at=("principals", index, kind))
                    owners[key] = who.name
        return self
