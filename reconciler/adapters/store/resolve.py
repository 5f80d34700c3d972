"""Chooses a fleet's store: the one that is set, the one at the usual place, or our own.

Refuses a place where anybody could read along; never falls back from a store that was set.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.adapters.store import wire
from reconciler.adapters.store.embedded import EmbeddedServer, Place
from reconciler.adapters.store.endpoint import Endpoint, parse
from reconciler.adapters.store.leases import RedisLeases
from reconciler.adapters.store.mail import RedisMail
from reconciler.adapters.store.redis_store import RedisStore
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import BlindError, NovaorchError, RefusedError

USUAL = ("127.0.0.1", 18000)
"""Where DragonflyDB is expected."""

LOOK_S = 0.2
REVIVE_S = 0.8


def open_store(
    fleet: FleetSettings, state: Place, *, start: bool, environ: Mapping[str, str]
) -> RedisStore:
    """Return the store of a fleet, not yet asked anything.

    With `start`, an embedded server is started when there is no other store, and again when it
    dies; without, BlindError when none runs.
    """
    endpoint, server = _found(fleet, state, environ)
    if server is None:
        return RedisStore(endpoint, fleet.name)
    notices = _running(server, start=start)
    revive = (lambda: server.start(REVIVE_S)) if start else None
    store = RedisStore(Endpoint(path=str(server.socket)), fleet.name, revive=revive)
    store.notices = notices
    return store


def open_mail(
    fleet: FleetSettings, state: Place, *, start: bool, environ: Mapping[str, str]
) -> RedisMail:
    """Return the mail of a fleet, in the same store and by the same rules as `open_store`."""
    endpoint, server = _found(fleet, state, environ)
    if server is None:
        return RedisMail(endpoint, fleet.name)
    _running(server, start=start)
    revive = (lambda: server.start(REVIVE_S)) if start else None
    place = Endpoint(path=str(server.socket))
    return RedisMail(place, fleet.name, revive=revive, settle=server.settle)


def open_leases(fleet: FleetSettings, environ: Mapping[str, str]) -> RedisLeases | None:
    """Return the book of a fleet's lease; None when no store is named, and so none is shared.

    Nothing is sent yet. A place that is refused is a NovaorchError of its first claim.
    """
    if not fleet.store_url:
        return None

    def place() -> Endpoint:
        return _checked(fleet.store_url, _password(fleet.store_password, environ))

    return RedisLeases(place, fleet.name)


def _found(
    fleet: FleetSettings, state: Place, environ: Mapping[str, str]
) -> tuple[Endpoint, EmbeddedServer | None]:
    """Return where a fleet's store is; with the server when it is our own."""
    password = _password(fleet.store_password, environ)
    if fleet.store_url:
        return _checked(fleet.store_url, password), None
    # A rehearsal leaves nothing behind, so it never uses a store that is somebody's.
    rehearsal = environ.get("NOVAORCH_REHEARSAL") == "1"
    if not rehearsal and _at_usual_place(bool(password)):
        return Endpoint(*USUAL, password=password), None
    return Endpoint(), EmbeddedServer(state, environ)


def _running(server: EmbeddedServer, *, start: bool) -> tuple[str, ...]:
    """See to it that our own server runs; BlindError when it does not, and may not be started."""
    if start:
        return server.start()
    if not server.running():
        raise BlindError(
            "no store is running",
            why=f"nothing answers at {USUAL[0]}:{USUAL[1]} or {server.socket}",
            fix="novaorch up",
        )
    return ()


def _checked(url: str, password: str) -> Endpoint:
    """Return the endpoint of a url from a manifest, or refuse it."""
    place = parse(url)
    if place.password:
        raise RefusedError(
            "the store's url holds a password",
            why="fleet.yaml is committed, so everybody who reads the repository has it",
            fix="take it out of the url, change it, and write `password: env:NAME` instead",
        )
    if not (place.local or place.tls or password):
        raise RefusedError(
            f"the store at {place} is open to everybody",
            why="it is on another machine, without TLS and without a password",
            fix="use a rediss:// url, or `password: env:NAME`",
        )
    return place.with_password(password)


def _password(reference: str, environ: Mapping[str, str]) -> str:
    """Return the secret that `env:NAME` names; '' for no reference."""
    if not reference:
        return ""
    scheme, _, name = reference.partition(":")
    if scheme != "env" or not name:
        raise NovaorchError(
            "the store's password is not a reference",
            why="a secret is never written down, only where it is found",
            fix="write `password: env:NAME`",
        )
    if not environ.get(name):
        raise NovaorchError(
            "the store's password is not set",
            why=f"there is no {name} in the environment",
            fix=f"export {name}=...",
        )
    return environ[name]


def _at_usual_place(with_password: bool) -> bool:
    """Whether a store that we can use answers where DragonflyDB is expected."""
    try:
        answer = wire.ask(USUAL, "PING", LOOK_S)
    except OSError:
        return False
    return wire.alive(answer) or (with_password and answer.startswith("-NOAUTH"))
