"""A repository full of traps, a canary, and a count of every program that was started."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.conftest import Besieged, Canary, clear, script

UNCOMMITTED = {"--staged": 4, "--worktree": 5}
"""How many processes what is not committed may take: git has more to say about it."""


def most(look: str) -> int:
    """Return how many processes a look may start: for a commit two of git, and one of tmux."""
    return UNCOMMITTED.get(look.rpartition(" ")[2], 3)


LOOKS = {
    "diff": 2,
    "diff --json": 2,
    "diff --worktree": 2,
    "diff --staged": 2,
    "apply --dry-run": 1,
    "validate": 1,
    "validate --staged": 1,
    "status": 1,
}
"""Each way of looking, and its exit code here: one file is refused, one agent is to start."""

SETTINGS = {
    "core.fsmonitor": "{trap}",
    "core.hooksPath": "{folder}",
    "core.sshCommand": "{trap}",
    "core.gitProxy": "{trap}",
    "core.askPass": "{trap}",
    "core.pager": "{trap}",
    "core.editor": "{trap}",
    "core.alternateRefsCommand": "{trap}",
    "core.attributesFile": "{folder}/attributes",
    "credential.helper": "!{trap}",
    "diff.external": "{trap}",
    "diff.evil.textconv": "{trap}",
    "diff.evil.command": "{trap}",
    "filter.evil.smudge": "{trap}",
    "filter.evil.clean": "{trap}",
    "filter.evil.process": "{trap}",
    "filter.evil.required": "true",
    "filter.lfs.smudge": "{trap}",
    "filter.lfs.clean": "{trap}",
    "filter.lfs.process": "{trap}",
    "gpg.program": "{trap}",
    "gpg.ssh.program": "{trap}",
    "log.showSignature": "true",
    "include.path": "{folder}/included",
    "uploadpack.packObjectsHook": "{trap}",
    "protocol.ext.allow": "always",
    "submodule.evil.url": "ext::{trap}",
    "submodule.evil.update": "!{trap}",
    "submodule.recurse": "true",
    "remote.origin.url": "ext::{trap}",
    "remote.origin.promisor": "true",
    "remote.origin.uploadpack": "{trap}",
    "pager.ls-files": "{trap}",
    "pager.cat-file": "{trap}",
    "alias.cat-file": "!{trap}",
    "alias.rev-parse": "!{trap}",
    "alias.ls-files": "!{trap}",
    "alias.config": "!{trap}",
    "safe.directory": "*",
}
HOOKS = ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc", "fsmonitor")
NAMES = (
    "$({0}).yaml",
    "#({0}).yaml",
    "`{0}`.yaml",
    "a;{0};.yaml",
    "a|{0}.yaml",
    "--exec={0}.yaml",
    "-c core.fsmonitor={0}.yaml",
    "#{{E:{0}}}.yaml",
    "$HOME.yaml",
    "%s%n.yaml",
)


@pytest.fixture
def trapped(fleet: Besieged, canary: Canary) -> Besieged:
    """Torch is wished for and does not run; another fleet's session keeps the server alive."""
    folder = canary.program.parent
    write_files(fleet.repo.path, canary)
    fleet.commit("A gift")
    set_traps(fleet, canary, folder)
    assert canary.alive
    fleet.tmux("new-session", "-d", "-s", "somebody", "-x", "80", "-y", "24", "sleep", "86400")
    return fleet


def write_files(top: Path, canary: Canary) -> None:
    """Write what a repository can bring along: attributes, submodules, hostile names, programs."""
    (top / ".gitattributes").write_text("* filter=evil diff=evil merge=evil text\n")
    (top / "desired-state/.gitattributes").write_text("* filter=lfs diff=evil text eol=crlf\n")
    (top / ".gitmodules").write_text(
        f'[submodule "evil"]\n\tpath = evil\n\turl = ext::{canary.program}\n\tupdate = !true\n'
    )
    (top / ".lfsconfig").write_text(f"[lfs]\n\turl = ext::{canary.program}\n")
    agents = top / "desired-state/web/agents"
    for name in NAMES:
        (agents / name.format("trap")).write_text("apiVersion: novaorch/v1\nkind: Agent\n")
    for name in ("git", "tmux", "env", "sh", "python", "redis-server"):
        shutil.copy(canary.program, top / name)
    for name in ("yaml", "typer", "git", "sitecustomize", "usercustomize", "json", "redis"):
        (top / f"{name}.py").write_text(f"import os\nos.system({str(canary.program)!r})\n")
    (top / "reconciler").mkdir()
    (top / "reconciler/__init__.py").write_text(f"import os\nos.system({str(canary.program)!r})\n")
    (top / "pyvenv.cfg").write_text(f"home = {top}\n")


