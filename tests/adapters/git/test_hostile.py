"""A repository that wants to run something: nothing runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.model.problems import NovaorchError, SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox

SETTINGS = {
    "core.fsmonitor": "{trap}",
    "core.hooksPath": "{hooks}",
    "core.sshCommand": "{trap}",
    "core.gitProxy": "{trap}",
    "core.askPass": "{trap}",
    "core.pager": "{trap}",
    "core.editor": "{trap}",
    "core.alternateRefsCommand": "{trap}",
    "core.attributesFile": "{attributes}",
    "credential.helper": "!{trap}",
    "diff.external": "{trap}",
    "diff.evil.textconv": "{trap}",
    "diff.evil.command": "{trap}",
    "filter.evil.smudge": "{trap}",
    "filter.evil.clean": "{trap}",
    "filter.evil.process": "{trap}",
    "filter.evil.required": "true",
    "merge.evil.driver": "{trap}",
    "gpg.program": "{trap}",
    "log.showSignature": "true",
    "uploadpack.packObjectsHook": "{trap}",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "protocol.file.allow": "always",
    "pager.ls-files": "{trap}",
    "pager.rev-parse": "{trap}",
    "trace2.eventTarget": "af_unix:{folder}/trace",
    "alias.cat-file": "!{trap}",
    "alias.rev-parse": "!{trap}",
    "alias.ls-files": "!{trap}",
    "alias.config": "!{trap}",
    "safe.directory": "*",
}


@pytest.fixture
def trap(tmp_path: Path, box: Sandbox) -> Callable[[], bool]:
    """Set every trap there is in the repository; return whether one has snapped."""
    folder = tmp_path / "trap"
    (folder / "hooks").mkdir(parents=True)
    snapped, script = folder / "snapped", folder / "trap"
    script.write_text(f"#!/bin/sh\necho $0 >>{shlex.quote(str(snapped))}\ncat\n")
    script.chmod(0o755)
    for name in ("post-index-change", "reference-transaction", "post-checkout", "pre-commit"):
        (folder / "hooks" / name).symlink_to(script)
        hook = box.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.symlink_to(script)
    (folder / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (box.path / ".git/info").mkdir(exist_ok=True)
    (box.path / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    for name, template in SETTINGS.items():
        value = template.format(
            trap=script, hooks=folder / "hooks", attributes=folder / "attributes", folder=folder
        )
        box.git("config", name, value)
    return snapped.exists


def test_the_trap_would_snap(box: Sandbox, trap: Callable[[], bool]) -> None:
    box.git("status", ok=False)
    assert trap()


def test_nothing_runs_whatever_is_asked(
    box: Sandbox, trap: Callable[[], bool], opened: Opener
) -> None:
    (box.path / "desired-state/.gitattributes").write_text("* filter=evil diff=evil text\n")
    box.write("demo/agents/new.yaml", "n: 1\r\n")
    assert not trap()
    repo = opened(box.path)
    for revision in ("HEAD", "main", ":worktree", ":staged", ":/first", "HEAD@{0}", "nowhere"):
        try:
            tree = repo.tree(revision)
            repo.read([blob.oid for blob in tree.blobs])
        except SourceError:
            assert revision in (":/first", "nowhere")
    assert repo.is_ancestor("HEAD", "main")
    assert repo.head_branch() == "main"
    assert repo.config("core.hooksPath") is not None
    repo.close()
    assert not trap()


def test_a_partial_clone_fetches_nothing(
    box: Sandbox, tmp_path: Path, trap: Callable[[], bool], opened: Opener
) -> None:
    """A missing object makes git start a transport, which a repository may point at a command."""
    box.git("config", "extensions.partialClone", "evil")
    box.git("config", "core.repositoryFormatVersion", "1")
    box.git("config", "remote.evil.promisor", "true")
    box.git("config", "remote.evil.url", f"ext::{tmp_path}/trap/trap")
    box.git("config", "remote.evil.uploadpack", f"{tmp_path}/trap/trap")
    oid = box.git("rev-parse", "HEAD:desired-state/demo/agents/torch.yaml")
    (box.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    repo = opened(box.path)
    with pytest.raises(SourceError) as caught:
        repo.tree("HEAD")
    assert not trap()
    assert oid in caught.value.what + caught.value.why or "promisor" in caught.value.why
    box.git("config", "remote.evil.url", str(box.path))
    with pytest.raises(SourceError):
        opened(box.path).tree("HEAD")
    assert not trap()


def test_the_callers_variables_do_not_reach_git(
    box: Sandbox, tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Sandbox(tmp_path / "other")
    other.write("evil/agents/evil.yaml")
    other.commit()
    want = [b.path for b in opened(box.path).tree("HEAD").blobs]
    variables = {
        "GIT_DIR": str(other.path / ".git"),
        "GIT_WORK_TREE": str(other.path),
        "GIT_INDEX_FILE": str(other.path / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(other.path / ".git/objects"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": "/bin/false",
        "GIT_NAMESPACE": "elsewhere",
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_EXTERNAL_DIFF": "/bin/false",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    repo = opened(box.path)
    for revision in ("HEAD", ":staged", ":worktree"):
        assert [b.path for b in repo.tree(revision).blobs] == want
    assert not (tmp_path / "trace").exists()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@needs_root
def test_a_repository_of_another_user_is_not_trusted(box: Sandbox, tmp_path: Path) -> None:
    box.git("config", "safe.directory", "*")  # whoever owns it does not decide this
    for path in (box.path, box.path / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(SourceError, match="belongs to another user") as caught:
        GitRepository.discover(box.path)
    assert "safe.directory" in caught.value.fix
    (tmp_path / "home/.gitconfig").write_text(f"[safe]\n\tdirectory = {tmp_path}/elsewhere\n")
    with pytest.raises(SourceError, match="belongs to another user"):
        GitRepository.discover(box.path)


@needs_root
@pytest.mark.parametrize("trust", ["{path}", "*"])
def test_a_repository_that_the_user_trusts_is_read(
    box: Sandbox, tmp_path: Path, opened: Opener, trust: str
) -> None:
    for path in (box.path, box.path / ".git"):
        os.chown(path, 12345, 12345)
    config = tmp_path / "home/.gitconfig"
    config.write_text(f"[safe]\n\tdirectory = {trust.format(path=box.path)}\n")
    repo = opened(box.path)
    assert repo.tree("HEAD").exists
    assert repo.tree(":worktree").exists


@needs_root
def test_trust_that_ends_is_noticed_by_the_next_helper(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    repo.tree("HEAD")
    repo.close()
    for path in (box.path, box.path / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(SourceError) as caught:
        repo.tree("HEAD")
    assert "dubious ownership" in caught.value.why


def test_an_embedded_bare_repository_is_not_opened(box: Sandbox) -> None:
    inner = box.path / "vendor.git"
    box.git("clone", "--quiet", "--bare", str(box.path), str(inner))
    assert GitRepository.discover(inner).bare  # merely lying there is nobody's trick
    box.git("add", "-A")
    with pytest.raises(SourceError, match="file of another repository"):
        GitRepository.discover(inner)
    with pytest.raises(SourceError, match="file of another repository"):
        GitRepository.discover(inner / "refs")


def test_every_error_says_how_to_mend(box: Sandbox, tmp_path: Path) -> None:
    (box.path / ".git/config").write_text("[core\n")
    for place in (box.path, tmp_path / "home", tmp_path / "nowhere", box.path / ".git"):
        with pytest.raises(NovaorchError) as caught:
            GitRepository.discover(place)
        assert caught.value.fix
        assert caught.value.why or "not a directory" in caught.value.what
