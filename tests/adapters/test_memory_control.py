"""The twin in memory keeps the same promises."""

from __future__ import annotations

import pytest

from reconciler.adapters.memory import MemoryControl
from reconciler.model.problems import BlindError
from tests.adapters.control_contract import ADA, ALL, ControlContract


class TestMemoryControl(ControlContract):
    @pytest.fixture
    def control(self) -> MemoryControl:
        return MemoryControl()


def test_it_keeps_who_said_what_and_is_never_silent_when_damaged() -> None:
    control = MemoryControl()
    control.write(ALL, "say it all", ADA)
    assert [(word.why, word.by) for word in control.log] == [("say it all", ADA)]
    control.damaged = True
    with pytest.raises(BlindError):
        control.read()
