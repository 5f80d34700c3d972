"""Which signatures let a commit pass, with real keys, a real ssh-keygen and a real gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from reconciler.adapters.git.signed import read_ssh, ssh_key, take_apart
from reconciler.model.fleet import Principal, Verification
from tests.adapters.git.keys import Key, gpg_home
from tests.adapters.git.sandbox import Sandbox

needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg on PATH")


@pytest.fixture
def ada(tmp_path: Path) -> Key:
    return Key(tmp_path / "ada")


@pytest.fixture
def eve(tmp_path: Path) -> Key:
    return Key(tmp_path / "eve")


@pytest.fixture
def repository(repo: Sandbox) -> Iterator[GitRepository]:
    repo.write("fleet.yaml")
    repo.commit("the first")
    found = GitRepository.discover(repo.path)
    yield found
    found.close()


def policy(*principals: Principal, commits: str = "head") -> Verification:
    return Verification(commits, principals)


def why(repository: GitRepository, commit: str, rules: Verification, older: str = "") -> str:
    found = repository.unsigned(older, commit, rules)
    return "" if found is None else found[1]


def test_a_principal_s_signature_passes(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    commit = ada.commit(repo)
    assert repository.unsigned("", commit, policy(ada.principal("ada"))) is None


def test_nothing_is_asked_when_it_is_off(repo: Sandbox, repository: GitRepository) -> None:
    assert repository.unsigned("", repo.commit(), policy(commits="off")) is None


def test_an_unsigned_commit_is_named(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    commit = repo.commit()
    assert repository.unsigned("", commit, policy(ada.principal("ada"))) == (
        commit,
        "it is not signed",
    )


def test_an_unknown_key_is_named(
    repo: Sandbox, repository: GitRepository, ada: Key, eve: Key
) -> None:
    said = why(repository, eve.commit(repo), policy(ada.principal("ada")))
    assert eve.fingerprint in said
    assert "no principal's" in said


def test_nobody_is_a_principal(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    assert "no principal's" in why(repository, ada.commit(repo), policy())


@pytest.mark.parametrize(
    ("dates", "good"),
    [
        (("", ""), True),
        (("2026-03-10", "2026-03-11"), True),
        (("2026-03-11", ""), False),
        (("", "2026-03-10"), False),
        (("2026-03-11", "2026-04-01"), False),
        (("2026-03-01", "2026-04-01"), True),
    ],
)
def test_a_key_counts_between_its_dates(
    repo: Sandbox, repository: GitRepository, ada: Key, dates: tuple[str, str], good: bool
) -> None:
    commit = ada.commit(repo, when="2026-03-10T12:00:00 +0000")
    since, until = dates
    said = why(repository, commit, policy(replace(ada.principal("ada"), since=since, until=until)))
    assert (said == "") is good, said
    assert good or "at the hour of signing" in said


def test_dates_are_utc_wherever_this_runs(
    repo: Sandbox, repository: GitRepository, ada: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    commit = ada.commit(repo, when="2026-03-10T23:59:00 +0000")
    assert why(repository, commit, policy(replace(ada.principal("a"), until="2026-03-11"))) == ""


def test_a_revoked_key_lets_nobody_in(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    gone = replace(ada.principal("old ada"), revoked=True)
    said = why(repository, ada.commit(repo), policy(gone, ada.principal("ada")))
    assert "revoked" in said
    assert "old ada" in said


def test_a_signature_over_other_content(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    body = subprocess.run(
        ["git", "-C", str(repo.path), "cat-file", "commit", ada.commit(repo)],
        capture_output=True,
        check=True,
    ).stdout
    forged = repo.git(
        "hash-object", "-t", "commit", "-w", "--stdin", given=body.replace(b"a change", b"b change")
    )
    assert "does not fit its content" in why(repository, forged, policy(ada.principal("ada")))


def test_a_signature_for_another_use(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    said = why(repository, ada.forge(repo, namespace="file"), policy(ada.principal("ada")))
    assert "'file', not for git" in said


def test_a_signature_made_by_hand_passes(
    repo: Sandbox, repository: GitRepository, ada: Key
) -> None:
    assert why(repository, ada.forge(repo, namespace="git"), policy(ada.principal("ada"))) == ""


def test_two_signatures_are_none(
    repo: Sandbox, repository: GitRepository, ada: Key, eve: Key
) -> None:
    """Whichever of the two a reader takes: nobody could say which one was meant."""
    body = ada.body(repo, ada.commit(repo))
    head, _, rest = body.partition(b"\n\n")
    other = ada.body(repo, eve.commit(repo)).partition(b"gpgsig ")[2].partition(b"\n\n")[0]
    twice = head + b"\ngpgsig " + other + b"\n\n" + rest
    forged = repo.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", given=twice)
    assert "more than one signature" in why(repository, forged, policy(ada.principal("ada")))


@pytest.mark.parametrize(
    "signature",
    [
        b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----",
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n-----END SSH SIGNATURE-----",
        b"-----BEGIN SSH SIGNATURE-----\n\xff\xfe\n-----END SSH SIGNATURE-----",
        b"-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----",
        b"nonsense",
    ],
)
def test_a_damaged_signature_is_none(
    repo: Sandbox, repository: GitRepository, ada: Key, signature: bytes
) -> None:
    body = ada.body(repo, repo.commit())
    head, _, rest = body.partition(b"\n\n")
    lines = signature.replace(b"\n", b"\n ")
    forged = repo.git(
        "hash-object", "-t", "commit", "-w", "--literally", "--stdin",
        given=head + b"\ngpgsig " + lines + b"\n\n" + rest,
    )  # fmt: skip
    assert why(repository, forged, policy(ada.principal("ada")))


def test_every_commit_of_a_range_counts(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    older = repo.git("rev-parse", "HEAD")
    bad = repo.commit("not signed")
    head = ada.commit(repo)
    principals = (ada.principal("ada"),)
    assert repository.unsigned(older, head, policy(*principals)) is None
    found = repository.unsigned(older, head, policy(*principals, commits="range"))
    assert found == (bad, "it is not signed")


def test_the_other_parents_of_a_merge_count(
    repo: Sandbox, repository: GitRepository, ada: Key
) -> None:
    older = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "-b", "side")
    bad = repo.commit("not signed")
    repo.git("checkout", "--quiet", "main")
    ada.commit(repo)
    ada.sign(repo, "merge", "--quiet", "--no-ff", "-S", "-m", "merge", "side")
    head = repo.git("rev-parse", "HEAD")
    rules = policy(ada.principal("ada"), commits="range")
    assert repository.unsigned(older, head, rules) == (bad, "it is not signed")


def test_what_was_seen_once_is_not_looked_at_again(
    repo: Sandbox, repository: GitRepository, ada: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = ada.commit(repo)
    rules = policy(ada.principal("ada"))
    assert repository.unsigned("", commit, rules) is None
    monkeypatch.setenv("PATH", str(repo.path))
    assert repository.unsigned("", commit, rules) is None
    other = policy(replace(ada.principal("ada"), until="2099-01-01"))
    assert "ssh-keygen" in why(repository, commit, other)


def test_without_ssh_keygen_nothing_passes_and_it_is_tried_again(
    repo: Sandbox, repository: GitRepository, ada: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = ada.commit(repo)
    rules = policy(ada.principal("ada"))
    path = os.environ["PATH"]
    repository.tree("HEAD")
    monkeypatch.setenv("PATH", str(repo.path))
    assert "install OpenSSH" in why(repository, commit, rules)
    monkeypatch.setenv("PATH", path)
    assert why(repository, commit, rules) == ""


def test_no_program_of_the_repository_is_run(
    repo: Sandbox, repository: GitRepository, ada: Key, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho ran >> {trace}\nexit 0\n")
    evil.chmod(0o755)
    for name in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.x509.program"):
        repo.git("config", name, str(evil))
    repo.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    repo.git("config", "gpg.ssh.defaultKeyCommand", str(evil))
    bad, older = repo.commit(), repo.git("rev-parse", "HEAD~1")
    assert why(repository, bad, policy(ada.principal("a"), commits="range"), older)
    assert not trace.exists()


def test_the_private_folder_is_gone(repo: Sandbox, repository: GitRepository, ada: Key) -> None:
    assert why(repository, ada.commit(repo), policy(ada.principal("ada"))) == ""
    assert not list(Path(tempfile.gettempdir()).glob("novaorch-keys-*"))


def test_what_is_signed_is_what_git_says(repo: Sandbox, ada: Key) -> None:
    commit = ada.commit(repo)
    parts = take_apart(commit, ada.body(repo, commit), "sha1")
    assert b"gpgsig" not in parts.payload
    assert parts.payload.endswith(b"\n\na change\n")
    assert read_ssh(parts.signature).key == ssh_key(ada.public)
    assert read_ssh(read_ssh(parts.signature).armoured()) == read_ssh(parts.signature)


# -- OpenPGP --------------------------------------------------------------------------------------


@needs_gpg
def test_openpgp_principals(repo: Sandbox, repository: GitRepository, tmp_path: Path) -> None:
    with gpg_home(tmp_path / "g", "Grace <grace@example.org>") as grace:
        commit = grace.commit(repo)
        good = Principal("grace", gpg=(grace.public,))
        assert why(repository, commit, policy(good)) == ""
        assert "no principal's" in why(repository, commit, policy(Principal("grace")))
        assert "revoked" in why(repository, commit, policy(replace(good, revoked=True)))
        early = policy(replace(good, until="2001-01-01"))
        assert "at the hour of signing" in why(repository, commit, early)
        forged = repo.git(
            "hash-object", "-t", "commit", "-w", "--stdin",
            given=grace.body(repo, commit).replace(b"a change", b"b change"),
        )  # fmt: skip
        assert "does not fit its content" in why(repository, forged, policy(good))


@needs_gpg
def test_an_openpgp_key_that_expired_after_it_signed(
    repo: Sandbox, repository: GitRepository, tmp_path: Path
) -> None:
    with gpg_home(tmp_path / "g", "Grace <grace@example.org>", "20250101T000000", "1d") as grace:
        rules = policy(Principal("grace", gpg=(grace.public,)))
        assert why(repository, grace.commit(repo, at="20250101T100000"), rules) == ""
        grace.prolong(at="20250101T100000")
        late = grace.commit(repo, at="20250110T100000")
        assert "had expired at the hour of signing" in why(repository, late, rules)


@needs_gpg
def test_without_gpg_nothing_passes(
    repo: Sandbox, repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gpg_home(tmp_path / "g", "Grace <grace@example.org>") as grace:
        commit = grace.commit(repo)
        rules = policy(Principal("grace", gpg=(grace.public,)))
        path = os.environ["PATH"]
        repository.tree("HEAD")
        monkeypatch.setenv("PATH", str(repo.path))
        assert "install GnuPG" in why(repository, commit, rules)
        monkeypatch.setenv("PATH", path)
