"""What the daemon knows at this moment of agents and accounts, asked at its socket.

Where no daemon runs, accounts are read from the store, and of agents nobody knows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from reconciler.core.capacity import account_of, at
from reconciler.core.ledgertext import account_of_json
from reconciler.core.recollect import agent_report
from reconciler.gate.client import Client
from reconciler.model.agent import AgentReport
from reconciler.model.capacity import Account, Flow
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import Json, UnitId
from reconciler.model.insight import StatusLine
from reconciler.model.problems import NovaorchError
from reconciler.model.unit import Desired
from reconciler.wiring import Wiring

ANSWER_S = 1.0

Limits = Callable[[float], Mapping[str, Account]]


def reports(wiring: Wiring, desired: Desired) -> Mapping[UnitId, AgentReport]:
    """Return what each agent does, as the daemon knows it now; nothing when none answers."""
    if not _names(desired):
        return {}
    said = _asked(wiring, desired.fleet, "/agents")
    if not isinstance(said, dict):
        return {}
    told = {UnitId(unit): agent_report(report) for unit, report in said.items()}
    return {unit: report for unit, report in told.items() if report is not None}


def lines(wiring: Wiring, desired: Desired) -> Mapping[UnitId, StatusLine]:
    """Return what agents say of themselves; nothing when the store does not answer."""
    if not _names(desired):
        return {}
    try:
        with (
            contextlib.closing(wiring.mail(desired.fleet, start=False)) as mail,
            contextlib.closing(wiring.knowledge(desired.fleet, mail)) as knowledge,
        ):
            said = knowledge.said()
    except NovaorchError:
        return {}
    return {unit: line for unit, line in said.items() if unit in desired.processes}


def limits(wiring: Wiring, desired: Desired) -> Limits | None:
    """Return what tells the accounts of these agents that do not let everything through; None when
    no agent has one. Asked once."""
    names = _names(desired)
    if not names:
        return None
    known: list[Mapping[str, Account]] = []

    def told(now: float) -> Mapping[str, Account]:
        if not known:
            known.append(_accounts(wiring, desired.fleet, names))
        return {a.name: a for a in known[0].values() if at(a, now).flow is not Flow.OPEN}

    return told


def _accounts(wiring: Wiring, fleet: FleetSettings, names: frozenset[str]) -> Mapping[str, Account]:
    said = _asked(wiring, fleet, "/accounts")
    if isinstance(said, dict):
        return {name: account_of_json(name, account) for name, account in said.items()}
    try:
        mail = wiring.mail(fleet, start=False)
        try:
            accounts = wiring.accounts(fleet, mail)
            try:
                return accounts.read(names)
            finally:
                accounts.close()
        finally:
            mail.close()
    except NovaorchError:
        return {}


def _asked(wiring: Wiring, fleet: FleetSettings, path: str) -> Json:
    try:
        return Client(wiring.state(fleet).control, ANSWER_S).get(path)
    except NovaorchError:
        return None


def _names(desired: Desired) -> frozenset[str]:
    """Return the accounts of the agents that are wished for."""
    processes = desired.processes.values()
    return frozenset(account_of(process.launch.persona) for process in processes) - {""}
