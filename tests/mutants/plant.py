"""Plant one fault at a time into a copy of `core/` and see whether the tests notice.

    python -m tests.mutants.plant [--count 60] [--seed 1] [--file match.py] [--jobs 2]

Every mutant lives in a temporary copy of the package: the tree itself is never changed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = Path("reconciler/core")
NOT_OURS = frozenset({"build.py", "gather.py", "__init__.py"})
CHECKS = (
    "tests/core", "tests/loop", "tests/properties", "tests/simulator",
    "tests/adapters/test_memory_control.py", "--ignore=tests/core/test_build.py",
    "--ignore=tests/properties/test_real_tmux.py", "-k", "not ten_thousand",
)  # fmt: skip
TIMEOUT_S = 300.0
PATIENCE = 6
"""A fault may take so many times as long as none; then its tests never end, and it is caught."""

EQUIVALENT = {
    ("timetable.py", "_AHEAD_S = YEAR_S + 30 * 86400.0", ""): "how far is looked ahead at once",
    ("timetable.py", "end, walk = start, starts(self.window.cron, self._zone, start - 1)",
     "1 plus one"): "a start is a whole minute: two seconds before it are one before it",
    ("exposition.py", "value = value if value > 0 else 0.0",
     "value > 0: comparison turned"): "nothing counts as nothing either way",
    ("match.py", "if len(found) == 1:",
     "if len(found) == 1: never"): "a short cut: the best of one is that one",
    ("engaged.py", "if scene.consent.now or not scene.world.facts.presence:",
     "scene.consent.now or not scene.world.facts.presence: last operand dropped"):
        "a short cut: where nobody works, nobody is disturbed",
    ("capacity.py", "doubled = 2.0 ** min(strikes - 1, 20)",
     "20 plus one"): "far above the longest wait; it keeps the number from overflowing",
    ("inquire.py", "if pane is None or pane.mark is None:",
     "pane is None or pane.mark is None: last operand dropped"): "whatever is matched has a mark",
    ("ending.py", "return mark.drain_until > now + LONGEST_S + 2  # marks keep whole seconds",
     "mark.drain_until > now + LONGEST_S + 2: comparison turned"): "no mark is ever that hour",
}  # fmt: skip
"""Faults that change nothing that anybody could see, each with the reason: file, line, and the
fault in words ('': each in that line)."""

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is and what it does. `node` and `fault` count in reading order."""

    file: str
    line: int
    what: str
    node: int
    fault: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"

    def source(self, text: str) -> str:
        """Return the whole file with the fault in it."""
        tree = ast.parse(text)
        node = next(n for at, n in enumerate(ast.walk(tree)) if at == self.node)
        _, change = list(_faults(node))[self.fault]
        change(node)
        return ast.unparse(ast.fix_missing_locations(tree))


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every fault that can be planted into a file."""
    lines = path.read_text().splitlines()
    tree = ast.parse("\n".join(lines))
    quiet = {id(part) for node in ast.walk(tree) for part in _how_it_is_kept(node)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in quiet:
            continue
        for at, (what, _) in enumerate(_faults(node)):
            line = getattr(node, "lineno", 0)
            place = path.name, lines[line - 1].strip()
            if (*place, what) not in EQUIVALENT and (*place, "") not in EQUIVALENT:
                yield Mutant(path.name, line, what, number, at)


def _how_it_is_kept(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside decorators: whether a value is frozen changes nothing that it says.

    And `strict` of a zip: it is there to stop at what never happens.
    """
    for decorator in getattr(node, "decorator_list", ()):
        yield from ast.walk(decorator)
    if isinstance(node, ast.keyword) and node.arg == "strict":
        yield from ast.walk(node.value)


Fault = tuple[str, Callable[[ast.AST], None]]


def _faults(node: ast.AST) -> Iterator[Fault]:  # noqa: C901  (a table)
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARE:
            yield f"{ast.unparse(node)}: comparison turned", _turn_comparison
        case ast.BoolOp():
            yield f"{ast.unparse(node)[:70]}: and/or exchanged", _exchange_bool
            yield f"{ast.unparse(node)[:70]}: last operand dropped", _drop_operand
        case ast.UnaryOp(op=ast.Not()):
            yield f"{ast.unparse(node)[:70]}: not dropped", _drop_not
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC and not _is_text(node):
            yield f"{ast.unparse(node)[:70]}: arithmetic turned", _turn_arithmetic
        case ast.Constant(value=bool()):
            yield f"{node.value!r} turned", _turn_constant
        case ast.Constant(value=int() | float()):
            yield f"{node.value!r} plus one", _turn_constant
        case ast.If():
            yield f"if {ast.unparse(node.test)[:60]}: never", _never
            yield f"if {ast.unparse(node.test)[:60]}: always", _always
        case ast.IfExp():
            yield f"{ast.unparse(node)[:70]}: arms exchanged", _exchange_arms
        case ast.Starred(value=ast.Call() | ast.GeneratorExp()):
            yield f"{ast.unparse(node)[:70]}: left out", _empty_star
        case ast.Expr(value=ast.Call() | ast.YieldFrom()):
            yield f"{ast.unparse(node)[:70]}: deleted", _delete


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(n, ast.JoinedStr) for n in (node.left, node.right))


