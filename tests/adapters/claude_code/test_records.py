"""What runtimes write down: read as it grows, believed only about the process that it is about."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.claude_code import RuntimeRecords
from reconciler.adapters.claude_code.lives import Kept
from reconciler.adapters.claude_code.places import Home, slug
from reconciler.adapters.claude_code.transcripts import BLOCK, holds, words_in
from reconciler.core.prices import Use
from reconciler.model.agent import AgentState, Persona, Seat, Waiting, Witness
from reconciler.model.capacity import Spending
from reconciler.model.ids import UnitId
from reconciler.model.training import Spoken
from tests.adapters.claude_code.wardrobe import UNIT, Wardrobe, after, begin

DAY = "2027-01-15"
"""The day on which the wardrobe's clock stands."""
MARK = "[novaorch:m01abcdefghjkmnpqrstvwxyz0]"


def seat(wardrobe: Wardrobe, pid: int = 0, runtime: str = "claude-code", **more: Any) -> Seat:
    place = str(wardrobe.root / "work")
    told = Seat(UnitId(UNIT), Persona(runtime), "auto", "%1", pid, wardrobe.now, place)
    return replace(told, **more)


@pytest.fixture
def records(wardrobe: Wardrobe) -> RuntimeRecords:
    def cost(model: str, use: Use) -> float | None:
        return None if model == "new" else use.tokens_out * 0.5

    return RuntimeRecords(wardrobe.folder, wardrobe.environ, cost)


@pytest.fixture
def own(wardrobe: Wardrobe) -> str:
    """An agent that lives; its conversation."""
    name = after(wardrobe.dress().argv, "--session-id")
    begin(wardrobe.folder(), name)
    return name


def user(text: object, kind: str = "user") -> dict[str, object]:
    return {"type": kind, "message": {"role": "user", "content": text}}


def answer(name: str, out: int, model: str = "m", day: str = DAY, **usage: Any) -> dict[str, Any]:
    used = {"input_tokens": 1, "output_tokens": out} | usage
    message = {"id": name, "role": "assistant", "model": model, "content": [], "usage": used}
    return {"type": "assistant", "timestamp": f"{day}T10:00:00.000Z", "message": message}


# -- what the model was given ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "given"),
    [
        (user(f"{MARK} hello"), True),
        (user([{"type": "tool_result", "content": [{"type": "text", "text": MARK}]}]), True),
        ({"type": "attachment", "attachment": {"content": [MARK]}}, True),
        ({"type": "queue-operation", "operation": "enqueue", "content": MARK}, False),
        ({"type": "last-prompt", "lastPrompt": MARK}, False),
        ({"type": "assistant", "message": {"content": [{"type": "text", "text": MARK}]}}, False),
        ({"type": "api-request-blob", "message": {"content": MARK}}, False),
        ({"summary": MARK}, False),
    ],
)
def test_only_what_it_was_given_counts(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str, line: dict[str, object], given: bool
) -> None:
    wardrobe.talk(own, user("hello"), line, user("more"))
    found = records.holds(seat(wardrobe), [MARK, "[novaorch:never]"])
    assert found == (frozenset({MARK}) if given else frozenset())


def test_a_mark_is_found_as_json_writes_it(wardrobe: Wardrobe, own: str) -> None:
    text = 'say "é\\n" \t🪁'
    path = wardrobe.talk(own)
    path.write_text(json.dumps(user(text), ensure_ascii=False) + "\n")
    assert holds(path, [text]) == frozenset({text})


