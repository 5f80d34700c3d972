"""What lies in the folder: strange entries, limits, and reading no object twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.adapters.git.folders import ENTRIES_MAX
from reconciler.model.manifest import Blob
from reconciler.model.problems import SourceError
from tests.adapters.git.conftest import Opener
from tests.adapters.git.sandbox import Sandbox


def many(box: Sandbox, count: int) -> None:
    for number in range(count):
        box.write(f"p{number % 10}/agents/a{number}.yaml", f"a: {number}\n")
    box.commit("many")


def by_path(blobs: tuple[Blob, ...]) -> dict[str, Blob]:
    return {blob.path: blob for blob in blobs}


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)], ids=["sha1", "sha256"])
def test_both_object_formats_are_read(tmp_path: Path, opened: Opener, options: list[str]) -> None:
    box = Sandbox(tmp_path / "r", *options)
    for name in ("b/x.yaml", "b.yaml", "b-c/x.yaml", "ünï/ö.yaml", "a"):
        box.write(name, name)
    box.commit()
    repo = opened(box.path)
    tree = repo.tree("HEAD")
    listed = box.git("-c", "core.quotePath=false", "ls-files", "desired-state").split("\n")
    assert [f"desired-state/{b.path}" for b in tree.blobs] == listed
    content = repo.read([b.oid for b in tree.blobs])
    assert [content[b.oid].decode() for b in tree.blobs] == [b.path for b in tree.blobs]
    for other in (":staged", ":worktree"):
        seen = repo.tree(other)
        assert (seen.oid, seen.blobs) == (tree.oid, tree.blobs)


def test_links_submodules_and_executables_are_told_by_their_mode(
    box: Sandbox, tmp_path: Path, opened: Opener
) -> None:
    box.write("demo/run.sh").chmod(0o755)
    (box.path / "desired-state/demo/link.yaml").symlink_to("/etc/passwd")
    box.git("add", "-A")
    head = box.git("rev-parse", "HEAD")
    box.git("update-index", "--add", "--cacheinfo", f"160000,{head},desired-state/demo/sub")
    box.git("commit", "-qm", "x")
    repo = opened(box.path)
    for revision in ("HEAD", ":staged"):
        modes = {b.path: b.mode for b in repo.tree(revision).blobs}
        assert modes == {
            "demo/agents/torch.yaml": "100644",
            "demo/link.yaml": "120000",
            "demo/run.sh": "100755",
            "demo/sub": "160000",
        }
    link = by_path(repo.tree("HEAD").blobs)["demo/link.yaml"]
    assert repo.read([link.oid])[link.oid] == b"/etc/passwd"


@pytest.mark.parametrize("mode", ["120000", "100644", "160000"])
def test_a_folder_that_is_none_is_refused(box: Sandbox, opened: Opener, mode: str) -> None:
    box.point("odd", box.blob(b"/etc"), mode)
    with pytest.raises(SourceError, match="is not a folder") as caught:
        opened(box.path).tree("odd")
    assert mode in caught.value.what


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"a/b", b"../../etc/passwd", b""])
def test_names_that_no_checkout_could_hold_are_refused(
    box: Sandbox, opened: Opener, name: bytes
) -> None:
    box.point("odd", box.raw_tree(("100644", name, box.blob(b"x"))))
    repo = opened(box.path)
    with pytest.raises(SourceError, match="malformed") as caught:
        repo.tree("odd")
    assert "git fsck" in caught.value.fix
    assert repo.tree("main").exists


def test_a_name_that_comes_twice_is_refused(box: Sandbox, opened: Opener) -> None:
    oid = box.blob(b"x")
    box.point("odd", box.raw_tree(("100644", b"a", oid), ("100644", b"a", oid)))
    with pytest.raises(SourceError, match="malformed"):
        opened(box.path).tree("odd")


def test_a_tree_that_is_cut_short_is_refused(box: Sandbox, opened: Opener) -> None:
    whole = b"100644 a\0" + bytes.fromhex(box.blob(b"x"))
    for cut in (whole[:-1], whole[:9], whole[:4], b"zzz a\0" + whole[9:]):
        oid = box.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", given=cut)
        box.point("odd", oid)
        with pytest.raises(SourceError):
            opened(box.path).tree("odd")


@pytest.mark.parametrize("name", [b"a\nb.yaml", b"\xff\xfe.yaml", b"-c.yaml", b"x" * 300, b" "])
def test_odd_names_are_listed_as_they_are(box: Sandbox, opened: Opener, name: bytes) -> None:
    box.point("odd", box.raw_tree(("100644", name, box.blob(b"x"))))
    repo = opened(box.path)
    (blob,) = repo.tree("odd").blobs
    assert os.fsencode(blob.path) == name
    assert repo.read([blob.oid]) == {blob.oid: b"x"}


def test_the_empty_name_of_a_file_of_an_embedded_bare_repository_is_only_a_file(
    box: Sandbox, opened: Opener
) -> None:
    box.write("demo/evil.git/HEAD", "ref: refs/heads/main\n")
    box.write("demo/evil.git/config", "[core]\n\tfsmonitor = /tmp/evil\n")
    box.write("demo/evil.git/objects/x", "")
    box.write("demo/evil.git/refs/x", "")
    box.commit()
    repo = opened(box.path)
    assert len(repo.tree("HEAD").blobs) == 5
    assert repo.tree(":worktree").blobs == repo.tree("HEAD").blobs


def test_too_many_entries_are_refused(box: Sandbox, opened: Opener) -> None:
    oid = box.blob(b"x")
    names = sorted(b"f%d" % n for n in range(ENTRIES_MAX + 1))
    box.point("odd", box.raw_tree(*(("100644", name, oid) for name in names)))
    with pytest.raises(SourceError, match="more than 20000 entries"):
        opened(box.path).tree("odd")


def test_a_tree_bomb_is_refused(box: Sandbox, opened: Opener) -> None:
    oid = box.raw_tree(("100644", b"f", box.blob(b"x")))
    for _ in range(12):
        oid = box.raw_tree(*(("40000", b"d%d" % n, oid) for n in range(10)))
    box.point("odd", oid)
    with pytest.raises(SourceError, match="more than 20000 entries"):
        opened(box.path).tree("odd")


def test_too_deep_a_nest_is_refused(box: Sandbox, opened: Opener) -> None:
    oid = box.raw_tree(("100644", b"f", box.blob(b"x")))
    for depth in range(66):
        oid = box.raw_tree(("40000", b"d", oid))
        if depth == 62:
            box.point("deep", oid)
    box.point("too-deep", oid)
    repo = opened(box.path)
    assert repo.tree("deep").blobs[0].path.count("/") == 63
    with pytest.raises(SourceError, match="nested deeper"):
        repo.tree("too-deep")


def test_large_files_are_listed_but_not_read(box: Sandbox, opened: Opener) -> None:
    box.write("demo/large.yaml", "x" * (2**20 + 1))
    box.write("demo/larger.yaml", "x" * (2 * 2**20 + 1))
    box.commit()
    repo = opened(box.path)
    for revision in ("HEAD", ":staged", ":worktree"):
        blobs = by_path(repo.tree(revision).blobs)
        large, larger = blobs["demo/large.yaml"], blobs["demo/larger.yaml"]
        assert (large.size, larger.size) == (2**20 + 1, 2 * 2**20 + 1)
        assert len(repo.read([large.oid])[large.oid]) == large.size
        with pytest.raises(SourceError):
            repo.read([larger.oid])


def test_read_takes_only_ids_of_blobs(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    tree = repo.tree("HEAD")
    for wrong in ("HEAD", "-c", "a\nb", "", tree.oid[:-1]):
        with pytest.raises(SourceError, match="no blob id"):
            repo.read([wrong])
    with pytest.raises(SourceError, match="damaged"):
        repo.read([tree.oid])
    with pytest.raises(SourceError, match="missing"):
        repo.read(["0" * 39 + "1"])
    assert repo.read([]) == {}
    assert repo.read([tree.blobs[0].oid] * 3) == {tree.blobs[0].oid: b"a: 1\n"}


def test_without_a_change_the_very_same_value_comes_back(box: Sandbox, opened: Opener) -> None:
    many(box, 20)
    repo = opened(box.path)
    first = repo.tree("HEAD")
    read = repo.objects.objects_read
    assert repo.tree("HEAD") is first
    assert repo.objects.objects_read == read


def test_a_commit_elsewhere_leaves_the_same_files(box: Sandbox, opened: Opener) -> None:
    repo = opened(box.path)
    first = repo.tree("HEAD")
    (box.path / "README").write_text("x")
    box.commit("elsewhere")
    second = repo.tree("HEAD")
    assert second.blobs is first.blobs
    assert (second.subject, second.oid) == ("elsewhere", first.oid)
    assert second.commit != first.commit


def test_one_changed_file_of_a_thousand_reads_only_the_folders_on_its_path(
    box: Sandbox, opened: Opener
) -> None:
    many(box, 1000)
    repo = opened(box.path)
    repo.tree("HEAD")
    assert repo.objects.objects_read <= 2 + 1 + 2 * 11
    box.write("p3/agents/a3.yaml", "changed")
    box.commit()
    before, sizes = repo.objects.objects_read, repo.objects.sizes_asked
    blobs = by_path(repo.tree("HEAD").blobs)
    assert repo.objects.sizes_asked - sizes == 1
    assert len(blobs) == 1001
    assert blobs["p3/agents/a3.yaml"].size == 7
    # the commit, its tree, desired-state, p3, p3/agents
    assert repo.objects.objects_read - before == 5


def test_a_file_that_moved_is_found_where_it_is(box: Sandbox, opened: Opener) -> None:
    many(box, 30)
    repo = opened(box.path)
    repo.tree("HEAD")
    box.git("mv", "desired-state/p3", "desired-state/q/")
    box.commit()
    fresh = opened(box.path)
    assert repo.tree("HEAD") == fresh.tree("HEAD")
