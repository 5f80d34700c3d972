"""Whose signature a commit carries: good, or why not.

Never asks git, whose configuration could name any program: what is signed is cut out here, and
`ssh-keygen` and `gpg` are started with nothing but what the policy holds. A signature that nobody
can check is never a good one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from reconciler.adapters.git.checkers import Checkers, UncheckedError
from reconciler.adapters.git.formats import printable
from reconciler.adapters.git.objects import ObjectReader
from reconciler.adapters.git.signed import (
    Signed,
    SshSignature,
    fingerprint,
    read_ssh,
    ssh_key,
    take_apart,
)
from reconciler.model.fleet import Principal, Verification
from reconciler.model.ids import digest

_REMEMBERED_MAX = 20_000
_PORTION = 64
NAMESPACE = "git"


@dataclass(slots=True)
class Signatures:
    """Looks at commits of one repository; what was seen once is known for good."""

    objects: ObjectReader
    _seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def first_bad(self, commits: Sequence[str], policy: Verification) -> tuple[str, str] | None:
        """Return the first of these commits that no principal signed well, and why; or None."""
        name = digest([repr(asdict(principal)) for principal in policy.principals])
        for at in range(0, len(commits), _PORTION):
            portion = commits[at : at + _PORTION]
            unseen = [oid for oid in portion if (name, oid) not in self._seen]
            passing = self._look(unseen, policy, name) if unseen else {}
            for oid in portion:
                why = passing.get(oid) or self._seen.get((name, oid), "")
                if why:
                    return oid, why
        return None

    def _look(self, oids: list[str], policy: Verification, name: str) -> dict[str, str]:
        """Look at commits; return the verdicts that may be others the next time."""
        passing: dict[str, str] = {}
        bodies = self.objects.contents(oids, "commit")
        with Checkers(policy.principals) as checkers:
            for oid, body in zip(oids, bodies, strict=True):
                try:
                    why = self._verdict(oid, body, policy, checkers)
                except UncheckedError as error:
                    passing[oid] = str(error)
                    continue
                self._seen[name, oid] = why
        while len(self._seen) > _REMEMBERED_MAX:
            del self._seen[next(iter(self._seen))]
        return passing

    def _verdict(self, oid: str, body: bytes, policy: Verification, checkers: Checkers) -> str:
        try:
            signed = take_apart(oid, body, self.objects.object_format)
            if signed.kind == "ssh":
                return _ssh(signed, read_ssh(signed.signature), policy, checkers)
        except (ValueError, UnicodeError) as error:
            return f"its signature cannot be read: {error}"
        if signed.kind == "gpg":
            return _gpg(signed, policy, checkers)
        return "its signature is neither SSH nor OpenPGP" if signed.kind else "it is not signed"


def _ssh(signed: Signed, seen: SshSignature, policy: Verification, checkers: Checkers) -> str:
    name = f"the key {fingerprint(seen.key)}"
    if seen.namespace != NAMESPACE:
        return f"its signature was made for {printable(seen.namespace)[:40]!r}, not for git"
    owners = [who for who in policy.principals if seen.key in _ssh_keys(who)]
    why = _owned(name, owners, signed.hour)
    return why or checkers.ssh(signed.payload, seen)


def _gpg(signed: Signed, policy: Verification, checkers: Checkers) -> str:
    found = checkers.gpg(signed.payload, signed.signature)
    if found.key:
        owners = [who for who in policy.principals if who.name in found.owners]
        return _owned(f"the key {found.key}", owners, found.hour) or found.why
    return found.why


def _owned(name: str, owners: list[Principal], hour: float) -> str:
    """Return why a key of these principals does not count at an hour, '' when it does."""
    if not owners:
        return f"{name} is no principal's: it is not in fleet.yaml as it was followed last"
    revoked = [who.name for who in owners if who.revoked]
    if revoked:
        return f"{name} was revoked: it is {revoked[0]}'s"
    refusals = [_out_of_time(who, hour) for who in owners]
    if all(refusals):
        return f"{name} did not count at the hour of signing: {refusals[0]}"
    return ""


def _out_of_time(who: Principal, hour: float) -> str:
    """Return why a principal does not count at an hour; `until` is the first day it does not."""
    if who.since and hour < _midnight(who.since):
        return f"{who.name}'s counts from {who.since} on"
    if who.until and hour >= _midnight(who.until):
        return f"{who.name}'s does not count from {who.until} on"
    return ""


def _midnight(date: str) -> float:
    return datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()


def _ssh_keys(who: Principal) -> Iterator[bytes]:
    for text in who.ssh:
        try:
            yield ssh_key(text)
        except ValueError:
            continue  # a key that cannot be read lets nobody in
