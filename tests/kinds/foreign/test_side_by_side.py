"""What tmuxp makes of a file is what novaorch makes of it: nothing differs but what a note says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kinds.foreign.sidebyside import Bench, compare

WORKSPACES = sorted((Path(__file__).parent / "workspaces").glob("*.*"))
EXAMPLES = os.environ.get("NOVAORCH_TMUXP_EXAMPLES", "")
# dash stays in front of the command it was given with -c, bash makes way for it.
SHELLS = {"10-shells.yaml": {"SHELL": "/bin/bash"}}
EXTRA = {"NOVA_WHERE": "etc", "NOVA_HEIGHT": "12", "MAIN_PANE_HEIGHT": "12"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    # A socket's path has room for about 100 characters: pytest's own folders are too long.
    with tempfile.TemporaryDirectory(prefix="nv", dir="/tmp") as folder:
        made = Bench.below(Path(folder).resolve(), EXTRA)
        made.found_repository()
        try:
            yield made
        finally:
            made.close()


@pytest.mark.parametrize("file", WORKSPACES, ids=lambda f: f.name)
def test_the_same_session(bench: Bench, file: Path) -> None:
    bench.environ.update(SHELLS.get(file.name, {}))
    here = bench.repo / file.name
    here.write_bytes(file.read_bytes())
    (bench.repo / "below" / "deeper").mkdir(parents=True)
    (bench.base / "home" / "notes").mkdir()
    found = compare(bench, here)
    assert found.differences == [], found.said


@pytest.mark.long
@pytest.mark.skipif(not EXAMPLES, reason="NOVAORCH_TMUXP_EXAMPLES names no folder")
@pytest.mark.parametrize(
    "file", sorted(Path(EXAMPLES or ".").glob("*.*")) if EXAMPLES else [], ids=lambda f: f.name
)
def test_examples_of_tmuxp(bench: Bench, file: Path) -> None:
    here = bench.repo / file.name
    here.write_bytes(file.read_bytes())
    found = compare(bench, here)
    assert found.differences == [], found.said
