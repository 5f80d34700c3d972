"""What `why FILE:LINE` and `blame FILE` share: one repository opened, its fleet found, both closed.

Imports neither typer nor GitPython nor the nouns of a fleet: `why` has a fifth of a second.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.git.lines.blame import Blamer, LineMemory
from reconciler.adapters.git.lines.fleetpast import FleetPast, Witness, fleet_past
from reconciler.adapters.git.lines.leanroom import LeanRoom, Spot
from reconciler.adapters.git.lines.lineplace import Named, Text, committed, excerpt, named, text_of
from reconciler.adapters.git.lines.provenance import Tracer
from reconciler.adapters.git.lines.remembered import ManifestMemory
from reconciler.adapters.git.lines.shelf import Shelf
from reconciler.model.provenance import Line, Span

FLEET = "NOVAORCH_REPOSITORY"
"""Where an agent in a work tree has the fleet's repository from."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a person asks: a file, a revision ('': HEAD), from where, and perhaps whose fleet."""

    file: str
    rev: str = ""
    directory: Path = Path()
    fleet: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """One file of one repository, and who can say where its lines come from."""

    text: Text
    tracer: Tracer

    def line(self, number: int) -> Line:
        """Return one line with its story."""
        text = self.text
        said = excerpt(text.shown, number)
        at = committed(text, number, self.tracer.blamer)
        if not at:
            return Line(text.path, number, text.rev, said, why="HEAD does not have it so")
        span = self.tracer.blamer.line(text.commit, text.path, at)
        story = self.tracer.story(span)
        return Line(text.path, number, text.rev, said, at, span.origin, span.path, story)

    def spans(self) -> list[Span]:
        """Return whose each line of the file is, as it is committed."""
        return self.tracer.blamer.file(self.text.commit, self.text.path) if self.text.body else []


@contextmanager
def opened(query: Query, environ: Mapping[str, str]) -> Iterator[Opened]:
    """Open the file that is asked for. What was slow to find out is kept when this ends well."""
    what = named(query.file, query.directory)
    memory = LineMemory(_memory(what.place, environ))
    with LeanRoom(what.place, memory.graph) as room:
        shelf = Shelf(room)
        places = _places(query, what, environ)
        witness = witness_of((room, shelf), places, environ)
        try:
            text = text_of(what, query.rev, shelf)
            blamer = Blamer(room, shelf, memory)
            yield Opened(text, Tracer(room, shelf, blamer, witness))
            blamer.learn()
        finally:
            witness.close()
            shelf.close()


def witness_of(
    lines: tuple[LeanRoom, Shelf], places: Iterable[Path], environ: Mapping[str, str]
) -> Witness:
    """Return who knows the fleet among some places, asked when it matters."""

    def seek() -> FleetPast | None:
        past = fleet_past(lines, places, environ.get("HOME", "/"))
        if past is not None:
            past.memory = ManifestMemory(_memory(past.room.place, environ))
        return past

    return Witness(seek)


def _places(query: Query, what: Named, environ: Mapping[str, str]) -> list[Path]:
    """Return where the fleet's repository may be, the surest first."""
    if query.fleet:
        return [query.directory / query.fleet]
    told = environ.get(FLEET, "")
    places = [Path(told)] if told else []
    return [*places, what.place.root, query.directory]


def _memory(place: Spot, environ: Mapping[str, str]) -> Path:
    above = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/")) / ".cache")
    mark = hashlib.sha256(os.fsencode(os.path.realpath(place.common_dir))).hexdigest()[:16]
    return Path(above, "novaorch", "lines", mark)
