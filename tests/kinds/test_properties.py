"""What holds for any files at all: nothing raises, nothing dangles, and form is not content."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.build import build
from reconciler.kinds.parse import parse
from reconciler.model.ids import UnitId
from reconciler.model.manifest import Blob, Tree
from reconciler.model.unit import Desired
from tests.kinds.desk import FLEET, HOME, ROOT, agent, session, wish

HEAD = "apiVersion: novaorch/v1\nkind: Agent\nspec:\n  command: [x]\n"
PATHS = ["p/agents/a.yaml", "p/sessions/s.yaml", "p/charter.md", "fleet.yaml", "a.yaml", "p/x.yaml"]

# Pieces from which something nearly right comes out often.
PIECES = """apiVersion: novaorch/v1|kind: Agent|kind: Session|spec:|  |command: [x]|env: {A: b}
windows:|panes: [{agent: a}]|after: [b]|<<: *a|&a |metadata: {name: x}|replicas: |99999999999|1e309
NaN|~|---|!!set |"|'|{|}|[|]|>|?|#|: |- |%TAG|\\|*a|é""".replace("\n", "|").split("|")
PIECES += ["\n", "\n", "\n  ", "|", "\t", "\ufeff", "\x00", "\u202e", "\r"]


@settings(max_examples=300)
@given(st.sampled_from(PATHS), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@example("p/agents/a.yaml", "a: b: c")
def test_parsing_never_raises(path: str, text: str) -> None:
    manifest, problems = parse(path, "0" * 40, text.encode("utf-8", "surrogatepass"))
    assert manifest is not None or any(p.severity == "error" for p in problems)
    assert list(problems) == sorted(problems)
    assert "file/unexpected" not in {p.rule for p in problems}
    assert all((p.what + p.fix).isprintable() for p in problems)


@given(st.sampled_from(PATHS), st.binary(max_size=300))
def test_parsing_bytes_never_raises(path: str, data: bytes) -> None:
    _, problems = parse(path, "0" * 40, data)
    assert "file/unexpected" not in {p.rule for p in problems}


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n" * 200_000,
        HEAD + "  after: [" + "a," * 500_000 + "]",
        HEAD + "  env: {" + ",".join(f"'{i} x': v" for i in range(24_000)) + "}",
        HEAD + "".join(f"  k{i}: v\n" for i in range(24_000)),
        HEAD + "  secrets: {" + ",".join(f"K{i}: v" for i in range(24_000)) + "}",
        HEAD + "  env:\n    A: " + "x\n      " * 100_000,
        "[" + "[]," * 300_000,
        "[*a" + ",*a" * 300_000,
        "#x\n" * 340_000,
        "{" * 1_000_000,
        "? " * 500_000,
        '"' + "\\n" * 500_000 + '"',
        "a:\n" * 300_000,
        "&a " * 340_000,
    ],
    ids=lambda text: text[:12] + text[-12:],
)
def test_a_megabyte_of_malice_ends_soon(text: str) -> None:
    begun = time.process_time()
    parse("p/agents/a.yaml", "0" * 40, text.encode())
    assert time.process_time() - begun < 5  # measured: 0.3 at most


# -- trees ----------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c", "a-0", "a-1", "s", "t", "w1", "Bad"])
_after = st.lists(
    st.one_of(_names, _names.map("p/session/{}".format), _names.map("q/{}".format)), max_size=3
)
_agent_spec = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.sampled_from(["1", "2", "0", "many"]),
        "session": st.sampled_from(["s", "t", "gone"]),
        "after": _after,
        "directory": st.sampled_from([".", "..", "x", "#(id)", "~"]),
        "env": st.dictionaries(st.sampled_from(["A", "B", "1"]), _names, max_size=2),
        "mode": st.sampled_from(["auto", "stopped", "on"]),
        "heal": st.sampled_from([{}, {"crash": "warn"}, {"edit": "mend"}]),
        "protect": st.sampled_from(["true", "no"]),
        "stop": st.sampled_from([{"quit": ["/exit"], "kill": "1s"}, {"kill": "1s"}]),
    },
)
_pane = st.fixed_dictionaries(
    {},
    optional={
        "agent": _names,
        "command": st.just(["top"]),
        "directory": st.sampled_from(["x", "../x"]),
    },
)
_window = st.fixed_dictionaries(
    {"panes": st.lists(_pane, max_size=3)}, optional={"name": _names, "env": st.just({"A": "w"})}
)
_session_spec = st.fixed_dictionaries(
    {"windows": st.lists(_window, max_size=3)},
    optional={
        "session": st.sampled_from(["x", "p/a", "q/b"]),
        "env": st.just({"A": "s"}),
        "heal": st.sampled_from([{"edit": "heal"}, {"crash": "yes"}]),
        "protect": st.just("true"),
    },
)


