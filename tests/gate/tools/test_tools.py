"""Each tool as an agent meets it: what it says, what it refuses, and with which word."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from reconciler.core.admission import FULL, INBOX_MAX, PER_MINUTE
from reconciler.core.mcpwire import answered
from reconciler.core.toolbox import ToolError
from reconciler.gate.tools.belt import Toolbelt
from reconciler.gate.tools.means import CODES
from reconciler.gate.tools.table import INSTRUCTIONS, TOOLS
from reconciler.model.ids import Json, UnitId
from reconciler.model.message import BODY_BYTES_MAX, Message, Proof, Stage
from reconciler.model.training import HeldBack, Recorded
from tests.gate.tools.stage import ASH, FAR, TORCH, Fleet

TOKENS_MAX = 2_000


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def tokens(text: str) -> int:
    """Count high: a piece for every five letters of a word, and one for every two signs."""
    words = re.findall(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9\s]+", text)
    return sum(-(-len(word) // (5 if word.isalpha() else 2)) for word in words)


# -- the table -------------------------------------------------------------------------------------


def test_all_tools_together_are_small(fleet: Fleet) -> None:
    server = Toolbelt(fleet.means(), "1.2").serving(TORCH)
    said = answered(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', server) or b""
    listed = json.dumps(json.loads(said)["result"]["tools"], separators=(",", ":"))
    assert len(listed) / 4 <= TOKENS_MAX
    assert tokens(listed + INSTRUCTIONS) <= TOKENS_MAX


def test_every_tool_is_carried_out_and_none_is_twice(fleet: Fleet) -> None:
    belt = Toolbelt(fleet.means(), "1.2")
    names = [tool.name for tool in TOOLS]
    assert len(set(names)) == len(names) == 13
    assert set(belt._carriers) == set(names)
    with pytest.raises(ToolError):
        belt.call(TORCH, "nothing", {})


# -- work -----------------------------------------------------------------------------------------


def test_work_is_saved_in_training_and_in_no_other_mode(fleet: Fleet) -> None:
    assert fleet.code(TORCH, "save_work") == "not-allowed"
    fleet.seat(TORCH, mode="training")
    assert fleet.told(TORCH, "save_work") == {"note": "nothing changed since your last commit"}
    held = HeldBack(".env", "secret", "it looks like a key")
    fleet.saved = Recorded(TORCH, "c" * 40, "training/web/torch/1", 1, 2, 3, (held,))
    assert fleet.told(TORCH, "save_work", message="half of it") == {
        "commit": "c" * 40,
        "branch": "training/web/torch/1",
        "files": 3,
        "held_back": [{"path": ".env", "rule": "secret", "why": "it looks like a key"}],
    }
    assert fleet.wanted[-1] == (TORCH, str(TORCH), "half of it")


# -- who -------------------------------------------------------------------------------------------


def test_whoami(fleet: Fleet) -> None:
    fleet.told(ASH, "send_message", to="torch", body="hello")
    said = fleet.told(TORCH, "whoami")
    assert said == {
        "id": "web/agent/torch",
        "project": "web",
        "name": "torch",
        "fleet": "demo",
        "commit": "a" * 12,
        "mode": "auto",
        "state": "idle",
        "labels": {"role": "lead"},
        "directory": "/srv/web",
        "runtime": "claude-code",
        "model": "opus",
        "unread": 1,
    }


def test_one_that_left_the_fleet_is_told(fleet: Fleet) -> None:
    gone = UnitId("web/agent/gone")
    assert "not ask for you any more" in fleet.told(gone, "whoami")["note"]


def test_list_agents(fleet: Fleet) -> None:
    fleet.waits(ASH)
    fleet.told(ASH, "report_status", text="reads\nthe \x1b[31mtests")
    fleet.pause(5)
    rows = {row["id"]: row for row in fleet.told(TORCH, "list_agents")["agents"]}
    assert list(rows) == [FAR, ASH, TORCH]
    assert rows[TORCH]["you"] is True
    assert rows[ASH]["waits_for"] == "permission"
    assert (rows[ASH]["says"], rows[ASH]["said_s_ago"]) == ("reads the [31mtests", 5)
    assert fleet.told(TORCH, "list_agents", who="@role=hand")["count"] == 2
    assert [r["id"] for r in fleet.told(TORCH, "list_agents", who="web/ash")["agents"]] == [ASH]
    assert fleet.code(TORCH, "list_agents", who="@role=king") == "unknown-agent"


def test_one_that_does_not_run_is_not_called_idle(fleet: Fleet) -> None:
    fleet.seat(ASH, pane="", pid=0)
    rows = {row["id"]: row for row in fleet.told(TORCH, "list_agents")["agents"]}
    assert rows[ASH]["state"] == "not running"


# -- messages --------------------------------------------------------------------------------------


def test_a_message_goes_from_one_to_the_other_and_back(fleet: Fleet) -> None:
    (sent,) = fleet.told(TORCH, "send_message", to="web/ash", body="hello", priority="high")[
        "messages"
    ]
    assert (sent["to"], sent["stage"]) == (ASH, "accepted")
    (got,) = fleet.told(ASH, "read_inbox")["messages"]
    assert (got["id"], got["from"], got["body"]) == (sent["id"], TORCH, "hello")
    assert got["priority"] == "high"
    kept = fleet.mail.find(sent["id"])
    assert kept is not None
    assert kept.stage is Stage.READ
    assert kept.proofs[-1].evidence.startswith("read_inbox")
    assert fleet.told(ASH, "read_inbox") == {"messages": [], "left": 0}

    (answer,) = fleet.told(ASH, "reply", id=sent["id"], body="hi")["messages"]
    (back,) = fleet.told(TORCH, "read_inbox")["messages"]
    assert (back["id"], back["reply_to"]) == (answer["id"], sent["id"])


def test_a_message_to_many_has_a_receipt_each(fleet: Fleet) -> None:
    said = fleet.told(TORCH, "send_message", to="@all", body="hello")
    assert {row["to"] for row in said["messages"]} == {ASH, FAR}
    assert said["count"] == 2


def test_a_key_is_kept_once(fleet: Fleet) -> None:
    first = fleet.told(TORCH, "send_message", to="web/ash", body="hello", key="k")["messages"]
    again = fleet.told(TORCH, "send_message", to="web/ash", body="hello", key="k")["messages"]
    assert first[0]["id"] == again[0]["id"]
    assert "before" in again[0]["note"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"to": "tourch", "body": "x"}, "unknown-agent"),
        ({"to": "ash", "body": "x"}, "invalid"),  # two are called so
        ({"to": "novaorch", "body": "x"}, "unknown-agent"),
        ({"to": "web/ash", "body": " \n"}, "invalid"),
        ({"to": "web/ash", "body": "x" * (BODY_BYTES_MAX + 1)}, "too-large"),
        ({"to": "web/ash", "body": "x", "priority": "urgent"}, "invalid"),
        ({"to": "web/ash", "body": "x", "key": "k" * 101}, "invalid"),
        ({"to": "web/ash", "body": "x", "reply_to": "m1"}, "unknown-message"),
        ({"to": "web/ash", "body": "x", "wait_s": -1}, "invalid"),
        ({"to": "web/ash"}, "invalid"),
        ({"to": 7, "body": "x"}, "invalid"),
    ],
)
def test_what_cannot_be_sent_is_said_with_a_word(
    fleet: Fleet, arguments: dict[str, str], code: str
) -> None:
    assert fleet.code(TORCH, "send_message", **arguments) == code
    assert code in CODES
    assert not fleet.mail.receivers()


def test_a_near_miss_is_named(fleet: Fleet) -> None:
    error = fleet.told(ASH, "send_message", to="tourch", body="x")["error"]
    assert "torch" in error["why"] + error["fix"]


def test_a_full_inbox_is_an_error(fleet: Fleet) -> None:
    for number in range(INBOX_MAX):
        fleet.mail.accept([Message(f"x{number}", "person:Ada", ASH, "x", 1.0)])
    error = fleet.told(TORCH, "send_message", to="web/ash", body="x")["error"]
    assert (error["code"], error["why"]) == ("inbox-full", FULL)
    assert fleet.told(TORCH, "send_message", to="@all", body="x")["not_delivered"] == [ASH]


def test_too_many_in_a_minute_are_refused(fleet: Fleet) -> None:
    for _ in range(PER_MINUTE):
        fleet.told(TORCH, "send_message", to="web/ash", body="x")
    assert fleet.code(TORCH, "send_message", to="web/ash", body="x") == "too-many"
    assert fleet.told(ASH, "send_message", to="torch", body="x")["count"] == 1
    fleet.pause(60)
    assert fleet.told(TORCH, "send_message", to="web/ash", body="x")["count"] == 1


def test_waiting_ends_with_the_proof_or_with_the_time(fleet: Fleet) -> None:
    began = fleet.hour
    said = fleet.told(TORCH, "send_message", to="web/ash", body="x", wait_s=2)
    assert said["messages"][0]["stage"] == "accepted"
    assert 2 <= fleet.hour - began < 2.2

    def proved(seconds: float) -> None:
        fleet.hour += seconds
        for kept in fleet.mail.inbox(ASH):
            proof = Proof(Stage.SUBMITTED, fleet.hour, "hook")
            fleet.mail.prove([(kept.message.id, proof)])

    fleet.pause = proved  # type: ignore[method-assign]
    fleet.belt = None
    began = fleet.hour
    said = fleet.told(TORCH, "send_message", to="web/ash", body="y", wait_s=20)
    assert said["messages"][0]["stage"] == "submitted"
    assert fleet.hour - began < 1


def test_what_is_on_its_way_is_not_read_twice(fleet: Fleet) -> None:
    ids = [
        fleet.told(TORCH, "send_message", to="web/ash", body=body)["messages"][0]["id"]
        for body in ("first", "second")
    ]
    fleet.mail.prove([(ids[0], Proof(Stage.INJECTED, fleet.hour, "pasted"))])
    said = fleet.told(ASH, "read_inbox")
    assert [one["body"] for one in said["messages"]] == ["second"]
    assert said["arriving"] == 1
    # by its id it is given all the same: somebody wants to see it again
    assert fleet.told(ASH, "read_inbox", id=ids[0])["messages"][0]["body"] == "first"


def test_an_inbox_is_read_in_portions_of_whole_messages(fleet: Fleet) -> None:
    for number in range(3):
        fleet.told(TORCH, "send_message", to="web/ash", body=f"{number}" * 20_000)
    first = fleet.told(ASH, "read_inbox")
    assert ([len(one["body"]) for one in first["messages"]], first["left"]) == ([20_000], 2)
    assert fleet.told(ASH, "read_inbox", limit=1)["left"] == 1
    fleet.told(TORCH, "send_message", to="web/ash", body="x" * 60_000, priority="high")
    assert len(fleet.told(ASH, "read_inbox")["messages"][0]["body"]) == 60_000


def test_nobody_reads_what_is_not_theirs(fleet: Fleet) -> None:
    (sent,) = fleet.told(TORCH, "send_message", to="web/ash", body="secret")["messages"]
    assert fleet.code(FAR, "read_inbox", id=sent["id"]) == "unknown-message"
    assert fleet.code(FAR, "reply", id=sent["id"], body="x") == "unknown-message"
    assert fleet.told(FAR, "verify_message", id=sent["id"])["genuine"] is False
    kept = fleet.mail.find(sent["id"])
    assert kept is not None
    assert kept.stage is Stage.ACCEPTED
    # whoever sent it may look at it, and it is not read by that
    assert fleet.told(TORCH, "read_inbox", id=sent["id"])["messages"][0]["body"] == "secret"
    assert fleet.mail.find(sent["id"]) == kept


def test_verify_says_who_really_sent_it(fleet: Fleet) -> None:
    (sent,) = fleet.told(TORCH, "send_message", to="web/ash", body="do this " * 60)["messages"]
    said = fleet.told(ASH, "verify_message", id=sent["id"])
    assert (said["genuine"], said["from"], said["to"]) == (True, TORCH, ASH)
    assert said["begins"] == ("do this " * 60)[:200]
    # neither a made up id nor the beginning of a real one is one
    assert fleet.told(ASH, "verify_message", id=sent["id"][:20])["genuine"] is False
    assert fleet.told(ASH, "verify_message", id="m" + "0" * 26)["genuine"] is False


def test_novaorch_is_not_answered(fleet: Fleet) -> None:
    name = fleet.mint()
    fleet.mail.accept([Message(name, "novaorch", ASH, "limits", 1.0)])
    assert fleet.code(ASH, "reply", id=name, body="thanks") == "not-allowed"


# -- charter, insights, decisions, proposals -------------------------------------------------------


def test_charter(fleet: Fleet) -> None:
    assert fleet.told(TORCH, "read_charter")["text"].startswith("# Web")
    assert fleet.told(TORCH, "read_charter", section="goals")["text"].strip() == "## Goals\n\nWin."
    error = fleet.told(TORCH, "read_charter", section="gaols")["error"]
    assert error["code"] == "unknown-section"
    assert "Goals" in error["why"]
    assert fleet.code(FAR, "read_charter") == "unknown-section"


def test_insights_are_kept_once_and_found(fleet: Fleet) -> None:
    first = fleet.told(TORCH, "share_insight", text="tmux targets match by prefix", labels=["tmux"])
    assert first["kept"] == "now"
    assert (
        fleet.told(ASH, "share_insight", text="tmux targets  match by prefix")["kept"] == "before"
    )
    fleet.told(ASH, "share_insight", text="git commit is slow")
    found = fleet.told(FAR, "search_insights", query="prefix of a target")
    assert [one["text"] for one in found["insights"]] == ["tmux targets match by prefix"]
    assert found["insights"][0]["from"] == TORCH
    assert fleet.told(FAR, "search_insights", query="penguins")["insights"] == []
    assert fleet.told(FAR, "search_insights")["known"] == 2
    assert fleet.code(TORCH, "share_insight", text="x" * 4_001) == "too-large"


def test_a_decision_is_asked(fleet: Fleet) -> None:
    said = fleet.told(TORCH, "request_decision", question="Ship it?", options=["yes", "no"])
    assert (said["id"], said["state"]) == ("dabcde", "open")
    assert fleet.asked.questions == [(TORCH, "Ship it?", ("yes", "no"))]
    assert fleet.code(TORCH, "request_decision", question="") == "invalid"
    assert fleet.code(TORCH, "request_decision", question="x", options=["a", 1]) == "invalid"


def test_a_change_is_proposed(fleet: Fleet) -> None:
    path = "desired-state/web/agents/new.yaml"
    said = fleet.told(TORCH, "propose_change", path=path, content="kind: Agent", title="Add new")
    assert said["branch"] == "novaorch/proposals/web/torch/1"
    wanted = fleet.drafts.wanted[0]
    assert (wanted.author, wanted.path, wanted.title) == (TORCH, "web/agents/new.yaml", "Add new")
    fleet.told(TORCH, "propose_change", path=path, delete=True, title="Remove new")
    assert fleet.drafts.wanted[1].content is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"title": "t"}, "invalid"),
        ({"title": "t", "content": "x", "delete": True}, "invalid"),
        ({"title": " ", "content": "x"}, "invalid"),
        ({"title": "t" * 101, "content": "x"}, "too-large"),
        ({"title": "t", "content": "x" * 300_000}, "too-large"),
        ({"title": "t", "content": "broken"}, "invalid-manifest"),
    ],
)
def test_what_cannot_be_proposed_is_said(
    fleet: Fleet, arguments: dict[str, str], code: str
) -> None:
    assert fleet.code(TORCH, "propose_change", path="web/agents/x.yaml", **arguments) == code
    assert not fleet.drafts.wanted


# -- trouble ---------------------------------------------------------------------------------------


def test_a_store_that_is_down_is_unavailable_and_nothing_breaks(fleet: Fleet) -> None:
    fleet.mail.down = fleet.store.down = True
    for name, arguments in (
        ("whoami", {}),
        ("send_message", {"to": "web/ash", "body": "x"}),
        ("read_inbox", {}),
        ("share_insight", {"text": "x"}),
        ("report_status", {"text": "x"}),
    ):
        assert fleet.code(TORCH, name, **arguments) == "unavailable", name


def test_a_defect_is_said_as_one_and_logged(fleet: Fleet) -> None:
    def broken(_unit: UnitId, _said: Mapping[str, Json]) -> dict[str, Json]:
        raise RuntimeError("SECRET")

    fleet.belt = Toolbelt(fleet.means(), "1.2")
    fleet.belt._carriers = {"whoami": broken}
    error = fleet.told(TORCH, "whoami")["error"]
    assert error["code"] == "failed"
    assert "SECRET" not in json.dumps(error)
    assert "SECRET" in fleet.log[0]
