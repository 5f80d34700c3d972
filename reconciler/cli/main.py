"""The door. `--version` answers before anything heavy is imported."""

from __future__ import annotations

import gc
import os
import sys

from reconciler import __version__

GARBAGE_AFTER = 50_000
"""Values made between two searches for garbage: our trees of values are large and hold no rings."""


def main() -> None:
    """Run the command line and exit with the code of the table in README."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"novaorch {__version__}\n")
        return
    for stream in (sys.stdout, sys.stderr):
        # A name may hold what the locale cannot say: then it is shown as an escape.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    gc.set_threshold(GARBAGE_AFTER, 20, 100)
    code = _quickly()
    if code is not None:
        sys.exit(code)
    from reconciler.cli.app import run  # noqa: PLC0415

    sys.exit(run(sys.argv[1:]))


def _quickly() -> int | None:
    """Answer what needs little; None: everything has to be loaded."""
    if "why" in sys.argv[1:4]:  # of a line of a file here, also within an agent
        from reconciler.cli.quickline import quick as quick_line  # noqa: PLC0415

        code = quick_line(sys.argv[1:])
        if code is not None:
            return code
    if "NOVAORCH_REPOSITORY" in os.environ and sys.argv[1:2] != ["blame"]:
        from reconciler.cli.whereabouts import meant  # noqa: PLC0415 - only within an agent

        sys.argv[1:] = meant(sys.argv[1:], os.environ)
    if "why" in sys.argv[1:4]:
        from reconciler.cli.quickwhy import quick  # noqa: PLC0415

        code = quick(sys.argv[1:])
        if code is not None:
            return code
    if "mcp" in sys.argv[1:4]:
        from reconciler.cli.quickmcp import quick as quick_mcp  # noqa: PLC0415

        return quick_mcp(sys.argv[1:])
    return None
