"""Agent: from a manifest and its seat to the process it asks for, and the frame of one alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from reconciler.kinds.persona import fields as persona_fields
from reconciler.kinds.persona import persona, polite, program
from reconciler.kinds.placement import Member, Seat
from reconciler.kinds.shape import AgentShape
from reconciler.kinds.workspace import inside
from reconciler.model.fleet import FleetSettings
from reconciler.model.ids import Json, UnitId
from reconciler.model.problems import Problem
from reconciler.model.unit import (
    Disruption,
    Field,
    Frame,
    Healing,
    Launch,
    Process,
    Slot,
    Source,
    Window,
    Workspace,
    fields_digest,
)


@dataclass(frozen=True, slots=True)
class Post:
    """What an agent needs to know beyond its own file; `workspace` is its own work tree."""

    seat: Seat | None
    after: tuple[UnitId, ...]
    charter: str
    workspace: Workspace | None = None


def lower(member: Member, post: Post, ground: Ground, findings: Findings) -> Process | None:
    """Return the process, or None after saying why there is none."""
    manifest, spec = member.manifest, cast(AgentShape, member.manifest.spec)
    tree = post.workspace
    directory = (
        ground.resolve(spec["directory"]) if tree is None else inside(tree, spec["directory"])
    )
    if not isinstance(directory, str):
        findings.say(manifest, "spec.directory", *directory)
        return None
    if not _may_be(member, post, ground, findings):
        return None
    env = merged(post.seat.env, spec["env"]) if post.seat is not None else spec["env"]
    # Within a tree of its own, this leads `novaorch` back to the fleet. No field: nobody wrote it.
    known = {**env, "NOVAORCH_REPOSITORY": ground.root} if tree is not None else env
    started = launch(program(spec), directory, known, spec["secrets"], ground)
    fields = (
        Field("runtime", spec["runtime"], RESTART),
        *_launch_fields(spec, directory, env),
        *_tree_fields(tree),
        *_told_fields(member, post),
        *lifecycle_fields(spec["restart"], spec["stop"]),
        *care_fields(spec["heal"], protect=spec["protect"]),
    )
    return Process(
        id=member.id,
        source=_source(member),
        frame=post.seat.session if post.seat is not None else member.id,
        launch=replace(started, persona=persona(spec)),
        fields=fields,
        digest=fields_digest(fields),
        restart=restart(spec["restart"]),
        stop_grace_s=spec["stop"]["grace"],
        after=post.after,
        stopped=spec["mode"] == "stopped",
        quit=polite(spec),
        kill_after_s=spec["stop"]["kill"],
        healing=healing(spec["heal"], ground.healing),
        protect=spec["protect"],
        mode=spec["mode"],
        labels=tuple(sorted(manifest.labels.items())),
        workspace=tree.id if tree is not None else None,
    )


def _may_be(member: Member, post: Post, ground: Ground, findings: Findings) -> bool:
    """Say what does not fit where this agent lives; return whether it can be there at all."""
    manifest, spec = member.manifest, cast(AgentShape, member.manifest.spec)
    if post.seat is not None and "spec.size" in manifest.lines:
        what = f"size has no effect: {manifest.name} lives in {post.seat.session}"
        findings.say(manifest, "spec.size", "agent/size-unused", what)
    if spec["runtime"] == "fake" and not ground.rehearsal:
        what = f"{manifest.name} is a fake agent, and this is no rehearsal"
        findings.say(manifest, "spec.runtime", "agent/rehearsal-only", what)
        return False
    return True


def _launch_fields(spec: AgentShape, directory: str, env: Mapping[str, str]) -> list[Field]:
    """Return the fields of how it is started; the program of a runtime is none of its own."""
    fields = launch_fields(spec["command"], directory, env, spec["secrets"])
    if spec["command"] is None:
        fields = [field for field in fields if field.name != "command"]
    return [*fields, *persona_fields(spec)]


def _tree_fields(tree: Workspace | None) -> tuple[Field, ...]:
    """Return the field that changes with the repository: a process cannot stay in a tree that is
    another one."""
    if tree is None:
        return ()
    return (Field("workspace.repository", tree.repository, Disruption.RECREATE),)


def unread(unit: UnitId, frame: UnitId, cause: Problem, ground: Ground) -> Process:
    """Return an agent of which only the place is known: its file has an error."""
    return Process(
        id=unit,
        source=Source(cause.path, cause.line),
        frame=frame,
        launch=Launch((), ground.root),
        fields=(),
        digest="",
        held=cause,
    )


def _told_fields(member: Member, post: Post) -> list[Field]:
    """Return the fields that change nothing for the process that runs."""
    spec = cast(AgentShape, member.manifest.spec)
    where = f"{post.seat.session.name}/{post.seat.window}" if post.seat is not None else ""
    fields = [Field("mode", spec["mode"], HOT), Field("session", where, HOT)]
    if post.after:
        names: list[Json] = [str(unit) for unit in post.after]
        fields.append(Field("after", names, HOT))
    if post.charter:
        fields.append(Field("charter", post.charter, HOT))
    fields += [Field(f"labels.{k}", v, HOT) for k, v in sorted(member.manifest.labels.items())]
    return fields


def lone_frame(member: Member, fleet: FleetSettings, otherwise: Healing) -> Frame:
    """Return the tmux session of an agent that lives alone: one window, one slot.

    `otherwise` is what is mended by itself unless its file says more.
    """
    spec = cast(AgentShape, member.manifest.spec)
    size = spec["size"]
    columns, rows = size["columns"] or fleet.columns, size["rows"] or fleet.rows
    session, name = f"{member.id.project}/{member.name}", member.name
    fields = (
        Field("session", session, HOT),
        Field("size.columns", columns, HOT),
        Field("size.rows", rows, HOT),
        Field("windows", [name], HOT),
        Field(f"windows.{name}.name", name, HOT),
        Field(f"windows.{name}.panes", [str(member.id)], HOT),
    )
    return Frame(
        id=member.id,
        source=_source(member),
        session=session,
        columns=columns,
        rows=rows,
        windows=(Window(name, name, "", (Slot(member.id),)),),
        fields=fields,
        digest=fields_digest(fields),
        healing=healing(spec["heal"], otherwise),
    )


def _source(member: Member) -> Source:
    return Source(member.manifest.path, member.manifest.place("metadata.name")[0])
