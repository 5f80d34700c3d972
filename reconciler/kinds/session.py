"""Session: from a manifest to its frame, and to the processes of the panes that are its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.ground import Ground, merged
from reconciler.kinds.launch import (
    HOT,
    RESTART,
    care_fields,
    healing,
    launch,
    launch_fields,
    lifecycle_fields,
    restart,
)
from reconciler.kinds.placement import windows_of
from reconciler.kinds.shape import PaneShape, SessionShape, WindowShape
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import Json, UnitId
from reconciler.model.manifest import Manifest
from reconciler.model.unit import (
    Field,
    Frame,
    Healing,
    Launch,
    Process,
    Slot,
    Source,
    Window,
    fields_digest,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a Session needs to know beyond its own file: keys of its windows, and who is at its end.

    A tail is (window key, agent). `healing` is the fleet's.
    """

    keys: list[str]
    tails: tuple[tuple[str, UnitId], ...]
    fleet: FleetSettings
    healing: Healing


def lower(
    manifest: Manifest, layout: Layout, ground: Ground, findings: Findings
) -> tuple[Frame, list[Process]] | None:
    """Return the frame and its own processes, or None after saying why there is none."""
    spec, declared = cast(SessionShape, manifest.spec), windows_of(manifest)
    processes: dict[UnitId, Process] = {}
    failed = False
    for pane in _own_panes(manifest, declared, layout.keys):
        directory = ground.resolve(pane.directory)
        if isinstance(directory, str):
            processes[pane.id] = _process(pane, directory, ground)
        else:
            findings.say(manifest, pane.directory_place, *directory)
            failed = True
    if failed:
        return None
    windows = tuple(
        _window(manifest, key, window) for key, window in zip(layout.keys, declared, strict=True)
    ) + tuple(Window(key, unit.name, "", (Slot(unit),)) for key, unit in layout.tails)
    frame = _frame(manifest, windows, processes, layout)
    if spec["protect"] and not processes:
        what = "protect has no effect: only agents live here"
        findings.say(manifest, "spec.protect", "session/protect-unused", what)
    return frame, list(processes.values())


# -- own panes ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Own:
    """A pane that the Session declares itself, with what it inherits."""

    id: UnitId
    manifest: Manifest
    spec: PaneShape
    env: dict[str, str]
    directory: str
    directory_place: str
    place: str


def _own_panes(manifest: Manifest, windows: list[WindowShape], keys: list[str]) -> Iterator[_Own]:
    spec = cast(SessionShape, manifest.spec)
    for where, (key, window) in enumerate(zip(keys, windows, strict=True)):
        for index, pane in enumerate(window["panes"]):
            if pane["agent"] is not None:
                continue
            place = f"spec.windows.{where}.panes.{index}"
            holders = ((place, pane), (f"spec.windows.{where}", window), ("spec", spec))
            named, directory = next((n, d) for n, h in holders if (d := h["directory"]) is not None)
            yield _Own(
                id=UnitId(f"{manifest.id}/{key}.{index}"),
                manifest=manifest,
                spec=pane,
                env=merged(spec["env"], window["env"], pane["env"]),
                directory=directory,
                directory_place=f"{named}.directory",
                place=place,
            )


def _process(pane: _Own, directory: str, ground: Ground) -> Process:
    spec, whole = pane.spec, cast(SessionShape, pane.manifest.spec)
    started = launch(spec["command"], directory, pane.env, spec["secrets"], ground)
    typed: list[Json] = [*spec["type"]]
    fields = (
        *launch_fields(spec["command"], directory, pane.env, spec["secrets"]),
        *((Field("type", typed, RESTART),) if typed else ()),
        *lifecycle_fields(spec["restart"], spec["stop"]),
        *((Field("protect", value=True, disruption=HOT),) if whole["protect"] else ()),
    )
    return Process(
        id=pane.id,
        source=Source(pane.manifest.path, pane.manifest.place(pane.place)[0]),
        frame=pane.manifest.id,
        launch=Launch(
            started.argv, directory, started.env, started.secrets, typed=tuple(spec["type"])
        ),
        fields=fields,
        digest=fields_digest(fields),
        restart=restart(spec["restart"]),
        stop_grace_s=spec["stop"]["grace"],
        quit=tuple(spec["stop"]["quit"]),
        kill_after_s=spec["stop"]["kill"],
        healing=healing(whole["heal"], ground.healing),
        protect=whole["protect"],
    )


# -- the frame ------------------------------------------------------------------------------------


def _window(manifest: Manifest, key: str, spec: WindowShape) -> Window:
    return Window(
        key=key,
        name=spec["name"] or "",
        layout=spec["layout"] or "",
        slots=tuple(
            Slot(_resident(manifest, key, index, pane), pane["focus"])
            for index, pane in enumerate(spec["panes"])
        ),
        options=tuple(sorted(spec["options"].items())),
        focus=spec["focus"],
    )


def _resident(manifest: Manifest, key: str, index: int, pane: PaneShape) -> UnitId:
    if pane["agent"] is not None:
        return UnitId.of(manifest.project, "agent", pane["agent"])
    return UnitId(f"{manifest.id}/{key}.{index}")


def _frame(
    manifest: Manifest,
    windows: tuple[Window, ...],
    processes: dict[UnitId, Process],
    layout: Layout,
) -> Frame:
    spec = cast(SessionShape, manifest.spec)
    session = spec["session"] or f"{manifest.project}/{manifest.name}"
    columns = spec["size"]["columns"] or layout.fleet.columns
    rows = spec["size"]["rows"] or layout.fleet.rows
    options = tuple(sorted(spec["options"].items()))
    fields = (
        Field("session", session, HOT),
        Field("size.columns", columns, HOT),
        Field("size.rows", rows, HOT),
        *(Field(f"options.{name}", value, HOT) for name, value in options),
        *(Field(f"labels.{k}", v, HOT) for k, v in sorted(manifest.labels.items())),
        *care_fields(spec["heal"], protect=spec["protect"]),
        Field("windows", [window.key for window in windows], HOT),
        *(field for window in windows for field in _window_fields(window, processes)),
    )
    return Frame(
        id=manifest.id,
        source=Source(manifest.path, manifest.place("metadata.name")[0]),
        session=session,
        columns=columns,
        rows=rows,
        windows=windows,
        fields=fields,
        digest=fields_digest(fields),
        options=options,
        adopt=spec["adopt"],
        healing=healing(spec["heal"], layout.healing),
    )


def _window_fields(window: Window, processes: dict[UnitId, Process]) -> Iterator[Field]:
    """Yield what a window declares; its own panes by digest, since their ids are places."""
    prefix = f"windows.{window.key}"
    if window.name:
        yield Field(f"{prefix}.name", window.name, HOT)
    if window.layout:
        yield Field(f"{prefix}.layout", window.layout, HOT)
    if window.focus:
        yield Field(f"{prefix}.focus", value=True, disruption=HOT)
    for name, value in window.options:
        yield Field(f"{prefix}.options.{name}", value, HOT)
    panes: list[Json] = []
    for index, slot in enumerate(window.slots):
        own = processes.get(slot.process)
        panes.append(own.digest if own is not None else str(slot.process))
        if slot.focus:
            yield Field(f"{prefix}.active", index, HOT)
    yield Field(f"{prefix}.panes", panes, HOT)
