"""What runtimes themselves write down (`ports.agents.Records`, and `Minutes`)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler.adapters.claude_code import files
from reconciler.adapters.claude_code.lives import Lives
from reconciler.adapters.claude_code.minutes import summed
from reconciler.adapters.claude_code.places import Home, is_conversation
from reconciler.adapters.claude_code.transcripts import Cost, Transcript, holds
from reconciler.core.prices import cost
from reconciler.core.runtimes import RUNTIMES
from reconciler.model.agent import AgentState, Evidence, Seat, Waiting, Witness
from reconciler.model.capacity import Spending
from reconciler.model.ids import Json
from reconciler.model.training import Spoken

_STATES = {"idle": AgentState.IDLE, "busy": AgentState.BUSY, "waiting": AgentState.WAITING}
_START_FIELD = 19
"""Of the words behind the program's name in `/proc/PID/stat`, the one that says when it began."""


@dataclass(slots=True)
class RuntimeRecords:
    """Transcripts and session files of one fleet's agents; any thread may ask.

    `folder` is where an agent's own files are; `environ` says where its user's are.
    """

    folder: Callable[[str], Path]
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cost: Cost = cost
    _read: dict[Path, Transcript] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, seat: Seat, marks: Sequence[str]) -> frozenset[str] | None:
        """See `Records.holds`. Looks at the conversation that goes on, and at those that this
        agent had today."""
        if not _writes(seat):
            return None
        found: set[str] = set()
        asked = False
        for path in self._transcripts(seat, seat.began - 86_400):
            left = [mark for mark in marks if mark not in found]
            if not left:
                break
            try:
                found |= holds(path, left)
                asked = True
            except FileNotFoundError:
                continue
            except OSError:
                return None
        return frozenset(found) if asked or self._unheard(seat) else None

    def session(self, seat: Seat) -> Evidence | None:
        """See `Records.session`. A file of an earlier process of the same number says nothing."""
        if not _writes(seat) or not seat.pid:
            return None
        told = files.read_json(self._home(seat).session(seat.pid))
        state = _STATES.get(str(told.get("status") or ""))
        if state is None or told.get("pid") != seat.pid or not _same(seat, told):
            return None
        at = _seconds(told.get("statusUpdatedAt")) or _seconds(told.get("updatedAt"))
        wanted = str(told.get("waitingFor") or "")
        waiting = _waiting(wanted) if state is AgentState.WAITING else None
        detail = f"waits for {wanted}" if waiting and wanted else ""
        return Evidence(Witness.SESSION_FILE, state, at, detail, waiting, pid=seat.pid)

    def spending(self, seat: Seat, day: str) -> Spending | None:
        """See `Records.spending`. What cannot be priced makes the whole sum unknown."""
        if not _writes(seat):
            return None
        since = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
        usd, into, out = 0.0, 0, 0
        known = True
        with self._lock:
            for path in self._all(seat, since):
                for answer in self._known(path).answers.values():
                    if answer.day == day:
                        use = answer.use
                        into += use.tokens_in + use.cache_read
                        into += use.cache_write + use.cache_write_long
                        out += use.tokens_out
                        usd += answer.usd or 0.0
                        known = known and answer.usd is not None
        return Spending(str(seat.unit), day, usd if known else -1.0, into, out)

    def spoken(self, seat: Seat, since: float) -> Spoken | None:
        """See `Minutes.spoken`. Without an hour, what came after the last prompt."""
        if not _writes(seat):
            return None
        # A conversation goes on under its name from the start of its life, not from its turn.
        day_before = (since or seat.began) - 86_400
        with self._lock:
            own = [self._known(path) for path in self._transcripts(seat, day_before)]
            all_of = [self._known(path) for path in self._all(seat, day_before)]
            return summed(own, all_of, since)

    # -- files ---------------------------------------------------------------------------------

    def _home(self, seat: Seat) -> Home:
        return Home.kept(self.folder(str(seat.unit)), self.environ)

    def _transcripts(self, seat: Seat, since: float) -> Iterator[Path]:
        """Yield the transcripts of an agent's conversations, the one that goes on first."""
        lives, home = Lives(self.folder(str(seat.unit))), self._home(seat)
        names = [str(files.read_json(home.session(seat.pid)).get("sessionId") or "")]
        names += [lives.current(), *reversed(lives.used(since))]
        for name in dict.fromkeys(names):
            if is_conversation(name):
                yield home.transcript(seat.directory, name)

    def _all(self, seat: Seat, since: float) -> Iterator[Path]:
        """Yield those, and the ones of the helpers that they started."""
        for path in self._transcripts(seat, since):
            yield path
            yield from sorted(path.with_suffix("").glob("**/*.jsonl"))

    def _known(self, path: Path) -> Transcript:
        if path not in self._read:
            self._read[path] = Transcript(path, self.cost)
        self._read[path].read()
        return self._read[path]

    def _unheard(self, seat: Seat) -> bool:
        """Whether it is known that nothing was said yet: a life without a transcript."""
        return bool(Lives(self.folder(str(seat.unit))).current())


def _writes(seat: Seat) -> bool:
    """Whether this runtime's files are understood here."""
    return seat.persona is not None and RUNTIMES[seat.persona.runtime].hooks


def _same(seat: Seat, told: Mapping[str, Json]) -> bool:
    """Whether a session file is about the process that has this number now."""
    try:
        stat = Path(f"/proc/{seat.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # No such system, or no such process: then the hour of its start has to do.
        alive = not Path("/proc/self/stat").exists()
        return alive and _seconds(told.get("startedAt")) >= seat.began - 1
    began = stat.rpartition(")")[2].split()[_START_FIELD]
    return str(told.get("procStart") or "") == began


def _seconds(value: Json) -> float:
    """Return an hour that is written in milliseconds, 0 for none."""
    return value / 1000 if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _waiting(wanted: str) -> Waiting:
    lowered = wanted.lower()
    for word, kind in (
        ("plan", Waiting.PLAN),
        ("trust", Waiting.TRUST),
        ("input", Waiting.QUESTION),
    ):
        if word in lowered:
            return kind
    return Waiting.PERMISSION
