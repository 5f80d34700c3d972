"""A fleet of three agents without an outside, and everything that its tools use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.adapters.memory.knowledge import MemoryKnowledge
from reconciler.adapters.memory.mail import MemoryMail
from reconciler.core.mcpwire import answered
from reconciler.core.messageid import message_id
from reconciler.gate.tools.belt import Toolbelt
from reconciler.gate.tools.means import Means
from reconciler.model.agent import AgentReport, AgentState, Persona, Roster, Seat, Waiting
from reconciler.model.decision import Decision
from reconciler.model.ids import Json, UnitId
from reconciler.model.insight import Proposal, Proposed
from reconciler.model.problems import NovaorchError
from reconciler.model.training import Recorded

TORCH, ASH, FAR = (
    UnitId.of(p, "agent", n) for p, n in (("web", "torch"), ("web", "ash"), ("ops", "ash"))
)
CHARTER = "# Web\n\nBe quick.\n\n## Goals\n\nWin.\n\n## Rules\n\n- [ ] none yet\n"


@dataclass
class Asked:
    """Takes questions (`ports.knowledge.Questions`)."""

    questions: list[tuple[UnitId, str, tuple[str, ...]]] = field(default_factory=list)

    def ask(self, unit: UnitId, question: str, options: Sequence[str] = ()) -> Decision:
        if not question:
            raise NovaorchError("this cannot be asked", why="it is empty", fix="ask something")
        self.questions.append((unit, question, tuple(options)))
        return Decision("dabcde", unit, "question", question, "", 1.0, options=tuple(options))


@dataclass
class Drafts:
    """Takes proposals (`ports.knowledge.Proposals`)."""

    wanted: list[Proposal] = field(default_factory=list)

    def propose(self, proposal: Proposal) -> Proposed:
        if "broken" in (proposal.content or ""):
            raise NovaorchError("it is no manifest", why="line 1", fix="mend it")
        self.wanted.append(proposal)
        branch = f"novaorch/proposals/{proposal.author.project}/{proposal.author.name}/1"
        return Proposed(branch, "c" * 40, 1, "b" * 40)


@dataclass
class Fleet:
    """Everything that the tools use; the hour moves only when somebody waits."""

    hour: float = 1_795_000_000.0
    mail: MemoryMail = field(default_factory=MemoryMail)
    store: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    asked: Asked = field(default_factory=Asked)
    drafts: Drafts = field(default_factory=Drafts)
    log: list[str] = field(default_factory=list)
    states: dict[UnitId, AgentReport] = field(default_factory=dict)
    roster: Roster = field(
        default_factory=lambda: Roster("demo", "a" * 40, seats(), {"web": CHARTER})
    )
    minted: int = 0
    saved: Recorded | None = None
    wanted: list[tuple[UnitId, str, str]] = field(default_factory=list)
    belt: Toolbelt | None = None

    def means(self) -> Means:
        return Means(
            roster=lambda: self.roster,
            mail=self.mail,
            report=self.report,
            insights=self.store,
            lines=self.store,
            questions=self.asked,
            proposals=self.drafts,
            now=lambda: self.hour,
            mint=self.mint,
            pause=self.pause,
            log=self.log.append,
            save=self.save,
        )

    def save(self, unit: UnitId, by: str, words: str) -> Recorded | None:
        self.wanted.append((unit, by, words))
        return self.saved

    def report(self, unit: UnitId, now: float) -> AgentReport:
        usual = AgentReport(AgentState.IDLE, now, 1.0, "its hook said so")
        return self.states.get(unit, usual)

    def mint(self) -> str:
        self.minted += 1
        return message_id(int(self.hour * 1000), self.minted)

    def pause(self, seconds: float) -> None:
        self.hour += seconds

    def told(self, unit: UnitId, name: str, **arguments: Json) -> dict[str, Any]:
        """Call a tool as its client would; return what it says, the error under `error`."""
        ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        params = {"name": name, "arguments": arguments}
        self.belt = self.belt or Toolbelt(self.means(), "1.2")
        said = answered(json.dumps({**ask, "params": params}).encode(), self.belt.serving(unit))
        assert said is not None
        answer = json.loads(said)
        result: dict[str, Any] = answer["result"]["structuredContent"]
        assert answer["result"].get("isError", False) == ("error" in result)
        assert json.loads(answer["result"]["content"][0]["text"]) == result
        return result

    def code(self, unit: UnitId, name: str, **arguments: Json) -> str:
        """Call a tool that must fail; return the word for why."""
        found: str = self.told(unit, name, **arguments)["error"]["code"]
        return found

    def seat(self, unit: UnitId, **changed: Any) -> None:
        """Let an agent's place be another one."""
        seats = {**self.roster.seats, unit: replace(self.roster.seats[unit], **changed)}
        self.roster = replace(self.roster, seats=seats)

    def waits(self, unit: UnitId) -> None:
        """Let an agent wait for a permission."""
        found = self.report(unit, self.hour)
        self.states[unit] = replace(found, state=AgentState.WAITING, waiting=Waiting.PERMISSION)


def seats() -> Mapping[UnitId, Seat]:
    return dict(_seats())


def _seats() -> Iterator[tuple[UnitId, Seat]]:
    for number, unit in enumerate((TORCH, ASH, FAR)):
        role = "lead" if unit == TORCH else "hand"
        yield (
            unit,
            Seat(
                unit,
                Persona("claude-code", model="opus"),
                "auto",
                f"%{number}",
                100 + number,
                directory=f"/srv/{unit.project}",
                labels=(("role", role),),
            ),
        )
