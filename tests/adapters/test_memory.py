"""The pretended outside is never kinder than the real one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.memory import (
    CrashError,
    MemoryClock,
    MemoryHost,
    MemoryOutfitter,
    MemoryRepository,
    MemoryStore,
    ScriptedTrigger,
)
from reconciler.model import step as do
from reconciler.model.action import Expect
from reconciler.model.agent import Persona
from reconciler.model.ids import UnitId
from reconciler.model.marks import frame_text
from reconciler.model.problems import BlindError, NovaorchError, SourceError
from reconciler.model.status import Ready, Status
from reconciler.model.unit import Launch
from reconciler.model.world import NOW, FrameMark, PaneMark, SeenPane
from reconciler.ports import Clock, Host, Order, Receipt, Repository, Store, Trigger

TORCH = UnitId("demo/agent/torch")
ANVIL = UnitId("demo/agent/anvil")
MAIN = UnitId("demo/session/main")


def mark(unit: UnitId, **more: object) -> PaneMark:
    return PaneMark("f", unit, "d1", "c1", **more)  # type: ignore[arg-type]


def new_pane(unit: UnitId, *, run: bool = True) -> do.NewPane:
    return do.NewPane(mark(unit), Launch(("sleep", "9"), "/") if run else None, '{"a": 1}')


def window(*units: UnitId, key: str = "k", layout: str = "") -> do.NewWindow:
    return do.NewWindow(key, key, layout, tuple(new_pane(unit) for unit in units))


def session(name: str, *windows: do.NewWindow) -> do.OpenSession:
    text = frame_text(FrameMark("f", MAIN, "d", "c"))
    return do.OpenSession(name, 200, 50, 1000, text, '{"b": 2}', windows)


def perform(host: MemoryHost, *steps: do.Step, expects: tuple[Expect, ...] = ()) -> Receipt:
    return host.perform([Order(MAIN, steps, expects)])[0]


def done(host: MemoryHost, *steps: do.Step) -> None:
    receipt = perform(host, *steps)
    assert receipt == Receipt(MAIN), receipt


def panes(host: MemoryHost) -> list[SeenPane]:
    world = host.photograph(0)
    return [p for s in world.sessions for w in s.windows for p in w.panes]


def units(host: MemoryHost) -> list[str]:
    return [p.mark.unit if p.mark else "-" for p in panes(host)]


def ports(clock: MemoryClock) -> tuple[Host, Repository, Store, Clock, Trigger]:
    """mypy holds the fakes to the ports here."""
    return MemoryHost(), MemoryRepository(), MemoryStore(), clock, ScriptedTrigger(())


@pytest.fixture
def host() -> MemoryHost:
    made = MemoryHost()
    done(made, session("main", window(TORCH, ANVIL)))
    return made


def test_no_server_is_an_empty_world_and_blind_is_an_error() -> None:
    host = MemoryHost()
    assert host.photograph(7).sessions == ()
    assert host.photograph(7).server == ""
    host.blind = True
    for call in (lambda: host.photograph(7), lambda: host.perform([]), lambda: host.applied({})):
        with pytest.raises(BlindError):
            call()


def test_a_session_is_photographed_as_it_was_ordered(host: MemoryHost) -> None:
    world = host.photograph(7)
    (seen,) = world.sessions
    assert (world.taken_at, world.server, seen.session_id, seen.name) == (
        7,
        "memory-1",
        "$0",
        "main",
    )
    assert seen.mark == FrameMark("f", MAIN, "d", "c")
    assert [p.pane_id for p in panes(host)] == ["%0", "%1"]
    assert [p.index for p in panes(host)] == [0, 1]
    assert panes(host)[0].mark == mark(TORCH)
    assert host.starts == {TORCH: 1, ANVIL: 1}
    assert host.applied({TORCH: "%0", MAIN: "$0", ANVIL: "%9"}) == {
        TORCH: {"a": 1},
        MAIN: {"b": 2},
        ANVIL: {},
    }


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (session("main", window(MAIN)), "duplicate session: main"),
        (session("", window(MAIN)), "not a name"),
        (session("a.b", window(MAIN)), "not a name"),
        (session("$1", window(MAIN)), "not a name"),
        (session("#(x)", window(MAIN)), "not a name"),
        (session("x"), "at least one window"),
        (do.Close("slot:demo/agent/none"), "can't find pane"),
        (do.Close("main"), "not a live target: main"),
        (do.Rename("main", "x"), "can't find window: main"),
        (do.Resize("$0", 0, 10), "out of range"),
        (do.Arrange("@0", "pretty"), "invalid layout"),
        (do.Arrange("@0", "b25d,80x24,0,0,1"), "have 2 panes but need 1"),
        (do.Signal("%0", 1, "TERM"), "not a signal"),
        (do.Signal("%0", 1001, "SIGTERM"), "not a signal"),
        (do.MarkPane("%0", mark(TORCH, started=NOW)), "not a count"),
        (do.MarkPane("%0", PaneMark("f", UnitId("a b"), "d", "c")), "not a word"),
        (do.OrderWindows("$0", ("@9",)), "can't find window"),
        (do.OpenPane("slot:demo/agent/none", new_pane(MAIN)), "can't find pane"),
    ],
)
def test_what_tmux_refuses_is_refused(host: MemoryHost, step: do.Step, words: str) -> None:
    before = host.photograph(0)
    receipt = perform(host, step)
    assert words in receipt.error
    assert not receipt.stale
    assert host.photograph(0) == before


def test_an_order_stops_at_the_first_refusal_and_keeps_what_was_done(host: MemoryHost) -> None:
    receipt = perform(host, do.Rename("$0", "one"), do.Resize("$9", 9, 9), do.Rename("$0", "two"))
    assert receipt.error
    assert host.sessions[0].name == "one"


def test_a_broken_expectation_does_nothing(host: MemoryHost) -> None:
    seen = panes(host)[0]
    good = Expect(seen.pane_id, seen.pid, False, TORCH)
    for bad in (
        Expect("%9", seen.pid, False, TORCH),
        Expect(seen.pane_id, 1, False, TORCH),
        Expect(seen.pane_id, seen.pid, True, TORCH),
        Expect(seen.pane_id, seen.pid, False, ANVIL),
        Expect(seen.pane_id, seen.pid, False, UnitId("")),
        Expect(seen.pane_id, seen.pid, False, TORCH, "f" * 16),
    ):
        assert perform(host, do.Close("$0"), expects=(good, bad)).stale
    assert units(host) == [TORCH, ANVIL]
    assert not perform(host, do.Close("%0"), expects=(good,)).stale
    assert units(host) == [ANVIL]


def test_an_empty_expectation_means_a_pane_that_nobody_marked(host: MemoryHost) -> None:
    pane = host.human_split("main")
    pid = next(p.pid for p in panes(host) if p.pane_id == pane)
    assert not perform(host, do.Close(pane), expects=(Expect(pane, pid, False, UnitId("")),)).error


def test_dead_panes_stay_and_are_respawned_in_place(host: MemoryHost) -> None:
    host.exit(TORCH, 3)
    torch = panes(host)[0]
    assert (torch.dead, torch.exit_status) == (True, 3)
    assert torch.pid not in host.alive
    done(host, do.Respawn("slot:demo/agent/torch", do.NewPane(mark(TORCH, falls=1), None, "x")))
    again = panes(host)[0]
    assert (again.pane_id, again.dead, again.exit_status) == ("%0", True, 0)
    assert again.mark == mark(TORCH, falls=1)
    assert host.starts[TORCH] == 1  # a placeholder is no start
    done(host, do.Respawn("%0", new_pane(TORCH)))
    alive = panes(host)[0]
    assert (alive.pane_id, alive.dead, alive.exit_status) == ("%0", False, None)
    assert alive.pid not in (torch.pid, again.pid)
    assert host.starts[TORCH] == 2


def test_term_is_obeyed_unless_stubborn_and_kill_always(host: MemoryHost) -> None:
    host.stubborn.add(TORCH)
    torch, anvil = panes(host)
    done(host, do.Signal("%0", torch.pid, "TERM"), do.Signal("%1", anvil.pid, "TERM"))
    assert [p.dead for p in panes(host)] == [False, True]
    done(host, do.Signal("%0", torch.pid, "KILL"))
    assert [(p.dead, p.exit_status) for p in panes(host)] == [(True, 137), (True, 143)]
    done(host, do.Signal("%0", torch.pid, "TERM"), do.Signal("%9", 1234, "TERM"))  # gone is ended


def test_a_shell_does_not_mind_term_and_hangs_up(host: MemoryHost) -> None:
    shell = do.NewPane(mark(TORCH), Launch((), "/work"), "")
    done(host, do.Respawn("%0", shell))
    pid = panes(host)[0].pid
    done(host, do.Signal("%0", pid, "TERM"))
    assert not panes(host)[0].dead
    done(host, do.Signal("%0", pid, "HUP"))
    assert (panes(host)[0].dead, panes(host)[0].exit_status) == (True, 129)


def test_words_end_only_who_knows_them(host: MemoryHost) -> None:
    host.polite.add(TORCH)
    torch, anvil = panes(host)
    words = ("/exit",)
    done(host, do.TypeLines("%0", torch.pid, words), do.TypeLines("%1", anvil.pid, words))
    assert [(p.dead, p.exit_status) for p in panes(host)] == [(True, 0), (False, None)]
    assert perform(host, do.TypeLines("%1", torch.pid, words)).stale, "another process is there"


def test_a_signal_for_an_earlier_process_is_stale(host: MemoryHost) -> None:
    torch = panes(host)[0]
    done(host, do.Respawn("%0", new_pane(TORCH)))
    assert perform(host, do.Signal("%0", torch.pid, "KILL")).stale
    assert not panes(host)[0].dead


def test_what_cannot_live_dies_at_once_and_stays_marked() -> None:
    host = MemoryHost()
    host.doomed[TORCH] = 127
    done(host, session("main", window(TORCH)))
    assert [(p.dead, p.exit_status) for p in panes(host)] == [(True, 127)]
    assert units(host) == [TORCH]


@pytest.mark.parametrize("exit_empty", [True, False])
def test_the_last_pane_takes_window_and_session_along(host: MemoryHost, exit_empty: bool) -> None:
    host.exit_empty = exit_empty
    done(host, do.OpenWindow("$0", window(MAIN, key="two")), do.Close("%0"), do.Close("%1"))
    assert [w.key for w in host.sessions[0].windows] == ["two"]
    done(host, do.Close("%2"), do.Close("%2"))
    assert host.photograph(0).server == ("" if exit_empty else "memory-1")
    assert host.photograph(0).sessions == ()
    assert host.alive == {}
    done(host, session("main", window(TORCH)))
    assert host.photograph(0).server == ("memory-2" if exit_empty else "memory-1")
    assert panes(host)[0].pane_id == ("%0" if exit_empty else "%3")


def test_slots_mean_what_was_just_made_first(host: MemoryHost) -> None:
    done(
        host,
        do.OpenPane("%0", new_pane(TORCH), before=True),
        do.Arrange("window:slot:demo/agent/torch", "tiled"),
        do.MarkPane("slot:demo/agent/torch", mark(TORCH, falls=5)),
    )
    assert [(p.pane_id, p.mark.falls if p.mark else 0) for p in panes(host)] == [
        ("%2", 5),
        ("%0", 0),
        ("%1", 0),
    ]


def test_swapping_moves_panes_with_their_marks_between_windows(host: MemoryHost) -> None:
    done(host, do.OpenWindow("$0", window(MAIN, key="two")), do.SwapPanes("%0", "%2"))
    assert units(host) == [MAIN, ANVIL, TORCH]
    assert [p.window_id for p in panes(host)] == ["@0", "@0", "@1"]
    assert host.starts == {TORCH: 1, ANVIL: 1, MAIN: 1}
    done(host, do.Close("%0"), do.OpenPane("%2", new_pane(TORCH)))
    assert units(host) == [MAIN, TORCH, ANVIL]
    assert [w.key for w in host.sessions[0].windows] == ["k"]


def test_ordered_windows_come_last_and_gaps_are_closed(host: MemoryHost) -> None:
    foreign = host.human_window("main")
    done(host, do.OpenWindow("$0", window(MAIN, key="two")), do.OrderWindows("$0", ("@2", "@0")))
    assert [w.window_id for w in host.sessions[0].windows] == [foreign, "@2", "@0"]
    done(host, do.Close("@2"))
    assert [w.index for w in host.sessions[0].windows] == [0, 1]
    done(host, do.OrderWindows("$0", ("@0", foreign)))
    assert [(w.window_id, w.index) for w in host.sessions[0].windows] == [("@0", 0), (foreign, 1)]


def test_marks_of_windows_frames_and_options(host: MemoryHost) -> None:
    text = frame_text(FrameMark("f", MAIN, "d2", "c2"))
    done(
        host,
        do.MarkFrame("$0", text, "{}"),
        do.MarkWindow("@0", "new"),
        do.Rename("@0", "shown"),
        do.SetOptions("$0", (("status", "off"), ("mouse", "on")), ()),
        do.SetOptions("$0", (), ("mouse",)),
        do.Resize("$0", 80, 24),
    )
    seen = host.sessions[0]
    assert seen.mark == FrameMark("f", MAIN, "d2", "c2")
    assert (seen.windows[0].key, seen.windows[0].name) == ("new", "shown")
    assert host.session("main").options == {"status": "off"}
    assert host.session("main").size == (80, 24)
    assert host.applied({MAIN: "$0"}) == {MAIN: {}}


def test_people_do_as_they_like(host: MemoryHost) -> None:
    host.foreign_session("theirs")
    host.human_rename("main", "mine")
    host.human_close("%0")
    world = host.photograph(0)
    assert [(s.name, s.mark is None) for s in world.sessions] == [("mine", False), ("theirs", True)]
    assert len(host.alive) == 2
    host.kill_server()
    assert host.photograph(0).sessions == ()
    assert host.alive == {}


def test_a_crash_comes_between_two_steps(host: MemoryHost) -> None:
    host.steps_left = 1
    with pytest.raises(CrashError):
        perform(host, do.Rename("$0", "one"), do.Rename("$0", "two"))
    assert host.sessions[0].name == "one"


STEPS = st.one_of(
    st.builds(do.Close, st.sampled_from(["%0", "%1", "%2", "%3", "@0", "@1", "$0", "$1"])),
    st.builds(session, st.sampled_from("ab"), st.just(window(TORCH, ANVIL))),
    st.builds(do.OpenWindow, st.sampled_from(["$0", "$1"]), st.just(window(MAIN))),
    st.builds(do.OpenPane, st.sampled_from(["%0", "%2"]), st.just(new_pane(MAIN)), st.booleans()),
    st.builds(do.SwapPanes, st.sampled_from(["%0", "%1"]), st.sampled_from(["%2", "%3"])),
    st.builds(do.Respawn, st.sampled_from(["%0", "%3"]), st.just(new_pane(TORCH))),
    st.builds(do.OrderWindows, st.just("$0"), st.permutations(["@0", "@1"]).map(tuple)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_the_books_always_agree(steps: list[do.Step]) -> None:
    host = MemoryHost()
    ids: list[str] = []
    for step in steps:
        perform(host, step)
        world = host.photograph(0)
        assert world.server == "memory-1" if world.sessions else True
        for seen in world.sessions:
            indexes = [w.index for w in seen.windows]
            assert indexes
            assert indexes == sorted(set(indexes))
            for each in seen.windows:
                assert [p.index for p in each.panes] == list(range(len(each.panes)))
                assert {(p.window_id, p.session_id) for p in each.panes} == {
                    (each.window_id, seen.session_id)
                }
        assert {p.pid for p in panes(host)} == set(host.alive)
        ids = [p.pane_id for p in panes(host)]
        assert len(set(ids)) == len(ids)


def test_commits_are_named_by_their_content() -> None:
    one, two = MemoryRepository(), MemoryRepository()
    files = {"b.yaml": b"2", "a/x.yaml": b"1"}
    assert one.commit(files) == two.commit(dict(reversed(files.items())))
    tree = one.tree("HEAD")
    assert [b.path for b in tree.blobs] == ["a/x.yaml", "b.yaml"]
    # The id that `printf 2 | git hash-object --stdin` prints.
    assert tree.blobs[1].oid == "d8263ee9860594d2806b0dfd1bfd17528b0ba2a4"
    assert one.read([tree.blobs[0].oid]) == {tree.blobs[0].oid: b"1"}
    assert one.commit(files) != tree.commit
    assert one.tree("HEAD").oid == tree.oid
    assert one.tree("HEAD~1") == tree == one.tree(tree.commit[:7])


def test_what_git_does_not_know_is_an_error() -> None:
    repository = MemoryRepository()
    for revision in ("HEAD", "main", ":worktree"):
        with pytest.raises(SourceError):
            repository.tree(revision)
    first = repository.commit({})
    for revision in ("HEAD~1", "HEAD^", "zzzz", "", first[:2]):
        with pytest.raises(SourceError):
            repository.tree(revision)
    with pytest.raises(SourceError):
        repository.read(["0" * 40])
    repository.blind = True
    with pytest.raises(BlindError):
        repository.tree("HEAD")


def test_loose_files_a_folder_that_is_gone_and_a_rewound_branch() -> None:
    repository = MemoryRepository()
    first = repository.commit({"a": b"1"}, author="Bo <bo@example.org>", subject="one")
    assert repository.tree(":worktree").oid == repository.tree("HEAD").oid
    assert repository.tree(":worktree").commit == "worktree"
    repository.staged = {"a": b"2"}
    assert repository.tree(":staged").oid != repository.tree("HEAD").oid
    repository.commit(None)
    assert not repository.tree("HEAD").exists
    assert repository.tree("HEAD^").exists
    repository.rewind(first)
    assert (repository.tree("HEAD").author, repository.tree("HEAD").subject) == (
        "Bo <bo@example.org>",
        "one",
    )


def test_a_store_in_memory_keeps_text_and_can_be_lost() -> None:
    store = MemoryStore()
    assert store.recall() == {"controller": {}, "statuses": [], "skipped": 0}
    status = Status(TORCH, Ready.TRUE, "running", "", "", "c")
    store.publish("c", [status], 5.0)
    assert store.recall()["statuses"] == [status.as_json()]
    assert store.recall()["controller"] == {
        "host": "memory", "pid": 1, "version": "", "commit": "c", "heartbeat": 5.0, "every": 0.0,
    }  # fmt: skip
    store.publish("c", [], 6.0)
    assert store.recall()["statuses"] == []
    store.down = True
    for call in (store.ping, store.recall, lambda: store.publish("c", [], 7.0)):
        with pytest.raises(BlindError):
            call()


def test_time_passes_only_when_somebody_waits() -> None:
    clock = MemoryClock(100)
    trigger = ScriptedTrigger(["poll", "hook"], clock)
    assert [trigger.wait(5), trigger.wait(5), trigger.wait(5)] == ["poll", "hook", "stop"]
    assert (clock.now(), trigger.waits) == (105, [5, 5, 5])
    clock.sleep(-1)
    assert clock.now() == 105
    assert len(ports(clock)) == 5


def test_an_agent_runtime_is_outfitted_before_anything_is_done() -> None:
    outfitter = MemoryOutfitter(env=(("TOKEN", "t"),))
    host = MemoryHost(outfitter=outfitter)
    launch = Launch(("claude",), "/", persona=Persona("claude-code"))
    torch, anvil = (do.NewPane(mark(u), launch, "{}") for u in (TORCH, ANVIL))
    plain = new_pane(MAIN)
    done(host, session("a", do.NewWindow("k", "k", "", (torch, plain))))
    assert outfitter.asked == [(TORCH, launch)]
    assert host.outfits[TORCH].env == (("TOKEN", "t"),)
    outfitter.refused[ANVIL] = NovaorchError("no outfit", why="it rained", fix="wait")
    receipt = perform(host, session("b", do.NewWindow("k", "k", "", (anvil,))))
    assert (receipt.error, receipt.fix) == ("no outfit: it rained", "wait")
    assert [s.name for s in host.sessions] == ["a"]
    refused = perform(MemoryHost(), session("b", do.NewWindow("k", "k", "", (anvil,))))
    assert "nobody here" in refused.error
