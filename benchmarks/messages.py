"""Messages among a hundred agents: kept, in the pane, submitted; and the way that peers go.

Hours come from the receivers: a fake agent writes down when a text was in its composer and when
its model was given it; of a real one the model behind it says when it was asked.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from reconciler.adapters.mint import Mint
from reconciler.adapters.store.mail import RedisMail
from reconciler.cli.playhouse import PROJECT, Playhouse
from reconciler.core.receipts import proof_of
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Stage
from tests.claude.binary import VERSIONS, have
from tests.claude.conftest import seed, surroundings
from tests.claude.model import ScriptedModel

PAUSE_S = 0.15
"""Between two messages, each to another agent."""
PEERS_S = 0.5
"""What peers wait between the text and Enter."""
REAL = "real"
CLAUDE = """apiVersion: novaorch/v1
kind: Agent
spec:
  runtime: claude-code
  permission: default
"""


@dataclass
class Figures:
    """Seconds, each list one measurement."""

    burst: list[float] = field(default_factory=list)
    """One message after the other as fast as it goes, while all are brought."""
    broker: list[float] = field(default_factory=list)
    typed: list[float] = field(default_factory=list)
    given: list[float] = field(default_factory=list)
    peers_typed: list[float] = field(default_factory=list)
    peers_given: list[float] = field(default_factory=list)
    real: list[float] = field(default_factory=list)
    real_asked: list[float] = field(default_factory=list)
    peers_asked: list[float] = field(default_factory=list)
    missing: str = ""
    """Why there is no figure of a real agent."""


def measure(agents: int, count: int, real: int) -> Figures:
    """Return what was measured at so many idle agents, `real` messages to a real one."""
    figures = Figures()
    with ScriptedModel() as model, _house(agents, model, figures) as (house, mail):
        _accepted(mail, house.agents[0])  # it makes the connection
        figures.burst = [_accepted(mail, house.agents[n % agents])[2] for n in range(count)]
        _quiet(house, mail)
        _panes(house, mail, figures, count)
        _peers(house, figures, max(10, count // 5))
        if not figures.missing:
            _real(house, mail, model, figures, real)
    return figures


@contextlib.contextmanager
def _house(
    agents: int, model: ScriptedModel, figures: Figures
) -> Iterator[tuple[Playhouse, RedisMail]]:
    path, figures.missing = have(VERSIONS[-1])
    house = Playhouse({f"a{number}": {"rows": 20} for number in range(agents)})
    house.more = surroundings(house.root, model)
    try:
        house.open()
        if not figures.missing:
            (house.root / "bin" / "claude").symlink_to(path)
            seed(house.root / "home", VERSIONS[-1], house.repo)
            house.write(REAL, CLAUDE)
            house.commit("A real one among them")
        house.start()
        wanted = agents + (not figures.missing)
        house.until(lambda: len(house.ready()) == wanted, "all are up", 180.0)
        wiring = house.wiring()
        mail = wiring.mail(wiring.wishes.read().fleet, start=True)
        time.sleep(3)
        yield house, mail
        mail.close()
        wiring.close()
    finally:
        house.close()


def _accepted(mail: RedisMail, to: UnitId) -> tuple[str, float, float]:
    """Send one message; return its id, the hour at which it was accepted, and the seconds."""
    began = time.perf_counter()
    message = Message(_mint(), "novaorch", str(to), "a short message", time.time())
    (kept,) = mail.accept([message])
    return kept.id, time.time(), time.perf_counter() - began


_mint = Mint()


def _panes(house: Playhouse, mail: RedisMail, figures: Figures, count: int) -> None:
    sent: dict[str, float] = {}
    for number in range(count):
        name, at, took = _accepted(mail, house.agents[number % len(house.agents)])
        sent[name] = at
        figures.broker.append(took)
        time.sleep(PAUSE_S)
    _quiet(house, mail)
    figures.typed, figures.given = _waits(house, sent)


def _peers(house: Playhouse, figures: Figures, count: int) -> None:
    """Do as peers do, on the same panes: a client that types, a pause, a client that presses."""
    fakes = [pane for session, pane in _seats(house) if session.startswith(f"{PROJECT}/a")]
    sent: dict[str, float] = {}
    for number in range(count):
        name = "m" + secrets.token_hex(13)
        sent[name] = time.time()
        _type(house, fakes[number % len(fakes)], f"[novaorch:{name}] a short message")
    time.sleep(1)
    figures.peers_typed, figures.peers_given = _waits(house, sent)


def _type(house: Playhouse, pane: str, text: str) -> None:
    argv = ["tmux", "-L", "play", "send-keys", "-t", pane]
    subprocess.run([*argv, "-l", text], env=house.environ, check=True)
    time.sleep(PEERS_S)
    subprocess.run([*argv, "Enter"], env=house.environ, check=True)


def _real(
    house: Playhouse, mail: RedisMail, model: ScriptedModel, figures: Figures, count: int
) -> None:
    to = UnitId(f"{PROJECT}/agent/{REAL}")
    sent = {}
    for _ in range(count):
        name, at, _ = _accepted(mail, to)
        sent[name] = at
        _wait(partial(_over, mail, model, name))
        time.sleep(1.0)
    figures.real = [_submitted(mail, name) - at for name, at in sent.items()]
    figures.real_asked = [_asked(model, name) - at for name, at in sent.items()]
    (pane,) = [pane for session, pane in _seats(house) if session == f"{PROJECT}/{REAL}"]
    for _ in range(max(5, count // 5)):
        name = "m" + secrets.token_hex(13)
        began = time.time()
        _type(house, pane, f"[novaorch:{name}] a short message")
        _wait(partial(_asked, model, name))
        figures.peers_asked.append(_asked(model, name) - began)
        time.sleep(1.0)


def _seats(house: Playhouse) -> list[list[str]]:
    """Return every session with its pane."""
    rows = house.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_id}").splitlines()
    return [row.rsplit(" ", 1) for row in rows]


def _over(mail: RedisMail, model: ScriptedModel, name: str) -> bool:
    return bool(_submitted(mail, name) and _asked(model, name))


def _submitted(mail: RedisMail, name: str) -> float:
    kept = mail.find(name)
    proof = proof_of(kept, Stage.SUBMITTED) if kept is not None else None
    return proof.at if proof is not None else 0.0


def _asked(model: ScriptedModel, name: str) -> float:
    return next((asked.at for asked in list(model.turns) if name in asked.last), 0.0)


def _waits(house: Playhouse, sent: dict[str, float]) -> tuple[list[float], list[float]]:
    """Return seconds until each was in the composer, and until its model was given it."""
    typed: dict[str, float] = {}
    given: dict[str, float] = {}
    for _, line in house.given():
        into = typed if line["route"] == "typed" else given
        for name in line["marks"] if isinstance(line["marks"], list) else ():
            if name in sent:
                into.setdefault(name, float(str(line["at"])) - sent[name])
    if len(given) < len(sent):
        raise SystemExit(f"{len(sent) - len(given)} of {len(sent)} messages did not arrive")
    return list(typed.values()), list(given.values())


def _quiet(house: Playhouse, mail: RedisMail) -> None:
    """Wait until nothing is under way any more."""
    everybody = set(house.agents)
    _wait(lambda: not everybody & set(mail.receivers()))
    time.sleep(1)


def _wait(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            raise SystemExit("nothing happened for a minute")
        time.sleep(0.005)
