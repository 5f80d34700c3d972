"""Fleet: from a manifest to the settings of everything else."""

from __future__ import annotations

from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.ground import Ground
from reconciler.kinds.rules import problem
from reconciler.kinds.shape import FleetShape
from reconciler.model.manifest import Manifest
from reconciler.model.problems import Problem
from reconciler.model.unit import FleetSettings

DEFAULTS = FleetSettings(name="default")


def lower(manifest: Manifest, ground: Ground, findings: Findings) -> FleetSettings:
    """Return the settings; `ground` has no allowed folders yet, this is where they come from."""
    spec = cast(FleetShape, manifest.spec)
    tmux, stops = spec["tmux"], spec["limits"]["stops"]
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
        roots=tuple(
            _path(manifest, f"spec.limits.roots.{index}", root, ground, findings)
            for index, root in enumerate(spec["limits"]["roots"])
        ),
    )


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
