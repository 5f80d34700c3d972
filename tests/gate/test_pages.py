"""The pages: metrics, alive, ready; where the gate is; what the process uses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.core.conditions import dated
from reconciler.core.fold import fold
from reconciler.core.metrics import Measured
from reconciler.gate import address
from reconciler.gate.pages import Known, pages, readiness
from reconciler.gate.process import use
from reconciler.model.problems import NovaorchError
from tests.bench import Bench
from tests.builders import agent, desired

WELL = Measured(last_pass=1_000.0, leased=True)


def known(measured: Measured = WELL, now: float = 1_001.0, every_s: float = 5.5) -> Known:
    bench = Bench(desired(agent("a"))).run()
    thought = bench.think()
    statuses = dated({}, fold(thought.scene, thought.plan), 990.0)
    return Known("f", "c1", statuses, measured, now, every_s)


def value(text: str, name: str) -> float:
    (found,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]
    return found


def test_every_page_is_there() -> None:
    made = pages(known, "1.2.3")
    assert set(made) == {"/metrics", "/healthz", "/readyz"}
    page = made["/metrics"]()
    assert page.kind == "text/plain; version=0.0.4; charset=utf-8"
    assert value(page.body, "novaorch_unit_ready") == 1
    assert value(page.body, "process_resident_memory_bytes") > 1 << 20
    assert made["/healthz"]().status == 200
    assert made["/readyz"]().status == 200


@pytest.mark.parametrize(
    ("measured", "now", "every_s", "status"),
    [
        (WELL, 1_001.0, 5.5, 200),
        (WELL, 1_030.0, 5.5, 200),
        (WELL, 1_031.0, 5.5, 503),
        (WELL, 1_100.0, 60.0, 200),
        (WELL, 1_181.0, 60.0, 503),
        (replace(WELL, leased=False), 1_001.0, 5.5, 503),
        (replace(WELL, last_pass=0.0), 1_001.0, 5.5, 503),
    ],
)
def test_ready_is_a_young_pass_and_a_lease(
    measured: Measured, now: float, every_s: float, status: int
) -> None:
    page = readiness(known(measured, now, every_s))
    assert page.status == status, page.body


def test_what_was_seen_too_long_ago_is_told_as_unknown() -> None:
    page = pages(lambda: known(now=1_500.0), "1")["/metrics"]()
    assert value(page.body, "novaorch_unit_ready") == -1


def test_a_process_knows_what_it_uses() -> None:
    found = use()
    assert found is not None
    assert found.resident > 1 << 20
    assert found.virtual >= found.resident
    assert found.cpu_s > 0
    assert 3 <= found.files <= found.files_max
    assert 1e9 < found.began < 1e10


# -- where it is -----------------------------------------------------------------------------------


def test_the_note_is_the_owners_alone(tmp_path: Path) -> None:
    note = tmp_path / "gate"
    old = os.umask(0)
    try:
        address.write(note, "http://127.0.0.1:9100")
    finally:
        os.umask(old)
    assert note.stat().st_mode & 0o777 == 0o600
    assert address.read(note) == "http://127.0.0.1:9100"
    address.write(note, "http://127.0.0.1:9101")
    assert address.read(note) == "http://127.0.0.1:9101"
    address.forget(note, "http://127.0.0.1:9100")
    assert note.exists(), "it is somebody else's by now"
    address.forget(note, "http://127.0.0.1:9101")
    assert list(tmp_path.iterdir()) == []
    address.forget(note, "http://127.0.0.1:9101")


def test_a_link_that_lies_there_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / ".gate").symlink_to(precious)
    (tmp_path / "gate").symlink_to(precious)
    address.write(tmp_path / "gate", "http://127.0.0.1:9100")
    assert precious.read_text() == "mine"
    assert not (tmp_path / "gate").is_symlink()


@pytest.mark.parametrize(
    "content",
    [b"", b"http://evil.example:80", b"http://127.0.0.1:0", b"http://127.0.0.1:99999999", b"\xff"],
)
def test_a_note_that_cannot_be_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gate").write_bytes(content)
    assert address.read(tmp_path / "gate") == ""


def test_no_folder_is_said(tmp_path: Path) -> None:
    assert address.read(tmp_path / "none" / "gate") == ""
    with pytest.raises(NovaorchError) as caught:
        address.write(tmp_path / "none" / "gate", "http://127.0.0.1:9100")
    assert caught.value.fix
