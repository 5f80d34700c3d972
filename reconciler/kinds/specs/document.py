"""The whole document of each kind: apiVersion, kind, metadata and spec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.kinds.specs.agent import AgentSpec
from reconciler.kinds.specs.fleet import FleetSpec
from reconciler.kinds.specs.launch import HOT, RECREATE
from reconciler.kinds.specs.session import SessionSpec
from reconciler.kinds.specs.words import Label, Name, Strict, Text

Version = Annotated[
    Literal["novaorch/v1"],
    Field(alias="apiVersion", description="how this manifest is read"),
]


class Metadata(Strict):
    """Who the unit is."""

    name: Annotated[Name | None, RECREATE, Field(description="its name; else the file's name")] = (
        None
    )
    labels: Annotated[dict[Label, Text], HOT, Field(description="words to find it by")] = Field(
        default_factory=dict
    )


class FleetDocument(Strict):
    """desired-state/fleet.yaml: settings of the whole fleet."""

    api_version: Version
    kind: Literal["Fleet"]
    metadata: Metadata = Metadata()
    spec: FleetSpec = FleetSpec()


class AgentDocument(Strict):
    """desired-state/PROJECT/agents/NAME.yaml: a program that is kept running."""

    api_version: Version
    kind: Literal["Agent"]
    metadata: Metadata = Metadata()
    spec: AgentSpec


class SessionDocument(Strict):
    """desired-state/PROJECT/sessions/NAME.yaml: a tmux session with its windows and panes."""

    api_version: Version
    kind: Literal["Session"]
    metadata: Metadata = Metadata()
    spec: SessionSpec = SessionSpec()


class CharterSpec(Strict):
    """Nothing yet: a charter says everything in its text."""


class CharterDocument(Strict):
    """Front matter of desired-state/PROJECT/charter.md; every field may be left out."""

    api_version: Version = "novaorch/v1"
    kind: Literal["Charter"] = "Charter"
    metadata: Metadata = Metadata()
    spec: CharterSpec = CharterSpec()


DOCUMENTS: dict[str, type[FleetDocument | AgentDocument | SessionDocument | CharterDocument]] = {
    "Fleet": FleetDocument,
    "Agent": AgentDocument,
    "Session": SessionDocument,
    "Charter": CharterDocument,
}
"""The model of each kind, by its word."""
