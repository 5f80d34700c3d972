"""The fleet's settings for day and night: what they become, and what they refuse."""

from __future__ import annotations

import dataclasses
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.build import Memo, build
from reconciler.kinds.hours import fires, is_cron
from reconciler.kinds.keys import gpg_fault, ssh_fault, ssh_key
from reconciler.kinds.parse import parse
from reconciler.model.fleet import (
    Canary,
    FleetSettings,
    Principal,
    SyncPolicy,
    SyncWindow,
    Verification,
)
from reconciler.model.ids import UnitId
from reconciler.model.problems import Problem
from reconciler.model.unit import Heal, Healing
from tests.kinds.desk import HOME, ROOT, agent, blobs, fleet, parsed, session, tree, wish
from tests.kinds.publickeys import ED25519, GPG, NISTP256, NISTP521, RSA_1024, RSA_2048

F, A, S = "fleet.yaml", "p/agents/a.yaml", "p/sessions/s.yaml"
PANE = UnitId("p/session/s/w0.0")


def settings(spec: str) -> FleetSettings:
    desired = wish({F: fleet(spec)})
    assert desired.problems == ()
    return desired.fleet


def found(spec: str) -> list[Problem]:
    desired = wish({F: fleet(spec)})
    assert not desired.settled
    return [p for p in desired.problems if p.rule != "fleet/broken"]


def rules(spec: str) -> list[str]:
    return [p.rule for p in found(spec)]


# -- what they become -----------------------------------------------------------------------------


def test_all_of_it() -> None:
    block = "".join(f"        {line}\n" for line in GPG.splitlines())
    spec = f"""sync:
  rewind: follow
  windows:
    - {{allow: "0 9  * * MON-FRI", duration: 8h, timezone: Europe/Berlin, overrun: false}}
    - {{deny: "0 0 24 12 *", duration: 3d}}
  canary: {{first: 3, above: 5, bake: 1m}}
verify: {{commits: range}}
principals:
  - name: ada@example.org
    ssh: {ED25519} ada at home
    from: 2026-01-01
    until: 2027-01-01
  - name: bob
    ssh: [{NISTP256}, {RSA_2048}]
    gpg: |
{block}    revoked: true
limits: {{stops: {{delay: 30s}}, restarts: {{count: 7, window: 1m}}, typing: 0s}}
journal: {{key: ~/.ssh/id_ed25519, keep: 500}}
gate: {{port: 8080}}
"""
    assert settings(spec) == FleetSettings(
        name="fleet",
        sync=SyncPolicy(
            windows=(
                SyncWindow(
                    allow=True,
                    cron="0 9 * * MON-FRI",
                    duration_s=28800.0,
                    timezone="Europe/Berlin",
                    overrun=False,
                ),
                SyncWindow(allow=False, cron="0 0 24 12 *", duration_s=259200.0),
            ),
            canary=Canary(count=3, above=5, bake_s=60.0),
            follow_rewinds=True,
        ),
        verify=Verification(
            "range",
            (
                Principal("ada@example.org", (ED25519,), (), "2026-01-01", "2027-01-01"),
                Principal("bob", (NISTP256, RSA_2048), (GPG,), revoked=True),
            ),
        ),
        stops_delay_s=30.0,
        restarts_count_max=7,
        restarts_window_s=60.0,
        typing_s=0.0,
        journal_key="/home/nova/.ssh/id_ed25519",
        journal_keep=500,
        gate_port=8080,
    )


def test_what_is_not_said_is_as_the_settings_have_it() -> None:
    assert settings("sync: {}") == FleetSettings(name="fleet")
    for empty in ["sync: {windows: , canary: , rewind: }", "verify:", "principals:", "gate:"]:
        assert settings(empty) == FleetSettings(name="fleet"), empty


@pytest.mark.parametrize(
    ("first", "count", "percent"),
    [("10%", 0, 10), ("100%", 0, 100), ("1", 1, 0), ("10000", 10000, 0)],
)
def test_who_goes_first(first: str, count: int, percent: int) -> None:
    wanted = Canary(count=count, percent=percent)
    assert settings(f"sync: {{canary: {{first: {first}}}}}").sync.canary == wanted


def test_a_canary_without_words_is_a_tenth() -> None:
    assert settings("sync: {canary: {}}").sync.canary == Canary(percent=10)


def test_off_is_a_word() -> None:
    assert settings("verify: {commits: off}").verify == Verification("off")


