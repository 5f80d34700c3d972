"""Small wishes and small worlds, by hand: no YAML, no git, no tmux."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import Json, UnitId, digest
from reconciler.model.problems import Problem, Severity
from reconciler.model.unit import (
    Desired,
    Disruption,
    Field,
    Frame,
    Heal,
    Healing,
    Launch,
    Process,
    Restart,
    RestartPolicy,
    Slot,
    Source,
    Window,
    Workspace,
    fields_digest,
)

HOT, RESTART = Disruption.HOT, Disruption.RESTART
ALWAYS = Restart()
HEALING, MENDED = Healing(), Healing(edit=Heal.HEAL)
FLEET = FleetSettings("f")
NEVER = Restart(RestartPolicy.NEVER)
ON_FAILURE = Restart(RestartPolicy.ON_FAILURE)


def agent_id(name: str, project: str = "p") -> UnitId:
    return UnitId.of(project, "agent", name)


def session_id(name: str, project: str = "p") -> UnitId:
    return UnitId.of(project, "session", name)


def agent(
    name: str,
    command: str = "run",
    *,
    project: str = "p",
    seat: tuple[UnitId, str] | None = None,
    labels: Mapping[str, str] | None = None,
    after: Iterable[str] = (),
    restart: Restart = ALWAYS,
    stopped: bool = False,
    grace: float = 15.0,
    quits: tuple[str, ...] = (),
    kill: float = 5.0,
    protect: bool = False,
    healing: Healing = HEALING,
) -> Process:
    """An agent; `seat` is the Session's id and the key of the window it lives in.

    Without a command it is a shell.
    """
    unit = agent_id(name, project)
    waits = tuple(agent_id(other, project) for other in after)
    where = f"{seat[0].name}/{seat[1]}" if seat else ""
    fields = (
        Field("command", [command] if command else [], RESTART),
        Field("mode", "stopped" if stopped else "auto", HOT),
        Field("session", where, HOT),
        *((Field("after", [str(unit) for unit in waits], HOT),) if waits else ()),
        *(Field(f"labels.{key}", value, HOT) for key, value in sorted((labels or {}).items())),
        *((Field("stop.grace", grace, HOT),) if grace != 15 else ()),
        *((Field("stop.quit", [*quits], HOT),) if quits else ()),
        *((Field("stop.kill", kill, HOT),) if kill != 5 else ()),
        *((Field("protect", True, HOT),) if protect else ()),
    )
    return Process(
        id=unit,
        source=Source(f"{project}/agents/{name}.yaml", 3),
        frame=seat[0] if seat else unit,
        launch=Launch((command,) if command else (), "/work"),
        fields=fields,
        digest=fields_digest(fields),
        restart=restart,
        stop_grace_s=grace,
        after=waits,
        stopped=stopped,
        quit=quits,
        kill_after_s=kill,
        protect=protect,
        healing=healing,
    )


def lone(process: Process, *, session: str = "", columns: int = 200, adopt: bool = False) -> Frame:
    """The session of an agent that lives alone."""
    name = process.id.name
    called = session or f"{process.id.project}/{name}"
    fields = (
        Field("session", called, HOT),
        Field("size.columns", columns, HOT),
        Field("size.rows", 50, HOT),
        Field("windows", [name], HOT),
        Field(f"windows.{name}.panes", [str(process.id)], HOT),
    )
    return Frame(
        id=process.id,
        source=process.source,
        session=called,
        columns=columns,
        rows=50,
        windows=(Window(name, name, "", (Slot(process.id),)),),
        fields=fields,
        digest=fields_digest(fields),
        adopt=adopt,
        healing=process.healing,
    )


def own(session: UnitId, key: str, index: int, command: str, restart: Restart = ALWAYS) -> Process:
    """A pane that a Session declares itself."""
    fields = (Field("command", [command], RESTART), Field("stop.grace", 5.0, HOT))
    return Process(
        id=UnitId(f"{session}/{key}.{index}"),
        source=Source(f"{session.project}/sessions/{session.name}.yaml", 9),
        frame=session,
        launch=Launch((command,), "/work"),
        fields=fields,
        digest=fields_digest(fields),
        restart=restart,
        stop_grace_s=5.0,
    )


def housed(
    name: str,
    command: str = "run",
    *,
    repository: str = "/repo",
    base: str = "",
    inside: str = "",
    **more: object,
) -> tuple[Process, Workspace]:
    """An agent with a work tree of its own, and that tree; it runs in the folder `inside`."""
    process = agent(name, command, **more)  # type: ignore[arg-type]
    project = process.id.project
    fields = (
        Field("repository", repository, Disruption.RECREATE),
        Field("base", base, HOT),
        *((Field("protect", True, HOT),) if process.protect else ()),
    )
    tree = Workspace(
        id=UnitId.of(project, "workspace", name),
        agent=process.id,
        source=process.source,
        repository=repository,
        path=f"/trees/{project}/{name}",
        base=base,
        fields=fields,
        digest=fields_digest(fields),
        protect=process.protect,
    )
    directory = f"{tree.path}/{inside}" if inside else tree.path
    told = (
        *process.fields,
        Field("directory", directory, RESTART),
        Field("workspace.repository", repository, Disruption.RECREATE),
    )
    launch = replace(process.launch, directory=directory)
    process = replace(
        process, launch=launch, fields=told, digest=fields_digest(told), workspace=tree.id
    )
    return process, tree


Panes = Iterable[str | Process]


def window(key: str, *panes: str | Process, layout: str = "", name: str = "") -> WindowSpec:
    """One window: a text is an own pane's command, a process an agent that lives there."""
    return WindowSpec(key, panes, layout, name or key)