def test_nothing_said_yet_is_known_and_nobody_knows_of_a_stranger(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    assert records.holds(seat(wardrobe), [MARK]) == frozenset()
    stranger = seat(wardrobe, unit=UnitId("web/agent/other"))
    assert records.holds(stranger, [MARK]) is None
    assert records.holds(seat(wardrobe, runtime="codex"), [MARK]) is None
    assert records.holds(seat(wardrobe, persona=None), [MARK]) is None
    assert own


def test_one_that_cannot_be_read_is_no_answer(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    path = wardrobe.talk(own)
    path.unlink()
    path.mkdir()
    assert records.holds(seat(wardrobe), [MARK]) is None
    assert words_in(path) is Kept.WORDS, "it is there: it must not be begun anew"


def test_a_conversation_before_this_one_is_looked_at_too(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    wardrobe.talk(own, user(MARK))
    other = after(wardrobe.dress(fresh=True).argv, "--session-id")
    begin(wardrobe.folder(), other)
    wardrobe.talk(other, user("hello"))
    assert records.holds(seat(wardrobe), [MARK]) == frozenset({MARK})


def test_long_transcripts_and_half_lines(wardrobe: Wardrobe, own: str) -> None:
    path = wardrobe.talk(own, user(MARK), user("x" * (BLOCK * 2 + 17)), user("tail"))
    with path.open("a") as file:
        file.write('{"type":"user","message":{"content":"[novaorch:half')
    assert holds(path, [MARK, "tail", "[novaorch:half"]) == frozenset({MARK, "tail"})


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("", Kept.EMPTY),
        ('{"type":"mode"}\n', Kept.EMPTY),
        ('{"type":"user"}\n', Kept.WORDS),
        (" " * (BLOCK - 5) + '{"type":"assistant"}', Kept.WORDS),
    ],
)
def test_what_there_is_of_a_conversation(tmp_path: Path, content: str, kept: Kept) -> None:
    path = tmp_path / "t.jsonl"
    assert words_in(path) is Kept.NOTHING
    path.write_text(content)
    assert words_in(path) is kept


# -- session files ---------------------------------------------------------------------------------


def session(wardrobe: Wardrobe, of: int, **more: Any) -> None:
    began = Path(f"/proc/{of}/stat").read_text().rpartition(")")[2].split()[19]
    told = {"pid": of, "procStart": began, "status": "idle", "statusUpdatedAt": 5_000} | more
    folder = wardrobe.root / "home" / ".claude" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{of}.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("told", "state", "waiting"),
    [
        ({"status": "idle"}, AgentState.IDLE, None),
        ({"status": "busy"}, AgentState.BUSY, None),
        ({"status": "waiting"}, AgentState.WAITING, Waiting.PERMISSION),
        (
            {"status": "waiting", "waitingFor": "permission prompt"},
            AgentState.WAITING,
            Waiting.PERMISSION,
        ),
        (
            {"status": "waiting", "waitingFor": "input needed"},
            AgentState.WAITING,
            Waiting.QUESTION,
        ),
        ({"status": "waiting", "waitingFor": "plan"}, AgentState.WAITING, Waiting.PLAN),
    ],
)
def test_a_session_file_bears_witness(
    wardrobe: Wardrobe,
    records: RuntimeRecords,
    told: dict[str, str],
    state: AgentState,
    waiting: Waiting | None,
) -> None:
    session(wardrobe, os.getpid(), **told)
    word = records.session(seat(wardrobe, os.getpid()))
    assert word is not None
    assert (word.witness, word.state, word.waiting) == (Witness.SESSION_FILE, state, waiting)
    assert (word.at, word.pid) == (5.0, os.getpid())


@pytest.mark.parametrize(
    "told",
    [{"procStart": "1"}, {"procStart": None}, {"status": "asleep"}, {"pid": 1}, {"pid": "x"}],
)
def test_of_another_process_or_in_unknown_words_it_bears_none(
    wardrobe: Wardrobe, records: RuntimeRecords, told: dict[str, object]
) -> None:
    session(wardrobe, os.getpid(), **told)
    assert records.session(seat(wardrobe, os.getpid())) is None


def test_no_process_no_runtime_and_no_file_are_no_witness(
    wardrobe: Wardrobe, records: RuntimeRecords
) -> None:
    session(wardrobe, os.getpid())
    assert records.session(seat(wardrobe)) is None
    assert records.session(seat(wardrobe, os.getpid(), "command")) is None
    assert records.session(seat(wardrobe, 1)) is None
    path = wardrobe.root / "home" / ".claude" / "sessions" / f"{os.getpid()}.json"
    path.write_text("{")
    assert records.session(seat(wardrobe, os.getpid())) is None


def test_an_agent_with_a_home_of_its_own_is_read_there(
    wardrobe: Wardrobe, records: RuntimeRecords
) -> None:
    other = wardrobe.root / "other"
    launch = replace(wardrobe.launch(), env=(("CLAUDE_CONFIG_DIR", str(other)),))
    wardrobe.dress(launch=launch)
    session(wardrobe, os.getpid())
    assert records.session(seat(wardrobe, os.getpid())) is None
    (wardrobe.root / "home" / ".claude" / "sessions").rename(other / "sessions")
    assert records.session(seat(wardrobe, os.getpid())) is not None


