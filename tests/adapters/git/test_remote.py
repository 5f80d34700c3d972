"""Fetching and pushing with real git: over files, http and ssh, from remotes of every temper."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git.elsewhere.line import Limits
from reconciler.adapters.git.elsewhere.remote import GitRemote
from reconciler.model.problems import BlindError, NovaorchError, SourceError
from reconciler.model.remote import Answer, Fetched, Offer, Remote
from tests.adapters.git.forge import Forge, fake_ssh, served
from tests.adapters.git.sandbox import Sandbox

SECRET = "hunter2-hunter2-hunter2"
MAIN = "refs/heads/main"
TRACKED = "refs/novaorch/remote/main"


class Pair:
    """A bare repository, who pushes to it, and a clone that follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bare = Sandbox(folder / "bare.git", "--bare")
        self.bare.git("config", "http.receivepack", "true")
        self.ada = Sandbox(folder / "ada")
        self.ada.write("fleet.yaml")
        self.first = self.ada.commit("first")
        self.give()
        self.ada.git("clone", "--quiet", str(self.bare.path), str(folder / "clone"))
        self.clone = Sandbox(folder / "clone")
        self._made: list[GitRemote] = []

    def give(self, *words: str) -> None:
        self.ada.git("push", "--quiet", *words, str(self.bare.path), "HEAD:refs/heads/main")

    def change(self, text: str) -> str:
        """Let Ada commit and push; return the commit."""
        self.ada.write("fleet.yaml", text)
        made = self.ada.commit(text)
        self.give()
        return made

    def remote(
        self,
        url: str = "",
        *,
        reveal: Callable[[str], str] = lambda _reference: SECRET,
        limits: Limits | None = None,
        **more: object,
    ) -> GitRemote:
        settings: dict[str, object] = {"protocols": ("file",), **more}
        place = Remote(url or str(self.bare.path), **settings)  # type: ignore[arg-type]
        made = GitRemote(self.clone.path / ".git", place, reveal, limits or Limits())
        self._made.append(made)
        return made

    def refs(self, box: Sandbox | None = None) -> dict[str, str]:
        lines = (box or self.clone).git("for-each-ref", "--format=%(refname) %(objectname)")
        return dict(line.split() for line in lines.splitlines())

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


# -- from there ------------------------------------------------------------------------------------


def test_the_branch_comes_and_nothing_else(pair: Pair) -> None:
    pair.ada.git("tag", "v1")
    pair.ada.git("push", "--quiet", "--tags", str(pair.bare.path))
    pair.ada.git("push", "--quiet", str(pair.bare.path), "HEAD:refs/heads/other")
    two = pair.change("a: 2\n")
    before, files = pair.refs(), sorted((pair.clone.path / ".git").iterdir())
    remote = pair.remote()
    assert remote.fetch() == Fetched(two)
    assert pair.refs() == {**before, TRACKED: two}
    assert remote.fetch() == Fetched(two, two)
    assert remote.tip() == two
    assert sorted((pair.clone.path / ".git").iterdir()) == files, "no FETCH_HEAD of ours"
    assert pair.clone.git("status", "--porcelain") == ""
    assert pair.clone.git("fsck", "--no-dangling") == ""
    assert not list((pair.clone.path / ".git/objects").glob("tmp_*"))


def test_a_large_change_comes_as_a_pack(pair: Pair) -> None:
    for number in range(150):
        pair.ada.write(f"p/agents/a{number}.yaml", f"a: {number}\n")
    two = pair.ada.commit("many")
    pair.give()
    assert pair.remote().fetch().tip == two
    assert pair.clone.git("ls-tree", "-r", "--name-only", TRACKED).count("\n") == 150
    pair.clone.git("fsck", "--strict")


def test_what_a_branch_lost_by_force_is_kept_and_said(pair: Pair) -> None:
    two = pair.change("a: 2\n")
    remote = pair.remote()
    remote.fetch()
    pair.ada.git("reset", "--quiet", "--hard", "HEAD~1")
    pair.give("--force")
    assert remote.fetch() == Fetched(pair.first, two, two)
    assert pair.remote().fetch() == Fetched(pair.first, pair.first, two), "a new process knows it"
    assert pair.refs()["refs/novaorch/remote-lost/main"] == two
    pair.ada.git("reset", "--quiet", "--hard", two)
    pair.give()
    assert remote.fetch().lost == ""
    assert "refs/novaorch/remote-lost/main" not in pair.refs()


