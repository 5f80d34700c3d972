"""Packs and transactions of refs: kept few, all or nothing, and killed at any boundary."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from reconciler.adapters.git.formats import object_id
from reconciler.adapters.git.pack import join_packs, write_pack
from reconciler.adapters.git.record.packs import FAN, JOINED_MAX, Packs
from reconciler.adapters.git.record.refmoves import MOVES_MAX, RefMoves
from tests.adapters.git.studio import Room, Studio

ROOT = Path(__file__).parents[3]


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


@pytest.mark.parametrize("level", [0, 1])
def test_a_merge_that_fails_takes_nothing_away(level: int, room: Room) -> None:
    packs = Packs(room.room)
    folder = room.studio.common / "objects" / "pack"
    count = FAN ** (level + 1)
    for number in range(count):
        if number == count - 1:
            max(folder.glob("*.idx"), key=lambda path: path.stat().st_size).unlink()
        body = f"object {number}\n".encode()
        packs.add({object_id("blob", body, "sha1"): ("blob", body)})
        packs.tidy()
    packs.close()
    assert packs.merged == 0
    assert packs.joined == level * FAN
    assert len(list(folder.glob("*.pack"))) == FAN
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


def test_a_helper_that_moved_refs_often_makes_room_for_a_fresh_one(room: Room) -> None:
    studio, moves = room.studio, RefMoves(room.room.command().start)
    tip, pids = studio.tip(), []
    try:
        for number in range(MOVES_MAX + 1):
            assert moves.move([f"create refs/heads/x{number} {tip}"]) == ""
            moves.rest()
            assert moves._helper is not None
            pids.append(moves._helper.pid)
    finally:
        moves.close()
    assert pids == [pids[0]] * (MOVES_MAX - 1) + [pids[-1]] * 2
    assert pids[0] != pids[-1]


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
