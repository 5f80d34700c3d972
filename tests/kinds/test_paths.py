"""Which entries of a tree may be read at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.parse import concerns, refuse, refuse_tree
from reconciler.kinds.paths import _PLAIN, Place, place, stranger
from reconciler.model.manifest import Blob

MIB = 1 << 20


def rule(path: str, mode: str = "100644", size: int = 0) -> str:
    found = refuse(Blob(path, "0" * 40, mode, size))
    return found.rule if found is not None else ""


@pytest.mark.parametrize(
    "path",
    [
        "fleet.yaml",
        "p/agents/a.yaml",
        "tmux-orch/charter.md",
        "p/agents/deep/er/a.yml",
        "p/README.md",
        "p/agents/Ä b (1).yaml",
        "p/.gitkeep",
        "p/.github/x.yaml",
        "p/agents/git~x.yaml",
        "p/agents/a..b.yaml",
        f"p/agents/{'a' * 250}.yaml",
        "d/" * 15 + "a.yaml",
    ],
)
def test_ordinary_paths_pass(path: str) -> None:
    assert rule(path) == ""
    assert rule(path, size=MIB) == ""
    assert rule(path, size=MIB + 1) == "file/too-big"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("..", "path/traversal"),
        ("a/./b.yaml", "path/traversal"),
        ("a//b.yaml", "path/traversal"),
        ("a/", "path/traversal"),
        ("", "path/traversal"),
        ("/etc/passwd", "path/absolute"),
        ("a\0.yaml", "path/control"),
        ("a\r.yaml", "path/control"),
        ("a\x1b[31m.yaml", "path/control"),
        ("a\x7f.yaml", "path/control"),
        ("a\x85.yaml", "path/control"),
        ("a\u2028.yaml", "path/control"),
        ("a\udc80.yaml", "path/not-utf8"),
        ("C:\\a.yaml", "path/backslash"),
        ("a./b.yaml", "path/trailing"),
        ("a.yaml ", "path/trailing"),
        (".git/config", "path/git-folder"),
        ("p/.GIT/hooks/x.yaml", "path/git-folder"),
        ("p/.git ", "path/git-folder"),
        ("p/.git.", "path/git-folder"),
        ("p/.g\u200cit/x.yaml", "path/git-folder"),
        ("p/git~1/x.yaml", "path/git-folder"),
        ("p/.git::$INDEX_ALLOCATION/x", "path/git-folder"),
        ("p/" + "é" * 128 + ".yaml", "path/long-component"),
        ("d/" * 4096 + "a", "path/deep"),
    ],
)
def test_hostile_paths_are_refused(path: str, wanted: str) -> None:
    assert rule(path) == wanted


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("120000", "path/symlink"),
        ("160000", "path/submodule"),
        ("100755", "path/executable"),
        ("100664", "path/mode"),
        ("040000", "path/mode"),
        ("", "path/mode"),
        ("\x1b[31m", "path/mode"),
    ],
)
def test_only_plain_files_pass(mode: str, wanted: str) -> None:
    assert rule("p/agents/a.yaml", mode) == wanted
    assert rule("p/README.md", mode) == wanted


@given(st.text(max_size=60), st.text(max_size=8), st.integers(0, 1 << 40))
def test_refusing_never_raises_and_says_nothing_unprintable(p: str, mode: str, size: int) -> None:
    found = refuse(Blob(p, "", mode, size))
    if found is not None:
        assert (found.path + found.what).isprintable()


@given(st.from_regex(_PLAIN, fullmatch=True))
def test_the_short_way_agrees_with_the_long_one(path: str) -> None:
    long_way = refuse(Blob(path, "", "100644", MIB + 1))
    assert long_way is not None
    assert long_way.rule == "file/too-big"


@pytest.mark.parametrize(
    ("path", "read", "warned"),
    [
        ("fleet.yaml", True, False),
        ("p/agents/a.yaml", True, False),
        ("p/agents/a.yml", True, False),
        ("a.yaml", True, False),
        ("p/charter.md", True, False),
        ("charter.md", False, False),
        ("p/q/charter.md", False, False),
        ("README.md", False, False),
        ("p/insights/x.MD", False, False),
        (".gitkeep", False, False),
        ("p/.hidden/a.yaml", False, False),
        ("p/agents/.a.yaml.swp", False, False),
        ("p/agents/a.toml", False, True),
        ("p/agents/a.yaml~", False, True),
        ("p/agents/a", False, True),
        ("p/agents/a.YAML", False, True),
    ],
)
def test_what_concerns(path: str, read: bool, warned: bool) -> None:
    assert concerns(path) is read
    assert (stranger(path) is not None) is warned


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("fleet.yaml", Place("", "Fleet", "fleet")),
        ("fleet.yml", Place("", "", "fleet")),
        ("p/charter.md", Place("p", "Charter", "charter")),
        ("p/agents/a.yaml", Place("p", "Agent", "a")),
        ("p/agents/x/a.b.yml", Place("p", "Agent", "a.b")),
        ("p/sessions/s.yaml", Place("p", "Session", "s")),
        ("p/fleet.yaml", Place("p", "", "fleet")),
        ("p/tasks/1.yaml", Place("p", "", "1")),
    ],
)
def test_what_a_path_means(path: str, wanted: Place) -> None:
    assert place(path) == wanted


def twins(*paths: str) -> list[tuple[str, str]]:
    return [(p.rule, p.path) for p in refuse_tree([Blob(path, "") for path in paths])]


def test_twins() -> None:
    assert twins("p/a.yaml", "p/b.yaml", "q/a.yaml") == []
    assert twins("p/a.yaml", "p/A.yaml") == [("tree/case-twins", "p/a.yaml")]
    assert twins("P/a.yaml", "p/b.yaml") == [("tree/case-twins", "p/b.yaml")]
    assert twins("p/stra\u00dfe.yaml", "p/STRASSE.yaml") == [
        ("tree/case-twins", "p/stra\u00dfe.yaml")
    ]
    assert twins("p/e\u0301", "p/\u00e9") == [("tree/unicode-twins", "p/\u00e9")]
    assert twins("p/e\u0301/a", "p/\u00e9/b") == [("tree/unicode-twins", "p/\u00e9/b")]


def test_too_many_entries() -> None:
    assert twins(*(f"p/a{i}" for i in range(20_000))) == []
    assert twins(*(f"p/a{i}" for i in range(20_001))) == [("tree/too-many", "")]


def test_a_file_that_is_also_a_folder_is_no_twin_of_itself() -> None:
    assert twins("p/a", "p/a/b") == []
