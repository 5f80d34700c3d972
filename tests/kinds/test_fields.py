"""Single fields: what they become, what they refuse, and that a secret is never repeated."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.options import LAYOUTS, SESSION_OPTIONS, WINDOW_OPTIONS, layout_checksum
from reconciler.kinds.parse import parse
from reconciler.kinds.spans import seconds, written
from reconciler.model.problems import Problem
from tests.kinds.desk import agent, as_bytes, fleet, runtime, session

A, S, F = "p/agents/a.yaml", "p/sessions/s.yaml", "fleet.yaml"


def spec(path: str, text: str) -> dict[str, Any]:
    manifest, problems = parse(path, "0" * 40, as_bytes(text))
    assert problems == ()
    assert manifest is not None
    return dict(manifest.spec)


def found(path: str, text: str) -> list[Problem]:
    manifest, problems = parse(path, "0" * 40, as_bytes(text))
    assert manifest is None
    assert list(problems) == sorted(problems)
    return list(problems)


def rules(path: str, text: str) -> list[str]:
    return [problem.rule for problem in found(path, text)]


# -- scalars --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", 0),
        ("15s", 15),
        ("0.25s", 0.25),
        ("500ms", 0.5),
        ("10m", 600),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1d1h1m1.5s", 90061.5),
    ],
)
def test_durations(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "-1s",
        "1e309s",
        "NaN",
        "inf",
        "1 s",
        "s",
        "1m1h",
        "1.5m",
        "1s ",
        "٣s",
        "10000000000h",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    # `٣` is a digit to Python and to nobody who reads the file.
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0.0, "0s"),
        (0.5, "0.5s"),
        (60.0, "1m"),
        (90.0, "1m30s"),
        (7200.0, "2h"),
        (90061.0, "1d1h1m1s"),
        (31622400.0, "366d"),
    ],
)
def test_durations_written_out(length: float, said: str) -> None:
    assert written(length) == said
    assert seconds(said) == length


def test_limits_of_durations_are_written_as_durations() -> None:
    problem = found(A, agent("stop: {grace: 1h}"))[0]
    assert problem.what == 'spec.stop.grace: "1h" is not between 0s and 10m'
    assert problem.fix == "choose a duration from 0s to 10m"


@pytest.mark.parametrize("text", ["10000000h", "999999999d", "601s", "11m"])
def test_durations_have_limits(text: str) -> None:
    assert rules(A, agent(f"stop: {{grace: {text}}}")) == ["schema/range"]


@pytest.mark.parametrize("word", ["1", '"1"', "500"])
def test_whole_numbers(word: str) -> None:
    assert spec(A, agent(f"replicas: {word}"))["replicas"] == int(word.strip('"'))


@pytest.mark.parametrize(
    "word", ["012", "1_000", "0x1", "1.0", "1e2", "+1", "true", "٣", "[1]", "{}", "9" * 400, '" 1"']
)
def test_what_is_no_whole_number(word: str) -> None:
    assert rules(A, agent(f"replicas: {word}")) == ["schema/integer"]


@pytest.mark.parametrize("word", ["0", "-1", "501", "999999999999999999"])
def test_whole_numbers_have_limits(word: str) -> None:
    assert rules(A, agent(f"replicas: {word}")) == ["schema/range"]


@pytest.mark.parametrize("word", ["yes", "no", "on", "True", "1", "[]", "t"])
def test_only_true_and_false_are_flags(word: str) -> None:
    assert rules(S, session(f"adopt: {word}")) == ["schema/boolean"]


def test_flags() -> None:
    assert spec(S, session("adopt: true"))["adopt"] is True
    assert spec(S, session("adopt: false"))["adopt"] is False
    assert spec(S, session("adopt:"))["adopt"] is False


# -- agents ---------------------------------------------------------------------------------------


def test_defaults_of_an_agent_are_filled_in() -> None:
    assert spec(A, agent()) == {
        "runtime": "command",
        "command": ["sleep", "1"],
        "model": None,
        "permission": None,
        "tools": [],
        "conversation": "resume",
        "prompt": None,
        "account": None,
        "decide": [],
        "budget": {"usd_per_day": None},
        "directory": ".",
        "workspace": None,
        "env": {},
        "secrets": {},
        "replicas": 1,
        "session": None,
        "after": [],
        "mode": "auto",
        "restart": {
            "policy": "always",
            "backoff": {"base": 1.0, "max": 60.0},
            "burst": {"count": 5, "window": 600.0},
        },
        "stop": {"quit": [], "grace": 15.0, "kill": 5.0},
        "heal": {"crash": None, "edit": None},
        "protect": False,
        "size": {"columns": None, "rows": None},
    }


def test_empty_fields_mean_their_defaults() -> None:
    empty = "env:\nsecrets:\nreplicas:\nrestart:\nstop: {grace: }\nsession:"
    assert spec(A, agent(empty)) == spec(A, agent())


def test_surprises_of_yaml_stay_text() -> None:
    env = spec(A, agent("env: {A: no, B: 012, C: 22:22, D: 2026-01-01, E: ~, F: 1_000, G: on}"))[
        "env"
    ]
    assert list(env.values()) == ["no", "012", "22:22", "2026-01-01", "~", "1_000", "on"]


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("[]", "schema/empty"),
        ('[""]', "schema/empty"),
        ('[a, ""]', "schema/empty"),
        ("[a, ]", ""),
        ("[-x]", "launch/program"),
        ("[A=b]", "launch/program"),
        ('["a\\0"]', "launch/nul"),
        ("sleep 1", "schema/type"),
        ("{a: b}", "schema/type"),
        ("[[a]]", "schema/type"),
        ("[a, {b: c}]", "schema/type"),
        ('["a\\nb"]', ""),
        ("[a, A=b, -x]", ""),
        (f"[{', '.join(['a'] * 1001)}]", "schema/long"),
        (f"[{'a' * 131_073}]", "schema/long"),
    ],
)
def test_commands(command: str, wanted: str) -> None:
    text = agent().replace("[sleep, 1]", command)
    _, problems = parse(A, "", text.encode())
    assert [p.rule for p in problems] == ([wanted] if wanted else [])


def test_runtimes() -> None:
    assert spec(A, agent("runtime: command"))["runtime"] == "command"
    assert rules(A, agent("runtime: claud")) == ["schema/choice"]
    for word in ["claude-code", "codex", "gemini", "fake"]:
        assert spec(A, runtime(word=word))["command"] is None
        assert rules(A, agent(f"runtime: {word}")) == ["agent/command-unused"]
    assert rules(A, agent().replace("command: [sleep, 1]", "{}")) == ["agent/no-command"]


@pytest.mark.parametrize(
    "field",
    [
        "model: opus",
        "permission: plan",
        "tools: [Read]",
        "prompt: Begin.",
        "account: team",
        "decide: [{tool: Bash, answer: ask}]",
        "budget: {usd_per_day: 1}",
    ],
)
def test_what_only_agents_have(field: str) -> None:
    assert rules(A, agent(field)) == ["agent/only-agents"]
    assert spec(A, runtime(field))["runtime"] == "claude-code"


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("permission: acceptEdits", ""),
        ("permission: auto_edit", "schema/choice"),
        ("permission: ''", "schema/empty"),
        ("model: claude-opus-4-8[1m]", ""),
        ("model: --help", "agent/model"),
        ("model: a b", "agent/model"),
        ("tools: [Read, 'Bash(git log:*)']", ""),
        ("tools: [--dangerously-skip-permissions]", "agent/tool"),
        ("conversation: new", "schema/choice"),
        ("prompt: |\n  Read the charter.\n  Then begin.", ""),
        ('prompt: "a\\u001bb"', "schema/text"),
        ('prompt: " "', "schema/empty"),
        (f"prompt: {'a' * 32_769}", "schema/long"),
        ("account: team-a", ""),
        ("account: a b", "schema/label"),
        ("decide: [{tool: Bash, answer: perhaps}]", "schema/choice"),
        ("decide: [{tool: Bash}]", "schema/missing-field"),
        ("decide: [{answer: allow}]", "schema/missing-field"),
        ("budget: {usd_per_day: 0}", ""),
        ("budget: {usd_per_day: 12.50}", ""),
        ("budget: {usd_per_day: -1}", "agent/dollars"),
        ("budget: {usd_per_day: 1e3}", "agent/dollars"),
        ("budget: {usd_per_day: nan}", "agent/dollars"),
        ("mode: manual", ""),
        ("mode: training", ""),
        ("mode: off", "schema/choice"),
    ],
)
def test_fields_of_a_runtime(field: str, wanted: str) -> None:
    _, problems = parse(A, "", runtime(field).encode())
    assert [p.rule for p in problems] == ([wanted] if wanted else [])


@pytest.mark.parametrize("name", ["NOVAORCH_UNIT", "TMUX", "TMUX_PANE"])
@pytest.mark.parametrize("where", ["env: {%s: x}", "secrets: {%s: env:X}"])
def test_reserved_variables(name: str, where: str) -> None:
    assert rules(A, agent(where % name)) == ["launch/env-reserved"]


@pytest.mark.parametrize(
    "literal",
    ["hunter2", "env:", "env:1A", "env:A B", "file:x", "file:~root/x", "ENV:A", "[x]", ""],
)
def test_a_literal_secret_is_refused_and_never_repeated(literal: str) -> None:
    written = literal if literal in {"", "[x]"} else f'"{literal}"'
    problems = found(A, agent(f"secrets: {{KEY: {written}}}"))
    assert problems[0].rule in {"launch/secret-literal", "schema/type", "schema/empty"}
    assert "hunter2" not in repr(problems)


@pytest.mark.parametrize("good", ["env:A", "env:_a1", "file:/run/secrets/x", "file:~/x y"])
def test_references(good: str) -> None:
    assert spec(A, agent(f'secrets: {{KEY: "{good}"}}'))["secrets"] == {"KEY": good}


@pytest.mark.parametrize(
    "spill",
    ["env: {A: {hunter2: x}}", "env: {A: [hunter2]}", "env: [hunter2]", "secrets: [hunter2]"],
)
def test_values_of_the_wrong_shape_are_not_repeated(spill: str) -> None:
    assert "hunter2" not in "".join(p.what + p.fix for p in found(A, agent(spill)))


def test_all_problems_of_a_file_come_at_once_and_in_order() -> None:
    text = agent("replicas: 0\nmode: on\nrestart: {polcy: never, backoff: {base: 5}}\nenv: {A: }")
    assert [(p.rule, p.line, p.column) for p in found(A, text)] == [
        ("schema/range", 6, 13),
        ("schema/choice", 7, 9),
        ("schema/unknown-field", 8, 13),
        ("schema/duration", 8, 43),
        ("schema/empty", 9, 12),
    ]


def test_text_problems_and_field_problems_come_together() -> None:
    assert rules(A, agent("mode: on\nmode: off\nenv: &a {A: b}")) == [
        "schema/choice",
        "yaml/duplicate-key",
        "yaml/anchor",
    ]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (agent("enviroment: {}"), "known: account, after"),
        (agent("replica: 2"), "did you mean `replicas`?"),
        (agent("restart: {polic: never}"), "did you mean `policy`?"),
        (agent("restart: {backoff: {bse: 1s}}"), "did you mean `base`?"),
        (agent() + "mode: auto\n", "move it below `spec`: spec.mode"),
        (agent() + "spek: {}\n", "did you mean `spec`?"),
        (agent("mode: stoped"), "did you mean `stopped`?"),
    ],
)
def test_did_you_mean_looks_at_the_leaf(text: str, fix: str) -> None:
    assert found(A, text)[0].fix.startswith(fix)


def test_unknown_kinds_and_versions_list_the_known_ones() -> None:
    problem = found(A, "apiVersion: novaorch/v1\nkind: Agnt\n")[0]
    assert problem.fix == "did you mean `Agent`?; known: Fleet, Session, Agent"
    assert "known: Agent, Fleet, Session" in found(A, "kind: Deployment\n")[0].fix
    assert "novaorch/v1" in found(A, agent().replace("novaorch/v1", "apps/v1"))[0].fix
    assert rules(A, "kind: [Agent]\n") == ["kind/unknown"]
    assert rules(A, "spec: {}\n") == ["schema/missing-field"]
    assert rules(A, agent().replace("apiVersion: novaorch/v1\n", "")) == ["schema/missing-field"]


def test_names() -> None:
    for name in ["Torch", "a_b", "-a", "a" * 49, "ä", "a.b", "a/b", '"#(id)"', '"a\\n"', "a b"]:
        assert rules(A, agent(name=name)) == ["name/unit"], name
    for name in ["a", "0", "a-b", "a" * 48, "1e3"]:
        manifest, _ = parse(A, "", agent(name=name).encode())
        assert manifest is not None
        assert manifest.name == name
    assert rules("p/agents/Bad_Name.yaml", agent()) == ["name/unit"]
    manifest, _ = parse("p/agents/Bad_Name.yaml", "", agent(name="good").encode())
    assert manifest is not None
    assert manifest.name == "good"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("heal: {crash: yes}", "schema/choice"),
        ("heal: {edit: Heal}", "schema/choice"),
        ("heal: warn", "schema/type"),
        ("heal: {crashes: warn}", "schema/unknown-field"),
        ("protect: yes", "schema/boolean"),
        ("restart: {burst: {count: 0}}", "schema/range"),
        ("restart: {burst: {window: 500ms}}", "schema/range"),
        ("restart: {burst: 5}", "schema/type"),
        ("stop: {quit: /exit}", "schema/type"),
        ('stop: {quit: ["a\\nb"]}', "launch/typed"),
        ('stop: {quit: ["\\u0003"]}', "launch/typed"),
        ('stop: {quit: [""]}', "schema/empty"),
        (f"stop: {{quit: [{'a, ' * 21}]}}", "schema/long"),
        ("stop: {quit: [q], kill: 601s}", "schema/range"),
        ("stop: {kill: 5s}", "launch/kill-unused"),
        ("stop: {quit: [], kill: 5s}", "launch/kill-unused"),
    ],
)
def test_care_that_is_refused(text: str, rule: str) -> None:
    assert rules(A, agent(text)) == [rule]


def test_care_that_is_left_empty_is_the_default() -> None:
    empty = "heal: {crash: , edit: }\nprotect:\nstop: {quit: , kill: }\nrestart: {burst: }"
    assert spec(A, agent(empty)) == spec(A, agent())


# -- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "tmux-orch/main", "My work @home +1, x_y"])
def test_session_names(name: str) -> None:
    assert spec(S, session(f'session: "{name}"'))["session"] == name


@pytest.mark.parametrize(
    "name",
    [
        "a.b",
        "a:b",
        "#(id)",
        "#{x}",
        "=a",
        "$1",
        "@1",
        "%1",
        "-d",
        "!",
        "a;",
        "a*",
        "😀",
        " a",
        "a" * 65,
    ],
)
def test_session_names_tmux_would_change_or_run(name: str) -> None:
    assert rules(S, session(f'session: "{name}"')) == ["session/name"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_by_name(layout: str) -> None:
    window = spec(S, session(f"windows: [{{layout: {layout}}}]"))["windows"][0]
    assert window["layout"] == layout


def test_layouts_by_string() -> None:
    # As tmux 3.3a printed it for a window of three panes.
    good = "d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}"
    cells = good[5:]
    assert spec(S, session(f'windows: [{{layout: "{good}"}}]'))["windows"][0]["layout"] == good
    for bad in ["0000," + cells, good.upper(), good + ";kill-server", cells, "", "x" * 5000]:
        assert rules(S, session(f'windows: [{{layout: "{bad}"}}]')) == ["session/layout"]


@given(st.text("0123456789x,[]{}\xff", max_size=80))
def test_layout_checksums_are_those_of_sixteen_bits(cells: str) -> None:
    total = ctypes.c_ushort(0)
    for byte in cells.encode():
        total = ctypes.c_ushort((total.value >> 1) + ((total.value & 1) << 15))
        total = ctypes.c_ushort(total.value + byte)
    assert layout_checksum(cells) == total.value


@pytest.mark.parametrize("name", ["", "#(id)", "a#b", "a\\nb", "\\u001b[31m", "x" * 65, "\\u202e"])
def test_window_names_tmux_would_run(name: str) -> None:
    expected = "session/window-name" if name else "schema/empty"
    assert rules(S, session(f'windows: [{{name: "{name}"}}]')) == [expected]


@pytest.mark.parametrize(
    "option",
    [
        "default-command",
        "default-shell",
        "lock-command",
        "status-left",
        "status-right",
        "update-environment",
        "destroy-unattached",
        "remain-on-exit",
        "window-size",
        "@novaorch_pane",
        "pane-died",
        "set-titles-string",
        "status-format",
        "pane-border-format",
        "window-status-format",
        "automatic-rename-format",
        "allow-passthrough",
        "copy-command",
        "editor",
        "user-keys",
        "command-alias",
    ],
)
def test_options_that_run_commands_or_are_ours_cannot_be_set(option: str) -> None:
    for place in ("options: {%s: x}", "windows: [{options: {%s: x}}]"):
        problem = found(S, session(place % f'"{option}"'))[0]
        assert problem.rule == "session/option-unknown"
        assert "known:" in problem.fix or "did you mean" in problem.fix
    assert option not in SESSION_OPTIONS | WINDOW_OPTIONS


@pytest.mark.parametrize("value", ["#(id)", "#{pane_id}", "a;", "a\\nb", "\\u001b[0m", ""])
def test_option_values_that_tmux_would_run(value: str) -> None:
    got = rules(S, session(f'options: {{status-style: "{value}"}}'))
    assert got in (["session/option-value"], ["schema/text"], ["schema/empty"])


def test_options() -> None:
    text = session('options: {mouse: on, status-style: "fg=#ff0000"}')
    assert spec(S, text)["options"] == {"mouse": "on", "status-style": "fg=#ff0000"}


def test_typed_lines() -> None:
    good = spec(S, session("windows: [{panes: [{type: ['ls; #(x)', 'é']}]}]"))
    assert good["windows"][0]["panes"][0]["type"] == ["ls; #(x)", "é"]
    for bad in ['"a\\nb"', '"\\u001b[201~"', '"\\t"', f'"{"x" * 4097}"', '""', '"\\u0003"']:
        text = session(f"windows: [{{panes: [{{type: [{bad}]}}]}}]")
        assert rules(S, text)[0] in {"launch/typed", "schema/long", "schema/empty"}


# -- the fleet ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:18000/0",
        "redis://localhost",
        "redis://[::1]:6379",
        "redis://127.9.9.9",
        "redis:///0",
        "unix:///run/redis.sock?db=1",
        "rediss://store.example.com:6380",
        "redis://nova@localhost:6379",
    ],
)
def test_stores(url: str) -> None:
    assert spec(F, fleet(f'store: {{url: "{url}"}}'))["store"]["url"] == url


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("redis://10.0.0.1", "fleet/store-open"),
        ("redis://store.example.com", "fleet/store-open"),
        ("redis://localhost.example.com", "fleet/store-open"),
        ("redis://127.0.0.1@evil.example.com", "fleet/store-open"),
        ("redis://0.0.0.0", "fleet/store-open"),
        ("redis://2130706433", "fleet/store-open"),
        ("redis://u:hunter2@localhost", "fleet/store-password"),
        ("rediss://:hunter2@h", "fleet/store-password"),
        ("redis://localhost?password=hunter2", "fleet/store-password"),
        ("unix://u:hunter2@/run/x", "fleet/store-password"),
        ("redis://localhost:99999", "fleet/store-url"),
        ("redis://[::1", "fleet/store-url"),
        ("http://localhost", "fleet/store-url"),
        ("unix://run", "fleet/store-url"),
        ("localhost:6379", "fleet/store-url"),
        ("hunter2", "fleet/store-url"),
        ("", "fleet/store-url"),
    ],
)
def test_stores_that_are_refused(url: str, rule: str) -> None:
    problems = found(F, fleet(f'store: {{url: "{url}"}}'))
    assert [p.rule for p in problems] == [rule]
    assert "hunter2" not in repr(problems)


def test_a_password_by_reference_opens_a_store_elsewhere() -> None:
    text = fleet('store: {url: "redis://10.0.0.1", password: "env:STORE"}')
    assert spec(F, text)["store"]["password"] == "env:STORE"
    assert rules(F, fleet("store: {password: hunter2}")) == ["launch/secret-literal"]


@pytest.mark.parametrize("name", ["novaorch", "a.b_c-1", "/run/user/1/tmux.sock"])
def test_sockets(name: str) -> None:
    assert spec(F, fleet(f"tmux: {{socket: {name}}}"))["tmux"]["socket"] == name


@pytest.mark.parametrize(
    "name", ["a b", "../x", ".", "..", "x" * 65, '"/a#(id)"', "~/x", '""', "/" * 200]
)
def test_sockets_that_are_refused(name: str) -> None:
    assert rules(F, fleet(f"tmux: {{socket: {name}}}")) == ["fleet/socket"]


@pytest.mark.parametrize(
    "name", ["-x", "--upload-pack=x", "a..b", "a@{1}", "a b", "a.lock", "a~1", "/a", "a:b", '""']
)
def test_branches_that_are_refused(name: str) -> None:
    assert rules(F, fleet(f"sync: {{branch: '{name.strip(chr(34))}'}}")) == ["fleet/branch"]


def test_limits_of_the_fleet() -> None:
    for text in [
        "sync: {poll: 100ms}",
        "tmux: {size: {columns: 19}}",
        "tmux: {size: {rows: 501}}",
        "tmux: {history: 1000001}",
        "limits: {stops: {percent: 101}}",
        "limits: {stops: {count: -1}}",
    ]:
        assert rules(F, fleet(text)) == ["schema/range"]
