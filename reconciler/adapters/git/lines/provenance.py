"""From a commit to its story: the turn, the prompt, the wish, the verdict, and how sure it is.

What a commit says of itself is a claim. It is proven by the signature of the fleet's key, over the
very commit that holds the line; where there is no such key, by novaorch's own record of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from reconciler.adapters.git.lines.blame import Blamer
from reconciler.adapters.git.lines.fleetpast import Witness, deed_of
from reconciler.adapters.git.lines.landings import landing_of
from reconciler.adapters.git.lines.leanroom import LeanRoom
from reconciler.adapters.git.lines.promptnotes import prompt_of
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.adapters.git.lines.trust import TRAINING_KEY, Trust, seal_of
from reconciler.core.linemath import at, before, content
from reconciler.core.plain import clean
from reconciler.core.trailers import read
from reconciler.core.verdicts import ARCHIVE, RECORDED
from reconciler.model.ids import UnitId
from reconciler.model.provenance import (
    Deed,
    Hunk,
    Landing,
    Seal,
    SealState,
    Span,
    Standing,
    Story,
    Wish,
)
from reconciler.model.training import Noted

_AGENT = re.compile(r"<([a-z0-9-]+)\.([a-z0-9-]+)@agents\.novaorch\.localhost>")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
FETCH = "git fetch <remote> '+refs/novaorch/*:refs/novaorch/*'"
OURS = "novaorch <novaorch@localhost>"
RECURSION_MAX, ALIKE_MAX = 4, 8


@dataclass(slots=True)
class Source:
    """Where the agent did it: a commit of its run, and the line there (0: not known)."""

    oid: str
    noted: Noted | None
    line: int = 0
    path: str = ""
    why: str = ""


@dataclass(slots=True)
class Tracer:
    """Tells the stories of commits of one repository. One thread only.

    `deep` False leaves out prompts and wishes: for whoever asks for many.
    """

    room: LeanRoom
    shelf: Shelf
    blamer: Blamer
    witness: Witness = field(default_factory=Witness)
    deep: bool = True
    _seals: dict[str, Seal] = field(default_factory=dict)
    _landings: dict[str, Landing | None] = field(default_factory=dict)
    _wishes: dict[tuple[str, str, str], Wish] = field(default_factory=dict)
    _recorded: dict[tuple[str, str], bool] = field(default_factory=dict)
    _stories: dict[tuple[str, str], Story] = field(default_factory=dict)
    _runs: dict[tuple[str, str, str], list[Hunk] | None] = field(default_factory=dict)
    _files: dict[tuple[str, str], list[Span]] = field(default_factory=dict)

    def story(self, span: Span) -> Story:
        """Return the story of the first line of a span."""
        source = self._source(span)
        key = (span.commit, source.oid)
        if key not in self._stories or source.why:
            self._stories[key] = self._told(deed_of(self.shelf, span.commit), source)
        return self._stories[key]

    def stories(self, span: Span) -> Iterator[tuple[Span, Story]]:
        """Yield the stories of a span, parted where its lines come from several turns."""
        begun: Span | None = None
        last: Story | None = None
        for shift in range(span.count if self._may_part(span) else 1):
            one = Span(span.first + shift, 1, span.commit, span.path, span.origin + shift)
            story = self.story(one)
            if begun is not None and last is not None and story != last:
                yield replace(begun, count=one.first - begun.first), last
                begun = None
            begun, last = begun or one, story
        if begun is not None and last is not None:
            yield replace(begun, count=span.end - begun.first), last

    def _may_part(self, span: Span) -> bool:
        noted = self.noted(span.commit)
        return noted is not None and bool(noted.recorded)

    def commit(self, oid: str) -> Story:
        """Return the story of a commit of a run, as it is."""
        return self._told(deed_of(self.shelf, oid), Source(oid, self.noted(oid)))

    def landing(self, archive: str) -> Landing | None:
        """Return the verdict that a commit (or a ref) says; None: it is none."""
        return landing_of(self.shelf, archive) if archive else None

    def noted(self, oid: str) -> Noted | None:
        """Return what a commit says of itself; its author's address is a claim, too."""
        body = self.shelf.body(oid, "commit")
        if body is None:
            return None
        message = body.partition(b"\n\n")[2].decode("utf-8", "replace")
        found = read(message)
        if found is not None:
            return found
        commit = self.shelf.commit(oid)
        match = _AGENT.search(commit.author) if commit is not None else None
        return Noted(UnitId.of(match[2], "agent", match[1])) if match is not None else None

    # -- where the agent did it ------------------------------------------------------------

    def _source(self, span: Span, depth: int = 0) -> Source:
        noted = self.noted(span.commit)
        here = Source(span.commit, noted, span.origin, span.path)
        if noted is None or not _ID.fullmatch(noted.recorded):
            return here
        if self.shelf.commit(noted.recorded) is None:
            here.why = f"the run it comes from is not in this clone: {FETCH}"
            return here
        if noted.number:
            return self._copied(span, noted, here)
        return self._squashed(span, noted, here, depth)

    def _copied(self, span: Span, noted: Noted, here: Source) -> Source:
        """A copy of one commit: that one has to have written the very line, too."""
        text = self._line(span.commit, span.path, span.origin)
        first = noted.recorded
        rows = (self._body(first, span.path) or b"").split(b"\n") if text is not None else []
        alike = [number for number, row in enumerate(rows, 1) if row == text][:ALIKE_MAX]
        if not any(self.blamer.line(first, span.path, n).commit == first for n in alike):
            here.why = f"{first[:12]}, whose copy it says it is, did not write such a line"
            return here
        return Source(first, self.noted(first), 0, span.path)

    def _squashed(self, span: Span, noted: Noted, here: Source, depth: int) -> Source:
        """One commit for a whole run: the line is looked for at the tip of the run."""
        key = (span.commit, noted.recorded, span.path)
        if key not in self._runs:
            self._runs[key] = self._run_changes(*key)
        changes = self._runs[key]
        number = before(changes, span.origin) if changes is not None else 0
        if not number:
            here.why = f"it came with the promotion itself: {noted.recorded[:12]} has no such line"
            return here
        found = self._run_line(noted.recorded, span.path, number)
        if depth < RECURSION_MAX:
            return self._source(found, depth + 1)
        return Source(found.commit, self.noted(found.commit), found.origin, found.path)

    def _run_changes(self, commit: str, tip: str, path: str) -> list[Hunk] | None:
        """Return how a file differs from the tip of its run; None: it is not there."""
        new, old = (self._blob(oid, path) for oid in (commit, tip))
        if not new or not old:
            return None
        return self.blamer.changes(old, new) if new != old else []

    def _run_line(self, tip: str, path: str, line: int) -> Span:
        """Return whose a line at the tip of a run is. Who asks for many is answered from all."""
        if self.deep:
            return self.blamer.line(tip, path, line)
        if (tip, path) not in self._files:
            self._files[tip, path] = self.blamer.file(tip, path)
        return at(self._files[tip, path], line) or self.blamer.line(tip, path, line)

    def _blob(self, commit: str, path: str) -> str:
        found = self.shelf.commit(commit)
        entry = self.shelf.entry(found.tree, path) if found is not None else None
        return entry.oid if entry is not None else ""

    def _body(self, commit: str, path: str) -> bytes | None:
        blob = self._blob(commit, path)
        return self.shelf.body(blob, "blob") if blob else None

    def _line(self, commit: str, path: str, line: int) -> bytes | None:
        body = self._body(commit, path)
        return content(body, line) if body is not None else None

    # -- what is told of it ----------------------------------------------------------------

    def _told(self, deed: Deed, source: Source) -> Story:
        work = deed_of(self.shelf, source.oid)
        noted = source.noted
        notes: tuple[str, ...] = (source.why,) if source.why else ()
        if deed.oid in self._shallow():
            notes += ("this clone is shallow: whoever wrote it before that is not known here",)
        if noted is None:
            deeds = self.noted(deed.oid)
            landing = self._landing(deeds, deed.oid) if deeds is not None else None
            seal = self._seal(source.oid)
            return Story(deed, work, Standing.PERSON, seal, landing=landing, notes=notes)
        asking = self._ask(noted)
        seal = self._seal(source.oid)
        standing, doubt = self._standing(noted, source.oid, work, seal)
        run = f"{noted.unit.project}/{noted.unit.name}/{noted.run}"
        copies = (source.oid, noted.recorded, deed.oid)
        prompt = prompt_of(self.shelf, noted, run, copies) if self.deep else None
        wish = self._wish(noted, asking)
        landing = self._landing(noted, deed.oid)
        return Story(deed, work, standing, seal, noted, prompt, landing, wish, doubt, notes)

    def _ask(self, noted: Noted) -> object:
        key = (noted.unit, noted.desired, noted.charter)
        if not self.deep or key in self._wishes or self.witness.past is None:
            return None
        return self.witness.past.begin(noted)

    def _wish(self, noted: Noted, asking: object) -> Wish | None:
        key = (noted.unit, noted.desired, noted.charter)
        answer = getattr(asking, "answer", None)
        if answer is not None:
            self._wishes[key] = answer()
        if not self.deep:
            return None
        if key in self._wishes:
            return self._wishes[key]
        followed = Deed(clean(noted.desired)[:64], missing=True) if noted.desired else None
        charter = Deed(clean(noted.charter)[:64], missing=True) if noted.charter else None
        absent = "no fleet's repository is known here: name it with --fleet DIR"
        return Wish(followed=followed, charter=charter, absent=absent)

    def _seal(self, oid: str) -> Seal:
        if oid not in self._seals:
            body = self.shelf.body(oid, "commit") or b""
            signed = b"\ngpgsig" in body.partition(b"\n\n")[0]
            self._seals[oid] = (
                seal_of(oid, body, self.room.object_format, self.witness.trust)
                if signed
                else Seal()
            )
        return self._seals[oid]

    def _standing(self, noted: Noted, oid: str, work: Deed, seal: Seal) -> tuple[Standing, str]:
        if seal.state is SealState.GOOD and seal.by == TRAINING_KEY:
            return Standing.VERIFIED, ""
        trust = self.witness.trust
        if trust.asked or not trust.known or seal.state is not SealState.UNSIGNED:
            return Standing.CLAIMED, _doubt(seal, trust)
        if noted.number and work.committer == OURS and self._is_recorded(noted, oid):
            return Standing.RECORDED, ""
        return Standing.CLAIMED, "novaorch has no record of this commit, and it is not signed"

    def _is_recorded(self, noted: Noted, oid: str) -> bool:
        """Whether our own refs of the run hold a commit."""
        run = f"{noted.unit.project}/{noted.unit.name}/{noted.run}"
        if (oid, run) not in self._recorded:
            found = False
            for ref in (f"{RECORDED}{run}", f"{ARCHIVE}{run}"):
                tip = self.shelf.find(f"{ref}^{{commit}}")
                if tip is not None:
                    told = self.room.run("merge-base", "--is-ancestor", oid, tip.oid)
                    found = found or told.code == 0
            self._recorded[oid, run] = found
        return self._recorded[oid, run]

    def _landing(self, noted: Noted | None, deed: str) -> Landing | None:
        if noted is None or not noted.run:
            return None
        ref = f"{ARCHIVE}{noted.unit.project}/{noted.unit.name}/{noted.run}"
        if ref not in self._landings:
            self._landings[ref] = landing_of(self.shelf, ref)
        found = self._landings[ref]
        if found is None or noted.number or not found.result or found.result == deed:
            return found
        return replace(found, why=f"{found.why} (that is another commit)".strip())

    def _shallow(self) -> frozenset[str]:
        try:
            return frozenset((self.room.path / "shallow").read_text("ascii").split())
        except (OSError, ValueError):
            return frozenset()


def _doubt(seal: Seal, trust: Trust) -> str:
    """Return why a commit that names an agent does not prove it."""
    if not trust.known:
        return "whose signatures count is not known here: name the fleet's repository, --fleet DIR"
    asked = ", although fleet.yaml names a key for that" if trust.asked else ""
    if seal.state is SealState.UNSIGNED:
        return trust.trouble or f"it is not signed{asked}"
    if seal.state is SealState.GOOD:
        return f"it is signed by {clean(seal.by)}, not with the training key"
    if seal.state is SealState.UNKNOWN_KEY:
        return trust.trouble or f"it is signed with a key that nobody here knows{asked}"
    return clean(seal.why)
