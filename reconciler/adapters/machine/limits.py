"""How much of each thing there is, against what the fleet wants."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

from reconciler.adapters.machine.asked import Asked
from reconciler.adapters.machine.words import available_bytes, history_bytes, size
from reconciler.model.verdict import Verdict

# What the tmux server keeps open besides one file for each pane.
TMUX_FILES = 9
PANE_PROCESSES = 4
WATCHES_MIN = 1024
INSTANCES_MIN = 8
MEMORY_MIN = 100 * 10**6
DISK_MIN = 50 * 10**6
DISK_ENOUGH = 500 * 10**6


def open_files(asked: Asked) -> Verdict:
    """Files that one process may open: a tmux server that has none left hangs silently."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge_files(soft, hard, asked.panes)


def judge_files(soft: int, hard: int, panes: int) -> Verdict:
    """Judge the limit of open files; pure."""
    if soft == resource.RLIM_INFINITY:
        return Verdict("open files", True, "unlimited")
    need = panes + TMUX_FILES
    what = f"{soft} for each process: room for {max(0, soft - TMUX_FILES)} panes"
    if soft >= need:
        return Verdict("open files", True, what)
    enough = hard == resource.RLIM_INFINITY or hard >= need
    fix = f"ulimit -n {need * 2 if hard == resource.RLIM_INFINITY else min(hard, need * 2)}"
    fix += ", then start the tmux server anew" if enough else " as root: the hard limit is too low"
    return Verdict("open files", False, f"{what}; {panes} are wanted", fix)


def terminals(asked: Asked) -> Verdict:
    """Pseudo-terminals that are left: each pane takes one."""
    limit = asked.number("proc/sys/kernel/pty/max")
    taken = asked.number("proc/sys/kernel/pty/nr")
    if limit is None or taken is None:
        return Verdict("terminals", True, "not counted on this system")
    what = f"{limit - taken} of {limit} left"
    if limit - taken >= asked.panes:
        return Verdict("terminals", True, what)
    fix = f"sudo sysctl kernel.pty.max={taken + asked.panes * 2}"
    return Verdict("terminals", False, f"{what}; {asked.panes} are wanted", fix)


def processes(asked: Asked) -> Verdict:
    """Processes that this user may have; root may have any number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return judge_processes(soft, asked.panes, os.getuid())


def judge_processes(soft: int, panes: int, uid: int) -> Verdict:
    """Judge the limit of processes; pure."""
    if uid == 0 or soft == resource.RLIM_INFINITY:
        return Verdict("processes", True, "unlimited")
    need = panes * PANE_PROCESSES
    if soft >= need:
        return Verdict("processes", True, f"{soft} for this user")
    return Verdict(
        "processes",
        None,
        f"{soft} for this user; {panes} panes may want {need}",
        f"ulimit -u {need * 2}",
    )


def inotify(asked: Asked) -> Verdict:
    """Watches; without them changes are found by polling, only later."""
    watches = asked.number("proc/sys/fs/inotify/max_user_watches")
    instances = asked.number("proc/sys/fs/inotify/max_user_instances")
    if watches is None or instances is None:
        return Verdict("inotify", True, "not counted on this system")
    what = f"{watches} watches, {instances} instances"
    if watches < WATCHES_MIN:
        return Verdict("inotify", None, what, "sudo sysctl fs.inotify.max_user_watches=65536")
    if instances < INSTANCES_MIN:
        return Verdict("inotify", None, what, "sudo sysctl fs.inotify.max_user_instances=128")
    return Verdict("inotify", True, what)


def memory(asked: Asked) -> Verdict:
    """Memory that is left, against scroll-back that is full in every pane."""
    try:
        left = available_bytes((asked.root / "proc/meminfo").read_text())
    except OSError:
        left = None
    if left is None:
        return Verdict("memory", True, "not counted on this system")
    what = f"{size(left)} available"
    if left < MEMORY_MIN:
        return Verdict("memory", False, what, "stop something, or add memory")
    full = history_bytes(asked.panes, asked.history_lines, asked.columns)
    if left < full:
        what += f"; full scroll-back of {asked.panes} panes takes {size(full)}"
        return Verdict("memory", None, what, "set fewer history lines in fleet.yaml")
    return Verdict("memory", True, what)


def disk(asked: Asked) -> Verdict:
    """Room where novaorch keeps its files."""
    place = nearest(asked.state)
    seen = os.statvfs(place)
    spare_names = seen.f_favail if seen.f_files else 1
    return judge_disk(place, shutil.disk_usage(place).free, spare_names)


def judge_disk(place: Path, free: int, spare_names: int) -> Verdict:
    """Judge the room on a disk; pure."""
    fix = "free some space, or choose another place: XDG_STATE_HOME=/a/folder/of/yours"
    if spare_names <= 0:
        return Verdict("disk", False, f"no inode is free at {place}", fix)
    what = f"{size(free)} free at {place}"
    if free >= DISK_ENOUGH:
        return Verdict("disk", True, what)
    return Verdict("disk", False if free < DISK_MIN else None, what, fix)


def nearest(path: Path) -> Path:
    """Return the path itself, or the first folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
