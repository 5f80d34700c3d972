"""tmuxp's words, one by one; what tmuxp really does is held to in test_side_by_side."""

from __future__ import annotations

import pytest

from reconciler.model.problems import SourceError
from tests.kinds.foreign.reading import imported, said, spec, spec_of, window


def typed(pane: str, **words: str) -> list[str]:
    text = f"session_name: s\nwindows:\n- panes:\n  - {pane}\n"
    panes = window(text, **words).get("panes", [{}])
    lines: list[str] = panes[0].get("type", [])
    return lines


@pytest.mark.parametrize(
    "blank", ["", "pane", "blank", "null", "[]", "[pane]", "{shell_command: }"]
)
def test_blank_panes_type_nothing(blank: str) -> None:
    assert typed(blank) == []


@pytest.mark.parametrize(
    ("pane", "lines"),
    [
        ("echo a", [" echo a"]),
        ("[echo a, echo b]", [" echo a", " echo b"]),
        ("''", [" "]),
        ("{shell_command: [cmd: a, {cmd: b}]}", [" a", " b"]),
        ("{shell_command: a, suppress_history: false}", ["a"]),
        ("{shell_command: [{cmd: a, enter: no}, {cmd: b, enter: yes}, c]}", [" a b", " c"]),
        ('"a\\nb"', [" a", "b"]),
        ("'a;'", [" a"]),
        ("'a\\;'", [" a;"]),
        ('"a\\tb"', [" a b"]),
        ("yes", [" yes"]),
    ],
)
def test_typed_lines(pane: str, lines: list[str]) -> None:
    assert typed(pane) == lines


def test_enter_stays_as_it_was_said() -> None:
    found = imported(
        """
        session_name: s
        windows:
        - panes:
          - shell_command: [a, {cmd: b, enter: false}, c]
        """
    )
    assert spec_of(found)["windows"][0]["panes"] == [{"type": [" a"]}]
    assert said(found, 'f.yaml:5: "b c" is not typed')


def test_keys_are_not_typed_as_text() -> None:
    found = imported(
        "session_name: s\nsuppress_history: no\nwindows: [{panes: [[top, C-c, Enter, q]]}]\n"
    )
    assert spec_of(found)["windows"][0]["panes"][0]["type"] == [
        "top",
        " ",
        " ",
        "q",
    ]
    assert said(found, "the key C-c")


def test_what_a_program_would_do_is_said_and_not_done() -> None:
    found = imported(
        """
        session_name: s
        before_script: ./install.sh
        plugins: [a.B]
        colour: red
        windows:
        - panes:
          - {cmd: a, sleep_before: 2}
          window_shape: round
        """
    )
    for part in (
        'f.yaml:3: "before_script": it is a program',
        'f.yaml:4: "plugins": it is a program',
        'f.yaml:5: "colour": not a word',
        'f.yaml:8: "cmd": not a word',
        "f.yaml:8: sleep_before",
        'f.yaml:9: "window_shape"',
    ):
        assert said(found, part), part
    assert all(note.lost for note in found.notes if note.line)


def test_secrets_are_never_written_down() -> None:
    found = imported(
        """
        session_name: s
        environment:
          API_TOKEN: abc123
          KEPT: $MY_SECRET
          URL: postgres://me:hunter2@db/x
          MIXED: a-$MY_SECRET-b
          PLAIN: $COLOUR
        windows:
        - panes:
          - environment: {API_TOKEN: from-pane}
            shell_command: curl -H "$MY_SECRET" $COLOUR
          - null
        """,
        environ={"MY_SECRET": "s3cr3t", "COLOUR": "red"},
    )
    text = str(found.manifest)
    assert not any(word in text for word in ("abc123", "s3cr3t", "hunter2", "from-pane"))
    inner = spec_of(found)
    assert inner["env"] == {"PLAIN": "red"}
    assert inner["windows"][0]["panes"][1]["secrets"] == {
        "API_TOKEN": "env:API_TOKEN",
        "KEPT": "env:MY_SECRET",
        "URL": "env:URL",
    }
    assert inner["windows"][0]["panes"][0]["type"] == [' curl -H "$MY_SECRET" $COLOUR']
    assert said(found, "f.yaml:7: the variable MIXED")


def test_directories_fit_other_machines() -> None:
    text = """
    session_name: s
    start_directory: {}
    windows:
    - panes: [pane]
    """
    assert spec(text.format("/repo/src"))["directory"] == "src"
    assert "directory" not in spec(text.format("/repo"))
    assert spec(text.format("/home/me/x"))["directory"] == "~/x"
    assert spec(text.format("$HOME"))["directory"] == "~"
    assert spec(text.format("./x"))["directory"] == "/files/x"
    assert spec(text.format("'#(id)'")).get("directory") is None
    assert spec(text.format("../../x"))["directory"] == "/x"
    assert spec(text.format("~other/x")).get("directory") is None


def test_names_that_tmux_or_a_shell_would_read() -> None:
    found = imported("session_name: '#(id) $X:y'\nwindows: [{window_name: 'a#(b)'}]\n")
    assert spec_of(found)["session"] == "id_ _X_y"
    assert spec_of(found)["windows"][0]["name"] == "a_(b)"
    assert found.name == "id-x-y"
    assert said(found, "the session is called")
    assert said(found, "the window is called")


def test_options_that_hold_a_command_are_refused() -> None:
    found = imported(
        """
        session_name: s
        options: {status-style: "fg=#(id)", status-left: x, mouse: on, history-limit: 9}
        windows:
        - options: {monitor-activity: yes, synchronize-panes: "#{x}", main-pane-width: 5}
        """
    )
    assert spec_of(found)["options"] == {"mouse": "on"}
    assert spec_of(found)["windows"][0]["options"] == {
        "monitor-activity": "on",
        "main-pane-width": "5",
        "automatic-rename": "on",
    }
    assert len([note for note in found.notes if note.lost]) == 4


def test_order_by_index_and_focus() -> None:
    found = spec(
        """
        session_name: s
        windows:
        - {window_name: a, window_index: 7}
        - {window_name: b}
        - {window_name: c, window_index: 3, focus: true}
        """
    )
    assert [w["name"] for w in found["windows"]] == ["b", "c", "a"]
    assert [w.get("focus") for w in found["windows"]] == [None, True, None]


def test_the_file_gives_the_name_when_it_has_none() -> None:
    found = imported("windows: [{window_name: a}]\n", path="some/My File.yaml")
    assert (found.name, spec_of(found)["session"]) == ("my-file", "My File")


@pytest.mark.parametrize("text", ["session_name: s", "session_name: s\nwindows: 5"])
def test_no_windows_is_no_workspace(text: str) -> None:
    with pytest.raises(SourceError):
        imported(text)


def test_odd_shapes_are_said_not_raised() -> None:
    found = imported(
        """
        session_name: [a]
        start_directory: {b: c}
        environment: [d]
        options: e
        windows:
        - f
        - panes: {g: h}
          layout: [i]
          options: j
          environment: {k: [l], "m n": o, TMUX: p}
          shell_command_before: [{q: r}, null, [s]]
        - panes: [[[t]], {shell_command: {u: v}, shell: [w]}]
        """
    )
    assert len(found.notes) >= 10
