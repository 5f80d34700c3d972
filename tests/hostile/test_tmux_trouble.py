"""A tmux server that is dead, hung, restarted or somebody else's, and people who move things."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.conftest import Besieged, clear, units

FLOOD = (
    "import os,sys\n"
    "b = b'\\x1b]52;c;ZXZpbA==\\x07\\x1b]0;#(id)\\x07\\x1b]2;@novaorch\\x07\\xff\\xfe\\x80"
    "%exit\\n%begin 1 1 1\\n%end 1 1 1\\n\\x1bPtmux;x\\x1b\\\\' + b'x' * 5000 + b'\\n'\n"
    "while True: os.write(1, b)\n"
)


def server_pid(fleet: Besieged) -> int:
    return int(fleet.tmux("display-message", "-p", "#{pid}"))


def socket_path(fleet: Besieged) -> Path:
    return Path(fleet.tmux("display-message", "-p", "#{socket_path}").strip())


# -- 27: the server --------------------------------------------------------------------------------


def test_a_hung_server_is_blindness_not_absence(live: Besieged) -> None:
    before, pid = live.pids(), server_pid(live)
    os.kill(pid, signal.SIGSTOP)
    try:
        children = [live.start(verb) for verb in ("diff", "apply", "status")]
        for child in children:
            out, _ = child.communicate(timeout=60)
            assert child.returncode == 1, out
            assert "does not answer" in out
            assert "fix:" in out
    finally:
        os.kill(pid, signal.SIGCONT)
    live.until(lambda: live.pids() == before, "the server is back, with everything in it")
    live.run("diff", expect=0)


def test_a_killed_server_is_made_anew(live: Besieged) -> None:
    os.kill(server_pid(live), signal.SIGKILL)
    live.until(lambda: not live.servers(), "it is gone")
    live.run("diff", expect=2)
    live.run("apply", expect=0)
    assert live.sessions() == {"web/torch"}
    live.run("diff", expect=0)


def test_a_plan_outlives_no_server(live: Besieged, tmp_path: Path) -> None:
    """Every id is used again by the next server: `%1` is somebody else now."""
    live.sleeper("torch", "env: {A: b}")
    live.sleeper("anvil")
    live.commit()
    plan = tmp_path / "plan.json"
    live.run("diff", "--out", str(plan), expect=2)
    live.tmux("kill-server")
    live.until(lambda: not live.servers(), "it is gone")
    for name in ("one", "two", "three"):
        live.tmux("new-session", "-d", "-s", name, "-x", "80", "-y", "24", "sleep", "86400")
    before = live.pids()
    said = live.run("apply", str(plan), expect=4)
    assert "novaorch diff --out" in clear(said)
    assert live.pids() == before


def test_a_removed_socket_is_said_and_starts_no_twins_by_itself(live: Besieged) -> None:
    """tmux cannot be reached any more; a new server beside it is all that can be made."""
    pid, path = server_pid(live), socket_path(live)
    panes = live.pids()
    path.unlink()
    try:
        live.run("diff", expect=2)
        os.kill(pid, signal.SIGUSR1)  # tmux makes its socket anew when asked
        live.until(lambda: bool(live.servers()), "the server is back")
        assert live.pids() == panes
        live.run("diff", expect=0)
    finally:
        if not live.servers():
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "what",
    [
        "a file",
        "a folder",
        "a FIFO",
        pytest.param("a stranger", marks=pytest.mark.long),
        "no access",
    ],
)
def test_a_socket_that_is_none(what: str, fleet: Besieged, tmp_path: Path) -> None:
    path = tmp_path / "s"
    ear = None
    if what == "a file":
        path.write_text("hello\n")
    elif what == "a folder":
        path.mkdir()
    elif what == "a FIFO":
        os.mkfifo(path)
    elif what == "a stranger":  # it listens, and never answers
        ear = socket.socket(socket.AF_UNIX)
        ear.bind(str(path))
        ear.listen()
    else:
        path = tmp_path / "file/s"
        path.parent.write_text("")
    fleet.socket = str(path)
    fleet.settings()
    fleet.commit()
    try:
        said = fleet.run("apply")
        clear(said)
        assert said.code == 1, said.out
        assert "fix:" in said.err or "to mend it:" in said.out
    finally:
        if ear is not None:
            ear.close()
    if what == "a file":
        assert path.read_text() == "hello\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_server_of_another_user(live: Besieged, stage: Path, tmp_path: Path) -> None:
    """Its folder is not ours: tmux says so, and we do, and nothing is made there."""
    folder = stage / f"tmux-{os.getuid()}"
    before = live.pids()
    os.chown(folder, 12345, 12345)
    folder.chmod(0o755)
    try:
        said = live.run("apply", expect=1)
        assert "fix:" in clear(said)
    finally:
        os.chown(folder, 0, 0)
        folder.chmod(0o700)
    assert live.pids() == before


def test_a_server_that_is_set_against_us(fleet: Besieged, canary: object, tmp_path: Path) -> None:
    """Somebody's own server: hooks, odd defaults, aliases, no dead panes kept."""
    fleet.tmux("-f", "/dev/null", "new-session", "-d", "-s", "somebody", "sleep", "86400")
    for words in (
        ("set", "-g", "remain-on-exit", "off"),
        ("set", "-g", "default-command", "false"),
        ("set", "-g", "default-shell", "/bin/sh"),
        ("set", "-g", "base-index", "7"),
        ("set", "-gw", "pane-base-index", "3"),
        ("set", "-g", "exit-empty", "on"),
        ("set", "-g", "renumber-windows", "on"),
        ("set", "-gw", "automatic-rename", "on"),
        ("set", "-g", "set-titles", "on"),
        ("set", "-g", "history-limit", "7"),
        ("set", "-s", "command-alias[0]", "new-session=kill-server"),
        ("set", "-g", "update-environment", "PATH"),
        ("set", "-g", "window-size", "smallest"),
        ("set-environment", "-g", "PATH", "/nowhere"),
        ("set-hook", "-g", "after-new-session", "rename-session hijacked"),
        ("set-hook", "-g", "after-split-window", "kill-pane"),
    ):
        fleet.tmux(*words)
    fleet.session(
        "main", "windows:", "- {name: w, panes: [{command: [sleep, '86400']}, {agent: lamp}]}"
    )
    fleet.sleeper("lamp")
    fleet.commit()
    said = fleet.run("apply")
    clear(said)
    assert fleet.servers() == 1
    assert "somebody" in fleet.sessions()


