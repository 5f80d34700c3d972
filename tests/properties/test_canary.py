"""Over random lives of a fleet and its controller: no more than some go first, ever; a trial ends.

The oracle knows nothing of trials. It keeps what the files of each commit say, reads off the host
which command each live process really runs, and counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from reconciler.adapters.memory import CrashError
from reconciler.model.control import Consent
from tests.loop.stage import Stage, agent, fleet

COUNT = 6
BAKE_S = 60


def names(first: str, above: int) -> str:
    return f"{{first: '{first}', above: {above}, bake: {BAKE_S}s}}"


def allowed(first: str, above: int, subjects: int) -> int:
    """How many may run what is new before all do, by the words of the manual alone."""
    if subjects <= above:
        return subjects
    if first.endswith("%"):
        share = int(first[:-1]) * subjects
        return max(1, share // 100 + (1 if share % 100 else 0))
    return max(1, int(first))


@dataclass
class Oracle:
    """What was asked for, commit by commit, in plain words: unit -> command."""

    stage: Stage
    first: str
    above: int
    base: dict[str, str] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    limit: int = COUNT
    ended: str = ""
    commit_id: str = ""

    def commit(self, changed: set[int], word: str) -> None:
        before = self.base
        self.new = {u: word if int(u[-1]) in changed else old for u, old in before.items()}
        files = {f"p/agents/{u.rpartition('/')[2]}.yaml": agent(w) for u, w in self.new.items()}
        files["fleet.yaml"] = fleet(names(self.first, self.above))
        live = self.stage.words()
        subjects = [u for u in live if self.new[u] != before[u]]
        self.limit = allowed(self.first, self.above, len(subjects))
        self.commit_id = self.stage.commit(files)

    def check(self) -> None:
        """Hold what is seen on the host against what may be."""
        words = self.stage.words()
        assert all(said in (self.base[u], self.new[u]) for u, said in words.items()), words
        quarantined = self.stage.control.read().quarantined
        if self.stage.ref.commit == self.commit_id:
            self.ended = "promoted"
        elif quarantined:
            self.ended = "reverted"
        running = [u for u, said in words.items() if said == self.new[u] != self.base[u]]
        if self.ended != "promoted":
            assert len(running) <= self.limit, (running, self.limit)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[str, int]]:
    often = ["pass"] * 4 + ["wait"] * 2
    rare = ["die", "exit", "fall", "fall", "crash", "server", "close"]
    one = st.tuples(st.sampled_from(often + rare), st.integers(0, 40))
    return draw(st.lists(one, min_size=6, max_size=25))


def act(stage: Stage, what: str, number: int) -> None:
    """Let one thing happen."""
    trial = stage.control.read().trial
    unit = f"p/agent/a{number % COUNT}"
    if what == "fall" and trial is not None:
        unit = trial.units[number % len(trial.units)]
    alive = unit in stage.words()
    match what:
        case "wait":
            stage.clock.sleep(number)
        case "die":
            stage.die()
        case "exit" | "fall" if alive:
            stage.host.exit(unit, number % 3)
        case "close" if alive and number < 8:
            stage.host.human_close(stage.host.panes_of(unit)[0].id)
        case "server" if stage.host.sessions and number < 8:
            stage.host.kill_server()
        case "crash":
            stage.host.steps_left = number % 9
            run(stage)
            stage.host.steps_left = None
            stage.die()
        case _:
            run(stage)


def run(stage: Stage) -> None:
    try:
        stage.once()
    except CrashError:
        stage.die()


@settings(max_examples=100, deadline=None)
@given(
    life=lives(),
    changed=st.sets(st.integers(0, COUNT - 1), min_size=2),
    first=st.sampled_from(["1", "2", "3", "10%", "50%", "100%"]),
    above=st.integers(1, 3),
)
def test_no_more_than_some_run_what_is_new_and_it_ends(
    life: list[tuple[str, int]], changed: set[int], first: str, above: int
) -> None:
    stage = Stage()
    oracle = Oracle(stage, first, above)
    oracle.base = {f"p/agent/a{n}": "old" for n in range(COUNT)}
    oracle.new = oracle.base
    oracle.commit(set(), "old")
    stage.settle()
    before = stage.desired()
    oracle.commit(changed, "new")
    oracle.check()
    for what, number in life:
        note(f"{what} {number}")
        act(stage, what, number)
        oracle.check()
    for _ in range(60):
        if oracle.ended:
            break
        stage.clock.sleep(10)
        run(stage)
        oracle.check()
    assert oracle.ended, stage.log
    event(oracle.ended)
    for _ in range(120):  # what fell waits, and some fell often
        stage.clock.sleep(10)
        stage.settle()
        oracle.check()
    assert stage.control.read().trial is None
    wanted = oracle.new if oracle.ended == "promoted" else oracle.base
    assert stage.words() == wanted
    if oracle.ended == "reverted":
        assert replace(stage.desired(), withheld=()) == before
    else:
        assert stage.look().plan.actions == ()


@settings(max_examples=40, deadline=None)
@given(
    commits=st.lists(
        st.tuples(st.sets(st.integers(0, COUNT - 1)), st.integers(0, 70), st.booleans()),
        min_size=2,
        max_size=5,
    )
)
def test_however_many_commits_follow_each_other_the_last_one_wins(
    commits: list[tuple[set[int], int, bool]],
) -> None:
    """Each is a change of the last one that was followed in full; at any hour at most two of the
    processes run anything that was not followed yet."""
    stage = Stage()
    followed = {f"p/agent/a{n}": "w0" for n in range(COUNT)}
    asked: dict[str, dict[str, str]] = {}

    def commit(wish: dict[str, str]) -> None:
        files = {f"p/agents/{u.rpartition('/')[2]}.yaml": agent(w) for u, w in wish.items()}
        files["fleet.yaml"] = fleet(names("2", 1))
        asked[stage.commit(files)] = wish

    commit(followed)
    stage.settle()
    last = followed
    for number, (changed, wait, dies) in enumerate(commits, start=1):
        last = {u: f"w{number}" if int(u[-1]) in changed else w for u, w in followed.items()}
        commit(last)
        for _ in range(8):
            if dies:
                stage.die()
            stage.once()
            before = asked[stage.ref.commit]
            ahead = [u for u, said in stage.words().items() if said != before[u]]
            assert len(ahead) <= 2, ahead
            stage.clock.sleep(wait / 8)
        followed = asked[stage.ref.commit]
    for _ in range(60):
        stage.clock.sleep(10)
        stage.settle()
    assert stage.words() == last
    assert stage.control.read().trial is None
    assert stage.control.read().quarantined == ()


@settings(max_examples=40, deadline=None)
@given(life=lives(), when=st.integers(0, 24))
def test_now_promotes_at_any_moment(life: list[tuple[str, int]], when: int) -> None:
    stage = Stage()
    wish = {f"p/agents/a{n}.yaml": agent("old") for n in range(COUNT)}
    stage.commit({"fleet.yaml": fleet(names("1", 1)), **wish})
    stage.settle()
    wish = {f"p/agents/a{n}.yaml": agent("new") for n in range(COUNT)}
    last = stage.commit({"fleet.yaml": fleet(names("1", 1)), **wish})
    for what, number in life[:when]:
        if what not in ("exit", "fall"):
            act(stage, what, number)
    if stage.control.read().quarantined:
        return
    stage.once(Consent(now=True))
    assert stage.ref.commit == last
    for _ in range(30):
        stage.clock.sleep(10)
        stage.settle()
    assert set(stage.words().values()) == {"new"}
