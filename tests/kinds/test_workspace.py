"""`workspace` in an agent's file: what it becomes, what it refuses, where the agent then runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.build import Memo, build
from reconciler.core.change import changes, worst
from reconciler.kinds.parse import parse
from reconciler.model.ids import UnitId
from reconciler.model.unit import Desired, Disruption, Training, Workspace
from tests.kinds.desk import FLEET, HOME, ROOT, agent, as_bytes, blobs, fleet, parsed, tree, wish

PATH = f"{HOME}/.local/share/novaorch/workspaces/fleet/p/a"
A = "p/agents/a.yaml"


def with_tree(said: str = "{}", more: str = "") -> Desired:
    return wish({A: agent(f"workspace: {said}\n{more}")})


def the_tree(desired: Desired) -> Workspace:
    assert desired.problems == ()
    (found,) = desired.workspaces.values()
    return found


def rules(text: str) -> list[str]:
    return [p.rule for p in parse(A, "0" * 40, as_bytes(agent(text)))[1]]


def test_an_empty_workspace_is_the_usual_one() -> None:
    desired = with_tree()
    found = the_tree(desired)
    assert found.id == "p/workspace/a"
    assert found.agent == "p/agent/a"
    assert (found.repository, found.path, found.base) == (ROOT, PATH, "")
    assert found.training == Training()
    assert not found.protect
    process = desired.processes[UnitId("p/agent/a")]
    assert process.workspace == found.id
    assert process.launch.directory == PATH


def test_everything_that_can_be_said() -> None:
    found = the_tree(
        with_tree(
            "{repository: ../x/../repo/sub, base: main, merge: ff, gate: [[pytest, -q], [x]], "
            'gate-timeout: 15m, keep-out: ["*.log", build/], file-max: 2MB, prompts: hash, '
            "settle: 3s}".replace("../x/../repo/sub", "sub/tree"),
            "protect: true",
        )
    )
    assert found.repository == f"{ROOT}/sub/tree"
    assert found.base == "main"
    assert found.protect
    assert found.training == Training(
        "ff", (("pytest", "-q"), ("x",)), 900.0, ("*.log", "build/"), 2 * 2**20, "hash", 3.0
    )


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("{repository: ../elsewhere}", "directory/outside"),
        ("{repository: ~other/x}", "directory/user"),
        ('{repository: "a#b"}', "directory/unsafe"),
    ],
)
def test_a_repository_that_cannot_be_meant_holds_the_agent(said: str, rule: str) -> None:
    desired = with_tree(said)
    assert [p.rule for p in desired.problems] == [rule]
    assert not desired.processes
    assert not desired.workspaces
    assert UnitId("p/agent/a") in (desired.broken or {})


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("workspace: {base: -x}", "fleet/branch"),
        ("workspace: {base: a..b}", "fleet/branch"),
        ("workspace: {base: training/p/a/1}", "workspace/base"),
        ("workspace: {merge: rebase}", "schema/choice"),
        ("workspace: {gate: [[]]}", "schema/empty"),
        ("workspace: {gate: [-rf]}", "schema/type"),
        ("workspace: {gate: [[-rf]]}", "launch/program"),
        ("workspace: {file-max: 5}", "workspace/size"),
        ("workspace: {file-max: 2GB}", "schema/range"),
        ("workspace: {file-max: 0MB}", "workspace/size"),
        ("workspace: {keep-out: [/etc]}", "workspace/pattern"),
        ("workspace: {keep-out: [a/../../b]}", "workspace/pattern"),
        ("workspace: {prompts: all}", "schema/choice"),
        ("workspace: {settle: 0s}", "schema/range"),
        ("workspace: {gate_timeout: 1m}", "schema/unknown-field"),
        ("workspace: yes", "schema/type"),
    ],
)
def test_what_is_refused(said: str, rule: str) -> None:
    assert rules(said) == [rule]


def test_a_directory_is_one_of_the_work_tree() -> None:
    desired = with_tree(more="directory: sub/dir")
    assert desired.processes[UnitId("p/agent/a")].launch.directory == f"{PATH}/sub/dir"


@pytest.mark.parametrize("directory", ["/srv", "~/x", "~", "..", "../b", "x/../..", ".git/hooks"])
def test_a_directory_elsewhere_is_refused(directory: str) -> None:
    desired = with_tree(more=f'directory: "{directory}"')
    assert [p.rule for p in desired.problems] == ["workspace/directory"]
    assert not desired.workspaces


def test_each_replica_has_a_tree_of_its_own() -> None:
    desired = with_tree(more="replicas: 2")
    assert {u: w.path for u, w in desired.workspaces.items()} == {
        "p/workspace/a-0": f"{PATH}-0",
        "p/workspace/a-1": f"{PATH}-1",
    }
    assert {p.workspace for p in desired.processes.values()} == set(desired.workspaces)


def test_the_folder_is_named_by_fleet_and_given_from_outside() -> None:
    files = {"fleet.yaml": fleet("{}").replace("spec:", "metadata: {name: north}\nspec:")}
    files |= {A: agent("workspace: {}")}
    made = build(tree(blobs(files)), parsed(files), ROOT, HOME, workspaces="/data/trees")
    assert the_tree(made).path == "/data/trees/north/p/a"


def test_a_folder_that_tmux_would_expand_is_refused() -> None:
    files = {"fleet.yaml": FLEET, A: agent("workspace: {}")}
    made = build(tree(blobs(files)), parsed(files), ROOT, HOME, workspaces="/da#ta")
    assert [p.rule for p in made.problems] == ["directory/unsafe"]


def test_limits_hold_for_the_repository_and_not_for_the_tree() -> None:
    inside = wish({"fleet.yaml": fleet(f"limits: {{roots: [{ROOT}]}}"), A: agent("workspace: {}")})
    assert inside.problems == ()
    outside = wish({"fleet.yaml": fleet("limits: {roots: [/srv]}"), A: agent("workspace: {}")})
    assert [p.rule for p in outside.problems] == ["directory/not-allowed"]


def test_training_without_a_workspace_is_said_and_passed_over() -> None:
    desired = wish({A: agent("mode: training\nreplicas: 2")})
    assert [p.rule for p in desired.problems] == ["training/no-workspace"]
    assert desired.settled
    assert len(desired.processes) == 2
    assert wish({A: agent("mode: training\nworkspace: {}")}).problems == ()


def test_who_gets_another_tree_is_started_anew_and_who_keeps_it_is_not() -> None:
    def cost(before: Desired, after: Desired) -> Disruption:
        old, new = (d.processes[UnitId("p/agent/a")] for d in (before, after))
        return worst(changes(new.fields, {f.name: f.value for f in old.fields}))

    plain, usual = wish({A: agent()}), with_tree()
    assert cost(plain, usual) >= Disruption.RESTART
    assert cost(usual, plain) >= Disruption.RESTART
    assert cost(usual, with_tree("{repository: sub}")) >= Disruption.RESTART
    hot = with_tree("{base: dev, merge: ff, settle: 1s}")
    assert cost(usual, hot) is Disruption.HOT
    assert usual.processes[UnitId("p/agent/a")].digest == hot.processes[UnitId("p/agent/a")].digest
    assert the_tree(usual).digest != the_tree(hot).digest


def test_who_is_held_asks_for_no_tree() -> None:
    desired = wish({A: agent("workspace: {}\nafter: [nobody]")})
    assert not desired.processes
    assert not desired.workspaces


def test_a_tree_that_did_not_change_is_no_work() -> None:
    files = {"fleet.yaml": FLEET, A: agent("workspace: {}"), "p/agents/b.yaml": agent()}
    memo: Memo = {}
    first_ = build(tree(blobs(files)), parsed(files), ROOT, HOME, memo)
    files["p/agents/b.yaml"] = agent("env: {A: b}")
    second = build(tree(blobs(files)), parsed(files), ROOT, HOME, memo)
    assert the_tree(first_) is the_tree(second)
    assert replace(second, processes={}, frames={}).workspaces == first_.workspaces


def test_the_key_that_signs_work_lies_outside_the_repository() -> None:
    good = wish({"fleet.yaml": fleet("training: {key: ~/.ssh/id_ed25519}")})
    assert good.fleet.training_key == f"{HOME}/.ssh/id_ed25519"
    assert wish({}).fleet.training_key == ""
    bad = wish({"fleet.yaml": fleet(f"training: {{key: {ROOT}/key}}")})
    assert "fleet/journal-key" in [p.rule for p in bad.problems]
