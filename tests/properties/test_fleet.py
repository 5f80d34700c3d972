"""Whatever is committed, whatever happens: what always holds, and what holds in the end.

The oracle looks at wishes and at the pretended tmux only; it never asks `core` for its opinion.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from reconciler.adapters.memory import CrashError
from reconciler.adapters.memory.board import Pane, Session
from reconciler.core.stamp import stamp
from reconciler.loop.cycle import act
from reconciler.model.action import Outcome
from reconciler.model.ids import UnitId, digest
from reconciler.model.problems import BlindError
from reconciler.model.step import NewPane, OpenPane, OpenSession, OpenWindow, Respawn, Step
from reconciler.model.unit import Desired, Launch, Process
from reconciler.model.world import Drain, Engagement, Presence
from tests.bench import Bench
from tests.builders import desired
from tests.properties.wishes import FLEET, Drawn, fleets

SHORT = os.environ.get("NOVAORCH_SHORT") == "1"
"""What `./dev ci` runs: every part of a campaign, a third of its length."""
PICK = st.integers(0, 1_000)
DEEDS = ("split", "window", "rename", "pane", "window$", "session", "move", "swap")


@dataclass(frozen=True)
class Seen:
    """One pane, as the oracle remembers it."""

    pid: int
    unit: UnitId | None
    dead: bool
    launch: Launch | None
    drain: Drain
    until: int
    placeholder: bool
    protect: bool
    quits: bool  # it knows words, as was applied last
    lost: bool  # what was applied last can be read neither where it is nor where it belongs

    @property
    def asked(self) -> bool:
        """Whether it was asked to end; to be noted as absent is no asking."""
        return self.drain not in (Drain.NONE, Drain.ABSENT)


def seen(pane: Pane, homes: list[Session]) -> Seen:
    mark = pane.mark
    if mark is None:
        return Seen(
            pane.pid, None, pane.dead, pane.launch, Drain.NONE, 0, False, False, False, False
        )
    texts = [home.fields.get(mark.unit, "{}") for home in (pane.window.session, *homes)]
    return Seen(
        pane.pid,
        mark.unit,
        pane.dead,
        pane.launch,
        mark.drain,
        mark.drain_until,
        mark.placeholder,
        mark.protect,
        '"stop.quit"' in texts[0] and digest(json.loads(texts[0])) == mark.digest,
        all(digest(json.loads(text)) != mark.digest for text in texts),
    )


def owner_of(unit: str) -> str:
    return "/".join(unit.split("/")[:3])


class Fleet(RuleBasedStateMachine):
    """Commits, people, bad luck, and passes of the reconciler between them."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(desired(fleet=FLEET))
        self.host = self.bench.host
        self.touched = False  # a person changed places: the wish no longer says where things are
        self.strangers = 0
        self.delay_s = 0
        self.unwanted: dict[UnitId, float] = {}  # since when nobody wants it, as passes saw it
        self.rose: dict[UnitId, tuple[float, int, str]] = {}  # hour, pid, digest of the last rise

    # -- what happens --------------------------------------------------------------------------

    @initialize(delay_s=st.sampled_from((0, 0, 30)))
    def stops_wait(self, delay_s: int) -> None:
        self.delay_s = delay_s

    @rule(wish=fleets())
    def commit(self, wish: Drawn) -> None:
        self.follow(wish.wish)

    def follow(self, wish: Desired) -> None:
        fleet = replace(wish.fleet, stops_delay_s=self.delay_s)
        self.bench.commit(replace(wish, fleet=fleet))

    @rule(pick=PICK, status=st.sampled_from((0, 1, None)))
    def exits(self, pick: int, status: int | None) -> None:
        units = sorted({p.mark.unit for p in self.host.everything() if p.mark and not p.dead})
        if units:
            self.host.exit(units[pick % len(units)], status)

    @rule(seconds=st.sampled_from((1, 5, 20, 700)))
    def time_passes(self, seconds: int) -> None:
        self.bench.clock.sleep(seconds)

    @rule(unit=st.sampled_from(("p/agent/a", "p/agent/b", "p/session/main/dev.0")))
    def will_not_listen(self, unit: str) -> None:
        self.host.stubborn ^= {UnitId(unit)}

    @rule(unit=st.sampled_from(("p/agent/a", "p/agent/c", "p/session/main/dev.0")))
    def obeys_words(self, unit: str) -> None:
        self.host.polite ^= {UnitId(unit)}

    @rule(unit=st.sampled_from(("p/agent/a", "p/agent/b", "p/session/main/dev.0")))
    def somebody_works(self, unit: str) -> None:
        if self.host.engaged.pop(UnitId(unit), None) is None:
            self.host.engaged[UnitId(unit)] = Presence(Engagement.TYPING, "ada", 0)

    @rule(unit=st.sampled_from(("p/agent/a", "p/agent/c", "p/session/main/dev.0")))
    def cannot_live(self, unit: str) -> None:
        if UnitId(unit) in self.host.doomed:
            del self.host.doomed[UnitId(unit)]
        else:
            self.host.doomed[UnitId(unit)] = 1

    @rule(unit=st.sampled_from(("p/agent/a", "p/agent/b", "p/session/main/dev.1")))
    def cannot_start(self, unit: str) -> None:
        if UnitId(unit) in self.host.refused:
            del self.host.refused[UnitId(unit)]
        else:
            self.host.refused[UnitId(unit)] = ("no such command", "install it")

    @rule()
    def server_dies(self) -> None:
        self.host.kill_server()

    @rule(name=st.sampled_from(("p/main", "p/a", "theirs")))
    def stranger_comes(self, name: str) -> None:
        if name not in self.bench.shape():
            self.host.foreign_session(name)
            self.strangers += 1

    @rule(
        what=st.sampled_from(DEEDS),
        pick=PICK,
    )
    def person_works(self, what: str, pick: int) -> None:  # noqa: C901  (a table)
        sessions = list(self.host.sessions)
        if not sessions:
            return
        session = sessions[pick % len(sessions)]
        panes = [p for w in session.windows for p in w.panes]
        pane = panes[pick % len(panes)].pane_id
        everywhere = [w.window_id for s in sessions for w in s.windows]
        others = [p.id for p in self.host.everything() if p.id != pane]
        match what:
            case "split":
                self.host.human_split(session.session_id)
            case "window":
                self.host.human_window(session.session_id)
            case "rename":
                self.host.human_rename(session.session_id, f"renamed-{pick}")
            case "pane":
                self.host.human_close(pane)
            case "window$":
                self.host.human_close(session.windows[pick % len(session.windows)].window_id)
            case "session":
                self.host.human_close(session.session_id)
            case "move":
                self.host.human_move(pane, everywhere[pick % len(everywhere)])
            case "swap" if others:
                self.host.human_swap(pane, others[pick % len(others)])
        self.touched = True

    @rule()
    def people_share_sessions(self) -> None:
        self.host.grouped = not self.host.grouped

    # -- what the reconciler does --------------------------------------------------------------

    @rule()
    def blind_pass(self) -> None:
        self.host.blind = True
        before = len(self.host.log)
        with pytest.raises(BlindError):
            self.bench.once()
        assert len(self.host.log) == before
        self.host.blind = False

    @rule(wish=fleets(), pick=PICK)
    def wish_changes_while_somebody_works(self, wish: Drawn, pick: int) -> None:
        units = sorted({p.mark.unit for p in self.host.everything() if p.mark and not p.dead})
        for unit in units[pick % max(1, len(units)) :]:
            self.host.engaged[unit] = Presence(Engagement.BUSY, "a turn")
        self.follow(wish.wish)
        self.watched(None, None)
        self.host.engaged.clear()

    @rule(wait_s=st.sampled_from((1, 6, 12)))
    def all_fall(self, wait_s: int) -> None:
        for unit in sorted({p.mark.unit for p in self.host.everything() if p.mark}):
            self.host.exit(unit, 1)
        for _ in range(3):
            self.watched(None, None)
            self.bench.clock.sleep(wait_s)

    @rule(wish=fleets(), wait_s=st.sampled_from((1, 16)))
    def wish_changes_with_a_word(self, wish: Drawn, wait_s: int) -> None:
        self.follow(wish.wish)
        self.watched(None, None)
        self.bench.clock.sleep(wait_s)
        self.watched(None, None, confirm=True)

    @rule(confirm=st.booleans(), now=st.sampled_from((False, False, True)))
    def whole_pass(self, confirm: bool, now: bool) -> None:
        self.watched(None, None, confirm=confirm, now=now)

    @rule(steps=st.integers(0, 6))
    def cut_pass(self, steps: int) -> None:
        self.watched(steps, None)

    @rule(steps=st.integers(0, 6))
    def failing_pass(self, steps: int) -> None:
        self.watched(None, steps)

    def watched(
        self, crash: int | None, fail: int | None, *, confirm: bool = False, now: bool = False
    ) -> None:
        """One pass, looked at from outside."""
        wish, host = self.bench.wishes.wish, self.host
        before = self.look()
        asked = len(host.asks)
        host.log.clear()
        host.signals.clear()
        thought = self.bench.think(now=now)
        words = [a.fix.rpartition(" ")[2] for a in thought.plan.holds if "--confirm" in a.fix]
        confirmed: set[str] = set()
        if confirm and words:
            confirmed = {a.unit for a in thought.plan.holds if words[0] in a.fix}
            thought = self.bench.think(confirmed=words[0], now=now)
        hour = self.bench.clock.now()
        printed = [stamp(step, hour) for a in thought.plan.moves for step in a.steps]
        host.steps_left, host.fail_in = crash, fail
        outcomes: list[Outcome] = []
        with suppress(CrashError):
            outcomes = act(self.bench.ports, thought.plan.moves, self.bench.told.append)
        host.steps_left = host.fail_in = None
        after = self.look()
        self.did_only_the_plan(printed, whole=bool(outcomes) and all(o.ok for o in outcomes))
        self.touched_only_ours(before, after)
        self.left_the_right_alone(wish, before, after)
        begun = {pid for _, pid, _ in host.asks[asked:]}
        begun -= {s.pid for s in before.values() if s.asked}
        self.stopped_only_for_a_reason(wish, before, begun, confirmed=confirm and bool(words))
        self.started_in_order(wish, before, after)
        self.runs_once()
        self.kept_what_was_protected(wish, before, begun, confirmed)
        self.stopped_nothing_before_its_time(wish, before, begun, confirmed)
        self.ended_by_stages()
        self.typed_what_was_known(wish, before, asked)
        self.rose_a_few_at_a_time(wish, before)
        if not now:
            self.interrupted_nobody(before, after)

    # -- what always holds ---------------------------------------------------------------------

    def did_only_the_plan(self, printed: list[Step], *, whole: bool) -> None:
        done = Counter(map(repr, self.host.log))
        assert not done - Counter(map(repr, printed)), "a step that was not printed"
        if whole:
            assert sum(done.values()) == len(printed), "a printed step that was not taken"

    def touched_only_ours(self, before: dict[str, Seen], after: dict[str, Seen]) -> None:
        for pane, was in before.items():
            if was.unit is None:
                assert after.get(pane) == was, f"a stranger's pane {pane} was touched"

    def left_the_right_alone(
        self, wish: Desired, before: dict[str, Seen], after: dict[str, Seen]
    ) -> None:
        """What runs as it is wished runs on: each agent, and of a Session's panes as many of each
        command as are wished for. So a change of place, layout, size or label ends nothing."""
        wanted: Counter[tuple[str, str]] = Counter()
        had: Counter[tuple[str, str]] = Counter()
        ended: Counter[tuple[str, str]] = Counter()
        for process in wish.processes.values():
            wanted[self.what(process.id, process.launch)] += not process.stopped
        for pane, was in before.items():
            if was.unit is None or was.dead or was.placeholder or was.asked:
                continue
            what = self.what(was.unit, was.launch)
            had[what] += 1
            now = after.get(pane)
            if now is None or now.pid != was.pid or now.dead or now.asked:
                ended[what] += 1
        for what, count in ended.items():
            spare = max(0, had[what] - wanted[what])
            lost = any(s.lost and s.unit and owner_of(s.unit) == what[0] for s in before.values())
            assert count <= spare or lost, f"{what} was right and was ended"

    def what(self, unit: UnitId, launch: Launch | None) -> tuple[str, str]:
        return owner_of(unit), " ".join(launch.argv) if launch is not None else ""

    def look(self) -> dict[str, Seen]:
        """Every pane by id."""
        wish, found = self.bench.wishes.wish, {}
        for pane in self.host.everything():
            process = wish.processes.get(pane.mark.unit) if pane.mark else None
            homes = [
                self.host.session(s.session_id)
                for s in self.host.sessions
                if process is not None and s.mark and s.mark.unit == process.frame
            ]
            found[pane.id] = seen(pane, homes)
        return found

    def stopped_only_for_a_reason(
        self, wish: Desired, before: dict[str, Seen], begun: set[int], *, confirmed: bool
    ) -> None:
        kept = {*wish.frames, *wish.processes}
        gone = {owner_of(s.unit) for s in before.values() if s.unit and s.pid in begun} - kept
        for hour, unit, name in self.host.signals:
            if name == "KILL":
                assert any(
                    s.unit == unit and s.drain is not Drain.NONE and hour >= s.until
                    for s in before.values()
                ), f"{unit} was killed without its grace"
        assert not gone or wish.settled, "stopped while a file has an error"
        if not confirmed:
            assert not gone or (wish.projects and wish.processes), "stopped for an empty folder"
            assert len(gone) <= FLEET.stops_count_max, "more stops than the limit"

    def started_in_order(
        self, wish: Desired, before: dict[str, Seen], after: dict[str, Seen]
    ) -> None:
        """`after` means after; but what fell is healed in its place without waiting again."""
        healed = {
            s.new.mark.unit
            for s in self.host.log
            if isinstance(s, Respawn) and s.pane in before and not before[s.pane].placeholder
        }
        started = [
            new.mark.unit for step in self.host.log for new in _new(step) if new.launch is not None
        ]
        for place, unit in enumerate(started):
            for need in wish.processes[unit].after if unit not in healed else ():
                if need in wish.processes and need not in started[:place]:
                    assert any(
                        s.unit == need and not s.dead and not s.placeholder
                        and not s.asked for s in after.values()
                    ), f"{unit} came before {need}"  # fmt: skip

    def runs_once(self) -> None:
        alive = Counter(
            p.mark.unit
            for p in self.host.everything()
            if p.mark and not p.dead and not p.mark.placeholder and p.mark.unit.kind == "agent"
        )
        assert all(count == 1 for count in alive.values()), f"runs twice: {alive}"

    def kept_what_was_protected(
        self, wish: Desired, before: dict[str, Seen], begun: set[int], confirmed: set[str]
    ) -> None:
        for was in before.values():
            if was.protect and was.unit not in wish.processes and was.pid in begun:
                assert was.unit in confirmed, f"{was.unit} was protected"

    def stopped_nothing_before_its_time(
        self, wish: Desired, before: dict[str, Seen], begun: set[int], confirmed: set[str]
    ) -> None:
        hour = self.bench.clock.now()
        absent = {
            was.unit: was.pid
            for was in before.values()
            if was.unit is not None and was.unit.kind == "agent"
            if was.unit not in wish.processes and not was.placeholder
        }
        self.unwanted = {unit: self.unwanted.get(unit, hour) for unit in absent}
        for unit, pid in absent.items():
            if pid in begun and unit not in confirmed:
                assert hour - self.unwanted[unit] >= self.delay_s, f"{unit} was stopped too soon"

    def ended_by_stages(self) -> None:
        """Words once, then TERM, then KILL, each as long after the one before as was promised."""
        last: dict[int, tuple[float, str]] = {}
        for hour, pid, name in self.host.asks:
            since, before = last.get(pid, (hour, ""))
            allowed = {"words": ("",), "TERM": ("", "words", "TERM"), "KILL": ("TERM", "KILL")}
            assert before in allowed[name], f"{name} after {before or 'nothing'}"
            waits = {("words", "TERM"): 15, ("TERM", "KILL"): 5, ("KILL", "KILL"): 5}
            assert hour - since >= waits.get((before, name), 0), f"{name} too soon"
            last[pid] = hour, name

    def typed_what_was_known(self, wish: Desired, before: dict[str, Seen], asked: int) -> None:
        """A process whose manifest is gone is ended by the words that it was applied with."""
        first = {pid: name for _, pid, name in reversed(self.host.asks[asked:])}
        for was in before.values():
            alone = sum(s.unit == was.unit for s in before.values()) == 1
            gone = was.unit is not None and was.unit not in wish.processes
            if gone and alone and not was.asked and was.pid in first:
                assert (first[was.pid] == "words") is was.quits, f"{was.unit}: {first[was.pid]}"

    def rose_a_few_at_a_time(self, wish: Desired, before: dict[str, Seen]) -> None:
        hour, fleet = self.bench.clock.now(), wish.fleet
        alive = {p.pid: p for p in self.host.everything()}
        for step in self.host.log:
            was = before.get(step.pane) if isinstance(step, Respawn) else None
            if isinstance(step, Respawn) and was and was.dead and step.new.mark.falls:
                pid = next(p.pid for p in alive.values() if p.id == step.pane)
                self.rose[step.new.mark.unit] = hour, pid, step.new.mark.digest
        self.rose = {
            unit: (at, pid, digest)
            for unit, (at, pid, digest) in self.rose.items()
            if pid in alive and unit in wish.processes and wish.processes[unit].digest == digest
            and hour - at < fleet.restarts_window_s
        }  # fmt: skip
        assert len(self.rose) <= fleet.restarts_count_max, "a storm"

    def interrupted_nobody(self, before: dict[str, Seen], after: dict[str, Seen]) -> None:
        for pane, was in before.items():
            if was.unit not in self.host.engaged or was.dead or was.placeholder or was.asked:
                continue
            now = after.get(pane)
            assert now is not None, f"{was.unit} is gone"
            assert (now.pid, now.dead, now.asked) == (was.pid, False, False), was.unit

    # -- what holds in the end -----------------------------------------------------------------

    @rule(drawn=fleets(whole=True))
    def calm(self, drawn: Drawn) -> None:
        """Events stop, time passes: what runs is what is wished for, and stays so."""
        host, wish = self.host, drawn.wish
        host.doomed.clear()
        host.refused.clear()
        host.engaged.clear()
        for session in list(host.sessions):
            if session.mark is None and all(
                p.mark is None for w in session.windows for p in w.panes
            ):
                host.human_close(session.session_id)
        self.follow(wish)
        for _ in range(80):
            plan = self.bench.plan()
            words = [a for a in plan.holds if "--confirm" in a.fix]
            if not plan.moves and not words and not any(hold.until for hold in plan.holds):
                break
            self.watched(None, None, confirm=bool(words))
            self.bench.clock.sleep(8)
        plan = self.bench.plan()
        assert plan.moves == (), plan.moves
        self.world_is_as_wished(wish)

    def world_is_as_wished(self, wish: Desired) -> None:
        waiting = self.waiting(wish)
        wanted = Counter(
            self.what(p.id, p.launch) for p in wish.processes.values() if p.id not in waiting
        )
        runs = Counter(
            self.what(p.mark.unit, p.launch)
            for p in self.host.everything()
            if p.mark and not p.dead and not p.mark.placeholder
        )
        if not any(self.blocked_by_name(wish)):
            assert runs == wanted
        if self.touched or self.strangers:
            return
        for unit, process in wish.processes.items():
            if unit not in waiting:
                self.is_in_place(wish, process)
        self.has_nothing_else(wish)

    def waiting(self, wish: Desired) -> set[UnitId]:
        """Who does not run: stopped, or after somebody who does not."""
        found = {unit for unit, process in wish.processes.items() if process.stopped}
        for _ in wish.processes:
            for unit, process in wish.processes.items():
                ran = [
                    p
                    for p in self.host.everything()
                    if p.mark and p.mark.unit == unit and not p.dead
                ]
                if not ran and found & set(process.after):
                    found.add(unit)
                if not ran and any(need not in wish.processes for need in process.after):
                    found.add(unit)
        return found

    def blocked_by_name(self, wish: Desired) -> list[str]:
        """Names that some other session has, perhaps because a person renamed it."""
        return [
            f.session for f in wish.frames.values()
            for s in self.host.sessions
            if s.name == f.session and (s.mark is None or s.mark.unit != f.id)
        ]  # fmt: skip

    def is_in_place(self, wish: Desired, process: Process) -> None:
        frame = wish.frames[process.frame]
        (session,) = [s for s in self.host.sessions if s.mark and s.mark.unit == frame.id]
        assert session.name == frame.session
        (window,) = [w for w in frame.windows if any(s.process == process.id for s in w.slots)]
        units = [
            p.mark.unit for w in session.windows if w.key == window.key for p in w.panes if p.mark
        ]
        assert units == [slot.process for slot in window.slots], self.bench.shape()
        live = self.host.session(session.session_id)
        assert live.size == (frame.columns, frame.rows)

    def has_nothing_else(self, wish: Desired) -> None:
        for session in self.host.sessions:
            assert session.mark is not None
            frame = wish.frames.get(session.mark.unit)
            assert frame is not None, f"{session.name} is left over"
            assert session.mark.digest == frame.digest
            assert [w.key for w in session.windows] == [w.key for w in frame.windows], (
                self.bench.shape()
            )


def _new(step: Step) -> tuple[NewPane, ...]:
    match step:
        case OpenSession(windows=windows):
            return tuple(pane for window in windows for pane in window.panes)
        case OpenWindow(window=window):
            return window.panes
        case OpenPane(pane=pane):
            return (pane,)
        case Respawn(new=new):
            return (new,)
        case _:
            return ()


def live(examples: int, steps: int, *, seeded: bool) -> None:
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=seeded,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_sentences_hold_for_random_lives_of_a_fleet() -> None:
    live(150, 25, seeded=True)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_sentences_hold_for_many_long_lives_of_a_fleet() -> None:
    live(600 if SHORT else 2_000, 60, seeded=False)
