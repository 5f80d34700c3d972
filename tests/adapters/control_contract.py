"""What everyone who keeps people's words promises, in git or in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.control import Controls, Quarantine, Suspension, Trial
from reconciler.model.ids import UnitId
from reconciler.model.problems import ConflictError, SourceError
from reconciler.ports import Control

ADA = "Ada <ada@example.org>"
PAUSE = Suspension("web/agent/torch", "the demo is on: hände weg", "Ada", 1_800_000_000.5, 1.9e9)
FLEET = Suspension("", "a move", "Bob", 1_800_000_001.0, 1_900_000_001.0)
BAD = Quarantine("a" * 40, "b" * 40, "it loops", "Ada", 1_800_000_002.0)
OTHER = Quarantine("c" * 40, "d" * 40, "so does it", "novaorch", 1_800_000_003.0)
UNITS = (UnitId("web/agent/torch"), UnitId("web/agent/anvil"))
TRIAL = Trial("a" * 40, "c" * 40, UNITS, 1.8e9, "d" * 40)
ALL = Controls(suspensions=(FLEET, PAUSE), quarantined=(BAD, OTHER), trial=TRIAL)


class ControlContract:
    """Mixed into a class whose `control` fixture makes a fresh one."""

    def test_nothing_was_said_at_first(self, control: Control) -> None:
        assert control.read() == Controls()

    def test_what_was_said_is_read_in_full_and_in_order(self, control: Control) -> None:
        made = control.write(ALL, "say it all", ADA)
        assert made == replace(ALL, version=made.version)
        assert made.version
        assert control.read() == made

    def test_each_change_says_everything_anew(self, control: Control) -> None:
        made = control.write(ALL, "say it all")
        less = control.write(replace(made, suspensions=(), trial=None), "take some back")
        assert control.read() == replace(ALL, suspensions=(), trial=None, version=less.version)
        none = control.write(replace(less, quarantined=()), "take all back")
        assert control.read() == Controls(version=none.version)
        assert len({made.version, less.version, none.version}) == 3

    def test_who_decides_on_an_old_state_is_refused(self, control: Control) -> None:
        first = control.write(ALL, "one")
        with pytest.raises(ConflictError):
            control.write(Controls(), "two, on nothing")
        second = control.write(replace(first, trial=None), "two")
        with pytest.raises(ConflictError):
            control.write(replace(first, suspensions=()), "three, on one")
        assert control.read() == second

    def test_the_same_words_twice_are_two_changes(self, control: Control) -> None:
        one = control.write(ALL, "one")
        two = control.write(one, "one")
        assert one.version != two.version
        assert control.read() == two

    @pytest.mark.parametrize(
        "bad",
        [
            replace(ALL, suspensions=(replace(FLEET, until=float("nan")),)),
            replace(ALL, suspensions=(replace(FLEET, until=float("inf")),)),
            replace(ALL, suspensions=(replace(FLEET, reason="two\nlines"),)),
            replace(ALL, suspensions=(replace(FLEET, reason="\x1b[31m"),)),
            replace(ALL, quarantined=(replace(BAD, tree="../../x"),)),
            replace(ALL, quarantined=(replace(BAD, commit="HEAD"),)),
            replace(ALL, trial=replace(TRIAL, base="")),
        ],
    )
    def test_what_could_not_be_read_back_is_not_kept(self, control: Control, bad: Controls) -> None:
        made = control.write(ALL, "good")
        with pytest.raises(SourceError):
            control.write(replace(bad, version=made.version), "bad")
        assert control.read() == made
