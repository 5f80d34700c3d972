"""tmux before 3.5 ends, with everything in it, when a layout's name is unknown to it."""

from __future__ import annotations

import pytest

from reconciler.kinds.options import LAYOUTS
from tests.hostile.conftest import Besieged, clear

PANES = "panes: [{command: [sleep, '86400']}, {command: [sleep, '86401']}]"


NEW = [name for name in LAYOUTS if name.endswith("-mirrored")]


@pytest.mark.parametrize("layout", [*NEW, "main-vertical"])
@pytest.mark.parametrize("when", ["new session", "new window", "another layout"])
def test_no_layout_kills_the_server(when: str, layout: str, live: Besieged) -> None:
    if when != "new session":
        live.session("main", "windows:", f"- {{name: one, layout: tiled, {PANES}}}")
        live.commit()
        live.run("apply", expect=0)
    before = live.pids()
    lines = [f"- {{name: one, layout: {layout}, {PANES}}}"]
    if when == "new window":
        lines = [f"- {{name: one, layout: tiled, {PANES}}}", f"- {{name: two, {lines[0][13:]}"]
    live.session("main", "windows:", *lines)
    live.sleeper("anvil")
    live.commit()
    said = live.run("apply")
    everything = clear(said)
    assert live.servers() == 1, everything
    assert before.items() <= live.pids().items()
    assert "web/anvil" in live.sessions(), "the others converge"
    if said.code:
        assert said.code == 1
        assert layout in everything
        assert "3.5" in everything
    else:
        assert "web/main" in live.sessions()
        live.run("diff", expect=0)
