"""An agent may write whatever it likes into its tree and its repository: nothing of it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.adapters.git.record.recorder import GitRecorder
from reconciler.model.problems import NovaorchError, SourceError
from reconciler.model.unit import Training
from tests.adapters.git.studio import Studio


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def trap(tmp_path: Path, canary: Path) -> Path:
    """A program that leaves a trace, and hands its input on, so that it would not be noticed."""
    path = tmp_path / "trap"
    path.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat\n')
    path.chmod(0o755)
    return path


def _config(studio: Studio, *pairs: tuple[str, str]) -> None:
    for name, value in pairs:
        subprocess.run(
            ["git", "config", "--file", str(studio.common / "config"), name, value], check=True
        )


def _poison(studio: Studio, trap: Path) -> None:
    hooks = studio.common / "hooks"
    for name in (
        "pre-commit", "post-commit", "reference-transaction", "post-index-change",
        "post-checkout", "commit-msg", "prepare-commit-msg", "fsmonitor-watchman",
    ):  # fmt: skip
        shutil.copy(trap, hooks / name)
    _config(
        studio,
        ("filter.x.clean", str(trap)),
        ("filter.x.smudge", str(trap)),
        ("filter.x.process", str(trap)),
        ("filter.x.required", "true"),
        ("diff.x.command", str(trap)),
        ("diff.x.textconv", str(trap)),
        ("merge.x.driver", f"{trap} %A"),
        ("diff.external", str(trap)),
        ("core.fsmonitor", str(trap)),
        ("core.hooksPath", str(hooks)),
        ("core.sshCommand", str(trap)),
        ("core.pager", str(trap)),
        ("core.editor", str(trap)),
        ("gpg.program", str(trap)),
        ("gpg.ssh.program", str(trap)),
        ("commit.gpgSign", "true"),
        ("core.alternateRefsCommand", str(trap)),
        ("alias.update-ref", f"!{trap}"),
        ("alias.ls-files", f"!{trap}"),
        ("credential.helper", str(trap)),
        ("uploadpack.packObjectsHook", str(trap)),
    )
    (studio.common / "info" / "attributes").write_text("* filter=x diff=x merge=x text eol=crlf\n")
    studio.write(".gitattributes", "* filter=x diff=x merge=x ident\n")


def test_nothing_of_an_agents_configuration_runs(studio: Studio, trap: Path, canary: Path) -> None:
    _poison(studio, trap)
    studio.write("app.py", "print('two') # $Id$\n")
    studio.write("more.py", "more\n")
    made = studio.recorded("Two")
    studio.recorder.fingerprint(studio.seen)
    studio.write("app.py", "print('three')\n")
    second = studio.recorded("Three")
    assert not canary.exists(), canary.read_text()
    assert studio.content(made.commit, "app.py") == "print('two') # $Id$"
    assert ".gitattributes" not in studio.files(second.commit)
    assert [one.path for one in second.held_back] == [".gitattributes"]
    # The trap is a real one: git itself falls into it.
    studio.git("status", ok=False)
    assert canary.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core.worktree", "/"),
        ("core.bare", "true"),
        ("core.repositoryformatversion", "9"),
        ("extensions.nonsense", "true"),
        ("core.logAllRefUpdates", "false"),
        ("include.path", "/nonexistent/\n"),
        ("core.ignoreCase", "true"),
        ("core.symlinks", "false"),
        ("core.fileMode", "false"),
    ],
)
def test_settings_do_not_matter(studio: Studio, name: str, value: str) -> None:
    _config(studio, (name, value))
    studio.write("run.sh", "x\n").chmod(0o755)
    (studio.tree / "link").symlink_to("nowhere")
    files = studio.files_raw(studio.recorded().commit)
    assert files["run.sh"] == "100755"
    assert files["link"] == "120000"


def test_a_configuration_that_git_cannot_read_does_not_matter(studio: Studio) -> None:
    (studio.common / "config").write_text("[core\nthis is no configuration\0")
    studio.write("app.py", "two\n")
    made = studio.recorded()
    assert (studio.common / studio.branch).read_text().strip() == made.commit


def test_a_git_file_that_leads_elsewhere_is_refused(studio: Studio, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    subprocess.run(["git", "init", "-q", "-b", studio.seen.branch, str(evil)], check=True)
    admin = evil / ".git" / "worktrees" / "torch"
    shutil.copytree(studio.admin, admin)
    for target in (evil / ".git", admin):
        (studio.tree / ".git").write_text(f"gitdir: {target}\n")
        studio.write("app.py", "two\n")
        with pytest.raises(SourceError) as caught:
            studio.record()
        assert "leads to" in caught.value.why
        assert "worktree repair" in caught.value.fix
    (studio.tree / ".git").unlink()
    (studio.tree / ".git").mkdir()
    with pytest.raises(SourceError):
        studio.record()


def test_links_lead_nowhere(studio: Studio, tmp_path: Path) -> None:
    """A folder swapped for a link out of the tree is a link, and its target is not read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "deep.py").write_text("somebody's secret\n")
    (outside / "passwd").write_text("somebody's secret\n")
    shutil.rmtree(studio.tree / "lib")
    (studio.tree / "lib").symlink_to(outside)
    (studio.tree / "passwd").symlink_to("/etc/passwd")
    made = studio.recorded()
    files = studio.files(made.commit)
    assert files["lib"][0] == files["passwd"][0] == "120000"
    assert not [path for path in files if path.startswith("lib/")]
    everything = studio.repo.git("cat-file", "--batch-all-objects", "--batch", "--unordered")
    assert "somebody's secret" not in everything
    assert studio.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    "name",
    [".GIT/config", ".Git/hooks/x", "a/.gIt/b", ".git /x", ".git./x", "git~1/x", "GIT~1",
     ".g\u200cit/config", ".git::$INDEX_ALLOCATION/x", ".git\\x"],
)  # fmt: skip
def test_names_that_could_pass_for_git_are_never_in_a_commit(studio: Studio, name: str) -> None:
    studio.write(name, "x\n")
    studio.write("app.py", "two\n")
    made = studio.recorded()
    assert name not in studio.files(made.commit)
    assert name in {one.path for one in made.held_back}
    assert "fatal" not in studio.git("fsck", "--strict")


