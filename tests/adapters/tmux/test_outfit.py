"""Agent runtimes on a real tmux server: dressed when they start, each on its own, with a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.tmux.refusal import Inspector
from reconciler.core.runtimes import AGENTS, RUNTIMES
from reconciler.model.agent import Outfit, Persona
from reconciler.model.problems import NovaorchError
from reconciler.model.step import Respawn
from reconciler.model.unit import Launch
from reconciler.ports import Order
from tests.adapters.tmux.conftest import (
    SLEEP,
    Box,
    argv_of,
    environment,
    expect,
    opening,
    order,
    pane,
    unit,
    window,
)

CLAUDE = Persona("claude-code")
TOKEN = "torch.t0ken-that-nobody-sees"


@dataclass
class Dresser:
    """Starts everything as the same words; counts, and fails whom it is told to."""

    argv: tuple[str, ...] = SLEEP
    fails: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def outfit(self, unit: str, launch: Launch) -> Outfit:
        assert launch.persona == CLAUDE
        self.asked.append(unit)
        if unit in self.fails:
            raise NovaorchError("no outfit", why="it rained", fix="wait for the sun")
        env = (("NOVAORCH_TOKEN", TOKEN), ("NOVAORCH_CONVERSATION", f"talk-of-{unit}"))
        return Outfit(self.argv, env)


def agent(name: str, **more: Any) -> Order:
    return order(name, ("claude",), persona=CLAUDE, **more)


def test_it_starts_with_what_it_was_given(box: Box) -> None:
    dresser = Dresser(("sh", "-c", "echo hello; exec sleep 100000"))
    box.host = box.make(outfitter=dresser)
    receipt = box.do(*agent("torch", env=(("LEVEL", "info"),)).steps)
    assert (receipt.error, dresser.asked) == ("", [unit("torch")])
    seen = box.pane("torch")
    box.until(lambda: argv_of(seen.pid) == ["sleep", "100000"])
    found = environment(seen.pid)
    assert found["NOVAORCH_TOKEN"] == TOKEN
    assert found["NOVAORCH_CONVERSATION"] == f"talk-of-{unit('torch')}"
    assert (found["NOVAORCH_UNIT"], found["LEVEL"]) == (unit("torch"), "info")


def test_its_token_is_seen_nowhere_else(box: Box) -> None:
    box.host = box.make(outfitter=Dresser())
    assert box.do(*agent("torch").steps).error == ""
    box.until(lambda: argv_of(box.pane("torch").pid) == [*SLEEP])
    shown = [
        box.tmux("show-environment", "-t", "=torch"),
        box.tmux("show-environment", "-g"),
        box.tmux("show-messages", check=False),
        box.tmux("show-options", "-A", "-t", "=torch:"),
        box.tmux("list-panes", "-a", "-F", "#{pane_title} #{pane_start_command} #{window_name}"),
        box.tmux("show-environment", "-h", "-t", "=torch"),
        str(box.world()),
    ]
    assert TOKEN not in "\n".join(shown)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            assert TOKEN.encode() not in (folder / "cmdline").read_bytes()
        except OSError:
            continue


def test_nor_in_the_log_of_a_server_that_is_not_ours(fast: Box) -> None:
    fast.foreign()
    fast.tmux("set-option", "-s", "message-limit", "100")
    fast.host = fast.make(outfitter=Dresser())
    assert fast.do(*agent("torch").steps).error == ""
    assert TOKEN not in fast.tmux("show-messages", check=False)
    assert fast.tmux("show-options", "-s", "message-limit").split()[1] == "100"


def test_one_that_cannot_be_dressed_fails_alone(box: Box) -> None:
    box.host = box.make(outfitter=Dresser(fails=(unit("b"),)))
    receipts = box.perform(*(agent(name) for name in "abc"))
    assert [(r.error, r.fix) for r in receipts] == [
        ("", ""),
        ("no outfit: it rained", "wait for the sun"),
        ("", ""),
    ]
    assert sorted(s.name for s in box.world().sessions) == ["a", "c"]


def test_a_respawn_dresses_anew(box: Box) -> None:
    dresser = Dresser()
    box.host = box.make(outfitter=dresser)
    box.perform(agent("torch"))
    seen = box.pane("torch")
    again = Respawn(seen.pane_id, pane("torch", ("claude",), persona=CLAUDE))
    assert box.do(again, expects=(expect(seen),)).error == ""
    assert dresser.asked == [unit("torch")] * 2
    assert box.pane("torch").pid != seen.pid


def test_commands_and_agents_share_a_window(box: Box) -> None:
    dresser = Dresser()
    box.host = box.make(outfitter=dresser)
    both = window("main", pane("a"), pane("b", ("claude",), persona=CLAUDE))
    assert box.do(opening("s", both)).error == ""
    assert dresser.asked == [unit("b")]
    first, second = box.session("s").windows[0].panes
    box.until(lambda: argv_of(first.pid) == argv_of(second.pid) == [*SLEEP])
    assert "NOVAORCH_TOKEN" not in environment(first.pid)
    assert environment(second.pid)["NOVAORCH_TOKEN"] == TOKEN


def test_without_an_outfitter_it_is_refused_and_nothing_is_made(box: Box) -> None:
    receipt = box.do(*agent("torch").steps)
    assert "cannot be started from here" in receipt.error
    assert "novaorch apply" in receipt.fix
    assert "torch" not in [s.name for s in box.world().sessions]


def test_a_path_of_its_own_finds_its_program(box: Box, tmp_path: Path) -> None:
    (tmp_path / "claude").write_text("#!/bin/sh\nexec sleep 100000\n")
    (tmp_path / "claude").chmod(0o755)
    box.host = box.make(outfitter=Dresser(("env", "-u", "CLAUDECODE", "claude", "--x")))
    box.host._environ["CLAUDECODE"] = "1"
    box.perform(agent("torch", env=(("PATH", f"{tmp_path}:/usr/bin:/bin"),)))
    box.until(lambda: argv_of(box.pane("torch").pid) == [*SLEEP])
    assert "CLAUDECODE" not in environment(box.pane("torch").pid)


# -- programs that are not there -------------------------------------------------------------------


@pytest.mark.parametrize("name", AGENTS)
def test_a_missing_program_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    runtime = RUNTIMES[name]
    launch = Launch((runtime.program,), str(tmp_path), persona=Persona(name))
    refusal = Inspector({"PATH": str(tmp_path)}).refusal(launch)
    assert refusal is not None
    assert refusal[0].startswith(f"the command {runtime.program} was not found")
    assert refusal[1] == runtime.install
    (tmp_path / runtime.program).write_text("#!/bin/sh\n")
    blocked = Inspector({"PATH": str(tmp_path)}).refusal(launch)
    assert blocked is not None
    assert blocked[1].startswith("chmod +x"), "what is there is not installed again"
    (tmp_path / runtime.program).chmod(0o755)
    assert Inspector({"PATH": str(tmp_path)}).refusal(launch) is None


def test_a_plain_command_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    inspector = Inspector({"PATH": str(tmp_path)})
    agent_ = Launch(("claude",), str(tmp_path), persona=CLAUDE)
    plain = Launch(("claude",), str(tmp_path))
    for _ in range(2):
        told = [inspector.refusal(launch) for launch in (agent_, plain)]
        fixes = [refusal[1] for refusal in told if refusal]
        assert fixes == [RUNTIMES["claude-code"].install, "install claude, or correct PATH"]
