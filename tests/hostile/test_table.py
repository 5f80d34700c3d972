"""The table in this folder's docstring: every line of the list is in it, every test it names is."""

from __future__ import annotations

import re
from pathlib import Path

from tests import hostile

HERE = Path(__file__).parent
TABLE = hostile.__doc__ or ""


def test_every_line_has_its_row() -> None:
    rows = {int(number) for number in re.findall(r"^ ?(\d+)  ", TABLE, re.MULTILINE)}
    assert rows == {*range(1, 31), 40}


def test_every_named_test_is_there() -> None:
    own = "\n".join(path.read_text() for path in HERE.glob("test_*.py"))
    for place, name in re.findall(r"(\S+\.py::)?(test_[a-z0-9_]+)(?!\S*\.py)", TABLE):
        text = (HERE.parent / place.removesuffix("::")).read_text() if place else own
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{place}{name}"
