"""From the manifests of one tree to everything it asks for.

Never raises: what cannot be understood is a problem and holds its own unit; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from reconciler.kinds import after, agent, fleet, placement, session, workspace
from reconciler.kinds.findings import Findings
from reconciler.kinds.gather import Files, gather
from reconciler.kinds.ground import Ground
from reconciler.kinds.parse import Parsed
from reconciler.kinds.placement import Member, Roll, Seating
from reconciler.kinds.rules import problem
from reconciler.kinds.shape import AgentShape
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import UnitId, digest
from reconciler.model.manifest import Manifest, Tree
from reconciler.model.problems import Problem
from reconciler.model.unit import Desired, Frame, Process, Workspace

Memo = dict[tuple[Hashable, ...], Process | Frame | Workspace]
"""Units of agents that live alone, by everything that they are made of."""


TREES = ".local/share/novaorch/workspaces"
"""Where agents' work trees are, below a home, unless it is said otherwise."""


def build(  # noqa: PLR0913  (a tree, where it lies, and what is remembered of it)
    tree: Tree,
    parsed: Mapping[str, Parsed],
    root: str,
    home: str,
    memo: Memo | None = None,
    *,
    rehearsal: bool = False,
    workspaces: str = "",
) -> Desired:
    """Return what the tree asks for, with every problem in order.

    `parsed` holds what `kinds.parse.parse` gave for each file that concerns; `root` is the
    absolute directory that "." means, `home` what "~" means. A tree without manifests asks for
    nothing and is no error here. Each unit that has an error, or shares a Session with one that
    has, is in `broken` and in neither `frames` nor `processes`.

    `memo` carries units from one build to the next, so that a file that did not change is no
    work; it is changed here, and the answer is the same without it. Only in a `rehearsal` may an
    agent's runtime be fake. Agents' work trees are in the folder `workspaces`, by fleet.
    """
    trees = workspaces or f"{home.rstrip('/')}/{TREES}"
    ground = Ground(root, home, rehearsal=rehearsal, workspaces=trees)
    builder = _Builder(ground, memo if memo is not None else {})
    try:
        builder.combine(gather(tree, parsed, builder.findings))
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
    files: Files = field(default_factory=Files)
    frames: dict[UnitId, Frame] = field(default_factory=dict)
    processes: dict[UnitId, Process] = field(default_factory=dict)
    workspaces: dict[UnitId, Workspace] = field(default_factory=dict)

    # -- units ------------------------------------------------------------------------------------

    def combine(self, files: Files) -> None:
        """Turn the manifests into units, each against all others."""
        self.files = files
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
        if self.files.fleet is None:
            rules = {found.rule for found in self.findings.problems}
            if self.files.manifests and "fleet/broken" not in rules:
                missing = problem("fleet/missing", "fleet.yaml", "there is no fleet.yaml")
                self.findings.problems.append(missing)
            return
        own = Findings()
        settings = fleet.lower(self.files.fleet, self.ground, own)
        self.findings.problems += own.problems
        if own.problems:
            self.findings.problems.append(fleet.broken(own.problems[0]))
            return
        self.settings = settings
        rest = fleet.rest(self.files.fleet)
        trees = f"{self.ground.workspaces}/{settings.name}"
        self.ground = replace(self.ground, roots=settings.roots, healing=rest, workspaces=trees)

    def _roll(self) -> Roll:
        agents = {unit: m for unit, m in self.files.manifests.items() if m.kind == "Agent"}
        members: dict[UnitId, Member] = {}
        for unit, manifest in agents.items():
            for name in _replicas(manifest):
                mine = UnitId.of(manifest.project, "agent", name)
                if mine != unit and mine in agents:
                    what = f"replica {name} has the name of the agent in {agents[mine].path}"
                    self.findings.say(manifest, "spec.replicas", "agent/replica-clash", what)
                else:
                    members.setdefault(mine, Member(mine, name, manifest))
        sessions = {unit: m for unit, m in self.files.manifests.items() if m.kind == "Session"}
        return Roll(agents, sessions, members)

    def _lower_agent(
        self, member: Member, seating: Seating, waits: Mapping[UnitId, tuple[UnitId, ...]]
    ) -> None:
        if self._cause(member) is not None:
            return
        tree = self._workspace(member)
        if self._cause(member) is not None:
            return
        text = self.files.charters.get(member.id.project)
        post = agent.Post(
            seat=seating.seats.get(member.id),
            after=waits.get(member.manifest.id, ()),
            charter=digest(text.oid) if text is not None else "",
            workspace=tree,
        )
        process = self._process(member, post)
        if process is not None:
            self.processes[member.id] = process
            if tree is not None:
                self.workspaces[tree.id] = tree

    def _workspace(self, member: Member) -> Workspace | None:
        """Return an agent's work tree, remembered as its process is."""
        file = member.manifest
        key = ("workspace", file.path, file.oid, member.id, self.ground)
        tree = self.memo.get(key) or workspace.lower(member, self.ground, self.findings)
        if not isinstance(tree, Workspace):
            return None
        self.kept[key] = tree
        return tree

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
        file, rest = member.manifest, self.ground.healing
        size = self.settings.columns, self.settings.rows
        key = ("frame", file.path, file.oid, member.id, size, rest)
        known = self.memo.get(key)
        frame = known if isinstance(known, Frame) else agent.lone_frame(member, self.settings, rest)
        self.kept[key] = frame
        return frame

    def _cause(self, member: Member) -> Problem | None:
        broken = self.findings.broken
        return broken.get(member.manifest.id) or broken.get(member.id)

    def _lower_session(self, manifest: Manifest, roll: Roll, seating: Seating) -> None:
        """Make a frame, or hold all of it, untouched, when its own file has an error.

        A resident whose file has one keeps its slot in the frame, and is held in it.
        """
        residents = seating.residents.get(manifest.id, [])
        cause = self.findings.broken.get(manifest.id)
        if cause is None:
            tails = seating.tails.get(manifest.id, [])
            layout = session.Layout(
                keys=seating.keys[manifest.id],
                tails=tuple((seating.seats[unit].window, unit) for unit in tails),
                fleet=self.settings,
                healing=self.ground.healing,
            )
            lowered = session.lower(manifest, layout, self.ground, self.findings)
            if lowered is not None:
                frame, processes = lowered
                self.frames[frame.id] = frame
                self.processes.update((process.id, process) for process in processes)
                self._keep_seats(frame.id, residents, roll, seating)
                return
            cause = self.findings.broken[manifest.id]
        self._hold_frame(manifest.id, residents, cause)

    def _keep_seats(
        self, frame: UnitId, residents: list[UnitId], roll: Roll, seating: Seating
    ) -> None:
        for unit in residents:
            cause = seating.unread.get(unit)
            if unit in roll.members:
                cause = self._cause(roll.members[unit])
            if cause is not None:
                self.findings.hold(unit, cause)
                self.processes[unit] = agent.unread(unit, frame, cause, self.ground)

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
                if unit in self.processes and self.processes[unit].held is None:
                    del self.processes[unit]
        for unit in [u for u in roll.agents if u not in roll.members]:
            self.findings.broken.pop(unit, None)
        gone = [p.id for p in self.processes.values() if p.frame not in self.frames]
        for unit in gone:
            del self.processes[unit]
        trees = {process.workspace for process in self.processes.values()}
        self.workspaces = {u: tree for u, tree in self.workspaces.items() if u in trees}

    # -- the answer -------------------------------------------------------------------------------

    def give_up(self, error: Exception) -> None:
        """Ask for nothing, and say so as an error: nothing is stopped for it."""
        what = f"{type(error).__name__} while putting the files together"
        self.findings.problems.append(problem("file/unexpected", "", what))
        self.frames, self.processes, self.workspaces = {}, {}, {}

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
            charters=tuple(text for _, text in sorted(self.files.charters.items())),
            broken=dict(sorted(self.findings.broken.items())),
            problems=tuple(sorted(set(self.findings.problems))),
            projects=frozenset(self.files.projects),
            author=tree.author,
            subject=tree.subject,
            committed=tree.committed,
            workspaces=self.workspaces,
        )


def _replicas(manifest: Manifest) -> list[str]:
    count = cast(AgentShape, manifest.spec)["replicas"]
    if count == 1:
        return [manifest.name]
    return [f"{manifest.name}-{number}" for number in range(count)]
