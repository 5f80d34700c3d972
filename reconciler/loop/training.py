"""Joins agents' turns with commits: hears when a turn ends, and has its work recorded.

Never runs, reads or decides what is committed: the recorder does. Never keeps an agent waiting for
long, and never fails a hook: what could not be committed stays in its tree, is shown, and is tried
again at the next turn, or when the tree is at rest.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial

from reconciler.core.recording import Remark, remark
from reconciler.loop.lesson import Lesson, Wanted, hooked, named
from reconciler.loop.turns import Books
from reconciler.model.agent import Seat
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.problems import BlindError, NovaorchError, RefusedError
from reconciler.model.training import Recorded, Trainee
from reconciler.model.workspace import SeenWorkspace

PATIENCE_S = 0.5
"""So long the end of a turn waits for its commit: the gate says nothing after 0.75 s, and others
want to answer, too. The commit is made all the same."""
WAITING_MAX = 24
"""So many ends of turns wait at once; the gate has few threads, and other hooks need them. The next
is answered at once, and its commit is made as soon."""
ASKED_S = 8.0
"""So long somebody who asked for a commit waits; the command line hangs up after ten seconds."""
CLOSE_S = 5.0
ENDS = frozenset({"Stop", "StopFailure", "SessionEnd"})
MODE = "training"


@dataclass(slots=True)
class _Desk:
    """Where the commits of one agent wait, one after the other: one thread a work tree at most."""

    lesson: Lesson = field(default_factory=Lesson)
    queue: deque[tuple[Wanted, Future[Recorded | None]]] = field(default_factory=deque)
    thread: threading.Thread | None = None


@dataclass(slots=True)
class Training:
    """The training of one fleet's agents. Any thread may call any method.

    `take` says who trains; the mode at the end of a turn decides whether it is committed.
    """

    books: Books
    _trainees: Mapping[UnitId, Trainee] = field(default_factory=dict)
    _desks: dict[UnitId, _Desk] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(WAITING_MAX))
    _ended: bool = False

    def take(self, trainees: Mapping[UnitId, Trainee]) -> None:
        """Know who has a work tree, as one pass saw it."""
        with self._lock:
            self._trainees = trainees
            for unit in self._desks.keys() - trainees.keys():
                if self._desks[unit].thread is None:
                    del self._desks[unit]

    def trainees(self) -> Mapping[UnitId, Trainee]:
        """Return who trains now: in mode training, with a work tree that is there."""
        known = self._trainees
        return {u: one for u, one in known.items() if one.seat.mode == MODE and _usable(one.seen)}

    def lesson(self, unit: UnitId) -> Lesson:
        """Return what is known of an agent's turns."""
        with self._lock:
            return self._desks.setdefault(unit, _Desk()).lesson

    # -- hooks -------------------------------------------------------------------------------------

    def hear(self, event: HookEvent) -> HookAnswer:
        """Take note of a prompt, and have the work of a turn that ended committed. Never raises."""
        trainee = self._trainees.get(event.unit)
        # What a subagent tells is no turn: its work is part of its agent's.
        if trainee is None or event.text("agent_id"):
            return SILENCE
        try:
            return self._heard(trainee, event)
        except Exception as error:  # an agent never pays for a defect of ours
            self.books.log(f"{event.unit}: {event.name} was not recorded: {_words(error)}")
            return SILENCE

    def given(self, unit: UnitId, text: str) -> None:
        """Take note of words that an agent's model is given in the middle of a turn."""
        if text and unit in self._trainees:
            with self._lock:
                self.lesson(unit).asked(text, self.books.clock.now())

    def typed(self, seat: Seat, text: str) -> None:
        """Take note of what was typed to a runtime that does not tell so itself."""
        if not hooked(seat) and seat.unit in self._trainees:
            self.lesson(seat.unit).endless = True
            self.given(seat.unit, text)

    def _heard(self, trainee: Trainee, event: HookEvent) -> HookAnswer:
        lesson, trains = self.lesson(event.unit), trainee.seat.mode == MODE
        if event.name == "UserPromptSubmit":
            with self._lock:
                lesson.asked(event.text("prompt"), event.at)
                told = lesson.news() if trains else ""
            return HookAnswer(context=told) if told else SILENCE
        if event.name not in ENDS:
            return SILENCE
        with self._lock:
            wanted = lesson.ended(event)
        if trains:
            self._await(self._want(event.unit, wanted))
        return SILENCE

    def _await(self, done: Future[Recorded | None]) -> None:
        """Wait for a commit, not for long, and not with too many others."""
        if not self._room.acquire(blocking=False):
            return
        try:
            with contextlib.suppress(TimeoutError, CancelledError):  # it goes on without us
                done.exception(PATIENCE_S)
        finally:
            self._room.release()

    # -- asked for ---------------------------------------------------------------------------------

    def commit(self, unit: UnitId, by: str, words: str = "") -> Recorded | None:
        """Commit an agent's work now, as `by` asks; None: nothing changed since the last commit.

        RefusedError: it has no work tree. BlindError: it takes too long, and goes on.
        """
        trainee = self._trainees.get(unit)
        if trainee is None:
            raise RefusedError(
                f"{unit} has no work tree of its own",
                why="what it does is in nobody's tree but the user's",
                fix="give it one: workspace: {} in the spec of its manifest",
            )
        with self._lock:
            wanted = self.lesson(unit).wanted("asked", self.books.clock.now(), by, words)
        try:
            return self._want(unit, wanted).result(ASKED_S)
        except (TimeoutError, CancelledError):
            raise BlindError(
                f"the work of {unit} is not committed after {ASKED_S:g} s",
                why="it is being committed still, or the daemon ends",
                fix=f"look again: novaorch training log {unit.name}",
            ) from None

    def settled(self, unit: UnitId, patience_s: float) -> None:
        """Commit the work in a tree that is at rest; wait at most so long until that is done."""
        with self._lock:
            wanted = self.lesson(unit).wanted("settled", self.books.clock.now())
        with contextlib.suppress(TimeoutError, CancelledError):
            self._want(unit, wanted).exception(patience_s)

    def failed(self, unit: UnitId, error: Exception) -> None:
        """Take note that a tree cannot even be looked at; it is tried again later."""
        with self._lock:
            lesson = self.lesson(unit)
            wanted = lesson.failed or lesson.wanted("settled", self.books.clock.now())
        self._failed(unit, lesson, wanted, error)

    # -- telling -----------------------------------------------------------------------------------

    def remarks(self) -> Mapping[UnitId, Remark]:
        """Return what people should know of agents' commits, of those where there is anything."""
        with self._lock:
            said = {
                unit: remark(desk.lesson.trouble, desk.lesson.held, desk.lesson.beside)
                for unit, desk in self._desks.items()
                if unit in self._trainees
            }
        return {unit: one for unit, one in said.items() if one is not None}

    def close(self) -> None:
        """Begin nothing more. What is being committed is finished; the rest stays in its tree."""
        with self._lock:
            self._ended = True
            waiting = [done for desk in self._desks.values() for _, done in desk.queue]
            threads = [desk.thread for desk in self._desks.values() if desk.thread is not None]
        for done in waiting:
            done.cancel()
        for thread in threads:
            thread.join(CLOSE_S)
        self.books.close()

    # -- one commit after another ------------------------------------------------------------------

    def _want(self, unit: UnitId, wanted: Wanted) -> Future[Recorded | None]:
        done: Future[Recorded | None] = Future()
        with self._lock:
            self.lesson(unit)
            desk = self._desks[unit]
            if self._ended:
                done.cancel()
                return done
            desk.queue.append((wanted, done))
            if desk.thread is None:
                work, name = partial(self._work, unit, desk), f"training {unit}"
                desk.thread = threading.Thread(target=work, name=name, daemon=True)
                desk.thread.start()
        return done

    def _work(self, unit: UnitId, desk: _Desk) -> None:
        while True:
            with self._lock:
                if not desk.queue:
                    desk.thread = None
                    return
                wanted, done = desk.queue.popleft()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(self._made(unit, desk.lesson, wanted))
            except Exception as error:  # whoever waits gets it; the others are told by `_failed`
                done.set_exception(error)

    def _made(self, unit: UnitId, lesson: Lesson, wanted: Wanted) -> Recorded | None:
        trainee = self._trainees.get(unit)
        left = wanted.cause != "asked" and (trainee is None or trainee.seat.mode != MODE)
        if trainee is None or left:  # its mode is another one meanwhile
            return None
        with self._lock:
            whole = wanted.after(lesson.failed)
        try:
            made = self._recorded(trainee, lesson, whole)
        except Exception as error:
            self._failed(unit, lesson, whole, error)
            raise
        self._said(unit, wanted, made)
        return made

    def _recorded(self, trainee: Trainee, lesson: Lesson, wanted: Wanted) -> Recorded | None:
        word = "" if hooked(trainee.seat) else self.books.fingerprint(trainee)
        made, counted = self.books.record(trainee, wanted, lesson.counted)
        with self._lock:
            # Without a commit the tokens were spent on no work, and are not part of the next.
            lesson.recorded(made, counted)
            lesson.done = word or lesson.seen
            if made is not None and lesson.endless:
                lesson.let_go()
            lesson.restless = bool(lesson.prompts)
        return made

    def _failed(self, unit: UnitId, lesson: Lesson, wanted: Wanted, error: Exception) -> None:
        trouble = _words(error)
        with self._lock:
            news = lesson.failing(wanted, trouble, self.books.clock.now())
        if news:
            self.books.log(f"{unit}: its work could not be committed: {trouble}")

    def _said(self, unit: UnitId, wanted: Wanted, made: Recorded | None) -> None:
        if made is None:
            return
        where = f"{made.commit[:12]} on {made.branch}"
        files = f"{made.files} file{'' if made.files == 1 else 's'}"
        kept = f"; held back: {named(made.held_back)}" if made.held_back else ""
        self.books.log(f"{unit}: its work is {where} ({wanted.cause}, {files}){kept}")


def _usable(seen: SeenWorkspace | None) -> bool:
    return seen is not None and not seen.trouble


def _words(error: Exception) -> str:
    if isinstance(error, NovaorchError):
        why = f" ({error.why})" if error.why else ""
        return f"{error.what}{why}. {error.fix}".strip()
    return f"{type(error).__name__}: {error}"