@pytest.mark.parametrize("mine", ["web/torch", "web/main"])
def test_a_strangers_session_of_our_name_is_shown_and_left_alone(
    mine: str, fleet: Besieged
) -> None:
    fleet.session("main")
    fleet.commit()
    fleet.tmux("new-session", "-d", "-s", mine, "-x", "80", "-y", "24", "sleep", "86400")
    before = fleet.pids()
    said = fleet.run("apply", expect=1)
    assert mine in clear(said)
    other = ({"web/torch", "web/main"} - {mine}).pop()
    assert fleet.sessions() == {mine, other}
    assert fleet.pids()[mine] == before[mine]
    fleet.tmux("kill-session", "-t", f"={mine}")
    fleet.run("apply", expect=0)


def test_a_forged_mark_gives_no_power_over_a_strangers_pane(live: Besieged) -> None:
    """Marks are options; anybody on the server can write them. What is torn is not trusted."""
    live.tmux("new-session", "-d", "-s", "somebody", "-x", "80", "-y", "24", "sleep", "86400")
    for value in ("v1 demo", "v1", "v9 demo web/agent/ghost x y z", "#(id)", "x" * 5000, "\x1b[2J"):
        live.tmux("set-option", "-p", "-t", "=somebody:", "@novaorch_pane", value)
        live.tmux("set-environment", "-h", "-t", "=somebody:", "@novaorch_frame", value)
        for verb in ("diff", "apply", "status"):
            clear(live.run(verb))
        assert live.sessions() == {"web/torch", "somebody"}


# -- 26: what panes print --------------------------------------------------------------------------


