"""Our git hooks in real repositories: they fire, they chain, and they leave no trace."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters import githooks
from reconciler.adapters.git import GitRepository
from reconciler.adapters.githooks import Hook, HookChange
from reconciler.adapters.watch import Nudges
from reconciler.model.problems import NovaorchError, RefusedError, SourceError
from tests.adapters.git.sandbox import Sandbox, private_home

LONG_S = 20.0
VALIDATE = """#!{python}
# Stands in for the command: reads what it is asked to, as the command does.
import os, sys
from pathlib import Path
from reconciler.adapters.git import GitRepository, Handed
repo = GitRepository.discover(Path.cwd(), handed=Handed.from_environ(os.environ))
revision = ":staged" if sys.argv[2] == "--staged" else sys.argv[3]
tree = repo.tree(revision)
content = repo.read([blob.oid for blob in tree.blobs]).values()
with open({log!r}, "a") as log:
    print(sys.argv[1], revision, *(blob.path for blob in tree.blobs), file=log)
repo.close()
if b"bad" in b"".join(content):
    sys.exit("desired-state holds something bad")
"""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clear: list[str] = []
    for name, value in private_home(tmp_path / "home", clear).items():
        monkeypatch.setenv(name, value)
    for name in clear:
        monkeypatch.delenv(name)


@pytest.fixture(params=["repo", 'it\'s a "repo" $HOME'])
def box(tmp_path: Path, request: pytest.FixtureRequest) -> Sandbox:
    return started(tmp_path / request.param)


@pytest.fixture
def plain(tmp_path: Path) -> Sandbox:
    return started(tmp_path / "repo")


def started(path: Path) -> Sandbox:
    sandbox = Sandbox(path)
    sandbox.write("demo/agents/a.yaml")
    sandbox.commit()
    return sandbox


@pytest.fixture
def novaorch(tmp_path: Path) -> Path:
    """A command that validates for real; `validated` reads what it was asked."""
    command = tmp_path / "bin dir/novaorch"
    command.parent.mkdir()
    log = str(tmp_path / "validated")
    command.write_text(VALIDATE.format(python=sys.executable, log=log))
    command.chmod(0o755)
    return command


def validated(tmp_path: Path) -> list[str]:
    log = tmp_path / "validated"
    return log.read_text().splitlines() if log.exists() else []


def nudge(sandbox: Sandbox) -> Path:
    return githooks.default_nudge(GitRepository.discover(sandbox.path))


def install(
    sandbox: Sandbox, novaorch: Path | str = "/nonexistent/novaorch", *, force: bool = False
) -> list[HookChange]:
    repo = GitRepository.discover(sandbox.path)
    return githooks.install(repo, str(novaorch), githooks.default_nudge(repo), force=force)


def uninstall(sandbox: Sandbox) -> list[HookChange]:
    return githooks.uninstall(GitRepository.discover(sandbox.path))


def outcomes(changes: list[HookChange]) -> set[Hook]:
    return {change.hook for change in changes}


@pytest.fixture
def listening(box: Sandbox) -> Iterator[Nudges]:
    """A daemon that hears hooks and nothing else."""
    install(box)
    watcher = Nudges(nudge(box))
    assert watcher.degraded == ()
    yield watcher
    watcher.close()


def hook(sandbox: Sandbox, name: str, text: str, mode: int = 0o755) -> Path:
    path = sandbox.path / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in folder.iterdir():
        target = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        found[path.name] = (path.lstat().st_mode, target)
    return found


def still_running(sandbox: Sandbox) -> list[bytes]:
    """Return the command lines of processes that name this repository."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_bytes()
            cwd = (file.parent / "cwd").readlink()
            if b"hooks/" in words and (cwd == sandbox.path or os.fsencode(sandbox.path) in words):
                found.append(words)
    return found


def quiet(watcher: Nudges) -> None:
    while watcher.wait(0.1) != "poll":
        continue


