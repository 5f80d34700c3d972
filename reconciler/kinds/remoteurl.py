"""Addresses of remotes: what one names, and whether it may be used at all. Touches nothing.

git understands far more than what is let through here: helpers that run any program (`ext::`),
descriptors, options in place of a host. Only what has one plain meaning passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.kinds.names import shown

PROTOCOLS = ("https", "ssh", "http", "git", "file")
URL_MAX = 1024

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"[A-Za-z0-9._~+@,=:/%-]{1,900}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class Address:
    """A remote's address that may be used. `port` is '' for the usual one, `path` never ''."""

    protocol: str
    host: str = ""
    path: str = ""
    user: str = ""
    port: str = ""

    @property
    def place(self) -> str:
        """Return the host with its port."""
        return f"{self.host}:{self.port}" if self.port else self.host


class Refused(Exception):  # noqa: N818 - it is an answer
    """An address that may not be used: the rule it breaks, and what it is, in words."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(what)
        self.rule, self.what = rule, what


def understood(url: str, protocols: tuple[str, ...]) -> Address:
    """Return what an address names. Refused: it may not be used, or nobody knows what it means.

    `Refused.what` never holds a part of the address that may be a secret.
    """
    _refuse_programs(url)
    _refuse_letters(url)
    found = _parted(url)
    if found.protocol not in protocols:
        raise Refused("remote/protocol", f"{found.protocol} is not among the allowed protocols")
    return found


def _refuse_programs(url: str) -> None:
    """Say first what would be started: that matters more than how it is spelled."""
    helper = re.match(r"([A-Za-z0-9+.-]{1,40})::", url)
    if helper is not None:
        what = f"{helper[1]}:: starts a helper program that the address names"
        raise Refused("remote/helper", what)
    if url.startswith("-"):
        raise Refused("remote/host", "an address that starts with - would be taken for an option")


def _refuse_letters(url: str) -> None:
    if len(url) > URL_MAX:
        raise Refused("remote/url", f"an address of {len(url)} characters; at most {URL_MAX}")
    if not url.isascii():
        strange = next(c for c in url if not c.isascii())
        name = f"U+{ord(strange):04X}"
        raise Refused(
            "remote/letters", f"the address holds {name}, which looks like another letter"
        )
    if not url.isprintable() or " " in url or "\\" in url:
        raise Refused("remote/letters", "the address holds a space, a backslash or a control sign")


def _parted(url: str) -> Address:
    if url.startswith("/"):
        return Address("file", path=_path(url))
    found = _SCHEME.match(url)
    if found is None:
        return _like_scp(url)
    scheme = found[1]
    if scheme not in PROTOCOLS:
        raise Refused("remote/url", f"{scheme}:// is no protocol that is spoken here")
    rest = url[found.end() :]
    if scheme == "file":
        if not rest.startswith("/"):
            raise Refused("remote/url", "a file:// address needs an absolute path")
        return Address("file", path=_path(rest))
    return _with_host(scheme, *rest.partition("/"))


def _with_host(scheme: str, place: str, _slash: str, path: str) -> Address:
    login, at, server = place.rpartition("@")
    if scheme != "ssh" and "@" in f"{place}{path}":  # a password may hold a slash
        raise Refused("remote/secret", f"a login stands in the {scheme} address")
    user = _user(login) if at else ""
    host, port = _host(server)
    return Address(scheme, host, _path(f"/{path}"), user, port)


def _like_scp(url: str) -> Address:
    """Understand `user@host:path`, which is ssh; `host` may not hold a slash then."""
    place, colon, path = url.partition(":")
    if place.count("[") and not colon.count("]"):
        place, colon, path = _bracketed(url)
    if not colon or "/" in place:
        what = f"{shown(url)} is no address" if "@" not in url else "this is no address"
        raise Refused("remote/url", what)
    login, at, host = place.rpartition("@")
    if not at and "@" in path:
        raise Refused("remote/secret", "a password seems to stand in the address")
    user = _user(login) if at else ""
    name, port = _host(host)
    if port:
        raise Refused("remote/url", "host:path has no place for a port; write ssh://host:port/path")
    return Address("ssh", name, _path(path), user)


def _bracketed(url: str) -> tuple[str, str, str]:
    head, bracket, rest = url.partition("]:")
    return (f"{head}]", ":", rest) if bracket else (url, "", "")


def _user(login: str) -> str:
    if ":" in login:
        raise Refused("remote/secret", "a password stands in the address")
    if not _USER.fullmatch(login):
        raise Refused("remote/host", "what stands before the @ is no user's name")
    return login


def _host(server: str) -> tuple[str, str]:
    host, port = server, ""
    if not server.endswith("]") and ":" in server.rpartition("]")[2]:
        host, _, port = server.rpartition(":")
        if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
            raise Refused("remote/url", f"{shown(port)} is not a port")
    if host.startswith("-"):
        raise Refused("remote/host", f"{shown(host)} would be taken for an option, not for a host")
    if not _HOST.fullmatch(host) or ".." in host:
        raise Refused("remote/host", f"{shown(host)} is no host's name")
    if any(label.startswith("xn--") for label in host.lower().split(".")):
        raise Refused("remote/letters", f"{shown(host)} stands for letters that look like others")
    return host, port


def _path(path: str) -> str:
    if "?" in path or "#" in path:
        raise Refused("remote/secret", "the address has a part after ? or #, where tokens stand")
    if path in ("", "/") or not _PATH.fullmatch(path):
        raise Refused("remote/url", "the address names no plain path of a repository")
    if path.startswith("-"):
        raise Refused("remote/host", f"{shown(path)} would be taken for an option, not for a path")
    if ".." in path.split("/"):
        raise Refused("remote/url", "the path of the address leads out of itself by ..")
    return path
