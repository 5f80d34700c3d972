"""How a commit becomes the wish: at which hours, on whom first, and whose word counts."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from reconciler.kinds.hours import fires, is_cron
from reconciler.kinds.keys import gpg_fault, is_private, ssh_fault
from reconciler.kinds.names import shown
from reconciler.kinds.specs.launch import HOT
from reconciler.kinds.specs.words import Flag, Shaped, Span, Strict, Whole, refusal

_YEAR_S = 366 * 86400


def _cron(text: str) -> str:
    if not is_cron(text):
        raise refusal("sync/cron", f"{shown(text)} is not a cron line")
    if not fires(text):
        raise refusal("sync/cron-never", f"{shown(text)} never comes true")
    return text


def _share(text: str) -> str:
    match = re.fullmatch("([1-9][0-9]{0,4})(%?)", text, re.ASCII)
    if match is None or int(match[1]) > (100 if match[2] else 10_000):
        raise refusal("sync/canary-first", f"{shown(text)} is neither a share nor a number")
    return text


Cron = Annotated[str, AfterValidator(_cron)]
Share = Annotated[
    str,
    AfterValidator(_share),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[1-9][0-9]{0,4}%?$"}),
]
Zone = Annotated[str, Shaped("[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", "sync/timezone")]


class WindowHours(Strict):
    """Hours in which new commits are followed, or in which they are not."""

    allow: Annotated[
        Cron | None, HOT, Field(description="a cron line: when hours begin that are for changes")
    ] = None
    deny: Annotated[
        Cron | None, HOT, Field(description="a cron line: when hours begin that are not; it wins")
    ] = None
    duration: Annotated[float, Span(60, _YEAR_S), HOT, Field(description="how long they last")]
    timezone: Annotated[
        Zone, HOT, Field(description="whose clock: an IANA name such as Europe/Berlin")
    ] = "UTC"
    overrun: Annotated[
        Flag, HOT, Field(description="whether what was begun is finished after they are over")
    ] = True

    @model_validator(mode="after")
    def _one_of_the_two(self) -> WindowHours:
        if (self.allow is None) == (self.deny is None):
            both = "both allow and deny" if self.allow else "neither allow nor deny"
            raise refusal("sync/window", f"a window with {both}")
        return self


class CanarySpec(Strict):
    """A change of many goes to a few first, and to all others when these stay well."""

    first: Annotated[Share, HOT, Field(description="how many first: 10% or 3")] = "10%"
    above: Annotated[
        int, Whole(1, 10_000), HOT, Field(description="changes of more than this many are tried")
    ] = 1
    bake: Annotated[
        float, Span(1, 86400), HOT, Field(description="how long the first are watched")
    ] = 300.0


# -- whose word counts ----------------------------------------------------------------------------


def _ssh(text: str) -> str:
    if is_private(text):
        raise refusal("verify/private-key", "a private key stands here")
    if (fault := ssh_fault(text)) != "":
        raise refusal("verify/ssh-key", f"not a public SSH key: {fault}")
    return text


def _gpg(text: str) -> str:
    if is_private(text):
        raise refusal("verify/private-key", "a private key stands here")
    if len(text) > 200_000 or (fault := gpg_fault(text)) != "":
        said = fault if len(text) <= 200_000 else "it is too long"
        raise refusal("verify/gpg-key", f"not a public OpenPGP key: {said}")
    return text


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text) if len(text) == 10 and text.isascii() else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2999:
        raise refusal("verify/date", f"{shown(text)} is not a day")
    return text


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_ONE_OR_MORE = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
)
SshKeys = Annotated[
    list[Annotated[str, AfterValidator(_ssh)]], BeforeValidator(_listed), _ONE_OR_MORE
]
GpgKeys = Annotated[
    list[Annotated[str, AfterValidator(_gpg)]], BeforeValidator(_listed), _ONE_OR_MORE
]
Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class PrincipalSpec(Strict):
    """Somebody whose signature on a commit counts."""

    name: Annotated[
        Annotated[str, Shaped("[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", "verify/name")],
        HOT,
        Field(description="who; most often a mail address"),
    ]
    ssh: Annotated[
        SshKeys, HOT, Field(max_length=50, description="public SSH keys, as in id_ed25519.pub")
    ] = Field(default_factory=list)
    gpg: Annotated[
        GpgKeys,
        HOT,
        Field(max_length=50, description="public OpenPGP keys, as `gpg --armor --export` prints"),
    ] = Field(default_factory=list)
    since: Annotated[
        Day | None,
        HOT,
        Field(alias="from", description="the first day (UTC) on which a signature counts"),
    ] = None
    until: Annotated[
        Day | None, HOT, Field(description="the day (UTC) from which on none counts any more")
    ] = None
    revoked: Annotated[
        Flag, HOT, Field(description="whether nothing that these keys ever signed counts")
    ] = False

    @model_validator(mode="after")
    def _means_something(self) -> PrincipalSpec:
        if not self.ssh and not self.gpg:
            raise refusal("verify/no-key", f"{self.name} has no key")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise refusal("verify/dates", f"until {self.until} is not after from {self.since}")
        return self


class VerifySpec(Strict):
    """Whether commits must be signed by a principal."""

    commits: Annotated[
        Literal["off", "head", "range"],
        HOT,
        Field(description="off, head (the newest), or range (each one since the last followed)"),
    ] = "off"
