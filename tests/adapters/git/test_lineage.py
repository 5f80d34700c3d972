"""Which commits work goes back to, asked of real git; no configuration is obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.git.lineage import GitLineage
from reconciler.adapters.git.repository import GitRepository
from reconciler.model.ids import UnitId
from reconciler.model.problems import SourceError
from reconciler.model.workspace import SeenWorkspace
from tests.adapters.git.sandbox import Sandbox

TREE = UnitId("web/workspace/torch")


@pytest.fixture
def lineage(repo: Sandbox) -> GitLineage:
    return GitLineage(GitRepository.discover(repo.path).command)


def test_a_charter_s_last_commit_is_found(repo: Sandbox, lineage: GitLineage) -> None:
    repo.write("web/charter.md", "# Web\n")
    first = repo.commit()
    repo.write("ops/charter.md", "# Ops\n")
    other = repo.commit()
    repo.write("web/charter.md", "# Web, anew\n")
    newest = repo.commit()
    assert [lineage.charter("web", c) for c in (first, other, newest)] == [first, first, newest]
    assert lineage.charter("ops", newest) == other
    assert lineage.charter("none", newest) == ""


@pytest.mark.parametrize("word", ["", "main", "--all", "HEAD", "0" * 39])
def test_only_a_commit_is_a_commit(repo: Sandbox, lineage: GitLineage, word: str) -> None:
    repo.write("web/charter.md", "# Web\n")
    repo.commit()
    assert lineage.charter("web", word) == ""
    assert lineage.hour(SeenWorkspace(TREE, "/", str(repo.path / ".git"), tip=word)) == 0.0


def test_an_answer_is_remembered(repo: Sandbox, lineage: GitLineage) -> None:
    repo.write("web/charter.md", "# Web\n")
    commit = repo.commit()
    assert lineage.charter("web", commit) == commit
    (repo.path / ".git").rename(repo.path / "gone")
    assert lineage.charter("web", commit) == commit
    with pytest.raises(SourceError, match="cannot tell which commit"):
        lineage.charter("ops", commit)


def test_the_hour_of_a_tip_is_its_committer_s(repo: Sandbox, lineage: GitLineage) -> None:
    repo.write("x.yaml")
    repo.git("add", "--all")
    words = ("commit", "-q", "-m", "x\n\ncommitter me <m> 5 +0000", "--date", "@5 +0000")
    repo.git(*words, GIT_COMMITTER_DATE="1700000000 +0200")
    tip = repo.git("rev-parse", "HEAD")
    there = str(repo.path / ".git")
    assert lineage.hour(SeenWorkspace(TREE, "/", there, tip=tip)) == 1_700_000_000.0
    assert lineage.hour(SeenWorkspace(TREE, "/", there, tip="1" * 40)) == 0.0


def test_nothing_of_the_repository_s_is_run(
    repo: Sandbox, lineage: GitLineage, tmp_path: Path
) -> None:
    repo.write("web/charter.md", "# Web\n")
    commit = repo.commit()
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "gpg.program", "core.pager", "diff.x.textconv", "core.editor"):
        repo.git("config", name, str(trap))
    repo.git("config", "log.showSignature", "true")
    assert lineage.charter("web", commit) == commit
    lineage.hour(SeenWorkspace(TREE, "/", str(repo.path / ".git"), tip=commit))
    assert not (tmp_path / "pwned").exists()