def _turn_comparison(node: ast.AST) -> None:
    assert isinstance(node, ast.Compare)
    node.ops = [_COMPARE[type(node.ops[0])]()]


def _exchange_bool(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _drop_operand(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.values = [*node.values[:-1], ast.Constant(isinstance(node.op, ast.And))]


def _drop_not(node: ast.AST) -> None:
    assert isinstance(node, ast.UnaryOp)
    node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)


def _turn_arithmetic(node: ast.AST) -> None:
    assert isinstance(node, ast.BinOp)
    node.op = _ARITHMETIC[type(node.op)]()


def _turn_constant(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    value = node.value
    node.value = (not value) if isinstance(value, bool) else value + 1  # type: ignore[operator]


def _never(node: ast.AST) -> None:
    assert isinstance(node, ast.If)
    node.test = ast.BoolOp(ast.And(), [node.test, ast.Constant(value=False)])


def _always(node: ast.AST) -> None:
    assert isinstance(node, ast.If)
    node.test = ast.Constant(value=True)


def _exchange_arms(node: ast.AST) -> None:
    assert isinstance(node, ast.IfExp)
    node.body, node.orelse = node.orelse, node.body


def _empty_star(node: ast.AST) -> None:
    assert isinstance(node, ast.Starred)
    node.value = ast.Tuple([], ast.Load())


def _delete(node: ast.AST) -> None:
    assert isinstance(node, ast.Expr)
    node.value = ast.Constant(None)


# -- running -------------------------------------------------------------------------------------


class Field:
    """One copy of the project in which mutants are tried one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.timeout_s = folder, PATIENCE * TIMEOUT_S
        shutil.copytree(ROOT / "reconciler", folder / "reconciler")
        shutil.copytree(ROOT / "tests", folder / "tests")
        shutil.copy(ROOT / "pyproject.toml", folder)

    def survives(self, mutant: Mutant) -> bool:
        """Whether every test passes although the fault is there."""
        path = self.folder / CORE / mutant.file
        before = path.read_text()
        path.write_text(mutant.source(before))
        try:
            return self.passes()
        finally:
            path.write_text(before)

    def passes(self) -> bool:
        """Whether every test passes here."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *CHECKS]
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.folder)}
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=env,
                capture_output=True,
                timeout=self.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def run(chosen: Sequence[Mutant], jobs: int, tell: Callable[[str], None]) -> list[Mutant]:
    """Try every mutant and return those that no test noticed."""
    with tempfile.TemporaryDirectory() as name:
        fields = [Field(Path(name) / str(job)) for job in range(jobs)]
        began = time.monotonic()
        if not fields[0].passes():
            raise RuntimeError("the tests fail without any fault: nothing to learn")
        for field in fields:  # A busy machine is slow to everybody: that catches nothing.
            field.timeout_s = max(TIMEOUT_S, PATIENCE * (time.monotonic() - began))
        parts = [chosen[job::jobs] for job in range(jobs)]

        def work(field: Field, part: Sequence[Mutant]) -> list[Mutant]:
            alive = []
            for mutant in part:
                if field.survives(mutant):
                    tell(f"survived  {mutant}")
                    alive.append(mutant)
                else:
                    tell(f"caught    {mutant}")
            return alive

        with ThreadPoolExecutor(jobs) as pool:
            found = list(pool.map(work, fields, parts))
    return [mutant for part in found for mutant in part]


def choose(count: int, seed: int, only: str = "") -> list[Mutant]:
    """Return so many mutants, drawn by seed from all files."""
    files = sorted(p for p in (ROOT / CORE).glob("*.py") if p.name not in NOT_OURS)
    every = [m for path in files if not only or path.name == only for m in mutants(path)]
    # By a digest of each fault, so that a change of one file draws the same faults elsewhere.
    return sorted(every, key=lambda m: _lot(f"{seed} {m.file} {m.what} {m.fault}", m))[:count]


def _lot(text: str, mutant: Mutant) -> tuple[str, int]:
    return hashlib.sha256(text.encode()).hexdigest(), mutant.node


def main() -> int:
    """Print each mutant's fate and the rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", default="")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    chosen = choose(args.count, args.seed, args.file)
    alive = run(chosen, args.jobs, lambda line: print(line, flush=True))
    print(f"{len(chosen) - len(alive)} of {len(chosen)} caught")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
