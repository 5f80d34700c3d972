"""What `novaorch init` writes: text only. Never looks at a disk or a repository."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from reconciler.kinds import KINDS
from reconciler.kinds.names import NAME
from reconciler.kinds.parse import parse
from reconciler.kinds.schema import json_schema

NAME_MAX = 48


@dataclass(frozen=True, slots=True)
class Wanted:
    """The answers that the files depend on; `branch` '' leaves the choice to HEAD."""

    name: str
    project: str
    socket: str
    branch: str
    date: str


def slug(text: str) -> str:
    """Return a valid name that is near to `text`."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower())[:NAME_MAX].strip("-")
    return plain or "fleet"


def is_name(text: str) -> bool:
    """Whether `text` can name a fleet or a project."""
    return re.fullmatch(NAME, text) is not None


def fleet_files(wanted: Wanted) -> dict[str, str]:
    """Return the fleet's own files, by path below `desired-state/`."""
    text = _filled("fleet.yaml", wanted)
    if not wanted.branch or parse("fleet.yaml", "", text.encode("utf-8", "replace"))[1]:
        # A detached HEAD, or a branch that no manifest could name.
        text = "".join(text.partition("  sync:\n")[:1])
    schemas = {
        f".schemas/{kind.lower()}.json": json.dumps(json_schema(kind), indent=2) + "\n"
        for kind in KINDS
    }
    return {"fleet.yaml": text, **schemas}


def project_files(wanted: Wanted) -> dict[str, str]:
    """Return a first project: a charter, a session of two panes, and an agent in one of them."""
    return {
        f"{wanted.project}/charter.md": _filled("charter.md", wanted),
        f"{wanted.project}/sessions/main.yaml": _filled("main.yaml", wanted),
        f"{wanted.project}/agents/hello.yaml": _filled("hello.yaml", wanted),
    }


def _filled(template: str, wanted: Wanted) -> str:
    values: Mapping[str, str] = {
        "NAME": wanted.name,
        "SOCKET": wanted.socket,
        "BRANCH": wanted.branch,
        "PROJECT": wanted.project.upper(),
        "TITLE": wanted.project.replace("-", " ").title(),
        "DATE": wanted.date,
    }
    text = files(__name__).joinpath(template).read_text(encoding="utf-8")
    return re.sub("@([A-Z]+)@", lambda match: values[match[1]], text)
