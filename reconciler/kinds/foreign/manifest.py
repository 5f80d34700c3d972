"""The manifest around a spec: fields in the schema's order, and nothing that says the default."""

from __future__ import annotations

from reconciler.kinds import API_VERSION
from reconciler.kinds.foreign.notes import Manifest
from reconciler.model.ids import Json

_SPEC = ("session", "adopt", "directory", "size", "env", "options", "windows")
_WINDOW = ("name", "layout", "directory", "focus", "options", "env", "panes")
_PANE = ("command", "type", "directory", "env", "secrets", "focus", "restart", "stop")


def session_manifest(name: str, spec: dict[str, Json]) -> Manifest:
    """Return the Session manifest of a unit; empty fields are left out."""
    told = _told(spec, _SPEC)
    if told.get("directory") == ".":
        del told["directory"]
    windows = told.get("windows")
    if isinstance(windows, list):
        told["windows"] = [_window(w) for w in windows if isinstance(w, dict)]
    return {
        "apiVersion": API_VERSION,
        "kind": "Session",
        "metadata": {"name": name},
        "spec": told,
    }


def _window(window: dict[str, Json]) -> Json:
    told = _told(window, _WINDOW)
    panes = told.get("panes")
    if isinstance(panes, list):
        told["panes"] = [_told(p, _PANE) for p in panes if isinstance(p, dict)]
        if told["panes"] == [{}]:
            del told["panes"]
    return told


def _told(fields: dict[str, Json], order: tuple[str, ...]) -> dict[str, Json]:
    return {key: fields[key] for key in order if fields.get(key) not in (None, "", [], {}, False)}