class WindowSpec:
    """What `session` needs to know of one window."""

    def __init__(self, key: str, panes: Panes, layout: str, name: str) -> None:
        self.key, self.panes, self.layout, self.name = key, tuple(panes), layout, name
        self.options: dict[str, str] = {}

    def with_options(self, **options: str) -> WindowSpec:
        self.options = {name.replace("_", "-"): value for name, value in options.items()}
        return self


def session(
    name: str,
    *windows: WindowSpec,
    project: str = "p",
    called: str = "",
    columns: int = 200,
    options: Mapping[str, str] | None = None,
    adopt: bool = False,
    healing: Healing = HEALING,
) -> tuple[Frame, list[Process]]:
    """A Session with its own panes; agents are given as processes seated in it."""
    unit = session_id(name, project)
    owns = {
        (spec.key, index): replace(own(unit, spec.key, index, pane), healing=healing)
        for spec in windows
        for index, pane in enumerate(spec.panes)
        if isinstance(pane, str)
    }
    made = tuple(_window(spec, owns) for spec in windows)
    fields = (
        Field("session", called or f"{project}/{name}", HOT),
        Field("size.columns", columns, HOT),
        Field("size.rows", 50, HOT),
        *(Field(f"options.{key}", value, HOT) for key, value in (options or {}).items()),
        Field("windows", [spec.key for spec in windows], HOT),
        *(found for spec in windows for found in _window_fields(spec, owns)),
    )
    frame = Frame(
        id=unit,
        source=Source(f"{project}/sessions/{name}.yaml", 3),
        session=called or f"{project}/{name}",
        columns=columns,
        rows=50,
        windows=made,
        fields=fields,
        digest=fields_digest(fields),
        options=tuple((options or {}).items()),
        adopt=adopt,
        healing=healing,
    )
    return frame, list(owns.values())


def _window(spec: WindowSpec, owns: Mapping[tuple[str, int], Process]) -> Window:
    slots = tuple(
        Slot(owns[spec.key, index].id if isinstance(pane, str) else pane.id)
        for index, pane in enumerate(spec.panes)
    )
    return Window(spec.key, spec.name, spec.layout, slots, tuple(spec.options.items()))


def _window_fields(spec: WindowSpec, owns: Mapping[tuple[str, int], Process]) -> Iterable[Field]:
    panes: list[Json] = [
        owns[spec.key, index].digest if isinstance(pane, str) else str(pane.id)
        for index, pane in enumerate(spec.panes)
    ]
    yield Field(f"windows.{spec.key}.name", spec.name, HOT)
    if spec.layout:
        yield Field(f"windows.{spec.key}.layout", spec.layout, HOT)
    for key, value in spec.options.items():
        yield Field(f"windows.{spec.key}.options.{key}", value, HOT)
    yield Field(f"windows.{spec.key}.panes", panes, HOT)


def seated(process_name: str, session_name: str, key: str, **more: object) -> Process:
    """An agent that lives in a window of a Session."""
    return agent(process_name, seat=(session_id(session_name), key), **more)  # type: ignore[arg-type]


def desired(
    *parts: Process | Workspace | tuple[Frame, list[Process]],
    frames: Iterable[Frame] = (),
    problems: tuple[Problem, ...] = (),
    broken: Mapping[UnitId, Problem] | None = None,
    projects: Iterable[str] = ("p",),
    fleet: FleetSettings = FLEET,
) -> Desired:
    """A wish: agents alone or seated, and Sessions. `frames` replaces frames by id."""
    all_frames: dict[UnitId, Frame] = {}
    processes: dict[UnitId, Process] = {}
    trees = {part.id: part for part in parts if isinstance(part, Workspace)}
    for part in parts:
        if isinstance(part, Workspace):
            continue
        if isinstance(part, Process):
            processes[part.id] = part
            if part.frame == part.id:
                all_frames[part.id] = lone(part)
        else:
            frame, owns = part
            all_frames[frame.id] = frame
            processes.update((process.id, process) for process in owns)
    all_frames.update((frame.id, frame) for frame in frames)
    digests = [frame.digest for frame in all_frames.values()]
    digests += [tree.digest for tree in trees.values()]
    names = sorted([*digests, *(process.digest for process in processes.values())])
    tree = digest(list[Json](names))
    return Desired(
        commit=tree[:12],
        tree=tree,
        fleet=fleet,
        frames=all_frames,
        processes=processes,
        broken=broken,
        problems=problems,
        projects=frozenset(projects),
        workspaces=trees,
    )


def problem(path: str = "p/agents/bad.yaml") -> Problem:
    return Problem(path, 4, 2, "schema/type", "not a number", "a number is wanted", "write one")


def warning() -> Problem:
    return replace(problem(), severity=Severity.WARNING)
