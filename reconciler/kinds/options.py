"""The tmux options a Session may set. Data only.

None of them can run a command, hold a format with one, end a session by itself, or is owned by
novaorch (`remain-on-exit`, `window-size`, `history-limit`, `destroy-unattached`).
"""

from __future__ import annotations

WINDOW_OPTIONS = frozenset(
    {
        "aggressive-resize",
        "allow-rename",
        "automatic-rename",
        "clock-mode-colour",
        "clock-mode-style",
        "main-pane-height",
        "main-pane-width",
        "mode-keys",
        "mode-style",
        "monitor-activity",
        "monitor-bell",
        "monitor-silence",
        "other-pane-height",
        "other-pane-width",
        "pane-active-border-style",
        "pane-base-index",
        "pane-border-indicators",
        "pane-border-lines",
        "pane-border-status",
        "pane-border-style",
        "synchronize-panes",
        "window-active-style",
        "window-status-activity-style",
        "window-status-bell-style",
        "window-status-current-style",
        "window-status-last-style",
        "window-status-separator",
        "window-status-style",
        "window-style",
        "wrap-search",
    }
)

SESSION_OPTIONS = frozenset(
    {
        "activity-action",
        "base-index",
        "bell-action",
        "detach-on-destroy",
        "display-panes-active-colour",
        "display-panes-colour",
        "display-panes-time",
        "display-time",
        "message-command-style",
        "message-style",
        "mouse",
        "prefix",
        "prefix2",
        "renumber-windows",
        "repeat-time",
        "set-titles",
        "silence-action",
        "status",
        "status-interval",
        "status-justify",
        "status-keys",
        "status-left-length",
        "status-left-style",
        "status-position",
        "status-right-length",
        "status-right-style",
        "status-style",
        "visual-activity",
        "visual-bell",
        "visual-silence",
        "word-separators",
    }
)

LAYOUTS = (
    "even-horizontal",
    "even-vertical",
    "main-horizontal",
    "main-horizontal-mirrored",
    "main-vertical",
    "main-vertical-mirrored",
    "tiled",
)


def layout_checksum(cells: str) -> int:
    """Return the 16-bit sum that tmux puts before the cells of a layout it prints."""
    total = 0
    for character in cells.encode():
        total = ((total >> 1) | ((total & 1) << 15)) + character & 0xFFFF
    return total
