"""tmuxinator's words, by its own renderer: what it types and splits, the manifest says."""

from __future__ import annotations

import pytest

from reconciler.model.problems import SourceError
from tests.kinds.foreign.reading import imported, said, spec

FULL = """
name: my.app
root: ~/code
socket_name: other
on_project_start: rm -rf /
pre_window: [nvm use 20, export A=1]
startup_window: server
startup_pane: 1
attach: false
enable_pane_titles: true
windows:
- editor:
    layout: main-vertical
    root: web
    pre: [cd x, ls]
    synchronize: after
    panes:
    - vim
    - logs:
      - tail -f a
      - tail -f b
    -
- server:
    panes: [one, two]
- list:
  - echo a
  - echo b
- text: top
- empty:
"""


def test_everything_at_once() -> None:
    found = imported(FULL)
    inner = found.manifest["spec"]
    before = "nvm use 20; export A=1"
    assert inner == {
        "session": "my_app",
        "directory": "~/code",
        "windows": [
            {
                "name": "editor",
                "layout": "main-vertical",
                "directory": "~/code/web",
                "options": {"pane-border-status": "top", "synchronize-panes": "on"},
                "panes": [
                    {"type": [before, "cd x && ls", "vim"], "focus": True},
                    {"type": [before, "cd x && ls", "tail -f a", "tail -f b"]},
                    {"type": [before, "cd x && ls"]},
                ],
            },
            {
                "name": "server",
                "layout": "tiled",
                "focus": True,
                "options": {"pane-border-status": "top"},
                "panes": [{"type": [before, "one"]}, {"type": [before, "two"], "focus": True}],
            },
            *(
                {
                    "name": name,
                    "options": {"pane-border-status": "top"},
                    "panes": [{"type": [before, *lines]}],
                }
                for name, lines in (
                    ("list", ["echo a", "echo b"]),
                    ("text", ["top"]),
                    ("empty", []),
                )
            ),
        ],
    }
    for part in (
        'f.yaml:4: "socket_name"',
        'f.yaml:5: "on_project_start": it is a program',
        'f.yaml:9: "attach"',
        'f.yaml:19: the pane\'s title "logs"',
    ):
        assert said(found, part), part


def test_synchronized_before() -> None:
    found = spec(
        """
        name: s
        root: /srv
        windows:
        - all: {synchronize: true, panes: [a, b]}
        """
    )
    assert found["windows"][0]["panes"] == [{"type": ["a", "b"], "focus": True}, {"type": ["b"]}]


def test_old_words_and_focused_pane() -> None:
    found = spec(
        """
        project_name: s
        project_root: /srv
        rbenv: 2.0
        pre_window: never
        tabs:
        - a:
            focused_pane: two
            panes: [x, two: y]
        - b:
            focused_pane: 1
            panes: [x, y]
        startup_window: 1
        """
    )
    first, second = found["windows"]
    assert [p.get("focus") for p in first["panes"]] == [None, True]
    # The startup pane, the first one unless it is said, is what the startup window ends with.
    assert [p.get("focus") for p in second["panes"]] == [True, None]
    assert first["panes"][0]["type"] == ["rbenv shell 2.0", "x"]


@pytest.mark.parametrize(
    "text",
    ["name: s\nwindows: []", "name: s", "name: s\nwindows:\n- [a]", "name: s\nwindows:\n- {}"],
)
def test_no_windows(text: str) -> None:
    with pytest.raises(SourceError):
        imported(text)


def test_odd_shapes_are_said_not_raised() -> None:
    found = imported(
        """
        name: [x]
        root: {a: b}
        startup_window: nowhere
        startup_pane: x
        pane_title_position: side
        enable_pane_titles: yes
        windows:
        - a: {panes: [{x: {y: z}}, [[q]]], layout: 5, pre: {a: b}}
        - b
        - {c: d, e: f}
        """
    )
    assert found.name == "f"
    assert len(found.notes) >= 7


def test_templates_are_refused() -> None:
    with pytest.raises(SourceError, match="ERB"):
        imported("name: <%= @args[0] %>\nwindows: []\n")
