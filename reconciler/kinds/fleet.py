"""Fleet: from a manifest to the settings of everything else."""

from __future__ import annotations

from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.fleetshape import CanaryShape, FleetShape, HoursShape, PrincipalShape
from reconciler.kinds.ground import Ground, below
from reconciler.kinds.keys import ssh_key
from reconciler.kinds.launch import healing
from reconciler.kinds.names import shown
from reconciler.kinds.remote import remote
from reconciler.kinds.rules import problem
from reconciler.model.fleet import (
    Canary,
    FleetSettings,
    Principal,
    SyncPolicy,
    SyncWindow,
    Verification,
)
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem
from reconciler.model.unit import Healing

DEFAULTS = FleetSettings(name="default")


def lower(manifest: Manifest, ground: Ground, findings: Findings) -> FleetSettings:
    """Return the settings; `ground` has no allowed folders yet, this is where they come from."""
    spec = cast(FleetShape, manifest.spec)
    tmux, limits, stops = spec["tmux"], spec["limits"], spec["limits"]["stops"]
    config = tmux["config"]
    return FleetSettings(
        name=manifest.name,
        socket=tmux["socket"],
        tmux_config=_path(manifest, "spec.tmux.config", config, ground, findings) if config else "",
        columns=tmux["size"]["columns"],
        rows=tmux["size"]["rows"],
        history_lines=tmux["history"],
        store_url=spec["store"]["url"] or "",
        store_password=ground.reference(spec["store"]["password"] or ""),
        branch=spec["sync"]["branch"] or "",
        poll_s=spec["sync"]["poll"],
        stops_count_max=stops["count"],
        stops_percent_max=stops["percent"],
        stops_delay_s=stops["delay"],
        roots=tuple(
            _path(manifest, f"spec.limits.roots.{index}", root, ground, findings)
            for index, root in enumerate(limits["roots"])
        ),
        restarts_count_max=limits["restarts"]["count"],
        restarts_window_s=limits["restarts"]["window"],
        typing_s=limits["typing"],
        sync=_policy(manifest, findings),
        verify=_verification(spec),
        journal_key=_key(manifest, "journal", ground, findings),
        journal_keep=spec["journal"]["keep"],
        gate_port=spec["gate"]["port"],
        training_key=_key(manifest, "training", ground, findings),
        remote=remote(manifest, ground, findings),
    )


def rest(manifest: Manifest) -> Healing:
    """Return what is mended by itself wherever a manifest does not say."""
    return healing(cast(FleetShape, manifest.spec)["heal"], Healing())


def broken(first: Problem) -> Problem:
    """Return the problem that says: with this error in fleet.yaml, nobody may act."""
    what = f"fleet.yaml cannot be used: {first.what}"
    return problem("fleet/broken", "fleet.yaml", what, (first.line, first.column), first.fix)


def _path(manifest: Manifest, name: str, text: str, ground: Ground, findings: Findings) -> str:
    path = ground.resolve(text)
    if isinstance(path, str):
        return path
    findings.say(manifest, name, *path)
    return ""


# -- how a commit becomes the wish ----------------------------------------------------------------


def _policy(manifest: Manifest, findings: Findings) -> SyncPolicy:
    sync = cast(FleetShape, manifest.spec)["sync"]
    for index, window in enumerate(sync["windows"]):
        _check_zone(manifest, f"spec.sync.windows.{index}.timezone", window["timezone"], findings)
    return SyncPolicy(
        windows=tuple(map(_window, sync["windows"])),
        canary=_canary(sync["canary"]) if sync["canary"] is not None else None,
        follow_rewinds=sync["rewind"] == "follow",
    )


def _check_zone(manifest: Manifest, name: str, text: str, findings: Findings) -> None:
    """Say it when this machine does not know a time zone.

    Not a question for the parser: what it finds is remembered, and the data can be installed.
    """
    if text == "UTC":
        return
    from reconciler.kinds import hours  # noqa: PLC0415  # most fleets have no windows
    from reconciler.kinds.names import did_you_mean  # noqa: PLC0415

    if hours.zone(text) is None:
        known = hours.zones()
        near = did_you_mean(text, known)
        fix = (near if near.startswith("did") else "") if known else _NO_ZONES
        what = f"{shown(text)} is not a time zone that this machine knows"
        findings.say(manifest, name, "sync/timezone", what, fix)


_NO_ZONES = (
    "install the time zone data (`apt install tzdata` or `pip install tzdata`), or write UTC"
)


def _window(spec: HoursShape) -> SyncWindow:
    return SyncWindow(
        allow=spec["allow"] is not None,
        cron=" ".join((spec["allow"] or spec["deny"] or "").split()),
        duration_s=spec["duration"],
        timezone=spec["timezone"],
        overrun=spec["overrun"],
    )


def _canary(spec: CanaryShape) -> Canary:
    first, share = spec["first"].removesuffix("%"), spec["first"].endswith("%")
    return Canary(
        count=0 if share else int(first),
        percent=int(first) if share else 0,
        above=spec["above"],
        bake_s=spec["bake"],
    )


# -- whose word counts ----------------------------------------------------------------------------


def _verification(spec: FleetShape) -> Verification:
    return Verification(spec["verify"]["commits"], tuple(map(_principal, spec["principals"])))


def _principal(spec: PrincipalShape) -> Principal:
    return Principal(
        name=spec["name"],
        ssh=tuple(map(ssh_key, spec["ssh"])),
        gpg=tuple(spec["gpg"]),
        since=spec["from"] or "",
        until=spec["until"] or "",
        revoked=spec["revoked"],
    )


def _key(manifest: Manifest, part: str, ground: Ground, findings: Findings) -> str:
    """Return the path of the key that signs the journal, or agents' work; '' for none."""
    spec = cast(FleetShape, manifest.spec)
    written = spec["journal"]["key"] if part == "journal" else spec["training"]["key"]
    if not written:
        return ""
    path = ground.absolute(written)
    if isinstance(path, str) and below(path, ground.root):
        path = ("fleet/journal-key", f"{shown(written)} lies in the repository")
    if isinstance(path, str):
        return path
    findings.say(manifest, f"spec.{part}.key", *path)
    return ""
