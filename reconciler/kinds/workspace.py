"""Workspace: from what an agent's file says of it to the work tree that it asks for."""

from __future__ import annotations

from typing import cast

from reconciler.kinds.findings import Findings
from reconciler.kinds.ground import Ground, below
from reconciler.kinds.names import shown
from reconciler.kinds.placement import Member
from reconciler.kinds.shape import AgentShape, WorkspaceShape
from reconciler.model.ids import Json, UnitId
from reconciler.model.unit import Disruption, Field, Source, Training, Workspace, fields_digest

HOT, RECREATE = Disruption.HOT, Disruption.RECREATE
_PLAIN = "set XDG_DATA_HOME to an absolute path of plain characters"


def lower(member: Member, ground: Ground, findings: Findings) -> Workspace | None:
    """Return the work tree of an agent. None: it has none, or why not was said."""
    manifest, spec = member.manifest, cast(AgentShape, member.manifest.spec)
    said = spec["workspace"]
    if said is None:
        if spec["mode"] == "training":
            what = f"{manifest.name} is in training, and has no workspace"
            findings.say(manifest, "spec.mode", "training/no-workspace", what)
        return None
    repository = ground.resolve(said["repository"])
    if not isinstance(repository, str):
        findings.say(manifest, "spec.workspace.repository", *repository)
        return None
    path = f"{ground.workspaces}/{member.id.project}/{member.name}"
    if "#" in path or not path.isprintable() or not path.startswith("/"):
        what = f"the work tree would be {shown(path)}"
        findings.say(manifest, "spec.workspace", "directory/unsafe", what, _PLAIN)
        return None
    fields = (*_fields(said, repository), *_protect(spec["protect"]))
    return Workspace(
        id=UnitId.of(member.id.project, "workspace", member.name),
        agent=member.id,
        source=Source(manifest.path, manifest.place("spec.workspace")[0]),
        repository=repository,
        path=path,
        base=said["base"] or "",
        fields=fields,
        digest=fields_digest(fields),
        training=_training(said),
        protect=spec["protect"],
    )


def inside(workspace: Workspace, text: str) -> str | tuple[str, str]:
    """Return the absolute directory that `text` means in a work tree, or (rule, what)."""
    if text.startswith(("/", "~")):
        return "workspace/directory", f"{shown(text)} is none of its work tree"
    path = Ground(workspace.path, "/").absolute(text)
    if isinstance(path, tuple) or not below(path, workspace.path):
        return "workspace/directory", f"{shown(text)} leads out of its work tree"
    if path == f"{workspace.path}/.git" or path.startswith(f"{workspace.path}/.git/"):
        return "workspace/directory", f"{shown(text)} is git's own"
    if "#" in path or not path.isprintable():
        return "directory/unsafe", f"{shown(path)} holds # or a control character"
    return path


def _fields(said: WorkspaceShape, repository: str) -> tuple[Field, ...]:
    gate: list[Json] = [[*argv] for argv in said["gate"]]
    return (
        Field("repository", repository, RECREATE),
        Field("base", said["base"] or "", HOT),
        Field("merge", said["merge"], HOT),
        Field("gate", gate, HOT),
        Field("gate-timeout", said["gate-timeout"], HOT),
        Field("keep-out", [*said["keep-out"]], HOT),
        Field("file-max", said["file-max"], HOT),
        Field("prompts", said["prompts"], HOT),
        Field("settle", said["settle"], HOT),
    )


def _protect(protect: bool) -> tuple[Field, ...]:
    return (Field("protect", value=True, disruption=HOT),) if protect else ()


def _training(said: WorkspaceShape) -> Training:
    return Training(
        merge=said["merge"],
        gate=tuple(tuple(argv) for argv in said["gate"]),
        gate_timeout_s=said["gate-timeout"],
        keep_out=tuple(said["keep-out"]),
        file_max=said["file-max"],
        prompts=said["prompts"],
        settle_s=said["settle"],
    )
