"""People's words on a ref of their own: who said what; what is damaged is never silence."""

from __future__ import annotations

import shlex
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.git.control import GitControl
from reconciler.adapters.git.refs import own_ref
from reconciler.adapters.git.writes import person
from reconciler.model.control import Controls
from reconciler.model.problems import BlindError, ConflictError, NovaorchError, SourceError
from tests.adapters.control_contract import ADA, ALL, PAUSE, ControlContract
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox

REF = own_ref("control", "box")


@pytest.fixture
def control(box: Sandbox, opened: Opener) -> GitControl:
    return GitControl(opened(box.path).own_ref(REF))


class TestGitControl(ControlContract):
    pass


class TestSha256(ControlContract):
    @pytest.fixture
    def control(self, tmp_path: Path, opened: Opener) -> GitControl:
        wide = Sandbox(tmp_path / "wide", "--object-format=sha256")
        return GitControl(opened(wide.path).own_ref(REF))


def test_each_word_is_a_commit_of_the_person_who_said_it(box: Sandbox, control: GitControl) -> None:
    made = control.write(replace(ALL, trial=None), "suspend web: the demo is on", ADA)
    control.write(replace(made, trial=ALL.trial), "a canary begins")
    told = box.git("log", "--format=%an <%ae>|%cn|%s", REF).splitlines()
    assert told == [
        "novaorch <novaorch@localhost>|novaorch|a canary begins",
        "Ada <ada@example.org>|Ada|suspend web: the demo is on",
    ]
    files = box.git("ls-tree", "-r", "--name-only", REF).splitlines()
    assert files == [
        f"quarantine/{'b' * 40}.json",
        f"quarantine/{'d' * 40}.json",
        "suspensions/1.json",
        "suspensions/2.json",
        "trial.json",
    ]
    assert "hände weg" in box.git("show", f"{REF}:suspensions/2.json")
    assert box.git("branch", "--list") == "* main"
    assert box.git("status", "--porcelain") == ""
    box.git("fsck", "--strict")


def test_a_look_at_what_did_not_change_starts_no_process(
    box: Sandbox, control: GitControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.read()
    _without_processes(monkeypatch, lambda: control.read() == Controls())
    made = control.write(ALL, "one")
    assert control.read() == made
    _without_processes(monkeypatch, lambda: control.read() is control.read())
    box.git("pack-refs", "--all")
    assert control.read() == made


def _without_processes(patch: pytest.MonkeyPatch, look: object) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    with patch.context() as inner:
        inner.setattr(subprocess, "Popen", never)
        for _ in range(3):
            assert callable(look)
            assert look()


def test_another_process_sees_it_at_once(box: Sandbox, control: GitControl, opened: Opener) -> None:
    other = GitControl(opened(box.path).own_ref(REF))
    assert other.read() == Controls()
    made = control.write(ALL, "one")
    assert other.read() == made
    ended = other.write(replace(made, suspensions=()), "two")
    assert control.read() == ended


def test_of_many_at_once_one_is_first_and_none_is_lost(box: Sandbox, opened: Opener) -> None:
    controls = [GitControl(opened(box.path).own_ref(REF)) for _ in range(4)]
    refused: list[NovaorchError] = []

    def say(number: int) -> None:
        while True:
            before = controls[number].read()
            mine = replace(PAUSE, reason=f"reason {number}")
            try:
                both = (*before.suspensions, mine)
                controls[number].write(replace(before, suspensions=both), "one more")
                return
            except ConflictError as error:
                refused.append(error)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    said = sorted(one.reason for one in controls[0].read().suspensions)
    assert said == [f"reason {number}" for number in range(4)]


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("garbage\n", ""),
        ("", ""),
        (f"{'1' * 40}\n", ""),
        (None, f"{'1' * 40} {REF}\n"),
        ("ref: refs/heads/nowhere\n", ""),
        ("ref: refs/heads/main\n", ""),
        ("BLOB\n", ""),
    ],
)
def test_a_damaged_ref_is_not_silence(
    text: str | None, packed: str, box: Sandbox, control: GitControl, opened: Opener
) -> None:
    control.write(ALL, "one")
    file = box.path / ".git" / REF
    if text is None:
        file.unlink()
        (box.path / ".git" / "packed-refs").write_text(packed)
    else:
        file.write_text(text.replace("BLOB", box.blob(b"{}")))
    for one in (control, GitControl(opened(box.path).own_ref(REF))):
        with pytest.raises(BlindError) as caught:
            one.read()
        assert REF in caught.value.what + caught.value.why
        assert REF in caught.value.fix
    # What the message advises mends it.
    if caught.value.fix.endswith(f"rm {shlex.quote(str(file))}"):
        file.unlink()
    else:
        box.git("update-ref", "--no-deref", "-d", REF)
    assert control.read() == Controls()
    assert box.git("rev-parse", "main")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("suspensions/1.json", b"{"),
        ("suspensions/1.json", b"[]"),
        ("suspensions/1.json", b"[" * 100_000),
        ("suspensions/1.json", b'{"scope": ""}'),
        ("suspensions/1.json", b"\xff"),
        ("suspensions/one.json", b"{}"),
        ("trial.json", b'{"commit": 1, "base": 2, "units": [], "began": 0}'),
        ("quarantine/abcdefg.json", b"{}"),
        ("windows.json", b"{}"),
        ("a/b/c.json", b"{}"),
        ("suspensions/1.json", b" " * (2**20 + 1)),
    ],
)
def test_what_is_not_ours_is_refused_by_name(
    path: str, content: bytes, box: Sandbox, control: GitControl
) -> None:
    good = control.write(ALL, "one")
    box.git("checkout", "--quiet", "--orphan", "foreign")
    box.git("rm", "-rfq", ".")
    file = box.path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    tip = box.commit("by hand")
    box.git(
        "update-ref", REF, box.git("commit-tree", f"{tip}^{{tree}}", "-p", good.version, "-m", "x")
    )
    with pytest.raises(BlindError) as caught:
        control.read()
    assert REF in caught.value.what
    with pytest.raises(BlindError):
        control.write(Controls(), "blindly")
    box.git("update-ref", REF, f"{REF}~1")  # as the message advises
    assert control.read() == good


