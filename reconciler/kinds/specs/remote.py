"""What fleet.yaml may say of a remote: where it is, how it is spoken to, and what goes there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from reconciler.kinds.keys import is_private
from reconciler.kinds.names import shown
from reconciler.kinds.remoteurl import PROTOCOLS, Address, Refused, understood
from reconciler.kinds.specs.launch import HOT, Reference
from reconciler.kinds.specs.words import Branch, Directory, Span, Strict, refusal

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

Protocol = Literal["https", "ssh", "http", "git", "file"]
Pushed = Literal["training", "desired"]


def _usual() -> list[Protocol]:
    return ["https", "ssh"]


def _work() -> list[Pushed]:
    return ["training"]


def _meant(url: str) -> str:
    """Return the address as it is, if anybody may use it. What it holds is shown with care."""
    try:
        understood(url, PROTOCOLS)
    except Refused as refused:
        raise refusal(refused.rule, refused.what) from None
    return url


def _key_file(path: str) -> str:
    if is_private(path):
        raise refusal("verify/private-key", "a private key stands here")
    if not path.startswith(("/", "~/")):
        raise refusal("remote/key", f"{shown(path)} lies in the repository")
    return path


def _once(words: list[str]) -> list[str]:
    if len(set(words)) != len(words):
        raise refusal("schema/choice", "a word stands here twice", fix="keep one of the two")
    return words


Url = Annotated[
    str,
    AfterValidator(_meant),
    WithJsonSchema({"type": "string", "minLength": 3, "maxLength": 1024}),
]


class RemoteSpec(Strict):
    """A repository elsewhere, with which wishes and agents' work are shared."""

    url: Annotated[
        Url, HOT, Field(description="https://host/path, ssh://user@host/path or user@host:path")
    ]
    branch: Annotated[Branch, HOT, Field(description="the branch there that is the wish")] = "main"
    interval: Annotated[
        float, Span(1, 86400), HOT, Field(description="time between two looks at it")
    ] = 30.0
    protocols: Annotated[
        Annotated[list[Protocol], AfterValidator(_once)],
        HOT,
        Field(min_length=1, description="what may be spoken, and nothing else"),
    ] = Field(default_factory=_usual)
    credentials: Annotated[
        Reference | None,
        HOT,
        Field(description="token, or user:token, for https; env:NAME or file:/absolute/path"),
    ] = None
    key: Annotated[
        Annotated[Directory, AfterValidator(_key_file)] | None,
        HOT,
        Field(description="path of the SSH key to log in with, outside the repository"),
    ] = None
    push: Annotated[
        Annotated[list[Pushed], AfterValidator(_once)],
        HOT,
        Field(description="what is sent there: training (agents' work), desired (the branch)"),
    ] = Field(default_factory=_work)
    webhook: Annotated[
        Reference | None,
        HOT,
        Field(description="secret that signs a nudge to look now; absent: no such door"),
    ] = None

    @model_validator(mode="after")
    def _allowed(self) -> RemoteSpec:
        try:
            address = understood(self.url, tuple(self.protocols))
        except Refused as refused:
            raise refusal(refused.rule, refused.what, at=("url",)) from None
        self._fits(address)
        return self

    def _fits(self, address: Address) -> None:
        """Refuse what would go over the wire for all to read, or would never be used."""
        near = address.protocol == "http" and address.host in _LOOPBACK
        if self.credentials is not None and address.protocol != "https" and not near:
            what = f"credentials are for https; the address is {address.protocol}"
            raise refusal("remote/credentials", what, at=("credentials",))
        if self.key is not None and address.protocol != "ssh":
            what = f"an SSH key is for ssh; the address is {address.protocol}"
            raise refusal("remote/credentials", what, at=("key",))
