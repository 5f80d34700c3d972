"""Telling one story: controllers live and die, time passes, people act at their second."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.adapters.memory import CrashError
from reconciler.loop.cycle import Ports
from reconciler.loop.daemon import Daemon
from reconciler.loop.wish import Wishes
from reconciler.model.control import Consent
from tests.simulator.gate import Gate, gated
from tests.simulator.universe import Files, Universe

Act = Callable[[Universe], str]
"""Something that happens; the event it causes, '' if it causes none."""

CROSSINGS_MAX = 60_000
DOWNTIME_S = 0.5
"""How long it takes until somebody starts the next controller."""
PAUSE_S = 20.0
INSISTS_S = 3.0
"""How long a person waits before confirming again."""


class StuckError(Exception):
    """A story that does not come to its end: the controller is never quiet."""


@dataclass(frozen=True)
class Workload:
    """One story.

    `before` is a wish that is true when it begins, and `prepared` what else is so. `acts` happen at
    their second. `concerned` are the units whose processes it may touch, `held` those that are held
    when it ends; `names` are sessions that people called otherwise, `adopted` sessions that stay as
    they were. `confirms` says that a person
    confirms whatever is asked. `spare` starts more are no waste when the world itself forgets how
    often something fell. It is over `rest_s` after the last act.
    """

    name: str
    before: Files
    acts: tuple[tuple[float, Act], ...]
    concerned: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    adopted: frozenset[str] = frozenset()
    prepared: Act = lambda _universe: ""
    confirms: bool = False
    spare: int = 0
    rest_s: float = 45.0

    @property
    def end_s(self) -> float:
        """The second at which it is over."""
        return max((at for at, _ in self.acts), default=0.0) + self.rest_s

    @cached_property
    def beginning(self) -> bytes:
        """The world in which it begins."""
        universe = Universe()
        universe.commit(dict(self.before))
        universe.host.foreign_session("stranger")
        Telling(universe, (), 20.0, Gate(open=False)).tell()
        self.prepared(universe)
        universe.clock.elapsed = 0.0
        universe.host.log.clear()
        universe.host.signals.clear()
        universe.host.starts.clear()
        return pickle.dumps(universe)

    def begin(self) -> Universe:
        """Return a fresh copy of the world in which it begins."""
        universe = pickle.loads(self.beginning)  # made three lines above
        assert isinstance(universe, Universe)
        return universe


@dataclass
class Telling:
    """One run of a story, and the trigger of its controllers (`ports.Trigger`)."""

    universe: Universe
    acts: tuple[tuple[float, Act], ...]
    end_s: float
    gate: Gate
    confirms: bool = False
    rest_s: float = 45.0
    later: list[tuple[float, Act]] = field(default_factory=list)
    _again: str = ""
    _insisted: float = -INSISTS_S

    def __post_init__(self) -> None:
        self.later = sorted(self.acts, key=lambda act: act[0])
        self.universe.host.gate = self.gate
        self.gate.struck = self.strike

    def tell(self) -> Universe:
        """Let controllers work until the story is over; each that dies is followed by another."""
        while True:
            try:
                self.controller().run()
            except CrashError:
                self.gate.tell("------ the controller dies; the next one starts")
                self.universe.clock.sleep(DOWNTIME_S)
            else:
                return self.universe

    def controller(self) -> Daemon:
        """Return a new controller, which knows nothing."""
        here, gate = self.universe, self.gate
        wishes = Wishes(gated("repository", here.repository, gate), here.cache, "/", "/root")
        store = gated("store", here.store, gate)
        return Daemon(
            wishes=wishes,
            connect=lambda _fleet: Ports(here.host, wishes, here.clock),
            trigger=self,
            clock=here.clock,
            publish=store.publish,
            log=lambda line: gate.tell(f"      log: {line}"[:180]),
            consented=lambda: Consent(here.consented()),
        )

    # -- the trigger ---------------------------------------------------------------------------

    def wait(self, timeout_s: float) -> str:
        """Let time pass until something happens, at most `timeout_s`."""
        word = self.gate.cross("trigger.wait", lambda: self._wait(timeout_s))
        if self.gate.heard(word) == "":
            word = self._wait(timeout_s)
        if self.gate.twice():
            self._again = word
        if len(self.gate.crossed) > CROSSINGS_MAX:
            raise StuckError(f"{CROSSINGS_MAX} boundaries and no end")
        return word

    def pressing(self) -> str:
        """Return the event that the next wait would bring at once."""
        return self._again

    def close(self) -> None:
        """Nothing to stop."""

    def _wait(self, timeout_s: float) -> str:
        word, self._again = self._again, ""
        if word:
            return word
        clock, until = self.universe.clock, self.universe.clock.elapsed + timeout_s
        while self.later and self.later[0][0] <= until:
            at, act = self.later.pop(0)
            clock.sleep(at - clock.elapsed)
            self.universe.host.changing()
            word = act(self.universe)
            self.gate.tell(f"== {clock.elapsed:.2f} s: {act.__name__} {word}")
            if word:
                return word
        if until > self.end_s:
            return "stop"
        clock.sleep(until - clock.elapsed)
        return "hook" if self._confirmed() else "poll"

    def _confirmed(self) -> bool:
        """Whether a person just confirmed what is asked for."""
        here = self.universe
        word = here.asked() if self.confirms else ""
        if not word or here.clock.elapsed < self._insisted + INSISTS_S:
            return False
        here.word, self._insisted = word, here.clock.elapsed
        return True

    # -- misfortunes ---------------------------------------------------------------------------

    def strike(self, fault: str) -> None:
        """Let something happen to the world under the controller's hands; then wait for peace."""
        here = self.universe
        self.end_s = max(self.end_s, here.clock.elapsed + self.rest_s)
        if fault == "back":
            here.clock.hour -= 3600
        elif fault == "ahead":
            here.clock.hour += 86400
        elif fault == "kill-server":
            here.host.changing()
            here.host.kill_server()
        elif fault == "wipe":
            here.store.wipe()
        elif fault == "down":
            here.store.down = True
            self._soon(12.0, _store_returns)
        elif fault == "rewind":
            self._rewind()
        elif fault == "newer":
            here.commit({"web/README.md": b"%d" % len(self.gate.crossed)})
            self._again = "hook"
        elif fault == "pause":
            self._overtaken()

    def _soon(self, after_s: float, act: Act) -> None:
        self.later.append((self.universe.clock.elapsed + after_s, act))
        self.later.sort(key=lambda act: act[0])

    def _rewind(self) -> None:
        repository = self.universe.repository
        head = repository.head
        repository.rewind("HEAD~1" if len(repository._commits) > 1 else "HEAD")  # noqa: SLF001

        def pushed_again(universe: Universe) -> str:
            if repository.descends(repository.head, head):
                repository.rewind(head)
            return "hook"

        self._soon(12.0, pushed_again)

    def _overtaken(self) -> None:
        """Let another controller work while this one stands still in the middle of a call."""
        end, self.end_s = self.end_s, self.universe.clock.elapsed + PAUSE_S
        self.gate.tell("------ the controller stands still; another one starts")
        self.tell()
        self.gate.tell("------ the first one wakes")
        self.end_s = end


def _store_returns(universe: Universe) -> str:
    universe.store.down = False
    return ""
