"""The raw scan, the index, the packs and the transactions of refs, each for itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git import cleanroom
from reconciler.adapters.git.formats import object_id
from reconciler.adapters.git.pack import join_packs, write_pack
from reconciler.adapters.git.raw.dotgit import refused_name
from reconciler.adapters.git.raw.rawfiles import FRESH_NS
from reconciler.adapters.git.raw.scan import Rules, StatIndex, scan
from reconciler.adapters.git.raw.treefiles import Leaf, planted, read_tree
from reconciler.adapters.git.record.packs import FAN, JOINED_MAX, Packs
from reconciler.adapters.git.record.refmoves import RefMoves
from tests.adapters.git.studio import Room, Studio

ROOT = Path(__file__).parents[3]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path)
    yield made
    made.close()


@pytest.fixture
def room(studio: Studio) -> Iterator[Room]:
    made = Room(studio)
    yield made
    made.room.close()


def settle() -> None:
    """Wait until a stamp tells the next change for certain."""
    time.sleep(2 * FRESH_NS / 1e9)


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


def test_rooms_of_killed_processes_are_swept(room: Room, tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"novaorch-room-{dead.pid}-abc").mkdir()
    (tmp_path / f"novaorch-room-{os.getpid()}-abc").mkdir()
    cleanroom.sweep(tmp_path)
    left = [path.name for path in tmp_path.glob("novaorch-room-*")]
    assert left == [f"novaorch-room-{os.getpid()}-abc"]


def test_packs_are_kept_few_and_lose_nothing(room: Room) -> None:
    packs = Packs(room.room)
    wanted: dict[str, bytes] = {}
    folder = room.studio.common / "objects" / "pack"
    for number in range(FAN * FAN + 3):
        bodies = [f"object {one}\n".encode() * (one + 1) for one in (number, number // 2)]
        batch = {object_id("blob", body, "sha1"): body for body in bodies}
        wanted |= batch
        packs.add({oid: ("blob", body) for oid, body in batch.items()})
        packs.tidy()
    packs.close()
    assert packs.joined == FAN
    assert packs.merged == 1
    assert len(list(folder.glob("*.idx"))) == 1 + 3
    with room.room.reading() as objects:
        assert objects.contents(list(wanted), "blob") == list(wanted.values())
    room.studio.git("fsck", "--strict")


def test_a_merge_that_fails_takes_nothing_away(room: Room) -> None:
    packs = Packs(room.room)
    folder = room.studio.common / "objects" / "pack"
    for number in range(FAN):
        body = f"object {number}\n".encode()
        packs.add({object_id("blob", body, "sha1"): ("blob", body)})
    victim = next(folder.glob("*.idx"))
    victim.unlink()
    packs.tidy()
    packs.close()
    assert packs.joined == packs.merged == 0
    assert len(list(folder.glob("*.idx"))) == FAN - 1


def test_a_large_pack_is_left_for_git_to_merge(room: Room) -> None:
    packs = Packs(room.room)
    body = os.urandom(JOINED_MAX)
    packs.add({object_id("blob", body, "sha1"): ("blob", body)})
    for number in range(FAN * FAN - 1):
        small = f"object {number}\n".encode()
        packs.add({object_id("blob", small, "sha1"): ("blob", small)})
        packs.tidy()
    packs.close()
    assert (packs.joined, packs.merged) == (FAN - 1, 1)
    room.studio.git("fsck", "--strict")


def test_packs_of_another_kind_of_hash_are_joined_too(tmp_path: Path) -> None:
    names, wanted = [], {}
    for number in range(5):
        body = f"object {number}\n".encode()
        oid = object_id("blob", body, "sha256")
        wanted[oid] = ("blob", body)
        names.append(write_pack(tmp_path, {oid: ("blob", body)}, "sha256"))
    joined = join_packs(tmp_path, names, "sha256")
    whole = (tmp_path / f"{joined}.pack").read_bytes()
    assert joined == write_pack(tmp_path, wanted, "sha256")
    assert len(whole) == len((tmp_path / f"{joined}.pack").read_bytes())
    (tmp_path / f"{names[0]}.pack").write_bytes(b"something else" * 9)
    with pytest.raises(ValueError, match="belong together"):
        join_packs(tmp_path, names, "sha256")


def test_refs_move_together_or_not_at_all(room: Room) -> None:
    studio, moves = room.studio, RefMoves(room.room.command().start)
    tip, zero = studio.tip(), "0" * 40
    try:
        assert moves.move([f"update refs/heads/x {tip} {zero}"]) == ""
        said = moves.move(
            [f"update refs/heads/y {tip} {zero}", f"update refs/heads/x {tip} {zero}"]
        )
        assert "exists" in said
        assert studio.tip("refs/heads/y") == ""
        assert moves.move([f"create refs/heads/y {tip}"]) == ""
        helper = moves._helper
        assert helper is not None
        helper.kill()
        helper.wait()
        assert moves.move([f"create refs/heads/z {tip}"]) == ""
        assert moves.move(["nonsense"]) != ""
        assert moves.move([f"delete refs/heads/z {tip}"]) == ""
    finally:
        moves.close()


KILLED = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from reconciler.adapters.git{folder} import {module}
    from reconciler.adapters.git.record.recorder import GitRecorder
    from reconciler.model.ids import UnitId
    from reconciler.model.training import Turn
    from reconciler.model.unit import Training
    from reconciler.model.workspace import SeenWorkspace

    before = {module}.{name}

    def deadly(*words, **named):
        if "{when}" == "after":
            before(*words, **named)
        os.kill(os.getpid(), 9)

    {module}.{name} = deadly
    unit, path, common, branch = sys.argv[1:]
    seen = SeenWorkspace(UnitId(unit), path, common, branch)
    GitRecorder().record(seen, Training(), Turn(UnitId("shop/agent/torch"), 5.0, prompt="go on"))
    """
)
BOUNDARIES = [
    ("pack", "_put"),
    (".record.packs", "write_pack"),
    (".record.refmoves", "_write_all"),
    (".record.refmoves", "RefMoves.move"),
    (".record.gitindex", "_changed"),
    (".record.gitindex", "_stamp"),
    (".record.recorder", "scan"),
    (".record.packs", "Packs.tidy"),
    (".record.staging", "bring_along"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("module", "name"), BOUNDARIES)
def test_killed_at_any_boundary_the_work_is_committed_once(
    studio: Studio, module: str, name: str, when: str
) -> None:
    studio.write("app.py", "precious\n")
    studio.write("new.py", "precious, too\n")
    seen = studio.seen
    words = [str(seen.unit), seen.path, seen.repository, seen.branch]
    folder, _, module = module.rpartition(".")
    code = KILLED.format(folder=folder, module=module, name=name, when=when)
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10  # the helper that moves refs outlives its master by a moment
    while list(studio.common.rglob("*.lock")) and time.monotonic() < deadline:
        if (studio.admin / "index.lock").exists():
            break
        time.sleep(0.01)
    before = studio.tip()
    made = studio.record()
    commits = studio.git("rev-list", "main..HEAD").split()
    assert len(commits) == 1
    assert (made is None) == (before == commits[0])
    assert studio.content(commits[0], "new.py") == "precious, too"
    assert studio.git("status", "--porcelain") == ""
    assert not list(studio.admin.glob("index.*"))
    studio.git("fsck", "--strict")
