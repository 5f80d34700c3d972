"""The cache of parsed manifests: only speed, and never trusted further than that."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from reconciler.adapters import manifestcache
from reconciler.adapters.manifestcache import DiskCache
from reconciler.kinds.parse import parse
from reconciler.ports import ManifestCache
from tests.kinds.desk import agent, session

GOOD = ("p/agents/a.yaml", "a" * 40, agent('env: {A: é, B: "\\""}\nafter: [b]'))
WARNED = ("p/charter.md", "b" * 40, "no title\n\x1b\n- [ ] x\n")
BAD = ("p/agents/b.yaml", "c" * 40, agent("mode: on"))
FRAME = ("p/sessions/s.yaml", "d" * 40, session("windows: [{panes: [{}, {}]}]"))
ALL = (GOOD, WARNED, BAD, FRAME)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "manifests.json"


def filled(file: Path, version: str = "1") -> DiskCache:
    cache = DiskCache(file, version)
    for path, oid, text in ALL:
        cache.put(oid, path, *parse(path, oid, text.encode()))
    return cache


def knows(cache: ManifestCache) -> bool:
    return cache.get(GOOD[1], GOOD[0]) is not None


def test_what_was_put_comes_back_the_same(file: Path) -> None:
    filled(file).save()
    cache: ManifestCache = DiskCache(file, "1")
    for path, oid, text in ALL:
        assert cache.get(oid, path) == parse(path, oid, text.encode())
    assert cache.get("e" * 40, GOOD[0]) is None
    assert cache.get(GOOD[1], "p/agents/other.yaml") is None


def test_the_file_is_private_and_alone(file: Path) -> None:
    filled(file).save()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_nothing_new_writes_nothing(file: Path) -> None:
    filled(file).save()
    before = file.stat()
    cache = DiskCache(file, "1")
    assert knows(cache)
    cache.save()
    assert file.stat().st_ino == before.st_ino
    cache.put("f" * 40, "x", None, ())
    cache.save()
    assert file.stat().st_ino != before.st_ino
    assert knows(DiskCache(file, "1"))


def test_an_empty_cache_writes_nothing(file: Path) -> None:
    DiskCache(file, "1").save()
    assert not file.exists()


def test_another_version_does_not_count(file: Path) -> None:
    filled(file).save()
    assert not knows(DiskCache(file, "2"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"version": "1"}',
        b'{"version": "1", "entries": []}',
        b'{"version": 1, "entries": {}}',
        b"[" * 200_000,
    ],
)
def test_a_broken_file_is_an_empty_one(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    cache = filled(file)
    cache.save()
    assert knows(DiskCache(file, "1"))


@pytest.mark.parametrize(
    "entry",
    [0, "x", [], [None], [None, 5], [None, [[]]], [["Agent"], []], [{}, []], [None, [[1] * 9]],
     [["Agent", "p", "a", {}, {}, ["x", 1]], []], [["Agent", "p", "a", {}, {}, {"x": 1}], []],
     [None, [["p", 1, 1, "r", "w", "y", "f", "fatal"]]]],
)  # fmt: skip
def test_a_broken_entry_is_a_missing_one(file: Path, entry: object) -> None:
    file.parent.mkdir()
    key = f"{GOOD[1]}\0{GOOD[0]}"
    file.write_text(json.dumps({"version": "1", "entries": {key: entry}}))
    assert not knows(DiskCache(file, "1"))


def test_a_foreign_file_is_not_read(file: Path, tmp_path: Path) -> None:
    filled(file).save()
    file.chmod(0o620)
    assert not knows(DiskCache(file, "1"))
    file.chmod(0o600)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    assert not knows(DiskCache(link, "1"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert not knows(DiskCache(pipe, "1"))
    assert not knows(DiskCache(tmp_path, "1"))


def test_a_link_is_replaced_not_followed(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("keep")
    file.symlink_to(precious)
    filled(file).save()
    assert precious.read_text() == "keep"
    assert not file.is_symlink()
    assert knows(DiskCache(file, "1"))


def test_failing_to_write_is_silent_and_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    cache = filled(blocked / "below" / "cache.json")
    cache.save()
    assert knows(cache)
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "x").write_text("")
    filled(folder).save()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a-file", "taken"]
    full = Path("/dev/full")
    if full.exists():
        filled(full / "x").save()


def test_it_forgets_what_was_not_used_when_it_grows(file: Path) -> None:
    cache = filled(file)
    for i in range(manifestcache.ENTRIES_MAX):
        cache.put(f"{i:040x}", "p/x.yaml", None, ())
    cache.save()
    grown = DiskCache(file, "1")
    assert knows(grown)
    grown.put("f" * 40, "new", None, ())
    grown.save()
    left = json.loads(file.read_text())["entries"]
    assert sorted(left) == sorted([f"{GOOD[1]}\0{GOOD[0]}", f"{'f' * 40}\0new"])


def test_it_keeps_everything_while_it_is_small(file: Path) -> None:
    filled(file).save()
    cache = DiskCache(file, "1")
    cache.put("f" * 40, "new", None, ())
    cache.save()
    assert len(json.loads(file.read_text())["entries"]) == len(ALL) + 1
