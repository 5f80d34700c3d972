"""The courier: brings every message to its agent, and knows how far each has come.

One thread makes the rounds, one listens for the bell of the mail. Bells and hooks only shorten the
wait: with all of them missed it still delivers. It keeps nothing that its end would cost.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from reconciler.core.envelope import marks
from reconciler.core.errand import GO_ON_MAX
from reconciler.loop.lostmail import LostMail
from reconciler.loop.post import Post
from reconciler.loop.rounds import Doors, Rounds
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from reconciler.model.ids import UnitId
from reconciler.model.message import Stage
from reconciler.model.problems import NovaorchError

SWEEP_S = 5.0
"""So often it is asked for whom something waits, should every bell be missed."""
LISTEN_S = 0.5
"""One listening lasts so long; an end may have to wait for it."""
TROUBLE_S = 1.0
CONFIRM_S = 0.015
"""After so long a transcript holds what was submitted, as a rule."""
DRAWN_S = 0.1
"""After so long a program has drawn what it told."""
WORKING = frozenset({"PreToolUse", "PostToolUse", "PermissionRequest", "Stop", "StopFailure"})
"""These tell that the model was given the prompt."""
TELLING = frozenset(
    {"Stop", "StopFailure", "SessionStart", "SessionEnd", "Notification", "UserPromptSubmit"}
)
"""After these an agent may be at rest, or be another one."""


class Courier:
    """Brings messages until it is closed. Call `start` once; every other method from any thread."""

    def __init__(self, doors: Doors) -> None:
        self._at = doors
        self._rounds = Rounds(doors)
        self._lost = LostMail(doors.mail, doors.roster)
        self._news = threading.Condition()
        self._closing = False
        self._swept = -math.inf
        self._troubles: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("courier", self._work), ("courier-bell", self._listen))
        ]

    def start(self) -> None:
        """Begin; what a former life left is taken up first."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after the visit that is being made; what is under way is taken up by the next."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(LISTEN_S + 1.0)

    def wake(self, unit: UnitId, in_s: float = 0.0) -> None:
        """Visit an agent soon, if something waits for it: it may be in another state."""
        post = self._rounds.post(unit)
        if post.waiting:
            self._ask(post, in_s)

    def changed(self) -> None:
        """Visit everybody for whom something waits: the roster or the reports are other ones."""
        for unit in self._rounds.posts():
            self.wake(unit)

    def turn(self, unit: UnitId) -> AbstractContextManager[object]:
        """Return what keeps everybody else from touching an agent's mail while it is held."""
        return self._rounds.post(unit).turn

    def why(self, message: str) -> str:
        """Return, in a sentence, what an open message waits for; '' for one that is not open."""
        kept = self._at.mail.find(message)
        if kept is None or not kept.open:
            return ""
        post = self._rounds.posts().get(UnitId(kept.message.to))
        return post.why if post is not None and post.why else "the courier has not come to it yet"

    # -- hooks -------------------------------------------------------------------------------------

    def hear(self, event: HookEvent) -> HookAnswer:
        """Take proofs from what a runtime tells, and hand over what waits where that is possible.

        What a subagent tells is none: its model is another one. NovaorchError: the store is down.
        """
        if event.text("agent_id") or event.unit not in self._at.roster().seats:
            return SILENCE
        post = self._rounds.post(event.unit)
        with post.turn:
            answer = self._heard(event, post)
        if event.name in TELLING and post.waiting and answer is SILENCE:
            post.pursuit = replace(post.pursuit, looks=0)
            self.wake(event.unit, DRAWN_S)
        return answer

    def _heard(self, event: HookEvent, post: Post) -> HookAnswer:
        if event.name in WORKING:
            self._rounds.confirmed(post)
        if event.name == "UserPromptSubmit":
            return self._prompted(event, post)
        if event.name == "PostToolUse" and post.waiting:
            text = self._rounds.hand(event.unit, post, event.name)
            return HookAnswer(context=text) if text else SILENCE
        if event.name == "Stop":
            return self._stopped(event, post)
        return SILENCE

    def _prompted(self, event: HookEvent, post: Post) -> HookAnswer:
        """A prompt proves what it holds. One that a person wrote takes along what waits."""
        found = marks(event.text("prompt"))
        if not found:
            text = self._rounds.hand(event.unit, post, event.name) if post.waiting else ""
            return HookAnswer(context=text) if text else SILENCE
        waiting = {one.message.id for one in self._at.mail.inbox(str(event.unit))}
        if found & waiting:
            self._rounds.prompted(event.unit, post, found & waiting, event.at)
            self._ask(post, CONFIRM_S)
        return SILENCE

    def _stopped(self, event: HookEvent, post: Post) -> HookAnswer:
        """A turn ended: what was submitted before it was read. It may go on with what waits."""
        if post.waiting:
            self._rounds.ask(self._rounds.case(event.unit, post), post)
        post.stopped = event.at
        self._rounds.answered(post, self._unread(event.unit, post))
        again = event.payload.get("stop_hook_active") is True
        post.go_ons = post.go_ons if again else 0
        if not post.waiting or (again and not 0 < post.go_ons < GO_ON_MAX):
            return SILENCE
        text = self._rounds.hand(event.unit, post, event.name)
        post.go_ons += bool(text)
        return HookAnswer(go_on=text) if text else SILENCE

    def _unread(self, unit: UnitId, post: Post) -> set[str]:
        """Return what was submitted and not answered; a new life asks the mail for it once."""
        if post.unread is None:
            newest = self._at.mail.listing(str(unit))
            post.unread = {
                one.message.id
                for one in newest
                if one.message.to == unit and one.stage is Stage.SUBMITTED
            }
        return post.unread

    # -- the rounds --------------------------------------------------------------------------------

    def round(self) -> float:
        """Visit everybody who is due; return for how long nobody is, in seconds."""
        self._guarded("the mail", self._sweep)
        now = self._at.clock.now()
        for unit, post in self._rounds.posts().items():
            if post.is_due(now):
                self._guarded(str(unit), partial(self._visit, unit))
        return self.left()

    def left(self) -> float:
        """Return for how long nobody is due, in seconds."""
        now, posts = self._at.clock.now(), self._rounds.posts()
        if any(post.is_due(now) for post in posts.values()):
            return 0.0
        first = min((post.next_visit for post in posts.values()), default=math.inf)
        return max(0.0, min(first, self._swept + SWEEP_S, now + SWEEP_S) - now)

    def listen(self, timeout_s: float = LISTEN_S) -> None:
        """Wait for the bell, at most so long, and have those visited for whom it rang."""
        for name in self._at.mail.rung(timeout_s):
            self._ring(UnitId(name))

    def _work(self) -> None:
        while not self._closing:
            self.round()
            with self._news:
                wait_s = self.left()
                if wait_s > 0 and not self._closing:
                    self._news.wait(wait_s)

    def _sweep(self) -> None:
        """Ask for whom something waits, now and then, and visit whom nobody told us of."""
        now = self._at.clock.now()
        if 0 <= now - self._swept < SWEEP_S:
            return
        self._swept = now
        waiting = self._at.mail.receivers()
        self._lost.look(waiting, now)
        for name in waiting:
            unit = UnitId(name)
            if self._rounds.post(unit).due == math.inf:
                self._ring(unit)

    def _visit(self, unit: UnitId) -> None:
        post = self._rounds.post(unit)
        with self._news:
            post.asked = math.inf  # what is asked from here on is another visit
        try:
            self._rounds.visit(unit)
        except Exception as broken:
            post.due = self._at.clock.now() + TROUBLE_S
            post.why = getattr(broken, "what", "") or str(broken)
            raise

    def _listen(self) -> None:
        while not self._closing:
            if not self._guarded("the bell", self.listen):
                self._pause(TROUBLE_S)

    def _ring(self, unit: UnitId) -> None:
        """Something is new for an agent. What is for people waits for nobody here."""
        if unit.startswith("person:"):
            return
        post = self._rounds.post(unit)
        post.waiting = True
        self._ask(post)

    def _ask(self, post: Post, in_s: float = 0.0) -> None:
        with self._news:
            post.asked = min(post.asked, self._at.clock.now() + in_s)
            self._news.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._news:
            if not self._closing:
                self._news.wait_for(lambda: self._closing, seconds)

    def _guarded(self, what: str, work: Callable[[], object]) -> bool:
        """Do it. A thread outlives whatever goes wrong; each trouble is said once."""
        try:
            work()
        except NovaorchError as error:
            said = f"{error.what} ({error.why})"
        except Exception as broken:
            said = f"{type(broken).__name__}: {broken}"
        else:
            self._troubles.pop(what, None)
            return True
        if self._troubles.get(what) != said:
            self._troubles[what] = said
            self._at.log(f"messages for {what} wait: {said}")
        return False
