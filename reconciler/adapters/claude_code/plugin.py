"""Where the plugin with the commands `/nova:...` is: in the package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path


def folder() -> str:
    """Return the plugin's folder, '' when this installation has none: agents do without it."""
    package = Path(__file__).resolve().parents[2]
    for place in (package / "_plugin", package.parent / "plugin"):
        if (place / ".claude-plugin" / "plugin.json").is_file():
            return str(place)
    return ""
