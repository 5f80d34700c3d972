"""From a draft to messages: one for each receiver, cleaned, with one thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.address import Book
from reconciler.core.admission import check_message
from reconciler.core.posting import Draft, again, messages
from reconciler.model.ids import UnitId
from reconciler.model.message import Message, Priority
from reconciler.model.problems import NovaorchError, RefusedError, UsageError

NAMES = ("web/agent/anvil", "web/agent/smith", "web/agent/torch")
BOOK = Book({UnitId(name): () for name in NAMES})
ADA = "person:Ada"


def ids() -> Iterator[str]:
    return iter([f"m{n}" for n in range(100)])


def posted(**fields: Any) -> tuple[Message, ...]:
    draft = Draft(**{"sender": ADA, "to": "torch", "body": "hi", **fields})
    return messages(draft, BOOK, 50.0, ids())


def test_one_message() -> None:
    assert posted() == (Message("m0", ADA, "web/agent/torch", "hi", 50.0),)
    (made,) = posted(body="\x1b", key="k", priority=Priority.URGENT, expires_s=7.5)
    assert (made.body, made.key, made.priority, made.expires) == ("\\u{1b}", "k", 3, 57.5)


def test_a_broadcast_is_one_message_each_of_one_thread() -> None:
    made = posted(to="@all", key="k")
    assert [m.to for m in made] == list(NAMES)
    assert len({m.id for m in made}) == 3
    assert {m.thread for m in made} == {"m0"}
    assert len({m.key for m in made}) == 3
    assert {m.body for m in made} == {"hi"}
    assert {m.key for m in posted(to="@all")} == {""}


def test_two_receivers_have_a_thread_and_one_has_none() -> None:
    assert {m.thread for m in posted(to="@all", sender="web/agent/anvil")} == {"m0"}
    assert {m.thread for m in posted(to="torch")} == {""}


def test_the_receivers_of_a_broadcast_may_change_and_its_keys_stay() -> None:
    (fewer,) = posted(to="@project=web", key="k", sender="web/agent/anvil")[1:]
    assert fewer.key == "k @web/agent/torch"


def test_a_reply_goes_on_with_the_thread() -> None:
    first = Message("m9", ADA, "web/agent/torch", "hi", 1.0)
    (made,) = posted(parent=first)
    assert (made.reply_to, made.thread) == ("m9", "m9")
    (made,) = posted(parent=replace(first, thread="m3"))
    assert (made.reply_to, made.thread) == ("m9", "m3")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"to": "nobody-here"}, NovaorchError),
        ({"body": " "}, NovaorchError),
        ({"sender": "web/agent/anvil", "priority": Priority.URGENT}, RefusedError),
        ({"expires_s": -1.0}, UsageError),
        ({"expires_s": float("nan")}, UsageError),
        ({"expires_s": 1e9}, UsageError),
        ({"key": "x" * 101}, UsageError),
        ({"key": "a\nb"}, NovaorchError),
        ({"sender": ""}, NovaorchError),
    ],
)
def test_what_is_refused(fields: dict[str, Any], kind: type[NovaorchError]) -> None:
    with pytest.raises(kind) as caught:
        posted(**fields)
    assert caught.value.fix


def test_the_longest_words_that_are_allowed_can_be_kept() -> None:
    long = UnitId.of("p" * 48, "agent", "a" * 48)
    book = Book({long: (), UnitId("q/agent/b"): ()})
    for message in messages(Draft(str(long), "@all", "x", key="k" * 100), book, 1.0, ids()):
        check_message(message)
    for message in messages(Draft(ADA, "@all", "x", key="k" * 100), book, 1.0, ids()):
        check_message(message)


def test_what_was_given_up_is_sent_anew_once() -> None:
    dead = Message("m1", ADA, "web/agent/torch", "hi", 1.0, key="k", expires=40.0)
    made = again(dead, 50.0, "m2")
    assert (made.id, made.at, made.expires, made.body, made.sender) == ("m2", 50.0, 0.0, "hi", ADA)
    assert made.key == again(dead, 60.0, "m3").key != dead.key
    assert made.thread == "m1"
    assert again(replace(dead, expires=90.0), 50.0, "m2").expires == 90.0
    check_message(made)
