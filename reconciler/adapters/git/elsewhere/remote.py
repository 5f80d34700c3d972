"""`GitRemote`: a branch fetched from elsewhere, and agents' work pushed there. Never by force.

git runs in a clean room (`cleanroom`): what the repository's own configuration says of remotes,
helpers, proxies or ssh is not there. What comes waits in quarantine until it is whole.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.elsewhere import remotewords as heard
from reconciler.adapters.git.elsewhere.line import USUAL, Limits, Line
from reconciler.adapters.git.elsewhere.quarantine import Quarantine
from reconciler.adapters.git.elsewhere.transport import Login, masking, variables
from reconciler.adapters.git.process import Reply, said
from reconciler.kinds.remoteurl import Refused, understood
from reconciler.model.problems import ConflictError, SourceError
from reconciler.model.remote import Fetched, Offer, Pushed, Remote

CHUNK = 200
"""So many refs are offered in one push."""
WORK = (
    "refs/heads/training/",
    "refs/novaorch/archive/",
    "refs/notes/novaorch/",
)
"""What agents' work is kept under. What was saved of a tree stays on this machine: it has what
policy held back, a secret perhaps."""
_REF = re.compile(r"refs/(?:heads|notes|novaorch)(?:/[A-Za-z0-9_@+][A-Za-z0-9_.@+-]*)+")
_OID = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


def tracking_ref(branch: str) -> str:
    """Return the ref that a fetched branch is kept under."""
    return f"refs/novaorch/remote/{branch}"


def lost_ref(branch: str) -> str:
    """Return the ref that keeps what a branch there held before it was set back by force."""
    return f"refs/novaorch/remote-lost/{branch}"


class GitRemote:
    """One remote of one repository (`ports.remotes.RemoteDoor`).

    `reveal` looks a reference up when it is needed, and not before. One call at a time; `close`
    may come from any thread.
    """

    def __init__(
        self,
        common_dir: Path,
        remote: Remote,
        reveal: Callable[[str], str],
        limits: Limits = USUAL,
    ) -> None:
        try:
            self._address = understood(remote.url, remote.protocols)
        except Refused as refused:
            raise SourceError(
                f"the remote of fleet.yaml is refused: {refused.what}",
                why="an address decides which programs git starts",
                fix="correct `remote` in fleet.yaml",
            ) from None
        self.remote = remote
        self._common_dir, self._reveal = common_dir, reveal
        self._line = Line(limits)
        self._room: CleanRoom | None = None
        self._turn = threading.RLock()

    # -- from there ------------------------------------------------------------------------------

    def fetch(self) -> Fetched:
        """See `RemoteDoor.fetch`. What came is kept under `tracking_ref` and moves nothing else."""
        with self._turn, Quarantine(self._common_dir / "objects") as quarantine:
            room = self._opened()
            head = room.path / "FETCH_HEAD"
            head.unlink(missing_ok=True)
            words = (
                "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-prune",
                "--no-auto-maintenance", "--no-write-commit-graph", "--refmap=",
                "--end-of-options", self.remote.url, f"refs/heads/{self.remote.branch}",
            )  # fmt: skip
            self._spoken(words, quarantine)
            tip = _head(head)
            quarantine.admit()
            return self._kept(tip)

    def _kept(self, tip: str) -> Fetched:
        """Let our own ref name what came; note what the branch there has lost since."""
        name = tracking_ref(self.remote.branch)
        before = self._at(name)
        if before != tip:
            self._move(name, tip, before)
        return Fetched(tip, before, self._lost(tip, before))

    def _lost(self, tip: str, before: str) -> str:
        name = lost_ref(self.remote.branch)
        known = self._at(name)
        lost = before if before and before != tip and not self._contains(before, tip) else known
        if lost and self._contains(lost, tip):
            lost = ""
        if lost != known:
            self._move(name, lost, known)
        return lost

    def tip(self) -> str:
        """Return what was fetched last, '' before that."""
        with self._turn:
            return self._at(tracking_ref(self.remote.branch))

    # -- to there --------------------------------------------------------------------------------

    def push(self, offers: Sequence[Offer]) -> Sequence[Pushed]:
        """See `RemoteDoor.push`. Together if the remote can; if one is refused, each for itself."""
        with self._turn:
            found: list[Pushed] = []
            for start in range(0, len(offers), CHUNK):
                found += self._offered(tuple(offers[start : start + CHUNK]))
            return found

    def push_branch(self, commit: str, name: str) -> Pushed:
        """Offer a commit as the branch `name` there, for people to merge."""
        return self.push([Offer(commit, f"refs/heads/{name}")])[0]

    def _offered(self, offers: tuple[Offer, ...]) -> list[Pushed]:
        for offer in offers:
            _refuse(offer)
        first = self._pushed(offers, "--atomic") if len(offers) > 1 else {}
        left = tuple(o for o in offers if o.ref not in first or heard.atomic_only(first[o.ref]))
        rest = self._pushed(left) if left else {}
        found = {**first, **rest}
        unsaid = "the remote did not speak of it"
        return [found.get(o.ref) or heard.rejected(o, unsaid) for o in offers]

    def _pushed(self, offers: tuple[Offer, ...], *how: str) -> dict[str, Pushed]:
        """Push once. A remote that answered has an answer for each; else its silence is raised."""
        words = (
            "push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags",
            "--recurse-submodules=no", *how, "--end-of-options", self.remote.url,
            *(f"{offer.commit}:{offer.ref}" for offer in offers),
        )  # fmt: skip
        reply, mask = self._said(words)
        found = heard.answers(offers, reply.out.decode("utf-8", "replace"))
        if not found and not reply.ok:
            if how and "atomic" in reply.err:
                return {}
            raise heard.trouble(mask(reply.err))
        return {
            ref: one if one.ok else heard.rejected(one.offer, mask(_why(one, reply.err)))
            for ref, one in found.items()
        }

    def outgoing(self) -> Mapping[str, str]:
        """See `RemoteDoor.outgoing`: `WORK`."""
        with self._turn:
            told = "--format=%(objectname) %(refname)"
            reply = self._here("for-each-ref", told, *WORK)
            if not reply.ok:
                raise SourceError("git could not list refs", why=said(reply.err), fix="git fsck")
            lines = reply.out.decode("utf-8", "replace").splitlines()
            pairs = (line.split(" ", 1) for line in lines)
            return {ref: oid for oid, ref in pairs if _REF.fullmatch(ref)}

    def there(self) -> Mapping[str, str]:
        """See `RemoteDoor.there`."""
        with self._turn:
            wanted = tuple(f"{place}*" for place in WORK)
            words = ("ls-remote", "--quiet", "--refs", "--end-of-options", self.remote.url)
            reply, mask = self._said((*words, *wanted))
            if not reply.ok:
                raise heard.trouble(mask(reply.err))
            lines = reply.out.decode("utf-8", "replace").splitlines()
            pairs = (line.split("\t", 1) for line in lines if "\t" in line)
            return {ref: oid for oid, ref in pairs if ref.startswith(WORK)}

    # -- what is known here ----------------------------------------------------------------------

    def apart(self, ours: str, theirs: str) -> tuple[int, int]:
        """See `RemoteDoor.apart`."""
        with self._turn:
            words = ("rev-list", "--count", "--left-right", f"{ours}...{theirs}", "--")
            found = self._here(*words).out.split()
        if len(found) != 2:
            raise SourceError("how far two commits are apart is unknown", fix="run `git fsck`")
        return int(found[0]), int(found[1])

    def contains(self, older: str, newer: str) -> bool:
        """See `RemoteDoor.contains`."""
        with self._turn:
            return self._contains(older, newer)

    # -- git -------------------------------------------------------------------------------------

    def close(self) -> None:
        """See `RemoteDoor.close`."""
        self._line.cut()
        with self._turn:
            if self._room is not None:
                self._room.close()
                self._room = None

    def _opened(self) -> CleanRoom:
        if self._room is None:
            self._room = CleanRoom(self._common_dir)
        return self._room

    def _here(self, *words: str) -> Reply:
        """Run git on what is here; nobody else is asked."""
        return self._opened().command().run(*words)

    def _spoken(self, words: Sequence[str], quarantine: Quarantine) -> None:
        reply, mask = self._said(words, quarantine)
        if not reply.ok:
            raise heard.trouble(mask(reply.err))

    def _said(
        self, words: Sequence[str], quarantine: Quarantine | None = None
    ) -> tuple[Reply, Callable[[str], str]]:
        """Let git speak to the remote; return how that ended, and what masks its words."""
        reference = self.remote.credentials
        login = Login.of(self._reveal(reference)) if reference else None
        mask = masking(login)
        room = self._opened()
        handed = variables(self.remote, self._address, room.path, login)
        handed.update(quarantine.variables() if quarantine is not None else {})
        plain = room.command()
        command = replace(plain, handed={**plain.handed, **handed})
        reply = self._line.speak(command, words, quarantine)
        return reply, lambda text: said(mask.text(heard.plainly(text), limit=4000))

    def _at(self, ref: str) -> str:
        """Return the commit that a ref of ours names, '' when there is none."""
        reply = self._here("for-each-ref", "--format=%(objectname) %(refname)", ref)
        for line in reply.out.decode("utf-8", "replace").splitlines():
            oid, _, name = line.partition(" ")
            if name == ref:
                return oid
        return ""

    def _contains(self, older: str, newer: str) -> bool:
        return self._here("merge-base", "--is-ancestor", older, newer).code == 0

    def _move(self, ref: str, new: str, old: str) -> None:
        """Let a ref of ours name `new` ('': nothing) if it names `old` now."""
        zero = "0" * len(new or old)
        words = (ref, new, old or zero) if new else ("-d", ref, old)
        reply = self._here("update-ref", "--no-deref", *words)
        if reply.ok:
            return
        if self._at(ref) != old:
            raise ConflictError(
                f"{ref} was moved by somebody else meanwhile",
                why=said(reply.err),
                fix="nothing: the next fetch mends it",
            )
        raise SourceError(
            f"{ref} cannot be written",
            why=said(reply.err),
            fix="look at the space and the rights of the repository, and for a lock left behind",
        )


def _head(file: Path) -> str:
    """Return the one commit that a fetch brought."""
    try:
        found = _OID.match(file.read_text("utf-8", "replace"))
    except OSError:
        found = None
    if found is None:
        raise SourceError(
            "the fetch brought no commit",
            why="git wrote none down",
            fix="run `git ls-remote` by hand and see whether the branch is there",
        )
    return found[0]


def _why(one: Pushed, err: str) -> str:
    """Return why a ref was refused, with what the remote itself said beside it."""
    lines = (line.strip() for line in err.splitlines() if line.startswith("remote:"))
    told = [line.removeprefix("remote:").strip() for line in lines]
    return f"{one.why} {' '.join(told)}".strip()


def _refuse(offer: Offer) -> None:
    plain = _REF.fullmatch(offer.ref) and ".." not in offer.ref and "/." not in offer.ref
    if not plain or offer.ref.endswith((".lock", ".")) or "@{" in offer.ref:
        raise SourceError(
            f"{offer.ref!r} is no ref that is pushed", fix="name a branch as git names it"
        )
    if not _OID.fullmatch(offer.commit):
        raise SourceError(
            f"{offer.commit[:80]!r} is no commit's id", fix="name the commit by its full id"
        )
