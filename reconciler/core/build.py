"""From the manifests of one tree to everything it asks for.

Never raises: what cannot be understood is a problem and holds its own unit; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import cast

from reconciler.kinds import after, agent, charter, fleet, placement, session
from reconciler.kinds.findings import Findings
from reconciler.kinds.ground import Ground
from reconciler.kinds.parse import Parsed, concerns, refuse, refuse_tree, stranger
from reconciler.kinds.paths import place
from reconciler.kinds.placement import Member, Roll, Seating
from reconciler.kinds.rules import problem
from reconciler.kinds.shape import AgentShape
from reconciler.model.ids import UnitId, digest
from reconciler.model.manifest import Blob, Manifest, Tree
from reconciler.model.problems import Problem, Severity
from reconciler.model.unit import CharterText, Desired, FleetSettings, Frame, Process

Memo = dict[tuple[Hashable, ...], Process | Frame]
"""Units of agents that live alone, by everything that they are made of."""


def build(
    tree: Tree, parsed: Mapping[str, Parsed], root: str, home: str, memo: Memo | None = None
) -> Desired:
    """Return what the tree asks for, with every problem in order.

    `parsed` holds what `kinds.parse.parse` gave for each file that concerns; `root` is the
    absolute directory that "." means, `home` what "~" means. A tree without manifests asks for
    nothing and is no error here. Each unit that has an error, or shares a Session with one that
    has, is in `broken` and in neither `frames` nor `processes`.

    `memo` carries units from one build to the next, so that a file that did not change is no
    work; it is changed here, and the answer is the same without it.
    """
    builder = _Builder(Ground(root, home), memo if memo is not None else {})
    try:
        builder.gather(tree, parsed)
        builder.combine()
    except Exception as error:  # a forged cache entry must not stop the controller
        builder.give_up(error)
    return builder.desired(tree)


@dataclass(slots=True)
class _Builder:
    """One tree on its way to units; used once."""

    ground: Ground
    memo: Memo
    kept: Memo = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    settings: FleetSettings = fleet.DEFAULTS
    manifests: dict[UnitId, Manifest] = field(default_factory=dict)
    fleet_file: Manifest | None = None
    charters: dict[str, CharterText] = field(default_factory=dict)
    projects: set[str] = field(default_factory=set)
    frames: dict[UnitId, Frame] = field(default_factory=dict)
    processes: dict[UnitId, Process] = field(default_factory=dict)

    # -- files ------------------------------------------------------------------------------------

    def gather(self, tree: Tree, parsed: Mapping[str, Parsed]) -> None:
        """Take over every manifest of the tree, and every reason why there is none."""
        if not tree.exists:
            return
        wide = refuse_tree(tree.blobs)
        self.findings.problems += wide
        if any(found.rule == "tree/too-many" for found in wide):
            return
        barred = {found.path: found for found in wide}
        for blob in sorted(tree.blobs, key=lambda blob: blob.path):
            self.projects.update(blob.path.split("/", 1)[:-1])
            found = refuse(blob) or barred.get(blob.path)
            if found is not None:
                self._bar(blob.path, (found,))
            elif concerns(blob.path):
                self._take(blob, parsed.get(blob.path))
            elif (warning := stranger(blob.path)) is not None:
                self.findings.problems.append(warning)

    def _take(self, blob: Blob, known: Parsed | None) -> None:
        if known is None or (known[0] is None and not _errors(known[1])):
            unread = problem("file/unread", blob.path, f"{blob.path} was not read")
            self._bar(blob.path, (unread,))
            return
        manifest, problems = known
        if manifest is None:
            self._bar(blob.path, problems)
            return
        self.findings.problems += problems
        if manifest.kind == "Fleet":
            self.fleet_file = manifest
        elif manifest.kind == "Charter":
            self.charters[manifest.project] = charter.lower(manifest)
        elif manifest.id in self.manifests:
            self._say_twice(manifest)
        else:
            self.manifests[manifest.id] = manifest

    def _say_twice(self, manifest: Manifest) -> None:
        first = self.manifests[manifest.id]
        at = manifest.place("metadata.name")
        what = f"{manifest.id} is declared in {first.path} already"
        self.findings.problems.append(problem("name/twice", manifest.path, what, (at[0], at[1])))

    def _bar(self, path: str, problems: tuple[Problem, ...]) -> None:
        """Enter a file that cannot be used: the unit that its path names is held."""
        self.findings.problems += problems
        first = _errors(problems)[0]
        where = place(path)
        if where.kind == "Fleet":
            self._bar_fleet(first)
        elif where.kind in {"Agent", "Session"}:
            self.findings.hold(UnitId.of(where.project, where.kind.lower(), where.stem), first)

    def _bar_fleet(self, first: Problem) -> None:
        what = f"fleet.yaml cannot be used: {first.what}"
        at = (first.line, first.column)
        self.findings.problems.append(problem("fleet/broken", "fleet.yaml", what, at, first.fix))

    # -- units ------------------------------------------------------------------------------------

    def combine(self) -> None:
        """Turn the manifests into units, each against all others."""
        self._settle_fleet()
        roll = self._roll()
        seating = placement.seat_everyone(roll, self.findings)
        waits = after.resolve(roll, seating, self.findings)
        for member in roll.members.values():
            self._lower_agent(member, seating, waits)
        for manifest in roll.sessions.values():
            self._lower_session(manifest, roll, seating)
        self._lower_lone(roll, seating)
        self._name_sessions(roll, seating)
        self._drop_held(roll)

    def _settle_fleet(self) -> None:
        if self.fleet_file is None:
            if self.manifests and not any(
                found.rule == "fleet/broken" for found in self.findings.problems
            ):
                missing = problem("fleet/missing", "fleet.yaml", "there is no fleet.yaml")
                self.findings.problems.append(missing)
            return
        own = Findings()
        settings = fleet.lower(self.fleet_file, self.ground, own)
        self.findings.problems += own.problems
        if own.problems:
            self._bar_fleet(own.problems[0])
            return
        self.settings = settings
        self.ground = Ground(self.ground.root, self.ground.home, settings.roots)

    def _roll(self) -> Roll:
        agents = {unit: m for unit, m in self.manifests.items() if m.kind == "Agent"}
        members: dict[UnitId, Member] = {}
        for unit, manifest in agents.items():
            for name in _replicas(manifest):
                mine = UnitId.of(manifest.project, "agent", name)
                if mine != unit and mine in agents:
                    what = f"replica {name} has the name of the agent in {agents[mine].path}"
                    self.findings.say(manifest, "spec.replicas", "agent/replica-clash", what)
                else:
                    members.setdefault(mine, Member(mine, name, manifest))
        sessions = {unit: m for unit, m in self.manifests.items() if m.kind == "Session"}
        return Roll(agents, sessions, members)

    def _lower_agent(
        self, member: Member, seating: Seating, waits: Mapping[UnitId, tuple[UnitId, ...]]
    ) -> None:
        if self._cause(member) is not None:
            return
        text = self.charters.get(member.id.project)
        post = agent.Post(
            seat=seating.seats.get(member.id),
            after=waits.get(member.manifest.id, ()),
            charter=digest(text.oid) if text is not None else "",
        )
        process = self._process(member, post)
        if process is not None:
            self.processes[member.id] = process

    def _process(self, member: Member, post: agent.Post) -> Process | None:
        if post.seat is not None:
            return agent.lower(member, post, self.ground, self.findings)
        file = member.manifest
        key = ("process", file.path, file.oid, member.id, post.after, post.charter, self.ground)
        known = self.memo.get(key)
        if isinstance(known, Process):
            self.kept[key] = known
            return known
        said = len(self.findings.problems)
        process = agent.lower(member, post, self.ground, self.findings)
        if process is not None and len(self.findings.problems) == said:
            self.kept[key] = process
        return process

    def _frame(self, member: Member) -> Frame:
        size = self.settings.columns, self.settings.rows
        key = ("frame", member.manifest.path, member.manifest.oid, member.id, size)
        known = self.memo.get(key)
        frame = known if isinstance(known, Frame) else agent.lone_frame(member, self.settings)
        self.kept[key] = frame
        return frame

    def _cause(self, member: Member) -> Problem | None:
        broken = self.findings.broken
        return broken.get(member.manifest.id) or broken.get(member.id)

    def _lower_session(self, manifest: Manifest, roll: Roll, seating: Seating) -> None:
        """Make a frame when everything in it is known; else hold all of it, untouched."""
        residents = seating.residents.get(manifest.id, [])
        causes = (self._cause(roll.members[unit]) for unit in residents)
        cause = self.findings.broken.get(manifest.id) or next(filter(None, causes), None)
        if cause is None:
            tails = seating.tails.get(manifest.id, [])
            layout = session.Layout(
                keys=seating.keys[manifest.id],
                tails=tuple((seating.seats[unit].window, unit) for unit in tails),
                fleet=self.settings,
            )
            lowered = session.lower(manifest, layout, self.ground, self.findings)
            if lowered is not None:
                frame, processes = lowered
                self.frames[frame.id] = frame
                self.processes.update((process.id, process) for process in processes)
                return
            cause = self.findings.broken[manifest.id]
        self._hold_frame(manifest.id, residents, cause)

    def _hold_frame(self, unit: UnitId, residents: list[UnitId], cause: Problem) -> None:
        self.frames.pop(unit, None)
        self.findings.hold(unit, cause)
        for resident in residents:
            self.findings.hold(resident, cause)

    def _lower_lone(self, roll: Roll, seating: Seating) -> None:
        for unit, member in roll.members.items():
            if unit in self.processes and unit not in seating.seats:
                self.frames[unit] = self._frame(member)

    def _name_sessions(self, roll: Roll, seating: Seating) -> None:
        """Give each tmux session name to the first frame by path that wants it."""
        owners: dict[str, Frame] = {}
        for frame in sorted(self.frames.values(), key=lambda frame: frame.source.path):
            first = owners.setdefault(frame.session, frame)
            if first is frame:
                continue
            manifest = roll.members[frame.id].manifest if frame.lone else roll.sessions[frame.id]
            what = f"the tmux session {frame.session} belongs to {first.source.path}"
            cause = self.findings.say(manifest, "spec.session", "session/name-taken", what)
            self._hold_frame(frame.id, seating.residents.get(frame.id, []), cause)

    def _drop_held(self, roll: Roll) -> None:
        """Take out what is held, and hold by the names that things have: replicas, not their file.

        A file whose path names a unit that another file declares well holds nothing.
        """
        for unit, member in roll.members.items():
            cause = self._cause(member)
            if cause is not None:
                self.findings.hold(unit, cause)
                self.processes.pop(unit, None)
        for unit in [u for u in roll.agents if u not in roll.members]:
            self.findings.broken.pop(unit, None)
        gone = [p.id for p in self.processes.values() if p.frame not in self.frames]
        for unit in gone:
            del self.processes[unit]

    # -- the answer -------------------------------------------------------------------------------

    def give_up(self, error: Exception) -> None:
        """Ask for nothing, and say so as an error: nothing is stopped for it."""
        what = f"{type(error).__name__} while putting the files together"
        self.findings.problems.append(problem("file/unexpected", "", what))
        self.frames, self.processes = {}, {}

    def desired(self, tree: Tree) -> Desired:
        """Return everything that was decided."""
        self.memo.clear()
        self.memo.update(self.kept)
        return Desired(
            commit=tree.commit,
            tree=tree.oid,
            fleet=self.settings,
            frames=self.frames,
            processes=self.processes,
            charters=tuple(self.charters[name] for name in sorted(self.charters)),
            broken=dict(sorted(self.findings.broken.items())),
            problems=tuple(sorted(set(self.findings.problems))),
            projects=frozenset(self.projects),
            author=tree.author,
            subject=tree.subject,
        )


def _errors(problems: tuple[Problem, ...]) -> list[Problem]:
    return [found for found in problems if found.severity is Severity.ERROR]


def _replicas(manifest: Manifest) -> list[str]:
    count = cast(AgentShape, manifest.spec)["replicas"]
    if count == 1:
        return [manifest.name]
    return [f"{manifest.name}-{number}" for number in range(count)]
