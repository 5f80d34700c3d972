"""`novaorch rehearse`: fake agents send each other messages, and every one is counted."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.adapters.mint import Mint
from reconciler.cli import render
from reconciler.cli.playhouse import Playhouse
from reconciler.core.receipts import proof_of, reached
from reconciler.model.message import Message, Stage
from reconciler.model.problems import NovaorchError

if TYPE_CHECKING:
    from reconciler.adapters.store.mail import RedisMail

RATE = 1.0
"""Messages a second for each agent."""
DRAIN_S = 60.0
PARTS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("quick", {}),
    ("busy", {"tools": [1, 4], "tool_s": [0.1, 0.6], "think_s": [0.1, 0.5]}),
    ("sleepy", {"start_s": 1.0, "swallow": 2}),
    ("unlucky", {"crash_every": 7, "think_s": [0.0, 0.2]}),
    ("forgetful", {"swallow": 1, "think_s": [0.0, 0.3]}),
)
"""What the agents are like, in turn."""


@dataclass
class Tally:
    """What became of the messages. `waits` are seconds from accepted to submitted."""

    sent: dict[str, str] = field(default_factory=dict)
    """Who each message is for, by its id."""
    stages: Counter[Stage] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


def command(
    ctx: typer.Context,  # noqa: ARG001 - every verb is called with it
    agents: Annotated[
        int, typer.Option("--agents", "-n", min=2, max=200, help="How many play.")
    ] = 5,
    minutes: Annotated[
        float, typer.Option("--minutes", "-m", min=0.02, max=600, help="How long.")
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", help="Another number is another play.")] = 1,
) -> None:
    """Rehearse with fake agents in a fleet of their own: no model, no tokens, nothing of yours.

    They are busy, slow, deaf to an Enter, or crash; messages go among them all the while. Each is
    counted at its receiver. Exit code 1: one was lost, or came twice. Nothing is left behind.

    Example: novaorch rehearse --agents 10 --minutes 2
    """
    house = Playhouse(cast(agents, seed))
    began = time.monotonic()
    try:
        house.open()
        render.out(f"{agents} fake agents play for {minutes:g} min in {house.root}")
        house.start()
        house.until(lambda: len(house.ready()) == agents, "every agent is up", 60.0)
        render.out(f"{time.monotonic() - began:6.1f} s  all are up")
        tally = play(house, minutes * 60, random.Random(seed))  # noqa: S311 - it is no secret
    finally:
        house.close()
    _tell(tally)
    if tally.lost or tally.twice:
        raise NovaorchError(
            f"{len(tally.lost)} messages were lost and {len(tally.twice)} came twice",
            why=", ".join((*tally.lost, *tally.twice)[:5]),
            fix="this must not be: please report it, with the seed",
        )


def cast(agents: int, seed: int) -> dict[str, Mapping[str, object]]:
    """Return who plays, and what each is like."""
    made: dict[str, Mapping[str, object]] = {}
    for number in range(agents):
        word, script = PARTS[number % len(PARTS)]
        made[f"{word}-{number}"] = {"seed": seed + number, **script}
    return made


def play(house: Playhouse, seconds: float, chance: random.Random) -> Tally:
    """Send messages for so long, wait for the last, and count."""
    wiring = house.wiring()
    tally = Tally()
    try:
        mail = wiring.mail(wiring.wishes.read().fleet, start=True)
        try:
            _send(house, mail, tally, seconds, chance)
            _drain(mail, tally)
            _count(house, mail, tally)
        finally:
            mail.close()
    finally:
        wiring.close()
    return tally


def _send(
    house: Playhouse, mail: RedisMail, tally: Tally, seconds: float, chance: random.Random
) -> None:
    mint, agents = Mint(), house.agents
    began = shown = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        sender, to = chance.sample(agents, 2)
        body = f"line {chance.randrange(1000)} of a play in {len(tally.sent)} acts"
        message = Message(mint(), str(sender), str(to), body, time.time())
        (kept,) = mail.accept([message])
        tally.sent[kept.id] = to.rpartition("/")[2]
        if now > shown + 5:
            shown = now
            render.out(f"{now - began:6.1f} s  {len(tally.sent)} messages sent")
        time.sleep(chance.expovariate(RATE * len(agents)))


def _drain(mail: RedisMail, tally: Tally) -> None:
    """Wait until everything was brought, or a minute."""
    end = time.monotonic() + DRAIN_S
    open_ = list(tally.sent)
    while open_ and time.monotonic() < end:
        time.sleep(0.2)
        found = [mail.find(name) for name in open_]
        open_ = [one.message.id for one in found if one is not None and not _over(one.stage)]


def _over(stage: Stage) -> bool:
    return stage in (Stage.READ, Stage.DEAD)


def _count(house: Playhouse, mail: RedisMail, tally: Tally) -> None:
    counted = house.counted()
    for name, to in tally.sent.items():
        kept = mail.find(name)
        if kept is None:
            tally.lost.append(name)
            continue
        tally.stages.update(stage for stage in Stage if reached(kept, stage))
        proof = proof_of(kept, Stage.SUBMITTED)
        if proof is not None:
            tally.waits.append(proof.at - kept.message.at)
        times = counted[to][name]
        tally.lost += [name] if times == 0 else []
        tally.twice += [name] if times > 1 else []


def _tell(tally: Tally) -> None:
    stages = ", ".join(f"{tally.stages[stage]} {stage.value}" for stage in Stage)
    render.out(f"{len(tally.sent)} messages: {stages}")
    render.out(f"counted at the receivers: {len(tally.lost)} lost, {len(tally.twice)} twice")
    if tally.waits:
        waits = sorted(tally.waits)
        middle, late = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
        render.out(f"accepted to submitted: half within {middle:.3f} s, 99 % within {late:.3f} s")
