"""`novaorch import`: tmuxp and tmuxinator files as manifests of ours. Nothing in them is run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import newmanifest, render
from reconciler.cli.app import Context
from reconciler.kinds.foreign.naming import unit_name
from reconciler.kinds.foreign.notes import Imported, Manifest, Note
from reconciler.kinds.foreign.sniff import TMUXINATOR, TMUXP, sniff
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.wiring import Wiring


def command(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML or JSON files.")],
    project: Annotated[
        str, typer.Option("--project", metavar="P", help="Where they go; else the only project.")
    ] = "",
    as_name: Annotated[
        str, typer.Option("--as-name", metavar="N", help="The unit's name, for a single FILE.")
    ] = "",
    source: Annotated[
        str, typer.Option("--from", metavar="TOOL", help="tmuxp or tmuxinator; else by content.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print, write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a manifest.")] = False,
) -> None:
    """Write a Session manifest for each tmuxp or tmuxinator file, and say what did not fit.

    Every note names its file and line. Commands in a file are typed into panes when the session
    starts; scripts and plugins are never run.

    Exit code 0: all were written. 1: a file could not be read. 3: a manifest is there already.

    Example: novaorch import ~/.config/tmuxp/*.yaml --project work
    """
    context: Context = ctx.obj
    if as_name and (len(files) > 1 or unit_name(as_name) != as_name):
        fix = "one FILE, and a name of small letters, digits and -"
        raise UsageError("--as-name names one session", fix=fix)
    if source not in {"", TMUXP, TMUXINATOR}:
        raise UsageError(f"--from {source}: not a program we know", fix="tmuxp or tmuxinator")
    wiring = context.wiring
    where = newmanifest.project(wiring, project)
    written: list[Path] = []
    code = 0
    for file in files:
        try:
            imported = _read(wiring, file, source)
            name = as_name or imported.name
            path = newmanifest.place(where, name)
            if name != imported.name:
                imported = _renamed(imported, name)
            if dry_run:
                render.out(newmanifest.checked(path, imported).rstrip("\n"))
            else:
                written.append(newmanifest.write(wiring, path, imported, force=force))
                render.out(f"{file} -> {newmanifest.FOLDER}/{path}")
        except NovaorchError as error:
            render.error(error)
            code = max(code, error.exit_code)
            continue
        say(imported.notes)
    if written:
        _next_steps(wiring, written)
    raise typer.Exit(code)


def _read(wiring: Wiring, file: Path, source: str) -> Imported:
    """Return what a file means; `source` says which program's it is ('': see for yourself)."""
    from reconciler.kinds.foreign.read import BYTES_MAX, read_document  # noqa: PLC0415  # YAML

    whole = file if file.is_absolute() else wiring.directory / file
    try:
        with whole.open("rb") as stream:
            data = stream.read(BYTES_MAX + 1)
    except OSError as error:
        raise NovaorchError(
            f"{file} cannot be read", why=error.strerror or str(error), fix="name another file"
        ) from error
    document = read_document(str(file), data)
    return sniff(document, source)(document, newmanifest.surroundings(wiring, whole.parent))


def _renamed(imported: Imported, name: str) -> Imported:
    manifest: Manifest = {**imported.manifest, "metadata": {"name": name}}
    return Imported(name, manifest, imported.notes)


def say(notes: tuple[Note, ...]) -> None:
    """Print notes: `-` before what is left out, `~` before what is said in another way."""
    on = render.coloured()
    for note in notes:
        sign, colour = ("-", "31") if note.lost else ("~", "33")
        render.out(f"  {render.paint(sign, colour, on=on)} {note.text}")


def _next_steps(wiring: Wiring, written: list[Path]) -> None:
    root = Path(wiring.repository.root)
    names = " ".join(shlex.quote(str(path.relative_to(root))) for path in written)
    render.out("See what would happen:  novaorch diff --worktree")
    render.out(f"Make it so:             git add {names} && git commit && novaorch apply")
