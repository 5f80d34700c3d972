"""Which commit is followed, and what is left of that when git's mark or the store is lost."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

import pytest

from reconciler.adapters.memory import (
    MemoryClock,
    MemoryControl,
    MemoryMark,
    MemoryRepository,
    MemoryStore,
)
from reconciler.core.accept import word
from reconciler.loop.follow import Followed
from reconciler.loop.highwater import HighWater
from reconciler.loop.wish import Wishes
from reconciler.model.control import Consent, Controls, Quarantine, Withholding
from reconciler.model.fleet import FleetSettings
from reconciler.model.manifest import Manifest
from reconciler.model.problems import BlindError, ConflictError, Problem, SourceError
from reconciler.model.unit import Desired
from reconciler.ports import Store

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq6+TqAmZ8yJq2mhV2rcXx3Dh9rQ0a6kQqzZ0k5mY7w"


class NoCache:
    """A cache that never remembers (`ports.ManifestCache`)."""

    def get(self, _oid: str, _path: str) -> tuple[Manifest | None, tuple[Problem, ...]] | None:
        return None

    def put(
        self, oid: str, path: str, manifest: Manifest | None, problems: tuple[Problem, ...]
    ) -> None:
        """Forget it."""

    def save(self) -> None:
        """Nothing to save."""


def fleet(spec: str = "") -> bytes:
    text = "apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: den}\n"
    return (text + (f"spec:\n{textwrap.indent(spec, '  ')}" if spec else "")).encode()


def files(count: int, spec: str = "") -> dict[str, bytes]:
    agent = b"apiVersion: novaorch/v1\nkind: Agent\nmetadata: {name: a%d}\n"
    spec_line = b"spec: {runtime: command, command: [sleep, '%d']}\n"
    return {
        "fleet.yaml": fleet(spec),
        **{f"p/agents/a{n}.yaml": agent % n + spec_line % n for n in range(count)},
    }


@dataclass
class Stage:
    repository: MemoryRepository = field(default_factory=MemoryRepository)
    control: MemoryControl = field(default_factory=MemoryControl)
    ref: MemoryMark = field(default_factory=MemoryMark)
    clock: MemoryClock = field(default_factory=MemoryClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    opened: list[bool] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def open(self, _fleet: FleetSettings, start: bool) -> Store:
        self.opened.append(start)
        self.store.closed = False
        return self.store

    def follower(self, thorough: bool = True) -> Followed:
        """Return a process that begins now."""
        wishes = Wishes(self.repository, NoCache(), "/r", "/h")
        mark = HighWater(self.ref, self.repository, self.clock, store=self.open, thorough=thorough)
        return Followed(wishes, self.control, mark, self.clock, log=self.said.append)

    def quarantine(self, commit: str, why: str = "bad") -> None:
        tree = self.repository.tree(commit).oid
        before = self.control.read()
        said = Quarantine(commit, tree, why, "Ada", self.clock.now())
        self.control.write(
            Controls(quarantined=(*before.quarantined, said), version=before.version), why
        )


@pytest.fixture
def stage() -> Stage:
    return Stage()


def followed(reader: Followed, word_: str = "", now: bool = False) -> Desired:
    """Make one pass as a controller does."""
    desired = reader.read("", Consent(word_, now))
    reader.accept(desired)
    reader.remember()
    return desired


def held(desired: Desired) -> Withholding | None:
    return desired.withheld[0].why if desired.withheld else None


def test_the_first_commit_is_followed_and_marked(stage: Stage) -> None:
    one = stage.repository.commit(files(1))
    assert followed(stage.follower()).commit == one
    assert stage.ref.commit == one
    assert stage.store.marks == {"accepted": one}


def test_a_look_marks_nothing(stage: Stage) -> None:
    stage.repository.commit(files(1))
    stage.follower().read()
    assert stage.ref.commit == ""


def test_the_next_commit_is_followed(stage: Stage) -> None:
    reader = stage.follower()
    stage.repository.commit(files(1))
    followed(reader)
    two = stage.repository.commit(files(2))
    assert followed(reader).commit == two
    assert stage.ref.commit == two


def test_the_very_same_value_comes_back_while_nothing_changes(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    stage.repository.commit(files(2))
    assert followed(reader) is followed(reader)
    stage.repository.rewind(one)
    assert followed(reader) is followed(reader)


def test_a_rewound_branch_is_held_and_the_fleet_goes_on(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    two = stage.repository.commit(files(2))
    followed(reader)
    stage.repository.rewind(one)
    desired = followed(reader)
    assert (desired.commit, held(desired)) == (two, Withholding.REWOUND)
    assert len(desired.processes) == 2
    assert desired.withheld[0].fix == f"novaorch apply --confirm {word(one, two)}"
    assert stage.ref.commit == two


def test_the_word_lets_a_rewind_through_once_and_for_all(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    two = stage.repository.commit(files(2))
    followed(reader)
    stage.repository.rewind(one)
    assert followed(reader, word(one, two)).commit == one
    assert held(followed(reader)) is None
    assert held(followed(stage.follower())) is None
    assert stage.ref.commit == stage.store.marks["accepted"] == one


def test_a_fleet_may_follow_rewinds_when_the_commit_before_says_so(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    stage.repository.commit(files(2, "sync: {rewind: follow}\n"))
    followed(reader)
    stage.repository.rewind(one)
    assert followed(reader).commit == one


def test_a_rewind_cannot_allow_itself(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1, "sync: {rewind: follow}\n"))
    stage.repository.commit(files(2))
    followed(reader)
    stage.repository.rewind(one)
    assert held(followed(reader)) is Withholding.REWOUND


def test_an_amended_commit_with_the_same_wishes_is_no_rewind(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    stage.repository.commit(files(2))
    followed(reader)
    stage.repository.rewind(one)
    amended = stage.repository.commit(files(2), subject="said better")
    assert followed(reader).commit == amended


def test_an_explicit_revision_bypasses_and_marks_nothing(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    two = stage.repository.commit(files(2))
    followed(reader)
    desired = reader.read(one)
    reader.accept(desired)
    assert (desired.commit, desired.withheld, stage.ref.commit) == (one, (), two)


# -- losing what was kept ---------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["git", "store"])
@pytest.mark.parametrize("restart", [False, True])
def test_losing_one_of_the_two_marks_loses_nothing(stage: Stage, lost: str, restart: bool) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    two = stage.repository.commit(files(2))
    followed(reader)
    if lost == "git":
        stage.ref.commit = ""
    else:
        stage.store.wipe()
    stage.repository.rewind(one)
    desired = followed(stage.follower() if restart else reader)
    assert (desired.commit, held(desired)) == (two, Withholding.REWOUND)


def test_what_was_lost_is_made_anew(stage: Stage) -> None:
    two = stage.repository.commit(files(2))
    reader = stage.follower()
    followed(reader)
    stage.ref.commit = ""
    followed(reader)
    assert stage.ref.commit == two
    stage.store.wipe()
    followed(stage.follower())
    assert stage.store.marks["accepted"] == two


def test_git_set_back_to_an_older_mark_is_seen_in_the_store(stage: Stage) -> None:
    one = stage.repository.commit(files(1))
    two = stage.repository.commit(files(2))
    followed(stage.follower())
    stage.ref.commit = one
    stage.repository.rewind(one)
    assert held(followed(stage.follower())) is Withholding.REWOUND
    three = stage.repository.commit(files(3))
    assert held(followed(stage.follower())) is Withholding.REWOUND
    assert followed(stage.follower(), word(three, two)).commit == three
    assert stage.ref.commit == stage.store.marks["accepted"] == three


def test_both_lost_is_the_first_time_again(stage: Stage) -> None:
    one = stage.repository.commit(files(1))
    stage.repository.commit(files(2))
    followed(stage.follower())
    stage.ref.commit = ""
    stage.store.wipe()
    stage.repository.rewind(one)
    assert followed(stage.follower()).commit == one


def test_a_store_that_is_down_is_asked_now_and_then(stage: Stage) -> None:
    stage.store.down = True
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    for _ in range(5):
        assert followed(reader).commit == one
    assert len(stage.opened) == 1
    stage.store.down = False
    stage.clock.sleep(6)
    followed(reader)
    followed(reader)
    assert stage.store.marks == {"accepted": one}


def test_a_short_look_does_not_ask_the_store_when_git_knows(stage: Stage) -> None:
    stage.repository.commit(files(1))
    followed(stage.follower())
    stage.opened.clear()
    stage.follower(thorough=False).read()
    assert stage.opened == []


def test_the_owned_store_is_started_only_where_nothing_else_knows(stage: Stage) -> None:
    stage.repository.commit(files(1))
    followed(stage.follower())
    assert stage.opened[0] is True
    stage.opened.clear()
    followed(stage.follower())
    assert stage.opened == [False]


def test_a_damaged_mark_is_not_none(stage: Stage) -> None:
    stage.repository.commit(files(1))
    stage.ref.damaged = True
    with pytest.raises(BlindError):
        stage.follower().read()


def test_two_controllers_do_not_both_move_the_mark(stage: Stage) -> None:
    stage.repository.commit(files(1))
    one, two = stage.follower(), stage.follower()
    first, second = one.read(), two.read()
    one.accept(first)
    with pytest.raises(ConflictError):
        two.accept(second)


# -- quarantine -------------------------------------------------------------------------------


def test_quarantine_alone_takes_the_fleet_back(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1))
    two = stage.repository.commit(files(2))
    followed(reader)
    stage.quarantine(two)
    desired = followed(reader)
    assert (desired.commit, held(desired)) == (one, Withholding.QUARANTINED)
    assert stage.ref.commit == two, "how far history was followed stays true"


def test_the_very_content_is_not_followed_again(stage: Stage) -> None:
    reader = stage.follower()
    stage.repository.commit(files(1))
    followed(reader)
    two = stage.repository.commit(files(2))
    followed(reader)
    stage.quarantine(two)
    back = stage.repository.commit(files(1), subject="revert")
    assert (followed(reader).commit, held(followed(reader))) == (back, None)
    stage.repository.commit(files(2), subject="again")
    assert (followed(reader).commit, held(followed(reader))) == (back, Withholding.QUARANTINED)
    other = stage.repository.commit(files(3))
    assert (followed(reader).commit, held(followed(reader))) == (other, None)


def test_a_quarantine_on_the_first_commit_of_all_leaves_nothing(stage: Stage) -> None:
    one = stage.repository.commit(files(1))
    stage.quarantine(one)
    with pytest.raises(SourceError, match="rolled back"):
        followed(stage.follower())


# -- signatures -------------------------------------------------------------------------------

VERIFY = f"verify: {{commits: range}}\nprincipals: [{{name: ada, ssh: ['{KEY}']}}]\n"


def test_an_unsigned_commit_is_held_by_the_rules_of_the_one_before(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1, VERIFY))
    followed(reader)
    bad = stage.repository.commit(files(2))  # and without any rule
    stage.repository.bad_signatures[bad] = "it is not signed"
    desired = followed(reader)
    assert (desired.commit, held(desired)) == (one, Withholding.UNVERIFIED)
    assert bad[:12] in desired.withheld[0].detail
    stage.repository.commit(files(3))
    assert held(followed(reader)) is Withholding.UNVERIFIED, "its child holds it, too"


def test_the_first_commit_is_believed_and_that_is_said(stage: Stage) -> None:
    one = stage.repository.commit(files(1, VERIFY))
    assert followed(stage.follower()).commit == one
    assert len(stage.said) == 1
    assert "believed" in stage.said[0]


def test_the_first_commit_must_be_signed_by_its_own_principals(stage: Stage) -> None:
    one = stage.repository.commit(files(1, VERIFY))
    stage.repository.bad_signatures[one] = "it is not signed"
    with pytest.raises(SourceError, match="not trusted"):
        followed(stage.follower())
    assert stage.ref.commit == ""


def test_a_rewind_to_an_older_signed_commit_needs_the_word(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1, VERIFY))
    two = stage.repository.commit(files(2, VERIFY))
    followed(reader)
    stage.repository.rewind(one)
    assert held(followed(reader)) is Withholding.REWOUND
    same = stage.repository.commit(files(2, VERIFY), subject="other history")
    assert held(followed(reader)) is Withholding.REWOUND, "with rules, the same content is not all"
    assert followed(reader, word(same, two)).commit == same


# -- windows ----------------------------------------------------------------------------------

NIGHT = """\
sync:
  windows: [{allow: "0 22 * * *", duration: 2h}]
"""


def test_a_commit_waits_for_its_window(stage: Stage) -> None:
    reader = stage.follower()
    one = stage.repository.commit(files(1, NIGHT))
    followed(reader)
    two = stage.repository.commit(files(2, NIGHT))
    noon = 1_800_000_000 // 86400 * 86400 + 43200
    stage.clock.sleep(noon - stage.clock.now())
    desired = followed(reader)
    assert (desired.commit, held(desired)) == (one, Withholding.WINDOW)
    assert desired.withheld[0].until == noon + 10 * 3600
    stage.clock.sleep(10 * 3600)
    assert followed(reader).commit == two
    stage.clock.sleep(4 * 3600)
    assert (followed(reader).commit, held(followed(reader))) == (two, None)


def test_now_does_not_wait_for_a_window(stage: Stage) -> None:
    reader = stage.follower()
    stage.repository.commit(files(1, NIGHT))
    followed(reader)
    two = stage.repository.commit(files(2, NIGHT))
    stage.clock.sleep(1_800_000_000 // 86400 * 86400 + 43200 - stage.clock.now())
    assert held(followed(reader)) is Withholding.WINDOW
    assert followed(reader, now=True).commit == two
    assert held(followed(reader)) is None
