from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.git.worktrees.farm import Farm


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    """A repository, a folder for work trees, and the workshop of one fleet."""
    made = Farm(tmp_path)
    yield made
    made.close()
