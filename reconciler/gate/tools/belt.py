"""Carries out tools for agents. Who calls is known from a token, never from an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from reconciler.core.mcpwire import Server
from reconciler.core.toolbox import ToolError
from reconciler.gate.tools import fleet, knowledge, work
from reconciler.gate.tools.letters import Letters
from reconciler.gate.tools.means import Means, coded
from reconciler.gate.tools.table import INSTRUCTIONS, TOOLS
from reconciler.model.ids import Json, UnitId

Said = Mapping[str, Json]
Carrier = Callable[[UnitId, Said], dict[str, Json]]


class Toolbelt:
    """All tools of one fleet. Any thread; a call may take as long as its store, or its wait."""

    def __init__(self, means: Means, version: str) -> None:
        self._version = version
        self._log = means.log
        letters = Letters(means)
        self._carriers: Mapping[str, Carrier] = {
            "whoami": partial(fleet.whoami, means),
            "list_agents": partial(fleet.list_agents, means),
            "send_message": letters.send,
            "read_inbox": letters.read,
            "reply": letters.reply,
            "verify_message": letters.verify,
            "report_status": partial(fleet.report_status, means),
            "read_charter": partial(fleet.read_charter, means),
            "request_decision": partial(knowledge.request_decision, means),
            "share_insight": partial(knowledge.share, means),
            "search_insights": partial(knowledge.search, means),
            "propose_change": partial(knowledge.propose, means),
            "save_work": partial(work.save, means),
        }

    def serving(self, unit: UnitId) -> Server:
        """Return what an agent is served."""
        return Server(self._version, TOOLS, partial(self.call, unit), INSTRUCTIONS)

    def call(self, unit: UnitId, name: str, arguments: Said) -> dict[str, Json]:
        """Carry out a tool for an agent. ToolError: it could not be done; its code says why."""
        carrier = self._carriers.get(name)
        if carrier is None:
            raise ToolError("invalid", f"there is no tool {name[:40]!r}", fix="see tools/list")
        try:
            with coded():
                return carrier(unit, arguments)
        except ToolError:
            raise
        except Exception as error:
            self._log(f"{unit}: {name} broke: {type(error).__name__}: {error}")
            why = f"{type(error).__name__}: a defect of novaorch"
            fix = "tell a person; the daemon's log says more"
            raise ToolError("failed", f"{name} could not be done", why=why, fix=fix) from error
