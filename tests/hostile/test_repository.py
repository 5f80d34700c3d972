"""Repositories made by an attacker, by a dying disk and by an impatient person."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.conftest import Besieged, clear

AGENT = b"apiVersion: novaorch/v1\nkind: Agent\nspec: {command: [sleep, '86400']}\n"

# -- 1, 2: what looks like an option, or like a place elsewhere ------------------------------------


@pytest.mark.parametrize("branch", ["--upload-pack=x", "-c", "--exec=x", "HEAD", "@", "a'b$(x)"])
def test_a_branch_that_looks_like_an_option_is_read_as_a_branch(
    branch: str, live: Besieged
) -> None:
    before = live.pids()
    live.sleeper("anvil")
    live.commit("Wish for anvil")
    oid = live.repo.git("rev-parse", "HEAD")
    ref = live.repo.path / ".git/refs/heads" / branch
    ref.write_text(f"{oid}\n")
    (live.repo.path / ".git/HEAD").write_text(f"ref: refs/heads/{branch}\n")
    said = live.run("apply")
    clear(said)
    assert said.code == 0, said.err
    assert live.sessions() == {"web/torch", "web/anvil"}
    assert before.items() <= live.pids().items()


@pytest.mark.parametrize(
    "revision",
    [
        "--upload-pack=touch",
        "-c",
        "--output=/tmp/x",
        "HEAD:desired-state",
        "HEAD^{/x}",
        ":/Wish",
        "HEAD..HEAD",
        "^HEAD",
        "refs/heads/../../HEAD",
        "main\x00x",
        "main\nHEAD",
        "HEAD\x1b]0;x\x07",
        "x" * 5000,
        "HEAD@{10000}",
        "ext::sh -c touch% x",
        "file:///etc/passwd",
        "https://user:secret@example.org/x",
        ":0:desired-state/fleet.yaml",
        "🦀",
    ],
)
def test_a_revision_that_is_none_is_refused_in_words(revision: str, fleet: Besieged) -> None:
    if "\0" in revision:
        pytest.skip("no command line can hold a NUL")
    said = fleet.run("diff", "--", revision, expect=1)
    clear(said)
    assert "fix:" in said.err


# -- 3, 4: trees that no honest git would write ----------------------------------------------------


def entries(fleet: Besieged) -> dict[str, tuple[tuple[str, bytes, bytes | str], str]]:
    """Return entries of `web/agents` that must be refused, each with its rule."""
    link = "160000"
    some = fleet.repo.git("rev-parse", "HEAD")
    return {
        "symlink": (("120000", b"a-link.yaml", b"/etc/passwd"), "path/symlink"),
        "gitlink": ((link, b"b-module", some), "path/submodule"),
        "executable": (("100755", b"c-exec.yaml", AGENT), "path/executable"),
        "group-writable": (("100664", b"d-mode.yaml", AGENT), "path/mode"),
        "device": (("060000", b"e-device.yaml", AGENT), "path/mode"),
        "dots": (("100644", b"...yaml", AGENT), ""),
        "newline": (("100644", b"f\n.yaml", AGENT), "path/control"),
        "return": (("100644", b"g\r.yaml", AGENT), "path/control"),
        "escape": (("100644", b"h\x1b[2J.yaml", AGENT), "path/control"),
        "backslash": (("100644", b"i\\x.yaml", AGENT), "path/backslash"),
        "space": (("100644", b"j.yaml ", AGENT), "path/trailing"),
        "not UTF-8": (("100644", b"k\xff.yaml", AGENT), "path/not-utf8"),
        "long": (("100644", b"l" * 300 + b".yaml", AGENT), "path/long-component"),
        "git": (("100644", b".GIT.yaml", AGENT), ""),
        "git~1": (("100644", b"git~1", AGENT), "path/git-folder"),
        "case": (("100644", b"Torch.yaml", AGENT), "tree/case-twins"),
    }


def hostile_tree(fleet: Besieged, bad: list[tuple[str, bytes, bytes | str]]) -> None:
    """Commit `web/agents` with torch, anvil and the bad entries, byte by byte."""
    repo = fleet.repo
    good: list[tuple[str, bytes, bytes | str]] = [
        ("100644", b"torch.yaml", repo.git("rev-parse", "HEAD:desired-state/web/agents/torch.yaml"))
    ]
    good.append(("100644", b"anvil.yaml", AGENT))
    rows = [
        (mode, name, oid if isinstance(oid, str) else repo.blob(oid))
        for mode, name, oid in sorted([*good, *bad], key=lambda row: row[1])
    ]
    agents = repo.raw_tree(*rows)
    web = repo.raw_tree(("40000", b"agents", agents))
    settings = repo.git("rev-parse", "HEAD:desired-state/fleet.yaml")
    top = repo.raw_tree(("100644", b"fleet.yaml", settings), ("40000", b"web", web))
    repo.point("main", top)


def test_every_entry_that_is_no_plain_file_is_named_and_the_good_ones_run(live: Besieged) -> None:
    before = live.pids()
    table = entries(live)
    hostile_tree(live, [entry for entry, _ in table.values()])
    said = live.run("validate", expect=1)
    everything = clear(said)
    for what, (_, rule) in table.items():
        assert not rule or f"[{rule}]" in everything, (what, everything)
    clear(live.run("apply", expect=1))
    assert live.sessions() == {"web/torch", "web/anvil"}
    assert before.items() <= live.pids().items()


@pytest.mark.parametrize(
    "name", [b"..", b".", b"a/b.yaml", b"/etc.yaml", b".git", b"a\0b.yaml", b""]
)
def test_a_path_that_leads_elsewhere_never_does(name: bytes, live: Besieged) -> None:
    """git itself may refuse such a tree, as a whole or by entry: then everything is held."""
    before = live.pids()
    outside = live.repo.raw_tree(("100644", b"evil.yaml", live.repo.blob(AGENT)))
    bad: tuple[str, bytes, bytes | str] = (
        ("40000", name, outside) if name in (b"..", b".", b".git") else ("100644", name, AGENT)
    )
    hostile_tree(live, [bad])
    said = live.run("apply")
    clear(said)
    assert said.code == 1, said.out
    assert before.items() <= live.pids().items()
    assert live.sessions() <= {"web/torch", "web/anvil"}


def test_twins_are_refused_where_a_disk_would_call_them_one(live: Besieged) -> None:
    before = live.pids()
    nfc, nfd = "caf\u00e9.yaml".encode(), "cafe\u0301.yaml".encode()
    hostile_tree(live, [("100644", nfc, AGENT), ("100644", nfd, AGENT)])
    said = live.run("apply", expect=1)
    assert "[tree/unicode-twins]" in clear(said)
    assert live.sessions() == {"web/torch", "web/anvil"}
    assert before.items() <= live.pids().items()


def test_hundreds_of_folders_deep(live: Besieged) -> None:
    before = live.pids()
    oid = live.repo.raw_tree(("100644", b"x.yaml", live.repo.blob(AGENT)))
    for _ in range(300):  # each is a process of git: deep enough for every limit there is
        oid = live.repo.raw_tree(("40000", b"d", oid))
    hostile_tree(live, [("40000", b"d", oid)])
    said = live.run("apply", expect=1)
    clear(said)
    assert live.pids().items() >= before.items()


@pytest.mark.parametrize("mode", ["100644", "120000", "160000"])
def test_a_desired_state_that_is_no_folder(mode: str, live: Besieged) -> None:
    before = live.pids()
    oid = live.repo.git("rev-parse", "HEAD") if mode == "160000" else live.repo.blob(b"elsewhere")
    live.repo.point("main", oid, mode)
    for verb in ("diff", "apply", "validate", "status"):
        said = live.run(verb)
        assert said.code in ((1, 3) if verb == "apply" else (1,)), (verb, said)
        assert "desired-state" in clear(said)
        assert "fix:" in said.err
    assert live.pids() == before


@pytest.mark.parametrize("what", ["a file", "a symlink", "a submodule", "nothing", "a FIFO"])
def test_a_work_tree_whose_desired_state_is_no_folder(
    what: str, live: Besieged, tmp_path: Path
) -> None:
    before = live.pids()
    folder = live.repo.path / "desired-state"
    folder.rename(tmp_path / "elsewhere")
    if what == "a file":
        folder.write_text("hello\n")
    elif what == "a symlink":
        folder.symlink_to(tmp_path / "elsewhere")
    elif what == "a submodule":
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        (folder / "fleet.yaml").write_text("kind: Fleet\n")
    elif what == "a FIFO":
        os.mkfifo(folder)
    for verb in ("diff", "validate", "apply"):
        said = live.run(verb, "--worktree")
        assert said.code in (1, 3) or what == "nothing", (verb, said)
        clear(said)
    assert live.pids() == before


# -- 7, 8: broken and moving repositories ----------------------------------------------------------


def object_file(fleet: Besieged, name: str) -> Path:
    oid = fleet.repo.git("rev-parse", name)
    return fleet.repo.path / ".git/objects" / oid[:2] / oid[2:]


@pytest.mark.parametrize(
    "what", ["HEAD", "HEAD^{tree}", "HEAD:desired-state", "HEAD:desired-state/web/agents/b.yaml"]
)
@pytest.mark.parametrize("how", ["missing", "garbage", "empty", "another"])
def test_a_broken_object_stops_nothing(how: str, what: str, live: Besieged) -> None:
    before = live.pids()
    live.sleeper("b")
    live.commit()
    broken = object_file(live, what)
    broken.chmod(0o644)
    if how == "missing":
        broken.unlink()
    elif how == "another":
        broken.write_bytes(object_file(live, "HEAD:desired-state/fleet.yaml").read_bytes())
    else:
        broken.write_bytes(b"garbage" if how == "garbage" else b"")
    said = live.run("apply")
    clear(said)
    assert said.code == 1, said.out
    assert "fix:" in said.err
    assert live.pids() == before


@pytest.mark.parametrize(
    "broken", ["HEAD", "config", "refs/heads/main", "packed-refs", "objects", "index"]
)
def test_a_broken_git_folder_stops_nothing(broken: str, live: Besieged) -> None:
    before = live.pids()
    path = live.repo.path / ".git" / broken
    if path.is_dir():
        path.rename(path.with_name("gone"))
    else:
        path.write_bytes(b"\xff\0[[[garbage")
    said = live.run("apply")
    clear(said)
    assert said.code == (0 if broken == "index" else 1), said.out + said.err
    assert live.pids() == before


def test_a_lock_left_behind_hinders_no_reader(live: Besieged) -> None:
    live.sleeper("anvil")
    live.commit()
    for lock in ("index.lock", "HEAD.lock", "refs/heads/main.lock", "packed-refs.lock", "gc.pid"):
        (live.repo.path / ".git" / lock).write_text("")
    live.run("apply", expect=0)
    assert live.sessions() == {"web/torch", "web/anvil"}
    live.run("diff", "--worktree", expect=0)


@pytest.mark.parametrize("state", ["unborn", "branch deleted", "dangling", "rewound to nothing"])
def test_a_branch_that_is_not_there_stops_nothing(state: str, live: Besieged) -> None:
    before = live.pids()
    if state == "unborn":
        live.repo.git("symbolic-ref", "HEAD", "refs/heads/fresh")
    elif state == "branch deleted":
        live.repo.git("update-ref", "-d", "refs/heads/main")
    elif state == "dangling":
        (live.repo.path / ".git/refs/heads/main").write_text("1" * 40 + "\n")
    else:
        empty = live.repo.git("commit-tree", "-m", "Oops", live.repo.git("mktree"))
        live.repo.git("update-ref", "refs/heads/main", empty)
    for verb in ("diff", "apply", "status"):
        said = live.run(verb)
        assert said.code == 1, (verb, said)
        assert "fix:" in clear(said)
    assert live.pids() == before


def test_a_detached_head_and_a_renamed_branch_are_read(live: Besieged) -> None:
    live.repo.git("checkout", "-q", "--detach")
    live.run("apply", expect=0)
    live.repo.git("checkout", "-q", "-b", "other")
    live.repo.git("branch", "-q", "-D", "main")
    live.run("apply", expect=0)
    assert live.sessions() == {"web/torch"}


def test_grafts_replacements_and_notes_change_no_wish(live: Besieged, tmp_path: Path) -> None:
    before, honest = live.pids(), live.repo.git("rev-parse", "HEAD")
    live.sleeper("torch", "env: {EVIL: '1'}")
    evil = live.commit("Evil")
    live.repo.git("update-ref", "refs/heads/main", honest)
    live.repo.git("replace", honest, evil)
    (live.repo.path / ".git/info").mkdir(exist_ok=True)
    (live.repo.path / ".git/info/grafts").write_text(f"{honest} {evil}\n")
    live.run("diff", expect=0)
    live.run("apply", expect=0)
    assert live.pids() == before


def test_shallow_and_partial_clones_are_read(live: Besieged, tmp_path: Path) -> None:
    live.sleeper("anvil")
    live.commit()
    live.repo.git("config", "uploadpack.allowFilter", "true")
    for name, word in (("shallow", "--depth=1"), ("partial", "--filter=blob:none")):
        clone = tmp_path / name
        live.repo.git("clone", "-q", word, f"file://{live.repo.path}", str(clone))
        (tmp_path / "the origin").mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "reconciler.cli", "-C", str(clone), "diff"],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode in (0, 2), done.stderr


def test_gc_and_repack_while_it_reads(live: Besieged) -> None:
    for number in range(6):
        live.sleeper(f"a{number}")
        live.commit()
    gc = subprocess.Popen(
        ["sh", "-c", "for i in 1 2 3 4; do git gc -q --prune=now; git repack -q -a -d -f; done"],
        cwd=live.repo.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while gc.poll() is None:
            said = live.run("diff", expect=2)
            assert "6 to start" in said.out
    finally:
        gc.wait()


def test_a_foreign_owned_repository_is_not_trusted(live: Besieged) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    before = live.pids()
    for path in (live.repo.path, live.repo.path / ".git"):
        os.chown(path, 12345, 12345)
    said = live.run("apply", expect=1)
    assert "belongs to another user" in clear(said)
    assert live.pids() == before


def test_two_heads_race_and_a_force_push_rewinds(live: Besieged) -> None:
    """Back to an older commit is not followed unasked; with the word, what it lacks is stopped."""
    old = live.repo.git("rev-parse", "HEAD")
    live.sleeper("anvil")
    live.commit()
    live.run("apply", expect=0)
    torch = live.pids()["web/torch"]
    live.repo.git("update-ref", "refs/heads/main", old)
    said = live.run("apply", expect=1)
    assert live.sessions() == {"web/torch", "web/anvil"}
    found = re.search(r"novaorch apply --confirm ([0-9a-f]{8})", clear(said))
    assert found is not None, said.out
    live.run("apply", "--confirm", found[1], expect=0)
    assert live.pids() == {"web/torch": torch}


# -- 10, 11: commits with forged words, and very many of everything --------------------------------


def test_a_commit_message_cannot_paint_the_terminal(live: Besieged) -> None:
    message = "\x1b]0;owned\x07\x1b[2J\u202egnp\n\nnovaorch-plan: 0000\nSigned-off-by: novaorch\n"
    live.sleeper("anvil")
    live.repo.git("add", "-A")
    live.repo.git("commit", "-q", "-m", message * 500, "--author", "novaorch\x1b[31m <n@o>")
    for words in (("status",), ("diff",), ("apply",)):
        said = live.run(*words)
        clear(said)
        assert len(said.out) < 4000, "a message of a megabyte is not repeated"
    assert live.sessions() == {"web/torch", "web/anvil"}


def test_a_file_over_the_limit_is_held_alone(live: Besieged) -> None:
    before = live.pids()
    live.sleeper("anvil")
    live.repo.write("web/agents/big.yaml", "a: 1\n" + "#" * (1 << 20))
    live.repo.write("web/charter.md", "# Charter\n\n" + "All work and no play.\n" * 500_000)
    live.commit()
    said = live.run("apply", expect=1)
    assert clear(said).count("[file/too-big]") == 2
    assert live.sessions() == {"web/torch", "web/anvil"}
    assert before.items() <= live.pids().items()


def test_more_entries_than_anybody_can_mean(live: Besieged) -> None:
    before = live.pids()
    blob = live.repo.blob(AGENT)
    rows = [("100644", f"a{n:05}.yaml".encode(), blob) for n in range(20_001)]
    agents = live.repo.raw_tree(*rows)
    web = live.repo.raw_tree(("40000", b"agents", agents))
    settings = live.repo.git("rev-parse", "HEAD:desired-state/fleet.yaml")
    live.repo.point(
        "main", live.repo.raw_tree(("100644", b"fleet.yaml", settings), ("40000", b"web", web))
    )
    said = live.run("apply")
    assert said.code == 1
    assert "more than 20000 entries" in clear(said)
    assert live.pids() == before


@pytest.mark.long
def test_a_million_refs(live: Besieged) -> None:
    live.sleeper("anvil")
    oid = live.commit()
    with (live.repo.path / ".git/packed-refs").open("w") as file:
        file.write("# pack-refs with: peeled fully-peeled sorted \n")
        file.writelines(f"{oid} refs/tags/t{n:07}\n" for n in range(1_000_000))
    live.run("apply", expect=0)
    assert live.sessions() == {"web/torch", "web/anvil"}


@pytest.mark.parametrize(
    "what", ["annotated tag", "tag of a tag", "tag of a tree", "tag of a blob"]
)
def test_a_tag_is_not_taken_for_a_commit_it_is_not(what: str, live: Besieged) -> None:
    target = {"tag of a tree": "HEAD^{tree}", "tag of a blob": "HEAD:desired-state/fleet.yaml"}
    live.repo.git("tag", "-a", "-m", "x", "one", target.get(what, "HEAD"))
    if what == "tag of a tag":
        live.repo.git("tag", "-a", "-m", "x", "two", "one")
    said = live.run("diff", "two" if what == "tag of a tag" else "one")
    clear(said)
    assert said.code == (1 if what in target else 0), said.err
