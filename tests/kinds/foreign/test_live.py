"""A live session as plain values, and the manifest that takes it over."""

from __future__ import annotations

import pytest

from reconciler.kinds.foreign.live import (
    LivePane,
    LiveSession,
    LiveWindow,
    printed_words,
    read_live,
)
from reconciler.model.problems import RefusedError
from tests.kinds.foreign.reading import HERE, assert_valid

LAYOUT = "5e08,120x40,0,0[120x20,0,0,0,120x19,0,21,1]"


def live(
    name: str = "scratch", *, command: str = "", options: tuple[tuple[str, str], ...] = ()
) -> LiveSession:
    panes = (LivePane(command, "/srv", "/repo/src"), LivePane("", "/srv", "/tmp", active=True))
    windows = (
        LiveWindow(0, "vim", False, "x", (panes[1],)),
        LiveWindow(4, "work", True, "even-vertical", panes, options, active=True),
    )
    return LiveSession(name, 120, 40, windows, (("mouse", "on"), ("status-left", "#S")))


def test_as_it_is() -> None:
    options = (("automatic-rename", "off"), ("monitor-bell", "off"))
    found = read_live(live(command='"top -d 1"', options=options), HERE)
    assert_valid(found)
    assert found.manifest["spec"] == {
        "session": "scratch",
        "adopt": True,
        "size": {"columns": 120, "rows": 40},
        "options": {"mouse": "on"},
        "windows": [
            {"options": {"automatic-rename": "on"}, "panes": [{"directory": "/tmp"}]},
            {
                "name": "work",
                "layout": "even-vertical",
                "focus": True,
                "options": {"monitor-bell": "off"},
                "panes": [
                    {"command": ["top", "-d", "1"], "directory": "/srv"},
                    {"directory": "/tmp", "focus": True},
                ],
            },
        ],
    }
    assert [note.text for note in found.notes] == [
        'scratch: the option "status-left": not one that a manifest may set'
    ]


def test_a_name_that_no_manifest_may_say() -> None:
    with pytest.raises(RefusedError) as caught:
        read_live(live("odd (one)"), HERE)
    assert "rename-session -t '=odd (one)'" in caught.value.fix


def test_a_secret_on_a_command_line_is_not_written_down() -> None:
    found = read_live(live(command="serve --api-token=hunter2"), HERE)
    assert "hunter2" not in str(found)
    assert any(note.lost and "looks secret" in note.what for note in found.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("htop", ["htop"]),
        ('sleep "a b" c', ["sleep", "a b", "c"]),
        (r'"echo \$HOME \"x\" \\"', [r'echo $HOME "x" \ '.rstrip(" ")]),
        (r"a\ b 'c d'", ["a b", "c d"]),
        (r'"a\nb\033c"', ["a\nb\033c"]),
        ("a '' b", ["a", "", "b"]),
    ],
)
def test_words_as_tmux_prints_them(text: str, words: list[str]) -> None:
    assert printed_words(text) == words