def test_every_way_to_change_head_wakes_the_daemon(box: Sandbox, listening: Nudges) -> None:
    box.commit("post-commit")
    assert listening.wait(LONG_S) == "hook"
    box.git("branch", "side", "HEAD~1")
    quiet(listening)
    box.git("checkout", "--quiet", "side")
    assert listening.wait(LONG_S) == "hook"
    quiet(listening)
    box.git("merge", "--quiet", "main")
    assert listening.wait(LONG_S) == "hook"
    quiet(listening)
    box.git("commit", "--quiet", "--amend", "-m", "amended", "--allow-empty")
    assert listening.wait(LONG_S) == "hook"
    quiet(listening)
    (box.path / "other").write_text("x")
    box.commit("on side")
    box.git("checkout", "--quiet", "main")
    box.write("demo/agents/b.yaml")
    box.commit("on main", "--no-verify")  # its files are no manifests
    quiet(listening)
    box.git("rebase", "--quiet", "side")
    assert listening.wait(LONG_S) == "hook"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("post-commit", ("commit", "--quiet", "--allow-empty", "-m", "x")),
        ("post-merge", ("merge", "--quiet", "--no-ff", "--no-edit", "side")),
        ("post-checkout", ("checkout", "--quiet", "side")),
        ("post-rewrite", ("commit", "--quiet", "--amend", "--allow-empty", "-m", "x")),
    ],
)
def test_each_hook_wakes_alone(plain: Sandbox, name: str, words: tuple[str, ...]) -> None:
    plain.git("checkout", "--quiet", "-b", "side")
    plain.commit("on side")
    plain.git("checkout", "--quiet", "main")
    for change in install(plain):
        if change.name != name:
            change.path.unlink()
    watcher = Nudges(nudge(plain))
    plain.git(*words)
    assert watcher.wait(LONG_S) == "hook"
    watcher.close()


def test_a_linked_work_tree_wakes_the_same_daemon(
    box: Sandbox, tmp_path: Path, listening: Nudges
) -> None:
    linked = tmp_path / "linked"
    box.git("worktree", "add", "--quiet", "-b", "side", str(linked))
    quiet(listening)
    box.git("-C", str(linked), "commit", "--quiet", "--allow-empty", "-m", "x")
    assert listening.wait(LONG_S) == "hook"
    assert outcomes(githooks.status(GitRepository.discover(linked))) == {Hook.INSTALLED}


