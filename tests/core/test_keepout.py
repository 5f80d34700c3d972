"""Paths that are never committed, and patterns of manifests."""

from __future__ import annotations

import pytest

from reconciler.core.keepout import keeper


@pytest.mark.parametrize(
    "path",
    [".git/config", ".gitattributes", "a/.gitmodules", ".GitHub/workflows/x.yml", ".claude/x",
     "a/.claude/settings.json", ".CLAUDE/x", ".mcp.json", "a/.mcp.json", ".husky/pre-commit",
     "hooks/pre-commit", "a/hooks/post-receive.sample", ".pre-commit-config.yaml", "lefthook.yml",
     ".env", ".env.local", ".envrc", "a/.ENV", "id_rsa", ".ssh/config", "a/key.p12", ".netrc",
     ".codex/config.toml", ".cursor/rules"],
)  # fmt: skip
def test_never_committed(path: str) -> None:
    held = keeper(())(path)
    assert held is not None
    assert held.path == path
    assert held.rule == "policy"


@pytest.mark.parametrize(
    "path",
    ["app.py", "src/hooks/useCart.ts", "hooks/README", "git/x", "a.git", ".env.example", "env.py",
     "environment", "claude.md", "CLAUDE.md", "id_rsa.pub", "docs/.nojekyll", "mcp.json"],
)  # fmt: skip
def test_may_be_committed(path: str) -> None:
    assert keeper(())(path) is None


@pytest.mark.parametrize(
    ("pattern", "held", "free"),
    [
        ("*.log", ["a.log", "x/y.log", "dir.log/file"], ["a.log2", "log"]),
        ("build", ["build", "build/x", "a/build/x"], ["builds/x", "rebuild"]),
        ("/build", ["build/x"], ["a/build/x"]),
        ("data/", ["data/x", "a/data/x"], ["data"]),
        ("docs/*.md", ["docs/a.md"], ["docs/a/b.md", "x/docs/a.md"]),
        ("docs/**/*.md", ["docs/a.md", "docs/a/b/c.md"], ["docs.md"]),
        ("?.txt", ["a.txt"], ["ab.txt", "/.txt"]),
        ("a.c", ["a.c"], ["abc"]),
        ("**", ["anything/at/all"], []),
    ],
)
def test_patterns(pattern: str, held: list[str], free: list[str]) -> None:
    keep = keeper((pattern,))
    for path in held:
        found = keep(path)
        assert found is not None
        assert repr(pattern) in found.why
    assert [path for path in free if keep(path) is not None] == []
