"""`novaorch send`: a message to an agent, a person or many, with a receipt."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.adapters.mint import Mint
from reconciler.cli import mailroom, render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.address import book_from
from reconciler.core.posting import Draft, messages
from reconciler.core.receipts import came, furthest, least, reached
from reconciler.kinds.spans import seconds
from reconciler.model.fleet import FleetSettings
from reconciler.model.message import BODY_BYTES_MAX, ORDER, Priority, Stage, Tracked
from reconciler.model.problems import NovaorchError, UsageError
from reconciler.wiring import Wiring

if TYPE_CHECKING:
    from reconciler.adapters.store.mail import RedisMail

LOOK_S, LOOK_MAX_S = 0.005, 0.1
_STAGES = ", ".join(stage.value for stage in ORDER)


def command(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Argument(metavar="TO", help="torch, web/torch, @role=lead, @all or person:NAME."),
    ],
    text: Annotated[
        list[str], typer.Argument(metavar="TEXT|-", help="What to say; - reads it from stdin.")
    ],
    wait: Annotated[
        str, typer.Option("--wait", "-w", metavar="STAGE", help=f"Until it is {_STAGES}.")
    ] = "accepted",
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="SPAN", help="How long to wait at most.")
    ] = "30s",
    priority: Annotated[
        str, typer.Option("--priority", "-p", metavar="P", help="low, normal, high or urgent.")
    ] = "normal",
    reply_to: Annotated[
        str, typer.Option("--reply-to", metavar="ID", help="The message that this answers.")
    ] = "",
    key: Annotated[
        str, typer.Option("--key", metavar="KEY", help="Sent again with it, it is kept once.")
    ] = "",
    expires: Annotated[
        str, typer.Option("--expires", metavar="SPAN", help="Not delivered after: 10m, 2h, 3d.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Send a message. It is durable once it is accepted, with the controller at work or not.

    With --wait, wait until it came so far for every receiver. Exit code 1: it did not in time; how
    far it came, and what it waits for, is said.

    Example: novaorch send torch "the tests are red on main" --wait submitted
    """
    context: Context = ctx.obj
    wiring = context.wiring
    stage = _stage(wait)
    patience = _span(timeout, "--timeout")
    desired = wiring.followed.read()
    fleet = desired.fleet
    with mailroom.opened(wiring, fleet, start=True) as mail:
        draft = Draft(
            sender=mailroom.oneself(wiring, fleet),
            to=to,
            body=_body(text),
            priority=_priority(priority),
            key=key,
            parent=mailroom.one(mail, reply_to).message if reply_to else None,
            expires_s=_expiry(expires),
        )
        mail.reach()  # so that its hour is that of its acceptance
        made = messages(draft, book_from(desired), wiring.clock.now(), iter(Mint(), ""))
        kept = mail.accept(made)
        found = _await(mail, [one.id for one in kept], stage, patience)
        _tell(found, stage, {one.id for one in kept if one.again}, as_json)
        _complain(wiring, fleet, found, stage, patience)


def _await(mail: RedisMail, ids: Sequence[str], stage: Stage, patience: float) -> list[Tracked]:
    """Return these messages as they are once all came so far, or cannot, or it takes too long."""
    until, pause = time.monotonic() + patience, LOOK_S
    told: dict[str, Tracked] = {}
    while True:
        for name in ids:
            if name not in told or not _settled(told[name], stage):
                found = mail.find(name)
                if found is not None:
                    told[name] = found
        left = until - time.monotonic()
        if left <= 0 or all(_settled(one, stage) for one in told.values()):
            return list(told.values())
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LOOK_MAX_S)


def _settled(kept: Tracked, stage: Stage) -> bool:
    return kept.stage is Stage.DEAD or reached(kept, stage)


def _tell(found: Sequence[Tracked], stage: Stage, again: set[str], as_json: bool) -> None:
    for kept in found:
        name = kept.message.id
        if as_json:
            render.record("message", again=name in again, **kept.as_json())
        elif reached(kept, stage):
            before = " (sent before)" if name in again else ""
            render.out(f"{name}  to {kept.message.to}{before}: {came(kept, stage)}")
    sys.stdout.flush()


def _complain(
    wiring: Wiring, fleet: FleetSettings, found: Sequence[Tracked], stage: Stage, patience: float
) -> None:
    """Raise what did not come so far, the worst of it in words."""
    short = [one for one in found if not reached(one, stage)]
    if not short:
        return
    worst = least(short)
    many = f"{len(short)} of {len(found)} are not {stage.value}; " if len(found) > 1 else ""
    what = f"{many}{worst.message.id} to {worst.message.to} is {furthest(worst)}"
    if worst.stage is Stage.DEAD:
        fix = f"see it: novaorch why {worst.message.id}"
        raise NovaorchError(what, why="it will not be delivered", fix=fix)
    raise NovaorchError(
        f"{what}, not {stage.value}, after {patience:g} s",
        why=mailroom.waits(wiring, fleet, worst),
        fix=f"it is kept and goes on by itself; look after it: novaorch why {worst.message.id}",
    )


def _body(words: Sequence[str]) -> str:
    if list(words) != ["-"]:
        return " ".join(words)
    data = sys.stdin.buffer.read(BODY_BYTES_MAX + 1)
    return data.decode("utf-8", "replace")


def _stage(word: str) -> Stage:
    if word.lower() not in [stage.value for stage in ORDER]:
        raise UsageError(f"--wait {word!r} is no stage", fix=f"one of {_STAGES}")
    return Stage(word.lower())


def _priority(word: str) -> Priority:
    if word.upper() not in Priority.__members__:
        known = ", ".join(name.lower() for name in Priority.__members__)
        raise UsageError(f"--priority {word!r} is none", fix=f"one of {known}")
    return Priority[word.upper()]


def _expiry(text: str) -> float:
    """Return how long it is worth delivering; 0: for ever."""
    found = _span(text, "--expires") if text else 0.0
    if text and not found:
        raise UsageError("a message that expires at once reaches nobody", fix="leave --expires out")
    return found


def _span(text: str, option: str) -> float:
    found = float(text) if text.isascii() and text.isdigit() else seconds(text)
    if found is None or found > 366 * 86_400:
        raise UsageError(f"{option} {text!r} is no time", fix="write it as 30s, 10m, 2h or 3d")
    return found
