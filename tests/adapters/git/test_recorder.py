"""Work becomes commits: exactly what is there, on the right branch, and nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from reconciler.adapters.git.record.recorder import GitRecorder, recorded_ref
from reconciler.core.masks import Mask
from reconciler.core.trailers import read
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError, SourceError
from reconciler.model.training import Turn
from reconciler.model.unit import Training
from tests.adapters.git.keys import Key
from tests.adapters.git.studio import AGENT, Studio


def test_a_turn_is_a_commit_with_all_that_is_known_of_it(studio: Studio) -> None:
    before = studio.tip()
    studio.write("app.py", "print('two')\n")
    studio.write("new/deeper/file.txt", "hello\n")
    (studio.tree / "lib" / "deep.py").unlink()
    made = studio.recorded(
        "Print **two**.\n\nAnd a file.",
        prompt="please print two",
        conversation="c-1",
        model="opus",
        tokens_in=10,
        tokens_out=5,
        cost_usd=0.25,
        desired="d" * 40,
        charter="c" * 40,
    )
    assert (made.run, made.number, made.files, made.branch) == (1, 1, 3, studio.seen.branch)
    assert studio.tip() == made.commit
    assert studio.tip(recorded_ref(studio.seen.unit, 1)) == made.commit
    assert studio.repo.git("rev-parse", f"{made.commit}^") == before
    assert set(studio.files(made.commit)) == {".gitignore", "app.py", "new/deeper/file.txt"}
    assert studio.content(made.commit, "app.py") == "print('two')"
    shown = studio.repo.git("show", "-s", "--format=%an <%ae>%n%cn <%ce>%n%at", made.commit)
    assert shown.splitlines() == [
        "torch <torch.shop@agents.novaorch.localhost>",
        "novaorch <novaorch@localhost>",
        "1800000001",
    ]
    message = studio.repo.git("show", "-s", "--format=%B", made.commit)
    assert message.startswith("Print two\n\nAnd a file.\n\nNova-Agent: shop/agent/torch\n")
    noted = read(message)
    assert noted is not None
    assert (noted.unit, noted.run, noted.number, noted.tokens_in) == (AGENT, 1, 1, 10)
    assert (noted.model, noted.cost_usd, noted.desired) == ("opus", 0.25, "d" * 40)


def test_nothing_changed_is_no_commit_and_leaves_no_object(studio: Studio) -> None:
    assert studio.record() is None
    os.utime(studio.tree / "app.py")
    studio.write("noise.log", "ignored\n")
    (studio.tree / "empty").mkdir()
    objects = studio.repo.git("count-objects", "-v")
    assert studio.record() is None
    assert studio.tip(recorded_ref(studio.seen.unit, 1)) == ""
    assert studio.repo.git("count-objects", "-v") == objects


def test_turns_are_counted_and_follow_each_other(studio: Studio) -> None:
    commits = []
    for number in range(1, 5):
        studio.write("app.py", f"print({number})\n")
        made = studio.recorded(f"Turn {number}")
        assert made.number == number
        commits.append(made.commit)
    line = studio.repo.git("rev-list", "--first-parent", "main..HEAD", ok=False)
    line = studio.git("rev-list", "--first-parent", "main..HEAD")
    assert line.split() == list(reversed(commits))


def test_a_new_process_goes_on_counting(studio: Studio) -> None:
    studio.write("app.py", "1\n")
    studio.recorded()
    studio.recorder.close()
    studio.recorder = GitRecorder()
    studio.write("app.py", "2\n")
    assert studio.recorded().number == 2


def test_the_agents_index_follows(studio: Studio) -> None:
    studio.write("app.py", "print('two')\n")
    studio.write("fresh.py", "fresh\n")
    studio.git("add", "app.py")
    studio.write("app.py", "print('three')\n")
    (studio.tree / "lib" / "deep.py").unlink()
    studio.recorded()
    assert studio.git("status", "--porcelain") == ""
    assert studio.git("diff", "--cached") == ""
    studio.git("fsck", "--strict")
    studio.write("app.py", "print('four')\n")
    assert studio.git("status", "--porcelain") == " M app.py"
    studio.git("commit", "--quiet", "--all", "-m", "mine")
    assert studio.record() is None


def test_an_agents_own_commits_are_built_upon(studio: Studio) -> None:
    studio.write("app.py", "by hand\n")
    studio.git("commit", "--quiet", "--all", "-m", "by the agent itself")
    own = studio.tip()
    studio.write("app.py", "by the turn\n")
    made = studio.recorded()
    assert studio.repo.git("rev-parse", f"{made.commit}^") == own
    assert made.number == 1


@pytest.mark.parametrize("how", ["amend", "reset", "rebase"])
def test_what_an_agent_takes_out_of_its_branch_is_kept(studio: Studio, how: str) -> None:
    studio.write("app.py", "precious\n")
    first = studio.recorded("Precious")
    if how == "amend":
        studio.write("app.py", "other\n")
        studio.git("commit", "--quiet", "--all", "--amend", "-m", "rewritten")
    elif how == "reset":
        studio.git("reset", "--quiet", "--hard", "HEAD~1")
    else:
        studio.repo.commit("main went on")
        studio.git("rebase", "--quiet", "main")
    studio.write("more.py", "more\n")
    second = studio.recorded("More")
    kept = studio.repo.git("for-each-ref", "--format=%(objectname)", "refs/novaorch/kept/").split()
    assert len(kept) == 1
    assert studio.repo.git("rev-parse", f"{kept[0]}^1") == first.commit
    assert studio.content(kept[0], "app.py") == "precious"
    assert second.number == 2
    studio.write("more.py", "even more\n")
    studio.recorded()
    again = studio.repo.git("for-each-ref", "--format=%(refname)", "refs/novaorch/kept/").split()
    assert again == ["refs/novaorch/kept/shop/torch/1"]


def test_files_are_committed_as_they_are(studio: Studio) -> None:
    studio.write("crlf.txt", b"one\r\ntwo\r\n")
    studio.write("binary", bytes(range(256)) * 10)
    studio.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    studio.write("lib/deep.py", "deep = 1\n").chmod(0o755)
    (studio.tree / "link").symlink_to("../../outside")
    name = os.fsdecode(b"not-utf8-\xff")
    studio.write(name, "odd\n")
    studio.write("with\nline.txt", "odd\n")
    made = studio.recorded()
    files = studio.files(made.commit)
    assert files["run.sh"][0] == files["lib/deep.py"][0] == "100755"
    assert files["link"][0] == "120000"
    assert studio.repo.git("cat-file", "blob", files["link"][1]) == "../../outside"
    raw = subprocess.run(
        ["git", "-C", str(studio.repo.path), "cat-file", "blob", files["crlf.txt"][1]],
        capture_output=True,
        check=True,
    ).stdout
    assert raw == b"one\r\ntwo\r\n"
    assert {name, "with\nline.txt", "binary"} <= set(files)
    studio.git("fsck", "--strict")
    assert studio.git("status", "--porcelain") == ""
    (studio.tree / "lib" / "deep.py").unlink()
    (studio.tree / "lib").rmdir()
    studio.write("lib", "a file where a folder was\n")
    (studio.tree / "binary").unlink()
    studio.write("binary/inside", "a folder where a file was\n")
    files = studio.files(studio.recorded().commit)
    assert "lib" in files
    assert "binary/inside" in files
    assert "lib/deep.py" not in files
    assert studio.git("status", "--porcelain") == ""


def test_signed_commits_pass_gits_own_check(tmp_path: Path) -> None:
    key = Key(tmp_path / "key")
    studio = Studio(tmp_path, key=key.file)
    try:
        seens = [studio.seen, *(studio.tree_of(f"a{n}") for n in range(5))]
        threads = []
        for at, seen in enumerate(seens):
            Path(seen.path, "app.py").write_text(f"{at}\n")
            turn = Turn(UnitId(f"shop/agent/{seen.unit.name}"), 1_800_000_000.0)
            threads.append(
                threading.Thread(target=studio.recorder.record, args=(seen, Training(), turn))
            )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        allowed = tmp_path / "allowed"
        allowed.write_text(f"novaorch@localhost {key.public}\n")
        for seen in seens:
            studio.repo.git(
                "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", seen.branch
            )
            assert studio.repo.git("show", f"{seen.branch}:app.py") == str(seens.index(seen))
    finally:
        studio.close()


def test_a_key_that_cannot_sign_makes_no_commit(tmp_path: Path) -> None:
    studio = Studio(tmp_path, key=tmp_path / "no-key")
    try:
        before = studio.tip()
        studio.write("app.py", "two\n")
        with pytest.raises(SourceError) as caught:
            studio.record()
        assert "training.key" in caught.value.fix or "fleet.yaml" in caught.value.fix
        assert studio.tip() == before
        key = Key(tmp_path / "no-key")
        assert key.file.exists()
        assert studio.recorded().number == 1
    finally:
        studio.close()


def test_sha256_repositories(tmp_path: Path) -> None:
    key = Key(tmp_path / "key")
    studio = Studio(tmp_path, "--object-format=sha256", key=key.file)
    try:
        studio.write("app.py", "two\n")
        made = studio.recorded(prompt="do it")
        assert len(made.commit) == 64
        studio.git("fsck", "--strict")
        assert studio.git("status", "--porcelain") == ""
    finally:
        studio.close()


# -- notes ----------------------------------------------------------------------------------------


def test_a_note_has_an_excerpt_of_the_prompt_without_secrets(studio: Studio) -> None:
    secret = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    studio.write("app.py", "two\n")
    made = studio.recorded(f"Used {secret}", prompt=f"use {secret} please" + " x" * 3000)
    ref = "refs/notes/novaorch/shop/torch/1"
    said = json.loads(studio.repo.git("notes", f"--ref={ref}", "show", made.commit))
    assert said["prompt"].startswith("use «")
    assert len(said["prompt"]) <= 2000
    assert said["hash"] == read(studio.git("log", "-1", "--format=%B")).prompt  # type: ignore[union-attr]
    whole = studio.repo.git("log", "--all", "-p", "--format=raw")
    assert secret not in whole
    studio.write("app.py", "three\n")
    second = studio.recorded(prompt="again")
    notes = studio.repo.git("notes", f"--ref={ref}", "list").splitlines()
    assert {line.split()[1] for line in notes} == {made.commit, second.commit}


@pytest.mark.parametrize(("prompts", "keys"), [("hash", {"hash"}), ("none", None)])
def test_policy_says_what_is_kept_of_prompts(
    studio: Studio, prompts: str, keys: set[str] | None
) -> None:
    studio.write("app.py", "two\n")
    made = studio.recorded(policy=Training(prompts=prompts), prompt="a private wish")
    ref = "refs/notes/novaorch/shop/torch/1"
    said = studio.repo.git("notes", f"--ref={ref}", "show", made.commit, ok=False)
    assert "private wish" not in studio.repo.git("log", "--all", "-p", "--format=raw")
    if keys is None:
        assert said == ""
        assert "Nova-Prompt" not in studio.git("log", "-1", "--format=%B")
    else:
        assert keys <= set(json.loads(said))


# -- held back ------------------------------------------------------------------------------------


def test_policy_holds_back_and_the_base_stays(studio: Studio) -> None:
    studio.git("commit", "--quiet", "--allow-empty", "-m", "x")
    steering = [
        ".claude/settings.json",
        ".mcp.json",
        ".gitattributes",
        ".gitmodules",
        "sub/.gitignore",
        ".githooks/pre-commit",
        "tools/hooks/pre-push",
        ".husky/pre-commit",
        ".env",
        "deploy/.env.production",
        "id_ed25519",
        "keys/store.p12",
        "notes.tmp",
        "private/letters.txt",
    ]
    for path in steering:
        studio.write(path, "steer\n")
    studio.write(".gitignore", "everything\n")
    fine = ["src/hooks/useCart.js", ".env.example", "gitlog.txt", "x/private.txt"]
    for path in fine:
        studio.write(path, "fine\n")
    made = studio.recorded(policy=Training(keep_out=("*.tmp", "private/")))
    files = studio.files(made.commit)
    assert not set(steering) & set(files)
    assert set(fine) <= set(files)
    assert studio.content(made.commit, ".gitignore") == "*.log\nbuild/"
    held = {one.path: one.rule for one in made.held_back}
    assert held == dict.fromkeys((*steering, ".gitignore"), "policy")
    message = studio.git("log", "-1", "--format=%B")
    assert "Nova-Held-Back: .claude/settings.json (policy: it steers tools and agents)" in message
    (studio.tree / ".gitignore").unlink()
    studio.write("app.py", "more\n")
    made = studio.recorded(policy=Training(keep_out=("*.tmp", "private/")))
    assert studio.content(made.commit, ".gitignore") == "*.log\nbuild/"


def test_a_secret_is_named_by_line_and_never_shown_nor_stored(studio: Studio) -> None:
    secret = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    studio.write("config.py", f"import os\n\nTOKEN = '{secret}'\n")
    studio.write("app.py", "print('two')\n")
    made = studio.recorded()
    assert "config.py" not in studio.files(made.commit)
    (held,) = made.held_back
    assert (held.path, held.rule, held.why) == ("config.py", "secret", "config.py:3 GitHub token")
    everything = studio.repo.git("cat-file", "--batch-all-objects", "--batch", "--unordered")
    assert secret not in everything
    studio.write("app.py", "print('three')\n")
    made = studio.recorded()
    assert [one.path for one in made.held_back] == ["config.py"]
    studio.write("config.py", "import os\n\nTOKEN = os.environ['TOKEN']\n")
    made = studio.recorded()
    assert not made.held_back
    assert "config.py" in studio.files(made.commit)


def test_a_secret_that_was_there_before_holds_nothing_back(studio: Studio) -> None:
    secret = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    studio.write("config.py", f"TOKEN = '{secret}'\n")
    studio.git("add", "config.py")
    studio.git("commit", "--quiet", "-m", "a person said it is none")
    studio.write("config.py", f"# a comment\nTOKEN = '{secret}'\n")
    made = studio.recorded()
    assert not made.held_back
    assert made.files == 1


def test_only_what_is_held_back_changed_is_no_commit(studio: Studio) -> None:
    studio.write(".env", "A=1\n")
    assert studio.record() is None
    assert (studio.tree / ".env").exists()


def test_a_changed_policy_looks_at_everything_anew(studio: Studio) -> None:
    studio.write("notes.tmp", "x\n")
    assert studio.record(policy=Training(keep_out=("*.tmp",))) is None
    made = studio.recorded()
    assert "notes.tmp" in studio.files(made.commit)


def test_a_huge_file_is_held_back_without_being_read(studio: Studio) -> None:
    with (studio.tree / "huge.bin").open("wb") as file:
        file.truncate(2 * 2**30)
    studio.write("app.py", "two\n")
    made = studio.recorded()
    (held,) = made.held_back
    assert (held.path, held.rule) == ("huge.bin", "size")
    assert "2048.0 MiB, more than 50 MiB" in held.why
    assert "huge.bin" not in studio.files(made.commit)


def test_a_large_file_is_streamed(studio: Studio) -> None:
    body = os.urandom(3 * 2**20)
    studio.write("large.bin", body)
    made = studio.recorded()
    _, oid = studio.files(made.commit)["large.bin"]
    assert studio.repo.git("cat-file", "-s", oid) == str(len(body))
    studio.git("fsck", "--strict")
    assert studio.git("status", "--porcelain") == ""


def test_a_submodule_and_a_repository_within_are_held_back(studio: Studio) -> None:
    studio.write("inner/file", "x\n")
    subprocess.run(["git", "init", "-q", str(studio.tree / "inner")], check=True)
    studio.write("app.py", "two\n")
    made = studio.recorded()
    (held,) = made.held_back
    assert (held.path, held.rule) == ("inner", "kind")
    assert "inner" not in studio.files(made.commit)


# -- refusals -------------------------------------------------------------------------------------


def test_head_elsewhere_is_refused_with_the_mend(studio: Studio) -> None:
    studio.git("switch", "--quiet", "-c", "other")
    studio.write("app.py", "two\n")
    with pytest.raises(SourceError) as caught:
        studio.record()
    assert caught.value.fix == f"git -C {studio.tree} switch {studio.seen.branch}"
    assert "other" in caught.value.why
    studio.git("switch", "--quiet", studio.seen.branch)
    assert studio.recorded().number == 1


def test_a_branch_that_is_gone_is_refused_with_the_mend(studio: Studio) -> None:
    studio.write("app.py", "two\n")
    made = studio.recorded()
    studio.repo.git("update-ref", "-d", studio.branch)
    studio.write("app.py", "three\n")
    with pytest.raises(SourceError) as caught:
        studio.record()
    assert made.commit in caught.value.fix
    subprocess.run(caught.value.fix.split(), check=True)
    assert studio.recorded().number == 2


def test_a_tree_that_is_gone_and_a_repository_that_moved_are_refused(studio: Studio) -> None:
    away = studio.common.rename(studio.common.with_name("moved.git"))
    with pytest.raises(SourceError) as caught:
        studio.record()
    assert "worktree repair" in caught.value.fix
    away.rename(studio.common)
    studio.tree.rename(studio.tree.with_name("gone"))
    with pytest.raises(SourceError):
        studio.record()
    studio.tree.with_name("gone").rename(studio.tree)
    assert studio.record() is None


def test_a_lock_left_at_the_index_delays_only_the_index(studio: Studio) -> None:
    studio.write("app.py", "two\n")
    lock = studio.admin / "index.lock"
    lock.write_bytes(b"")
    os.utime(lock, (1_000_000_000, 1_000_000_000))
    made = studio.recorded()
    assert "index.lock" in made.trouble
    assert f"rm {lock}" in made.trouble
    assert "no running process has it open" in made.trouble
    assert lock.exists()
    assert studio.git("diff", "--cached", "--name-only") == "app.py"
    lock.unlink()
    assert studio.record() is None
    assert studio.git("status", "--porcelain") == ""


def test_a_lock_that_a_killed_process_of_ours_left_is_taken_away(studio: Studio) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    draft = studio.admin / f"index.nova{dead.pid}"
    draft.write_bytes(b"")
    os.link(draft, studio.admin / "index.lock")
    studio.write("app.py", "two\n")
    assert studio.recorded().trouble == ""
    assert not draft.exists()
    assert studio.git("status", "--porcelain") == ""


def test_a_lock_left_at_the_branch_is_told(studio: Studio) -> None:
    studio.write("app.py", "two\n")
    before = studio.tip()
    lock = studio.common / f"{studio.branch}.lock"
    lock.write_bytes(b"")
    with pytest.raises(SourceError) as caught:
        studio.record()
    assert caught.value.fix.endswith(f"rm {lock}")
    assert "old" in caught.value.why
    assert studio.tip() == before
    lock.unlink()
    assert studio.recorded().number == 1


def test_one_lock_holds_up_nobody_else(studio: Studio) -> None:
    other = studio.tree_of("other")
    (studio.common / f"{studio.branch}.lock").write_bytes(b"")
    studio.write("app.py", "two\n")
    Path(other.path, "app.py").write_text("theirs\n")
    failures: list[Exception] = []

    def mine() -> None:
        try:
            studio.record()
        except NovaorchError as error:
            failures.append(error)

    thread = threading.Thread(target=mine)
    thread.start()
    turn = Turn(UnitId("shop/agent/other"), 1_800_000_000.0)
    made = studio.recorder.record(other, Training(), turn)
    thread.join()
    assert made is not None
    assert len(failures) == 1


def test_a_branch_that_moves_meanwhile_is_recorded_on_top(studio: Studio) -> None:
    """The agent commits while the recorder looks: nothing of either is lost."""
    done = threading.Event()

    def commit() -> None:
        for number in range(10):
            studio.git("commit", "--quiet", "--allow-empty", "-m", f"own {number}", ok=False)
        done.set()

    thread = threading.Thread(target=commit)
    thread.start()
    made, number = 0, 0
    refused: list[NovaorchError] = []
    while not done.is_set() or not made:
        number += 1
        studio.write("app.py", f"{number}\n")
        try:
            made += studio.record() is not None
        except NovaorchError as error:
            refused.append(error)
    thread.join()
    studio.write("app.py", "last\n")
    last = studio.recorded()
    assert all(error.fix for error in refused)
    ours = studio.git("log", "--format=%(trailers:key=Nova-Turn,valueonly,separator=)", "main..")
    numbers = [int(word) for word in ours.split()]
    assert numbers == list(range(last.number, 0, -1))
    assert studio.content(last.commit, "app.py") == "last"


def test_a_full_disk_leaves_nothing_half(studio: Studio) -> None:
    resource = pytest.importorskip("resource")
    before = studio.tip()
    studio.write("noise.bin", os.urandom(60_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(SourceError) as caught:
            studio.record()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.fix
    assert studio.tip() == before
    assert not list((studio.common / "objects" / "pack").glob("tmp_*"))
    assert studio.recorded().number == 1
    studio.git("fsck", "--strict")


def test_committed_and_not_indexed_is_mended_and_committed_once(studio: Studio) -> None:
    """As after a kill between the refs and the index."""
    index = studio.admin / "index"
    old = index.read_bytes()
    studio.write("app.py", "two\n")
    studio.recorded()
    index.write_bytes(old)
    studio.recorder.close()
    studio.recorder = GitRecorder()
    assert studio.git("status", "--porcelain") != ""
    assert studio.record() is None
    assert studio.git("status", "--porcelain") == ""


def test_objects_that_were_tidied_away_are_written_anew(studio: Studio) -> None:
    studio.write("kept.py", "first read, then refused\n")
    lock = studio.common / f"{studio.branch}.lock"
    lock.write_bytes(b"")
    with pytest.raises(SourceError):
        studio.record()
    lock.unlink()
    studio.repo.git("gc", "--quiet", "--prune=now")
    made = studio.recorded()
    assert studio.content(made.commit, "kept.py") == "first read, then refused"
    studio.git("fsck", "--strict")


def test_a_merge_under_way_keeps_its_index(studio: Studio) -> None:
    studio.write("app.py", "mine\n")
    studio.recorded()
    (studio.repo.path / "app.py").write_text("theirs\n")
    studio.repo.commit("other side")
    studio.git("merge", "--quiet", "main", ok=False)
    made = studio.recorded("In the middle of a merge")
    assert "<<<<<<<" in studio.content(made.commit, "app.py")
    assert studio.git("ls-files", "--unmerged") != ""


def test_a_sparse_checkout_deletes_nothing(studio: Studio) -> None:
    studio.git("sparse-checkout", "set", "--no-cone", "/app.py")
    assert not (studio.tree / "lib").exists()
    studio.write("app.py", "two\n")
    made = studio.recorded()
    assert "lib/deep.py" in studio.files(made.commit)


def test_the_users_checkout_is_never_touched(studio: Studio) -> None:
    checkout = studio.repo.path
    (checkout / "app.py").write_text("the user's own words\n")

    def state() -> dict[str, tuple[int, bytes]]:
        files = [p for p in checkout.rglob("*") if p.is_file() and ".git/" not in f"{p}/"]
        files += [checkout / ".git" / name for name in ("index", "HEAD", "config")]
        return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}

    before = state()
    studio.write("app.py", "two\n")
    studio.recorded()
    assert state() == before


def test_fingerprints_tell_changes_that_could_be_recorded(studio: Studio) -> None:
    first = studio.recorder.fingerprint(studio.seen)
    assert studio.recorder.fingerprint(studio.seen) == first
    studio.write("noise.log", "ignored\n")
    assert studio.recorder.fingerprint(studio.seen) == first
    studio.write("app.py", "two\n")
    assert studio.recorder.fingerprint(studio.seen) != first


def test_a_recorder_goes_on_after_close(studio: Studio) -> None:
    studio.write("app.py", "two\n")
    studio.recorded()
    studio.recorder.close()
    studio.write("app.py", "three\n")
    assert studio.recorded().number == 2
    assert Mask(b"k").key_id