# -- what the fleet says for all ------------------------------------------------------------------


def test_healing_comes_from_the_fleet_unless_said() -> None:
    desired = wish(
        {
            F: fleet("heal: {crash: warn, edit: ignore}"),
            A: agent("heal: {edit: heal}"),
            S: session(),
        }
    )
    assert desired.problems == ()
    said, rest = Healing(Heal.WARN, Heal.HEAL), Healing(Heal.WARN, Heal.IGNORE)
    assert desired.processes[UnitId("p/agent/a")].healing == said
    assert desired.frames[UnitId("p/agent/a")].healing == said
    assert desired.processes[PANE].healing == rest
    assert desired.frames[UnitId("p/session/s")].healing == rest


def test_a_change_of_the_fleet_reaches_units_that_a_memo_knows() -> None:
    memo: Memo = {}
    plain = {F: fleet("sync: {}"), A: agent(), "p/agents/b.yaml": agent("heal: {crash: heal}")}
    for files in (plain, {**plain, F: fleet("heal: {crash: ignore}")}, plain):
        entries, known = tree(blobs(files)), parsed(files)
        with_memo = build(entries, known, ROOT, HOME, memo)
        assert with_memo == build(entries, known, ROOT, HOME)


def test_a_change_of_the_fleet_changes_no_digest() -> None:
    files = {A: agent(), S: session()}
    spec = "heal: {crash: warn}\nlimits: {typing: 1s}\nsync: {rewind: follow}"
    one, two = wish(files), wish({**files, F: fleet(spec)})
    for unit, process in one.processes.items():
        assert process.digest == two.processes[unit].digest
    for unit, frame in one.frames.items():
        assert frame.digest == two.frames[unit].digest


# -- what they refuse -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("sync: {rewind: no}", "schema/choice"),
        ("sync: {windows: {}}", "schema/type"),
        ('sync: {windows: [{allow: "* * * * *"}]}', "schema/missing-field"),
        ('sync: {windows: [{allow: "* * * * *", duration: 0s}]}', "schema/range"),
        ('sync: {windows: [{allow: "* * * * *", duration: 59s}]}', "schema/range"),
        ('sync: {windows: [{allow: "* * * * *", duration: 367d}]}', "schema/range"),
        ('sync: {windows: [{allow: "* * * * *", deny: "* * * * *", duration: 1h}]}', "sync/window"),
        ('sync: {windows: [{allow: "* * * * *", duration: 1h, overrun: no}]}', "schema/boolean"),
        ("sync: {canary: 10%}", "schema/type"),
        ("sync: {canary: {above: 0}}", "schema/range"),
        ("sync: {canary: {bake: 0s}}", "schema/range"),
        ("verify: {commits: on}", "schema/choice"),
        ("verify: {commits: [range]}", "schema/choice"),
        ("verify: {commits: head}\nprincipals: []", "verify/nobody"),
        (
            f"verify: {{commits: head}}\nprincipals: [{{name: a, revoked: true, ssh: {ED25519}}}]",
            "verify/nobody",
        ),
        (f"principals: [{{ssh: {ED25519}}}]", "schema/missing-field"),
        (f"principals: [{{name: a, ssh: {ED25519}, key: x}}]", "schema/unknown-field"),
        (f"principals: [{{name: a, ssh: {ED25519}, since: 2026-01-01}}]", "schema/unknown-field"),
        (f"principals: [{{name: a, ssh: [[{ED25519}]]}}]", "schema/type"),
        (f"principals: [{{name: a, ssh: [{ED25519}, {ED25519}]}}]", "verify/key-twice"),
        ("limits: {restarts: {count: 0}}", "schema/range"),
        ("limits: {restarts: {window: 0s}}", "schema/range"),
        ("limits: {typing: 61m}", "schema/range"),
        ("limits: {stops: {delay: 25h}}", "schema/range"),
        ("heal: {crash: }\njournal: {keep: 99}", "schema/range"),
        ("heal: {crash: no}", "schema/choice"),
        ("journal: {key: /repo/keys/id}", "fleet/journal-key"),
        ("journal: {key: ~/../../repo/id}", "fleet/journal-key"),
        ("journal: {key: ~root/id}", "fleet/journal-key"),
        ('journal: {key: "/a\\nb"}', "directory/unsafe"),
        ('journal: {key: "-----BEGIN OPENSSH PRIVATE KEY-----"}', "verify/private-key"),
        ("gate: {port: 65536}", "schema/range"),
        ("gate: {port: -1}", "schema/range"),
        ("gate: {host: 0.0.0.0}", "schema/unknown-field"),
    ],
)
def test_what_is_refused(spec: str, rule: str) -> None:
    assert rules(spec) == [rule]


