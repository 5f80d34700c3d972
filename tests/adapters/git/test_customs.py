"""What an agent committed by its own hand goes through the same policy as recorded work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.model.problems import RefusedError
from reconciler.model.promotion import State
from tests.adapters.git.runbed import Bed

KEY = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()


def put(path: str, text: str) -> Callable[[Bed], object]:
    return lambda bed: bed.work(text, path)


def link(target: str) -> Callable[[Bed], object]:
    def act(bed: Bed) -> None:
        (bed.tree / "link").symlink_to(target)
        bed.work("1\n")

    return act


def submodule(bed: Bed) -> None:
    bed.at("update-index", "--add", "--cacheinfo", f"160000,{bed.base},inner")
    bed.at("commit", "--quiet", "-m", "a repository within")


CONTRABAND = {
    ".claude/settings.json": put(".claude/settings.json", "{}"),
    ".mcp.json": put("deep/.mcp.json", "{}"),
    ".gitattributes": put(".gitattributes", "* filter=x\n"),
    "hooks/pre-commit": put("hooks/pre-commit", "#!/bin/sh\n"),
    ".env": put(".env", "A=b\n"),
    "secret": put("config.py", f"KEY = '{KEY}'\n"),
    "link": link("/etc/passwd"),
    "link up": link("../../x"),
    "inner": submodule,
    "size": put("large", "x" * 1001),
}


@pytest.mark.parametrize("policy", ["squash", "merge", "ff"])
@pytest.mark.parametrize("kind", CONTRABAND)
def test_contraband_is_refused_by_name_and_let_through_by_name(
    bed: Bed, kind: str, policy: str
) -> None:
    CONTRABAND[kind](bed)
    refs = bed.refs()
    with pytest.raises(RefusedError, match="would bring") as caught:
        bed.promote(policy)
    assert bed.refs() == refs
    assert bed.prover.asked == [], "it is not run, either"
    assert KEY not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"
    allow = caught.value.fix.partition("--allow ")[2].strip()
    done = bed.promote(policy, allow=(allow,))
    assert f"Nova-Allowed: {allow}" in bed.message(done.archive)
    assert bed.known().state is State.PROMOTED


@pytest.mark.parametrize("policy", ["merge", "ff"])
def test_what_was_taken_out_again_is_still_there_to_be_read(bed: Bed, policy: str) -> None:
    bed.work(f"KEY = '{KEY}'\n", "config.py")
    bed.work("KEY = ''\n", "config.py")
    with pytest.raises(RefusedError, match="would bring"):
        bed.promote(policy)
    bed.promote("squash")
    for commit in bed.repo.git("rev-list", f"{bed.base}..main").split():
        assert KEY not in bed.repo.git("show", commit)


@pytest.mark.parametrize("policy", ["squash", "merge", "ff"])
def test_what_the_target_has_itself_is_nobodys_contraband(bed: Bed, policy: str) -> None:
    (bed.repo.path / ".gitignore").write_text("*.log\n")
    (bed.repo.path / "config.py").write_text(f"KEY = '{KEY}'\n")
    bed.repo.commit("by a person")
    bed.change(3, "three")
    bed.at("merge", "--quiet", "--no-edit", "main")
    bed.work(f"KEY = '{KEY}'\nMORE = 1\n", "config.py")
    bed.promote(policy)
    assert bed.known().state is State.PROMOTED


def test_a_path_that_no_git_takes_is_let_through_by_nobody(bed: Bed) -> None:
    blob = bed.repo.blob(b"[core]\n\tfsmonitor = evil\n")
    inner = bed.repo.raw_tree(("100644", b"config", blob))
    names = bed.repo.git("ls-tree", "main").splitlines()
    kept = [(n.split()[0], n.split("\t")[1].encode(), n.split()[2]) for n in names]
    tree = bed.repo.raw_tree(("40000", b".GIT", inner), *kept)
    commit = bed.repo.git("commit-tree", tree, "-p", bed.base, "-m", "x")
    bed.at("switch", "--quiet", "--detach")
    bed.repo.git("update-ref", "refs/heads/training/shop/torch/1", commit)
    refs = bed.refs()
    for allow in ((), (".GIT/config",)):
        with pytest.raises(Exception, match=r"would bring|malformed"):
            bed.promote("squash", allow=allow)
        with pytest.raises(Exception, match=r"would bring|malformed"):
            bed.promote("ff", allow=allow)
    assert bed.refs() == refs
