"""Telling one story: controllers live and die, time passes, people act at their second."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.adapters.memory import CrashError
from reconciler.core.lease import RENEW_S, Page
from reconciler.model.problems import LeaseHeldError
from tests.simulator.gate import Gate
from tests.simulator.life import Life
from tests.simulator.universe import Files, Universe

Act = Callable[[Universe], str]
"""Something that happens; the event it causes, '' if it causes none."""

CROSSINGS_MAX = 60_000
DOWNTIME_S = 0.5
"""How long it takes until somebody starts the next controller."""
PAUSE_S = 20.0
INSISTS_S = 3.0
"""How long a person waits before confirming again."""
RIVAL_S = 10.0
"""How long another host keeps the lease."""


class StuckError(Exception):
    """A story that does not come to its end: the controller is never quiet."""


@dataclass(frozen=True)
class Workload:
    """One story.

    `before` is a wish that is true when it begins, and `prepared` what else is so. `acts` happen at
    their second. `concerned` are the units whose processes it may touch, `held` those that are held
    when it ends; `names` are sessions that people called otherwise, `adopted` sessions that stay as
    they were. `confirms` says that a person
    confirms whatever is asked. `spare` starts more are no waste when the world forgets how often
    something fell, or what is on trial. It is over `rest_s` after the last act.
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
    """One run of a story: lets controllers live, and time pass."""

    universe: Universe
    acts: tuple[tuple[float, Act], ...]
    end_s: float
    gate: Gate
    confirms: bool = False
    rest_s: float = 45.0
    life: type[Life] = Life
    later: list[tuple[float, Act]] = field(default_factory=list)
    _again: str = ""
    _insisted: float = -INSISTS_S

    def __post_init__(self) -> None:
        self.later = sorted(self.acts, key=lambda act: act[0])
        self.universe.host.gate = self.gate
        self.gate.struck = self.strike

    def tell(self) -> Universe:
        """Let controllers live until the story is over; each that ends is followed by another."""
        clock = self.universe.clock
        while clock.elapsed < self.end_s:
            life = self._next()
            try:
                life.live(Ear(self, life))
                return self.universe
            except CrashError:
                self.gate.tell("------ the controller dies; the next one starts")
                clock.sleep(DOWNTIME_S)
            except LeaseHeldError as error:
                self.gate.tell(f"------ the controller ends: {error.what} ({error.why})")
                clock.sleep(DOWNTIME_S)
        return self.universe

    def _next(self) -> Life:
        self.universe.lives += 1
        return self.life(self.universe, self.gate, self.universe.lives)

    # -- time ----------------------------------------------------------------------------------

    def wait(self, timeout_s: float, life: Life) -> str:
        """Let time pass until something happens, at most `timeout_s`."""
        word = self.gate.cross("trigger.wait", lambda: self._wait(timeout_s, life))
        if self.gate.heard(word) == "":
            word = self._wait(timeout_s, life)
        if self.gate.twice():
            self._again = word
        if len(self.gate.crossed) > CROSSINGS_MAX:
            raise StuckError(f"{CROSSINGS_MAX} boundaries and no end")
        return word

    def pressing(self) -> str:
        """Return the event that the next wait would bring at once."""
        return self._again

    def _wait(self, timeout_s: float, life: Life) -> str:
        word, self._again = self._again, ""
        until = self.universe.clock.elapsed + timeout_s
        while not word and life.tenure.lost is None:
            word = self._second(until)
            life.tenure.beat()
        return "stop" if life.tenure.lost is not None else word

    def _second(self, until: float) -> str:
        """Let a second pass, or as much as there is left; return what happened in it."""
        clock = self.universe.clock
        soon = min(until, clock.elapsed + RENEW_S)
        while self.later and self.later[0][0] <= soon:
            at, act = self.later.pop(0)
            clock.sleep(at - clock.elapsed)
            self.universe.host.changing()
            word = act(self.universe)
            self.gate.tell(f"== {clock.elapsed:.2f} s: {act.__name__} {word}")
            if word:
                return word
        if soon > self.end_s:
            return "stop"
        clock.sleep(soon - clock.elapsed)
        if self._confirmed():
            return "hook"
        return "poll" if soon >= until else ""

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
        if fault in _WORLDLY:
            _WORLDLY[fault](self)

    def _soon(self, after_s: float, act: Act) -> None:
        self.later.append((self.universe.clock.elapsed + after_s, act))
        self.later.sort(key=lambda act: act[0])

    def _rewind(self) -> None:
        self.universe.force_back()
        self._soon(12.0, _pushed_again)

    def _overtaken(self) -> None:
        """Let another controller work while this one stands still in the middle of a call."""
        host, end = self.universe.host, self.end_s
        acting, self.end_s = host.acting, self.universe.clock.elapsed + PAUSE_S
        self.gate.tell("------ the controller stands still; another one starts")
        self.tell()
        self.gate.tell("------ the first one wakes")
        host.acting, self.end_s = acting, end

    def _down(self) -> None:
        self.universe.store.down = self.universe.leases.down = True
        self._soon(12.0, _store_returns)

    def _newer(self) -> None:
        self.universe.commit({"web/README.md": b"%d" % len(self.gate.crossed)})
        self._again = "hook"

    def _rival(self) -> None:
        """Let another host have the lease for a while, and this one know nothing of it yet."""
        leases, clock = self.universe.leases, self.universe.clock
        leases.page = Page(leases.page.epoch + 1, "rival", clock.elapsed + RIVAL_S)
        self.universe.host.obeyed = leases.page.epoch


def _pushed_again(universe: Universe) -> str:
    universe.push_again()
    return "hook"


def _store_returns(universe: Universe) -> str:
    universe.store.down = universe.leases.down = False
    return ""


@dataclass
class Ear:
    """What one controller hears of the story (`ports.Trigger`)."""

    telling: Telling
    life: Life

    def wait(self, timeout_s: float) -> str:
        """Return the next word; one that lost its right to act is told to stop."""
        return self.telling.wait(timeout_s, self.life)

    def pressing(self) -> str:
        """Return the event that the next wait would bring at once."""
        return "stop" if self.life.tenure.lost is not None else self.telling.pressing()

    def close(self) -> None:
        """Nothing to stop."""


def _jumps(seconds: float) -> Callable[[Telling], None]:
    def jump(telling: Telling) -> None:
        telling.universe.clock.hour += seconds

    return jump


def _server_ends(telling: Telling) -> None:
    telling.universe.host.changing()
    telling.universe.host.kill_server()


def _wiped(telling: Telling) -> None:
    telling.universe.store.wipe()
    telling.universe.leases.wipe()


_WORLDLY: Mapping[str, Callable[[Telling], None]] = {
    "back": _jumps(-3_600),
    "ahead": _jumps(86_400),
    "kill-server": _server_ends,
    "wipe": _wiped,
    "down": Telling._down,
    "newer": Telling._newer,
    "rewind": Telling._rewind,
    "pause": Telling._overtaken,
    "rival": Telling._rival,
}
