"""The door. `--version` answers before anything heavy is imported."""

from __future__ import annotations

import sys

from reconciler import __version__


def main() -> None:
    """Run the command line and exit with the code of the table in README."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"novaorch {__version__}\n")
        return
    from reconciler.cli.app import run  # noqa: PLC0415

    sys.exit(run(sys.argv[1:]))
