"""What is recalled is what git would list: for any tree, whatever it was shown before."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.adapters.git.raw.listing import list_files
from reconciler.adapters.git.raw.recall import DEPTH_MAX, Recall
from tests.adapters.git.studio import Room, Studio, settle


def there(room: Room, paths: tuple[str, ...]) -> set[str]:
    """Return the listed paths that are on the disk; the index may name others, too."""
    return {path for path in paths if os.path.lexists(room.studio.tree / path)}


def same(room: Room, recall: Recall) -> bool:
    """Compare with git; return whether it was recalled, and not left to git."""
    wanted = list_files(room.room, room.place)
    found = recall.listing(room.room, room.place)
    if found is None:
        return False
    assert there(room, found.paths) == there(room, wanted.paths)
    assert dict(found.index) == dict(wanted.index)
    assert (found.skipped, found.unmerged, found.blind) == (frozenset(), False, ())
    assert (wanted.skipped, wanted.unmerged, wanted.blind) == (frozenset(), False, ())
    return True


def test_a_tree_as_it_was_made_needs_no_process(room: Room) -> None:
    settle()
    recall = Recall()
    assert same(room, recall)
    assert recall.asked == 0


def test_only_a_new_name_is_asked_for_and_once(room: Room) -> None:
    recall = Recall()
    room.studio.write("new.py")
    room.studio.write("noise.log")
    room.studio.write("build/out.bin")
    settle()
    assert same(room, recall)
    asked = recall.asked
    assert asked
    room.studio.write("app.py", "changed\n")
    room.studio.write("build/more.bin")
    assert same(room, recall)
    assert recall.asked == asked, "what is in a folder that is ignored is nobody's business"
    room.studio.write("newer.py")
    assert same(room, recall)
    assert recall.asked == asked + 1
    assert "newer.py" in (recall.listing(room.room, room.place) or pytest.fail("git")).paths


def test_a_changed_rule_is_heard(room: Room) -> None:
    recall = Recall()
    room.studio.write("noise.log")
    settle()
    assert same(room, recall)
    room.studio.write(".gitignore", "build/\n")
    assert same(room, recall)
    assert "noise.log" in (recall.listing(room.room, room.place) or pytest.fail("git")).paths
    exclude = room.studio.common / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("*.log\n")
    settle()
    assert same(room, recall)
    assert "noise.log" not in (recall.listing(room.room, room.place) or pytest.fail("git")).paths


def test_rules_that_change_within_one_moment_are_never_believed(room: Room) -> None:
    recall = Recall()
    room.studio.write("noise.log")
    for number in range(30):
        text = "*.log\n" if number % 2 else "*.txt\n"
        room.studio.write(".gitignore", text)
        assert same(room, recall)


@pytest.mark.parametrize(
    "name", [":(glob)x", ":!x", "*", "a b", "ä", "tab\there", "line\nbreak", "-n", "./x", "#", "!x"]
)
def test_names_that_mean_something_to_git_are_names(room: Room, name: str) -> None:
    room.studio.write(name)
    settle()
    assert same(room, Recall())


def test_a_name_that_is_no_text(room: Room) -> None:
    Path(os.fsdecode(os.fsencode(room.studio.tree) + b"/\xff\xfe")).touch()
    assert same(room, Recall())


def test_what_is_odd_is_left_to_git(room: Room) -> None:
    tree = room.studio.tree
    room.studio.repo.git("init", "--quiet", str(tree / "inner"))
    assert not same(room, Recall())
    shutil.rmtree(tree / "inner")
    assert same(room, Recall())
    (tree / "app.py").unlink()
    (tree / "app.py").mkdir()
    assert not same(room, Recall())
    (tree / "app.py").rmdir()
    (tree / "rules").mkdir()
    (tree / "rules" / ".gitignore").symlink_to("/etc/hostname")
    assert not same(room, Recall())
    shutil.rmtree(tree / "rules")
    deep = tree.joinpath(*["d"] * (DEPTH_MAX + 1))
    deep.mkdir(parents=True)
    (deep / "x").touch()
    assert not same(room, Recall())
    shutil.rmtree(tree / "d")
    room.studio.git("update-index", "--assume-unchanged", "lib/deep.py")
    assert not same(room, Recall())


def test_pipes_and_links_out_of_the_tree(room: Room) -> None:
    os.mkfifo(room.studio.tree / "pipe")
    (room.studio.tree / "out").symlink_to("/etc")
    (room.studio.tree / "lib2").symlink_to("lib")
    settle()
    recall = Recall()
    assert same(room, recall)
    assert "out" in (recall.listing(room.room, room.place) or pytest.fail("git")).paths


PARTS = st.sampled_from(["a", "b", "c.log", "keep.log", "build", "d"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
LINES = st.sampled_from(["*.log", "!keep.log", "build/", "/a", "d/*", "!d/b", "b", "**/c.log"])
DOINGS = st.one_of(
    st.tuples(st.just("write"), PATHS),
    st.tuples(st.just("remove"), PATHS),
    st.tuples(st.just("folder"), PATHS),
    st.tuples(st.just("link"), PATHS),
    st.tuples(st.just("add"), PATHS),
    st.tuples(st.just("drop"), PATHS),
    st.tuples(st.sampled_from(["rules", "a/rules", "d/rules"]), st.lists(LINES, max_size=3)),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(DOINGS, max_size=4), min_size=1, max_size=5))
def test_for_any_past_it_lists_what_git_lists(
    tmp_path_factory: pytest.TempPathFactory, past: list[list[tuple[str, object]]]
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    studio = Studio(folder)
    room = Room(studio)
    recall = Recall()
    try:
        for doings in past:
            for what, where in doings:
                do(studio, what, where)
            same(room, recall)
        settle()
        same(room, recall)
        again = recall.asked
        if same(room, recall):
            assert recall.asked == again, "nothing is new"
    finally:
        room.room.close()
        studio.close()
        shutil.rmtree(folder)


def do(studio: Studio, what: str, where: object) -> None:
    """Do one thing, if it can be done."""
    try:
        if isinstance(where, list):
            studio.write(what.replace("rules", ".gitignore"), "\n".join(where) + "\n")
            return
        path = studio.tree / str(where)
        if what == "write":
            studio.write(str(where))
        elif what == "folder":
            path.mkdir(parents=True, exist_ok=True)
        elif what == "link":
            path.symlink_to("lib")
        elif what == "remove":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        elif what == "add":
            studio.git("add", "--force", "--", str(where), ok=False)
        else:
            studio.git("rm", "-r", "--quiet", "--cached", "--", str(where), ok=False)
    except OSError:
        return
