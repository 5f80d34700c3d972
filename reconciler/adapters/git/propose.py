"""Proposals: what an agent would like, as a commit on a branch that nothing follows.

Never touches a work tree, an index or any other ref; never puts there what would not be read, and
moves a branch only from the very commit that was looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.adapters.git.folders import FOLDER
from reconciler.adapters.git.formats import object_id, parse_commit
from reconciler.adapters.git.loose import NewObjects
from reconciler.adapters.git.process import said
from reconciler.adapters.git.repository import GitRepository
from reconciler.adapters.git.splice import spliced
from reconciler.kinds.parse import concerns, parse, refuse
from reconciler.model.ids import UnitId
from reconciler.model.insight import Proposal, Proposed
from reconciler.model.manifest import Blob
from reconciler.model.problems import ConflictError, NovaorchError, Problem, Severity, SourceError

BRANCHES = "novaorch/proposals"
OPEN_MAX = 50
"""So many proposals of one agent lie there at once; people merge or delete them."""
TRIES = 5
_SHOWN = 5
_OURS = "novaorch <novaorch@localhost>"

Validate = Callable[[GitRepository, str], Sequence[Problem]]
"""Returns everything that is wrong with the desired state of a commit."""


class GitProposals:
    """Commits proposals (`ports.knowledge.Proposals`). Any thread; one proposal at a time.

    `followed` is the commit that a proposal begins at, `now` tells epoch seconds.
    """

    def __init__(
        self,
        directory: Path,
        followed: Callable[[], str],
        now: Callable[[], float],
        validate: Validate = lambda _repository, _commit: (),
    ) -> None:
        self._directory, self._followed, self._now = directory, followed, now
        self._validate = validate
        self._lock = threading.Lock()

    def propose(self, proposal: Proposal) -> Proposed:
        """See `Proposals.propose`. What is wrong with it is named by line."""
        _refuse_place(proposal)
        with self._lock, self._opened() as repository:
            return _Desk(repository, self._now(), self._validate).propose(
                proposal, self._followed()
            )

    @contextmanager
    def _opened(self) -> Iterator[GitRepository]:
        """A repository of our own: that of the thinking thread is for one thread only."""
        repository = GitRepository.discover(self._directory)
        try:
            yield repository
        finally:
            repository.close()


class _Desk:
    """Makes one proposal in one repository."""

    def __init__(self, repository: GitRepository, now: float, validate: Validate) -> None:
        self._repository, self._now, self._validate = repository, now, validate
        self._objects, self._git = repository.objects, repository.command
        self._format = self._objects.object_format
        self._new = NewObjects(repository.common_dir / "objects", self._format)

    def propose(self, proposal: Proposal, followed: str) -> Proposed:
        for left in reversed(range(TRIES)):
            open_now = self._numbers(proposal.author)
            number = proposal.number or max(open_now, default=0) + 1
            _refuse_number(proposal, open_now)
            branch = f"{_branches(proposal.author)}/{number}"
            base = open_now.get(number) or followed
            commit = self._commit(proposal, base)
            self._check(proposal, base, commit)
            try:
                self._move(branch, commit, open_now.get(number, ""))
            except ConflictError:
                if not left:
                    raise
            else:
                return Proposed(branch, commit, number, followed)
        raise AssertionError  # pragma: no cover - the last try raises

    def _numbers(self, author: UnitId) -> dict[int, str]:
        """Return every proposal of an agent that lies there, with its commit."""
        prefix = f"refs/heads/{_branches(author)}/"
        told = "%(refname) %(objectname)"
        reply = self._git.run("for-each-ref", f"--format={told}", prefix)
        if not reply.ok:
            raise SourceError(
                "git could not list its branches", why=said(reply.err), fix="git fsck"
            )
        pairs = (line.split(" ") for line in reply.out.decode("utf-8", "replace").splitlines())
        found = ((name.removeprefix(prefix), commit) for name, commit in pairs)
        return {int(n): commit for n, commit in found if n.isascii() and n.isdigit()}

    def _commit(self, proposal: Proposal, base: str) -> str:
        """Write the commit's objects and return its id; no ref knows it yet."""
        found = parse_commit(base, self._objects.contents([base], "commit")[0])
        content = proposal.content
        blob = self._new.write("blob", content.encode()) if content is not None else ""
        path = f"{FOLDER}/{proposal.path}"
        tree = spliced(self._objects, self._new, found.tree, path, blob)
        if tree == found.tree:
            raise NovaorchError(
                "this proposes nothing",
                why=f"{FOLDER}/{proposal.path} is so already" if blob else "there is no such file",
                fix="change something, or leave it",
            )
        hour = f"{int(self._now)} +0000"
        lines = (f"tree {tree}", f"parent {base}", f"author {_person(proposal.author)} {hour}")
        head = "\n".join((*lines, f"committer {_OURS} {hour}"))
        body = f"{head}\n\n{_message(proposal, base)}".encode("utf-8", "replace")
        commit = self._new.write("commit", body)
        self._new.store()
        return commit

    def _check(self, proposal: Proposal, base: str, commit: str) -> None:
        """Refuse what would not be followed if it were merged; old troubles are none of its own."""
        if proposal.content is not None:
            data = proposal.content.encode()
            _refuse_problems(parse(proposal.path, object_id("blob", data, self._format), data)[1])
        self._repository.close()  # its helper looked at the objects before these were there
        known = {(p.path, p.rule, p.what) for p in self._validate(self._repository, base)}
        found = self._validate(self._repository, commit)
        _refuse_problems([p for p in found if (p.path, p.rule, p.what) not in known])

    def _move(self, branch: str, commit: str, before: str) -> None:
        old = before or "0" * len(commit)
        words = ("update-ref", "--no-deref", "-m", "novaorch: propose")
        reply = self._git.run(*words, f"refs/heads/{branch}", commit, old)
        if not reply.ok:
            raise ConflictError(
                f"the branch {branch} could not be moved",
                why=said(reply.err),
                fix="somebody else may have moved it just now: propose it again",
            )


