"""Hooks: heard only with a good token, answered in time, and a permission as late as it takes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core import hookwire
from reconciler.gate.hooks import ANSWER_S, BODY_BYTES_MAX
from reconciler.gate.link import BURST_MAX
from reconciler.model.hook import SILENCE, HookAnswer, HookEvent
from tests.gate.stage import GOOD, LIMIT_S, TORCH, Desk, Stage, threads, until


@pytest.fixture
def stage_(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def desk(stage_: Stage) -> Desk:
    return stage_.desk


def says(answer: HookAnswer) -> Callable[[HookEvent], HookAnswer]:
    return lambda _event: answer


# -- who is heard ----------------------------------------------------------------------------------


def test_a_hook_is_heard_and_answered(stage_: Stage, desk: Desk) -> None:
    desk.answers["PostToolUse"] = says(HookAnswer(context="two letters"))
    before = time.time()
    assert stage_.tell("PostToolUse", {"tool_name": "Bash"}) == (
        200,
        {
            "hookSpecificOutput": {
                "hookEventName": "PostToolUse",
                "additionalContext": "two letters",
            }
        },
    )
    assert stage_.tell("Stop") == (200, {})
    first = desk.heard[0]
    assert (first.unit, first.name, first.payload) == (
        TORCH,
        "PostToolUse",
        {"tool_name": "Bash"},
    )
    assert before <= first.at <= time.time()
    assert (stage_.hooks("answered"), stage_.hooks("silent")) == (1, 1)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "missing"),
        ("", "missing"),
        ("old", "stale"),
        ("odd", "malformed"),
        ("who", "unknown"),
        ("x" * 300, "wrong"),
        (GOOD + "x", "wrong"),
    ],
)
def test_whoever_shows_no_good_token_is_refused_and_counted(
    stage_: Stage, token: str | None, reason: str
) -> None:
    status, text = stage_.tell("Stop", {"secret": 1}, token=token)
    assert (status, reason in text) == (401, True)
    assert stage_.refused(reason) == 1
    stage_.tell("Stop", token=token)
    assert stage_.refused(reason) == 2
    assert stage_.desk.heard == []
    said = [line for line in stage_.log if reason in line]
    assert len(said) == 1, "the log is told once a minute"
    assert not any(token and len(token) > 3 and token in line for line in stage_.log)


def test_a_token_is_asked_for_before_a_byte_is_read(stage_: Stage) -> None:
    with socket.create_connection(("127.0.0.1", stage_.server.port), timeout=LIMIT_S) as link:
        head = f"POST /hook/Stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: {1 << 20}\r\n\r\n"
        link.sendall(head.encode())
        assert link.recv(100).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/hook/Stop", 405),
        ("HEAD", "/hook/Stop", 405),
        ("PUT", "/hook/Stop", 405),
        ("DELETE", "/hook/Stop", 405),
        ("OPTIONS", "/hook/Stop", 405),
        ("POST", "/hook/", 404),
        ("POST", "/hook/stop", 404),
        ("POST", "/hook/Stop/x", 404),
        ("POST", "/hook/..%2fmcp", 404),
        ("POST", "/hook/" + "S" * 100, 404),
        ("POST", "/hello", 405),
        ("POST", "/nowhere", 404),
        ("POST", "/mcp", 404),
    ],
)
def test_what_is_not_served_changes_nothing(
    stage_: Stage, method: str, path: str, status: int
) -> None:
    answer = stage_.ask(method, path, b"{}", {"Authorization": f"Bearer {GOOD}"})
    assert answer[0] == status
    assert stage_.desk.heard == []


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_a_web_page_cannot_ask_even_with_a_token(stage_: Stage, header: str) -> None:
    status, _ = stage_.tell("Stop", **{header: "http://evil.example"})
    assert status in (403, 421)
    assert stage_.desk.heard == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b'{"a": 1} x', b"[" * 200_000, b"\xff{}", b'{"a":' * 50_000]
)
def test_what_is_no_object_is_refused(stage_: Stage, body: bytes) -> None:
    assert stage_.tell("Stop", body)[0] == 400
    assert stage_.desk.heard == []
    assert stage_.tell("Stop")[0] == 200


# -- large and slow ones ---------------------------------------------------------------------------


def test_a_large_body_is_taken_and_a_larger_one_is_not(stage_: Stage) -> None:
    fit = json.dumps({"tool_response": "x" * (BODY_BYTES_MAX - 100)}).encode()
    assert stage_.tell("PostToolUse", fit)[0] == 200
    assert stage_.tell("PostToolUse", fit + b" " * 200)[0] == 413
    assert len(stage_.desk.heard) == 1
    assert stage_.refused("body") == 1


def send_chunks(stage_: Stage, size: int, chunks: int) -> bytes:
    with socket.create_connection(("127.0.0.1", stage_.server.port), timeout=LIMIT_S) as link:
        head = (
            f"POST /hook/Stop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {GOOD}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n%s\r\n" % (size, b" " * size)
        with contextlib.suppress(OSError):
            link.sendall(head.encode())
            for _ in range(chunks):
                link.sendall(chunk)
            link.sendall(b"2\r\n{}\r\n0\r\n\r\n")
        with contextlib.suppress(OSError):
            return link.recv(100)
    return b""


def test_a_body_of_untold_length_is_counted_while_it_comes(stage_: Stage) -> None:
    assert send_chunks(stage_, 1000, 10).startswith(b"HTTP/1.1 200 ")
    assert send_chunks(stage_, 1 << 20, 40)[:13] in (b"HTTP/1.1 413 ", b"")
    assert len(stage_.desk.heard) == 1
    until(lambda: stage_.refused("body") == 1)


def test_bodies_that_never_end_are_given_up(tmp_path: Path) -> None:
    stage_ = Stage(tmp_path, patience_s=0.3)
    links = []
    for _ in range(7):
        link = socket.create_connection(("127.0.0.1", stage_.server.port), timeout=LIMIT_S)
        head = (
            f"POST /hook/Stop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {GOOD}\r\n"
            f"Content-Length: {BODY_BYTES_MAX}\r\n\r\n{{"
        )
        link.sendall(head.encode())
        links.append(link)
    for link in links:
        assert link.recv(100).startswith(b"HTTP/1.1 408 ")
        link.close()
    assert stage_.tell("Stop")[0] == 200
    stage_.close()


def test_no_more_is_taken_at_once_than_memory_should_hold(stage_: Stage) -> None:
    head = (
        f"POST /hook/Stop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {GOOD}\r\n"
        f"Content-Length: {BODY_BYTES_MAX}\r\n\r\n{{"
    )
    links = []
    for _ in range(9):
        link = socket.create_connection(("127.0.0.1", stage_.server.port), timeout=LIMIT_S)
        link.sendall(head.encode())
        links.append(link)
    until(lambda: stage_.refused("crowded") == 1)
    for link in links:
        link.close()
    until(lambda: stage_.server.clients == 0)
    assert stage_.tell("Stop")[0] == 200, "what was given up is room again"


# -- the desk --------------------------------------------------------------------------------------


def test_a_desk_that_takes_too_long_keeps_nobody(stage_: Stage, desk: Desk) -> None:
    over = threading.Event()

    def slow(_event: HookEvent) -> HookAnswer:
        over.wait(LIMIT_S)
        return HookAnswer(context="too late")

    desk.answers["PreToolUse"] = slow
    began = time.monotonic()
    assert stage_.tell("PreToolUse") == (200, {})
    assert time.monotonic() - began < hookwire.TIMEOUT_S
    assert ANSWER_S < hookwire.TIMEOUT_S
    assert stage_.hooks("late") == 1
    assert stage_.tell("Stop") == (200, {}), "others are answered all the same"
    over.set()


def test_a_desk_that_breaks_keeps_nobody_and_is_said(stage_: Stage, desk: Desk) -> None:
    def broken(_event: HookEvent) -> HookAnswer:
        raise RuntimeError("oh")

    desk.answers["PreToolUse"] = desk.answers["PermissionRequest"] = broken
    assert stage_.tell("PreToolUse") == (200, {})
    assert stage_.tell("PermissionRequest") == (200, {})
    assert len([line for line in stage_.log if "RuntimeError" in line]) == 2
    assert stage_.hooks("failed") == 1


def test_a_turn_is_made_to_go_on_a_few_times_only(stage_: Stage, desk: Desk) -> None:
    desk.answers["Stop"] = says(HookAnswer(go_on="one more letter"))
    first = stage_.tell("Stop", {"stop_hook_active": False})
    assert first == (200, {"decision": "block", "reason": "one more letter"})
    again = [stage_.tell("Stop", {"stop_hook_active": True})[1] for _ in range(10)]
    assert [bool(answer) for answer in again] == [True] * (hookwire.GO_ON_MAX - 1) + [False] * (
        11 - hookwire.GO_ON_MAX
    )
    assert stage_.tell("Stop", {"stop_hook_active": False})[1], "a new turn begins anew"


# -- permissions -----------------------------------------------------------------------------------


class Waiting:
    """A desk that waits for a person before it answers permissions."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.answered = threading.Event()
        self.answer = HookAnswer(decision="allow")
        desk.answers["PermissionRequest"] = self.wait
        desk.answers[hookwire.GONE] = self.gone

    def wait(self, _event: HookEvent) -> HookAnswer:
        self.answered.wait(LIMIT_S)
        return self.answer

    def gone(self, _event: HookEvent) -> HookAnswer:
        self.answer = SILENCE
        self.answered.set()
        return SILENCE


