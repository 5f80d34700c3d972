"""The quick half of `novaorch mcp`: an agent's own environment says who it is and where to ask.

Imports neither typer nor git. Whatever is not plain is left to `cli.mcp`.
"""

from __future__ import annotations

import os

TOKEN, GATE = "NOVAORCH_TOKEN", "NOVAORCH_GATE"


def quick(argv: list[str]) -> int | None:
    """Serve `[-C DIR] mcp [--agent NAME]` of an agent; return the exit code, None: take the slow
    way. What the agent itself was given wins over a name: nobody becomes another by an option."""
    words = argv[2:] if argv[:1] == ["-C"] and len(argv) > 1 else argv
    if words[:1] != ["mcp"] or "--help" in words:
        return None
    gate, token = os.environ.get(GATE, ""), os.environ.get(TOKEN, "")
    if not gate or not token:
        return None
    from reconciler.cli.bridge import is_gate, serve  # noqa: PLC0415 - only if it is wanted

    return serve(lambda: (gate, token)) if is_gate(gate) else None
