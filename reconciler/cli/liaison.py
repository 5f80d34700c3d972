"""The remote, as verbs see it: an envoy for the daemon, one fetch now, a line for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reconciler.adapters.state.remotenote import RemoteNote
from reconciler.cli import render
from reconciler.core import remotes
from reconciler.core.explain import clean
from reconciler.loop.exchange import Exchange
from reconciler.loop.remote import Envoy
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import UsageError
from reconciler.model.remote import Remote, RemoteState
from reconciler.wiring import Wiring

Log = Callable[[str], None]


def envoy(wiring: Wiring, fleet: FleetSettings, log: Log, fresh: Callable[[], None]) -> Envoy:
    """Return whoever speaks with the remote of a fleet; it begins when it is told with which."""
    note = _note(wiring, fleet)

    def meet(remote: Remote, who: Envoy) -> Exchange:
        return Exchange(
            remote,
            wiring.remote(remote),
            wiring.clock,
            known=lambda: who.known,
            log=log,
            note=note.keep,
            fresh=fresh,
            state=_of(note.read(), remote) or RemoteState(),
        )

    return Envoy(meet, log)


def fetch(wiring: Wiring) -> None:
    """Bring here now what the remote has. UsageError: the fleet has none."""
    ours = wiring.wishes.read()
    remote = ours.fleet.remote
    if remote is None:
        raise UsageError(
            "this fleet has no remote",
            why="fleet.yaml names none",
            fix="write `remote: {url: ...}` into desired-state/fleet.yaml, or leave out --fetch",
        )
    door = wiring.remote(remote)
    try:
        fetched = door.fetch()
    finally:
        door.close()
    note = _note(wiring, ours.fleet)
    before = _of(note.read(), remote) or RemoteState(url=remote.url, branch=remote.branch)
    now = wiring.clock.now()
    note.keep(
        replace(before, tip=fetched.tip, fetched=now, failures=0, since=0.0, trouble="", fix="")
    )


def state(wiring: Wiring, fleet: FleetSettings) -> RemoteState | None:
    """Return how it stands with the remote of a fleet; None when it has none."""
    if fleet.remote is None:
        return None
    plain = RemoteState(url=fleet.remote.url, branch=fleet.remote.branch)
    return _of(_note(wiring, fleet).read(), fleet.remote) or plain


def line(wiring: Wiring, fleet: FleetSettings) -> str:
    """Say how old that is which was fetched last; '' without a remote."""
    found = state(wiring, fleet)
    return clean(remotes.in_words(found, wiring.clock.now())) if found is not None else ""


def show(wiring: Wiring, fleet: FleetSettings, *, as_json: bool) -> None:
    """Print it below a plan."""
    found = state(wiring, fleet)
    if found is None:
        return
    if as_json:
        render.record("remote", **remotes.as_record(found))
    else:
        render.out(f"remote  {line(wiring, fleet)}")


def _note(wiring: Wiring, fleet: FleetSettings) -> RemoteNote:
    return RemoteNote(wiring.state(fleet).remote)


def _of(kept: RemoteState | None, remote: Remote) -> RemoteState | None:
    """Return what was kept if it is about this very remote."""
    if kept is None or (kept.url, kept.branch) != (remote.url, remote.branch):
        return None
    return kept
