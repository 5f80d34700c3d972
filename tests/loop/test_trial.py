"""A commit that changes many: some go first, the rest follows, or all of it is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from reconciler.adapters.memory import MemoryMark
from reconciler.core.canary import on_trial
from reconciler.model.action import Reason
from reconciler.model.control import Consent, Controls, Suspension, Trial, Withholding
from reconciler.model.fleet import Canary
from reconciler.model.problems import NovaorchError, SourceError
from reconciler.model.world import Engagement, Presence
from reconciler.ports import Order, Receipt
from tests.loop.stage import CANARY, Stage, agent, fleet, team, unit

NOW = Consent(now=True)
ADA_TYPES = Presence(Engagement.TYPING, "Ada types", 0.0)


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.commit(team("old"))
    made.settle()
    assert made.saying("old") == {unit(n) for n in range(5)}
    return made


def test_two_go_first_and_the_rest_follows_when_they_stayed_well(stage: Stage) -> None:
    base = stage.ref.commit
    new = stage.commit(team("new"))
    stage.settle()
    first = stage.saying("new")
    assert len(first) == 2
    assert stage.saying("old") == {unit(n) for n in range(5)} - first
    assert set(stage.trial().units) == first
    assert (stage.trial().commit, stage.trial().base) == (new, base)
    assert stage.ref.commit == base
    (held,) = stage.look().plan.holds
    assert held.reason is Reason.WITHHELD
    assert held.until == stage.trial().began + 60
    assert held.fix == "novaorch apply --now"
    stage.pass_by(55)
    assert stage.saying("new") == first
    stage.pass_by(10)
    assert len(stage.saying("new")) == 5
    assert stage.ref.commit == new
    assert stage.control.read().trial is None
    assert stage.look().plan.actions == ()


def test_who_goes_first_is_the_same_wherever_it_is_asked(stage: Stage) -> None:
    twin = Stage()
    twin.commit(team("old"))
    twin.settle()
    for one in (stage, twin):
        one.commit(team("new"))
        one.settle()
    assert stage.trial().units == twin.trial().units


def test_one_fall_takes_all_of_it_back_bit_for_bit(stage: Stage) -> None:
    before = stage.desired()
    bad = stage.commit(team("bad"))
    stage.settle()
    first = sorted(stage.saying("bad"))
    stage.host.exit(first[0], 1)
    stage.settle()
    after = stage.desired()
    assert replace(after, withheld=()) == before
    assert [w.why for w in after.withheld] == [Withholding.QUARANTINED]
    assert len(stage.saying("old")) == 5
    said = stage.control.read()
    assert said.trial is None
    (quarantine,) = said.quarantined
    assert quarantine.commit == bad
    assert first[0] in quarantine.reason
    ((trial, why),) = stage.reverts
    assert (trial.commit, why) == (bad, quarantine.reason)
    assert [word.by for word in stage.control.log] == ["", ""]
    stage.pass_by(120)
    assert len(stage.saying("old")) == 5


def test_what_ends_at_once_is_taken_back_and_no_other_is_touched(stage: Stage) -> None:
    pids = {u: stage.host.panes_of(u)[0].pid for u in map(unit, range(5))}
    stage.host.doomed = {unit(n): 127 for n in range(5)}
    stage.commit(team("bad"))
    for _ in range(4):
        stage.once()
    stage.host.doomed = {}
    stage.pass_by(30)
    (quarantine,) = stage.control.read().quarantined
    assert "exited with status 127" in quarantine.reason or "fell" in quarantine.reason
    kept = {u for u, pid in pids.items() if stage.host.panes_of(u)[0].pid == pid}
    assert len(kept) == 3


def test_what_cannot_start_here_is_taken_back(stage: Stage) -> None:
    stage.commit(team("bad"))
    stage.host.refused = {unit(n): ("no such command", "install it") for n in range(5)}
    stage.settle()
    (quarantine,) = stage.control.read().quarantined
    assert "no such command" in quarantine.reason
    assert len(stage.saying("old")) == 5


def test_what_is_not_up_in_time_is_taken_back(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.once()
    first = stage.trial().units
    perform = stage.host.perform

    def failing(orders: Sequence[Order]) -> Sequence[Receipt]:
        good = iter(perform([order for order in orders if order.unit not in first]))
        return [Receipt(o.unit, "no pty left") if o.unit in first else next(good) for o in orders]

    stage.host.perform = failing  # type: ignore[method-assign]
    for _ in range(13):
        stage.once()
        stage.clock.sleep(5)
    (quarantine,) = stage.control.read().quarantined
    assert "does not run it after 60 s" in quarantine.reason
    assert len(stage.saying("old")) == 5


@pytest.mark.parametrize("times", [1, 3])
def test_kill_9_at_any_moment_loses_no_trial(stage: Stage, times: int) -> None:
    stage.commit(team("new"))
    for _ in range(times):
        stage.once()
        stage.die()
    stage.settle()
    first = stage.saying("new")
    trial = stage.trial()
    assert set(trial.units) == first
    for _ in range(12):
        stage.die()
        stage.clock.sleep(4)
        stage.settle()
        assert stage.trial() == trial
        assert stage.saying("new") == first
    stage.die()
    stage.pass_by(15)
    assert len(stage.saying("new")) == 5


def test_killed_between_promoting_and_saying_so_it_is_over_all_the_same(stage: Stage) -> None:
    new = stage.commit(team("new"))
    stage.settle()
    stage.clock.sleep(61)
    write = stage.control.write

    def full(*_: object) -> object:
        raise SourceError("no space left")

    stage.control.write = full  # type: ignore[assignment,method-assign]
    with pytest.raises(SourceError):
        stage.once()
    assert stage.ref.commit == new
    stage.control.write = write  # type: ignore[method-assign]
    stage.die()
    stage.settle()
    assert stage.control.read().trial is None
    assert len(stage.saying("new")) == 5


def test_a_newer_commit_takes_the_place_of_the_one_on_trial(stage: Stage) -> None:
    base = stage.ref.commit
    stage.commit(team("new"))
    stage.settle()
    stage.pass_by(30)
    newer = stage.commit(team("newer"))
    stage.settle()
    assert stage.saying("new") == set()
    assert len(stage.saying("newer")) == 2
    assert (stage.trial().commit, stage.trial().base) == (newer, base)
    stage.pass_by(55)
    assert len(stage.saying("newer")) == 2
    stage.pass_by(10)
    assert len(stage.saying("newer")) == 5


def test_a_newer_commit_is_tried_on_those_who_try_already(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle()
    first = stage.trial().units
    pids = {name: stage.host.panes_of(name)[0].pid for name in first}
    for number in range(5):
        stage.commit({**team("new"), f"p/agents/more{number}.yaml": agent("more")})
        stage.settle()
        assert stage.trial().units == first
    assert {name: stage.host.panes_of(name)[0].pid for name in first} == pids


def test_a_commit_about_something_else_does_not_begin_it_anew(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle()
    began = stage.trial().began
    stage.pass_by(40)
    last = stage.repository.commit(team("new"), subject="about the readme")
    stage.settle()
    assert stage.trial().began == began
    stage.pass_by(25)
    assert len(stage.saying("new")) == 5
    assert stage.ref.commit == last


def test_a_commit_that_takes_it_back_ends_it(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle()
    stage.commit(team("old"))
    stage.settle()
    assert len(stage.saying("old")) == 5
    assert stage.control.read().trial is None
    assert stage.control.read().quarantined == ()


def test_few_changes_need_no_trial_and_neither_does_what_costs_nothing(stage: Stage) -> None:
    files = team("old")
    files["p/agents/a0.yaml"] = agent("other")
    for n in range(1, 5):
        files[f"p/agents/a{n}.yaml"] = agent("old", "restart: {policy: on-failure}")
    files["p/agents/a9.yaml"] = agent("new")
    last = stage.commit(files)
    stage.settle()
    assert stage.words()[unit(0)] == "other"
    assert stage.words()[unit(9)] == "new"
    assert stage.control.log == []
    assert stage.ref.commit == last


def test_what_is_new_goes_at_once_and_what_is_gone_waits(stage: Stage) -> None:
    files = team("new")
    del files["p/agents/a4.yaml"]
    files["q/agents/x.yaml"] = agent("added")
    stage.commit(files)
    stage.settle()
    assert stage.saying("added") == {"q/agent/x"}
    assert len(stage.saying("new")) == 2
    assert stage.words()[unit(4)] == "old"
    stage.pass_by(70)
    assert unit(4) not in stage.words()
    assert len(stage.saying("new")) == 4


def test_now_promotes(stage: Stage) -> None:
    new = stage.commit(team("new"))
    stage.settle()
    stage.settle(NOW)
    assert len(stage.saying("new")) == 5
    assert stage.ref.commit == new
    stage.settle()
    assert stage.control.read().trial is None


def test_now_at_once_needs_no_trial(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle(NOW)
    assert len(stage.saying("new")) == 5
    assert stage.control.log == []


def test_the_last_commit_followed_says_whether_there_is_a_trial(stage: Stage) -> None:
    """A commit cannot take away the rule that it is to be tried by."""
    stage.commit(team("new", canary=""))
    stage.settle()
    assert len(stage.saying("new")) == 2


def test_percent_is_rounded_up() -> None:
    stage = Stage()
    stage.commit(team("old", 7, "{first: 20%, above: 3, bake: 60s}"))
    stage.settle()
    stage.commit(team("new", 7))
    stage.settle()
    assert len(stage.saying("new")) == 2


def test_somebody_at_work_is_waited_for(stage: Stage) -> None:
    stage.host.engaged = dict.fromkeys(map(unit, range(5)), ADA_TYPES)
    stage.commit(team("new"))
    stage.settle()
    stage.pass_by(600, 60)
    assert stage.saying("new") == set()
    assert stage.control.read().quarantined == ()
    stage.host.engaged = {}
    stage.settle()
    assert len(stage.saying("new")) == 2
    stage.pass_by(70)
    assert len(stage.saying("new")) == 5


def test_somebody_is_not_waited_for_for_ever(stage: Stage) -> None:
    stage.host.engaged = dict.fromkeys(map(unit, range(5)), ADA_TYPES)
    stage.commit(team("new"))
    stage.settle()
    stage.pass_by(90_000, 1_000)
    assert len(stage.control.read().quarantined) == 1
    assert len(stage.saying("old")) == 5


def test_a_suspended_canary_is_waited_for_too(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.once()
    now = stage.clock.now()
    pause = Suspension("p", "a demo", "Ada", now, now + 600)
    stage.control.write(replace(stage.control.read(), suspensions=(pause,)), "hands off")
    stage.pass_by(590, 30)
    assert stage.saying("new") == set()
    assert stage.trial()
    stage.pass_by(20)
    assert len(stage.saying("new")) == 2


def test_a_server_that_dies_in_the_middle_is_no_fault_of_the_commit(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle()
    first = stage.saying("new")
    stage.pass_by(30)
    stage.host.kill_server()
    stage.settle()
    assert stage.saying("new") == first
    assert len(stage.saying("old")) == 3
    stage.pass_by(40)
    assert stage.saying("new") == first  # it began to run anew, so it has to run for longer
    stage.pass_by(30)
    assert len(stage.saying("new")) == 5


def test_a_session_whose_panes_change_goes_as_a_whole() -> None:
    def files(word: str, *panes: str) -> dict[str, bytes]:
        made = team(word, 2, "{first: '1', above: 1, bake: 60s}")
        slots = ", ".join(f"{{command: [sleep, '{pane}']}}" for pane in panes)
        made["p/sessions/main.yaml"] = (
            "apiVersion: novaorch/v1\nkind: Session\nspec:\n  windows:\n"
            f"  - {{name: dev, panes: [{slots}]}}\n"
        ).encode()
        return made

    stage = Stage()
    stage.commit(files("old", "one", "two"))
    stage.settle()
    stage.commit(files("new", "uno", "two", "tres"))
    stage.settle()
    assert len(stage.saying("new")) + len(stage.saying("uno")) == 1
    if not stage.saying("uno"):
        assert stage.saying("tres") == set()
    stage.pass_by(70)
    assert sorted(stage.words().values()) == ["new", "new", "tres", "two", "uno"]


def test_the_revert_that_cannot_be_made_is_said_and_the_quarantine_holds(stage: Stage) -> None:
    def refused(*_: object) -> None:
        raise NovaorchError("the branch is checked out", fix="commit it yourself")

    trials = stage.controller().trials
    assert trials is not None
    trials.revert = refused
    stage.commit(team("bad"))
    stage.settle()
    stage.host.exit(min(stage.saying("bad")), 1)
    stage.settle()
    assert any("the branch is checked out" in line for line in stage.log)
    assert len(stage.saying("old")) == 5


def test_a_mark_that_cannot_be_moved_forgets_no_trial(stage: Stage) -> None:
    class Full(MemoryMark):
        def move(self, commit: str, parent: str) -> None:
            if full:
                raise NovaorchError("no room", why="the disk is full", fix="free some")
            super().move(commit, parent)

    full = [True]
    stage.commit(team("new"))
    stage.settle()
    first, units = stage.saying("new"), stage.trial().units
    stage.ref.__class__ = Full
    stage.clock.sleep(70)
    with pytest.raises(NovaorchError):
        stage.settle()
    assert stage.trial().units == units
    assert stage.saying("new") == first
    full.clear()
    stage.pass_by(10)
    assert len(stage.saying("new")) == 5


def test_a_clock_that_was_set_back_does_not_bake_for_a_year(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle()
    stage.clock.hour -= 31_536_000
    stage.pass_by(200)
    assert len(stage.saying("new")) == 5


def test_a_word_said_in_between_loses_neither_the_word_nor_the_trial(stage: Stage) -> None:
    stage.commit(team("new"))
    write, now = stage.control.write, stage.clock.now()
    pause = Suspension("q", "a demo", "Ada", now, now + 600)

    def overtaken(controls: Controls, why: str, by: str = "") -> Controls:
        stage.control.write = write  # type: ignore[method-assign]
        write(replace(stage.control.read(), suspensions=(pause,)), "hands off", "Ada <a@b>")
        return write(controls, why, by)

    stage.control.write = overtaken  # type: ignore[method-assign]
    stage.settle()
    assert stage.control.read().suspensions == (pause,)
    assert len(stage.saying("new")) == 2


def test_the_same_value_while_nothing_changes(stage: Stage) -> None:
    stage.commit(team("new"))
    stage.settle()
    assert stage.desired() is stage.desired()


def test_settings_of_the_fleet_wait_as_well(stage: Stage) -> None:
    files = team("new")
    files["fleet.yaml"] = fleet(CANARY, poll="9s")
    stage.commit(files)
    stage.settle()
    before = stage.desired().fleet
    stage.pass_by(70)
    assert stage.desired().fleet != before


def test_a_trial_begun_in_its_window_goes_to_its_end_after_it() -> None:
    stage = Stage()
    hours = "    windows: [{allow: '0 * * * *', duration: 10m, overrun: %s}]\n"
    stage.clock.hour = 1_800_000_000.0 - 1_800_000_000.0 % 3600

    def files(word: str, overrun: str) -> dict[str, bytes]:
        made = team(word)
        made["fleet.yaml"] += (hours % overrun).encode()
        return made

    for overrun, follows in (("true", 5), ("false", 0)):
        stage.commit(files(f"old-{overrun}", overrun))
        stage.settle(NOW)
        stage.settle()
        stage.clock.hour += 3600 - stage.clock.hour % 3600 + 590  # ten seconds before it closes
        stage.commit(files(f"new-{overrun}", overrun))
        stage.settle()
        assert len(stage.saying(f"new-{overrun}")) == 2
        stage.pass_by(70)
        assert len(stage.saying(f"new-{overrun}")) == follows
        stage.pass_by(3600 + 120, 60)
        assert len(stage.saying(f"new-{overrun}")) == 5


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_three_names_are_said_of_those_who_try(count: int) -> None:
    units = tuple(unit(n) for n in range(count))
    said = on_trial(Trial("c" * 40, "b" * 40, units, 0.0, "t"), Canary()).detail
    assert [name for name in units if name in said] == list(units[:3])
    assert ("others" in said) == (count > 3)


def test_falls_of_another_time_are_not_held_against_a_trial(stage: Stage) -> None:
    for number in range(5):
        stage.host.exit(unit(number), 1)
    stage.pass_by(90)
    stage.commit(team("new"))
    stage.settle()
    stage.pass_by(70)
    assert len(stage.saying("new")) == 5
    assert stage.reverts == []
