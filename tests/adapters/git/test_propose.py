"""Proposals are commits on branches of their own; nothing else in the repository moves."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.adapters.git.propose import OPEN_MAX, GitProposals, Validate
from reconciler.adapters.manifestcache import DiskCache
from reconciler.loop.wish import Wishes
from reconciler.model.ids import UnitId
from reconciler.model.insight import Proposal
from reconciler.model.problems import NovaorchError, Problem
from tests.adapters.git.sandbox import Sandbox

TORCH = UnitId.of("web", "agent", "torch")
FLEET = "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: demo}\n"
BRANCH = "refs/heads/novaorch/proposals/web/torch/1"


def agent(name: str = "new", *lines: str) -> str:
    more = "".join(f"  {line}\n" for line in lines)
    head = f"apiVersion: novaorch/v1\nkind: Agent\nmetadata: {{name: {name}}}\nspec:\n"
    return f"{head}  command: [sleep, '9']\n{more}"


def wanted(path: str = "web/agents/new.yaml", content: str | None = "", **more: object) -> Proposal:
    given = agent() if content == "" else content
    return Proposal(TORCH, path, given, "Add new", **more)  # type: ignore[arg-type]


@pytest.fixture
def box(repo: Sandbox) -> Sandbox:
    repo.write("fleet.yaml", FLEET)
    repo.write("web/agents/torch.yaml", agent("torch"))
    (repo.path / "run.sh").write_text("#!/bin/sh\n")
    (repo.path / "run.sh").chmod(0o755)
    (repo.path / "link").symlink_to("run.sh")
    repo.commit("first")
    return repo


def whole(repository: GitRepository, commit: str) -> Sequence[Problem]:
    cache = DiskCache(repository.git_dir / "cache.json", "x")
    return Wishes(repository, cache, str(repository.root), "/").read(commit).problems


def desk(box: Sandbox, validate: Validate = whole) -> GitProposals:
    return GitProposals(
        box.path, lambda: box.git("rev-parse", "refs/heads/main"), lambda: 1.8e9, validate
    )


def state(box: Sandbox) -> tuple[str, ...]:
    """Return everything that a proposal must not change."""
    refs = box.git("for-each-ref", "refs/heads/main", "refs/tags", "refs/novaorch")
    index = (box.path / ".git/index").read_bytes().hex()
    files = sorted(str(path) for path in box.path.rglob("*") if ".git/" not in str(path))
    return refs, box.git("rev-parse", "HEAD"), box.git("status", "--porcelain"), index, *files


def test_it_is_one_commit_on_a_branch_of_its_own(box: Sandbox) -> None:
    before = state(box)
    made = desk(box).propose(wanted(why="We are\ntoo few."))
    assert state(box) == before
    assert (made.branch, made.number) == ("novaorch/proposals/web/torch/1", 1)
    assert box.git("rev-parse", BRANCH) == made.commit
    assert box.git("rev-parse", f"{BRANCH}^") == made.base == box.git("rev-parse", "main")
    changed = box.git("diff", "--raw", "--no-abbrev", "main", BRANCH).split()
    assert (changed[1], changed[4:]) == ("100644", ["A", "desired-state/web/agents/new.yaml"])
    assert box.git("show", f"{BRANCH}:desired-state/web/agents/new.yaml") == agent().strip()
    author, message = box.git("show", "-s", "--format=%an <%ae>%n%B", BRANCH).split("\n", 1)
    assert author == "torch <torch.web@agents.novaorch.localhost>"
    assert message.startswith("Add new\n\nWe are\ntoo few.\n\n")
    trailers = box.git("show", "-s", "--format=%(trailers:only)", BRANCH)
    assert trailers.split("\n")[:2] == [f"Proposed-by: {TORCH}", f"Based-on: {made.base}"]
    box.git("fsck", "--strict")


def test_it_can_be_merged_as_it_is(box: Sandbox) -> None:
    made = desk(box).propose(wanted())
    box.git("merge", "--quiet", "--ff-only", made.branch)
    assert (box.path / "desired-state/web/agents/new.yaml").is_file()
    assert box.git("status", "--porcelain") == ""


def test_files_are_changed_and_taken_away(box: Sandbox) -> None:
    desk(box).propose(wanted("web/agents/torch.yaml", agent("torch", "protect: true")))
    assert box.git("diff", "--name-status", "main", BRANCH).split()[0] == "M"
    made = desk(box).propose(wanted("web/agents/torch.yaml", None))
    assert made.number == 2
    assert box.git("diff", "--name-status", "main", made.branch).split()[0] == "D"
    assert "web" not in box.git("ls-tree", "-d", "--name-only", f"{made.branch}:desired-state")
    box.git("fsck", "--strict")


def test_more_is_added_to_an_earlier_one(box: Sandbox) -> None:
    first = desk(box).propose(wanted())
    second = desk(box).propose(wanted("web/agents/b.yaml", agent("b"), number=first.number))
    assert (second.number, second.branch) == (1, first.branch)
    assert box.git("rev-list", "--count", f"main..{second.branch}") == "2"
    with pytest.raises(NovaorchError, match="no proposal 7"):
        desk(box).propose(wanted(number=7))


def test_each_agent_has_its_own_numbers(box: Sandbox) -> None:
    desk(box).propose(wanted())
    other = Proposal(UnitId.of("web", "agent", "torch-2"), "web/agents/x.yaml", agent("x"), "t")
    assert desk(box).propose(other).number == 1


def test_two_at_once_are_two(box: Sandbox) -> None:
    desks = [desk(box) for _ in range(4)]
    made = []
    threads = [
        threading.Thread(
            target=lambda d=d, n=n: made.append(
                d.propose(wanted(f"web/agents/n{n}.yaml", agent(f"n{n}")))
            )
        )
        for n, d in enumerate(desks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.number for one in made) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../x.yaml",
        "/etc/x.yaml",
        "web//x.yaml",
        "web/agents/../../../x.yaml",
        "web/.git/x.yaml",
        "web/agents/.x.yaml",
        "web/agents/x.sh",
        "web/agents/x\n.yaml",
        "web\\x.yaml",
        "web/GIT~1/x.yaml",
        "web/agents/ü.yaml",
        "web/notes.md",
        "a/" * 20 + "x.yaml",
    ],
)
def test_what_nobody_reads_or_leads_elsewhere_is_refused(box: Sandbox, path: str) -> None:
    before = state(box)
    with pytest.raises(NovaorchError):
        desk(box).propose(wanted(path))
    assert state(box) == before
    assert box.git("for-each-ref", "refs/heads/novaorch") == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("kind: Agent\n", "apiVersion"),
        (agent("new", "mode: turbo"), "new.yaml:6"),
        ("{", "new.yaml"),
        (agent("new", "secrets: {API_TOKEN: a-literal-one}"), "new.yaml"),
        (agent("new", "session: nowhere"), "nowhere"),
        (agent("torch"), "torch"),
        ("a\ud800", "half"),
    ],
)
def test_what_would_not_be_followed_is_refused_by_line(
    box: Sandbox, content: str, why: str
) -> None:
    with pytest.raises(NovaorchError) as caught:
        desk(box).propose(wanted(content=content))
    assert why in caught.value.what + caught.value.why
    assert box.git("for-each-ref", "refs/heads/novaorch") == ""


def test_an_old_trouble_is_not_held_against_it(box: Sandbox) -> None:
    box.write("web/agents/bad.yaml", "kind: Agent\n")
    box.commit("oh")
    assert desk(box).propose(wanted()).number == 1


def test_nothing_proposed_is_said(box: Sandbox) -> None:
    with pytest.raises(NovaorchError, match="proposes nothing"):
        desk(box).propose(wanted("web/agents/torch.yaml", agent("torch")))
    with pytest.raises(NovaorchError, match="proposes nothing"):
        desk(box).propose(wanted("web/agents/gone.yaml", None))


def test_a_folder_that_is_a_link_is_not_followed(box: Sandbox) -> None:
    (box.path / "desired-state/ops").symlink_to("../..")
    box.commit("a link")
    with pytest.raises(NovaorchError):
        desk(box, lambda _r, _c: ()).propose(wanted("ops/agents/x.yaml"))


def test_nobody_heaps_them_up(box: Sandbox) -> None:
    tip = box.git("rev-parse", "main")
    for number in range(OPEN_MAX):
        box.git("update-ref", f"refs/heads/novaorch/proposals/web/torch/{number + 1}", tip)
    with pytest.raises(NovaorchError, match="wait already"):
        desk(box).propose(wanted())


def test_no_hook_and_no_filter_runs(box: Sandbox) -> None:
    trap = box.path.parent / "ran"
    for name in ("reference-transaction", "pre-commit", "post-commit", "update"):
        hook = box.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
        hook.chmod(0o755)
    (box.path / ".git/config").open("a").write(
        f'[core]\n\tfsmonitor = touch {trap}\n[filter "x"]\n\tclean = touch {trap}\n'
    )
    (box.path / ".git/info").mkdir(exist_ok=True)
    (box.path / ".git/info/attributes").write_text("* filter=x\n")
    desk(box).propose(wanted())
    assert not trap.exists()


def test_no_helper_is_left(box: Sandbox) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text(encoding="ascii").split())  # another test's store, perhaps
    desk(box).propose(wanted())
    assert set(children.read_text(encoding="ascii").split()) <= before
