"""The smallest things a host can do. Plain values: a plan of them can be saved and read back.

A target is a live tmux id (`$1`, `@2`, `%3`), or a slot reference, `slot:<unit id>`: the pane that
an earlier step of the same plan made for that unit, else the one that the photograph showed with
its mark. `window:slot:<unit id>` is the window that pane is in.

A mark may say `started=NOW` and a negative `drain_until`: the executor writes the hour of acting,
and that hour plus so many seconds. So a plan holds no hour of its own, and is the same plan later.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.ids import UnitId
from reconciler.model.unit import Launch, Workspace
from reconciler.model.world import PaneMark


@dataclass(frozen=True, slots=True)
class NewPane:
    """A pane to make: what runs there (None: a placeholder), its mark, its last applied fields."""

    mark: PaneMark
    launch: Launch | None
    applied: str
    focus: bool = False


@dataclass(frozen=True, slots=True)
class NewWindow:
    """A window to make, with at least one pane."""

    key: str
    name: str
    layout: str
    panes: tuple[NewPane, ...]
    options: tuple[tuple[str, str], ...] = ()
    focus: bool = False


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Make a session with all its windows, and mark everything in the same breath."""

    name: str
    columns: int
    rows: int
    history_lines: int
    mark: str
    applied: str
    windows: tuple[NewWindow, ...]
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """Make a window at the end of a live session."""

    session: str
    window: NewWindow


@dataclass(frozen=True, slots=True)
class OpenPane:
    """Split `beside` (a pane) and put the new pane after it, or before it."""

    beside: str
    pane: NewPane
    before: bool = False


@dataclass(frozen=True, slots=True)
class Respawn:
    """Start a process in a pane that exists; whatever is left in it is killed."""

    pane: str
    new: NewPane


@dataclass(frozen=True, slots=True)
class Signal:
    """Ask the process group of a pane to end: TERM first, KILL when the drain is over."""

    pane: str
    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class TypeLines:
    """Type lines into a pane, each followed by Enter, as a person would to end what runs there."""

    pane: str
    pid: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Remove a pane, window or session; `target` is its id."""

    target: str


@dataclass(frozen=True, slots=True)
class MarkPane:
    """Write a pane's mark anew; `applied` is '' when the last applied fields stay."""

    pane: str
    mark: PaneMark
    applied: str = ""


@dataclass(frozen=True, slots=True)
class MarkFrame:
    """Write a session's mark and last applied fields anew."""

    session: str
    mark: str
    applied: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Rename a session (`$`) or a window (`@`)."""

    target: str
    name: str


@dataclass(frozen=True, slots=True)
class MarkWindow:
    """Write a window's key anew."""

    window: str
    key: str


@dataclass(frozen=True, slots=True)
class Resize:
    """Give every window of a session this size in cells."""

    session: str
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Arrange:
    """Apply a layout to a window. No process is touched."""

    window: str
    layout: str


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Set options on a session (`$`) or a window (`@`), and unset others."""

    target: str
    options: tuple[tuple[str, str], ...]
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwapPanes:
    """Exchange two panes, wherever they are. No process is touched."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class OrderWindows:
    """Put the windows of a session in this order. No process is touched."""

    session: str
    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenWorkspace:
    """Make an agent's work tree on the branch of its open run, or of a new one; or mark one that
    is there as ours. `unit` is the workspace's."""

    unit: UnitId
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class BeginRun:
    """Put a work tree whose run is finished on a new run from its base, if it is still at `tip`
    and holds nothing unsaved."""

    unit: UnitId
    workspace: Workspace
    tip: str


@dataclass(frozen=True, slots=True)
class MarkWorkspace:
    """Write down what was applied last; the tree itself is not touched."""

    unit: UnitId
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class CloseWorkspace:
    """Save what is unsaved on a kept ref, and remove the work tree at `path`, if it is still on
    `branch` at `tip`. The branch stays."""

    unit: UnitId
    path: str
    branch: str
    tip: str


Step = (
    OpenSession
    | OpenWindow
    | OpenPane
    | Respawn
    | Signal
    | TypeLines
    | Close
    | MarkPane
    | MarkFrame
    | MarkWindow
    | Rename
    | Resize
    | Arrange
    | SetOptions
    | SwapPanes
    | OrderWindows
    | OpenWorkspace
    | BeginRun
    | MarkWorkspace
    | CloseWorkspace
)
