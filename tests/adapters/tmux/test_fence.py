"""Who was overtaken writes nothing: two controllers on one real server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import get_args

import pytest

from reconciler.adapters.tmux import Tmux
from reconciler.adapters.tmux.epochs import ServerEpoch
from reconciler.adapters.tmux.fence import FENCED
from reconciler.adapters.tmux.launch import Setting
from reconciler.adapters.tmux.orders import Batch
from reconciler.adapters.tmux.steps import Known
from reconciler.adapters.tmux.talk import Reply, Talk
from reconciler.model import step as s
from reconciler.model.marks import frame_text
from reconciler.model.problems import BlindError, LeaseHeldError
from reconciler.model.world import FrameMark, PaneMark
from reconciler.ports import Order
from tests.adapters.tmux.conftest import (
    BINARY,
    FLEET,
    Box,
    expect,
    mark,
    opening,
    order,
    pane,
    unit,
    window,
)


def obeyed(box: Box, fleet: str = FLEET) -> str:
    return box.tmux("display-message", "-p", f"#{{@novaorch_epoch_{fleet}}}").strip()


def names(box: Box) -> set[str]:
    return set(box.tmux("list-sessions", "-F", "#{session_name}").split()) - {"novaorch"}


def every_step(box: Box) -> list[s.Step]:
    """One of each kind of step, on a session `a` of one window and two panes."""
    session = box.session("a")
    (seen,) = session.windows
    first, second = seen.panes
    return [
        opening("new", window("w", pane("n"))),
        s.OpenWindow(session.session_id, window("w2", pane("w2"))),
        s.OpenPane(first.pane_id, pane("p")),
        s.Respawn(first.pane_id, pane("a")),
        s.Signal(first.pane_id, first.pid, "KILL"),
        s.TypeLines(first.pane_id, first.pid, ("/exit",)),
        s.Close(second.pane_id),
        s.Close(session.session_id),
        s.MarkPane(first.pane_id, mark("a", falls=7)),
        s.MarkFrame(session.session_id, "v1 demo proj/agent/a dd cc", "{}"),
        s.MarkWindow(seen.window_id, "other"),
        s.Rename(session.session_id, "renamed"),
        s.Resize(session.session_id, 60, 20),
        s.Arrange(seen.window_id, "tiled"),
        s.SetOptions(session.session_id, (("status", "off"),)),
        s.SwapPanes(first.pane_id, second.pane_id),
        s.OrderWindows(session.session_id, (seen.window_id,)),
    ]


def state(box: Box) -> Sequence[object]:
    told = "#{session_id} #{session_name} #{window_id} #{window_layout} #{pane_id} #{pane_pid}"
    panes = box.tmux("list-panes", "-a", "-F", told)
    return [box.world().sessions, panes, box.tmux("show-options", "-t", "=a:")]


def test_an_epoch_is_claimed_with_the_first_write_and_never_lowered(box: Box) -> None:
    six, seven = box.make(epoch=6), box.make(epoch=7)
    assert not six.perform([order("a")])[0].error
    assert obeyed(box) == "6"
    assert not seven.perform([order("b")])[0].error
    assert obeyed(box) == "7"
    (receipt,) = six.perform([order("c")])
    assert (receipt.error, receipt.stale) == (FENCED, True)
    assert receipt.fix
    assert obeyed(box) == "7"
    assert names(box) == {"a", "b"}
    assert not box.host.perform([order("d")])[0].error, "an unfenced look may write, as before"
    assert obeyed(box) == "7"


class Asleep:
    """A controller that falls asleep when all is ready to be sent, and is overtaken meanwhile."""

    def __init__(self, sleeper: Tmux, other: Callable[[], object]) -> None:
        self._ready, self._other = sleeper._ready, other
        sleeper._ready = self  # type: ignore[assignment]

    def prepare(self, orders: Sequence[Order], epoch: int) -> tuple[Talk, Setting]:
        prepared = self._ready.prepare(orders, epoch)
        self._other()
        return prepared


OF_WORK_TREES = {s.OpenWorkspace, s.BeginRun, s.MarkWorkspace, s.CloseWorkspace}


def test_a_prepared_batch_of_the_overtaken_does_nothing(box: Box) -> None:
    """6 has looked, and knows all it needs; 7 claims; only then does 6 send: each kind of step."""
    fenced: list[str] = []
    six, seven = box.make(epoch=6, on_fenced=lambda: fenced.append("6")), box.make(epoch=7)
    two = window("w", pane("a"), pane("b"))
    assert not six.perform([Order(unit("a"), (opening("a", two),))])[0].error
    six.photograph(1.0)
    steps = every_step(box)
    kinds = set(get_args(s.Step)) - OF_WORK_TREES
    assert {type(step) for step in steps} == kinds, "a new kind of step needs a row"
    before, seen = state(box), expect(box.pane("a"))
    orders = [Order(unit(f"u{n}"), (step,)) for n, step in enumerate(steps)]
    orders += [Order(unit(f"v{n}"), (step,), (seen,)) for n, step in enumerate(steps)]
    orders += [order(f"lone{n}") for n in range(12)]
    Asleep(six, lambda: seven.perform([Order(unit("z"), ())]))
    receipts = six.perform(orders)
    assert {(r.error, r.stale) for r in receipts} == {(FENCED, True)}
    assert state(box) == before
    assert fenced == ["6"]
    assert obeyed(box) == "7"


class Between:
    """A way to the server on which something happens after each line."""

    ordered = True

    def __init__(self, talk: Talk, event: Callable[[], object]) -> None:
        self._talk, self._event = talk, event

    def run(self, lines: Sequence[str], timeout_s: float) -> list[Reply]:
        replies = self._talk.run(lines, timeout_s)
        self._event()
        return replies

    def close(self) -> None:
        """Nothing of its own."""


def test_not_even_the_rest_of_an_order_is_done(box: Box) -> None:
    """An order of two lines: overtaken between them, it ends."""
    six, seven = box.make(epoch=6), box.make(epoch=7)
    assert not six.perform([order("a")])[0].error
    seen = box.pane("a")
    talk, now = six._ready.prepare([], 6)
    batch = Batch(Known(six._seen.resolve, six._seen.windows, now), {}, 5.0)
    steps = (s.Signal(seen.pane_id, seen.pid, "HUP"), s.Close(seen.pane_id))
    between = Between(talk, lambda: seven.perform([Order(unit("z"), ())]))
    (receipt,) = batch.perform([Order(unit("a"), steps)], between)
    assert receipt.error == FENCED
    box.until(lambda: box.pane("a").dead)
    assert box.pane("a").pane_id == seen.pane_id


def test_the_right_to_write_is_asked_for_each_time(box: Box) -> None:
    lost: list[int] = []

    def number() -> int:
        if lost:
            raise LeaseHeldError("another controller keeps this fleet true by now")
        return 3

    host = box.make(epoch=number)
    assert not host.perform([order("a")])[0].error
    lost.append(1)
    with pytest.raises(LeaseHeldError):
        host.perform([order("b")])
    assert names(box) == {"a"}


def test_a_new_server_obeys_whoever_has_the_lease(box: Box) -> None:
    six = box.make(epoch=6)
    assert not six.perform([order("a")])[0].error
    box.tmux("kill-server")
    assert not six.perform([order("b")])[0].error
    assert obeyed(box) == "6"


@pytest.mark.parametrize("garbage", ["x", "-1", "6; kill-server", "9" * 40, "06", "#{pid}"])
def test_garbage_is_no_number(garbage: str, box: Box) -> None:
    box.foreign()
    box.tmux("set-environment", "-gh", f"@novaorch_epoch_{FLEET}", garbage)
    epoch = ServerEpoch("t", fleet=FLEET, environ=box.environ, binary=BINARY)
    assert epoch.seen() == (6 if garbage == "06" else 0)
    six = box.make(epoch=6)
    assert not six.perform([order("a")])[0].error
    assert obeyed(box) == "6"


def test_a_milestone_is_read_and_raised_and_starts_no_server(box: Box) -> None:
    epoch = ServerEpoch("t", fleet=FLEET, environ=box.environ, binary=BINARY)
    epoch.make_folder()
    epoch.keep(4)
    assert epoch.seen() == 0
    assert not epoch.lock.with_name("t").exists()
    box.foreign()
    assert epoch.seen() == 0
    for claimed, obeys in ((4, 4), (9, 9), (5, 9)):
        epoch.keep(claimed)
        assert epoch.seen() == obeys
    pid = box.server_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        slow = ServerEpoch("t", fleet=FLEET, environ=box.environ, call_timeout_s=0.3, binary=BINARY)
        for act in (slow.seen, lambda: slow.keep(10)):
            with pytest.raises(BlindError):
                act()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_two_fleets_do_not_see_each_other(box: Box) -> None:
    """Neither marks, nor epochs, nor locks; not even of a fleet whose name begins like ours."""
    ours, theirs = box.make(epoch=9), box.make(fleet=f"{FLEET}-2", epoch=2)
    other = PaneMark(f"{FLEET}-2", unit("a"), "d" * 16, "c" * 40)
    frame = frame_text(FrameMark(f"{FLEET}-2", unit("b"), "d" * 16, "c" * 40))
    away = replace(opening("b", window("w", replace(pane("a"), mark=other))), mark=frame)
    assert not ours.perform([order("a")])[0].error
    assert not theirs.perform([Order(unit("a"), (away,))])[0].error
    assert (obeyed(box), obeyed(box, f"{FLEET}-2")) == ("9", "2")
    assert not ours.perform([order("c")])[0].error
    our_pane, their_pane = box.pane("a"), box.pane("b")
    for host, pane_id in ((ours, our_pane.pane_id), (theirs, their_pane.pane_id)):
        host.photograph(1.0)
        assert host._seen.resolve(f"slot:{unit('a')}") == pane_id
    wrong = expect(their_pane)
    assert ours.perform([Order(unit("a"), (s.Close(their_pane.pane_id),), (wrong,))])[0].stale
    locks = {
        ServerEpoch("t", fleet=fleet, environ=box.environ).lock for fleet in (FLEET, f"{FLEET}-2")
    }
    assert len(locks) == 2


CONTROLLER = """
import sys
from reconciler.adapters.tmux import Tmux
from tests.adapters.tmux.conftest import order
host = Tmux("t", fleet="demo", epoch=6, mode=sys.argv[1], binary=sys.argv[2])
print(host.perform([order("first")])[0].error, flush=True)
for number, _ in enumerate(sys.stdin):
    orders = [order(f"late-{number}-{n}") for n in range(40)]
    print({(r.error, r.stale) for r in host.perform(orders)}, flush=True)
