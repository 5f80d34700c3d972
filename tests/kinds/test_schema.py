"""The kinds as schemas: what each field costs to change, and what editors are told."""

from __future__ import annotations

import json
from typing import Annotated, Any, get_args, get_type_hints, is_typeddict

import pytest
from pydantic import BaseModel

from reconciler.kinds import KINDS, SHAPE, disruption, fleetshape, shape
from reconciler.kinds.parse import parse
from reconciler.kinds.schema import _classes, inside, json_schema
from reconciler.kinds.specs.agent import AgentSpec
from reconciler.kinds.specs.document import DOCUMENTS
from reconciler.kinds.specs.fleet import FleetSpec
from reconciler.kinds.specs.session import SessionSpec
from reconciler.model.ids import digest
from reconciler.model.unit import Disruption
from tests.kinds.desk import agent, fleet, runtime, session, wish
from tests.kinds.publickeys import ED25519

HOT, BOUNDARY, RESTART, RECREATE = "HOT", "BOUNDARY", "RESTART", "RECREATE"

# A change here is a change of what an upgrade does to people's fleets: say so in the changelog.
TABLE = {
    "Fleet": {
        "tmux.socket": RECREATE,
        "tmux.config": HOT,
        "tmux.size.columns": HOT,
        "tmux.size.rows": HOT,
        "tmux.history": HOT,
        "store.url": HOT,
        "store.password": HOT,
        "sync.branch": HOT,
        "sync.poll": HOT,
        "sync.rewind": HOT,
        "sync.windows[].allow": HOT,
        "sync.windows[].deny": HOT,
        "sync.windows[].duration": HOT,
        "sync.windows[].timezone": HOT,
        "sync.windows[].overrun": HOT,
        "sync.canary.first": HOT,
        "sync.canary.above": HOT,
        "sync.canary.bake": HOT,
        "verify.commits": HOT,
        "principals[].name": HOT,
        "principals[].ssh": HOT,
        "principals[].gpg": HOT,
        "principals[].from": HOT,
        "principals[].until": HOT,
        "principals[].revoked": HOT,
        "limits.stops.count": HOT,
        "limits.stops.percent": HOT,
        "limits.stops.delay": HOT,
        "limits.restarts.count": HOT,
        "limits.restarts.window": HOT,
        "limits.typing": HOT,
        "limits.roots": HOT,
        "heal.crash": HOT,
        "heal.edit": HOT,
        "journal.key": HOT,
        "journal.keep": HOT,
        "gate.port": HOT,
        "training.key": HOT,
        **dict.fromkeys(
            ("remote.url", "remote.branch", "remote.interval", "remote.protocols"), HOT
        ),
        **dict.fromkeys(("remote.credentials", "remote.key", "remote.push"), HOT),
        "remote.webhook": HOT,
    },
    "Charter": {},
    "Session": {
        "session": HOT,
        "adopt": HOT,
        "directory": RESTART,
        "size.columns": HOT,
        "size.rows": HOT,
        "env.*": RESTART,
        "options.*": HOT,
        "heal.crash": HOT,
        "heal.edit": HOT,
        "protect": HOT,
        "windows[].name": HOT,
        "windows[].layout": HOT,
        "windows[].directory": RESTART,
        "windows[].focus": HOT,
        "windows[].options.*": HOT,
        "windows[].env.*": RESTART,
        "windows[].panes[].command": RESTART,
        "windows[].panes[].agent": HOT,
        "windows[].panes[].type": RESTART,
        "windows[].panes[].directory": RESTART,
        "windows[].panes[].env.*": RESTART,
        "windows[].panes[].secrets.*": RESTART,
        "windows[].panes[].focus": HOT,
        "windows[].panes[].restart.policy": HOT,
        "windows[].panes[].restart.backoff.base": HOT,
        "windows[].panes[].restart.backoff.max": HOT,
        "windows[].panes[].restart.burst.count": HOT,
        "windows[].panes[].restart.burst.window": HOT,
        "windows[].panes[].stop.quit": HOT,
        "windows[].panes[].stop.grace": HOT,
        "windows[].panes[].stop.kill": HOT,
        "labels.*": HOT,
    },
    "Agent": {
        "runtime": RESTART,
        "command": RESTART,
        "model": BOUNDARY,
        "permission": BOUNDARY,
        "tools": BOUNDARY,
        "conversation": HOT,
        "prompt": HOT,
        "account": HOT,
        "decide[].tool": HOT,
        "decide[].match": HOT,
        "decide[].answer": HOT,
        "budget.usd_per_day": HOT,
        "directory": RESTART,
        "workspace.repository": RECREATE,
        "workspace.base": HOT,
        "workspace.merge": HOT,
        "workspace.gate": HOT,
        "workspace.gate-timeout": HOT,
        "workspace.keep-out": HOT,
        "workspace.file-max": HOT,
        "workspace.prompts": HOT,
        "workspace.settle": HOT,
        "env.*": RESTART,
        "secrets.*": RESTART,
        "replicas": RECREATE,
        "session": HOT,
        "after": HOT,
        "mode": HOT,
        "restart.policy": HOT,
        "restart.backoff.base": HOT,
        "restart.backoff.max": HOT,
        "restart.burst.count": HOT,
        "restart.burst.window": HOT,
        "stop.quit": HOT,
        "stop.grace": HOT,
        "stop.kill": HOT,
        "heal.crash": HOT,
        "heal.edit": HOT,
        "protect": HOT,
        "size.columns": HOT,
        "size.rows": HOT,
        "labels.*": HOT,
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_field_costs(kind: str) -> None:
    assert {name: cost.name for name, cost in disruption(kind).items()} == TABLE[kind]


def test_a_field_without_a_class_is_an_error() -> None:
    class Careless(BaseModel):
        good: Annotated[int, Disruption.HOT] = 0
        bad: int = 0

    with pytest.raises(LookupError, match=r"Careless\.bad"):
        list(_classes(Careless, ""))


def test_no_such_kind() -> None:
    with pytest.raises(LookupError, match="no kind Nope; known: Fleet"):
        disruption("Nope")
    with pytest.raises(LookupError):
        json_schema("Nope")


def test_the_shape_of_what_is_cached_has_a_name() -> None:
    found = digest({kind: [*disruption(kind)] for kind in KINDS})
    assert found == SHAPE, "the fields changed: write this digest into reconciler/kinds/__init__.py"


def test_lowered_fields_carry_the_classes_of_the_table() -> None:
    desired = wish(
        {
            "p/charter.md": "# T\n",
            "p/agents/a.yaml": agent(
                "env: {A: b}\nsecrets: {S: env:S}\nsession: s\nafter: [b]\n"
                "heal: {crash: warn, edit: heal}\nprotect: true\n"
                "restart: {burst: {count: 2, window: 1m}}\nstop: {quit: [/exit], kill: 1s}\n"
                "workspace: {}"
            ).replace("{name: }", "{labels: {l: m}}"),
            "p/agents/b.yaml": agent(),
            "p/agents/c.yaml": runtime(
                "model: opus\npermission: plan\ntools: [Read]\nconversation: fresh\n"
                "prompt: Begin.\naccount: team\nbudget: {usd_per_day: 2}\n"
                "decide: [{tool: Bash, match: 'git *', answer: allow}]"
            ),
            "p/sessions/s.yaml": session(
                "options: {mouse: on}\nprotect: true\nheal: {edit: ignore}\n"
                "windows: [{name: d, options: {mode-keys: vi}, panes: "
                "[{command: [x], type: [y], env: {A: b}, secrets: {S: env:S}}]}]"
            ),
        }
    )
    assert desired.problems == ()
    seen = set()
    agents, panes = TABLE["Agent"], TABLE["Session"]
    for unit, process in desired.processes.items():
        for field in process.fields:
            group = field.name.partition(".")[0]
            name = f"{group}.*" if group in {"env", "secrets", "labels"} else field.name
            own = unit.kind == "session"
            table = {k.rpartition("[].")[2]: v for k, v in panes.items()} if own else agents
            if group == "decide":
                seen |= {known for known in agents if known.startswith("decide[].")}
                name = "decide[].tool"
            if name != "charter":
                assert field.disruption.name == table[name], field
            seen.add(name)
    (tree,) = desired.workspaces.values()
    for field in tree.fields:
        name = field.name if field.name == "protect" else f"workspace.{field.name}"
        assert field.disruption.name == agents[name], field
        seen.add(name)
    assert seen >= set(agents) - {"replicas", "size.columns", "size.rows"}
    for frame in desired.frames.values():
        assert {field.disruption for field in frame.fields} == {Disruption.HOT}


# -- shapes: what lowering reads is what the models dump ------------------------------------------


def _mirrors(typed: Any, dumped: Any) -> None:
    assert is_typeddict(typed)
    hints = get_type_hints(typed)
    assert hints.keys() == dumped.keys(), typed
    for name, hint in hints.items():
        inner = dumped[name]
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            _mirrors(hint.__args__[0], inner[0])
        for below in (hint, *get_args(hint)):
            if is_typeddict(below) and isinstance(inner, dict):
                _mirrors(below, inner)


def test_shapes_mirror_the_specs() -> None:
    dumped = SessionSpec.model_validate({"windows": [{"panes": [{}]}]}).model_dump(mode="json")
    _mirrors(shape.SessionShape, dumped)
    ruled = {"runtime": "codex", "decide": [{"tool": "*", "answer": "ask"}], "workspace": {}}
    made = AgentSpec.model_validate(ruled).model_dump(mode="json", by_alias=True)
    _mirrors(shape.AgentShape, made)
    everything = {
        "sync": {"windows": [{"allow": "0 9 * * *", "duration": "8h"}], "canary": {}},
        "principals": [{"name": "ada", "ssh": ED25519}],
    }
    full = FleetSpec.model_validate(everything).model_dump(mode="json", by_alias=True)
    _mirrors(fleetshape.FleetShape, full)
    assert dumped["windows"][0]["panes"][0] == shape.SHELL_PANE
    assert {**dumped["windows"][0], "panes": [shape.SHELL_PANE]} == shape.SHELL_WINDOW


# -- JSON Schema ----------------------------------------------------------------------------------


def _objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for part in schema for found in _objects(part)]
    if not isinstance(schema, dict):
        return []
    mine = [schema] if "properties" in schema else []
    return mine + [found for part in schema.values() for found in _objects(part)]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_closed_and_described(kind: str) -> None:
    schema = json_schema(kind)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for found in _objects(schema):
        assert found["additionalProperties"] is False
        assert found["description"]


@pytest.mark.parametrize("kind", ["Fleet", "Session", "Agent"])
def test_every_field_of_a_spec_is_described(kind: str) -> None:
    definitions = json_schema(kind)["$defs"]
    assert isinstance(definitions, dict)
    for name, found in definitions.items():
        assert isinstance(found, dict)
        for field, told in found["properties"].items():  # type: ignore[union-attr]
            assert told.get("description"), f"{name}.{field}"  # type: ignore[union-attr]


def test_schemas_say_what_a_person_writes() -> None:
    text = json.dumps(json_schema("Agent"))
    assert '"apiVersion"' in text
    assert "api_version" not in text
    agent_fields = json_schema("Agent")["$defs"]["AgentSpec"]["properties"]  # type: ignore
    assert agent_fields["replicas"]["maximum"] == 500  # type: ignore
    grace = json_schema("Agent")["$defs"]["StopSpec"]["properties"]["grace"]  # type: ignore
    assert grace["type"] == "string"  # type: ignore
    assert grace["default"] == "15s"  # type: ignore


def test_inside_finds_the_leaf() -> None:
    found = inside(DOCUMENTS["Session"], ("spec", "windows", 3, "panes", 0, "restart", "backoff"))
    assert found is not None
    assert set(found.model_fields) == {"base", "max"}
    assert inside(DOCUMENTS["Session"], ("spec", "env", "A")) is None
    assert inside(DOCUMENTS["Session"], ("nope", 1)) is None


def test_examples_of_every_kind_parse() -> None:
    for path, text in [
        ("fleet.yaml", fleet("sync: {poll: 2s}")),
        ("p/sessions/s.yaml", session()),
        ("p/agents/a.yaml", agent()),
    ]:
        manifest, problems = parse(path, "", text.encode())
        assert (manifest is not None, problems) == (True, ())