def _branches(author: UnitId) -> str:
    return f"{BRANCHES}/{author.project}/{author.name}"


def _refuse_place(proposal: Proposal) -> None:
    """Refuse a path at which nothing would be read, before anything is looked at."""
    path = proposal.path
    content = (proposal.content or "").encode("utf-8", "replace")
    problem = refuse(Blob(path, "", size=len(content))) if path else None
    if problem is not None:
        raise NovaorchError(problem.what, why=problem.why, fix=problem.fix)
    if not path or not concerns(path) or not path.isascii():
        raise NovaorchError(
            f"nothing reads {FOLDER}/{path[:100]}",
            why="only manifests (.yaml) and a project's charter.md are read",
            fix="name one, as in shop/agents/torch.yaml or shop/charter.md",
        )
    if proposal.content is not None and "\ud800" <= max(proposal.content, default="") <= "\udfff":
        raise NovaorchError("the file is no text", why="it holds half a sign", fix="write UTF-8")


def _refuse_number(proposal: Proposal, open_now: dict[int, str]) -> None:
    if proposal.number and proposal.number not in open_now:
        known = ", ".join(map(str, sorted(open_now))) or "none"
        raise NovaorchError(
            f"you have no proposal {proposal.number}",
            why=f"there are: {known}; what was merged or refused is deleted",
            fix="begin another one: leave the number out",
        )
    if not proposal.number and len(open_now) >= OPEN_MAX:
        raise NovaorchError(
            f"{len(open_now)} proposals of yours wait already",
            why=f"{OPEN_MAX} at once is the most that anybody looks through",
            fix="wait for people, or add to one of them by its number",
        )


def _refuse_problems(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        shown = [f"{p.where}: {p.what} [{p.rule}]" for p in errors[:_SHOWN]]
        more = f" and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise NovaorchError(
            "this would not be followed if it were merged",
            why="; ".join(shown) + more,
            fix=errors[0].fix,
        )


def _person(author: UnitId) -> str:
    return f"{author.name} <{author.name}.{author.project}@agents.novaorch.localhost>"


def _message(proposal: Proposal, base: str) -> str:
    trailers = f"Proposed-by: {proposal.author}\nBased-on: {base}\n"
    return "\n\n".join(filter(None, (proposal.title, proposal.why, trailers)))