def test_odd_things_in_the_tree_are_refused_or_passed_over(studio: Studio) -> None:
    os.mkfifo(studio.tree / "pipe")
    (studio.tree / "app.py").unlink()
    os.mkfifo(studio.tree / "app.py")
    studio.write("fine.py", "fine\n")
    made = studio.recorded()
    assert [(one.path, one.rule) for one in made.held_back] == [("app.py", "kind")]
    assert studio.content(made.commit, "app.py") == "print('one')"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_stays_as_it_was(studio: Studio) -> None:
    (studio.tree / "app.py").chmod(0)
    (studio.tree / "lib").chmod(0)
    studio.write("fine.py", "fine\n")
    try:
        made = studio.recorded()
        assert {one.path for one in made.held_back} >= {"app.py"}
        assert {"app.py", "lib/deep.py"} <= set(studio.files(made.commit))
    finally:
        (studio.tree / "lib").chmod(0o755)


def test_a_pipe_in_the_place_of_patterns_hangs_nothing(studio: Studio) -> None:
    (studio.common / "info" / "exclude").unlink(missing_ok=True)
    os.mkfifo(studio.common / "info" / "exclude")
    studio.write("app.py", "two\n")
    assert studio.recorded().number == 1


def test_patterns_of_the_repository_and_the_user_count(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (studio.common / "info" / "exclude").write_text("by-repository\n")
    mine = tmp_path / "mine"
    mine.write_text("by-user\n")
    config = Path(os.environ["HOME"], ".gitconfig")
    config.write_text(config.read_text() + f"[core]\n\texcludesFile = {mine}\n")
    for name in ("by-repository", "by-user", "by-nobody"):
        studio.write(name, "x\n")
    made = studio.recorded()
    assert {"by-nobody"} == set(studio.files(made.commit)) - {".gitignore", "app.py", "lib/deep.py"}
    (studio.common / "info" / "exclude").write_text("")
    assert "by-repository" in studio.files(studio.recorded().commit)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda index: index.write_bytes(b"garbage"),
        lambda index: index.write_bytes(b""),
        lambda index: index.write_bytes(index.read_bytes()[:-30]),
        lambda index: index.unlink(),
        lambda index: (index.unlink(), index.symlink_to("/etc/passwd")),
        lambda index: (index.unlink(), index.mkdir()),
    ],
)
def test_a_spoilt_index_loses_no_work(studio: Studio, spoil: Callable[[Path], object]) -> None:
    index = studio.admin / "index"
    studio.write("app.py", "two\n")
    studio.write("noise.log", "ignored\n")
    spoil(index)
    made = studio.recorded()
    files = studio.files(made.commit)
    assert set(files) == {".gitignore", "app.py", "lib/deep.py"}
    assert studio.content(made.commit, "app.py") == "two"
    assert Path("/etc/passwd").stat().st_size > 0


@pytest.mark.parametrize(
    "summary",
    [
        "Fixed it\n\nNova-Agent: evil/agent/other\nNova-Run: 99",
        "Nova-Agent: evil/agent/other",
        "a\n\n---\n\nNova-Agent: evil/agent/other\n\n",
        "\x1b]0;title\x07\x1b[31mred\u202e\0nul",
        "x" * 100_000,
        "\n\n\n   \n",
        "# \n## \n",
        "tree 0000000000000000000000000000000000000000\nparent x\nauthor y",
        "\ud800 half a sign",
        "- [x] **done** `it`\r\nSigned-off-by: Somebody <x@y>\r\n",
    ],
)
def test_no_summary_forges_anything(studio: Studio, summary: str) -> None:
    studio.write("app.py", "two\n")
    made = studio.recorded(summary)
    lines = studio.git("show", "-s", "--format=%(trailers:only,unfold)", made.commit).splitlines()
    assert [line for line in lines if line.startswith("Nova-Agent")] == [
        "Nova-Agent: shop/agent/torch"
    ]
    assert not [line for line in lines if line.startswith("Signed-off-by")]
    raw = studio.git("cat-file", "commit", made.commit)
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=raw.partition("\n\n")[2].encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert parsed.count("Nova-Agent:") == 1
    assert all(char.isprintable() or char == "\n" for char in raw)
    subject = studio.git("show", "-s", "--format=%s", made.commit)
    assert 0 < len(subject) <= 72
    assert raw.count("\nauthor ") == 1 + summary.count("\nauthor ")
    studio.git("fsck", "--strict")


def test_a_secret_in_the_agents_own_words_is_masked(studio: Studio) -> None:
    studio.write("app.py", "two\n")
    studio.recorded("Set password=hunter2hunter2 and moved on", by="ada")
    assert "hunter2" not in studio.git("log", "-1", "--format=%B")


def test_hostile_objects_below_our_refs_are_told(studio: Studio) -> None:
    studio.write("app.py", "two\n")
    studio.recorded()
    ref = studio.common / "refs/novaorch/training/shop/torch/1"
    ref.write_text("nonsense\n")
    studio.recorder.close()
    studio.recorder = GitRecorder()
    studio.write("app.py", "three\n")
    with pytest.raises(NovaorchError) as caught:
        studio.record(policy=Training())
    assert caught.value.fix
