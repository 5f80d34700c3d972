"""Planted faults in `core/` are caught."""

from __future__ import annotations

import ast
import os

import pytest

from tests.mutants.plant import CORE, ROOT, choose, mutants, run

SHORT = os.environ.get("NOVAORCH_SHORT") == "1"
"""What `./dev ci` runs: every part of a campaign, a third of its length."""
CAUGHT_MIN = 0.75 if SHORT else 0.95
"""Twenty faults, others with each change of `core/`, tell a hole, not 95 % from 90."""


def test_a_mutant_is_one_change_of_a_file_that_still_reads() -> None:
    path = ROOT / CORE / "backoff.py"
    text = path.read_text()
    plain = ast.unparse(ast.parse(text))
    found = [mutant.source(text) for mutant in mutants(path)]
    assert len(found) > 10
    assert all(ast.parse(source) and source != plain for source in found)
    assert len(set(found)) > len(found) * 0.9


def test_the_same_seed_plants_the_same_faults() -> None:
    assert choose(5, 3) == choose(5, 3)
    assert choose(5, 3) != choose(5, 4)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_planted_faults_are_caught() -> None:
    chosen = choose(20 if SHORT else 60, seed=1)
    alive = run(chosen, 2, print)
    rate = 1 - len(alive) / len(chosen)
    assert rate >= CAUGHT_MIN, "\n".join(map(str, alive))
