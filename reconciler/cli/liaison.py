"""The remote, as verbs see it: one fetch now, and a line for people."""

from __future__ import annotations

from dataclasses import replace

from reconciler.adapters.state.remotenote import RemoteNote
from reconciler.cli import render
from reconciler.core import remotes
from reconciler.core.explain import clean
from reconciler.model.fleet import FleetSettings
from reconciler.model.problems import UsageError
from reconciler.model.remote import Remote, RemoteState
from reconciler.wiring import Wiring


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
    kept = note(wiring, ours.fleet)
    before = about(kept.read(), remote) or RemoteState(url=remote.url, branch=remote.branch)
    now = wiring.clock.now()
    kept.keep(
        replace(before, tip=fetched.tip, fetched=now, failures=0, since=0.0, trouble="", fix="")
    )


def state(wiring: Wiring, fleet: FleetSettings) -> RemoteState | None:
    """Return how it stands with the remote of a fleet; None when it has none."""
    if fleet.remote is None:
        return None
    plain = RemoteState(url=fleet.remote.url, branch=fleet.remote.branch)
    return about(note(wiring, fleet).read(), fleet.remote) or plain


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


def note(wiring: Wiring, fleet: FleetSettings) -> RemoteNote:
    """Return the file in which it is kept how it stands."""
    return RemoteNote(wiring.state(fleet).remote)


def about(kept: RemoteState | None, remote: Remote) -> RemoteState | None:
    """Return what was kept if it is about this very remote."""
    if kept is None or (kept.url, kept.branch) != (remote.url, remote.branch):
        return None
    return kept
