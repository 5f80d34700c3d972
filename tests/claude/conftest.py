"""Real Claude Code beside the fake one, each on a stage of its own; nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claude.binary import VERSIONS, binary, skipped
from tests.claude.model import ScriptedModel
from tests.rehearsal.stage import Ear, Stage

KEY = "sk-ant-scripted-key-0123456789"


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tested, and why."""
    for version, reason in skipped.items():
        terminalreporter.section(f"Claude Code {version} was NOT TESTED", sep="!", yellow=True)
        terminalreporter.write_line(reason)


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Somebody who hears hooks."""
    with Ear() as made:
        yield made


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """The model that does what its prompt says."""
    with ScriptedModel() as made:
        yield made


@pytest.fixture(params=["fake", *VERSIONS])
def at(
    request: pytest.FixtureRequest, stage: Path, ear: Ear, model: ScriptedModel
) -> Iterator[Stage]:
    """One agent, fake or real, that is not started yet."""
    made = Stage(stage, ear.url)
    if request.param != "fake":
        made.argv = [str(binary(request.param))]
        made.environ |= surroundings(stage, model)
        seed(stage / "home", request.param, made.work)
    yield made
    made.close()


def surroundings(folder: Path, model: ScriptedModel) -> dict[str, str]:
    """Return what the real one needs around it to speak to this model and to leave nothing."""
    return {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "CLAUDE_CODE_TMPDIR": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
    }


def seed(home: Path, version: str, *trusted: Path) -> None:
    """Write what a person's first start would leave behind."""
    told = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "lastOnboardingVersion": version,
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "bypassPermissionsModeAccepted": True,
        "projects": {
            str(folder): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
            for folder in trusted
        },
    }
    (home / ".claude.json").write_text(json.dumps(told))