def test_links_and_programs_on_the_ref_are_refused(box: Sandbox, control: GitControl) -> None:
    link = box.git("hash-object", "-w", "--stdin", given=b"/etc/passwd")
    for mode in ("120000", "100755"):
        tree = box.git("mktree", given=f"{mode} blob {link}\ttrial.json".encode())
        box.git("update-ref", REF, box.git("commit-tree", tree, "-m", "x"))
        with pytest.raises(BlindError, match="did not write"):
            control.read()


def test_a_branch_of_that_name_is_nobody_s_word(
    box: Sandbox, control: GitControl, opened: Opener
) -> None:
    made = control.write(ALL, "one")
    box.git("update-ref", f"refs/heads/{REF}", made.version)
    box.git("update-ref", f"refs/tags/{REF}", made.version)
    assert control.read() == made
    box.git("update-ref", "-d", REF)
    assert control.read() == Controls()
    assert GitControl(opened(box.path).own_ref(REF)).read() == Controls()


def test_a_write_that_git_refuses_says_so(box: Sandbox, control: GitControl) -> None:
    made = control.write(ALL, "one")
    lock = box.path / ".git" / f"{REF}.lock"
    lock.touch()
    with pytest.raises(SourceError, match="would not write"):
        control.write(replace(made, trial=None), "two")
    lock.unlink()
    assert control.read() == made


def test_no_hook_of_the_repository_runs(box: Sandbox, control: GitControl, tmp_path: Path) -> None:
    hook = box.path / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    control.write(ALL, "one")
    assert not (tmp_path / "ran").exists()


def test_two_hosts_have_two_refs_whatever_they_are_called() -> None:
    names = ["box", "BOX", "box.local", "a b", "a/b", "a..b", "x.lock", "-x", "é", "", "x" * 300]
    refs = {name: own_ref("control", name) for name in names}
    assert refs["box"] == refs["BOX"] == "refs/novaorch/control/box"
    assert len(set(refs.values())) == len(names) - 1
    for ref in refs.values():
        subprocess.run(["git", "check-ref-format", ref], check=True)


def test_who_the_user_is(box: Sandbox) -> None:
    assert person(box.path) == ADA
    box.git("config", "user.name", "Grace")
    assert person(box.path) == "Grace <ada@example.org>"
    (Path.home() / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    box.git("config", "--unset", "user.name")
    with pytest.raises(SourceError) as caught:
        person(box.path)
    assert "git config" in caught.value.fix
