"""Every example builds, plans exactly what its plan.txt says, converges at once, and stays so.

`./dev plans` writes the plan.txt files anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.adapters.manifestcache import DiskCache
from reconciler.adapters.memory import (
    MemoryClock,
    MemoryHost,
    MemoryOutfitter,
    MemoryRepository,
    MemoryWorkshop,
    Yard,
)
from reconciler.core.explain import explain
from reconciler.loop.converge import converge
from reconciler.loop.cycle import Ports, Thought, think
from reconciler.loop.wish import Wishes
from reconciler.model.action import Outcome

ROOT = Path(__file__).resolve().parents[1]
WRITE = bool(os.environ.get("NOVAORCH_WRITE_PLANS"))
"""Read before any test begins: each of them gets an environment of its own."""
EXAMPLES = sorted(p.parent for p in ROOT.glob("examples/*/desired-state"))
FLEETS = [ROOT, *EXAMPLES]
every_fleet = pytest.mark.parametrize("folder", FLEETS, ids=lambda p: p.name)
every_example = pytest.mark.parametrize("folder", EXAMPLES, ids=lambda p: p.name)


def ports_for(folder: Path, cache: Path) -> Ports:
    """A repository whose one commit is the folder, and a tmux server with nothing in it."""
    top = folder / "desired-state"
    repository = MemoryRepository()
    repository.commit(
        {
            str(path.relative_to(top)): path.read_bytes()
            for path in top.rglob("*")
            if path.is_file() and "/." not in str(path.relative_to(top))
        }
    )
    wishes = Wishes(repository, DiskCache(cache, "test"), "/repo", "/home/ada")
    yard = Yard()
    for place in ("/repo", "/home/ada/anvil"):
        yard.repository(place)
    host, workshop = MemoryHost(outfitter=MemoryOutfitter()), MemoryWorkshop("example", yard)
    return Ports(host, wishes, MemoryClock(), workshop=workshop)


def text_of(thought: Thought) -> str:
    """What `novaorch diff` prints."""
    return "".join(f"{'    ' * line.depth}{line.text}\n" for line in explain(thought.plan))


@every_fleet
def test_builds_without_a_problem(folder: Path, tmp_path: Path) -> None:
    desired = ports_for(folder, tmp_path / "c").wishes.read()
    assert desired.problems == ()
    assert desired.processes


@every_example
def test_plan_is_the_golden_one(folder: Path, tmp_path: Path) -> None:
    text = text_of(think(ports_for(folder, tmp_path / "c")))
    golden = folder / "plan.txt"
    if WRITE:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), "run ./dev plans and read the difference"


@every_fleet
def test_one_apply_is_enough_and_a_second_has_nothing_to_do(folder: Path, tmp_path: Path) -> None:
    ports = ports_for(folder, tmp_path / "c")
    told: list[Outcome] = []
    done = converge(ports, think(ports), told.append)
    assert [o for o in told if not o.ok] == []
    assert done.after.plan.actions == ()
    again = think(ports)
    assert again.plan.actions == ()
    assert text_of(again) == "Nothing to do: what runs is what is wished for.\n"


@every_example
def test_readme_is_short_and_has_a_title(folder: Path) -> None:
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 30


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 7
