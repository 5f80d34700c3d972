"""What a Session may say."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from reconciler.kinds.names import did_you_mean, shown
from reconciler.kinds.options import LAYOUTS, SESSION_OPTIONS, WINDOW_OPTIONS, layout_checksum
from reconciler.kinds.specs.launch import (
    HOT,
    RESTART,
    Argv,
    Env,
    HealSpec,
    Line,
    RestartSpec,
    Secrets,
    SizeSpec,
    StopSpec,
    apart,
)
from reconciler.kinds.specs.words import (
    Directory,
    Flag,
    Name,
    Shaped,
    Strict,
    Text,
    refusal,
)


def _window_name(name: str) -> str:
    if not name:
        raise refusal("schema/empty", "an empty window name")
    if len(name) > 64 or "#" in name or not name.isprintable():
        raise refusal("session/window-name", f"{shown(name)} cannot name a window")
    return name


def _layout(text: str) -> str:
    if text in LAYOUTS:
        return text
    parts = re.fullmatch(r"([0-9a-f]{4}),([0-9x,\[\]{}]{1,4091})", text)
    if parts is None or int(parts[1], 16) != layout_checksum(parts[2]):
        raise refusal("session/layout", f"{shown(text)} is not a layout")
    return text


def _option_value(value: str) -> str:
    if "#(" in value or "#{" in value or value.endswith(";"):
        raise refusal("session/option-value", f"{shown(value)} is not plain text to tmux")
    return value


def _allowed(known: frozenset[str], name: str) -> str:
    if name not in known:
        what = f"{shown(name)} is not an option that may be set here"
        raise refusal("session/option-unknown", what, fix=did_you_mean(name, known))
    return name


def _session_option(name: str) -> str:
    return _allowed(SESSION_OPTIONS, name)


def _window_option(name: str) -> str:
    return _allowed(WINDOW_OPTIONS, name)


OptionValue = Annotated[Text, AfterValidator(_option_value)]
SessionOptions = dict[Annotated[str, AfterValidator(_session_option)], OptionValue]
WindowOptions = dict[Annotated[str, AfterValidator(_window_option)], OptionValue]
SessionName = Annotated[str, Shaped(r"[A-Za-z0-9][A-Za-z0-9_/ @+,-]{0,63}", "session/name")]


class PaneSpec(Strict):
    """One pane: a command, an agent, or (neither) the user's shell."""

    command: Annotated[Argv | None, RESTART, Field(description="program and arguments")] = None
    agent: Annotated[Name | None, HOT, Field(description="the agent that lives here")] = None
    type: Annotated[
        list[Line], RESTART, Field(description="lines typed once, each followed by Enter")
    ] = Field(default_factory=list)
    directory: Annotated[
        Directory | None, RESTART, Field(description="where it runs; else the window's")
    ] = None
    env: Annotated[Env, RESTART, Field(description="variables, over those of the window")] = Field(
        default_factory=dict
    )
    secrets: Annotated[Secrets, RESTART, Field(description="variables by reference")] = Field(
        default_factory=dict
    )
    focus: Annotated[Flag, HOT, Field(description="whether it is the window's active pane")] = False
    restart: Annotated[RestartSpec, Field(description="what happens when it ends by itself")] = (
        RestartSpec()
    )
    stop: Annotated[StopSpec, Field(description="how it is ended")] = StopSpec()

    @model_validator(mode="after")
    def _runs_one_thing(self) -> PaneSpec:
        apart(self.env, self.secrets)
        if self.agent is None:
            return self
        if self.command is not None:
            raise refusal("session/pane-both", "a pane with an agent and a command", at=("agent",))
        foreign = self.model_fields_set - {"agent", "focus", "command"}
        if foreign:
            name = min(foreign)
            what = f"{name} in the pane of agent {self.agent}"
            raise refusal("session/pane-agent-only", what, at=(name,))
        return self


class WindowSpec(Strict):
    """One window with its panes."""

    name: Annotated[
        Annotated[str, AfterValidator(_window_name)] | None,
        HOT,
        Field(description="its name; also what its panes are known by"),
    ] = None
    layout: Annotated[
        Annotated[str, AfterValidator(_layout)] | None,
        HOT,
        Field(description="a layout of tmux by name, or a string that tmux printed"),
    ] = None
    directory: Annotated[
        Directory | None, RESTART, Field(description="where its panes run; else the session's")
    ] = None
    focus: Annotated[Flag, HOT, Field(description="whether it is the current window")] = False
    options: Annotated[WindowOptions, HOT, Field(description="tmux window options")] = Field(
        default_factory=dict
    )
    env: Annotated[Env, RESTART, Field(description="variables, over those of the session")] = Field(
        default_factory=dict
    )
    panes: Annotated[
        list[PaneSpec], Field(max_length=200, description="its panes; none: one with a shell")
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_focus(self) -> WindowSpec:
        _focus_once([pane.focus for pane in self.panes], "panes")
        return self


class SessionSpec(Strict):
    """A tmux session: windows and panes that people and agents share."""

    session: Annotated[
        SessionName | None, HOT, Field(description="its name in tmux; else PROJECT/NAME")
    ] = None
    adopt: Annotated[
        Flag, HOT, Field(description="whether a live session of this name that nobody owns is ours")
    ] = False
    directory: Annotated[
        Directory, RESTART, Field(description="where panes run that do not say otherwise")
    ] = "."
    size: Annotated[SizeSpec, Field(description="its size in cells")] = SizeSpec()
    env: Annotated[Env, RESTART, Field(description="variables of everything in it")] = Field(
        default_factory=dict
    )
    options: Annotated[SessionOptions, HOT, Field(description="tmux session options")] = Field(
        default_factory=dict
    )
    heal: Annotated[HealSpec, Field(description="what is mended by itself, its panes too")] = (
        HealSpec()
    )
    protect: Annotated[
        Flag,
        HOT,
        Field(description="whether its own panes run on when the file is gone, until confirmed"),
    ] = False
    windows: Annotated[
        list[WindowSpec], Field(max_length=500, description="its windows; none: one with a shell")
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_focus(self) -> SessionSpec:
        _focus_once([window.focus for window in self.windows], "windows")
        return self


def _focus_once(marks: list[bool], field: str) -> None:
    if sum(marks) > 1:
        second = [index for index, mark in enumerate(marks) if mark][1]
        what = f"{sum(marks)} of {field} have the focus"
        raise refusal("session/focus-twice", what, at=(field, second, "focus"))
