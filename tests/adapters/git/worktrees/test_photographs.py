"""Photographs: what changed is seen at once, what did not costs a few stats and is the same."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from reconciler.adapters.git.raw.indexfile import Entry, load, parse, render
from reconciler.model.ids import UnitId
from reconciler.model.problems import SourceError
from reconciler.model.step import OpenWorkspace
from reconciler.model.unit import Workspace
from reconciler.ports import Order
from tests.adapters.git.worktrees.farm import UNIT, Farm, at, everything, staged

SETTLED_S = 0.06


def several(farm: Farm, count: int) -> list[Workspace]:
    wanted = [farm.wanted(UnitId(f"shop/workspace/a{number}")) for number in range(count)]
    orders = [Order(one.id, (OpenWorkspace(one.id, one),)) for one in wanted]
    assert [r.error for r in farm.shop.perform(orders)] == [""] * count
    return wanted


def test_what_did_not_change_is_not_looked_at_again(farm: Farm) -> None:
    wanted = several(farm, 5)
    time.sleep(SETTLED_S)
    farm.shop.photograph(wanted)
    first, looked = farm.shop.photograph(wanted), farm.shop.looked
    for _ in range(3):
        assert farm.shop.photograph(wanted) is first
    assert farm.shop.looked == looked
    at(Path(wanted[2].path)).git("commit", "-q", "--allow-empty", "-m", "on")
    second = farm.shop.photograph(wanted)
    assert farm.shop.looked == looked + 1
    assert [u for u in first if first[u] != second[u]] == [wanted[2].id]


@pytest.mark.parametrize("count", [1, 70])  # with many, only some are looked at closely each time
def test_every_change_that_git_makes_is_seen_at_once(farm: Farm, count: int) -> None:
    wanted = several(farm, count)
    one = wanted[-1]
    tree, box = at(Path(one.path)), farm.box

    def seen() -> object:
        time.sleep(SETTLED_S)
        farm.shop.photograph(wanted)  # now all is settled, and watched
        farm.shop.photograph(wanted)
        return farm.shop.photograph(wanted)

    branch = "training/shop/" + one.id.name
    for deed in (
        lambda: tree.git("commit", "-q", "--allow-empty", "-m", "on"),
        lambda: box.git("update-ref", f"refs/heads/{branch}/1", "main"),
        lambda: box.git("pack-refs", "--all"),
        lambda: tree.git("commit", "-q", "--allow-empty", "-m", "on again"),
        lambda: farm.archive(1, one.id),
        lambda: tree.git("switch", "-q", "-c", "own"),
        lambda: tree.git("switch", "-q", "--detach"),
        lambda: tree.git("switch", "-q", f"{branch}/1"),
        lambda: box.git("update-ref", "-d", f"refs/heads/{branch}/1"),
        lambda: box.git("update-ref", f"refs/heads/{branch}/1", "main"),
        lambda: farm.mark(farm.wanted(one.id, base="")),
        lambda: box.git("worktree", "move", one.path, f"{one.path}-away"),
    ):
        before = seen()
        deed()
        after = farm.shop.photograph(wanted)
        fresh = type(farm.shop)(farm.root, "night")
        assert after == fresh.photograph(wanted)
        fresh.close()
        assert after != before or "pack-refs" in deed.__code__.co_consts


def test_somebody_who_writes_where_git_does_not_is_seen_in_turn(farm: Farm) -> None:
    wanted = several(farm, 70)
    time.sleep(SETTLED_S)
    farm.shop.photograph(wanted)
    farm.shop.photograph(wanted)
    Path(wanted[0].path, ".git").write_text("gitdir: /nowhere\n")
    troubles = [farm.shop.photograph(wanted)[wanted[0].id].trouble for _ in range(3)]
    assert any(troubles)


def test_it_starts_no_process(farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = several(farm, 3)
    farm.archive(1, wanted[0].id)
    farm.again()
    monkeypatch.setenv("PATH", str(tmp_path))
    found = farm.shop.photograph(wanted)
    assert [seen.finished for seen in found.values()] == [True, False, False]
    assert not any(seen.trouble for seen in found.values())


def test_a_verdict_that_git_packed_away_is_read_once(farm: Farm) -> None:
    farm.opened()
    farm.archive()
    farm.box.git("gc", "-q")
    farm.again()
    assert farm.seen(farm.wanted()).finished


def test_a_run_whose_verdict_is_of_an_earlier_tip_is_not_over(farm: Farm) -> None:
    tree = farm.opened()
    farm.archive()
    assert farm.seen().finished
    at(tree).git("commit", "-q", "--allow-empty", "-m", "more")
    assert not farm.seen().finished


# -- runs -----------------------------------------------------------------------------------------


def test_numbers_of_runs_are_not_used_again(farm: Farm) -> None:
    farm.opened()
    farm.archive()
    assert farm.shut().error == ""
    farm.box.git("branch", "-q", "-D", "training/shop/torch/1")
    farm.opened()
    assert farm.seen().run == 2
    assert farm.shut().error == ""
    farm.opened()
    assert farm.seen().run == 2  # it is still open
    farm.box.git("update-ref", "refs/novaorch/archive/shop/torch/9", "main")
    farm.archive(2)
    assert farm.begin(farm.seen().tip).error == ""
    assert farm.seen().run == 10


def test_a_run_does_not_begin_over_what_git_is_at_work_on(farm: Farm) -> None:
    farm.opened()
    tip = farm.archive()
    (farm.admin / "index.lock").write_bytes(b"")
    receipt = farm.begin(tip)
    assert "index.lock" in receipt.error
    (farm.admin / "index.lock").unlink()
    assert farm.begin("0" * 40).stale
    assert farm.begin(tip).error == ""
    assert farm.begin(tip).stale  # it was done


def test_a_run_begins_with_other_kinds_of_files(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "src" / "app.py").unlink()
    (tree / "src").rmdir()
    (tree / "src").write_text("a file now\n")
    (tree / "link").unlink()
    (tree / "link").mkdir()
    (tree / "link" / "in").write_text("a folder now\n")
    (tree / "run.sh").chmod(0o644)
    at(tree).commit("turned")
    tip = farm.archive()
    assert farm.begin(tip).error == ""
    assert everything(tree) == everything(farm.box.path)
    assert at(tree).git("status", "--porcelain") == ""


def test_ignored_files_outlive_a_run(farm: Farm) -> None:
    tree = farm.opened()
    (tree / "noise.log").write_text("x")
    assert farm.begin(farm.archive()).error == ""
    assert (tree / "noise.log").exists()


# -- git's index ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_an_index_of_every_version_is_read_and_written(farm: Farm, version: str) -> None:
    tree = at(farm.opened())
    for name in ("a" * 300, "a" * 301 + "\n", "käse/x", "z", "hidden"):
        path = tree.path / name[:200] / name[200:] if len(name) > 250 else tree.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name[:5])
    tree.git("add", "--all")
    (tree.path / "intended").write_text("x")
    tree.git("add", "--intent-to-add", "intended")
    tree.git("update-index", "--assume-unchanged", "z")
    if version != "2":
        tree.git("update-index", "--skip-worktree", "hidden")
    tree.git("update-index", f"--index-version={version}")
    lines = staged(tree)
    index = farm.admin / "index"
    entries = parse(index.read_bytes(), "sha1")
    again = render(entries, "sha1")
    assert parse(again, "sha1") == entries
    index.write_bytes(again)
    assert staged(tree) == lines
    assert tree.git("diff", "--name-only") == "intended"


@pytest.mark.parametrize("body", [b"", b"DIRC", b"x" * 100, b"DIRC\0\0\0\x09" + b"\0" * 24])
def test_what_is_no_index_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "index").write_bytes(body)
    with pytest.raises(SourceError, match="cannot be read"):
        load(tmp_path / "index", "sha1")
    assert load(tmp_path / "none", "sha1") is None
    assert parse(render([], "sha1"), "sha1") == []


def test_entries_are_written_in_gits_order() -> None:
    names = [b"b", b"a/b", b"a.b", b"a", b"a0"]
    made = render([Entry(name, "100644", "0" * 40) for name in names], "sha1")
    assert [e.path for e in parse(made, "sha1")] == [b"a", b"a.b", b"a/b", b"a0", b"b"]


# -- figures --------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_thousand_trees(farm: Farm) -> None:
    wanted = several(farm, 1000)
    time.sleep(SETTLED_S)
    farm.shop.photograph(wanted)
    first = farm.shop.photograph(wanted)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        assert farm.shop.photograph(wanted) is first
        times.append(time.perf_counter() - start)
    print(f"1,000 unchanged work trees: {sorted(times)[25] * 1000:.1f} ms")
    assert sorted(times)[25] < 0.1
    subprocess.run(["rm", "-rf", str(farm.root / "shop" / "a7")], check=True)
    assert UnitId("shop/workspace/a7") not in farm.shop.photograph(wanted)
    assert UNIT not in first


# -- what a coarse clock and a link on the way could hide ------------------------------------------


def test_changes_that_follow_each_other_at_once_are_all_seen(farm: Farm) -> None:
    tree = farm.opened()
    first = at(tree).git("rev-parse", "HEAD")
    tips = [first, at(tree).commit("second")]
    ref = farm.box.path / ".git/refs/heads/training/shop/torch/1"
    time.sleep(SETTLED_S)
    farm.seen()
    for number in range(60):
        ref.write_text(f"{tips[number % 2]}\n")  # in place: only the hour tells
        assert farm.seen().tip == tips[number % 2], number


def test_a_link_on_the_way_of_a_new_run_is_not_followed(farm: Farm, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = farm.opened()
    (tree / "out.log").symlink_to(outside)  # ignored, so nobody counts it
    tip = farm.archive()
    (farm.box.path / "out.log").mkdir()
    (farm.box.path / "out.log" / "file").write_text("x")
    farm.box.git("add", "--force", "out.log")
    farm.box.commit("a folder of that name")
    receipt = farm.begin(tip)
    assert "out.log" in receipt.error
    assert receipt.fix
    assert list(outside.iterdir()) == []
    (tree / "out.log").unlink()
    assert farm.begin(tip).error == ""
    assert everything(tree) == everything(farm.box.path)