def _flow(value: Any) -> str:
    """Return plain data as one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return f'"{value}"'


def _document(kind: str, name: str, spec: dict[str, Any]) -> str:
    full = {"command": ["x"], **spec} if kind == "Agent" else spec
    parts = {"apiVersion": "novaorch/v1", "kind": kind, "metadata": {"name": name}, "spec": full}
    return _flow({k: v for k, v in parts.items() if name or k != "metadata"})


_file = st.one_of(
    st.tuples(st.just("agents"), _names, st.just(""), _agent_spec),
    st.tuples(st.just("agents"), _names, _names, _agent_spec),
    st.tuples(st.just("sessions"), _names, st.just(""), _session_spec),
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    files = {"fleet.yaml": FLEET}
    for _ in range(draw(st.integers(0, 8))):
        project = draw(st.sampled_from(["p", "q"]))
        folder, stem, name, spec = draw(_file)
        kind = "Agent" if folder == "agents" else "Session"
        files[f"{project}/{folder}/{stem}.yaml"] = _document(kind, name, spec)
    return files


def nothing_dangles(desired: Desired) -> None:
    """Every slot has its process, every process its frame, and nothing is both held and wanted."""
    slots = [s.process for f in desired.frames.values() for w in f.windows for s in w.slots]
    assert len(slots) == len(set(slots))
    assert set(slots) == set(desired.processes)
    for unit, process in desired.processes.items():
        assert unit == process.id
        assert process.frame in desired.frames
        assert process.launch.directory.startswith("/")
        assert "#" not in process.launch.directory
    for unit, found in desired.frames.items():
        assert unit == found.id
        keys = [w.key for w in found.windows]
        assert len(keys) == len(set(keys)) > 0
    names = [f.session for f in desired.frames.values()]
    assert len(names) == len(set(names))
    held = {unit for unit, process in desired.processes.items() if process.held is not None}
    assert set(desired.broken or {}) & (set(desired.processes) | set(desired.frames)) == held
    assert desired.settled or desired.broken or desired.problems
    known = set(desired.processes) | set(desired.frames) | set(desired.broken or {})
    for process in desired.processes.values():
        for unit in process.after:
            assert unit in known or _replica_of(unit) in known, unit


def _replica_of(unit: UnitId) -> str:
    return unit.rpartition("-")[0]


@settings(max_examples=400, deadline=None)
@given(trees())
def test_building_never_raises_and_nothing_dangles(files: dict[str, str]) -> None:
    desired = wish(files)
    assert "file/unexpected" not in {p.rule for p in desired.problems}
    nothing_dangles(desired)
    if not any(p.severity == "error" for p in desired.problems):
        assert desired.broken == {}


@settings(max_examples=100, deadline=None)
@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(files: dict[str, str], chance: random.Random) -> None:
    paths = list(files)
    chance.shuffle(paths)
    one, two = wish(files), wish({path: files[path] for path in paths})
    assert one == two


@settings(max_examples=100, deadline=None)
@given(trees(), st.data())
def test_one_broken_file_changes_no_unit_apart_from_it(
    files: dict[str, str], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(files)))
    before, after = wish(files), wish({**files, path: "]"})
    nothing_dangles(after)
    assert not after.settled
    for unit, process in after.processes.items():
        # Who alone knows an agent's seat may be the broken one: `core.unread` keeps it there.
        unseated = unit in before.processes and before.processes[unit].frame != process.frame
        if unit in before.processes and path != "fleet.yaml" and process.held is None:
            assert unseated or process.launch == before.processes[unit].launch


@given(st.binary(max_size=200), st.text(max_size=30), st.text(max_size=10))
def test_building_takes_any_entries(data: bytes, path: str, mode: str) -> None:
    entries = (Blob(path, "0" * 40, mode), Blob(path, "1" * 40), Blob("p/agents/a.yaml", "2" * 40))
    known = {entry.path: parse(entry.path, entry.oid, data) for entry in entries}
    desired = build(Tree("c", "t", entries), known, ROOT, HOME)
    assert "file/unexpected" not in {p.rule for p in desired.problems}


_keys = [
    "command: [sleep, 1]",
    "env: {A: b, C: d}",
    "mode: stopped",
    "after: [b]",
    "stop: {grace: 1s}",
]


@given(
    st.permutations(_keys), st.lists(st.sampled_from(["# x", "", "  # y"]), min_size=6, max_size=6)
)
def test_digests_do_not_see_order_or_comments(keys: list[str], noise: list[str]) -> None:
    def text(lines: list[str], between: list[str]) -> str:
        mixed = [
            part for pair in zip(lines, between, strict=False) for part in (f"  {pair[0]}", pair[1])
        ]
        return "kind: Agent\napiVersion: novaorch/v1\nspec:\n" + "\n".join(mixed) + "\n"

    others = {"p/agents/b.yaml": agent(), "p/sessions/s.yaml": session()}
    plain = wish({"p/agents/a.yaml": text(_keys, [""] * 6), **others})
    loose = wish({"p/agents/a.yaml": text(keys, noise), **others})
    assert plain.problems == loose.problems == ()
    unit = UnitId("p/agent/a")
    assert plain.processes[unit].digest == loose.processes[unit].digest
    assert plain.processes[unit].fields == loose.processes[unit].fields
