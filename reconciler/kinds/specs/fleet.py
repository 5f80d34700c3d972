"""What the Fleet may say: which tmux server, which store, how to follow git, and limits."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, model_validator

from reconciler.kinds.names import shown
from reconciler.kinds.specs.launch import HOT, RECREATE, Columns, Reference, Rows
from reconciler.kinds.specs.words import Directory, Span, Strict, Whole, refusal


def _socket(text: str) -> str:
    absolute = text.startswith("/") and text.isprintable() and "#" not in text and len(text) < 100
    named = re.fullmatch(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,64}", text)
    if not absolute and named is None:
        raise refusal("fleet/socket", f"{shown(text)} is not a socket's name or path")
    return text


def _branch(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]{0,199}", text)
    if plain is None or ".." in text or "@{" in text or "//" in text:
        raise refusal("fleet/branch", f"{shown(text)} is not a branch's name")
    if text.endswith((".lock", "/", ".")) or "/." in text:
        raise refusal("fleet/branch", f"{shown(text)} is not a branch's name")
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
        Annotated[str, AfterValidator(_branch)] | None,
        HOT,
        Field(description="the branch that is the wish; else the one checked out"),
    ] = None
    poll: Annotated[
        float, Span(0.2, 86400), HOT, Field(description="longest time between two looks")
    ] = 5.0


class StopsSpec(Strict):
    """How much one plan may stop without a confirmation: whichever is more."""

    count: Annotated[int, Whole(0, 10_000), HOT, Field(description="units")] = 5
    percent: Annotated[int, Whole(0, 100), HOT, Field(description="percent of all units")] = 20


class LimitsSpec(Strict):
    """What a commit cannot do by itself."""

    stops: Annotated[StopsSpec, Field(description="stops in one plan")] = StopsSpec()
    roots: Annotated[
        list[Directory], HOT, Field(description="directories below which things may run; none: any")
    ] = Field(default_factory=list)


class FleetSpec(Strict):
    """Settings of the whole fleet."""

    tmux: Annotated[TmuxSpec, Field(description="the tmux server")] = TmuxSpec()
    store: Annotated[StoreSpec, Field(description="where observations are published")] = StoreSpec()
    sync: Annotated[SyncSpec, Field(description="how git is followed")] = SyncSpec()
    limits: Annotated[LimitsSpec, Field(description="guards")] = LimitsSpec()