def in_thread(stage_: Stage, name: str, found: list[Any]) -> threading.Thread:
    thread = threading.Thread(target=lambda: found.append(stage_.tell(name)))
    thread.start()
    return thread


def test_a_permission_waits_for_a_person_and_nobody_else_for_it(stage_: Stage, desk: Desk) -> None:
    person = Waiting(desk)
    found: list[Any] = []
    asked = [in_thread(stage_, "PermissionRequest", found) for _ in range(50)]
    until(lambda: len(desk.heard) == 50)
    assert stage_.count("novaorch_gate_held") == 50
    for _ in range(20):
        assert stage_.tell("PostToolUse") == (200, {})
    time.sleep(ANSWER_S + 0.2)
    assert found == [], "no hurry here"
    person.answered.set()
    for thread in asked:
        thread.join(LIMIT_S)
    decision = {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}
    assert found == [(200, {"hookSpecificOutput": decision})] * 50
    until(lambda: threads() == 0)
    assert stage_.count("novaorch_gate_held") == 0


def test_an_agent_that_leaves_is_noticed(stage_: Stage, desk: Desk) -> None:
    Waiting(desk)
    body = json.dumps({"tool_name": "Bash"})
    link = socket.create_connection(("127.0.0.1", stage_.server.port), timeout=LIMIT_S)
    link.sendall(
        f"POST /hook/PermissionRequest HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {GOOD}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    until(lambda: desk.names == ["PermissionRequest"])
    link.close()
    until(lambda: desk.names == ["PermissionRequest", hookwire.GONE])
    assert desk.heard[1].payload == {"tool_name": "Bash"}
    until(lambda: threads() == 0)
    until(lambda: stage_.hooks("gone") == 1)


def test_when_the_gate_closes_nobody_is_left_waiting(tmp_path: Path) -> None:
    stage_ = Stage(tmp_path)
    person = Waiting(stage_.desk)
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(stage_.tell("PermissionRequest"))
        except OSError as error:
            found.append(error)

    asked = threading.Thread(target=ask)
    asked.start()
    until(lambda: stage_.desk.heard)
    began = time.monotonic()
    stage_.close()
    asked.join(LIMIT_S)
    assert len(found) == 1
    assert time.monotonic() - began < 4
    person.answered.set()
    until(lambda: threads() == 0)


def test_those_who_wait_for_a_person_do_not_crowd_out_others(stage_: Stage, desk: Desk) -> None:
    person = Waiting(desk)
    found: list[Any] = []
    asked = [in_thread(stage_, "PermissionRequest", found) for _ in range(20)]
    until(lambda: len(desk.heard) == 20)
    strangers = [
        socket.create_connection(("127.0.0.1", stage_.server.port), timeout=LIMIT_S)
        for _ in range(BURST_MAX + 50)
    ]
    assert stage_.tell("Stop") == (200, {})
    assert [status for status, _ in found] == []
    person.answered.set()
    for thread in asked:
        thread.join(LIMIT_S)
    assert [status for status, _ in found] == [200] * 20
    for link in strangers:
        link.close()


# -- what it costs ---------------------------------------------------------------------------------


def test_a_hundred_agents_cost_no_process(stage_: Stage, desk: Desk) -> None:
    desk.answers["PostToolUse"] = says(HookAnswer(context="hello"))
    found: list[int] = []

    def agent() -> None:
        found.extend(stage_.tell("PostToolUse", {"tool_name": "Bash"})[0] for _ in range(5))

    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()
    agents = [threading.Thread(target=agent) for _ in range(100)]
    for one in agents:
        one.start()
    for one in agents:
        one.join(LIMIT_S)
    assert found == [200] * 500
    assert len(desk.heard) == 500
    assert children.read_text() == before
    until(lambda: stage_.server.clients == 0)
