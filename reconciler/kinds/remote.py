"""The remote of a fleet: from fleet.yaml to its settings."""

from __future__ import annotations

from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.fleetshape import FleetShape
from reconciler.kinds.ground import Ground, below
from reconciler.kinds.names import shown
from reconciler.model.manifest import Manifest
from reconciler.model.remote import Remote


def remote(manifest: Manifest, ground: Ground, findings: Findings) -> Remote | None:
    """Return the remote that fleet.yaml names, None when it names none."""
    spec = cast(FleetShape, manifest.spec)["remote"]
    if spec is None:
        return None
    return Remote(
        url=spec["url"],
        branch=spec["branch"],
        interval_s=spec["interval"],
        protocols=tuple(spec["protocols"]),
        credentials=ground.reference(spec["credentials"] or ""),
        key=_key(manifest, spec["key"] or "", ground, findings),
        push=tuple(spec["push"]),
        webhook=ground.reference(spec["webhook"] or ""),
    )


def _key(manifest: Manifest, written: str, ground: Ground, findings: Findings) -> str:
    if not written:
        return ""
    path = ground.absolute(written)
    if isinstance(path, str) and below(path, ground.root):
        path = ("remote/key", f"{shown(written)} lies in the repository")
    if isinstance(path, str):
        return path
    findings.say(manifest, "spec.remote.key", *path)
    return ""
