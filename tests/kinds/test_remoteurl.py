"""Addresses of remotes: what is understood, and what is refused before git ever sees it."""

from __future__ import annotations

import pytest

from reconciler.kinds.remoteurl import PROTOCOLS, URL_MAX, Address, Refused, understood
from reconciler.model.remote import Remote
from tests.kinds.desk import fleet, wish

GOOD = {
    "https://example.org/x.git": Address("https", "example.org", "/x.git"),
    "https://example.org:8443/a/b": Address("https", "example.org", "/a/b", port="8443"),
    "ssh://git@example.org:22/~ada/x": Address("ssh", "example.org", "/~ada/x", "git", "22"),
    "ssh://git@[::1]:22/x": Address("ssh", "[::1]", "/x", "git", "22"),
    "ssh://host/x": Address("ssh", "host", "/x"),
    "git@example.org:ada/x.git": Address("ssh", "example.org", "ada/x.git", "git"),
    "host:x": Address("ssh", "host", "x"),
    "[::1]:x": Address("ssh", "[::1]", "x"),
    "host:/srv/x.git": Address("ssh", "host", "/srv/x.git"),
    "http://localhost:3000/x": Address("http", "localhost", "/x", port="3000"),
    "git://host/x": Address("git", "host", "/x"),
    "/srv/git/x.git": Address("file", path="/srv/git/x.git"),
    "file:///srv/x.git": Address("file", path="/srv/x.git"),
}

BAD = {
    "ext::sh -c touch% /tmp/pwned": "remote/helper",
    "ext::id": "remote/helper",
    "fd::17,18": "remote/helper",
    "testgit::/x": "remote/helper",
    "https::https://host/x": "remote/helper",
    "-oProxyCommand=touch x": "remote/host",
    "--upload-pack=touch": "remote/host",
    "ssh://-oProxyCommand=id/x": "remote/host",
    "ssh://git@-oProxyCommand=id/x": "remote/host",
    "git@-oProxyCommand=id:x": "remote/host",
    "host:-x": "remote/host",
    "ssh://h%2dx/y": "remote/host",
    "ssh://-o%50roxyCommand=id/y": "remote/host",
    "ssh://a..b/y": "remote/host",
    "ssh://$(id)/y": "remote/host",
    "ssh://;id@host/y": "remote/host",
    "https://ada:hunter2@host/x": "remote/secret",
    "https://ghp_hunter2@host/x": "remote/secret",
    "https://ada:hun/ter2@host/x": "remote/secret",
    "ssh://ada:hunter2@host/x": "remote/secret",
    "ada:hunter2@host:x": "remote/secret",
    "https://host/x?private_token=hunter2": "remote/secret",
    "https://host/x#hunter2": "remote/secret",
    "https://h\u043est/x": "remote/letters",
    "https://xn--hst-sqa/x": "remote/letters",
    "https://ho\u200bst/x": "remote/letters",
    "https://host/x y": "remote/letters",
    "https://host/x\nurl = ext::id": "remote/letters",
    "https://host/x\x1b[2J": "remote/letters",
    "https://host\\@evil/x": "remote/letters",
    "": "remote/url",
    "./x": "remote/url",
    "../x": "remote/url",
    "x": "remote/url",
    "~/x": "remote/url",
    "file://x": "remote/url",
    "file://host/x": "remote/url",
    "https://host": "remote/url",
    "https://host/": "remote/url",
    "https:///x": "remote/host",
    "https://host:99999/x": "remote/url",
    "https://host:0/x": "remote/url",
    "https://host/../x": "remote/url",
    "HTTPS://host/x": "remote/url",
    "rsync://host/x": "remote/url",
    "git+ssh://host/x": "remote/url",
    "https://host/$(id)": "remote/url",
    "https://host/" + "x" * URL_MAX: "remote/url",
}


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_understood(url: str) -> None:
    assert understood(url, PROTOCOLS) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_a_hostile_address_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        understood(url, PROTOCOLS)
    assert refused.value.rule == BAD[url]
    assert "ter2" not in refused.value.what


@pytest.mark.parametrize("url", GOOD)
def test_only_what_is_allowed_is_spoken(url: str) -> None:
    usual = Remote(url).protocols
    if GOOD[url].protocol in usual:
        understood(url, usual)
        return
    with pytest.raises(Refused) as refused:
        understood(url, usual)
    assert refused.value.rule == "remote/protocol"


def test_fleet_yaml_becomes_the_settings() -> None:
    text = (
        "remote:\n  url: git@example.org:x.git\n  branch: live\n  interval: 45s\n"
        "  key: ~/.ssh/id_ed25519\n  push: [training, desired]\n  webhook: file:~/hook\n"
    )
    desired = wish({"fleet.yaml": fleet(text)})
    assert desired.problems == ()
    assert desired.fleet.remote == Remote(
        url="git@example.org:x.git",
        branch="live",
        interval_s=45.0,
        key="/home/nova/.ssh/id_ed25519",
        push=("training", "desired"),
        webhook="file:/home/nova/hook",
    )


def test_without_a_word_there_is_no_remote() -> None:
    assert wish({"fleet.yaml": fleet("sync: {poll: 3s}")}).fleet.remote is None


def test_a_path_of_this_machine_has_to_be_allowed() -> None:
    said = wish({"fleet.yaml": fleet("remote: {url: /srv/x.git, protocols: [file]}")})
    assert said.fleet.remote == Remote("/srv/x.git", protocols=("file",))


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("url: https://host/x, credentials: ghp_hunter2", "launch/secret-literal"),
        ("url: https://host/x, webhook: hunter2", "launch/secret-literal"),
        ("url: http://host/x, protocols: [http], credentials: env:T", "remote/credentials"),
        ("url: https://host/x, key: ~/.ssh/id", "remote/credentials"),
        ("url: git@host:x, key: /repo/keys/id", "remote/key"),
        ("url: git@host:x, branch: --upload-pack=id", "fleet/branch"),
        ("url: git@host:x, protocols: []", "schema/invalid"),
        ("url: git@host:x, protocols: [ext]", "schema/choice"),
        ("url: git@host:x, push: [training, training]", "schema/choice"),
        ("url: git@host:x, interval: 0s", "schema/range"),
        ("branch: main", "schema/missing-field"),
        ("url: git@host:x, depth: 1", "schema/unknown-field"),
    ],
)
def test_what_else_is_refused(spec: str, rule: str) -> None:
    problems = wish({"fleet.yaml": fleet(f"remote: {{{spec}}}")}).problems
    assert rule in [problem.rule for problem in problems]
    assert all(p.line == 4 and p.fix for p in problems if p.rule == rule)
    assert "hunter2" not in repr(problems)


def test_a_token_for_a_server_on_this_machine_may_go_by_http() -> None:
    spec = "remote: {url: http://127.0.0.1:3000/x, protocols: [http], credentials: env:T}"
    assert wish({"fleet.yaml": fleet(spec)}).problems == ()
