"""The raw scan, the index and trees, each for itself."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.git import cleanroom
from reconciler.adapters.git.formats import object_id
from reconciler.adapters.git.raw.dotgit import refused_name
from reconciler.adapters.git.raw.scan import Rules, StatIndex, scan
from reconciler.adapters.git.raw.treefiles import Branching, Leaf, planted, read_tree
from tests.adapters.git.studio import Room, settle

ROOT = Path(__file__).parents[3]


def test_an_unchanged_tree_is_hashed_once(room: Room) -> None:
    base, known = room.base(), StatIndex()
    settle()
    first = scan(room.room, room.place, base, known)
    assert dict(first.files) == base
    assert first.read == len(base)
    first.store()
    again = scan(room.room, room.place, base, known)
    assert again.read == again.size == 0
    assert dict(again.files) == base


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(room: Room) -> None:
    """A stamp that is too fresh is not believed: the clock of files is coarse."""
    base, known = room.base(), StatIndex()
    settle()
    file = room.studio.tree / "app.py"
    for number in range(200):
        file.write_text(f"{number:04}\n")
        found = scan(room.room, room.place, base, known)
        found.store()
        wanted = object_id("blob", f"{number:04}\n".encode(), "sha1")
        assert found.files["app.py"].oid == wanted
        if number > 20:
            break


def test_what_was_not_stored_is_read_again(room: Room) -> None:
    base, known = room.base(), StatIndex()
    room.studio.write("new.py", "new\n")
    settle()
    assert scan(room.room, room.place, base, known).read == len(base) + 1
    assert scan(room.room, room.place, base, known).read == len(base) + 1


def test_the_index_says_what_is_staged(room: Room) -> None:
    room.studio.write("app.py", "staged\n")
    room.studio.git("add", "app.py")
    room.studio.write("app.py", "in the tree\n")
    room.studio.git("rm", "--quiet", "--cached", "lib/deep.py")
    found = scan(room.room, room.place, room.base())
    assert found.index["app.py"].oid == object_id("blob", b"staged\n", "sha1")
    assert found.files["app.py"].oid == object_id("blob", b"in the tree\n", "sha1")
    assert "lib/deep.py" not in found.index
    assert "lib/deep.py" in found.files


def test_an_ignored_file_that_is_tracked_counts(room: Room) -> None:
    room.studio.write("build/out.bin", "x\n")
    room.studio.write("build/other.bin", "x\n")
    room.studio.git("add", "--force", "build/out.bin")
    files = scan(room.room, room.place, room.base()).files
    assert "build/out.bin" in files
    assert "build/other.bin" not in files


def test_a_file_that_grows_all_the_time_is_read_as_it_was(room: Room) -> None:
    file, over = room.studio.tree / "journal.txt", threading.Event()

    def grow() -> None:
        with file.open("a", buffering=1) as out:
            while not over.is_set():
                out.write("line\n")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(5):
            found = scan(room.room, room.place, room.base())
            found.store()
            oid = found.files["journal.txt"].oid
            with room.room.reading() as objects:
                body = objects.contents([oid], "blob")[0]
            assert set(body.split(b"\n")) <= {b"line", b"l", b"li", b"lin", b""}
    finally:
        over.set()
        thread.join()


def test_the_limit_holds_without_reading(room: Room) -> None:
    room.studio.write("large", b"x" * 2000)
    found = scan(room.room, room.place, room.base(), rules=Rules(1000))
    assert [(one.path, one.rule) for one in found.refused] == [("large", "size")]
    assert found.size < 1000


def test_submodules_are_as_they_were_or_refused(room: Room) -> None:
    studio = room.studio
    tip = studio.tip()
    studio.git("update-index", "--add", "--cacheinfo", f"160000,{tip},sub")
    (studio.tree / "sub").mkdir()
    found = scan(room.room, room.place, room.base())
    assert found.files["sub"] == Leaf("160000", tip)
    (studio.tree / "sub" / "work").write_text("somebody's\n")
    found = scan(room.room, room.place, room.base())
    assert [one.path for one in found.refused] == ["sub"]
    assert "sub" not in found.files


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".git ", ".git...", ".git:x", "..", ""])
def test_refused_names(name: str) -> None:
    assert refused_name(name)
    assert refused_name(f"a/{name}/b")


@pytest.mark.parametrize("name", [".gitignore", "git", "git~2", ".gi", "a.git", ".github", "é.git"])
def test_other_names_pass(name: str) -> None:
    assert not refused_name(f"a/{name}")


def test_trees_are_those_that_git_makes(room: Room) -> None:
    studio = room.studio
    for path in ("a.b", "a/b", "a-b", "a0/x/y", "z"):
        studio.write(path)
    studio.git("add", "--all")
    wanted = studio.git("write-tree")
    files = dict(scan(room.room, room.place, room.base()).files)
    made: dict[str, bytes] = {}

    def write(kind: str, body: bytes) -> str:
        oid = object_id(kind, body, "sha1")
        made[oid] = body
        return oid

    assert planted(files).write(write) == wanted
    with room.room.reading() as objects:
        root = read_tree(objects, wanted)
    made.clear()
    assert root.files() == files
    root.put("a/b", None)
    root.put("a0/x/y", None)
    root.put("a0", Leaf("100644", files["z"].oid))
    root.write(write)
    assert len(made) == 1, "folders that did not change are not written again"
    assert set(root.files()) == (set(files) - {"a/b", "a0/x/y"}) | {"a0"}


NAMES = st.sampled_from(
    ["a", "b", "a.c", "a-b", "\udcff", "é", "a/b", "a/b/c", "a/c", "b/a", "é/x"]
)
LEAVES = st.builds(
    Leaf, st.sampled_from(["100644", "100755"]), st.sampled_from(["1" * 40, "2" * 40])
)


@given(st.lists(st.tuples(NAMES, st.none() | LEAVES, st.booleans()), max_size=30))
def test_a_tree_that_was_written_before_is_written_as_a_new_one(
    steps: list[tuple[str, Leaf | None, bool]],
) -> None:
    def write(kind: str, body: bytes) -> str:
        return object_id(kind, body, "sha1")

    tree = Branching()
    for path, leaf, written in steps:
        tree.put(path, leaf)
        if written:
            tree.write(write)
    assert tree.write(write) == planted(tree.files()).write(write)


def test_rooms_of_killed_processes_are_swept(room: Room, tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"novaorch-room-{dead.pid}-abc").mkdir()
    (tmp_path / f"novaorch-room-{os.getpid()}-abc").mkdir()
    cleanroom.sweep(tmp_path)
    left = [path.name for path in tmp_path.glob("novaorch-room-*")]
    assert left == [f"novaorch-room-{os.getpid()}-abc"]
