"""A branch here and one elsewhere: which commit a fleet follows, and what holds it back."""

from __future__ import annotations

import pytest

from reconciler.core.accept import word
from reconciler.loop.follow import Followed
from reconciler.model.control import Withholding
from reconciler.model.problems import SourceError
from reconciler.model.remote import Relation, Remote
from tests.loop.test_follow import Stage, files, followed

REMOTE = "remote: {url: 'https://h/x', branch: live}\n"


class Two(Stage):
    """One repository in which a branch here and one of a remote are known."""

    theirs: str = ""

    def both(self) -> Followed:
        reader = self.follower()
        reader.theirs = lambda branch: self.theirs if branch == "live" else ""
        return reader

    def commit(self, count: int, spec: str = REMOTE, subject: str = "change") -> str:
        return self.repository.commit(files(count, spec), subject=subject)

    def elsewhere(self, count: int, spec: str = REMOTE, subject: str = "there") -> str:
        """Commit on the remote's branch, which goes on from where it is, or from here."""
        here = self.repository.head
        self.repository.head = self.theirs or here
        self.theirs = self.commit(count, spec, subject)
        self.repository.head = here
        return self.theirs


@pytest.fixture
def two() -> Two:
    return Two()


def held(two: Two, reader: Followed) -> Withholding | None:
    withheld = followed(reader).withheld
    return withheld[0].why if withheld else None


def test_before_anything_was_fetched_the_branch_here_is_followed(two: Two) -> None:
    one = two.commit(1)
    reader = two.both()
    assert followed(reader).commit == one
    assert reader.tips.relation is Relation.NONE


def test_a_remote_that_is_ahead_is_followed_and_the_branch_here_stays(two: Two) -> None:
    one = two.commit(1)
    reader = two.both()
    followed(reader)
    there = two.elsewhere(2)
    assert followed(reader).commit == there
    assert len(followed(reader).processes) == 2
    assert two.repository.head == one
    assert two.ref.commit == there, "how far it was followed is kept"


def test_a_branch_here_that_is_ahead_is_followed(two: Two) -> None:
    two.commit(1)
    two.theirs = two.repository.head
    here = two.commit(2)
    reader = two.both()
    assert followed(reader).commit == here
    assert reader.tips.relation is Relation.AHEAD


def test_two_that_parted_hold_what_was_followed_last(two: Two) -> None:
    two.commit(1)
    reader = two.both()
    there = two.elsewhere(2)
    assert followed(reader).commit == there
    here = two.commit(3)
    desired = followed(reader)
    assert desired.commit == there
    assert [(w.commit, w.why) for w in desired.withheld] == [(here, Withholding.DIVERGED)]
    assert "git merge" in desired.withheld[0].fix
    assert followed(reader) is followed(reader), "no work while nothing changes"


def test_what_is_followed_here_goes_on_when_they_part(two: Two) -> None:
    one = two.commit(1)
    reader = two.both()
    followed(reader)
    two.elsewhere(2)
    here = two.commit(3)
    desired = followed(reader)
    assert desired.commit == one
    assert desired.withheld[0].commit == two.theirs
    two.repository.rewind(here)
    assert held(two, reader) is Withholding.DIVERGED


def test_two_that_parted_before_the_first_pass_change_nothing(two: Two) -> None:
    two.commit(1)
    two.elsewhere(2)
    two.commit(3)
    with pytest.raises(SourceError, match="different ways"):
        two.both().read()


def test_a_merge_mends_it(two: Two) -> None:
    two.commit(1)
    reader = two.both()
    two.elsewhere(2)
    followed(reader)
    two.commit(3)
    assert held(two, reader) is Withholding.DIVERGED
    two.repository.head = two.theirs
    merged = two.commit(4, subject="merge")
    assert followed(reader).commit == merged
    assert held(two, reader) is None


def test_a_remote_that_was_rewritten_by_force_is_held_by_the_mark(two: Two) -> None:
    two.commit(1)
    reader = two.both()
    good = two.elsewhere(2)
    followed(reader)
    two.theirs = ""
    forced = two.elsewhere(3, subject="forced")
    desired = followed(reader)
    assert desired.commit == good
    assert (desired.withheld[0].commit, desired.withheld[0].why) == (forced, Withholding.REWOUND)
    assert held(two, two.both()) is Withholding.REWOUND, "a new process knows it, too"
    said = followed(reader, word(forced, good))
    assert said.commit == forced


def test_signatures_are_asked_of_what_comes_from_elsewhere(two: Two) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq6+TqAmZ8yJq2mhV2rcXx3Dh9rQ0a6kQqzZ0k5mY7w"
    rules = f"verify: {{commits: range}}\nprincipals: [{{name: ada, ssh: {key}}}]\n"
    one = two.commit(1, REMOTE + rules)
    reader = two.both()
    followed(reader)
    bad = two.elsewhere(2, REMOTE + rules)
    two.repository.bad_signatures[bad] = "nobody signed it"
    desired = followed(reader)
    assert desired.commit == one
    assert desired.withheld[0].why is Withholding.UNVERIFIED
    gone = two.elsewhere(2, REMOTE)
    assert held(two, reader) is Withholding.UNVERIFIED, "a commit cannot drop the rule it breaks"
    assert gone == two.theirs


def test_what_was_rolled_back_stays_so_wherever_it_comes_from(two: Two) -> None:
    one = two.commit(1)
    reader = two.both()
    followed(reader)
    bad = two.elsewhere(2)
    two.quarantine(bad)
    desired = followed(reader)
    assert (desired.commit, desired.withheld[0].why) == (one, Withholding.QUARANTINED)


def test_the_remote_is_what_the_branch_here_says(two: Two) -> None:
    two.commit(1)
    reader = two.both()
    other = "remote: {url: 'https://evil/x', branch: live, credentials: env:AWS_SECRET}\n"
    there = two.elsewhere(2, other)
    desired = followed(reader)
    assert desired.commit == there
    assert desired.fleet.remote == Remote("https://h/x", "live")
    assert any("another remote" in line for line in two.said)
    assert followed(reader) is desired, "no work while nothing changes"


def test_a_remote_without_a_fleet_changes_nothing(two: Two) -> None:
    two.commit(1)
    reader = two.both()
    followed(reader)
    here = two.repository.head
    two.theirs = two.repository.commit(None)
    two.repository.head = here
    with pytest.raises(SourceError):
        reader.read()