@pytest.mark.parametrize(
    ("url", "branch", "what"),
    [
        ("", "nowhere", "no such branch"),
        ("/nonexistent/x.git", "main", "no such repository"),
        ("http://127.0.0.1:1/x.git", "main", "did not answer"),
    ],
)
def test_a_remote_that_is_not_there_says_so(pair: Pair, url: str, branch: str, what: str) -> None:
    remote = pair.remote(url, branch=branch, protocols=("file", "http"))
    with pytest.raises(NovaorchError, match=what) as refused:
        remote.fetch()
    assert refused.value.fix


def test_a_damaged_object_is_not_let_in(pair: Pair) -> None:
    """A tree with two entries of one name: git keeps it when told, and nobody should."""
    blob = pair.bare.blob(b"a: 1\n")
    tree = pair.bare.raw_tree(("100644", b"a", blob), ("100644", b"a", blob))
    commit = pair.bare.git("commit-tree", tree, "-p", "main", "-m", "twins")
    pair.bare.git("update-ref", MAIN, commit)
    with pytest.raises(SourceError) as refused:
        pair.remote().fetch()
    assert "damaged" in refused.value.what, refused.value.why
    assert TRACKED not in pair.refs()
    assert pair.clone.git("cat-file", "-t", commit, ok=False) == "", "nothing of it is here"
    assert not list((pair.clone.path / ".git/objects").glob("tmp_*"))


def test_too_much_is_ended(pair: Pair) -> None:
    (pair.ada.path / "large").write_bytes(os.urandom(3 << 20))
    pair.ada.commit("large")
    pair.give()
    with pytest.raises(SourceError, match="more than 1 MiB"):
        pair.remote(limits=Limits(bytes_max=1 << 20)).fetch()
    assert TRACKED not in pair.refs()
    assert not list((pair.clone.path / ".git/objects").glob("tmp_*"))


def test_a_clone_that_shares_objects_and_a_linked_work_tree_fetch_too(pair: Pair) -> None:
    two = pair.change("a: 2\n")
    pair.clone.git("worktree", "add", "--quiet", "--detach", str(pair.folder / "linked"))
    pair.ada.git("clone", "--quiet", "--shared", str(pair.clone.path), str(pair.folder / "sharing"))
    place = Remote(str(pair.bare.path), protocols=("file",))
    for common in (pair.clone.path / ".git", pair.folder / "sharing/.git"):
        remote = GitRemote(common, place, str)
        assert remote.fetch().tip == two
        remote.close()


def test_objects_named_by_sha256_come_too(tmp_path: Path) -> None:
    one = Sandbox(tmp_path / "one", "--object-format=sha256")
    one.write("fleet.yaml")
    tip = one.commit()
    two = Sandbox(tmp_path / "two", "--object-format=sha256")
    remote = GitRemote(two.path / ".git", Remote(str(one.path), protocols=("file",)), str)
    assert remote.fetch().tip == tip
    remote.close()


# -- to there --------------------------------------------------------------------------------------


def test_branches_and_refs_of_work_are_taken(pair: Pair) -> None:
    pair.clone.git("update-ref", "refs/heads/training/p/a/1", "HEAD")
    pair.clone.git("update-ref", "refs/novaorch/kept/p/a/1", "HEAD")
    pair.clone.git("update-ref", "refs/novaorch/control/host", "HEAD")
    remote = pair.remote()
    outgoing = remote.outgoing()
    # What was kept of a tree may hold what policy held back: it stays here.
    assert set(outgoing) == {"refs/heads/training/p/a/1"}
    answers = remote.push([Offer(oid, ref) for ref, oid in outgoing.items()])
    assert [pushed.answer for pushed in answers] == [Answer.NEW]
    assert remote.there() == outgoing
    assert remote.push([answers[0].offer])[0].answer is Answer.SAME
    assert remote.push_branch(pair.first, "novaorch/promote/p/a/1").ok
    assert pair.refs(pair.bare)["refs/heads/novaorch/promote/p/a/1"] == pair.first


def test_nothing_is_overwritten_and_one_refusal_keeps_no_other_back(pair: Pair) -> None:
    pair.change("a: 2\n")
    mine = pair.clone.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "mine")
    offers = [Offer(mine, MAIN), Offer(mine, "refs/heads/training/p/a/1")]
    main, run = pair.remote().push(offers)
    assert (main.answer, run.answer) == (Answer.REJECTED, Answer.NEW)
    assert "ever pushed by force" in main.why
    assert main.fix
    assert pair.refs(pair.bare)[MAIN] != mine


def test_a_protected_branch_is_told(pair: Pair) -> None:
    hook = pair.bare.path / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" = refs/heads/main ] || exit 0\n'
                    'echo "GH006: Protected branch update failed" >&2; exit 1\n')  # fmt: skip
    hook.chmod(0o755)
    mine = pair.clone.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "mine")
    main, other = pair.remote().push([Offer(mine, MAIN), Offer(mine, "refs/heads/training/p/a/1")])
    assert other.ok
    assert "protects" in main.why
    assert "GH006" in main.why
    assert "merge it there" in main.fix


