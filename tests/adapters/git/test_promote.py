"""A run comes into its branch: squashed, merged or copied; whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git.seal import Seal
from reconciler.core.trailers import read
from reconciler.model.problems import NovaorchError, RefusedError
from reconciler.model.promotion import Candidate, Facts, Move, Proof, State
from reconciler.model.training import Verdict
from tests.adapters.git.keys import Key
from tests.adapters.git.runbed import ADA, Bed, snapshot


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()


def test_a_squash_is_one_commit_that_lists_its_turns(bed: Bed) -> None:
    first, second = bed.work("1\n"), bed.change(3, "three")
    done = bed.promote("squash")
    assert done.move is Move.SQUASH
    assert bed.tip() == done.result
    assert bed.repo.git("rev-parse", "main^@").split() == [bed.base]
    assert bed.files() == bed.files(second)
    said = bed.message()
    noted = read(said)
    assert noted is not None
    assert (noted.unit, noted.run, noted.recorded) == ("shop/agent/torch", 1, second)
    assert (noted.tokens_in, noted.tokens_out, noted.cost_usd) == (20, 10, 0.5)
    assert noted.conversation == "c-1"
    for commit in (first, second):
        assert f"    Commit: {commit}" in said
    assert "    Nova-Turn: 2" in said
    assert said.rstrip().endswith(f"Promoted-by: {ADA}")
    who = bed.repo.git("log", "-1", "--format=%an <%ae>|%cn <%ce>")
    assert who == ("torch <torch.shop@agents.novaorch.localhost>|novaorch <novaorch@localhost>")


def test_a_squash_of_one_turn_says_what_that_turn_said(bed: Bed) -> None:
    bed.work("1\n", summary="Add the parser\n\nIt reads a line at a time.")
    bed.promote("squash")
    said = bed.message()
    assert said.startswith("Add the parser\n\nIt reads a line at a time.\n\nNova-Agent: ")
    noted = read(said)
    assert noted is not None
    assert noted.prompt


def test_git_revert_takes_a_squash_back(bed: Bed) -> None:
    before = bed.files()
    bed.work("1\n")
    bed.change(5, "five")
    done = bed.promote("squash")
    bed.repo.git("revert", "--no-edit", done.result)
    assert bed.files() == before


def test_a_merge_keeps_each_commit_where_it_is(bed: Bed) -> None:
    tip = bed.change(3, "three")
    onto = bed.main(12, "twelve")
    done = bed.promote("merge")
    assert bed.repo.git("rev-parse", "main^@").split() == [onto, tip]
    lines = (bed.repo.path / "app.txt").read_text().splitlines()
    assert (lines[3], lines[12]) == ("three", "twelve")
    assert "Merge shop/torch/1 into main" in bed.message()
    assert done.move is Move.MERGE


def test_forward_is_the_tip_itself_when_it_can_be(bed: Bed) -> None:
    tip = bed.work("1\n")
    assert bed.promote("ff").move is Move.FORWARD
    assert bed.tip() == tip


def test_else_each_commit_is_copied_with_all_that_it_says(bed: Bed) -> None:
    first, second = bed.change(3, "three"), bed.change(4, "four")
    onto = bed.main(15, "fifteen")
    assert bed.promote("ff").move is Move.REPLAY
    assert bed.repo.git("rev-parse", "main~2") == onto
    for copy, original in (("main~1", first), ("main", second)):
        noted, was = read(bed.message(copy)), read(bed.message(original))
        assert noted is not None
        assert was is not None
        assert noted.recorded == original
        assert (noted.number, noted.prompt) == (was.number, was.prompt)
        assert bed.repo.git("log", "-1", "--format=%an%ad%s", copy) == bed.repo.git(
            "log", "-1", "--format=%an%ad%s", original
        )
        assert f"Promoted-by: {ADA}" in bed.message(copy)
    lines = (bed.repo.path / "app.txt").read_text().splitlines()
    assert (lines[3], lines[4], lines[15]) == ("three", "four", "fifteen")


def test_what_a_commit_says_itself_of_its_promotion_does_not_count(bed: Bed) -> None:
    (bed.tree / "x").write_text("x\n")
    bed.at("add", "--all")
    forged = f"Mine\n\nNova-Recorded: {'1' * 40}\nPromoted-by: Root <root@example.org>"
    bed.at("commit", "--quiet", "-m", forged)
    tip = bed.at("rev-parse", "HEAD")
    bed.main(1, "one")
    bed.promote("ff")
    said = bed.message()
    assert "Root" not in said
    assert "1" * 40 not in said
    assert f"Nova-Recorded: {tip}\nPromoted-by: {ADA}" in said


@pytest.mark.parametrize("policy", ["squash", "merge", "ff"])
def test_what_was_made_is_signed_and_git_believes_it(bed: Bed, tmp_path: Path, policy: str) -> None:
    key = Key(tmp_path / "key")
    bed.seal = Seal(key.file)
    bed.work("1\n")
    bed.main(1, "one")
    done = bed.promote(policy)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"novaorch@localhost {key.public}\n")
    for commit in (done.result, done.archive):
        bed.repo.git(
            "-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.format=ssh",
            "verify-commit", commit,
        )  # fmt: skip


def test_a_run_is_kept_under_its_verdict(bed: Bed) -> None:
    tip = bed.work("1\n")
    bed.prover.proof = Proof(2, 2)
    done = bed.promote()
    archive = bed.tip("refs/novaorch/archive/shop/torch/1")
    assert archive == done.archive
    assert bed.repo.git("rev-parse", f"{archive}^@").split() == [tip, done.result]
    assert bed.repo.git("rev-parse", f"{archive}^{{tree}}") == bed.repo.git(
        "rev-parse", f"{tip}^{{tree}}"
    )
    said = bed.message(archive)
    for line in ("Nova-Verdict: promoted", "Nova-Target: main", f"Nova-Result: {done.result}",
                 f"Nova-By: {ADA}", "Nova-Gate: passed 2 of 2"):  # fmt: skip
        assert line in said
    known = bed.known()
    assert known.state is State.PROMOTED
    assert (known.run.commits, known.run.result, known.run.by) == (1, done.result, ADA)


def test_the_branch_stays_while_a_tree_is_on_it_and_goes_otherwise(bed: Bed) -> None:
    tip = bed.work("1\n")
    assert bed.promote().branch_stays
    assert bed.tip("refs/heads/training/shop/torch/1") == tip
    bed.begin(2)
    bed.work("2\n")
    bed.at("switch", "--quiet", "--detach")
    assert not bed.promote().branch_stays
    assert bed.tip("refs/heads/training/shop/torch/2") == ""
    assert bed.known(2).state is State.PROMOTED


def test_said_again_it_ends_the_same_way(bed: Bed) -> None:
    bed.work("1\n")
    bed.promote()
    refs = bed.refs()
    again = bed.promote()
    assert again.move is Move.NOTHING
    assert "promoted before" in again.notes[0]
    assert bed.refs() == refs


@pytest.mark.parametrize("policy", ["squash", "merge", "ff"])
def test_work_that_comes_later_is_open_again_and_does_not_clash_with_itself(
    bed: Bed, policy: str
) -> None:
    bed.change(3, "three")
    bed.promote(policy)
    bed.main(3, "drei")
    later = bed.change(9, "nine")
    known = bed.known()
    assert (known.state, known.run.commits) == (State.OPEN, 1)
    done = bed.promote(policy)
    lines = (bed.repo.path / "app.txt").read_text().splitlines()
    assert (lines[3], lines[9]) == ("drei", "nine")
    before = bed.repo.git("rev-parse", f"{done.archive}^@").split()
    assert before[0] == later
    assert len(before) == 3, "the verdict before is kept behind this one"
    assert f"Nova-Recorded: {later}" in bed.message() or policy == "merge"


def test_a_branch_in_the_middle_of_a_rebase_stays(bed: Bed) -> None:
    bed.change(3, "three")
    bed.main(3, "drei")
    bed.at("rebase", "--quiet", "main", ok=False)
    assert bed.reject().branch_stays
    assert bed.tip("refs/heads/training/shop/torch/1")


def test_an_index_that_cannot_be_read_is_not_taken_for_a_clean_one(bed: Bed) -> None:
    bed.change(3, "three")
    (bed.repo.path / ".git" / "index").write_bytes(b"garbage")
    refs = bed.refs()
    with pytest.raises(NovaorchError, match="nobody can tell"):
        bed.promote()
    assert bed.refs() == refs
    known = bed.known()
    assert bed.yard().unsaved(known) == 0
    (bed.repo.path / ".git" / "worktrees" / "torch" / "index").write_bytes(b"garbage")
    with pytest.raises(NovaorchError, match="nobody can tell"):
        bed.yard().unsaved(known)


def test_nothing_to_promote_is_said(bed: Bed) -> None:
    refs = bed.refs()
    with pytest.raises(RefusedError, match="nothing in shop/torch/1"):
        bed.promote()
    assert bed.known().empty
    assert bed.refs() == refs


# -- conflicts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["squash", "merge", "ff"])
def test_a_conflict_moves_nothing_and_is_remembered_until_something_is_added(
    bed: Bed, policy: str
) -> None:
    mine = bed.change(3, "three")
    theirs = bed.main(3, "drei")
    refs, files = bed.refs(), snapshot(bed.repo.path)
    done = bed.promote(policy)
    (clash,) = done.clashes
    assert clash.path == "app.txt"
    assert clash.ours == (theirs,)
    assert clash.theirs == (mine,)
    now = bed.refs()
    del now["refs/novaorch/conflict/shop/torch/1"]
    assert now == refs
    assert {p: b for p, b in snapshot(bed.repo.path).items() if not p.startswith(".git/")} == {
        p: b for p, b in files.items() if not p.startswith(".git/")
    }
    known = bed.known()
    assert (known.state, known.conflict) == (State.CONFLICT, ("app.txt",))
    bed.at("merge", "--quiet", "main", ok=False)
    bed.change(3, "three and drei")
    assert bed.known().state is State.OPEN
    done = bed.promote("squash")
    assert "three and drei" in (bed.repo.path / "app.txt").read_text()
    assert bed.tip("refs/novaorch/conflict/shop/torch/1") == ""


def test_copies_do_not_hide_what_a_merge_within_a_run_resolved(bed: Bed) -> None:
    bed.change(3, "three")
    bed.main(3, "drei")
    bed.at("merge", "--quiet", "main", ok=False)
    bed.change(3, "both")
    tip = bed.tip()
    done = bed.promote("ff")
    assert done.move is Move.FORWARD, "it contains main: nothing has to be copied"
    assert bed.repo.git("merge-base", "--is-ancestor", tip, "main") == ""
    bed.begin(2)
    bed.change(3, "mine")
    bed.main(3, "yours")
    bed.at("merge", "--quiet", "main", ok=False)
    bed.change(3, "ours")
    bed.main(15, "later")
    done = bed.promote("ff")
    assert done.clashes, "the first of the copies clashes already"
    assert bed.promote("squash").move is Move.SQUASH
    assert "ours" in (bed.repo.path / "app.txt").read_text()


def test_a_run_that_took_the_target_in_is_squashed_without_it(bed: Bed) -> None:
    bed.change(3, "three")
    bed.main(12, "twelve")
    bed.at("merge", "--quiet", "--no-edit", "main")
    bed.change(4, "four")
    bed.promote("squash")
    changed = bed.repo.git("diff", "--unified=0", "main~1", "main", "--", "app.txt")
    assert "three" in changed
    assert "twelve" not in changed


# -- others at the same time ----------------------------------------------------------------------


def test_a_target_that_moved_meanwhile_is_begun_with_again(bed: Bed) -> None:
    bed.change(3, "three")
    moved: list[str] = []

    def meanwhile(_facts: Facts, _made: Candidate) -> None:
        if len(moved) < 2:
            moved.append(bed.main(10 + len(moved), f"moved {len(moved)}"))

    bed.prover.meanwhile = meanwhile
    done = bed.promote()
    assert bed.repo.git("rev-parse", "main~1") == moved[-1]
    assert len(bed.prover.asked) == 3
    assert len(set(bed.prover.asked)) == 3, "each of them is another tree"
    assert bed.tip() == done.result
    assert bed.clean()


def test_after_five_tries_it_gives_up_and_nothing_is_half_done(bed: Bed) -> None:
    bed.change(3, "three")
    count = iter(range(100))
    bed.prover.meanwhile = lambda _f, _m: (bed.main(10, f"moved {next(count)}"), None)[1]
    with pytest.raises(NovaorchError, match="in 5 tries"):
        bed.promote()
    assert bed.known().state is State.OPEN
    assert bed.clean()
    assert "three" not in (bed.repo.path / "app.txt").read_text()


def test_an_agent_that_goes_on_meanwhile_keeps_what_came_later(bed: Bed) -> None:
    bed.work("1\n")
    bed.prover.meanwhile = lambda _f, _m: (bed.work("2\n", "later.txt"), None)[1]
    bed.promote()
    assert "later.txt" not in bed.files()
    known = bed.known()
    assert (known.state, known.run.commits) == (State.OPEN, 1)


def test_what_an_idle_agent_left_is_saved_first(bed: Bed) -> None:
    bed.work("1\n")
    bed.bench.left = 1
    bed.bench.records = lambda: (bed.work("2\n", "saved.txt"), "")[1]
    bed.promote()
    assert "saved.txt" in bed.files()


def test_a_busy_agent_is_not_waited_for(bed: Bed) -> None:
    bed.work("1\n")
    bed.bench.left, bed.bench.busy = 3, True
    done = bed.promote()
    assert "3 paths" in done.notes[0]


def test_a_gate_that_fails_moves_nothing(bed: Bed) -> None:
    bed.work("1\n")
    refs = bed.refs()
    bed.prover.proof = Proof(2, 1, ("pytest", "-q"), "its exit code is 1", "1 failed")
    with pytest.raises(RefusedError, match="pytest -q") as caught:
        bed.promote()
    assert caught.value.exit_code == 3
    assert bed.refs() == refs
    assert "skip" not in caught.value.fix
    done = bed.promote(skip_gate="the tests need a display")
    assert "Nova-Gate: skipped: the tests need a display" in bed.message(done.archive)


# -- rejected -------------------------------------------------------------------------------------


def test_a_rejected_run_is_kept_and_can_still_be_promoted(bed: Bed) -> None:
    tip = bed.work("1\n")
    bed.at("switch", "--quiet", "--detach")
    done = bed.reject("tests are deleted\nNova-Verdict: promoted")
    assert bed.tip("refs/heads/training/shop/torch/1") == ""
    known = bed.known()
    assert (known.state, known.run.tip, known.run.by) == (State.REJECTED, tip, ADA)
    assert known.run.why == "tests are deleted Nova-Verdict: promoted"
    assert bed.reject().move is Move.NOTHING
    first = done.archive
    done = bed.promote()
    assert "new.txt" in bed.files()
    assert bed.known().state is State.PROMOTED
    parents = bed.repo.git("rev-parse", f"{done.archive}^@").split()
    assert parents == [tip, done.result, first]
    assert bed.known().run.verdict is Verdict.PROMOTED


def test_work_after_a_rejection_is_open_again_with_all_of_it(bed: Bed) -> None:
    bed.work("1\n")
    bed.reject("not yet")
    bed.change(3, "three")
    known = bed.known()
    assert (known.state, known.run.commits) == (State.OPEN, 2)
    bed.promote()
    assert "new.txt" in bed.files()


# -- by people ------------------------------------------------------------------------------------


def test_what_people_merged_is_seen_and_written_down_as_theirs(bed: Bed) -> None:
    tip = bed.work("1\n")
    bed.repo.git("merge", "--quiet", "--no-ff", "-m", "by hand", tip)
    merge = bed.tip()
    known = bed.known()
    assert known.state is State.LANDED
    done = bed.promote()
    assert done.move is Move.ARCHIVE
    assert (bed.tip(), done.result) == (merge, merge)
    assert bed.known().run.by == ADA
    assert bed.known().run.result == merge


@pytest.mark.parametrize("later", [False, True])
def test_so_is_what_people_squashed(bed: Bed, later: bool) -> None:
    bed.change(3, "three")
    tip = bed.change(4, "four")
    bed.main(15, "fifteen")
    bed.repo.git("merge", "--quiet", "--squash", tip)
    landed = bed.repo.commit("by hand, without a trace")
    if later:
        bed.main(3, "drei")
    done = bed.promote()
    assert done.move is Move.ARCHIVE
    assert done.result == landed
    assert bed.known().state is State.PROMOTED


def test_a_forged_commit_graph_decides_nothing(bed: Bed) -> None:
    """Whoever can write objects can write who came before whom; nobody believes it."""
    bed.change(3, "three")
    bed.main(12, "twelve")
    bed.repo.git("commit-graph", "write", "--reachable")
    graph = bed.repo.path / ".git" / "objects" / "info" / "commit-graph"
    body = bytearray(graph.read_bytes())
    graph.chmod(0o644)
    start = body.index(b"\0\0\0\0CDAT"[4:]) + 4
    chunk = int.from_bytes(body[start : start + 8], "big")
    for row in range(chunk, len(body) - 20, 36):  # no commit has a parent any more
        body[row + 20 : row + 28] = b"\x70\0\0\0\x70\0\0\0"
    graph.write_bytes(bytes(body))
    assert bed.repo.git("log", "--format=%h", "main").count("\n") == 0, "git itself believes it"
    bed.promote()
    lines = (bed.repo.path / "app.txt").read_text().splitlines()
    assert (lines[3], lines[12]) == ("three", "twelve")


def test_a_run_without_a_common_beginning_is_not_mixed_in(bed: Bed) -> None:
    bed.at("switch", "--quiet", "--orphan", "elsewhere")
    bed.at("branch", "-D", "--quiet", "training/shop/torch/1")
    bed.at("switch", "--quiet", "-c", "training/shop/torch/1", ok=False)
    bed.at("symbolic-ref", "HEAD", "refs/heads/training/shop/torch/1")
    bed.work("1\n")
    refs = bed.refs()
    for policy in ("squash", "merge"):
        with pytest.raises(NovaorchError, match="no commit in common"):
            bed.promote(policy)
    assert bed.refs() == refs


def test_what_was_brought_in_by_somebody_killed_is_known_by_its_name(bed: Bed) -> None:
    """Neither its files nor its very change are there any more; its trailer is."""
    bed.change(3, "three")
    bed.main(5, "five")
    first = bed.promote()
    bed.repo.git("update-ref", "-d", "refs/novaorch/archive/shop/torch/1")
    bed.main(3, "drei")
    again = bed.promote()
    assert (again.move, again.result) == (Move.ARCHIVE, first.result)
    assert "drei" in (bed.repo.path / "app.txt").read_text()


def test_a_target_nobody_has_checked_out_is_moved_from_what_was_seen_alone(tmp_path: Path) -> None:
    bed = Bed(tmp_path, bare=True)
    bed.work("1\n")
    moved: list[str] = []

    def meanwhile(_facts: Facts, made: Candidate) -> None:
        if not moved:
            tree = f"{made.onto}^{{tree}}"
            moved.append(bed.repo.git("commit-tree", tree, "-p", made.onto, "-m", "quicker"))
            bed.repo.git("update-ref", "refs/heads/main", moved[0])

    bed.prover.meanwhile = meanwhile
    try:
        done = bed.promote()
        assert bed.repo.git("rev-parse", f"{done.result}^") == moved[0]
    finally:
        bed.close()


def test_sha256(tmp_path: Path) -> None:
    bed = Bed(tmp_path, "--object-format=sha256")
    try:
        bed.change(3, "three")
        bed.main(12, "twelve")
        for policy in ("ff",):
            done = bed.promote(policy)
            assert len(done.result) == 64
        assert bed.known().state is State.PROMOTED
        assert bed.clean()
    finally:
        bed.close()


def test_a_bare_repository(tmp_path: Path) -> None:
    bed = Bed(tmp_path, bare=True)
    try:
        tip = bed.work("1\n")
        done = bed.promote("squash")
        assert bed.tip() == done.result
        assert bed.files() == bed.files(tip)
    finally:
        bed.close()


def test_nothing_is_left_in_the_place_for_temporary_files(bed: Bed) -> None:
    bed.work("1\n")
    bed.promote()
    bed.close()
    run = Path(os.environ["PYTEST_NOVAORCH_RUN"])
    assert list(run.glob(f"novaorch-room-{os.getpid()}-*")) == []
