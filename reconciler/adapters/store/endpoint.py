"""Where a store listens, as a value: a URL taken apart with every part checked.

Connects to nothing. Its text never shows a password.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.model.problems import NovaorchError

DEFAULT_PORT = 6379
_SHAPES = "redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///path/of/the/socket"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A store's address. `path` is set for a unix socket, else `host` and `port`."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    db: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.db}"

    @property
    def local(self) -> bool:
        """Whether it can be reached from this machine only."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_password(self, password: str) -> Endpoint:
        """Return the same place, entered with a password."""
        return replace(self, password=password)


def parse(url: str) -> Endpoint:
    """Return the endpoint that a URL names; NovaorchError says which part is wrong.

    Of options behind `?` only `db` is known: others could take away timeouts or TLS checks.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        options = (
            dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
            if (parts.query)
            else {}
        )
    except ValueError as error:
        raise _wrong("it does not parse") from error
    place = options.pop("db", parts.path.strip("/") if parts.scheme != "unix" else "")
    if options:
        raise _wrong(f"option {min(options)!r} is not allowed here")
    if not (place or "0").isascii() or not (place or "0").isdigit() or len(place) > 4:
        raise _wrong(f"{place!r} is not the number of a database")
    common = Endpoint(
        db=int(place or 0),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    return _place(common, parts.scheme, (parts.hostname or "", port), unquote(parts.path))


def _place(common: Endpoint, scheme: str, where: tuple[str, int | None], path: str) -> Endpoint:
    host, port = where
    if scheme == "unix":
        if host or not path.startswith("/"):
            raise _wrong("a unix socket needs an absolute path")
        return replace(common, path=path)
    if scheme not in ("redis", "rediss"):
        raise _wrong(f"scheme {scheme!r} is not known")
    if not host:
        raise _wrong("it names no host")
    return replace(common, host=host, port=port or DEFAULT_PORT, tls=scheme == "rediss")


def _wrong(why: str) -> NovaorchError:
    # The URL itself is not shown: it may hold a password.
    return NovaorchError("the store's URL is not usable", why=why, fix=f"write {_SHAPES}")