@pytest.mark.parametrize(
    "first", ["0", "0%", "101%", "10001", "1.5", "-1", "10 %", "%", "\u0661", "all"]
)
def test_who_cannot_go_first(first: str) -> None:
    assert rules(f'sync: {{canary: {{first: "{first}"}}}}') == ["sync/canary-first"]


@pytest.mark.parametrize(
    "name", ["", " a", "a b", "a,b", "*", "!a", '\\"a\\"', "a\\nb", "-a", "ä", "#a", "a" * 129]
)
def test_names_that_a_file_of_signers_could_misread(name: str) -> None:
    assert rules(f'principals: [{{name: "{name}", ssh: {ED25519}}}]') == ["verify/name"]


@pytest.mark.parametrize(
    "day",
    ["2026-02-29", "2026-1-1", "20260101", "1999-01-01", "3000-01-01", "tomorrow", "2026-W01"],
)
def test_days_that_are_none(day: str) -> None:
    assert rules(f"principals: [{{name: a, from: {day}, ssh: {ED25519}}}]") == ["verify/date"]


# -- cron lines and zones -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["* * * * *", "*/5 9-17 * * 1-5", "0 9 * * MON-FRI", "0 0 29 2 *", "0 0 L * *", "0 0 * * 5#2",
     "0 0 30 2 1", "59 23 31 12 7", "0  9   * * *"],
)  # fmt: skip
def test_cron_lines(line: str) -> None:
    assert is_cron(line)
    assert fires(line)


@pytest.mark.parametrize(
    "line",
    ["", "*", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
     "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "@daily", "a * * * *", "* * * * *;",
     "* * * * $(id)", "* * * *\t*", " * * * * *", "* * * * * ", "\u0663 * * * *", "L * * * *",
     "9" * 5000 + " * * * *", "*,*,* * * * " + "1," * 50],
)  # fmt: skip
def test_what_is_no_cron_line(line: str) -> None:
    assert not is_cron(line)


@pytest.mark.parametrize("line", ["0 0 30 2 *", "0 0 31 4 *", "0 0 31 2,4,6,9,11 */3"])
def test_cron_lines_that_never_come_true(line: str) -> None:
    assert is_cron(line)
    assert not fires(line)


@given(st.text("0123456789*/,-#LW JANMON", max_size=40))
def test_any_text_is_a_cron_line_or_not(line: str) -> None:
    if is_cron(line):
        fires(line)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Kolkata"]
)
def test_zones(zone: str) -> None:
    spec = f'sync: {{windows: [{{deny: "* * * * *", duration: 1h, timezone: {zone}}}]}}'
    assert settings(spec).sync.windows[0].timezone == zone


@pytest.mark.parametrize(
    "zone",
    ["Europe", "Mars/Phobos", "../../etc/passwd", "/etc/localtime", "localtime", "posixrules",
     "right/UTC", "posix/Europe/Berlin", "zone.tab", "CET-1CEST", "a/b/c/d", "+01:00", "",
     "Factory"],
)  # fmt: skip
def test_zones_that_are_none(zone: str) -> None:
    spec = f'sync: {{windows: [{{deny: "* * * * *", duration: 1h, timezone: "{zone}"}}]}}'
    assert rules(spec) == ["sync/timezone"]


def test_a_slip_in_a_zone_is_answered_with_the_nearest() -> None:
    spec = 'sync: {windows: [{deny: "* * * * *", duration: 1h, timezone: Europe/Berlim}]}'
    assert found(spec)[0].fix == "did you mean `Europe/Berlin`?"


def test_a_machine_without_zones_is_told_where_they_come_from() -> None:
    spec = 'sync: {windows: [{deny: "* * * * *", duration: 1h, timezone: Arctic/Longyearbyen}]}'
    kept = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        assert "apt install tzdata" in found(spec)[0].fix
        utc = spec.replace("Arctic/Longyearbyen", "UTC")
        assert settings(utc).sync.windows[0].timezone == "UTC"
    finally:
        zoneinfo.reset_tzpath(kept)


