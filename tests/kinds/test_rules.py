"""The rule book: every rule bites, at its exact place, and says why and how to mend it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

import reconciler
from reconciler.kinds.faults import validated
from reconciler.kinds.parse import parse
from reconciler.kinds.rules import RULES
from reconciler.kinds.text import read
from reconciler.model.problems import Severity
from tests.kinds.desk import wish
from tests.kinds.rule_cases import CASES

ROOM = Path(reconciler.__file__).parent / "kinds"
BUILD = Path(reconciler.__file__).parent / "core" / "build.py"
AREAS = {rule.partition("/")[0] for rule in RULES}
ODD = {"file/unexpected", "schema/invalid"}  # see the two tests below


@pytest.mark.parametrize("rule", sorted(CASES))
def test_rule_bites_at_its_place(rule: str) -> None:
    case = CASES[rule]
    desired = wish(case.files, case.extra, with_fleet=case.with_fleet)
    found = [p for p in desired.problems if p.rule == rule]
    assert found, [(p.place, p.rule, p.what) for p in desired.problems]
    assert found[0].place == case.place
    assert found[0].what
    assert found[0].why
    assert found[0].fix
    assert found[0].severity is RULES[rule].severity
    assert desired.settled is all(RULES[p.rule].severity == "warning" for p in desired.problems)


def test_every_rule_has_a_case() -> None:
    assert set(CASES) | ODD == set(RULES)


def test_every_rule_in_the_source_is_in_the_book_and_used() -> None:
    literal = re.compile(rf'"((?:{"|".join(sorted(AREAS))})/[a-z0-9-]+)"')
    sources = [*ROOM.glob("*.py"), *(ROOM / "specs").glob("*.py"), BUILD]
    used = {rule for source in sources for rule in literal.findall(source.read_text())}
    assert used == set(RULES)


def test_what_nobody_foresaw_is_a_problem_of_that_file() -> None:
    manifest, problems = parse("p/agents/a.yaml", "0" * 40, None)  # type: ignore[arg-type]
    assert manifest is None
    assert [p.rule for p in problems] == ["file/unexpected"]


def test_schema_invalid_catches_what_has_no_better_word() -> None:
    class Short(BaseModel):
        word: str = Field(pattern="^a$")

    document, _ = read("f", b"word: hunter2\n")
    _, problems = validated("f", Short, document)
    assert [(p.rule, p.place) for p in problems] == [("schema/invalid", "f:1:7")]
    assert "hunter2" not in str(problems)


def test_warnings_are_few_and_named() -> None:
    assert {rule for rule, book in RULES.items() if book.severity is Severity.WARNING} == {
        "path/not-read",
        "charter/title",
        "charter/hidden-text",
        "agent/size-unused",
        "session/protect-unused",
        "training/no-workspace",
    }