@pytest.mark.parametrize(
    "ref", ["main", "refs/heads/-x", "refs/tags/v1", "refs/heads/a b", "refs/heads/../x", "HEAD",
            "refs/heads/x:refs/heads/y", "+refs/heads/x", "refs/heads/x.lock", "refs/heads/*"]
)  # fmt: skip
def test_only_plain_refs_are_offered(pair: Pair, ref: str) -> None:
    with pytest.raises(SourceError):
        pair.remote().push([Offer(pair.first, ref)])
    with pytest.raises(SourceError):
        pair.remote().push([Offer("", MAIN)])


def test_many_refs_go_in_a_few_pushes(pair: Pair) -> None:
    names = [f"refs/heads/training/p/a/{n}" for n in range(450)]
    answers = pair.remote().push([Offer(pair.first, name) for name in names])
    assert {pushed.answer for pushed in answers} == {Answer.NEW}
    assert len(pair.refs(pair.bare)) == 451


# -- with whose word -------------------------------------------------------------------------------


def test_http_needs_the_word_and_the_word_is_in_no_message(pair: Pair, tmp_path: Path) -> None:
    two = pair.change("a: 2\n")
    with served(Forge(tmp_path, login=f"ada:{SECRET}")) as forge:
        url = f"{forge.url}/bare.git"
        right = pair.remote(
            url, protocols=("http",), credentials="env:T", reveal=lambda _: f"ada:{SECRET}"
        )
        assert right.fetch().tip == two
        assert right.push_branch(two, "training/p/a/1").answer is Answer.NEW
        assert right.there() == {"refs/heads/training/p/a/1": two}
        for reveal in (lambda _: f"ada:{SECRET}x", lambda _: SECRET):
            wrong = pair.remote(url, protocols=("http",), credentials="env:T", reveal=reveal)
            with pytest.raises(SourceError, match="does not let us in") as refused:
                wrong.fetch()
            assert SECRET not in str(vars(refused.value)) + str(refused.value)
        without = pair.remote(url, protocols=("http",))
        with pytest.raises(SourceError, match="does not let us in"):
            without.fetch()
    assert ("/bare.git/info/refs?service=git-upload-pack", "") in forge.heard


def test_the_word_is_on_no_command_line(pair: Pair, tmp_path: Path) -> None:
    seen: list[bytes] = []
    with served(Forge(tmp_path, login=f"x-access-token:{SECRET}", slow_s=0.2)) as forge:
        remote = pair.remote(f"{forge.url}/bare.git", protocols=("http",), credentials="env:T")
        thread = threading.Thread(target=remote.fetch)
        thread.start()
        while thread.is_alive():
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(line.read_bytes())
                except OSError:
                    continue
            time.sleep(0.01)
        thread.join()
    lines = b"\n".join(seen)
    assert b"bare.git" in lines, "the fetch was seen"
    assert SECRET.encode() not in lines
    left = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not any(SECRET.encode() in path.read_bytes() for path in left), "and in no file"


def test_a_redirect_to_another_place_is_not_told_the_word(pair: Pair, tmp_path: Path) -> None:
    with served(Forge(tmp_path, login="nobody:x")) as evil, served(Forge(tmp_path)) as forge:
        forge.redirect = evil.url
        remote = pair.remote(f"{forge.url}/bare.git", protocols=("http",), credentials="env:T")
        with pytest.raises(NovaorchError):
            remote.fetch()
        assert evil.heard, "the redirect was followed"
        assert all(said == "" for _, said in evil.heard)


def test_a_redirect_to_a_protocol_that_is_not_allowed_is_not_followed(
    pair: Pair, tmp_path: Path
) -> None:
    with served(Forge(tmp_path, redirect=f"file://{tmp_path}")) as forge:
        remote = pair.remote(f"{forge.url}/bare.git", protocols=("http",))
        with pytest.raises(NovaorchError):
            remote.fetch()
    assert TRACKED not in pair.refs()


def test_a_word_that_is_not_there_is_named_and_nobody_is_asked(pair: Pair) -> None:
    def lost(reference: str) -> str:
        raise NovaorchError(f"{reference} is not set", why="x", fix="set it")

    remote = pair.remote("http://127.0.0.1:1/x", protocols=("http",), credentials="env:T")
    remote._reveal = lost
    with pytest.raises(NovaorchError, match="env:T is not set"):
        remote.fetch()
    for bad in ("a\nb", ":x", "x:", "tok\x1ben"):
        remote._reveal = {"env:T": bad}.__getitem__
        with pytest.raises(SourceError, match="cannot be used"):
            remote.fetch()


