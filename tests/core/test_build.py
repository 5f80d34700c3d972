"""From files to units: who lives where, what waits for what, and what an error holds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace

import pytest

from reconciler.core.build import Memo, build
from reconciler.kinds.parse import parse
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import Json, UnitId
from reconciler.model.manifest import Blob, Manifest, Tree
from reconciler.model.unit import Desired, Frame, RestartPolicy, Slot, Window, fields_digest
from tests.kinds.desk import (
    HOME,
    ROOT,
    agent,
    blobs,
    fleet,
    only,
    parsed,
    rules,
    session,
    the_process,
    tree,
    wish,
)

A, B, C, S = "p/agents/a.yaml", "p/agents/b.yaml", "p/agents/c.yaml", "p/sessions/s.yaml"
ID_A, ID_B, ID_S = UnitId("p/agent/a"), UnitId("p/agent/b"), UnitId("p/session/s")

PANES = "windows: [{name: dev, panes: [%s]}]"


def frame(desired: Desired, unit: str = "p/session/s") -> Frame:
    assert desired.problems == (), desired.problems
    return desired.frames[UnitId(unit)]


def fields(desired: Desired, unit: str) -> dict[str, object]:
    return {f.name: f.value for f in desired.processes[UnitId(unit)].fields}


# -- trees ----------------------------------------------------------------------------------------


def test_a_tree_that_does_not_exist_asks_for_nothing() -> None:
    gone = replace(tree(()), exists=False)
    desired = build(gone, {}, ROOT, HOME)
    assert (desired.frames, desired.processes, desired.problems) == ({}, {}, ())
    assert desired.fleet == FleetSettings(name="default")
    assert (desired.commit, desired.tree, desired.author) == ("c0ffee", "7ree", "Nova")


def test_an_empty_tree_asks_for_nothing() -> None:
    assert wish({}, with_fleet=False).problems == ()
    assert wish({"README.md": "x"}, with_fleet=False).problems == ()


def test_projects_are_folders_with_a_file() -> None:
    assert wish({"p/README.md": "x", "q/agents/a.yaml": agent()}).projects == {"p", "q"}


def test_a_file_that_was_not_read_holds_its_unit() -> None:
    desired = build(tree(blobs({A: agent()})), {}, ROOT, HOME)
    assert rules(desired) == ["file/unread"]
    assert desired.broken is not None
    assert desired.broken.keys() == {ID_A}
    assert not desired.settled


def test_a_file_of_which_nothing_is_known_holds_its_unit() -> None:
    desired = build(tree(blobs({A: agent()})), {A: (None, ())}, ROOT, HOME)
    assert rules(desired) == ["file/unread"]
    assert set(desired.broken or {}) == {ID_A}


def test_the_later_of_two_twins_is_not_used() -> None:
    desired = wish({"p/agents/A.yaml": agent(name="x"), A: agent(name="y")})
    assert only(desired).rule == "tree/case-twins"
    assert set(desired.processes) == {"p/agent/x"}
    assert set(desired.broken or {}) == {ID_A}


def test_a_refused_entry_is_not_used_even_if_it_was_read() -> None:
    files = {A: agent()}
    link = (Blob(A, "0" * 40, "120000"),)
    desired = build(tree(link), parsed(files), ROOT, HOME)
    assert rules(desired) == ["path/symlink"]
    assert desired.processes == {}
    assert desired.broken is not None
    assert desired.broken.keys() == {ID_A}


def test_a_forged_cache_entry_stops_nothing_and_nobody() -> None:
    manifest = Manifest(A, "0" * 40, "Agent", "p", "a", {}, {"replicas": "many"})
    desired = build(tree(blobs({A: agent()})), {A: (manifest, ())}, ROOT, HOME)
    assert rules(desired) == ["file/unexpected", "fleet/missing"]
    assert desired.processes == {}
    assert not desired.settled


def test_an_unsettled_tree_still_has_its_good_units() -> None:
    desired = wish({A: agent(), B: agent("mode: on"), "p/notes.txt": "x"})
    assert desired.processes.keys() == {ID_A}
    assert rules(desired) == ["schema/choice", "path/not-read"]
    assert desired.broken is not None
    assert desired.broken.keys() == {ID_B}


def test_problems_are_sorted_and_single() -> None:
    files = {f"p/agents/a{i}.yaml": agent("mode: on\nreplicas: 0") for i in range(5)}
    problems = wish(files).problems
    assert list(problems) == sorted(set(problems))
    assert len(problems) == 10


def test_a_warning_unsettles_nothing() -> None:
    assert wish({A: agent(), "p/x.txt": "x"}).settled


# -- the fleet ------------------------------------------------------------------------------------


def test_settings() -> None:
    text = """tmux: {socket: mine, config: conf/tmux.conf, size: {columns: 100}, history: 5}
