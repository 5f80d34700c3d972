"""`novaorch service`: the daemon as a systemd user unit, up after a crash, a logout, a reboot."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated

import typer

from reconciler.adapters import systemd
from reconciler.adapters.state import holder_pid
from reconciler.cli import handover, render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.model.problems import NovaorchError
from reconciler.wiring import Wiring

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keep the daemon up with systemd: install, uninstall, status.",
    epilog="Example: novaorch service install",
)


@app.command()
def install(
    ctx: typer.Context,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the unit; write and start nothing.")
    ] = False,
    no_enable: Annotated[
        bool, typer.Option("--no-enable", help="Write the unit; start nothing.")
    ] = False,
) -> None:
    """Write a user unit for this repository, start it, and let it outlive the login.

    Stopping the unit ends the daemon alone: tmux and the agents go on. A second install changes
    nothing; one after an update of novaorch starts the new one.

    Example: novaorch service install --print
    """
    context: Context = ctx.obj
    unit, manager = _unit(context.wiring), _manager(context.wiring)
    if print_only:
        render.out(systemd.text(unit, manager.version()).rstrip("\n"))
        return
    if not no_enable:
        manager.check()
    changed = manager.write(unit.name, systemd.text(unit, manager.version()))
    path = manager.path(unit.name)
    render.out(f"{'Wrote' if changed else 'Unchanged:'} {path}")
    if no_enable:
        render.out(f"To start it: systemctl --user enable --now {unit.name}")
        return
    manager.start(unit.name, changed=changed)
    render.out(f"{unit.name} is enabled and started. Its log: journalctl --user -u {unit.name}")
    _say_linger(manager)
    _say_the_rest(context.wiring, unit)


def _say_linger(manager: systemd.Manager) -> None:
    trouble = manager.linger()
    if not trouble:
        render.out("It goes on after you log out, and comes up with the machine (linger is on).")
        return
    render.err(f"novaorch: it ends when you log out: {trouble}")
    render.err(f"  fix: sudo loginctl enable-linger {os.getuid()}")


def _say_the_rest(wiring: Wiring, unit: systemd.Unit) -> None:
    render.out(
        "It does not see the variables of your shell. What `secrets: env:NAME` asks for goes into "
        f"{unit.variables} (NAME=value a line, mode 0600)."
    )
    fleet = wiring.followed.read().fleet
    pid = holder_pid(wiring.state(fleet).lock)
    if pid is not None and not _of_systemd(pid):
        render.out(
            f"A daemon runs already ({handover.holder(wiring, fleet)}): end it with `novaorch down`"
            ", and the unit takes over within a minute."
        )


def _of_systemd(pid: int) -> bool:
    """Whether a process is of a unit of ours; unknown is no."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return "novaorch-" in file.read()
    except OSError:
        return False


@app.command()
def uninstall(ctx: typer.Context) -> None:
    """Stop the daemon and take the unit away. Every session goes on.

    Example: novaorch service uninstall
    """
    context: Context = ctx.obj
    unit, manager = _unit(context.wiring), _manager(context.wiring)
    if not manager.path(unit.name).exists():
        render.out(f"{unit.name} is not installed.")
        return
    manager.check()
    manager.remove(unit.name)
    render.out(f"{unit.name} is gone; every session goes on.")
    render.out("Linger stays as it is: to turn it off, loginctl disable-linger")


@app.command()
def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show the unit. Exit code 0: it is as `install` would write it, enabled, and runs. 1: not.

    Example: novaorch service status
    """
    context: Context = ctx.obj
    unit, manager = _unit(context.wiring), _manager(context.wiring)
    manager.check()
    stands = manager.standing(unit.name)
    current = stands.file == systemd.text(unit, manager.version())
    file = "current" if current else "outdated" if stands.file else "absent"
    if as_json:
        render.record(
            "service",
            unit=unit.name,
            path=str(manager.path(unit.name)),
            file=file,
            enabled=stands.enabled,
            active=stands.active,
            lingers=stands.lingers,
        )
    else:
        words = [
            f"file {file}",
            "enabled" if stands.enabled else "not enabled",
            "runs" if stands.active else "does not run",
            "outlives the login" if stands.lingers else "ends with the login",
        ]
        render.out(f"{unit.name}: {', '.join(words)}")
        if not (current and stands.enabled and stands.active):
            render.out("To mend it: novaorch service install")
    raise typer.Exit(0 if current and stands.enabled and stands.active else 1)


def _argv(wiring: Wiring) -> tuple[str, ...]:
    """Return how the daemon is started. `-P`: nothing is imported from where it happens to be."""
    if not sys.executable:
        raise NovaorchError("this Python does not know where it is", fix="start it by its path")
    root = str(wiring.repository.root)
    return (sys.executable, "-P", "-m", "reconciler.cli", "-C", root, "run")


def _unit(wiring: Wiring) -> systemd.Unit:
    state = wiring.state(wiring.followed.read().fleet)
    name = f"novaorch-{state.root.name}"  # the fleet, and a mark of the repository
    return systemd.Unit(
        name=f"{name}.service",
        about=f"novaorch keeps {wiring.repository.root} true",
        argv=_argv(wiring),
        environment=systemd.carried(wiring.environ),
        variables=systemd.folder(wiring.environ).parents[1] / "novaorch" / f"{name}.env",
    )


def _manager(wiring: Wiring) -> systemd.Manager:
    *start, _ = _argv(wiring)
    line = shlex.join([*start, "up"]).replace("%", "\\%")  # cron reads a bare % as a new line
    return systemd.Manager(
        wiring.environ,
        otherwise=f"start it at boot another way: `crontab -e`, and the line: @reboot {line}",
    )
