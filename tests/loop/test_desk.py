"""One voice out of several, and nobody kept from hearing by another's trouble."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.loop.desk import FrontDesk, merged
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError

EVENT = HookEvent(UnitId.of("shop", "agent", "torch"), "PostToolUse", 1.0)


@dataclass
class Says:
    answer: HookAnswer = SILENCE
    heard: list[str] = field(default_factory=list)

    def hear(self, event: HookEvent) -> HookAnswer:
        self.heard.append(event.name)
        return self.answer


class Blind:
    def hear(self, _event: HookEvent) -> HookAnswer:
        raise BlindError("the store does not answer", why="it is gone")


def test_texts_follow_each_other_in_the_order_of_the_hearers() -> None:
    desk = FrontDesk([Says(HookAnswer(context="a")), Says(), Says(HookAnswer(context="b"))], print)
    assert desk.hear(EVENT) == HookAnswer(context="a\n\nb")


def test_a_refusal_ends_the_round_and_nothing_is_given_with_it() -> None:
    late = Says(HookAnswer(context="a message"))
    desk = FrontDesk(
        [Says(HookAnswer(context="x")), Says(HookAnswer(refuse="no budget")), late], print
    )
    assert desk.hear(EVENT) == HookAnswer(refuse="no budget")
    assert late.heard == []


def test_a_hearer_in_trouble_is_passed_over_and_said() -> None:
    said: list[str] = []
    desk = FrontDesk([Blind(), Says(HookAnswer(context="b"))], said.append)
    assert desk.hear(EVENT) == HookAnswer(context="b")
    assert said == [
        "shop/agent/torch: PostToolUse was not taken in: the store does not answer (it is gone)"
    ]


def test_the_first_decision_counts_with_its_own_reason() -> None:
    allow = HookAnswer(decision="allow", because="a rule")
    deny = HookAnswer(decision="deny", because="another")
    assert merged(allow, deny) == allow
    assert merged(SILENCE, deny) == deny