def test_a_flood_of_hostile_output_hides_nothing(bare: Besieged, tmp_path: Path) -> None:
    script = tmp_path / "flood.py"
    script.write_text(FLOOD)
    text = "apiVersion: novaorch/v1\nkind: Agent\nspec:\n  command: [{}, {}]\n"
    bare.repo.write("web/agents/flood.yaml", text.format(sys.executable, script))
    bare.sleeper("torch")
    bare.commit()
    bare.run("apply", expect=0)
    try:
        before = bare.pids()
        for _ in range(3):
            bare.run("diff", expect=0)
            clear(bare.run("status"))
        bare.sleeper("anvil")
        bare.commit()
        bare.run("apply", expect=0)
        assert before.items() <= bare.pids().items()
        assert bare.sessions() == {"web/flood", "web/torch", "web/anvil"}
    finally:
        os.kill(int(bare.pids()["web/flood"]), signal.SIGKILL)


def test_titles_and_names_set_by_programs_are_not_believed(bare: Besieged, tmp_path: Path) -> None:
    script = tmp_path / "liar.sh"
    script.write_text(
        "printf '\\033]2;v1 demo web/agent/ghost | \\n\\tx\\033\\\\'\n"
        "printf '\\033k@novaorch\\033\\\\'\nprintf '\\033]7;file://x/#(id)\\a'\nexec sleep 86400\n"
    )
    bare.repo.write(
        "web/agents/liar.yaml",
        f"apiVersion: novaorch/v1\nkind: Agent\nspec: {{command: [sh, {script}]}}\n",
    )
    bare.commit()
    bare.run("apply", expect=0)
    before = bare.pids()
    time.sleep(0.2)
    for _ in range(2):
        said = bare.run("apply", expect=0)
        assert "ghost" not in clear(said)
    assert bare.pids() == before


def test_five_thousand_lines_of_output(bare: Besieged) -> None:
    bare.repo.write(
        "web/agents/long.yaml",
        "apiVersion: novaorch/v1\nkind: Agent\nspec:\n"
        "  command: [sh, -c, 'seq 5000; exec sleep 86400']\n",
    )
    bare.commit()
    bare.run("apply", expect=0)
    bare.run("diff", expect=0)


# -- 28: people ------------------------------------------------------------------------------------

