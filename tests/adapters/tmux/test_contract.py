"""What every way to the server promises: photograph, perform, applied; ours and nobody else's."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model import step as s
from reconciler.model.action import Expect
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError
from reconciler.ports import Order

from .conftest import (
    FLEET,
    SLEEP,
    Box,
    argv_of,
    environment,
    expect,
    mark,
    opening,
    order,
    pane,
    running_in_group,
    unit,
    window,
)


def test_no_server_is_an_empty_world_and_none_is_started(box: Box) -> None:
    world = box.world()
    assert (world.server, world.sessions) == ("", ())
    assert not box.host.server_alive()
    assert not list(Path(box.folder).glob("tmux-*/t"))


def test_a_session_is_made_marked_and_seen(box: Box) -> None:
    (receipt,) = box.perform(order("one"))
    assert not receipt.error
    (seen,) = box.world().sessions
    assert seen.mark is not None
    assert seen.mark.unit == unit("one")
    (frame,) = seen.windows
    assert (frame.key, frame.name) == ("main", "main")
    assert frame.panes[0].mark == mark("one")
    box.until(lambda: argv_of(frame.panes[0].pid) == list(SLEEP))
    shape = "#{window_width}x#{window_height} #{window-size} #{history_limit}"
    assert box.tmux("display-message", "-p", "-t", "=one:", shape) == "120x40 manual 10000\n"


def test_a_glance_shows_these_sessions_anew_and_nothing_else(box: Box) -> None:
    box.perform(order("one"), order("two"))
    before = box.world()
    ids = {session.name: session.session_id for session in before.sessions}
    assert box.host.glance(before, {ids["one"]}) == before
    for session in before.sessions:
        os.kill(session.windows[0].panes[0].pid, signal.SIGKILL)
    box.until(lambda: all(p.dead for x in box.world().sessions for p in x.windows[0].panes))
    seen = box.host.glance(before, {ids["one"]})
    assert seen is not None
    dead = {x.name: x.windows[0].panes[0].dead for x in seen.sessions}
    assert dead == {"one": True, "two": False}
    box.tmux("split-window", "-t", "=one:")
    assert box.host.glance(before, {ids["one"]}) is None
    box.tmux("kill-session", "-t", "=two")
    assert box.host.glance(before, {ids["two"]}) is None
    assert box.host.glance(before, {"one"}) is None
    box.tmux("kill-server")
    assert box.host.glance(before, {ids["one"]}) is None


def test_the_server_is_named_and_the_anchor_hidden(box: Box) -> None:
    box.perform(order("one"))
    assert box.world().server.startswith(f"{box.server_pid()} ")
    assert "novaorch" in box.tmux("list-sessions", "-F", "#{session_name}").split()
    assert [x.name for x in box.world().sessions] == ["one"]


def test_a_program_that_ends_at_once_is_marked(box: Box) -> None:
    names = [f"n{i}" for i in range(30)]
    assert not any(r.error for r in box.perform(*[order(n, ("true",)) for n in names]))
    box.until(lambda: all(p.windows[0].panes[0].dead for p in box.world().sessions))
    for seen in box.world().sessions:
        ended = seen.windows[0].panes[0]
        assert (ended.mark, ended.exit_status) == (mark(seen.name), 0)


def test_exit_codes_and_signals(box: Box) -> None:
    box.perform(order("code", ("sh", "-c", "exit 7")), order("term", ("sh", "-c", "kill -9 $$")))
    box.until(lambda: box.pane("code").dead and box.pane("term").dead)
    assert box.pane("code").exit_status == 7
    if not box.host.version().startswith("tmux 3.2"):
        assert box.pane("term").exit_status == 137


def test_windows_panes_layout_and_focus(box: Box) -> None:
    names = [f"p{i}" for i in range(8)]
    receipt = box.do(
        opening(
            "big",
            window("a", pane("a0"), replace(pane("a1"), focus=True), pane("a2"), layout="tiled"),
            window("b", *map(pane, names), layout="even-vertical", focus=True),
            window("c", pane("c0", None), options=(("pane-border-status", "top"),)),
            options=(("status", "off"),),
            columns=60,
            rows=17,
        )
    )
    assert not receipt.error
    seen = box.session("big")
    assert [w.key for w in seen.windows] == ["a", "b", "c"]
    units = [p.mark.unit.name for w in seen.windows for p in w.panes if p.mark]
    assert units == ["a0", "a1", "a2", *names, "c0"]
    active = box.tmux("list-windows", "-t", "=big:", "-F", "#{window_name}#{window_active}")
    assert active.split() == ["a0", "b1", "c0"]
    where = "#{@novaorch_pane} #{pane_active}"
    rows = box.tmux("list-panes", "-t", "=big:a", "-F", where).splitlines()
    assert [row[-1] for row in rows] == ["0", "1", "0"]
    assert box.tmux("show-options", "-v", "-t", "=big:", "status") == "off\n"
    assert box.tmux("show-options", "-wv", "-t", "=big:c", "pane-border-status") == "top\n"
    box.until(lambda: box.session("big").windows[2].panes[0].dead)


def test_a_name_that_is_taken_is_left_alone(box: Box) -> None:
    box.foreign("agent")
    (receipt,) = box.perform(order("agent"))
    assert receipt.error.startswith("name taken")
    assert receipt.fix
    assert not receipt.stale
    (seen,) = box.world().sessions
    assert seen.mark is None
    assert seen.windows[0].key == ""
    assert seen.windows[0].panes[0].mark is None
    assert box.host.applied({unit("agent"): seen.session_id}) == {unit("agent"): {}}
    assert "NOVAORCH" not in box.tmux("show-environment", "-t", "=agent")
    assert box.tmux("show-environment", "-h", "-t", "=agent") == ""


def test_a_foreign_session_of_the_anchors_name(box: Box) -> None:
    box.foreign("novaorch")
    assert not box.perform(order("one"))[0].error
    assert sorted(x.name for x in box.world().sessions) == ["novaorch", "one"]
    assert "novaorch-1" in box.tmux("list-sessions", "-F", "#{session_name}").split()


def test_on_somebody_elses_server_nothing_global_changes(box: Box) -> None:
    box.foreign("theirs")
    before = box.tmux("show-options", "-g") + box.tmux("show-options", "-gw")
    box.perform(order("one", ("true",)))
    box.do(opening("two", window("w", pane("two"), pane("twob")), history_lines=777))
    assert box.tmux("show-options", "-g") + box.tmux("show-options", "-gw") == before
    seen = box.session("two")
    assert len(seen.windows) == 1
    limits = box.tmux("list-panes", "-t", "=two:", "-F", "#{history_limit}").split()
    assert limits == ["777", "777"]
    box.until(lambda: box.pane("one").dead)
    assert box.pane("one").mark == mark("one")


def test_twins_by_prefix(box: Box) -> None:
    box.perform(order("agent-10"), order("agent-1"))
    gone = box.session("agent-1")
    assert not box.do(s.Close(gone.session_id)).error
    assert [x.name for x in box.world().sessions] == ["agent-10"]
    assert not box.do(s.Close(gone.session_id)).error
    assert not box.do(s.Close(gone.windows[0].window_id)).error
    assert not box.do(s.Close(gone.windows[0].panes[0].pane_id)).error
    assert [x.name for x in box.world().sessions] == ["agent-10"]


@pytest.mark.parametrize(
    "name", ["a#(touch X)", "a#{pid}", "a.b", "a:b", "=a", "$1", "", "a\nb", "a\\b", "@x", "%1"]
)
def test_hostile_session_names_are_refused(fast: Box, name: str) -> None:
    step = replace(opening("x", window("w", pane("x"))), name=name)
    (receipt,) = fast.perform(Order(unit("x"), (step,)))
    assert "not a name" in receipt.error
    assert fast.world().sessions == ()


@pytest.mark.parametrize("name", ["-d", "a b", "ünï-✓", "a'b;c", "~a", "a|b", "a=b", "{a}"])
def test_strange_window_names_stay_as_they_are(fast: Box, name: str) -> None:
    fast.do(opening("one", replace(window("w", pane("x")), name=name)))
    assert fast.session("one").windows[0].name == name
    found = fast.session("one").windows[0].window_id
    assert not fast.do(s.Rename(found, "x" + name)).error
    assert fast.session("one").windows[0].name == "x" + name


@pytest.mark.parametrize("path", ["#(touch /tmp/novaorch-was-here)", "a b", "ü;$HOME'\"", "-x"])
def test_directories(fast: Box, path: str) -> None:
    folder = Path(fast.folder) / path.replace("/", "_")
    folder.mkdir()
    (receipt,) = fast.perform(order("one", directory=str(folder)))
    if "#" in path:
        assert "directory" in receipt.error
        assert fast.world().sessions == ()
    else:
        fast.until(lambda: Path(f"/proc/{fast.pane('one').pid}/cwd").readlink() == folder)


def test_one_word_is_never_a_shell_string(box: Box) -> None:
    trap = Path(box.folder) / "touched"
    names = [f"echo;touch {trap}", f"a=b;touch {trap}", f"-S touch {trap}"]
    orders = [order(f"n{i}", (name,)) for i, name in enumerate(names)]
    assert not any(r.error for r in box.perform(*orders))
    box.until(lambda: all(x.windows[0].panes[0].dead for x in box.world().sessions))
    assert {x.windows[0].panes[0].exit_status for x in box.world().sessions} <= {125, 126, 127}
    assert not trap.exists()


def test_one_word_is_found_on_path(box: Box) -> None:
    folder = Path(box.folder) / "bin"
    folder.mkdir()
    program = folder / "a=b"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    here = f"{folder}:{os.environ['PATH']}"
    box.perform(order("one", ("a=b",), env=(("PATH", here),)), order("two", ("cat",)))
    box.until(lambda: argv_of(box.pane("one").pid) == ["sleep", "1000"])
    box.until(lambda: argv_of(box.pane("two").pid) == ["cat"])
    assert environment(box.pane("one").pid)["PATH"] == here


def test_no_words_is_the_users_shell(box: Box) -> None:
    box.perform(order("one", ()))
    box.until(lambda: argv_of(box.pane("one").pid) == ["-sh"])
    old = box.pane("one")
    assert not box.do(s.Respawn(old.pane_id, pane("one", ())), expects=(expect(old),)).error
    box.until(lambda: argv_of(box.pane("one").pid)[0] == "/bin/sh")


def test_environment_is_given_cleaned_and_not_left_in_the_session(box: Box) -> None:
    box.environ |= {"GIT_DIR": "/x", "NOVAORCH_TOKEN": "x", "TMUX": "/x,1,0", "TMUX_PANE": "%9"}
    box.host = box.make()
    box.perform(order("one", env=(("LEVEL", "a;b $HOME"),)))
    box.until(lambda: "LEVEL" in environment(box.pane("one").pid))
    inside = environment(box.pane("one").pid)
    assert inside["LEVEL"] == "a;b $HOME"
    assert (inside["NOVAORCH_FLEET"], inside["NOVAORCH_UNIT"]) == (FLEET, unit("one"))
    assert "GIT_DIR" not in inside
    assert "NOVAORCH_TOKEN" not in inside
    assert inside["TMUX"].split(",")[1] == str(box.server_pid())
    del box.environ["TMUX"]
    shown = box.tmux("show-environment", "-t", "=one") + box.tmux("show-environment", "-g")
    assert "LEVEL" not in shown
    assert "NOVAORCH_UNIT" not in shown
    assert "NOVAORCH_TOKEN" not in shown
    box.tmux("split-window", "-t", "=one:", *SLEEP)
    other = box.session("one").windows[0].panes[1]
    assert other.mark is None
    box.until(lambda: argv_of(other.pid) == list(SLEEP))
    assert "NOVAORCH_UNIT" not in environment(other.pid)


def test_hostile_words_arrive_as_they_are(box: Box) -> None:
    words = ["a;", ";", "#{pid}", "#(touch x)", "$HOME", "~", "'\"", "\\", "{", "}"]
    words += ["%if", "a\nb\t\x1b", "ü✓", "", "--", "-x"]
    argv = ("sh", "-c", "read x", *words)
    receipt = box.perform(order("one", argv, env=(("X", "\n".join(words)),)))
    assert not receipt[0].error
    found = box.pane("one").pid
    box.until(lambda: argv_of(found) == list(argv))
    assert environment(found)["X"] == "\n".join(words)


def test_hostile_words_arrive_in_a_respawn_that_is_checked(box: Box) -> None:
    box.perform(order("one"))
    seen = box.pane("one")
    trap = Path(box.folder) / "trap"
    words = ('"\x1f', "%if", "' } ; kill-server ; { '", f'"; run-shell "touch {trap}"; "', "}{")
    new = pane("one", ("sh", "-c", "read x", *words))
    assert not box.do(s.Respawn(seen.pane_id, new), expects=(expect(seen),)).error
    box.until(lambda: argv_of(box.pane("one").pid) == ["sh", "-c", "read x", *words])
    assert not trap.exists()


def test_large_words(box: Box) -> None:
    big = "x" * 100_000
    argv = ("sh", "-c", "exec sleep 1000", big)
    assert not box.perform(order("one", argv, env=(("BIG", big),)), order("two"))[0].error
    box.until(lambda: environment(box.pane("one").pid).get("BIG") == big)
    assert box.pane("two").mark == mark("two")


def test_lines_are_typed(box: Box) -> None:
    out = Path(box.folder) / "out"
    lines = ("hello; 'you' #{pid} -l", "", "-x ü")
    script = f"head -n 3 > {out}; exec sleep 1000"
    box.perform(order("one", ("sh", "-c", script), typed=lines))
    box.until(lambda: out.exists() and out.read_text() == "\n".join(lines) + "\n")


def test_applied_is_read_back(box: Box) -> None:
    text = '{"a":"#{pid}\\n ü\\ud83d\\ude00 ; $x","b":[1,null]}'
    step = opening("one", window("w", replace(pane("one"), applied=text)))
    box.perform(Order(unit("one"), (step,)))
    seen = box.pane("one")
    want = {"a": "#{pid}\n ü😀 ; $x", "b": [1, None]}
    targets = {unit("one"): seen.pane_id, unit("none"): "%99", UnitId("p/session/x"): "$99"}
    assert box.host.applied(targets) == {unit("one"): want, unit("none"): {}, "p/session/x": {}}
    assert box.host.applied({unit("one"): seen.session_id}) == {unit("one"): {"frame": True}}
    box.do(s.MarkPane(seen.pane_id, mark("one", falls=2)))
    assert box.host.applied({unit("one"): seen.pane_id}) == {unit("one"): want}
    box.do(s.MarkPane(seen.pane_id, mark("one", falls=2), '{"new":1}'))
    assert box.host.applied({unit("one"): seen.pane_id}) == {unit("one"): {"new": 1}}
    assert box.pane("one").mark == mark("one", falls=2)


@pytest.mark.parametrize("field", ["pid", "dead", "unit", "pane_id", "digest"])
def test_a_changed_pane_is_stale_and_untouched(box: Box, field: str) -> None:
    box.perform(order("one"), order("two"))
    seen = expect(box.pane("one"))
    others = {"pid": seen.pid + 1, "dead": True, "unit": unit("two"), "pane_id": "%99"}
    other = (others | {"digest": "e" * 16})[field]
    wrong = Expect(**{n: getattr(seen, n) for n in Expect.__slots__} | {field: other})
    receipt = box.do(s.Close(seen.pane_id), expects=(seen, wrong))
    assert receipt.stale
    assert receipt.error
    assert box.pane("one").pid == seen.pid
    receipt = box.do(s.Signal(seen.pane_id, seen.pid, "KILL"), expects=(wrong, seen))
    assert receipt.stale
    os.kill(seen.pid, 0)
    assert not box.pane("one").dead
    assert not box.do(s.Close(seen.pane_id), expects=(seen,)).error


def test_a_respawned_pane_is_stale(box: Box) -> None:
    box.perform(order("one"))
    old = expect(box.pane("one"))
    box.tmux("respawn-pane", "-k", "-t", old.pane_id, *SLEEP)
    assert box.do(s.Close(old.pane_id), expects=(old,)).stale
    assert box.pane("one").pid != old.pid


def test_a_signal_ends_the_whole_group_and_the_order_goes_on(box: Box) -> None:
    box.perform(order("one", ("sh", "-c", "sleep 1000 & wait")))
    seen = box.pane("one")
    drained = mark("one", drain_until=9)
    steps = (
        s.MarkPane(seen.pane_id, drained),
        s.Signal(seen.pane_id, seen.pid, "KILL"),
        s.MarkPane(seen.pane_id, mark("one", falls=5)),
    )
    assert not box.do(*steps, expects=(expect(seen),)).error
    box.until(lambda: box.pane("one").dead)
    assert box.pane("one").mark == mark("one", falls=5)
    box.until(lambda: not running_in_group(seen.pid))
    assert not box.do(s.Signal(seen.pane_id, seen.pid, "TERM")).error


@pytest.mark.parametrize("pid", [0, 1, -1])
def test_a_signal_never_goes_to_everybody(fast: Box, pid: int) -> None:
    fast.perform(order("one"))
    seen = fast.pane("one")
    assert fast.do(s.Signal(seen.pane_id, pid, "KILL")).error
    assert not fast.pane("one").dead


def test_a_signal_without_expectation_checks_the_pid(fast: Box) -> None:
    fast.perform(order("one"), order("two"))
    seen, other = fast.pane("one"), fast.pane("two")
    assert fast.do(s.Signal(seen.pane_id, other.pid, "KILL")).stale
    os.kill(other.pid, 0)


def test_respawn_keeps_the_place(box: Box) -> None:
    box.perform(order("one", ("sh", "-c", "echo BEFORE; exit 3")))
    box.until(lambda: box.pane("one").dead)
    old = box.pane("one")
    new = pane("one", ("sleep", "77"), directory="/", env=(("A", "b"),))
    new = replace(new, mark=mark("one", falls=1, started=5))
    assert not box.do(s.Respawn("slot:proj/agent/one", new), expects=(expect(old),)).error
    now = box.pane("one")
    assert (now.pane_id, now.dead, now.mark) == (
        old.pane_id,
        False,
        mark("one", falls=1, started=5),
    )
    box.until(lambda: argv_of(now.pid) == ["sleep", "77"])
    assert Path(f"/proc/{now.pid}/cwd").readlink() == Path("/")
    assert environment(now.pid)["A"] == "b"
    assert environment(now.pid)["NOVAORCH_UNIT"] == unit("one")


def test_panes_and_windows_are_added_to_live_sessions(box: Box) -> None:
    box.perform(order("one"))
    seen = box.session("one")
    first = seen.windows[0].panes[0].pane_id
    steps = (
        s.OpenPane(first, pane("after")),
        s.OpenPane(first, pane("before"), before=True),
        s.OpenPane("slot:proj/agent/after", pane("last", ("true",))),
        s.OpenWindow(seen.session_id, window("w2", pane("w2a"), pane("w2b"), layout="tiled")),
        s.MarkPane("slot:proj/agent/w2b", mark("w2b", falls=9)),
    )
    receipt = box.do(*steps)
    assert not receipt.error
    one, two = box.session("one").windows
    units = [p.mark.unit.name for p in one.panes if p.mark]
    assert units == ["before", "one", "after", "last"]
    assert (two.key, two.name, len(two.panes)) == ("w2", "w2", 2)
    assert two.panes[1].mark == mark("w2b", falls=9)
    assert box.tmux("display-message", "-p", "-t", "=one:", "#{pane_id}") == f"{first}\n"


def test_many_panes_in_a_small_window(box: Box) -> None:
    panes = [pane(f"p{i}") for i in range(9)]
    assert not box.do(opening("one", window("w", *panes), columns=40, rows=20)).error
    assert len(box.session("one").windows[0].panes) == 9
    receipt = box.do(opening("two", window("w", *panes), columns=5, rows=3))
    assert "no space" in receipt.error


def test_the_rest_of_the_steps(box: Box) -> None:
    box.do(opening("one", window("a", pane("a0"), pane("a1")), window("b", pane("b0"))))
    seen = box.session("one")
    one, two = seen.windows
    box.tmux("select-window", "-t", two.window_id)
    frame = opening("one", window("z", pane("z"))).mark.replace("d" * 16, "e" * 16)
    receipt = box.do(
        s.Rename(seen.session_id, "uno"),
        s.Rename(one.window_id, "A"),
        s.MarkFrame(seen.session_id, frame, '{"f":2}'),
        s.MarkWindow(one.window_id, "akey"),
        s.Resize(seen.session_id, 90, 30),
        s.Arrange(one.window_id, "even-horizontal"),
        s.SetOptions(seen.session_id, (("status", "off"),)),
        s.SetOptions(one.window_id, (("mode-keys", "vi"),)),
        s.SwapPanes(one.panes[0].pane_id, two.panes[0].pane_id),
        s.OrderWindows(seen.session_id, (two.window_id, one.window_id)),
    )
    assert not receipt.error
    now = box.session("uno")
    assert [w.window_id for w in now.windows] == [two.window_id, one.window_id]
    assert [w.name for w in now.windows] == ["b", "A"]
    assert [w.key for w in now.windows] == ["b", "akey"]
    assert [w.index for w in now.windows] == [0, 1]
    assert now.mark is not None
    assert now.mark.digest == "e" * 16
    assert box.host.applied({unit("one"): now.session_id}) == {unit("one"): {"f": 2}}
    units = [[p.mark.unit.name for p in w.panes if p.mark] for w in now.windows]
    assert units == [["a0"], ["b0", "a1"]]
    sizes = box.tmux(
        "list-windows", "-t", "=uno:", "-F", "#{window_width}x#{window_height} #{window_active}"
    )
    assert sizes.splitlines() == ["90x30 1", "90x30 0"]


def test_a_persons_deeds_are_seen(box: Box) -> None:
    box.perform(order("one"), order("two"))
    box.foreign("human")
    moved = box.pane("two").pane_id
    box.tmux("rename-session", "-t", "=one", "renamed")
    box.tmux("split-window", "-t", "=renamed:", *SLEEP)
    box.tmux("new-session", "-d", "-s", "grouped", "-t", "=renamed")
    box.tmux("link-window", "-s", "=renamed:0", "-t", "=human:5")
    box.tmux("join-pane", "-s", moved, "-t", "=human:0")
    world = box.world()
    by_name = {x.name: x for x in world.sessions}
    assert set(by_name) == {"renamed", "human", "grouped"}
    assert [p.mark for p in by_name["renamed"].windows[0].panes] == [mark("one"), None]
    assert by_name["grouped"].mark is None
    assert by_name["grouped"].windows == ()
    assert [w.index for w in by_name["human"].windows] == [0]
    assert mark("two") in [p.mark for p in by_name["human"].windows[0].panes]
    every = [p.pane_id for x in world.sessions for w in x.windows for p in w.panes]
    assert len(every) == len(set(every)) == 4


def test_damaged_marks_are_nobodys(box: Box) -> None:
    box.perform(order("one"), order("two"))
    box.tmux("set-option", "-p", "-t", "=one:", "@novaorch_pane", "v1 a|b || c")
    box.tmux("set-option", "-t", "=two:", "@novaorch_frame", "v9 something new")
    box.tmux("rename-window", "-t", "=two:", "a|b || c")
    assert box.pane("one").mark is None
    assert box.session("two").mark is None
    assert box.session("two").windows[0].name == "a|b || c"
    assert box.pane("two").mark == mark("two")


def test_two_fleets_on_one_server(box: Box) -> None:
    box.perform(order("one"))
    other = box.make(fleet="other")
    theirs = replace(mark("two"), fleet="other")
    step = opening("two", window("main", replace(pane("two"), mark=theirs)))
    assert not other.perform([Order(unit("two"), (step,))])[0].error
    marks = {x.name: x.windows[0].panes[0].mark for x in box.world().sessions}
    assert marks == {"one": mark("one"), "two": theirs}
    seen = box.pane("two")
    wrong = Expect(seen.pane_id, seen.pid, False, unit("two"))
    assert box.do(s.Close(seen.pane_id), expects=(wrong,)).stale


def test_a_restarted_server_reuses_ids_but_not_ours(box: Box) -> None:
    box.perform(order("one"))
    old = box.pane("one")
    server = box.world().server
    os.kill(box.server_pid(), signal.SIGKILL)
    box.until(lambda: not box.host.server_alive())
    assert box.world().sessions == ()
    for name in ("theirs", "more", "evenmore"):
        box.foreign(name)
    assert box.do(s.Close(old.pane_id), expects=(expect(old),)).stale
    assert box.world().server != server
    assert len(box.world().sessions) == 3


def test_output_floods_do_not_disturb(box: Box) -> None:
    flood = (
        "while :; do printf '\\033]0;%%end 1 2 3\\007\\033]52;c;AAAA\\007\\377\\376%%exit\\n'; done"
    )
    box.perform(order("noisy", ("sh", "-c", flood)), order("calm"))
    for _ in range(10):
        assert {x.name for x in box.world().sessions} == {"noisy", "calm"}
    assert not box.do(s.Close(box.session("noisy").session_id)).error


def test_a_big_batch_with_failures_in_it(box: Box) -> None:
    box.foreign("n7")
    count = 150
    receipts = box.perform(*[order(f"n{i}", ("true",) if i % 3 else SLEEP) for i in range(count)])
    assert [r.unit for r in receipts] == [unit(f"n{i}") for i in range(count)]
    assert [i for i, r in enumerate(receipts) if r.error] == [7]
    assert len(box.world().sessions) == count


def test_failures_within_one_line_find_their_order(box: Box) -> None:
    for name in ("n2", "n5"):
        box.foreign(name)
    orders = [order(f"n{i}") for i in range(25)]
    orders[3] = order("n3", session="n1")
    bad = window("main", pane("n4"), options=(("no-such-option", "x"),))
    orders[4] = Order(unit("n4"), (opening("n4", bad),))
    receipts = box.perform(*orders)
    assert not box.do(s.Close("slot:proj/agent/n24")).error
    said = {r.unit.name: r.error for r in receipts if r.error}
    assert set(said) == {"n2", "n3", "n4", "n5"}
    assert "session n1 is" in said["n3"]
    assert "session n5 is" in said["n5"]
    assert "no-such-option" in said["n4"]
    marks = {x.name: x.windows[0].panes[0].mark for x in box.world().sessions}
    assert marks["n2"] is marks["n5"] is None
    assert all(marks[f"n{i}"] == mark(f"n{i}") for i in (0, 1, *range(6, 24)))
    assert "n24" not in marks


def test_the_anchor_goes_and_with_it_the_server(box: Box) -> None:
    box.perform(order("one"))
    box.host.shutdown_anchor()
    assert box.host.server_alive()
    assert not box.do(s.Close(box.session("one").session_id)).error
    box.host.shutdown_anchor()
    box.until(lambda: gone(box))
    box.host.shutdown_anchor()


def gone(box: Box) -> bool:
    with suppress(BlindError):
        return not box.host.server_alive()
    return False


def test_attach_words(box: Box) -> None:
    assert box.host.attach_argv("one")[-3:] == ["attach-session", "-t", "=one"]
    socket = f"{box.folder}/tmux-{os.getuid()}/t"
    inside = box.make(environ=box.environ | {"TMUX": f"{socket},12,0"})
    assert inside.attach_argv("one")[-3:] == ["switch-client", "-t", "=one"]
    elsewhere = box.make(environ=box.environ | {"TMUX": "/tmp/other,12,0"})
    assert elsewhere.attach_argv("one")[-3:] == ["attach-session", "-t", "=one"]


def test_orders_that_cannot_be_written_touch_nothing(box: Box) -> None:
    box.perform(order("one"))
    receipts = box.perform(
        Order(unit("a"), (s.Close("one"),)),
        Order(unit("b"), (s.Close("slot:proj/agent/nobody"),)),
        Order(unit("c"), (s.Rename("$1", "a#(touch x)"),)),
        Order(unit("d"), (s.SetOptions("$1", (("a;b", "x"),)),)),
        Order(unit("e"), (s.MarkPane("%1", replace(mark("one"), digest="a b")),)),
        order("nul", ("a\0b", "c")),
        order("lone", ("a\udcffb", "c")),
        Order(unit("f"), (s.Arrange("@999", "tiled"),)),
    )
    assert all(r.error and not r.stale for r in receipts), receipts
    assert [x.name for x in box.world().sessions] == ["one"]
