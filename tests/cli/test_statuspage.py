"""One look at a fleet, as it is printed: what stands where, and in which colour."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from reconciler.cli.statuspage import (
    CYAN,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Picture,
    colour,
    counts,
    show_json,
)
from reconciler.cli.statuspage import show as print_look
from reconciler.core.agents import described
from reconciler.core.conditions import dated, unknown
from reconciler.core.fold import fold
from reconciler.core.tally import tally
from reconciler.model.agent import AgentReport, AgentState, Waiting
from reconciler.model.control import Restraints, Suspension, Withheld, Withholding
from reconciler.model.status import Status
from tests.bench import Bench
from tests.builders import agent, agent_id, desired

NEWER = Withheld("c" * 40, Withholding.REWOUND, "history was rewound", "novaorch apply --confirm x")


def look(bench: Bench, *suspended: str, withheld: tuple[Withheld, ...] = ()) -> Picture:
    thought = bench.think()
    now = thought.scene.world.taken_at
    said = tuple(Suspension(unit, "a demo", "Ada <a@b>", now, now + 3600) for unit in suspended)
    scene = replace(thought.scene, restraints=Restraints(suspensions=said))
    statuses = dated({}, fold(scene, thought.plan), now - 65)
    wish = replace(scene.desired, subject="Wish\x1b[31m for more")
    whole = tally("f", wish.commit, statuses, withheld, now)
    return Picture(wish, whole, statuses, now, said, "pid 7", "redis 7", thought.plan, ("their",))


def fleet() -> Bench:
    """`a` runs, `b` is on its way, `c` cannot start."""
    bench = Bench(desired(agent("a"))).run()
    bench.commit(desired(agent("a"), agent("b"), agent("c")))
    bench.host.refused[agent_id("c")] = ("no such command", "install it")
    return bench


def colours(picture: Picture) -> list[str]:
    return [colour(status) for status in picture.statuses]


def test_green_is_only_what_is_as_wished_and_kept_so() -> None:
    bench = fleet()
    assert colours(look(bench)) == [GREEN, CYAN, RED]
    assert colours(look(bench, "p")) == [YELLOW, YELLOW, YELLOW]
    assert colours(look(bench, agent_id("a"))) == [YELLOW, CYAN, RED]
    blind = unknown(look(bench, "p").statuses, "nobody looks")
    assert [colour(status) for status in blind] == [GREY] * 3


def test_a_page_says_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    print_look(look(fleet(), agent_id("a"), withheld=(NEWER,)))
    page = capsys.readouterr().out
    assert "\x1b" not in page
    lines = page.splitlines()
    assert lines[0].split()[:3] == ["UNIT", "READY", "STATE"]
    assert lines[1].startswith("p/agent/a  True")
    assert lines[1].endswith("suspended: a demo")
    assert lines[2].endswith("start is due: absent")
    assert lines[3].endswith("no such command; install it")
    rest = "\n".join(lines[4:])
    assert "Wish\\u{1b}[31m for more" in rest
    assert f"commit {'c' * 12} is withheld: history was rewound" in rest
    assert "to lift it: novaorch apply --confirm x" in rest
    assert "suspended: p/agent/a by Ada" in rest
    assert "others  their" in rest
    assert "units   1 of 3 ready, 1 on the way, 1 stalled, 1 suspended, 2 unwell" in rest
    assert lines[-1] == "Plan: 1 to start, 0 to update, 0 to restart, 0 to stop, 1 held."


def test_wide_shows_the_four_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    print_look(look(fleet()), wide=True)
    head, *rows = capsys.readouterr().out.splitlines()[:4]
    names = head.split()
    assert names[:7] == [
        "UNIT", "READY", "SINCE", "RECONCILING", "STALLED", "HEALTHY", "REASON",
    ]  # fmt: skip
    assert [row.split()[1:7] for row in rows] == [
        ["True", "1m5s", "False", "False", "True", "as-wished"],
        ["False", "1m5s", "True", "False", "False", "absent"],
        ["False", "1m5s", "False", "True", "False", "cannot-start"],
    ]


def test_records_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(look(fleet(), agent_id("a"), withheld=(NEWER,)))
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["type"] for r in records] == ["status", "status", "status", "foreign", "fleet"]
    assert records[0]["suspended"] == "a demo"
    assert [c["type"] for c in records[0]["conditions"]] == [
        "Ready", "Reconciling", "Stalled", "Healthy",
    ]  # fmt: skip
    whole = records[-1]
    assert (whole["moves"], whole["held"], whole["recorded"]) == (1, 1, False)
    assert whole["status"]["withheld"][0]["why"] == "rewound"
    assert whole["suspensions"][0]["by"] == "Ada <a@b>"


def test_what_is_recorded_says_that_it_is_no_look(capsys: pytest.CaptureFixture[str]) -> None:
    print_look(replace(look(fleet()), plan=None, recorded=True))
    assert capsys.readouterr().out.splitlines()[-1].startswith("This is what was written down")


def test_counts_say_only_what_is() -> None:
    empty: tuple[Status, ...] = ()
    assert counts(tally("f", "c", empty)) == "0 of 0 ready"
    assert (
        counts(tally("f", "c", unknown(look(fleet()).statuses, "x"))) == "0 of 3 ready, 3 unknown"
    )


def agents_page(
    capsys: pytest.CaptureFixture[str], *reports: AgentReport | None
) -> list[list[str]]:
    """Return the cells of the page of a fleet whose agents do this."""
    names = [f"a{n}" for n in range(len(reports))]
    picture = look(Bench(desired(*(agent(name) for name in names))).run())
    told = [replace(s, agent=r) for s, r in zip(picture.statuses, reports, strict=True)]
    print_look(replace(picture, statuses=tuple(told)))
    lines = capsys.readouterr().out.splitlines()[: len(reports) + 1]
    return [re.split(r"\s{2,}", line) for line in lines]


def test_what_agents_do_is_a_column_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert "AGENT" not in agents_page(capsys, None, None)[0]
    now = Bench(desired()).clock.now()
    head, *rows = agents_page(
        capsys,
        AgentReport(AgentState.BUSY, now - 5, 0.9, "hook: busy", since=now - 130),
        AgentReport(AgentState.WAITING, now - 3, 0.9, "hook: asks", Waiting.PERMISSION),
        AgentReport(AgentState.LIMITED, now - 3, 0.9, "limit", until=now + 3600),
        AgentReport(AgentState.IDLE, now - 3, 0.3, "screen: idle"),
        AgentReport(AgentState.IDLE, now - 3, 0.9, "hook: idle", conflicts=("screen: busy",)),
        None,
    )
    at = head.index("AGENT")
    assert head[at - 1 : at + 2] == ["STATE", "AGENT", "SESSION"]
    assert [row[at] for row in rows] == [
        "busy 2m10s",
        "waits: permission 3s",
        "limited for 1h0m",
        "idle? 3s",
        "idle? 3s",
        "-",
    ]
    assert [row[-1] for row in rows[1:3]] == ["hook: asks", "limit"]
    assert rows[4][-1] == "but screen: busy"


def test_a_budget_that_nobody_keeps_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    picture = look(Bench(desired(agent("a"))).run())
    told = described(picture.statuses, {}, {agent_id("a"): "budget cannot be enforced: no price"})
    print_look(replace(picture, statuses=told))
    assert "budget cannot be enforced: no price" in capsys.readouterr().out