TRICKS = {
    "rename session": (("rename-session", "-t", "=web/main", "mine"),),
    "rename window": (("rename-window", "-t", "=web/main:", "mine"),),
    "split": (("split-window", "-d", "-t", "=web/main:", "sleep", "777"),),
    "move window": (("move-window", "-s", "=web/main:", "-t", "=web/main:42"),),
    "break pane": (("break-pane", "-d", "-s", "=web/main:.{last}", "-t", "=web/torch:"),),
    "break pane into the anchor": (
        ("break-pane", "-d", "-s", "=web/main:.{bottom-right}", "-t", "=novaorch:"),
    ),
    "move window into the anchor": (("move-window", "-s", "=web/main:", "-t", "=novaorch:"),),
    "swap": (
        ("swap-pane", "-d", "-s", "=web/main:.{top-left}", "-t", "=web/main:.{bottom-right}"),
    ),
    "join to another": (("join-pane", "-d", "-s", "=web/main:", "-t", "=web/torch:"),),
    "new window": (("new-window", "-d", "-t", "=web/main:", "sleep", "777"),),
    "unmark": (("set-option", "-pu", "-t", "=web/torch:", "@novaorch_pane"),),
    "zoom": (("resize-pane", "-Z", "-t", "=web/main:"),),
    "layout": (("select-layout", "-t", "=web/main:", "even-horizontal"),),
    "link": (("link-window", "-d", "-s", "=web/main:", "-t", "=web/torch:"),),
    "group": (("new-session", "-d", "-t", "=web/main", "-s", "twin"),),
    "copy mode": (("copy-mode", "-t", "=web/torch:"),),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_what_people_do_by_hand_loses_no_process(trick: str, live: Besieged) -> None:
    live.session(
        "main", "windows:", "- {name: w, panes: [{command: [sleep, '1000']}, {agent: lamp}]}"
    )
    live.sleeper("lamp")
    live.commit()
    live.run("apply", expect=0)
    said = live.tmux("list-panes", "-a", "-F", "#{pane_pid}")
    for words in TRICKS[trick]:
        live.tmux(*words, ok=False)
    panes = set(live.tmux("list-panes", "-a", "-F", "#{pane_pid}").split())
    assert set(said.split()) <= panes, "the trick itself killed something"
    said_all = clear(live.run("apply")) + clear(live.run("apply"))
    now = set(live.tmux("list-panes", "-a", "-F", "#{pane_pid}").split())
    assert panes <= now, "a process that ran was stopped"
    if trick != "unmark":
        live.run("diff", expect=0)
        assert now == panes, f"something was started twice\n{said_all}"


@pytest.mark.parametrize("killed", ["pane", "window", "session", "process", "all"])
def test_what_people_kill_is_started_again_once(killed: str, live: Besieged) -> None:
    live.session(
        "main", "windows:", "- {name: w, panes: [{command: [sleep, '1000']}, {agent: lamp}]}"
    )
    live.sleeper("lamp")
    live.commit()
    live.run("apply", expect=0)
    count = live.tmux("list-panes", "-a", "-F", "x").count("x")
    if killed == "process":
        os.kill(int(live.pids()["web/main"]), signal.SIGKILL)
    elif killed == "all":
        live.tmux("kill-session", "-a", "-t", "=novaorch")
    else:
        live.tmux(f"kill-{killed}", "-t", "=web/main" + (":" if killed != "session" else ""))
    live.until(lambda: live.run("apply").code == 0, "all is well again")
    assert live.tmux("list-panes", "-a", "-F", "x").count("x") == count
    live.run("diff", expect=0)


def test_people_at_work_while_it_converges(live: Besieged) -> None:
    """Twenty agents are started while somebody renames, splits, moves and kills at random."""
    live.run("up", expect=0)
    live.until(lambda: live.run("status").code == 0, "the daemon works")
    for number in range(20):
        live.sleeper(f"a{number}")
    live.tmux("new-session", "-d", "-s", "somebody", "-x", "80", "-y", "24", "sleep", "86400")
    stranger = live.pids()["somebody"]
    live.commit()
    tricks = (
        't() { tmux -L {S} "$@" >/dev/null 2>&1; }; for n in $(seq 0 19); do '
        't rename-session -t "=web/a$n" "mine$n"; '
        't split-window -d -t "=web/a$((n+1)):" sleep 999; '
        't move-window -s "=web/a$((n+2)):" -t "=somebody:"; '
        't kill-session -t "=web/a$((n+3))"; done'
    ).replace("{S}", live.socket)
    subprocess.run(["sh", "-c", tricks], check=False)
    wanted = sorted(["web/agent/torch", *(f"web/agent/a{n}" for n in range(20))])
    live.until(lambda: sorted(units(live)) == wanted, "all run, and none twice")
    live.until(lambda: live.run("diff").code == 0, "nothing is left to do")
    assert sorted(units(live)) == wanted
    assert stranger in live.tmux("list-panes", "-a", "-F", "#{pane_pid}").split()


@pytest.mark.parametrize("when_ms", [0, 20, 50])
def test_the_server_dies_in_the_middle_of_an_apply(
    when_ms: int, bare: Besieged, make: Callable[[str], Besieged]
) -> None:
    for number in range(40):
        bare.sleeper(f"a{number}")
    bare.sleeper("torch")
    bare.commit("Wish")
    bare.tmux("new-session", "-d", "-s", "somebody", "sleep", "86400")
    pid = server_pid(bare)
    killer = subprocess.Popen(["sh", "-c", f"sleep {0.02 + when_ms / 1000}; kill -9 {pid}"])
    said = bare.run("apply")
    killer.wait()
    clear(said)
    assert said.code in (0, 1)
    bare.until(lambda: bare.run("apply").code == 0, "all is well again")
    assert sorted(units(bare)) == sorted(
        ["web/agent/torch", *(f"web/agent/a{n}" for n in range(40))]
    )
    bare.run("diff", expect=0)
