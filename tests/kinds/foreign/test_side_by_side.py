"""What tmuxp makes of a file is what novaorch makes of it: nothing differs but what a note says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.kinds.foreign.read import read_document
from tests.kinds.foreign.sidebyside import Bench, compare, differences, load, plain_name

WORKSPACES = sorted((Path(__file__).parent / "workspaces").glob("*.*"))
# tmuxp sets these for its whole server: such a file is loaded alone.
ALONE = [file for file in WORKSPACES if "global_options" in file.read_text()]
TOGETHER = [file for file in WORKSPACES if file not in ALONE]
EXAMPLES = os.environ.get("NOVAORCH_TMUXP_EXAMPLES", "")
EXTRA = {"NOVA_WHERE": "etc", "MAIN_PANE_HEIGHT": "12"}


def made(folder: str) -> Bench:
    # A socket's path has room for about 100 characters: pytest's own folders are too long.
    bench = Bench.below(Path(folder).resolve(), EXTRA)
    bench.found_repository()
    (bench.repo / "below" / "deeper").mkdir(parents=True)
    (bench.base / "home" / "notes").mkdir()
    return bench


@pytest.fixture(scope="module")
def loaded() -> Iterator[Bench]:
    """The workspaces that leave each other alone, loaded by both."""
    with tempfile.TemporaryDirectory(prefix="nv", dir="/tmp") as folder:
        bench = made(folder)
        try:
            for file in TOGETHER:
                (bench.repo / file.name).write_bytes(file.read_bytes())
            load(bench, [bench.repo / file.name for file in TOGETHER])
            yield bench
        finally:
            bench.close()


@pytest.mark.parametrize("file", TOGETHER, ids=lambda f: f.name)
def test_the_same_session(loaded: Bench, file: Path) -> None:
    name = str(read_document(str(file), file.read_bytes()).root["session_name"])
    name = name.replace("${USER}", loaded.environ["USER"])
    assert differences(loaded, plain_name(name)) == []


@pytest.mark.parametrize("file", ALONE, ids=lambda f: f.name)
def test_the_same_session_on_a_server_of_its_own(file: Path) -> None:
    compare_alone(file)


@pytest.mark.long
@pytest.mark.skipif(not EXAMPLES, reason="NOVAORCH_TMUXP_EXAMPLES names no folder")
@pytest.mark.parametrize(
    "file", sorted(Path(EXAMPLES or ".").glob("*.*")) if EXAMPLES else [], ids=lambda f: f.name
)
def test_examples_of_tmuxp(file: Path) -> None:
    compare_alone(file)


def compare_alone(file: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="nv", dir="/tmp") as folder:
        bench = made(folder)
        try:
            (bench.repo / file.name).write_bytes(file.read_bytes())
            found = compare(bench, bench.repo / file.name)
        finally:
            bench.close()
    assert found.differences == [], found.said