def test_a_push_wakes_the_daemon_of_a_bare_repository(
    plain: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    bare = Sandbox(tmp_path / "bare", "--bare")
    assert {c.name for c in install(bare, novaorch)} == {"pre-receive", "post-receive"}
    watcher = Nudges(nudge(bare))
    plain.git("push", "--quiet", str(bare.path), "main")
    assert watcher.wait(LONG_S) == "hook"
    watcher.close()


def test_without_a_daemon_nothing_changes_for_git(box: Sandbox) -> None:
    install(box)
    box.commit()
    assert not nudge(box).exists()
    nudge(box).parent.mkdir()
    nudge(box).write_text("")  # no FIFO: must not be written to
    box.commit()
    time.sleep(0.05)
    assert nudge(box).read_text() == ""
    nudge(box).unlink()
    os.mkfifo(nudge(box))  # left behind by a daemon that was killed
    for _ in range(3):
        assert box.commit()
    time.sleep(0.1)
    assert still_running(box) == []


def test_a_full_fifo_that_nobody_drains_does_not_hold_a_commit(plain: Sandbox) -> None:
    """The daemon is stopped (SIGSTOP) and 65,536 commits went by."""
    install(plain)
    watcher = Nudges(nudge(plain))
    descriptor = os.open(nudge(plain), os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(descriptor, b"n" * 4096):
            continue
    started_at = time.monotonic()
    plain.commit("held?")
    assert time.monotonic() - started_at < LONG_S
    os.close(descriptor)
    assert watcher.wait(LONG_S) == "hook"
    watcher.close()


def test_gits_own_variables_do_not_disturb_a_hook(box: Sandbox, listening: Nudges) -> None:
    quiet(listening)
    box.git(
        "commit", "--quiet", "--allow-empty", "-m", "x",
        GIT_DIR=str(box.path / ".git"), GIT_WORK_TREE=str(box.path), IFS="nud/", CDPATH="/",
    )  # fmt: skip
    assert listening.wait(LONG_S) == "hook"


def test_the_second_install_changes_nothing(box: Sandbox) -> None:
    assert outcomes(install(box)) == {Hook.INSTALLED}
    before = snapshot(box.path / ".git/hooks")
    changes = install(box)
    assert outcomes(changes) == {Hook.UNCHANGED}
    assert not any(change.changed for change in changes)
    assert snapshot(box.path / ".git/hooks") == before
    assert outcomes(githooks.status(GitRepository.discover(box.path))) == {Hook.INSTALLED}


def test_our_older_hook_is_upgraded_and_not_chained(plain: Sandbox) -> None:
    install(plain)
    changes = install(plain, "/elsewhere/novaorch")
    assert {c.name: c.hook for c in changes if c.changed} == {"pre-commit": Hook.UPGRADED}
    assert "/elsewhere/novaorch" in (plain.path / ".git/hooks/pre-commit").read_text()
    assert not list((plain.path / ".git/hooks").glob("*chained*"))


def test_uninstall_leaves_no_trace(box: Sandbox) -> None:
    hook(box, "post-commit", "#!/bin/sh\n", 0o711)
    hook(box, "pre-commit", "#!/bin/sh\nexit 0\n", 0o600)
    hook(box, "pre-push", "#!/bin/sh\n")
    (box.path / ".git/hooks/post-merge").symlink_to("../../nowhere")
    before = snapshot(box.path / ".git/hooks")
    installed = {c.name: c.hook for c in install(box)}
    assert installed["post-commit"] is installed["post-merge"] is Hook.CHAINED
    assert installed["post-checkout"] is Hook.INSTALLED
    assert outcomes(install(box)) == {Hook.UNCHANGED}
    removed = {c.name: c.hook for c in uninstall(box)}
    assert removed["post-commit"] is removed["pre-commit"] is Hook.RESTORED
    assert removed["post-checkout"] is Hook.REMOVED
    assert snapshot(box.path / ".git/hooks") == before
    assert uninstall(box) == [] or outcomes(uninstall(box)) == {Hook.FOREIGN}


def test_a_hook_of_ours_that_was_edited_is_left(plain: Sandbox) -> None:
    hook(plain, "post-commit", "#!/bin/sh\ntouch first\n")
    install(plain)
    ours = plain.path / ".git/hooks/post-commit"
    ours.write_text(ours.read_text() + "# mine now\n")
    edited = ours.read_bytes()
    assert {c.name: c.hook for c in install(plain)}["post-commit"] is Hook.EDITED
    assert {c.name: c.hook for c in uninstall(plain)}["post-commit"] is Hook.EDITED
    assert ours.read_bytes() == edited
    plain.commit()
    assert (plain.path / "first").exists()


def test_a_third_hook_is_refused_before_anything_is_touched(plain: Sandbox) -> None:
    hook(plain, "post-rewrite", "#!/bin/sh\n# the first\n")
    install(plain)
    hook(plain, "post-rewrite", "#!/bin/sh\n# the second\n")
    before = snapshot(plain.path / ".git/hooks")
    with pytest.raises(RefusedError, match="two hooks to keep"):
        install(plain, "/elsewhere/novaorch")
    assert snapshot(plain.path / ".git/hooks") == before


INTERPRETERS = [
    "#!/bin/sh",
    "#!/bin/sh -e",
    "#!/usr/bin/env sh",
    "#!/bin/bash",
    "#!/usr/bin/env bash",
    f"#!{sys.executable}",
]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_hook_that_was_there_runs_first_and_as_before(
    box: Sandbox, listening: Nudges, interpreter: str
) -> None:
    uninstall(box)
    body = 'echo "$0|$#|$1" >>"$LOG"\nexit 7\n'
    if "python" in interpreter:
        body = 'import os, sys\nopen(os.environ["LOG"], "a").write(f"x|{len(sys.argv) - 1}|")\n'
    hook(box, "post-checkout", f"{interpreter}\n{body}")
    install(box)
    quiet(listening)
    log = box.path.parent / "log"
    box.git("checkout", "-q", "-b", "x", ok=False, LOG=str(log))
    name, count, *_ = log.read_text().split("|")
    assert count == "3"
    if "python" not in interpreter:
        assert name.endswith("/post-checkout")
    assert listening.wait(LONG_S) == "hook"


def test_sh_minus_e_still_ends_at_the_first_failure(plain: Sandbox) -> None:
    hook(plain, "pre-commit", "#!/bin/sh -e\nfalse\nexit 0\n")
    install(plain)
    plain.git("commit", "--allow-empty", "-m", "x", ok=False)
    assert plain.git("rev-list", "--count", "HEAD") == "1"


def test_bash_hooks_may_speak_bash(plain: Sandbox) -> None:
    hook(plain, "post-commit", '#!/usr/bin/env bash\na=(1 2)\n[[ ${#a[@]} == 2 ]] && touch "ok"\n')
    install(plain)
    plain.commit()
    assert (plain.path / "ok").exists()


def test_a_refusal_of_the_hook_that_was_there_counts(
    plain: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    hook(plain, "pre-commit", "#!/bin/sh\necho theirs >&2\nexit 3\n")
    install(plain, novaorch)
    plain.write("demo/agents/b.yaml")
    plain.git("add", "-A")
    plain.git("commit", "-m", "x", ok=False)
    assert plain.git("rev-list", "--count", "HEAD") == "1"
    assert validated(tmp_path) == []  # theirs comes first


def test_a_hook_that_was_switched_off_stays_off(plain: Sandbox) -> None:
    hook(plain, "post-commit", "#!/bin/sh\ntouch ran\n", 0o644)
    install(plain)
    plain.commit()
    assert not (plain.path / "ran").exists()


def test_a_linked_dispatcher_that_looks_at_its_name_is_chained(plain: Sandbox) -> None:
    """One script for all hooks, linked under each name: it must not see our second name."""
    script = plain.path / "hooks.sh"
    script.write_text('#!/bin/sh\necho "$(basename "$0")" >>ran\n')
    script.chmod(0o755)
    for name in ("pre-commit", "post-commit"):
        (plain.path / ".git/hooks").mkdir(exist_ok=True)
        (plain.path / ".git/hooks" / name).symlink_to("../../hooks.sh")
    install(plain)
    plain.git("commit", "--quiet", "--allow-empty", "-m", "x")
    assert (plain.path / "ran").read_text().split() == ["pre-commit", "post-commit"]
    uninstall(plain)
    assert str((plain.path / ".git/hooks/pre-commit").readlink()) == "../../hooks.sh"


def test_husky_is_chained_in_its_own_folder(plain: Sandbox) -> None:
    """Husky sets core.hooksPath, and its runner finds the user's script by `$0`."""
    inner = plain.path / ".husky/_"
    inner.mkdir(parents=True)
    (inner / "h").write_text(
        'n=$(basename "$0")\ns=$(dirname "$(dirname "$0")")/$n\n'
        '[ ! -f "$s" ] && exit 0\nsh -e "$s"\n'
    )
    for name in ("pre-commit", "post-commit"):
        (inner / name).write_text('#!/usr/bin/env sh\n. "$(dirname "$0")/h"\n')
        (inner / name).chmod(0o755)
    (plain.path / ".husky/pre-commit").write_text("touch husky-ran\n")
    plain.git("config", "core.hooksPath", ".husky/_")
    changes = install(plain)
    assert {c.path.parent for c in changes} == {inner}
    watcher = Nudges(nudge(plain))
    plain.git("commit", "--quiet", "--allow-empty", "-m", "x")
    assert (plain.path / "husky-ran").exists()
    assert watcher.wait(LONG_S) == "hook"
    watcher.close()


def test_a_hooks_folder_that_others_share_is_refused(plain: Sandbox, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    plain.git("config", "--global", "core.hooksPath", str(shared))
    with pytest.raises(RefusedError, match="outside the repository") as caught:
        install(plain)
    assert caught.value.exit_code == 3
    assert list(shared.iterdir()) == []
    assert outcomes(install(plain, force=True)) == {Hook.INSTALLED}
    assert len(list(shared.iterdir())) == 5
    uninstall(plain)
    assert list(shared.iterdir()) == []


def test_a_home_relative_hooks_folder_is_understood(plain: Sandbox, tmp_path: Path) -> None:
    plain.git("config", "--global", "core.hooksPath", "~/hooks")
    assert outcomes(install(plain, force=True)) == {Hook.INSTALLED}
    assert (tmp_path / "home/hooks/post-commit").exists()


def test_switched_off_hooks_are_refused(plain: Sandbox) -> None:
    plain.git("config", "core.hooksPath", "/dev/null")
    with pytest.raises(RefusedError):
        install(plain)
    with pytest.raises(SourceError, match="cannot be changed"):
        install(plain, force=True)


def test_a_folder_in_a_hooks_place_is_said(plain: Sandbox) -> None:
    (plain.path / ".git/hooks/pre-commit").mkdir(parents=True)
    with pytest.raises(SourceError, match="is a directory"):
        install(plain)


def test_a_commit_of_wishes_is_validated_and_may_be_refused(
    box: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    install(box, novaorch)
    box.write("demo/agents/b.yaml", "bad\n")
    box.git("add", "-A")
    box.git("commit", "-m", "x", ok=False)
    assert box.git("rev-list", "--count", "HEAD") == "1"
    assert validated(tmp_path) == ["validate :staged demo/agents/a.yaml demo/agents/b.yaml"]
    box.git("commit", "--quiet", "--no-verify", "-m", "x")
    assert len(validated(tmp_path)) == 1
    box.write("demo/agents/b.yaml", "good\n")
    box.commit()
    assert box.git("rev-list", "--count", "HEAD") == "3"


def test_a_partial_commit_validates_what_it_commits(
    plain: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    """`git commit -- path` hands the hook another index than the one that lies there."""
    install(plain, novaorch)
    plain.write("demo/agents/b.yaml", "bad\n")
    plain.write("demo/agents/c.yaml", "good\n")
    plain.git("add", "-A")
    plain.git("commit", "--quiet", "-m", "x", "--", "desired-state/demo/agents/c.yaml")
    assert validated(tmp_path) == ["validate :staged demo/agents/a.yaml demo/agents/c.yaml"]


def test_other_commits_are_not_validated(plain: Sandbox, tmp_path: Path, novaorch: Path) -> None:
    install(plain, novaorch)
    plain.write("demo/agents/b.yaml", "bad\n")  # not staged
    (plain.path / "README").write_text("x")
    plain.git("add", "README")
    plain.git("commit", "--quiet", "-m", "x")
    assert validated(tmp_path) == []


def test_from_a_linked_work_tree_and_a_folder_within(
    plain: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    install(plain, novaorch)
    linked = tmp_path / "linked"
    plain.git("worktree", "add", "--quiet", "-b", "side", str(linked))
    (linked / "desired-state/demo/agents/b.yaml").write_text("bad\n")
    within = str(linked / "desired-state/demo")
    plain.git("-C", within, "add", "-A")
    plain.git("-C", within, "commit", "-m", "x", ok=False)
    assert plain.git("rev-list", "--count", "side") == "1"
    assert validated(tmp_path) == ["validate :staged demo/agents/a.yaml demo/agents/b.yaml"]


def test_a_first_commit_is_validated(tmp_path: Path, novaorch: Path) -> None:
    box = Sandbox(tmp_path / "new")
    install(box, novaorch)
    box.write("demo/agents/a.yaml", "bad\n")
    box.git("add", "-A")
    box.git("commit", "-m", "x", ok=False)
    assert validated(tmp_path) == ["validate :staged demo/agents/a.yaml"]


def test_without_the_command_a_commit_goes_on_with_a_notice(plain: Sandbox, tmp_path: Path) -> None:
    install(plain, "/nonexistent/novaorch")
    plain.write("demo/agents/b.yaml", "bad\n")
    plain.git("add", "-A")
    clean = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    command = ["git", "-C", str(plain.path), "commit", "-m", "x"]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    assert "novaorch was not found" in done.stderr


def test_the_command_on_path_is_the_second_choice(
    plain: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    install(plain, "/nonexistent/novaorch")
    plain.write("demo/agents/b.yaml", "bad\n")
    plain.git("add", "-A")
    path = f"{novaorch.parent}:{os.environ['PATH']}"
    plain.git("commit", "-m", "x", ok=False, PATH=path)
    assert len(validated(tmp_path)) == 1


@pytest.fixture
def bare(tmp_path: Path, plain: Sandbox, novaorch: Path) -> Sandbox:
    sandbox = Sandbox(tmp_path / "it's bare", "--bare")
    plain.git("push", "--quiet", str(sandbox.path), "main")
    install(sandbox, novaorch)
    return sandbox


def test_a_push_of_wishes_is_validated_while_in_quarantine(
    plain: Sandbox, bare: Sandbox, tmp_path: Path
) -> None:
    plain.write("demo/agents/b.yaml", "bad\n")
    commit = plain.commit()
    plain.git("push", str(bare.path), "main", ok=False)
    assert bare.git("rev-list", "--count", "main") == "1"
    assert validated(tmp_path) == [f"validate {commit} demo/agents/a.yaml demo/agents/b.yaml"]
    plain.write("demo/agents/b.yaml", "good\n")
    plain.commit()
    plain.git("push", "--quiet", str(bare.path), "main")
    assert bare.git("rev-list", "--count", "main") == "3"


def test_other_branches_tags_and_deletions_are_no_wish(
    plain: Sandbox, bare: Sandbox, tmp_path: Path
) -> None:
    plain.write("demo/agents/b.yaml", "bad\n")
    plain.commit()
    plain.git("tag", "main")
    plain.git(
        "push", "--quiet", str(bare.path), "refs/heads/main:refs/heads/side", "refs/tags/main"
    )
    assert validated(tmp_path) == []
    bare.git("config", "receive.denyDeleteCurrent", "ignore")
    plain.git("push", "--quiet", str(bare.path), ":refs/heads/main")
    assert validated(tmp_path) == []
    assert "refs/heads/main" not in bare.git("for-each-ref")


def test_one_bad_ref_among_many_refuses_the_push(
    plain: Sandbox, bare: Sandbox, tmp_path: Path
) -> None:
    plain.write("demo/agents/b.yaml", "bad\n")
    plain.commit()
    refs = [f"HEAD:refs/heads/{name}" for name in ("a", "main", "z")]
    plain.git("push", str(bare.path), *refs, ok=False)
    assert len(validated(tmp_path)) == 1
    assert bare.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_receive_hook_that_was_there_reads_the_same_lines(
    plain: Sandbox, bare: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    uninstall(bare)
    script = f"#!/bin/sh\ncat >>{shlex.quote(str(tmp_path / 'lines'))}\n[ ! -e refuse ]\n"
    for name in ("pre-receive", "post-receive"):
        path = bare.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    assert outcomes(install(bare, novaorch)) == {Hook.CHAINED}
    old, new = plain.git("rev-parse", "HEAD"), plain.commit()
    plain.git("push", "--quiet", str(bare.path), "main")
    assert (tmp_path / "lines").read_text() == f"{old} {new} refs/heads/main\n" * 2
    assert len(validated(tmp_path)) == 1
    (bare.path / "refuse").touch()
    plain.commit()
    plain.git("push", str(bare.path), "main", ok=False)
    assert bare.git("rev-parse", "main") == new
    assert len(validated(tmp_path)) == 1


def test_a_rewrite_hook_that_was_there_reads_the_same_lines(plain: Sandbox) -> None:
    hook(plain, "post-rewrite", '#!/bin/sh\ncat >lines\necho "$1" >>lines\n')
    install(plain)
    old = plain.git("rev-parse", "HEAD")
    plain.git("commit", "--quiet", "--amend", "-m", "x")
    new = plain.git("rev-parse", "HEAD")
    assert (plain.path / "lines").read_text() == f"{old} {new}\namend\n"


def test_the_configured_branch_is_the_one_that_is_checked(
    plain: Sandbox, bare: Sandbox, tmp_path: Path, novaorch: Path
) -> None:
    repo = GitRepository.discover(bare.path)
    githooks.install(repo, str(novaorch), githooks.default_nudge(repo), branch="release/1")
    plain.write("demo/agents/b.yaml", "bad\n")
    plain.commit()
    plain.git("push", "--quiet", str(bare.path), "main")
    plain.git("push", str(bare.path), "main:release/1", ok=False)
    assert len(validated(tmp_path)) == 1


def test_scripts_are_plain_sh_and_ship_with_the_package() -> None:
    for name in ("chain", "nudge", "pre-commit", "pre-receive"):
        script = githooks.load(name)
        checked = subprocess.run(["sh", "-n"], input=script, check=False, capture_output=True)
        assert checked.returncode == 0, checked.stderr
    with pytest.raises(NovaorchError, match="missing"):
        githooks.load("nothing")
