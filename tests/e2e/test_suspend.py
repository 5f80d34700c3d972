"""Hands off, and a canary: the real daemon, real tmux, real git."""

from __future__ import annotations

import json
import os
import signal
import sys

from tests.e2e.conftest import LOOP, Fleet


def kill(fleet: Fleet, session: str) -> str:
    """End the first process of a session from outside, and return its pid."""
    pid = fleet.pids()[session]
    os.kill(int(pid), signal.SIGKILL)
    return pid


def dead(fleet: Fleet, session: str) -> bool:
    told = fleet.tmux("list-panes", "-t", f"={session}:", "-F", "#{pane_dead}", ok=False)
    return told.strip() == "1"


def test_a_suspended_agent_stays_down_until_it_is_resumed(up: Fleet) -> None:
    up.agent("anvil")
    up.commit()
    up.until(lambda: "web/anvil" in up.sessions(), "anvil runs")
    up.until(lambda: up.run("status").code == 0, "all is well")
    said = up.run("suspend", "web/agent/torch", "--reason", "a demo", "--for", "2h", expect=0)
    assert said.out.startswith("suspended: web/agent/torch by Ada until 20")
    assert "(1 unit)" in said.out
    assert "novaorch resume web/agent/torch" in said.out

    before, other = kill(up, "web/torch"), kill(up, "web/anvil")
    up.until(lambda: up.pids().get("web/anvil", other) != other, "anvil runs again")
    assert dead(up, "web/torch")
    assert up.pids()["web/torch"] == before
    status = up.run("status", "--json").records
    torch = next(r for r in status if r["type"] == "status" and r["unit"] == "web/agent/torch")
    assert torch["reason"] == "suspended"
    assert "a demo" in torch["message"]
    diff = up.run("diff", expect=2).out
    assert "suspended by Ada until 20" in diff
    assert "to lift it: novaorch resume web/agent/torch" in diff
    assert up.run("apply", expect=1)
    assert dead(up, "web/torch")

    assert "resumed: web/agent/torch" in up.run("resume", "web/agent/torch", expect=0).out
    up.until(lambda: up.pids().get("web/torch", before) != before, "torch runs again")
    up.until(lambda: up.run("status").code == 0, "and is well")
    told = up.repo.git("for-each-ref", "--format=%(refname)", "refs/novaorch/control").split()
    assert len(told) == 1
    log = up.repo.git("log", "--format=%an: %s", told[0]).splitlines()
    assert log == ["Ada: resume web/agent/torch", "Ada: suspend web/agent/torch: a demo"]


def test_a_suspension_ends_by_itself_and_at_once(fleet: Fleet) -> None:
    fleet.settings("sync: {poll: 1h}")
    fleet.commit()
    said = fleet.run("suspend", "--reason", "a move", "--for", "6s", expect=0).out
    assert "suspended: the whole fleet by Ada" in said
    fleet.run("up", expect=0)
    fleet.until(lambda: "suspended with the whole fleet" in fleet.log(), "the daemon holds it")
    assert fleet.sessions() == set()
    fleet.until(lambda: fleet.sessions() == {"web/torch"}, "torch runs when it is over")


def test_what_is_asked_for(fleet: Fleet) -> None:
    for words, why in (
        (["web", "--for", "2h"], "a reason is asked for"),
        (["web", "--reason", "x"], "an end is asked for"),
        (["web", "--reason", "x", "--for", "2h", "--until", "2099-01-01"], "exclude each other"),
        (["web", "--reason", "x", "--for", "31d"], "longer than 30 days"),
        (["web", "--reason", "x", "--until", "2001-01-01T10:00"], "in the past"),
        (["web", "--reason", "x", "--for", "soon"], "is not a duration"),
        (["web", "--reason", "x", "--until", "soon"], "is not a date"),
        (["web/agent/trch", "--reason", "x", "--for", "2h"], "did you mean web/agent/torch"),
        (["web", "--reason", "x\x1b[31m", "--for", "2h"], "cannot be shown"),
    ):
        said = fleet.run("suspend", *words, expect=64)
        assert why in said.err
        assert "fix:" in said.err
    assert fleet.repo.git("for-each-ref", "refs/novaorch/control") == ""


