"""How far the journal is, is told to the store; a silent one costs one try in half a minute."""

from __future__ import annotations

from reconciler.adapters.memory import MemoryClock, MemoryStore
from reconciler.loop.elsewhere import Elsewhere


def test_a_word_is_kept_when_the_store_answers_and_not_asked_too_often() -> None:
    clock, store, opened = MemoryClock(), MemoryStore(), [0]

    def open_store() -> MemoryStore:
        opened[0] += 1
        store.closed = False
        return store

    far = Elsewhere(open_store, clock)
    far.keep("journal/box", "one 1")
    assert store.marks == {"journal/box": "one 1"}
    store.down = True
    for _ in range(3):
        far.keep("journal/box", "two 2")
    assert opened == [2]
    store.down = False
    clock.sleep(31)
    far.keep("journal/box", "three 3")
    assert store.marks == {"journal/box": "three 3"}