store: {url: "unix:///run/x.sock", password: "file:~/pw"}
sync: {branch: main, poll: 500ms}
limits: {stops: {count: 1, percent: 2}, roots: [., ~/work, /srv//x/]}
"""
    desired = wish({"fleet.yaml": fleet(text)})
    assert desired.problems == ()
    assert desired.fleet == FleetSettings(
        name="fleet",
        socket="mine",
        tmux_config="/repo/conf/tmux.conf",
        columns=100,
        rows=50,
        history_lines=5,
        store_url="unix:///run/x.sock",
        store_password="file:/home/nova/pw",
        branch="main",
        poll_s=0.5,
        stops_count_max=1,
        stops_percent_max=2,
        roots=("/repo", "/home/nova/work", "/srv/x"),
    )


def test_defaults_of_the_fleet_are_those_of_the_settings() -> None:
    assert wish({A: agent()}).fleet == FleetSettings(name="fleet")


@pytest.mark.parametrize(
    "text", ["tmux: {socket: a/b}", "limits: {roots: [../x]}", "tmux: {config: ../x}"]
)
def test_a_broken_fleet_unsettles_everything(text: str) -> None:
    desired = wish({"fleet.yaml": fleet(text), A: agent()})
    assert "fleet/broken" in rules(desired)
    assert "fleet/missing" not in rules(desired)
    assert not desired.settled
    assert desired.fleet == FleetSettings(name="default")
    assert desired.broken == {}


def test_a_refused_fleet_file_is_broken_too() -> None:
    desired = build(tree((Blob("fleet.yaml", "0" * 40, "100755"),)), {}, ROOT, HOME)
    assert sorted(rules(desired)) == ["fleet/broken", "path/executable"]


def test_sizes_come_from_the_fleet_unless_said() -> None:
    desired = wish(
        {
            "fleet.yaml": fleet("tmux: {size: {columns: 90, rows: 30}}"),
            A: agent("size: {rows: 9}"),
            S: session("size: {columns: 77}"),
        }
    )
    sizes = {unit: (f.columns, f.rows) for unit, f in desired.frames.items()}
    assert sizes == {ID_A: (90, 9), ID_S: (77, 30)}


# -- agents ---------------------------------------------------------------------------------------


def test_an_agent_alone() -> None:
    desired = wish({A: agent("env: {B: 2, A: 1}\nsecrets: {K: file:~/k}")})
    process = the_process(desired)
    assert process.id == process.frame == ID_A
    assert process.source.path == A
    assert process.launch.argv == ("sleep", "1")
    assert process.launch.directory == "/repo"
    assert process.launch.env == (("A", "1"), ("B", "2"))
    assert process.launch.secrets == (("K", "file:/home/nova/k"),)
    assert (process.stopped, process.after, process.stop_grace_s) == (False, (), 15.0)
    assert process.digest == fields_digest(process.fields)
    alone = frame(desired, "p/agent/a")
    assert alone.lone
    assert alone.session == "p/a"
    assert alone.windows == (Window("a", "a", "", (Slot(ID_A),)),)
    assert alone.digest == fields_digest(alone.fields)
    assert fields(desired, ID_A) == {
        "runtime": "command",
        "command": ["sleep", "1"],
        "directory": "/repo",
        "env.A": "1",
        "env.B": "2",
        "secrets.K": "file:~/k",
        "mode": "auto",
        "session": "",
        "restart.policy": "always",
        "restart.backoff.base": 1.0,
        "restart.backoff.max": 60.0,
        "stop.grace": 15.0,
    }


def test_restart_stop_and_mode() -> None:
    backoff = "restart: {policy: on-failure, backoff: {base: 2s, max: 3s}}"
    text = f"{backoff}\nstop: {{grace: 0s}}\nmode: stopped"
    process = the_process(wish({A: agent(text)}))
    assert process.restart.policy is RestartPolicy.ON_FAILURE
    assert (process.restart.base_s, process.restart.max_s) == (2.0, 3.0)
    assert process.stop_grace_s == 0
    assert process.stopped


@pytest.mark.parametrize(
    ("directory", "wanted"),
    [
        (".", "/repo"),
        ("a/../b/", "/repo/b"),
        ("./a//b", "/repo/a/b"),
        ("/", "/"),
        ("//etc/../srv", "/srv"),
        ("/../x", "/x"),
        ("~", "/home/nova"),
        ("~/w/..", "/home/nova"),
        ("a~b", "/repo/a~b"),
        ("é x", "/repo/é x"),
    ],
)
def test_directories(directory: str, wanted: str) -> None:
    assert the_process(wish({A: agent(f'directory: "{directory}"')})).launch.directory == wanted


@pytest.mark.parametrize("directory", ["..", "a/../..", "../repo2", "./../x"])
def test_relative_directories_stay_inside(directory: str) -> None:
    assert only(wish({A: agent(f"directory: {directory}")})).rule == "directory/outside"


def test_a_root_that_tmux_would_run_is_refused() -> None:
    files = {"fleet.yaml": fleet("{}"), A: agent()}
    desired = build(tree(blobs(files)), parsed(files), "/re#(id)po", HOME)
    assert only(desired).rule == "directory/unsafe"


def test_allowed_folders_are_lexical() -> None:
    limits = {"fleet.yaml": fleet("limits: {roots: [work, /srv]}")}
    for directory, good in [
        ("work", True),
        ("work/x", True),
        ("/srv", True),
        ("/srv/../etc", False),
        (".", False),
        ("works", False),
        ("~", False),
    ]:
        desired = wish({**limits, A: agent(f"directory: {directory}")})
        assert (rules(desired) == []) is good, directory
    assert wish({"fleet.yaml": fleet("limits: {roots: [/]}"), A: agent()}).settled


def test_replicas() -> None:
    desired = wish({A: agent("replicas: 3\nafter: [b]"), B: agent(), C: agent("after: [a]")})
    assert desired.problems == ()
    replicas = [f"p/agent/a-{i}" for i in range(3)]
    assert list(desired.processes) == [*replicas, "p/agent/b", "p/agent/c"]
    assert desired.frames[UnitId("p/agent/a-1")].session == "p/a-1"
    assert desired.processes[UnitId("p/agent/a-2")].after == (ID_B,)
    assert list(desired.processes[UnitId("p/agent/c")].after) == replicas
    assert len({p.digest for u, p in desired.processes.items() if u in replicas}) == 1


def test_an_error_of_a_replicated_agent_holds_each_replica() -> None:
    desired = wish({A: agent("replicas: 2\ndirectory: ../x")})
    assert only(desired).rule == "directory/outside"
    assert desired.broken is not None
    assert sorted(desired.broken) == ["p/agent/a-0", "p/agent/a-1"]


def test_labels_and_charter_are_fields() -> None:
    text = agent().replace("{name: }", "{labels: {role: lead}}")
    one = wish({A: text, "p/charter.md": "# One\n"})
    two = wish({A: text, "p/charter.md": "# Two\n"})
    assert fields(one, ID_A)["labels.role"] == "lead"
    assert fields(one, ID_A)["charter"] != fields(two, ID_A)["charter"]
    assert "charter" not in fields(wish({A: text}), ID_A)


# -- what changes a digest, and what does not -----------------------------------------------------


def digests(desired: Desired) -> dict[str, str]:
    assert desired.problems == ()
    return {u: x.digest for d in (desired.frames, desired.processes) for u, x in d.items()} | {
        f"{u}#": x.digest for u, x in desired.frames.items()
    }


BASE = {
    A: agent("env: {X: 1, Y: 2}\nafter: [b]\nsession: s"),
    B: agent(),
    S: session("env: {E: 1}\nwindows: [{name: dev, panes: [{command: [top]}, {agent: b}]}]"),
    "p/charter.md": "# T\n",
}


def test_renaming_files_changes_no_digest() -> None:
    renamed = {
        "p/agents/deep/x.yml": agent("env: {X: 1, Y: 2}\nafter: [b]\nsession: s", name="a"),
        "p/agents/y.yaml": agent(name="b"),
        "p/sessions/other.yaml": session(
            "env: {E: 1}\nwindows: [{name: dev, panes: [{command: [top]}, {agent: b}]}]", name="s"
        ),
        "p/charter.md": "# T\n",
    }
    assert digests(wish(renamed)) == digests(wish(BASE))


def test_order_comments_and_style_change_no_digest() -> None:
    loose = """# a comment
kind: "Agent"
spec:
  session: 's'   # another
  after:
    - b
  env:
    Y: "2"
    X: "1"
  command:
    - sleep
    - '1'
apiVersion: novaorch/v1
"""
    assert digests(wish({**BASE, A: loose})) == digests(wish(BASE))


def test_defaults_written_out_change_no_digest() -> None:
    text = (
        "runtime: command\nmode: auto\ndirectory: ./\nstop: {grace: 15s}\nrestart: {policy: always}"
    )
    assert digests(wish({A: agent(text)})) == digests(wish({A: agent()}))


@pytest.mark.parametrize(
    "change",
    [
        "env: {X: 1}",
        "secrets: {X: env:X}",
        "directory: x",
        "mode: stopped",
        "stop: {grace: 1s}",
        "restart: {policy: never}",
        "restart: {backoff: {base: 2s}}",
        "restart: {backoff: {max: 61s}}",
        "restart: {burst: {count: 6}}",
        "restart: {burst: {window: 9m}}",
        "stop: {quit: [/exit]}",
        "heal: {crash: heal}",
        "heal: {edit: heal}",
        "protect: true",
        "after: [b]",
        "session: s",
    ],
)
def test_every_declared_field_changes_the_digest(change: str) -> None:
    others = {B: agent(), S: session()}
    before = wish({A: agent(), **others}).processes[ID_A].digest
    assert wish({A: agent(change), **others}).processes[ID_A].digest != before


# -- sessions -------------------------------------------------------------------------------------


def test_a_session_without_windows_is_one_shell() -> None:
    desired = wish({S: session()})
    found = frame(desired)
    assert found.session == "p/s"
    shell = UnitId("p/session/s/w0.0")
    assert found.windows == (Window("w0", "", "", (Slot(shell),)),)
    assert the_process(desired).launch.argv == ()
    assert desired.processes[shell].frame == ID_S


def test_a_whole_session() -> None:
    text = """session: work
adopt: true
env: {A: s, B: s, C: s, D: s}
options: {mouse: on}
windows:
  - name: dev
    layout: main-vertical
    focus: true
    directory: dev
    env: {B: w, C: w, D: w}
    options: {mode-keys: vi}
    panes:
      - {command: [top], env: {C: p}, secrets: {A: env:A}}
      - {agent: a, focus: true}
      - {type: [ls, pwd], directory: x, restart: {policy: never}, stop: {grace: 1s}}
  - panes: [{}]
"""
    desired = wish({S: session(text), A: agent("env: {B: mine}\nsecrets: {C: env:C}")})
    found = frame(desired)
    top, shell, last = (UnitId(f"p/session/s/{at}") for at in ("dev.0", "dev.2", "w1.0"))
    assert (found.session, found.adopt, found.options) == ("work", True, (("mouse", "on"),))
    assert found.windows == (
        Window(
            "dev",
            "dev",
            "main-vertical",
            (Slot(top), Slot(ID_A, focus=True), Slot(shell)),
            (("mode-keys", "vi"),),
            focus=True,
        ),
        Window("w1", "", "", (Slot(last),)),
    )
    units = desired.processes
    assert units[top].launch.env == (("B", "w"), ("C", "p"), ("D", "w"))
    assert [f.name for f in units[top].fields if f.name.startswith(("env", "secrets"))] == [
        "env.B",
        "env.C",
        "env.D",
        "secrets.A",
    ]
    assert units[top].launch.secrets == (("A", "env:A"),)
    assert units[top].launch.directory == "/repo/dev"
    assert units[top].source.line == 18
    assert units[shell].launch.directory == "/repo/x"
    assert units[shell].launch.typed == ("ls", "pwd")
    assert units[shell].restart.policy is RestartPolicy.NEVER
    assert units[shell].stop_grace_s == 1.0
    assert units[last].launch.directory == "/repo"
    assert units[ID_A].frame == ID_S
    assert units[ID_A].launch.env == (("A", "s"), ("B", "mine"), ("D", "w"))
    assert units[ID_A].launch.directory == "/repo"
    assert fields(desired, ID_A)["session"] == "s/dev"
    assert {f.name: f.value for f in found.fields} == {
        "session": "work",
        "size.columns": 200,
        "size.rows": 50,
        "options.mouse": "on",
        "windows": ["dev", "w1"],
        "windows.dev.name": "dev",
        "windows.dev.layout": "main-vertical",
        "windows.dev.focus": True,
        "windows.dev.options.mode-keys": "vi",
        "windows.dev.active": 1,
        "windows.dev.panes": [units[top].digest, ID_A, units[shell].digest],
        "windows.w1.panes": [units[last].digest],
    }


def test_window_keys_are_names_where_these_are_plain_and_single() -> None:
    names = ["dev", "dev", "w1", "a b", "ok_1-2", "", "x" * 49]
    windows = ", ".join(f'{{name: "{name}"}}' if name else "{}" for name in names)
    found = frame(wish({S: session(f"windows: [{windows}]")}))
    assert [w.key for w in found.windows] == ["w0", "w1", "w2", "w3", "ok_1-2", "w5", "w6"]
    assert [w.name for w in found.windows] == names


def test_agents_that_name_a_session_get_windows_at_its_end() -> None:
    files = {
        S: session("windows: [{name: b}, {name: dev, panes: [{agent: c}]}]"),
        A: agent("session: s\nreplicas: 2"),
        B: agent("session: s"),
        C: agent("session: s"),
        "p/agents/w7.yaml": agent("session: s"),
    }
    desired = wish(files)
    found = frame(desired)
    assert [(w.key, w.name) for w in found.windows] == [
        ("b", "b"),
        ("dev", "dev"),
        ("a-0", "a-0"),
        ("a-1", "a-1"),
        ("b_", "b"),
        ("w7_", "w7"),
    ]
    assert found.windows[4].slots == (Slot(ID_B),)
    assert fields(desired, ID_B)["session"] == "s/b_"
    assert set(desired.frames) == {ID_S}


def test_a_replica_can_have_a_pane() -> None:
    desired = wish({A: agent("replicas: 2"), S: session(PANES % "{agent: a-1}")})
    assert frame(desired).windows[0].slots == (Slot(UnitId("p/agent/a-1")),)
    assert set(desired.frames) == {ID_S, "p/agent/a-0"}


def test_long_names_of_replicas_are_fine() -> None:
    desired = wish({f"p/agents/{'a' * 48}.yaml": agent("replicas: 2\nsession: s"), S: session()})
    assert desired.problems == ()
    assert len(desired.frames[ID_S].windows) == 3


def test_moving_an_own_pane_changes_its_id_but_changing_its_command_does_not() -> None:
    one = wish({S: session(PANES % "{command: [top]}")})
    two = wish({S: session(PANES % "{command: [htop]}")})
    assert one.processes.keys() == two.processes.keys()
    assert one.frames[ID_S].digest != two.frames[ID_S].digest


# -- contradictions -------------------------------------------------------------------------------


def test_an_error_in_a_session_holds_everything_in_it_and_nothing_else() -> None:
    desired = wish(
        {
            S: session(PANES % "{agent: a}, {agent: zzz}, {command: [x]}"),
            A: agent(),
            B: agent("session: s"),
            C: agent("after: [a]"),
        }
    )
    found = only(desired)
    assert found.rule == "session/unknown-agent"
    assert found.fix == "known: a, b, c"
    assert desired.broken == {ID_A: found, ID_B: found, ID_S: found}
    assert set(desired.processes) == set(desired.frames) == {"p/agent/c"}
    assert desired.processes[UnitId("p/agent/c")].after == (ID_A,)


@pytest.mark.parametrize("fault", ["mode: on", "directory: ../x", "]"])
def test_an_agent_in_error_keeps_its_slot_and_the_rest_of_its_session_goes_on(fault: str) -> None:
    panes = {S: session(PANES % "{agent: a}, {}"), B: agent("session: s")}
    well, broken = wish({**panes, A: agent()}), wish({**panes, A: agent(fault)})
    found = only(broken)
    assert broken.broken == {ID_A: found}
    assert broken.frames == well.frames
    assert broken.processes[ID_A].held == found
    assert broken.processes[ID_A].frame == ID_S
    others = {unit for unit in well.processes if unit != ID_A}
    assert all(broken.processes[unit] == well.processes[unit] for unit in others)


def test_an_agent_that_names_a_broken_session_is_held_without_a_problem_of_its_own() -> None:
    desired = wish({S: session("adopt: maybe"), A: agent("session: s")})
    assert rules(desired) == ["schema/boolean"]
    assert desired.broken is not None
    assert set(desired.broken) == {ID_A, ID_S}
    assert desired.processes == {}


def test_every_slot_has_its_process_and_every_process_its_frame() -> None:
    desired = wish({**BASE, C: agent("directory: ../x\nsession: s"), "q/agents/a.yaml": agent()})
    slots = {s.process for f in desired.frames.values() for w in f.windows for s in w.slots}
    assert slots == set(desired.processes)
    assert {p.frame for p in desired.processes.values()} == set(desired.frames)
    held = {unit for unit, process in desired.processes.items() if process.held is not None}
    assert held == set(desired.broken or {}) & slots == {UnitId("p/agent/c")}


def test_an_agent_in_two_sessions_stays_in_the_first() -> None:
    desired = wish(
        {
            S: session(PANES % "{agent: a}"),
            "p/sessions/t.yaml": session(PANES % "{agent: a}"),
            A: agent(),
        }
    )
    assert only(desired).place.startswith("p/sessions/t.yaml:6")
    assert desired.processes[ID_A].frame == ID_S
    assert set(desired.broken or {}) == {"p/session/t"}


def test_agents_and_sessions_meet_within_their_project_only() -> None:
    desired = wish({S: session(PANES % "{agent: a}"), "q/agents/a.yaml": agent("session: s")})
    assert sorted(rules(desired)) == ["agent/unknown-session", "session/unknown-agent"]


def test_two_files_of_one_identity() -> None:
    desired = wish({A: agent(), B: agent("env: {X: 1}", name="a")})
    assert only(desired).rule == "name/twice"
    assert A in only(desired).what
    assert desired.processes[ID_A].source.path == A
    assert not desired.settled


def test_a_tmux_name_belongs_to_the_first_by_path() -> None:
    desired = wish(
        {
            S: session("session: x"),
            "p/sessions/t.yaml": session("session: x\nwindows: [{panes: [{agent: b}]}]"),
            B: agent(),
            C: agent(),
            "q/sessions/z.yaml": session("session: p/c"),
        }
    )
    assert [(p.path, p.rule) for p in desired.problems] == [
        ("p/sessions/t.yaml", "session/name-taken"),
        ("q/sessions/z.yaml", "session/name-taken"),
    ]
    assert set(desired.frames) == {ID_S, "p/agent/c"}
    assert set(desired.broken or {}) == {"p/session/t", "q/session/z", ID_B}
    assert {p.frame for p in desired.processes.values()} == {ID_S, "p/agent/c"}


def test_a_replica_clash_keeps_the_plain_agent() -> None:
    desired = wish({A: agent("replicas: 2"), "p/agents/a-1.yaml": agent("env: {X: 1}")})
    assert only(desired).rule == "agent/replica-clash"
    assert set(desired.processes) == {"p/agent/a-1"}
    assert ("X", "1") in desired.processes[UnitId("p/agent/a-1")].launch.env


# -- after ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", ["b", "p/b", "p/agent/b"])
def test_names_of_after(item: str) -> None:
    assert wish({A: agent(f"after: [{item}]"), B: agent()}).processes[ID_A].after == (ID_B,)


def test_after_reaches_other_projects_and_sessions() -> None:
    desired = wish(
        {
            A: agent("after: [q/a, q/session/s, p/session/s, b, b]"),
            B: agent(),
            S: session(),
            "q/agents/a.yaml": agent(),
            "q/sessions/s.yaml": session(),
        }
    )
    assert desired.processes[ID_A].after == (ID_B, ID_S, "q/agent/a", "q/session/s")


@pytest.mark.parametrize(
    "item", ["z", "q/a", "p/agent/z", "p/session/z", "p/task/b", "a/b/c/d", "/", "#(id)", "B"]
)
def test_unknown_names_of_after(item: str) -> None:
    desired = wish({A: agent(f'after: ["{item}"]'), B: agent()})
    assert only(desired).rule == "agent/unknown-dependency"
    assert set(desired.processes) == {ID_B}


def test_waiting_for_a_broken_agent_is_no_error() -> None:
    desired = wish({A: agent("after: [b, c-1]"), B: agent("mode: on"), C: agent("mode: on")})
    assert rules(desired) == ["schema/choice", "schema/choice"]
    assert desired.processes[ID_A].after == (ID_B, "p/agent/c-1")


@pytest.mark.parametrize("item", ["a", "p/a", "p/agent/a"])
def test_waiting_for_oneself(item: str) -> None:
    assert only(wish({A: agent(f"after: [{item}]")})).rule == "agent/self-dependency"
    assert only(wish({A: agent("replicas: 2\nafter: [a-1]")})).rule == "agent/self-dependency"


def test_a_circle_is_printed_and_holds_its_members_only() -> None:
    desired = wish(
        {
            A: agent("after: [b]"),
            B: agent("after: [d, c]"),
            C: agent("after: [a]"),
            "p/agents/d.yaml": agent(),
            "p/agents/e.yaml": agent("after: [a]"),
        }
    )
    found = only(desired)
    assert (found.rule, found.what, found.place) == ("agent/cycle", "a → b → c → a", f"{A}:6:11")
    assert desired.broken == {ID_A: found, ID_B: found, UnitId("p/agent/c"): found}
    assert set(desired.processes) == {"p/agent/d", "p/agent/e"}


def test_circles_across_projects_and_through_sessions() -> None:
    across = wish({A: agent("after: [q/a]"), "q/agents/a.yaml": agent("after: [p/a]")})
    assert only(across).what == "a → q/agent/a → a"
    inside = wish({A: agent("session: s\nafter: [p/session/s]"), S: session()})
    assert only(inside).what == "a → p/session/s → a"


def test_two_circles_are_two_problems() -> None:
    files = {
        f"p/agents/{n}.yaml": agent(f"after: [{m}]")
        for n, m in zip("abcdef", "badcad", strict=True)
    }
    assert [p.what for p in wish(files).problems] == ["a → b → a", "c → d → c"]


def _chain(length: int, first: str) -> Desired:
    """Return what a chain of agents asks for, without parsing ten thousand files."""
    model, _ = parse(A, "0" * 40, agent("after: [x]").encode())
    assert model is not None
    known = {}
    for i in range(length):
        waits: list[Json] = [f"a{i - 1}"] if i else [first] if first else []
        name = f"a{i}"
        manifest = replace(
            model, path=f"p/agents/{name}.yaml", name=name, spec={**model.spec, "after": waits}
        )
        known[manifest.path] = (manifest, ())
    entries = tuple(Blob(path, "0" * 40) for path in known)
    return build(Tree("c", "t", entries), known, ROOT, HOME)


def test_a_long_chain_is_no_problem() -> None:
    desired = _chain(10_000, "")
    assert rules(desired) == ["fleet/missing"]
    assert len(desired.processes) == 10_000


def test_a_long_circle_is_printed_shortened() -> None:
    desired = _chain(10_000, "a9999")
    found = desired.problems[-1]
    assert found.rule == "agent/cycle"
    assert found.what.startswith("a0 → a9999 → ")
    assert len(found.what) < 400
    assert len(desired.broken or {}) == 10_000
    assert desired.processes == {}


# -- cost -----------------------------------------------------------------------------------------


def test_cached_manifests_need_neither_pydantic_nor_yaml() -> None:
    code = """
import sys, tempfile, pathlib
from reconciler.adapters.manifestcache import DiskCache
from reconciler.core.build import Memo, build
from reconciler.kinds.parse import concerns, parse, refuse
from reconciler.model.manifest import Blob, Tree

known = {}
cache = DiskCache(pathlib.Path(sys.argv[1]), "1")
for i in range(100):
    path = f"p/agents/a{i}.yaml"
    assert concerns(path) and refuse(Blob(path, "o")) is None
    known[path] = cache.get("o", path)
    if known[path] is None:
        text = "apiVersion: novaorch/v1\\nkind: Agent\\nspec: {command: [x], after: []}\\n"
        known[path] = parse(path, "o", text.encode())
        cache.put("o", path, *known[path])
cache.save()
desired = build(Tree("c", "t", tuple(Blob(p, "o") for p in known)), known, "/r", "/h")
assert len(desired.processes) == 100
print("pydantic" in sys.modules, "yaml" in sys.modules)
"""
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            subprocess.run(
                [sys.executable, "-c", code, f"{folder}/cache.json"],
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            ).stdout.strip()
            for _ in range(2)
        ]
    assert runs == ["True True", "False False"]


def test_a_memo_changes_nothing_but_the_work() -> None:
    memo: Memo = {}
    first = {A: agent("after: [b]"), B: agent(), C: agent("size: {columns: 90}")}
    changed = {**first, B: agent("env: {X: y}"), "p/charter.md": "# Charter"}
    for files in (first, changed, {C: first[C]}, first):
        entries, known = tree(blobs(files)), parsed(files)
        with_memo = build(entries, known, ROOT, HOME, memo)
        assert with_memo == build(entries, known, ROOT, HOME)
        assert len(memo) == 2 * len(with_memo.processes)
