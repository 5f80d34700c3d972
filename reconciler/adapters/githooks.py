"""Our git hooks: put beside whatever hooks are there, and taken away without a trace.

Never overwrites or loses a hook that someone else wrote: it is kept under another name and still
runs, first.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.model.problems import NovaorchError, RefusedError, SourceError

WORK_TREE_HOOKS: Mapping[str, str] = {
    "pre-commit": "pre-commit",
    "post-commit": "nudge",
    "post-merge": "nudge",
    "post-checkout": "nudge",
    "post-rewrite": "nudge",
}
BARE_HOOKS: Mapping[str, str] = {"pre-receive": "pre-receive", "post-receive": "nudge"}
_CHAINED = ".novaorch-chained"
_DIGEST = re.compile(rb"^# novaorch-hook: ([0-9a-f]{16})$", re.MULTILINE)
_BLANK = b"# novaorch-hook: @DIGEST@"


class HookedRepository(Protocol):
    """What is asked of a repository."""

    root: Path
    common_dir: Path
    bare: bool

    def config(self, name: str) -> str | None:
        """Return a path setting as the user's git sees it."""
        ...

    def head_branch(self) -> str | None:
        """Return the branch that HEAD is on."""
        ...


class Hook(enum.StrEnum):
    """What became of one hook, or what it is."""

    INSTALLED = "installed"
    CHAINED = "installed, the hook that was there runs first"
    UPGRADED = "upgraded"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    RESTORED = "the hook that was there before is back"
    EDITED = "edited by someone since, left as it is"
    FOREIGN = "not ours, left as it is"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class HookChange:
    """One hook: its name, its file, and what became of it."""

    name: str
    path: Path
    hook: Hook

    @property
    def changed(self) -> bool:
        """Whether a file was touched."""
        return self.hook in (Hook.INSTALLED, Hook.CHAINED, Hook.UPGRADED, *_UNDONE)


_UNDONE = (Hook.REMOVED, Hook.RESTORED)


def default_nudge(repo: HookedRepository) -> Path:
    """Return where the daemon's FIFO is unless settings say otherwise."""
    return repo.common_dir / "novaorch" / "nudge"


def install(
    repo: HookedRepository, novaorch: str, nudge: Path, *, branch: str = "", force: bool = False
) -> list[HookChange]:
    """Install or upgrade our hooks; a second call changes nothing.

    `novaorch` is the absolute path of the command. `branch` is the one whose pushes a bare
    repository checks; '' is the one HEAD is on. A hooks folder outside the repository is refused
    unless `force`: other repositories would run our hooks too.
    """
    folder = _folder(repo, force=force)
    branch = branch or repo.head_branch() or "main"
    values = {
        "CHAIN": load("chain").decode().rstrip("\n"),
        "NOVAORCH": shlex.quote(novaorch),
        "NUDGE": shlex.quote(str(nudge)),
        "BOX": shlex.quote(str(nudge.parent)),
        "BRANCH": shlex.quote(f"refs/heads/{branch.removeprefix('refs/heads/')}"),
    }
    names = BARE_HOOKS if repo.bare else WORK_TREE_HOOKS
    for name in names:
        _refuse_third(folder / name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            HookChange(name, folder / name, _install(folder / name, _rendered(template, values)))
            for name, template in names.items()
        ]
    except OSError as error:
        raise _unwritable(folder, error) from error


def uninstall(repo: HookedRepository) -> list[HookChange]:
    """Take our hooks away and put back, byte for byte, what was there before."""
    folder = _folder(repo, force=True)
    try:
        found = {name: _uninstall(folder / name) for name in {**WORK_TREE_HOOKS, **BARE_HOOKS}}
    except OSError as error:
        raise _unwritable(folder, error) from error
    return [HookChange(n, folder / n, hook) for n, hook in found.items() if hook is not Hook.ABSENT]


def status(repo: HookedRepository) -> list[HookChange]:
    """Return how each hook that this repository should have is."""
    folder = _folder(repo, force=True)
    names = BARE_HOOKS if repo.bare else WORK_TREE_HOOKS
    return [HookChange(name, folder / name, _kind(folder / name)) for name in names]