def test_a_zone_that_is_missing_here_is_not_remembered_with_the_file() -> None:
    spec = 'sync: {windows: [{deny: "* * * * *", duration: 1h, timezone: Mars/Phobos}]}'
    manifest, problems = parse(F, "0" * 40, fleet(spec).encode())
    assert manifest is not None
    assert problems == ()


# -- keys -----------------------------------------------------------------------------------------

KEYS = [ED25519, NISTP256, NISTP521, RSA_2048]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("comment", ["", " ada@example.org", " ada, at home #1"])
def test_keys(key: str, comment: str) -> None:
    assert ssh_fault(key + comment) == ""
    assert ssh_key(key + comment) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        ED25519.split()[1],
        f'command="id" {ED25519}',
        f"cert-authority {ED25519}",
        f"* {ED25519}",
        f" {ED25519}",
        ED25519.replace(" ", "  "),
        f"{ED25519}\n{RSA_2048}",
        f"{ED25519} a\nb",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        ED25519.replace("ssh-ed25519", "ssh-dss"),
        ED25519.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        ED25519[:-4],
        ED25519 + "AAAA",
        ED25519[:-1] + "!",
        NISTP256.replace("nistp256", "nistp384"),
        RSA_1024,
        "ssh-ed25519 AAAA",
        "ssh-ed25519 " + "A" * 400,
        "ssh-rsa AAAAB3NzaC1yc2E=",
    ],
)
def test_keys_that_are_none(text: str) -> None:
    assert ssh_fault(text) != ""


@given(st.sampled_from(KEYS), st.integers(0, 600), st.characters())
def test_one_changed_character_never_raises(key: str, at: int, other: str) -> None:
    ssh_fault(key[:at] + other + key[at + 1 :])


@given(st.sampled_from(KEYS), st.integers(1, 600))
def test_a_key_that_was_cut_is_none(key: str, cut: int) -> None:
    assert ssh_fault(key[: max(0, len(key) - cut)]) != ""


def test_armoured_keys() -> None:
    headed = GPG.replace("BLOCK-----\n\n", "BLOCK-----\nVersion: 1\nComment: x\n\n", 1)
    for good in [GPG, GPG.strip(), GPG.replace("\n", "\r\n"), headed]:
        assert gpg_fault(good) == "", good


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        GPG.replace("PUBLIC KEY", "MESSAGE"),
        GPG + GPG,
        GPG.replace("mDME", "mDM!"),
        GPG.replace("mDME", "iDME"),
        "\n".join(GPG.splitlines()[:-1]),
        "\n".join([GPG.splitlines()[0], "", GPG.splitlines()[-1]]),
    ],
)
def test_armoured_keys_that_are_none(text: str) -> None:
    assert gpg_fault(text) != ""


@pytest.mark.parametrize("field", ["ssh", "gpg"])
@pytest.mark.parametrize(
    "text", ["-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----"]
)
def test_a_private_key_is_refused_and_never_repeated(field: str, text: str) -> None:
    problems = found(f'principals: [{{name: a, {field}: "{text}\\nhunter2"}}]')
    assert [p.rule for p in problems] == ["verify/private-key"]
    assert "hunter2" not in repr(problems)


def test_a_broken_key_is_never_repeated() -> None:
    for text in ["hunter2", "ssh-ed25519 hunter2"]:
        problems = found(f"principals: [{{name: a, ssh: {text}}}]")
        assert [p.rule for p in problems] == ["verify/ssh-key"]
        assert "hunter2" not in repr(problems)


def test_every_setting_can_be_said() -> None:
    """A new setting without a word in fleet.yaml is forgotten nowhere."""
    spec = f"""tmux: {{socket: s, config: c, size: {{columns: 90, rows: 9}}, history: 1}}
store: {{url: "unix:///s", password: "env:P"}}
sync: {{branch: b, poll: 1s, rewind: follow}}
verify: {{commits: head}}
principals: [{{name: a, ssh: {ED25519}}}]
limits: {{stops: {{count: 1, percent: 1, delay: 1s}}, restarts: {{count: 1, window: 1s}}, \
typing: 1s, roots: [.]}}
journal: {{key: /k, keep: 100}}
gate: {{port: 1}}
training: {{key: /t}}
remote: {{url: git@host:x}}
""".replace("\\\n", "")
    told, usual = settings(spec), FleetSettings(name="")
    for field in dataclasses.fields(FleetSettings):
        assert getattr(told, field.name) != getattr(usual, field.name), field.name