def test_scopes(fleet: Fleet) -> None:
    fleet.agent("anvil")
    fleet.agent("other", project="lab")
    fleet.commit()
    assert "Nothing is suspended" in fleet.run("resume", expect=0).out
    fleet.run("suspend", "web/", "--reason", "one", "--for", "1h", expect=0)
    fleet.run("suspend", "web", "--reason", "two", "--for", "2h", expect=0)
    fleet.run("apply", expect=1)
    assert fleet.sessions() == {"lab/other"}
    said = fleet.run("resume", "web/agent/torch", expect=1).err
    assert "suspended with web" in said
    assert "novaorch resume web" in said
    said = fleet.run("resume", expect=1).err
    assert "the whole fleet is not suspended" in said
    assert "web is not suspended" not in fleet.run("resume", "web", expect=0).out
    fleet.run("apply", expect=0)
    fleet.run("suspend", "--reason", "all", "--for", "1h", expect=0)
    fleet.run("suspend", "lab/agent/other", "--reason", "one", "--for", "1h", expect=0)
    assert fleet.run("resume", "--all", expect=0).out.count("resumed: ") == 2
    fleet.run("diff", expect=0)


def test_a_damaged_word_is_not_silence(up: Fleet) -> None:
    up.run("suspend", "web", "--reason", "a demo", "--for", "2h", expect=0)
    (ref,) = up.repo.git("for-each-ref", "--format=%(refname)", "refs/novaorch/control").split()
    file = up.repo.path / ".git" / ref
    file.write_text("garbage\n")
    before = kill(up, "web/torch")
    up.until(lambda: "holds what novaorch did not write" in up.log(), "the daemon says so")
    assert up.pids()["web/torch"] == before
    for verb in ("diff", "apply"):
        said = up.run(verb, expect=1).err
        assert ref in said
        assert "fix: " in said
    file.unlink()
    up.until(lambda: up.pids().get("web/torch", before) != before, "torch runs again")


def team(fleet: Fleet, word: str, *lines: str) -> None:
    for number in range(5):
        fleet.agent(f"a{number}", word, *lines)


def saying(fleet: Fleet, word: str) -> set[str]:
    return {f"web/a{n}" for n in range(5) if word in fleet.screen(f"web/a{n}")}


def test_a_bad_commit_fells_two_of_five_and_is_taken_back(fleet: Fleet) -> None:
    fleet.settings("sync: {poll: 1s, canary: {first: '2', above: 1, bake: 30s}}")
    team(fleet, "good")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: len(saying(fleet, "good")) == 5, "five run")
    before = fleet.pids()

    argv = json.dumps([sys.executable, "-c", "raise SystemExit('broken')"])
    for number in range(5):
        path = fleet.repo.path / "desired-state/web/agents" / f"a{number}.yaml"
        old = path.read_text()
        made = json.dumps([sys.executable, "-c", LOOP.format(word="good")])
        path.write_text(old.replace(made, argv))
    bad = fleet.commit("Let them all say more")
    fleet.until(lambda: "is taken back" in fleet.log(), "the trial fails")
    fleet.until(lambda: len(saying(fleet, "good")) == 5, "five run again")
    fleet.until(lambda: not any(dead(fleet, f"web/a{n}") for n in range(5)), "all alive")
    kept = {name for name, pid in fleet.pids().items() if before[name] == pid}
    assert len([name for name in kept if name != "web/torch"]) == 3
    (ref,) = fleet.repo.git("for-each-ref", "--format=%(refname)", "refs/novaorch/control").split()
    told = fleet.repo.git("log", "--format=%an: %s", ref)
    assert f"novaorch: quarantine {bad[:12]}: on trial, web/agent/a" in told
    assert f"novaorch: try {bad[:12]} on some first" in told
    fleet.until(lambda: fleet.repo.git("rev-parse", "HEAD") != bad, "a commit takes it back")
    assert fleet.repo.git("rev-parse", "HEAD~1") == bad
    assert fleet.repo.git("log", "-1", "--format=%an") == "novaorch"
    assert f"Rolled-back: {bad}" in fleet.repo.git("log", "-1", "--format=%B")
    assert fleet.repo.git("diff", "HEAD", "HEAD~2", "--stat") == ""
    assert fleet.repo.git("status", "--porcelain") == ""
    fleet.until(lambda: fleet.run("diff").code == 0, "and nothing is left")
    assert {name for name, pid in fleet.pids().items() if before[name] == pid} == kept


def test_a_good_commit_goes_to_two_of_five_and_then_to_all(fleet: Fleet) -> None:
    fleet.settings("sync: {poll: 1s, canary: {first: '2', above: 1, bake: 5s}}")
    team(fleet, "good")
    fleet.commit()
    fleet.run("up", expect=0)
    fleet.until(lambda: len(saying(fleet, "good")) == 5, "five run")
    team(fleet, "better")
    fleet.commit("Let them all say more")
    fleet.until(lambda: len(saying(fleet, "better")) == 2, "two go first")
    said = fleet.run("status").out + fleet.run("diff", expect=2).out
    assert "is tried on web/agent/a" in said
    fleet.until(lambda: len(saying(fleet, "better")) == 5, "the rest follows")
    fleet.until(lambda: fleet.run("diff").code == 0, "and nothing is left")