def load(name: str) -> bytes:
    """Return the script `name` as it ships with the package, or lies beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for path in (package / "_hooks" / name, package.parent / "hooks" / name):
        with contextlib.suppress(OSError):
            return path.read_bytes()
    raise NovaorchError(
        f"the hook script {name!r} is missing from this installation",
        fix="reinstall novaorch",
    )


def _rendered(template: str, values: Mapping[str, str]) -> bytes:
    text = re.sub("@([A-Z]+)@", lambda m: values.get(m[1], m[0]), load(template).decode())
    script = text.encode("utf-8", "surrogateescape")
    return script.replace(_BLANK, b"# novaorch-hook: " + _digest(script))


def _digest(script: bytes) -> bytes:
    return hashlib.sha256(script).hexdigest()[:16].encode()


def _kind(path: Path) -> Hook:
    """Say whose hook this is: ours untouched (INSTALLED), EDITED, FOREIGN or ABSENT."""
    if not os.path.lexists(path):
        return Hook.ABSENT
    found = None if path.is_symlink() else _DIGEST.search(path.read_bytes())
    if found is None:
        return Hook.FOREIGN
    blank = _DIGEST.sub(_BLANK, path.read_bytes(), count=1)
    return Hook.INSTALLED if _digest(blank) == found[1] else Hook.EDITED


def _install(path: Path, script: bytes) -> Hook:
    kind = _kind(path)
    if kind is Hook.EDITED:
        return kind
    if kind is Hook.INSTALLED and path.read_bytes() == script and os.access(path, os.X_OK):
        return Hook.UNCHANGED
    draft = _drafted(path, script)
    try:
        if kind is Hook.FOREIGN:
            _set_aside(path)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        if not os.path.lexists(path):
            _chained(path).rename(path)
        raise
    return {Hook.INSTALLED: Hook.UPGRADED, Hook.FOREIGN: Hook.CHAINED}.get(kind, Hook.INSTALLED)


def _set_aside(path: Path) -> None:
    """Give the hook its second name, so that at no moment there is no hook at all."""
    try:
        os.link(path, _chained(path), follow_symlinks=False)
    except (OSError, NotImplementedError):  # a file system without hard links
        path.rename(_chained(path))


def _drafted(path: Path, script: bytes) -> Path:
    """Write the script beside `path`, whole or not at all: no hook is moved before that."""
    temporary = path.with_name(f".{path.name}.novaorch-new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(script)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _uninstall(path: Path) -> Hook:
    kind, chained = _kind(path), _chained(path)
    if kind in (Hook.EDITED, Hook.FOREIGN):
        return kind
    if os.path.lexists(chained):
        chained.replace(path)
        return Hook.RESTORED
    path.unlink(missing_ok=True)
    return Hook.REMOVED if kind is Hook.INSTALLED else Hook.ABSENT


def _chained(path: Path) -> Path:
    return path.with_name(path.name + _CHAINED)


def _refuse_third(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"{path} is a directory", fix="remove it; git ignores it anyway")
    if _kind(path) is Hook.FOREIGN and os.path.lexists(_chained(path)):
        raise RefusedError(
            f"there are two hooks to keep: {path} and {_chained(path).name}",
            why="someone replaced our hook; chaining again would lose the older one",
            fix=f"merge what you need into {path}, then remove {_chained(path)}",
        )


def _folder(repo: HookedRepository, *, force: bool) -> Path:
    """Return where git looks for the hooks of this repository."""
    configured = repo.config("core.hooksPath")
    if not configured:
        return repo.common_dir / "hooks"
    folder = repo.root / configured
    real, homes = folder.resolve(), (repo.root.resolve(), repo.common_dir.resolve())
    if force or any(real.is_relative_to(home) for home in homes):
        return folder
    raise RefusedError(
        f"core.hooksPath points outside the repository, at {folder}",
        why="hooks put there would run in every repository that shares it",
        fix="run the command again with --force, or leave hooks out: the daemon polls",
    )


def _unwritable(folder: Path, error: OSError) -> SourceError:
    return SourceError(
        f"the hooks in {folder} cannot be changed",
        why=str(error),
        fix="mend its permissions, or do without: hooks only shorten the wait",
    )
