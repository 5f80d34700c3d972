"""The house rules that no linter holds: sizes, names, words, and that every verb is shown."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.app import VERBS
from reconciler.model import problems

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "reconciler"
MODULES = sorted(PACKAGE.rglob("*.py"))
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 300
PARAMETERS_MAX = 5
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def parameters_of(function: Function) -> int:
    """Count what a caller has to give: settings with a default, by keyword, are no burden."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args)]
    asked = [
        a.arg
        for a, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if default is None
    ]
    return len([name for name in (*names, *asked) if name not in {"self", "cls"}])


@every_module
def test_a_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{name_of(path)} opens without a docstring"


@every_module
def test_a_module_is_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES_MAX, f"{name_of(path)} has {lines} lines"


@every_module
def test_functions_are_short_and_ask_for_little(path: Path) -> None:
    verbs = path.parent.name == "cli"  # there, parameters are the options of a verb
    for function in functions(path):
        where = f"{name_of(path)}:{function.lineno} {function.name}"
        assert lines_of(function) <= FUNCTION_LINES_MAX, where
        assert verbs or parameters_of(function) <= PARAMETERS_MAX, where


@every_module
def test_names_say_something(path: Path) -> None:
    words = {*path.stem.lower().split("_"), *path.parent.name.lower().split("_")}
    assert not words & NAMES_THAT_SAY_NOTHING, name_of(path)


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=name_of)
def test_fakes_are_classes_and_never_mocks(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found = {node.module or ""}
        else:
            continue
        assert not any(re.match(r"(unittest\.)?mock\b|pytest_mock", name) for name in found)


def tracked() -> list[Path]:
    said = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    ).stdout
    paths = [ROOT / name for name in said.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and path != Path(__file__)]


def test_nothing_knows_the_machine_it_was_made_on() -> None:
    # In pieces, so that this file does not hold what it looks for.
    forbidden = re.compile("/wo" + r"rk/\w|/opt/no" + r"va|sha" + r"red/(DESIGN|FACTS|research)")
    for path in tracked():
        found = forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{name_of(path)}: {found and found[0]}"


# -- what users read ------------------------------------------------------------------------------


def test_every_verb_has_its_line_in_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [verb for verb in VERBS if f"novaorch {verb}" not in text]
    assert missing == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", verb, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Example: novaorch" in done.stdout


def test_the_changelog_begins_with_what_is_coming() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = [p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()]
    rooms += [p.name for p in PACKAGE.glob("*.py") if p.stem != "__init__"]
    assert [room for room in rooms if room not in text] == []
    assert len(text.splitlines()) <= 200


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert "://" in target or (ROOT / target).exists(), f"{name}: {target}"


def test_the_table_of_exit_codes_is_the_one_in_the_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    codes = {
        error.exit_code
        for error in vars(problems).values()
        if isinstance(error, type) and issubclass(error, problems.NovaorchError)
    }
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes | {0, 2} == documented
