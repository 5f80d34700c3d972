"""What is answered beforehand in a file that belongs to somebody else."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.claude_code import seed as module
from reconciler.adapters.claude_code.seed import Answers, seed
from reconciler.core.conversation import conversation
from reconciler.model.problems import NovaorchError
from tests.adapters.claude_code.wardrobe import FLEET, UNIT, Wardrobe, after, begin

OWN = conversation(FLEET, UNIT)
HERE = Answers(("/work",), "2.1.330")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / ".claude.json"


def read(config: Path) -> dict[str, Any]:
    found = json.loads(config.read_text())
    assert isinstance(found, dict)
    return found


def test_everything_is_answered_in_a_new_file(config: Path) -> None:
    assert seed(config, replace(HERE, key="sk-ant-0123456789abcdefghijklmnop", bypass=True))
    assert read(config) == {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "lastOnboardingVersion": "2.1.330",
        "bypassPermissionsModeAccepted": True,
        "projects": {
            "/work": {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        },
        "customApiKeyResponses": {"approved": ["6789abcdefghijklmnop"], "rejected": []},
    }
    assert config.stat().st_mode & 0o777 == 0o600
    assert list(config.parent.iterdir()) == [config], "neither lock nor draft stays"


def test_what_is_there_stays_to_the_letter(config: Path) -> None:
    before: dict[str, Any] = {
        "theme": "light",
        "lastOnboardingVersion": "1.0.0",
        "numStartups": 7,
        "mcpServers": {"a": {"command": "b"}},
        "projects": {"/work": {"allowedTools": ["Read"]}, "/else": {"lastCost": 0.5}},
        "customApiKeyResponses": {"approved": ["old"], "rejected": ["x" * 20], "more": 1},
        "ünïcode": "é🪁",
    }
    config.write_text(json.dumps(before))
    config.chmod(0o640)
    assert seed(config, replace(HERE, key="x" * 30))
    after = read(config)
    trusted = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    before["hasCompletedOnboarding"] = True
    before["projects"]["/work"] |= trusted
    assert after == before, "and a person's no to a key stays a no"
    assert config.stat().st_mode & 0o777 == 0o640


def test_nothing_missing_is_nothing_written(config: Path) -> None:
    assert seed(config, HERE)
    before = config.stat()
    lock = config.with_name(".claude.json.lock")
    lock.mkdir()
    assert not seed(config, HERE), "no lock is needed for that"
    assert (config.stat().st_ino, config.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert lock.exists()


@pytest.mark.parametrize("content", ["{", "[]", "null", '"x"', "\x00", "[" * 100_000])
def test_one_that_cannot_be_read_is_left_as_it_is(config: Path, content: str) -> None:
    config.write_text(content)
    with pytest.raises(NovaorchError, match="left as it is") as refused:
        seed(config, HERE)
    assert f"mv {config}" in refused.value.fix
    assert config.read_text() == content


@pytest.mark.parametrize("odd", [None, [], "x", 3])
def test_strange_parts_are_replaced_only_where_an_answer_belongs(config: Path, odd: object) -> None:
    config.write_text(json.dumps({"projects": odd, "customApiKeyResponses": odd, "other": odd}))
    seed(config, replace(HERE, key="k" * 20))
    assert read(config)["other"] == odd
    assert read(config)["customApiKeyResponses"]["approved"] == ["k" * 20]


def test_an_empty_file_holds_nothing(config: Path) -> None:
    config.touch()
    assert seed(config, HERE)
    assert read(config)["hasCompletedOnboarding"] is True


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    config.symlink_to(tmp_path / "dotfiles" / "claude.json")
    seed(config, HERE)
    assert config.is_symlink()
    assert read(config)["theme"] == "dark"


def test_many_at_once_lose_nothing(config: Path) -> None:
    config.write_text(json.dumps({"kept": True}))
    names = [f"/work/{n}" for n in range(24)]
    failed: list[Exception] = []

    def one(name: str) -> None:
        try:
            seed(config, Answers((name,), "2.1.330"))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(read(config)["projects"]) == set(names)
    assert read(config)["kept"] is True
    assert list(config.parent.iterdir()) == [config]


def test_a_lock_that_nobody_tends_is_taken_over(config: Path) -> None:
    lock = config.with_name(".claude.json.lock")
    lock.mkdir()
    os.utime(lock, (1, 1))
    assert seed(config, HERE)
    assert not lock.exists()


def test_a_lock_that_is_held_is_waited_for_and_then_said(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    lock = config.with_name(".claude.json.lock")
    lock.mkdir()
    with pytest.raises(NovaorchError, match="is locked"):
        seed(config, HERE)
    assert lock.exists()
    assert not config.exists()


# -- what the outfitter answers --------------------------------------------------------------------


def test_an_agent_is_trusted_where_it_works_and_nowhere_else(wardrobe: Wardrobe) -> None:
    real, link = wardrobe.root / "work", wardrobe.root / "link"
    link.symlink_to(real)
    wardrobe.dress(launch=replace(wardrobe.launch(), directory=str(link)))
    config = read(wardrobe.root / "home" / ".claude.json")
    assert set(config["projects"]) == {str(link), str(real.resolve())}
    assert config["lastOnboardingVersion"] == "2.1.330"
    assert "bypassPermissionsModeAccepted" not in config
    wardrobe.dress(permission="bypassPermissions")
    assert read(wardrobe.root / "home" / ".claude.json")["bypassPermissionsModeAccepted"] is True


def test_a_key_is_agreed_to_by_its_end_alone(wardrobe: Wardrobe) -> None:
    wardrobe.secrets["env:KEY"] = "sk-ant-secret-0123456789abcdefghijklmno"
    launch = replace(wardrobe.launch(), secrets=(("ANTHROPIC_API_KEY", "env:KEY"),))
    wardrobe.dress(launch=launch)
    text = (wardrobe.root / "home" / ".claude.json").read_text()
    assert "56789abcdefghijklmno" in text
    assert "sk-ant-secret" not in text


def test_another_home_and_another_folder(wardrobe: Wardrobe) -> None:
    other = wardrobe.root / "other"
    other.mkdir()
    launch = replace(wardrobe.launch(), env=(("HOME", str(other)),))
    wardrobe.dress(launch=launch)
    assert (other / ".claude.json").exists()
    launch = replace(launch, env=(("CLAUDE_CONFIG_DIR", str(other / "conf")), ("HOME", "/none")))
    wardrobe.dress(launch=launch)
    assert (other / "conf" / ".claude.json").exists()
    assert not (wardrobe.root / "home" / ".claude.json").exists()


def test_a_broken_file_fails_that_agent_only(wardrobe: Wardrobe) -> None:
    other = wardrobe.root / "other"
    other.mkdir()
    (other / ".claude.json").write_text("{broken")
    broken = replace(wardrobe.launch(), env=(("HOME", str(other)),))
    with pytest.raises(NovaorchError, match="left as it is"):
        wardrobe.dress("web/agent/broken", broken)
    assert wardrobe.dress("web/agent/well").argv
    assert wardrobe.minted == ["web/agent/well"], "a token is minted when all else is there"


def test_a_start_that_cannot_be_seeded_is_no_life_that_failed(wardrobe: Wardrobe) -> None:
    first = wardrobe.dress()
    begin(wardrobe.folder(), OWN)
    wardrobe.talk(OWN)
    assert after(first.argv, "--session-id") == OWN
    config = wardrobe.root / "home" / ".claude.json"
    kept = config.read_text()
    config.write_text("{broken")
    for _ in range(8):
        with pytest.raises(NovaorchError):
            wardrobe.dress()
    config.write_text(kept)
    assert after(wardrobe.dress().argv, "--resume") == OWN
    assert wardrobe.json("life.json")["failed"] == 0
