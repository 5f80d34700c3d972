"""`novaorch init`: the first files of a fleet, and what to type next. Never overwrites anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters.git import GitRepository, init_repository
from reconciler.adapters.git.place import NoRepositoryError
from reconciler.adapters.githooks import Hook, status
from reconciler.cli import render, scaffold
from reconciler.cli.app import Context
from reconciler.cli.hooks import put_in
from reconciler.model.problems import NovaorchError, SourceError, UsageError
from reconciler.wiring import Wiring

FOLDER = "desired-state"


def command(
    ctx: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; made when it is not there.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The fleet's; else from the folder's.")
    ] = "",
    project: Annotated[
        str,
        typer.Option("--project", metavar="NAME", help="The first project's; else the fleet's."),
    ] = "",
    socket: Annotated[
        str, typer.Option("--socket", metavar="NAME", help="The tmux server's, as in tmux -L.")
    ] = "novaorch",
    hooks: Annotated[
        bool | None, typer.Option("--hooks/--no-hooks", help="Git hooks; asked on a terminal.")
    ] = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit these files, only them.")
    ] = False,
) -> None:
    """Make a fleet in this repository: settings, a charter, a session, an agent, editor schemas.

    What is there already stays as it is; a second call changes nothing. Without a repository one
    is made.

    Example: novaorch init --hooks --commit
    """
    context: Context = ctx.obj
    for given in (name, project):
        if given and not scaffold.is_name(given):
            raise UsageError(f"{given} cannot be a name", fix="use a-z, 0-9 and -, at most 48")
    where = context.directory / directory if directory is not None else context.directory
    wiring = Wiring(_repository(where).root)
    made = _write(wiring, _wanted(wiring, name, project, socket), named=bool(project))
    _hooks(wiring, hooks)
    if commit:
        oid = wiring.repository.commit_paths(made, "Wish for a fleet")
        render.out(f"committed as {oid[:12]}")
    _next(wiring, commit)


def _repository(where: Path) -> GitRepository:
    try:
        where.mkdir(parents=True, exist_ok=True)
        repository = GitRepository.discover(where)
    except OSError as error:
        raise SourceError(
            f"{where} cannot be made", why=error.strerror or "", fix="choose a folder of yours"
        ) from error
    except NoRepositoryError:
        repository = init_repository(where)
        render.out(f"made    a git repository in {repository.root}")
    if repository.bare:
        raise SourceError(
            "a bare repository has no work tree to write to",
            fix="run novaorch init in a clone, and push",
        )
    return repository


def _wanted(wiring: Wiring, name: str, project: str, socket: str) -> scaffold.Wanted:
    name = name or scaffold.slug(wiring.repository.root.name)
    return scaffold.Wanted(
        name=name,
        project=project or name,
        socket=socket,
        branch=wiring.repository.head_branch() or "",
        date=datetime.fromtimestamp(wiring.clock.now()).astimezone().date().isoformat(),
    )


def _write(wiring: Wiring, wanted: scaffold.Wanted, *, named: bool) -> list[Path]:
    """Write what is missing, say so file by file, and return all of them.

    A fleet that has projects gets no first one unless it was named: nothing that somebody
    removed comes back by itself.
    """
    top = wiring.repository.root / FOLDER
    texts = scaffold.fleet_files(wanted)
    projects = _projects(top)
    if named or not projects:
        texts |= scaffold.project_files(wanted)
    _refuse_links(top, texts)
    for path, text in texts.items():
        render.out(f"{_put(top / path, text):<7} {FOLDER}/{path}")
    if not named and projects:
        render.out(f"as it is: {', '.join(projects)} (another one: novaorch init --project NAME)")
    return [top / path for path in texts]


def _refuse_links(top: Path, paths: Iterable[str]) -> None:
    for folder in {parent for path in paths for parent in (top / path).parents}:
        if folder.is_symlink() and folder.is_relative_to(top):
            why = "novaorch reads no links, and what is written there would lie elsewhere"
            raise SourceError(f"{folder} is a symbolic link", why=why, fix="make it a folder")


def _projects(top: Path) -> list[str]:
    if not top.is_dir():
        return []
    return sorted(p.name for p in top.iterdir() if p.is_dir() and not p.name.startswith("."))


def _put(path: Path, text: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        return "exists"
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)  # half of it would be taken for somebody's own the next time
        raise _unwritten(path, error) from error
    return "wrote"


def _unwritten(path: Path, error: OSError) -> NovaorchError:
    return NovaorchError(
        f"{path} cannot be written",
        why=error.strerror or "",
        fix="mend that, then run it again",
    )


def _hooks(wiring: Wiring, wished: bool | None) -> None:
    if wished is None and all(h.hook is Hook.INSTALLED for h in status(wiring.repository)):
        render.out("hooks   installed")
        return
    if wished is None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            render.out("hooks   not installed (novaorch hooks install): without them it polls")
            return
        wished = typer.confirm("Install git hooks, so that a commit takes effect at once?", True)
    if not wished:
        return
    for change in put_in(wiring):
        render.out(f"hook    {change.name}: {change.hook.value}")


def _next(wiring: Wiring, committed: bool) -> None:
    here = wiring.repository.root
    render.out("")
    render.out("Next:" if Path.cwd() == here else f"Next, in {here}:")
    if committed:
        lines = ("novaorch diff", "novaorch up", "novaorch attach hello")
    else:
        lines = (
            "novaorch diff --worktree",
            f"git add {FOLDER} && git commit -m 'Wish for a fleet'",
            "novaorch up && novaorch status",
        )
    for line in lines:
        render.out(f"  {line}")