host.close()
"""


@contextlib.contextmanager
def controller(box: Box) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """Another process that holds epoch 6 and made one session; and how to give it more orders."""
    child = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, box.mode, BINARY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**box.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )

    def order_more() -> None:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()

    try:
        assert said(child) == "\n"
        yield child, order_more
        child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def test_a_process_that_slept_and_wakes(box: Box) -> None:
    """A real process, stopped while its orders are on their way to it, overtaken, and woken."""
    with controller(box) as (sleeper, order_more):
        os.kill(sleeper.pid, signal.SIGSTOP)
        order_more()
        assert not box.make(epoch=7).perform([order("second")])[0].error
        os.kill(sleeper.pid, signal.SIGCONT)
        assert said(sleeper) == f"{{('{FENCED}', True)}}\n"
        assert names(box) == {"first", "second"}


def test_a_process_that_is_stopped_in_the_middle(fast: Box) -> None:
    """However far it came: after another one took over, nothing of it is done any more."""
    with controller(fast) as (sleeper, order_more):
        order_more()
        fast.until(lambda: len(names(fast)) > 1)
        os.kill(sleeper.pid, signal.SIGSTOP)
        assert not fast.make(epoch=7).perform([order("second")])[0].error
        there = names(fast)
        os.kill(sleeper.pid, signal.SIGCONT)
        order_more()
        assert said(sleeper)
        assert said(sleeper) == f"{{('{FENCED}', True)}}\n"
        assert names(fast) == there
