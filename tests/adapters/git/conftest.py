from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git import GitRepository
from tests.adapters.git.sandbox import Sandbox, private_home
from tests.adapters.git.studio import Room, Studio

Opener = Callable[..., GitRepository]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clear: list[str] = []
    settings = private_home(tmp_path / "home", clear)
    for name in clear:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A repository with one committed manifest."""
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.write("demo/agents/torch.yaml")
    sandbox.commit("first")
    return sandbox


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """An agent's work tree, and a recorder."""
    made = Studio(tmp_path)
    yield made
    made.close()


@pytest.fixture
def room(studio: Studio) -> Iterator[Room]:
    """A clean room on that studio."""
    made = Room(studio)
    yield made
    made.room.close()


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open repositories that are closed when the test ends."""
    repos: list[GitRepository] = []

    def opener(directory: Path, **options: object) -> GitRepository:
        repos.append(GitRepository.discover(directory, **options))  # type: ignore[arg-type]
        return repos[-1]

    yield opener
    for repo in repos:
        repo.close()
