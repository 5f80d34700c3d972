"""What a branch would be with a run in it: commits made of objects, in the clean room alone.

Moves no ref and touches no work tree: until somebody takes a candidate, it is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.adapters.git.cleanroom import CleanRoom
from reconciler.adapters.git.formats import Commit, parse_commit
from reconciler.adapters.git.process import Reply, said
from reconciler.adapters.git.seal import Seal, sealed
from reconciler.core.promoted import Piece, author, merged, replayed, squashed
from reconciler.model.problems import SourceError
from reconciler.model.promotion import Candidate, Clash, KnownRun, Move

OURS = "novaorch <novaorch@localhost>"
COMMITS_MAX = 2000
_CLASH_MAX = 20


class ClashError(Exception):
    """Two sides do not go together; nothing was made."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__(f"{len(clashes)} paths clash")
        self.clashes = tuple(clashes)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which run comes onto which commit, how, and on whose word."""

    known: KnownRun
    onto: str
    move: Move
    by: str


class Workbench:
    """Makes candidates in a clean room. One thread only.

    The same run on the same commit, on the same word, is the same candidate: their hour is that of
    the younger of the two. When it was promoted, the verdict says.
    """

    def __init__(self, room: CleanRoom, seal: Seal | None = None) -> None:
        self._room, self._seal = room, seal
        self._git = room.command()

    def make(self, wanted: Wanted) -> Candidate:
        """Return the candidate. ClashError: it does not go together; SourceError: cannot be."""
        made = _WAYS[wanted.move](self, wanted)
        tree = self.commit(made).tree
        return Candidate(made, tree, wanted.onto, len(self.pieces(wanted.known, wanted.onto)))

    def commit(self, oid: str) -> Commit:
        """Return what a commit says of itself."""
        try:
            return parse_commit(oid, self._room.objects.contents([oid], "commit")[0])
        except (ValueError, UnicodeError) as error:
            raise SourceError(
                f"commit {oid} is malformed", why=str(error), fix="run `git fsck`"
            ) from None

    def pieces(self, known: KnownRun, onto: str) -> list[Piece]:
        """Return the commits of a run that are no merges, and not in `onto`, oldest first."""
        oids = self._own(known, onto, "--no-merges")
        bodies = self._room.objects.contents(oids, "commit") if oids else []
        return [Piece(o, _message(b)) for o, b in zip(oids, bodies, strict=True)]

    def merged_tree(self, ours: str, theirs: str, named: tuple[str, str] | None = None) -> str:
        """Return the tree of a merge. ClashError: paths do not go together; the commits that
        changed them are looked for in the two that are `named`."""
        reply = self._git.run(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages",
            ours, theirs,
        )  # fmt: skip
        words = [w.decode("utf-8", "surrogateescape") for w in reply.out.split(b"\0")]
        if reply.ok:
            return words[0].strip()
        if reply.code != 1 or len(words[0].strip()) not in (40, 64):
            raise _unmerged(reply)
        paths = list(dict.fromkeys(word for word in words[1:] if word))
        raise ClashError(
            [self._clash(path, *(named or (ours, theirs))) for path in paths[:_CLASH_MAX]]
        )

    def write(self, tree: str, parents: Sequence[str], message: str, who: tuple[str, float]) -> str:
        """Write a commit of ours, signed when there is a key; `who`: its author, and when."""
        return self._written(_head(tree, parents, who) + message.encode("utf-8", "surrogateescape"))

    # -- the ways --------------------------------------------------------------------------------

    def _forward(self, wanted: Wanted) -> str:
        return wanted.known.run.tip

    def _squash(self, wanted: Wanted) -> str:
        known = wanted.known
        sides = (wanted.onto, known.run.tip)
        tree = self.merged_tree(self._side(wanted), known.run.tip, sides)
        message = squashed(known, self.pieces(known, wanted.onto), wanted.by)
        return self.write(tree, [wanted.onto], message, (author(known), self._hour(wanted)))

    def _merge(self, wanted: Wanted) -> str:
        known = wanted.known
        tree = self.merged_tree(wanted.onto, known.run.tip)
        message = merged(known, self.pieces(known, wanted.onto), wanted.by)
        parents = [wanted.onto, known.run.tip]
        return self.write(tree, parents, message, (author(known), self._hour(wanted)))

    def _replay(self, wanted: Wanted) -> str:
        """Copy each commit onto the target; merges within a run must not have been work."""
        known, at = wanted.known, wanted.onto
        for piece in self.pieces(known, wanted.onto):
            at = self._copied(piece, at, wanted)
        if self._own(known, wanted.onto, "--merges"):
            whole = self.merged_tree(self._side(wanted), known.run.tip)
            if whole != self.commit(at).tree:
                raise SourceError(
                    f"{known.name} has a merge that holds work of its own",
                    why="copies of its other commits alone would not be the same files",
                    fix=f"promote it as one commit: novaorch training promote {known.name} "
                    "--as squash (or merge)",
                )
        return at

    def _copied(self, piece: Piece, at: str, wanted: Wanted) -> str:
        body = self._room.objects.contents([piece.oid], "commit")[0]
        found = self.commit(piece.oid)
        if found.parents == (at,):
            return piece.oid
        here = self.commit(at)
        # git before 2.40 cannot be told the base of a merge: a commit beside does.
        side = self._beside(here.tree, found.parents[:1])
        tree = self.merged_tree(side, piece.oid, (wanted.onto, wanted.known.run.tip))
        if tree == here.tree:
            return at  # the target has it already
        message = replayed(piece.message, piece.oid, wanted.by)
        return self._written(_recast(body, (tree, at), message, self._hour(wanted)))

    def _hour(self, wanted: Wanted) -> float:
        commits = map(self.commit, (wanted.onto, wanted.known.run.tip))
        return max(commit.committed for commit in commits)

    def _side(self, wanted: Wanted) -> str:
        """Return the target as one side of a merge that knows what of the run it has already.

        After a squash no history tells that; what was promoted before would clash with itself.
        """
        before = wanted.known.promoted
        if not before or not self._contains(before, wanted.known.run.tip):
            return wanted.onto
        tree = self.commit(wanted.onto).tree
        return self._beside(tree, [before, wanted.onto])

    # -- asking and writing ----------------------------------------------------------------------

    def _own(self, known: KnownRun, onto: str, *options: str) -> list[str]:
        before = [f"^{known.promoted}"] if known.promoted else []
        reply = self._git.run(
            "rev-list", "--reverse", "--topo-order", f"--max-count={COMMITS_MAX + 1}", *options,
            known.run.tip, f"^{onto}", *before,
        )  # fmt: skip
        oids = _must(reply).out.decode("ascii").split()
        if len(oids) > COMMITS_MAX:
            raise SourceError(
                f"{known.name} has more than {COMMITS_MAX} commits that its target lacks",
                fix="is that the right branch? name another one: --into BRANCH",
            )
        return oids

    def _contains(self, older: str, newer: str) -> bool:
        return self._git.run("merge-base", "--is-ancestor", older, newer).ok

    def _clash(self, path: str, ours: str, theirs: str) -> Clash:
        def touched(tip: str, other: str) -> tuple[str, ...]:
            words = ("rev-list", "--max-count=5", tip, f"^{other}", "--", path)
            return tuple(self._git.run(*words).out.decode("ascii", "replace").split())

        return Clash(path, touched(ours, theirs), touched(theirs, ours))

    def _beside(self, tree: str, parents: Sequence[str]) -> str:
        """Write a commit that is only ever one side of a merge."""
        return self._object(_head(tree, parents, (OURS, 0)) + b"side\n")

    def _written(self, payload: bytes) -> str:
        if self._seal is not None:
            signature = self._seal.sign(payload)
            payload = sealed(payload, signature, self._room.object_format)
        return self._object(payload)

    def _object(self, payload: bytes) -> str:
        reply = self._git.run("hash-object", "-t", "commit", "-w", "--stdin", given=payload)
        return _must(reply).out.decode("ascii").strip()


_WAYS: dict[Move, Callable[[Workbench, Wanted], str]] = {
    Move.FORWARD: Workbench._forward,
    Move.SQUASH: Workbench._squash,
    Move.MERGE: Workbench._merge,
    Move.REPLAY: Workbench._replay,
}


def _head(tree: str, parents: Sequence[str], who: tuple[str, float]) -> bytes:
    name, at = who
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {name} {at:.0f} +0000", f"committer {OURS} {at:.0f} +0000"]
    return "\n".join(lines).encode("utf-8", "replace") + b"\n\n"


def _message(body: bytes) -> str:
    return body.partition(b"\n\n")[2].decode("utf-8", "surrogateescape")


def _recast(body: bytes, place: tuple[str, str], message: str, at: float) -> bytes:
    """Return a commit with another tree and parent: its author stays, we are the committer."""
    tree, parent = place
    lines = [f"tree {tree}".encode(), f"parent {parent}".encode()]
    kept = {b"author": b"", b"encoding": b""}
    for line in body.partition(b"\n\n")[0].split(b"\n"):
        name = line.partition(b" ")[0]
        if name in kept:
            kept[name] = kept[name] or line
    lines += [kept[b"author"], f"committer {OURS} {at:.0f} +0000".encode()]
    lines += [kept[b"encoding"]] if kept[b"encoding"] else []
    return b"\n".join(lines) + b"\n\n" + message.encode("utf-8", "surrogateescape")


def _must(reply: Reply) -> Reply:
    if not reply.ok:
        raise SourceError(
            "git could not make a candidate",
            why=said(reply.err),
            fix="look at the disk, and run `git fsck` in the repository",
        )
    return reply


def _unmerged(reply: Reply) -> SourceError:
    if "unrelated histories" in reply.err:
        return SourceError(
            "the run and its target have no commit in common",
            why="their histories are unrelated, or this clone is cut off",
            fix="in a shallow clone: git fetch --unshallow; else begin the run at its target",
        )
    return SourceError(
        "git cannot merge without a work tree here",
        why=said(reply.err) or "`git merge-tree --write-tree` did not answer",
        fix="install git 2.38 or newer",
    )
