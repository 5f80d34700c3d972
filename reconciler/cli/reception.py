"""The daemon's front: where agents are spoken with, and what the gate and its socket serve of that.

One office a fleet; when `fleet.yaml` names other places, another one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from reconciler import __version__
from reconciler.adapters.mint import Mint
from reconciler.cli.gatekeeper import Staff
from reconciler.core.agents import described
from reconciler.core.mcpwire import Server
from reconciler.core.recording import as_json as recorded_json
from reconciler.core.recording import recorded
from reconciler.core.roster import roster, trainees
from reconciler.core.toolbox import ToolError
from reconciler.gate.doors import Call, Controls
from reconciler.gate.mcp import Mcp
from reconciler.gate.tools.belt import Toolbelt
from reconciler.gate.tools.means import Means
from reconciler.gate.tools.table import INSTRUCTIONS, TOOLS
from reconciler.loop.cycle import Thought
from reconciler.loop.decisions import Decisions
from reconciler.loop.office import Office, Outside, Rooms
from reconciler.model.agent import AgentReport
from reconciler.model.capacity import Account
from reconciler.model.decision import Decision
from reconciler.model.fleet import FleetSettings
from reconciler.model.hook import HookAnswer, HookEvent
from reconciler.model.ids import Json, UnitId
from reconciler.model.message import Message, Priority
from reconciler.model.problems import BlindError, UsageError
from reconciler.model.status import Status
from reconciler.model.training import Recorded
from reconciler.wiring import Wiring

Log = Callable[[str], None]


class Reception:
    """Speaks with the agents of the fleet that is kept true. `poke` asks for a pass.

    `staff` is who is behind the gate.
    """

    def __init__(
        self, wiring: Wiring, fleet: FleetSettings, log: Log, poke: Callable[[str], None]
    ) -> None:
        self._wiring, self._fleet, self._log, self._poke = wiring, fleet, log, poke
        self._mint = Mint()
        self.decisions = Decisions(
            roster=lambda: self._office.roster,
            clock=wiring.clock,
            drawer=wiring.questions(fleet),
            deliver=self._deliver,
            note=self._decided,
        )
        self._office = self._made(fleet)
        self._proposals = wiring.proposals(lambda: self._office.roster.commit)
        self._belt: tuple[Rooms, Toolbelt] | None = None
        self._mcp = Mcp(self._serving)
        self.staff = Staff(self, self._mcp, self._controls())

    def of(self, fleet: FleetSettings) -> None:
        """Speak with the agents of this fleet from now on."""
        if _places(fleet) != _places(self._fleet):
            self._office.close()
            self._fleet, self._office = fleet, self._made(fleet)

    def take(self, thought: Thought) -> None:
        """Know who is where, as one pass saw it."""
        seats = roster(thought.scene)
        self._office.take(seats, trainees(thought.scene, seats))

    def close(self) -> None:
        """Let go of every agent; they go on."""
        self.decisions.close()
        self._mcp.close()
        self._office.close()

    def reports(self) -> Mapping[UnitId, AgentReport]:
        """Return what every agent is doing, as far as anybody knows."""
        return self._office.reports()

    def described(self, statuses: Sequence[Status]) -> tuple[Status, ...]:
        """Return the statuses with what their agents do, and what is not committed of it."""
        told = described(statuses, self._office.reports(), self._office.warnings())
        return recorded(told, self._office.remarks())

    def accounts(self, now: float) -> Mapping[str, Account]:
        """Return the model accounts that do not let everything through."""
        return self._office.accounts(now)

    def hear(self, event: HookEvent) -> HookAnswer:
        """Take what a runtime tells to the office."""
        return self._office.hear(event)

    # -- the office --------------------------------------------------------------------------------

    def _made(self, fleet: FleetSettings) -> Office:
        outside = partial(self._outside, fleet)
        training = self._wiring.training(fleet, self._log, apart=True)
        return Office(outside, self.decisions, self._wiring.clock, self._log, self._poke, training)

    def _outside(self, fleet: FleetSettings) -> Outside:
        """Open every door; what was opened is let go of when the next one stays shut."""
        with contextlib.ExitStack() as stack:
            mail = self._wiring.mail(fleet, start=True)
            stack.callback(mail.close)
            accounts = self._wiring.accounts(fleet, mail)
            stack.callback(accounts.close)
            typist = self._wiring.typist(fleet)
            stack.callback(typist.close)
            knowledge = self._wiring.knowledge(fleet, mail)
            stack.callback(knowledge.close)
            records = self._wiring.records(fleet)
            stack.pop_all()
        rest = (mail, accounts, typist, knowledge)
        return Outside(mail, typist, records, accounts, knowledge, rest)

    def _serving(self, unit: UnitId) -> Server:
        """Return the tools of an agent; while no store answers, they say so."""
        rooms = self._office.rooms
        if rooms is None:
            return Server(__version__, TOOLS, _closed, INSTRUCTIONS)
        if self._belt is None or self._belt[0] is not rooms:
            self._belt = (rooms, Toolbelt(self._means(rooms), __version__))
        return self._belt[1].serving(unit)

    def _means(self, rooms: Rooms) -> Means:
        return Means(
            roster=lambda: self._office.roster,
            mail=rooms.outside.mail,
            report=rooms.watch.report,
            insights=rooms.outside.knowledge,
            lines=rooms.outside.knowledge,
            questions=self.decisions,
            proposals=self._proposals,
            now=self._wiring.clock.now,
            mint=self._mint,
            pause=self._wiring.clock.sleep,
            turn=rooms.courier.turn,
            log=self._log,
            save=self._save,
        )

    def _save(self, unit: UnitId, by: str, words: str) -> Recorded | None:
        """Commit an agent's work now."""
        training = self._office.training
        if training is None:
            raise BlindError("nobody commits agents' work here", fix="novaorch doctor")
        return training.commit(unit, by, words)

    def _deliver(self, decision: Decision) -> None:
        """Bring the answer to a question to the agent that asked."""
        said = f"Answer to your question {decision.id} ({decision.asks}): {decision.answer}"
        body = f"{said}\n{decision.because}" if decision.because else said
        message = Message(
            id=self._mint(),
            sender=decision.by,
            to=str(decision.unit),
            body=body,
            at=self._wiring.clock.now(),
            priority=Priority.HIGH,
            key=f"decision:{decision.id}",
        )
        if self._office is None or self._office.rooms is None:
            raise BlindError(
                "the answer cannot be brought", why="no store answers", fix="try again"
            )
        self._office.rooms.outside.mail.accept([message])

    def _decided(self, decision: Decision) -> None:
        about = f"{decision.kind} {decision.id} of {decision.unit} ({decision.asks})"
        why = f": {decision.because}" if decision.because else ""
        self._log(f"{about}: {decision.answer} by {decision.by}{why}")

    # -- the command line --------------------------------------------------------------------------

    def _controls(self) -> Controls:
        return {
            ("GET", "/accounts"): self._ledger,
            ("GET", "/agents"): self._agents,
            ("GET", "/decisions"): self._listing,
            ("POST", "/decisions/{id}"): self._answer,
            ("GET", "/messages/{id}"): self._message,
            ("POST", "/training/commit"): self._commit,
        }

    def _agents(self, _call: Call) -> Json:
        return {str(unit): report.as_json() for unit, report in sorted(self.reports().items())}

    def _ledger(self, _call: Call) -> Json:
        """The accounts that do not let everything through, as they were written."""
        said = self.accounts(self._wiring.clock.now())
        return {name: account.as_json() for name, account in sorted(said.items())}

    def _listing(self, call: Call) -> Json:
        answered = call.query.get("answered") == "1"
        return [decision.as_json() for decision in self.decisions.listing(answered=answered)]

    def _answer(self, call: Call) -> Json:
        said = {key: _word(call.body, key) for key in ("answer", "by", "because")}
        return self.decisions.answer(call.named["id"], **said).as_json()

    def _message(self, call: Call) -> Json:
        return {"why": self._office.why(call.named["id"])}

    def _commit(self, call: Call) -> Json:
        unit, by, words = (_word(call.body, key) for key in ("unit", "by", "words"))
        made = self._save(UnitId(unit), by, words)
        return recorded_json(made) if made is not None else None


def _closed(_name: str, _arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    raise ToolError(
        "unavailable", "novaorch cannot serve now", why="its store does not answer", fix="try later"
    )


def _places(fleet: FleetSettings) -> tuple[str, ...]:
    return fleet.name, fleet.socket, fleet.store_url, fleet.store_password, fleet.training_key


def _word(body: Json, key: str) -> str:
    found = body.get(key, "") if isinstance(body, dict) else None
    if not isinstance(found, str):
        raise UsageError(f"{key} is no text", fix="send a JSON object of texts")
    return found