# -- spending --------------------------------------------------------------------------------------


def test_an_answer_of_many_lines_is_paid_once(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    cached: dict[str, Any] = {"cache_read_input_tokens": 10, "cache_creation_input_tokens": 100}
    wardrobe.talk(own, user("x"), answer("a", 2), answer("a", 4, **cached), answer("b", 1))
    assert records.spending(seat(wardrobe), DAY) == Spending(UNIT, DAY, 2.5, 112, 5)
    wardrobe.talk(own, answer("c", 3))
    found = records.spending(seat(wardrobe), DAY)
    assert found is not None
    assert found.usd == 4.0


def test_each_day_has_its_own_sum(wardrobe: Wardrobe, records: RuntimeRecords, own: str) -> None:
    wardrobe.talk(own, answer("a", 2, day="2027-01-14"), answer("b", 4))
    sums = [records.spending(seat(wardrobe), day) for day in ("2027-01-14", DAY, "2027-01-16")]
    assert [found.usd for found in sums if found] == [1.0, 2.0, 0.0]


def test_a_model_without_a_price_makes_the_sum_unknown(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    made_up = answer("z", 9, model="<synthetic>")
    wardrobe.talk(own, answer("a", 2), made_up)
    assert records.spending(seat(wardrobe), DAY) == Spending(UNIT, DAY, 1.0, 1, 2)
    wardrobe.talk(own, answer("b", 2, model="new"))
    assert records.spending(seat(wardrobe), DAY) == Spending(UNIT, DAY, -1.0, 2, 4)


def test_helpers_and_former_conversations_are_paid_too(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    path = wardrobe.talk(own, answer("a", 2))
    helper = path.with_suffix("") / "subagents" / "agent-1.jsonl"
    helper.parent.mkdir(parents=True)
    helper.write_text(json.dumps(answer("h", 4)) + "\n")
    other = after(wardrobe.dress(fresh=True).argv, "--session-id")
    begin(wardrobe.folder(), other)
    wardrobe.talk(other, answer("b", 8))
    found = records.spending(seat(wardrobe), DAY)
    assert found is not None
    assert found.usd == 7.0


def test_a_line_that_is_being_written_waits(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    path = wardrobe.talk(own, answer("a", 2))
    line = json.dumps(answer("b", 4))
    with path.open("a") as file:
        file.write(line[:50])
    first = records.spending(seat(wardrobe), DAY)
    with path.open("a") as file:
        file.write(line[50:] + "\n" + "{broken" + "\n" + '"text"' + "\n")
    second = records.spending(seat(wardrobe), DAY)
    assert first is not None
    assert second is not None
    assert (first.usd, second.usd) == (1.0, 3.0)


def test_a_file_that_was_replaced_is_read_anew(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    path = wardrobe.talk(own, answer("a", 2), answer("b", 2))
    records.spending(seat(wardrobe), DAY)
    path.write_text(json.dumps(answer("c", 6)) + "\n")
    found = records.spending(seat(wardrobe), DAY)
    assert found is not None
    assert found.usd == 3.0


def test_what_nobody_writes_costs_nobody_knows(wardrobe: Wardrobe, records: RuntimeRecords) -> None:
    assert records.spending(seat(wardrobe, runtime="gemini"), DAY) is None
    assert records.spending(seat(wardrobe), DAY) == Spending(UNIT, DAY)


def test_many_threads_may_ask(wardrobe: Wardrobe, records: RuntimeRecords, own: str) -> None:
    wardrobe.talk(own, *(answer(str(n), 2) for n in range(200)))
    found: list[Spending | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(records.spending(seat(wardrobe), DAY)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {s.usd for s in found if s} == {200.0}


# -- turns ----------------------------------------------------------------------------------------


def at(second: int) -> str:
    return f"{DAY}T10:00:{second:02d}.000Z"


HOUR = datetime.fromisoformat(at(0)).timestamp()


def told(second: int, line: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**line, "timestamp": at(second), **more}


def spoke(second: int, name: str, out: int, text: str, **usage: Any) -> dict[str, Any]:
    line = told(second, answer(name, out, **usage))
    return {**line, "message": {**line["message"], "content": [{"type": "text", "text": text}]}}


def test_a_turn_is_what_came_after_an_hour(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    result = [{"type": "tool_result", "tool_use_id": "x", "content": "a file"}]
    wardrobe.talk(
        own,
        told(1, user("first")),
        spoke(2, "a", 2, "Yes."),
        told(10, user("second")),
        told(11, user("a helper's"), isSidechain=True),
        told(12, user("a reminder"), isMeta=True),
        told(13, user("all of it"), isCompactSummary=True),
        told(14, {"type": "user", "message": {"role": "user", "content": result}}),
        spoke(15, "b", 4, "On it."),
        told(16, user("[Request interrupted by user]")),
        told(17, user("third")),
        spoke(18, "c", 6, "Done.", cache_read_input_tokens=50),
    )
    turn = records.spoken(seat(wardrobe), HOUR + 5)
    assert turn == Spoken(("second", "third"), "Done.", own, "m", 52, 10, 5.0, HOUR + 18)
    whole = records.spoken(seat(wardrobe), HOUR)
    assert whole is not None
    assert (whole.prompts, whole.tokens_out) == (("first", "second", "third"), 12)
    last = records.spoken(seat(wardrobe), 0.0)
    assert last is not None
    assert (last.prompts, last.tokens_out) == (("third",), 6), "the last turn, when none is named"
    wardrobe.talk(own, told(20, answer("d", 1)))
    mute = records.spoken(seat(wardrobe), HOUR + 18)
    assert mute is not None
    assert (mute.said, mute.tokens_out) == ("", 1), "words of an earlier turn are not this one's"
    after = records.spoken(seat(wardrobe), HOUR + 20)
    assert after == Spoken(conversation=own), "an answer is counted once"


def test_what_helpers_took_is_part_of_a_turn_and_what_they_were_asked_is_not(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    path = wardrobe.talk(own, told(1, user("go")), spoke(3, "a", 2, "Done."))
    helper = path.with_suffix("") / "subagents" / "agent-1.jsonl"
    helper.parent.mkdir(parents=True)
    lines = (told(2, user("help")), spoke(2, "h", 4, "Helped."))
    helper.write_text("".join(json.dumps(x, separators=(",", ":")) + "\n" for x in lines))
    found = records.spoken(seat(wardrobe), HOUR)
    assert found is not None
    assert (found.prompts, found.said, found.tokens_out) == (("go",), "Done.", 6)


def test_a_price_that_nobody_knows_makes_a_turn_cost_nothing_known(
    wardrobe: Wardrobe, records: RuntimeRecords, own: str
) -> None:
    unknown = told(4, answer("b", 2, model="new"))
    wardrobe.talk(own, told(1, user("go")), spoke(3, "a", 2, "Done."), unknown)
    found = records.spoken(seat(wardrobe), HOUR)
    assert found is not None
    assert (found.cost_usd, found.tokens_out, found.model) == (0.0, 4, "new")


def test_of_who_writes_nothing_nothing_is_known(
    wardrobe: Wardrobe, records: RuntimeRecords
) -> None:
    assert records.spoken(seat(wardrobe, runtime="gemini"), 0.0) is None
    assert records.spoken(seat(wardrobe), HOUR) == Spoken()


# -- places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("/tmp/oo/work", "-tmp-oo-work"),
        ("/home/ada/a_b.c d", "-home-ada-a-b-c-d"),
        ("/é/🪁", "-----"),
        ("/" + "a" * 199, "-" + "a" * 199),
        ("/" + "a" * 200, "-" + "a" * 199 + "-b6ymvl"),
    ],
)
def test_a_directory_has_the_name_that_the_runtime_gives_it(directory: str, name: str) -> None:
    assert slug(directory) == name


def test_places_follow_the_environment() -> None:
    plain = Home.of({"HOME": "/home/ada"})
    assert (str(plain.folder), str(plain.config)) == ("/home/ada/.claude", "/home/ada/.claude.json")
    moved = Home.of({"HOME": "/home/ada", "CLAUDE_CONFIG_DIR": "/conf"})
    assert (str(moved.folder), str(moved.config)) == ("/conf", "/conf/.claude.json")
