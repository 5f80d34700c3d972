"""`novaorch messages`: what was sent, how far it came, what was given up; and that sent anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.adapters.mint import Mint
from reconciler.cli import mailroom, render
from reconciler.cli.app import Context
from reconciler.cli.revision import AsJson
from reconciler.core.address import OURSELVES, Book, book_from
from reconciler.core.posting import again
from reconciler.core.receipts import furthest, letter_lines, line, story
from reconciler.model.message import ORDER, Stage, Tracked
from reconciler.model.problems import NovaorchError, UsageError

if TYPE_CHECKING:
    from reconciler.adapters.store.mail import RedisMail

_SEARCHED = 1_000
"""So many of the newest are looked through for what fits."""


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID | redeliver ID]", help="One in full; or one given up, anew."),
    ] = None,
    sender: Annotated[str, typer.Option("--from", metavar="WHO", help="Only what WHO sent.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="WHO", help="Only what WHO is to get.")] = "",
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    stage: Annotated[
        str, typer.Option("--stage", metavar="STAGE", help="Only what came exactly so far.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_SEARCHED, help="So many at most.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first; show one in full; or send one that was given up once more.

    What is redelivered is a new message; the old one stays, with the reason of its end. Twice is
    once.

    Example: novaorch messages --to torch --stage admitted
    """
    context: Context = ctx.obj
    wiring = context.wiring
    wanted = _stage(stage) if stage else (Stage.DEAD if dead else None)
    desired = wiring.followed.read()
    book = book_from(desired)
    with mailroom.opened(wiring, desired.fleet) as mail:
        match words or []:
            case []:
                people = _who(sender, book), _who(to, book)
                _listed(_chosen(mail, people, wanted, limit), as_json)
            case ["redeliver", name]:
                _redeliver(mail, mailroom.one(mail, name), wiring.clock.now(), as_json)
            case [name]:
                _shown(mailroom.one(mail, name), as_json)
            case _:
                raise UsageError(
                    "that is more than one message",
                    fix="name one, or say `redeliver` and one",
                )


def _chosen(
    mail: RedisMail, people: tuple[str, str], stage: Stage | None, limit: int
) -> list[Tracked]:
    sender, to = people
    if stage is Stage.DEAD:
        found = mail.dead(_SEARCHED)
    else:
        found = mail.listing(sender or to, _SEARCHED if sender or to or stage else limit)
    fitting = (
        kept
        for kept in found
        if (not sender or kept.message.sender == sender)
        and (not to or kept.message.to == to)
        and (stage is None or kept.stage is stage)
    )
    return list(fitting)[:limit]


def _listed(found: Sequence[Tracked], as_json: bool) -> None:
    for kept in found:
        if as_json:
            render.record("message", **kept.as_json())
        else:
            render.out(line(kept))
            if kept.stage is Stage.DEAD:
                render.out(f"    {furthest(kept)}")
    if not found and not as_json:
        render.out("no such messages")


def _shown(kept: Tracked, as_json: bool) -> None:
    if as_json:
        render.record("message", **kept.as_json())
        return
    for row in (*letter_lines(kept), *story(kept, f"see novaorch why {kept.message.id}")):
        render.out(row)


def _redeliver(mail: RedisMail, kept: Tracked, now: float, as_json: bool) -> None:
    """Send it once more. What arrived is not sent twice."""
    if kept.stage is not Stage.DEAD:
        raise NovaorchError(
            f"{kept.message.id} was not given up",
            why=f"it is {furthest(kept)}",
            fix="only dead letters are sent anew: novaorch messages --dead",
        )
    if any(proof.stage in (Stage.SUBMITTED, Stage.READ) for proof in kept.proofs):
        raise NovaorchError(
            f"{kept.message.id} arrived after all",
            why="it is proved to have been part of a prompt after it was given up",
            fix=f"see it: novaorch why {kept.message.id}",
        )
    (made,) = mail.accept([again(kept.message, now, Mint()())])
    fresh = mailroom.one(mail, made.id)
    if as_json:
        render.record("message", again=made.again, **fresh.as_json())
    else:
        word = "was sent anew before, as" if made.again else "is sent anew as"
        render.out(f"{kept.message.id} {word} {made.id}: {furthest(fresh)}")


def _who(word: str, book: Book) -> str:
    return word if word in ("", OURSELVES) else mailroom.whom(word, book)


def _stage(word: str) -> Stage:
    known = [stage.value for stage in (*ORDER, Stage.DEAD)]
    if word.lower() not in known:
        raise UsageError(f"--stage {word!r} is none", fix=f"one of {', '.join(known)}")
    return Stage(word.lower())