def set_traps(fleet: Besieged, canary: Canary, folder: Path) -> None:
    (folder / "included").write_text(f"[core]\n\tfsmonitor = {canary.program}\n")
    (folder / "attributes").write_text("* filter=evil diff=evil\n")
    for name in HOOKS:
        for hooks in (folder, fleet.repo.path / ".git/hooks"):
            hooks.mkdir(exist_ok=True)
            (hooks / name).symlink_to(canary.program)
    (fleet.repo.path / ".git/info").mkdir(exist_ok=True)
    (fleet.repo.path / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    for name, value in SETTINGS.items():
        fleet.repo.git("config", name, value.format(trap=canary.program, folder=folder))


def test_the_traps_would_snap(trapped: Besieged, canary: Canary) -> None:
    """Were the traps dull, the tests below would say nothing."""
    trapped.repo.git("status", ok=False)
    assert not canary.alive


def test_the_python_trap_would_snap(trapped: Besieged, canary: Canary) -> None:
    subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "diff"],
        cwd=trapped.repo.path,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert not canary.alive


@pytest.mark.parametrize("look", LOOKS)
def test_no_trap_snaps_and_only_git_and_tmux_start(
    look: str, trapped: Besieged, canary: Canary, tmp_path: Path
) -> None:
    log = wrappers(tmp_path / "bin")
    said = trapped.as_script(
        *look.split(),
        cwd=trapped.repo.path,
        PATH=f"{log.parent}:{os.environ['PATH']}",
        STARTS=str(log),
    )
    clear(said)
    assert canary.alive, canary.dead()
    assert said.code == LOOKS[look], said.out + said.err
    started = log.read_text().splitlines()
    assert {line.split()[0] for line in started} <= {"git", "tmux"}
    assert 1 <= len(started) <= most(look), started


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here: canaries must do")
@pytest.mark.parametrize("look", ["diff", "status", "diff --worktree"])
def test_the_kernel_saw_no_other_program(
    look: str, trapped: Besieged, canary: Canary, tmp_path: Path
) -> None:
    log = tmp_path / "execs"
    strace = ["strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", str(log)]
    done = subprocess.run(
        [*strace, *script(), "-C", str(trapped.repo.path), *look.split()],
        capture_output=True,
        text=True,
        cwd=trapped.repo.path,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    if "ptrace" in done.stderr and not log.read_text():
        pytest.skip(f"this machine does not let processes be traced: {done.stderr}")
    assert done.returncode == LOOKS[look], done.stdout + done.stderr
    assert canary.alive, canary.dead()
    rows = [row for row in log.read_text().splitlines() if row.endswith(" = 0")]
    by_process: dict[str, str] = {}
    for row in rows:
        found = re.match(r'(\d+) +execve\("([^"]+)"', row)
        assert found is not None, row
        by_process[found[1]] = Path(found[2]).name  # `env` becomes git: the last one counts
    first, *others = by_process.values()
    assert re.match(r"novaorch|python", first)
    assert set(others) <= {"git", "tmux"}, rows
    assert len(others) <= most(look), rows


def test_no_trap_snaps_while_applying_either(trapped: Besieged, canary: Canary) -> None:
    said = trapped.as_script("apply", cwd=trapped.repo.path)
    assert said.code == 1  # the hostile names are refused
    assert trapped.sessions() == {"somebody", "web/torch"}
    assert canary.alive, canary.dead()


def test_the_environment_cannot_point_planning_elsewhere(trapped: Besieged, canary: Canary) -> None:
    """What an agent's shell or a hook may have set: git must not listen to it."""
    trap = str(canary.program)
    said = trapped.as_script(
        "diff",
        GIT_DIR="/nowhere",
        GIT_EXTERNAL_DIFF=trap,
        GIT_SSH_COMMAND=trap,
        GIT_PAGER=trap,
        GIT_EDITOR=trap,
        GIT_ASKPASS=trap,
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="core.fsmonitor",
        GIT_CONFIG_VALUE_0=trap,
        GIT_CONFIG_PARAMETERS=f"'core.fsmonitor={trap}'",
        PAGER=trap,
        EDITOR=trap,
        SHELL=trap,
        BROWSER=trap,
    )
    assert said.code == 2, said.err
    assert canary.alive, canary.dead()


def wrappers(folder: Path) -> Path:
    """Put a git and a tmux that write down each start before the real ones; return where."""
    folder.mkdir()
    for name in ("git", "tmux"):
        real = shutil.which(name)
        (folder / name).write_text(
            f'#!/bin/sh\necho "{name} $*" | tr "\\n" " " >>"$STARTS"\necho >>"$STARTS"\n'
            f'exec {real} "$@"\n'
        )
        (folder / name).chmod(0o755)
    return folder / "starts"
