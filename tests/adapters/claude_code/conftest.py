"""A wardrobe for each test, and no variable of whoever runs the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.claude_code.wardrobe import Wardrobe


@pytest.fixture
def wardrobe(tmp_path: Path) -> Wardrobe:
    return Wardrobe(tmp_path)
