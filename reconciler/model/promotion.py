"""A run on its way into a branch: what is known of it, what is decided, and how a gate ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from reconciler.model.training import Run, Verdict


class State(enum.StrEnum):
    """How a run stands. `landed`: people merged it, and nobody wrote that down yet."""

    OPEN = "open"
    CONFLICT = "conflict"
    PUSHED = "pushed"
    LANDED = "landed"
    PROMOTED = "promoted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run with everything that refs tell of it. Ids are full, '' for none.

    `target` is the branch it is meant for. `archive` is its last verdict; `promoted` the tip up to
    which it was promoted: work that came later is open again. `conflict` are the paths that clash
    with the target, as long as nothing was added. `pushed` is the candidate that waits for people,
    `landed` the commit of the target in which they have it. `empty`: it has no work at all.
    """

    run: Run
    target: str
    branch: bool = True
    archive: str = ""
    promoted: str = ""
    conflict: tuple[str, ...] = ()
    pushed: str = ""
    landed: str = ""
    empty: bool = False

    @property
    def name(self) -> str:
        """How people write it: `shop/torch/3`."""
        return self.run.branch.partition("/")[2]

    @property
    def state(self) -> State:
        """How it stands."""
        if self.run.verdict is not Verdict.OPEN:
            return State(self.run.verdict.value)
        if self.landed:
            return State.LANDED
        if self.conflict:
            return State.CONFLICT
        return State.PUSHED if self.pushed else State.OPEN


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot of unsaved work on a kept ref. `at` is the epoch second it was made."""

    name: str
    commit: str
    at: float
    subject: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree that is on the target. `dirty` are a few of the paths that no commit has.

    With `trouble` (and `fix`) its files cannot be brought along at all.
    """

    path: str
    dirty: tuple[str, ...] = ()
    trouble: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides on a promotion. `ahead`: the run contains the target's tip.

    `contained` is the commit by which the target has the run already, `landed_by` who made it.
    `tree` is the work tree that is on the run's branch, `unsaved` how many paths in it no commit
    has; `busy`: its agent is at work. `publish`: a branch is to be pushed, and people merge it.
    """

    known: KnownRun
    policy: str
    target_tip: str = ""
    ahead: bool = False
    contained: str = ""
    landed_by: str = ""
    checkouts: tuple[Checkout, ...] = ()
    tree: str = ""
    unsaved: int = 0
    busy: bool = False
    publish: bool = False


class Move(enum.StrEnum):
    """What is done with a run."""

    REFUSE = "refuse"
    NOTHING = "nothing"
    ARCHIVE = "archive"
    FORWARD = "forward"
    REPLAY = "replay"
    SQUASH = "squash"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on a run: what is done, or (REFUSE) what stands against it and the mend.

    `record`: save first what its agent left unsaved, then decide anew. `notes` are for people.
    """

    move: Move
    what: str = ""
    why: str = ""
    fix: str = ""
    record: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """A path that two sides changed in ways that do not go together; each with its commits."""

    path: str
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the target would be: `commit` with `tree`, made on `onto`, of `commits` of the run."""

    commit: str
    tree: str
    onto: str
    commits: int


@dataclass(frozen=True, slots=True)
class Proof:
    """How the gate went: `passed` commands of `asked`; of the one that did not, its words.

    `tail` is the end of what was printed. `skipped` is why nothing was asked.
    """

    asked: int = 0
    passed: int = 0
    failed: tuple[str, ...] = ()
    why: str = ""
    tail: str = ""
    skipped: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing stands against the candidate."""
        return bool(self.skipped) or self.passed == self.asked

    @property
    def word(self) -> str:
        """The same in a few words."""
        if self.skipped:
            return f"skipped: {self.skipped}"
        if not self.asked:
            return "none"
        return f"passed {self.passed} of {self.asked}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A verdict on a run, as it is written down. `result` and `before`: where the target was moved
    to, and from; '' when it was not moved. `began` is an epoch second."""

    known: KnownRun
    verdict: Verdict
    by: str
    at: float
    why: str = ""
    result: str = ""
    before: str = ""
    policy: str = ""
    proof: Proof = field(default_factory=Proof)
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks for: this run, on their word (`Name <mail>`).

    `policy` and `target` are said by hand, '' for what the manifest says. `skip_gate` is why its
    commands are not asked, `allow` are paths that may come although policy keeps them out.
    """

    name: str
    by: str
    policy: str = ""
    target: str = ""
    publish: bool = False
    skip_gate: str = ""
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """How it went: `result` is where the target is now (`before`: was), or what was pushed.

    With `clashes` nothing was done, but that it is remembered. `branch_stays`: a work tree is on
    it, and a new run begins there.
    """

    known: KnownRun
    move: Move
    result: str = ""
    before: str = ""
    archive: str = ""
    pushed_as: str = ""
    proof: Proof = field(default_factory=Proof)
    clashes: tuple[Clash, ...] = ()
    notes: tuple[str, ...] = ()
    branch_stays: bool = False