def test_ssh_asks_nobody_and_trusts_no_unknown_host(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, told = fake_ssh(tmp_path)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("NOVA_TEST_SSH", str(told))
    two = pair.change("a: 2\n")
    key = tmp_path / "a key; touch pwned"
    remote = pair.remote(
        f"ssh://git@example.org:2222{pair.bare.path}", protocols=("ssh",), key=str(key)
    )
    assert remote.fetch().tip == two
    words = told.read_text().splitlines()
    assert words[words.index("-i") + 1] == str(key)
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"} <= set(words)
    assert words[words.index("-p") + 1] == "2222"
    assert "git@example.org" in words
    plain = pair.remote(f"host:{pair.bare.path}", protocols=("ssh",))
    assert plain.push_branch(two, "training/p/a/1").ok
    assert "IdentitiesOnly=yes" not in told.read_text()
    assert not list(tmp_path.rglob("pwned"))


# -- what a repository says of itself --------------------------------------------------------------


def test_the_repository_chooses_nothing_that_runs(pair: Pair, tmp_path: Path) -> None:
    """Every setting by which a repository can name a program, a proxy or another address."""
    mark = tmp_path / "pwned"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {mark}\n")
    trap.chmod(0o755)
    hooks = pair.clone.path / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "pre-push", "post-merge", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text(trap.read_text())
        (hooks / name).chmod(0o755)
    evil = str(tmp_path / "evil.git")
    settings = {
        "core.sshCommand": str(trap),
        "core.askPass": str(trap),
        "core.gitProxy": str(trap),
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(hooks),
        "core.alternateRefsCommand": str(trap),
        "core.pager": str(trap),
        "credential.helper": f"!{trap}",
        "http.proxy": "http://127.0.0.1:1",
        "http.extraHeader": "X-Evil: 1",
        "http.cookieFile": str(trap),
        f"url.{evil}.insteadOf": str(pair.bare.path),
        f"url.{evil}.pushInsteadOf": str(pair.bare.path),
        "remote.origin.uploadpack": str(trap),
        "remote.origin.receivepack": str(trap),
        "uploadpack.packObjectsHook": str(trap),
        "protocol.ext.allow": "always",
        "protocol.allow": "always",
        "fetch.fsckObjects": "false",
        "transfer.fsckObjects": "false",
        "receive.fsckObjects": "false",
        "push.gpgSign": "true",
        "gpg.program": str(trap),
        "gc.auto": "1",
        "include.path": str(trap),
    }
    for name, value in settings.items():
        pair.clone.git("config", name, value)
    two = pair.change("a: 2\n")
    remote = pair.remote()
    assert remote.fetch().tip == two
    assert remote.push_branch(two, "training/p/a/1").ok
    with served(Forge(tmp_path, login="nobody:x")) as forge:
        with pytest.raises(SourceError):
            pair.remote(f"{forge.url}/bare.git", protocols=("http",)).fetch()
        assert forge.heard, "no proxy was asked"
    assert not mark.exists()
    with pytest.raises(SourceError):
        pair.remote(f"ext::{trap}")


def test_an_unreadable_configuration_does_no_harm(pair: Pair) -> None:
    (pair.clone.path / ".git/config").write_text("[broken\n")
    two = pair.change("a: 2\n")
    assert pair.remote().fetch().tip == two


# -- time ------------------------------------------------------------------------------------------


def test_a_remote_that_takes_too_long_is_left(pair: Pair, tmp_path: Path) -> None:
    with served(Forge(tmp_path, slow_s=5.0)) as forge:
        slow = pair.remote(
            f"{forge.url}/bare.git", protocols=("http",), limits=Limits(patience_s=0.3)
        )
        with pytest.raises(BlindError, match="longer than"):
            slow.fetch()
        assert _gits(pair.bare.path) == []


def test_closing_ends_what_is_under_way(pair: Pair, tmp_path: Path) -> None:
    with served(Forge(tmp_path, slow_s=20.0)) as forge:
        remote = pair.remote(f"{forge.url}/bare.git", protocols=("http",))
        ended: list[BaseException] = []

        def fetch() -> None:
            try:
                remote.fetch()
            except BlindError as error:
                ended.append(error)

        thread = threading.Thread(target=fetch)
        thread.start()
        while not forge.heard:
            time.sleep(0.01)
        began = time.monotonic()
        remote.close()
        thread.join(10)
        assert time.monotonic() - began < 10
        assert ended
        assert not (pair.clone.path / ".git/FETCH_HEAD").exists()


def _gits(place: Path) -> list[str]:
    """Return the processes that still speak of a place."""
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if str(place) in line]
