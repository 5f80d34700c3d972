"""What a status says of an agent's commits: nothing, unless there is something to say."""

from __future__ import annotations

from reconciler.core.agents import remembered
from reconciler.core.recording import RECORDED, Remark, as_json, recorded, remark
from reconciler.model.ids import UnitId
from reconciler.model.status import Condition, Ready, Status
from reconciler.model.training import HeldBack, Recorded

BOB, EVE = UnitId("p/agent/bob"), UnitId("p/agent/eve")
SECRET = HeldBack(".env", "secret", "it looks like a key")


def status(unit: UnitId = BOB, pid: int = 7) -> Status:
    return Status(unit, Ready.TRUE, "running", "", "", "c", pid=pid)


def test_nothing_to_say_is_not_said() -> None:
    assert remark("", ()) is None
    assert recorded([status()], {}) == (status(),)
    assert recorded([status()], {EVE: Remark(False, "x")}) == (status(),)


def test_a_failure_is_false_and_comes_before_what_is_held_back() -> None:
    said = remark("it is locked", (SECRET,))
    assert said == Remark(False, "its work could not be committed: it is locked")
    (one,) = recorded([status()], {BOB: said})
    assert one.conditions == (Condition(RECORDED, Ready.FALSE, "not-committed", said.text),)


def test_what_is_held_back_is_no_failure() -> None:
    said = remark("", (SECRET,), "the index was left as it is")
    assert said == Remark(
        True,
        "the index was left as it is; in none of its commits: .env (it looks like a key)",
    )
    (one,) = recorded([status()], {BOB: said})
    assert (one.conditions[0].value, one.conditions[0].reason) == (Ready.TRUE, "not-all")


def test_of_many_paths_some_are_named() -> None:
    said = remark("", [HeldBack(f"f{n}", "policy", "out") for n in range(7)])
    assert said is not None
    assert said.text.endswith("f4 (out) and 2 more")


def test_a_look_remembers_what_the_controller_said_of_the_same_process() -> None:
    before = recorded([status()], {BOB: Remark(False, "x")})[0]
    assert remembered([status()], {BOB: before}, fresh=True)[0].conditions == before.conditions
    assert remembered([status(pid=8)], {BOB: before}, fresh=True)[0].conditions == ()


def test_a_commit_travels_as_json() -> None:
    made = Recorded(BOB, "c" * 40, "training/p/bob/1", 1, 2, 3, (SECRET,), 0.1234567)
    assert as_json(made) == {
        "unit": "p/agent/bob",
        "commit": "c" * 40,
        "branch": "training/p/bob/1",
        "run": 1,
        "number": 2,
        "files": 3,
        "held_back": [{"path": ".env", "rule": "secret", "why": "it looks like a key"}],
        "seconds": 0.123457,
    }
