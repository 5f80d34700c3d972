"""An upgrade changes no digest: what runs must not look different to a newer version.

The digests below were taken before the fields of healing, burst, quit, kill and protect were there.
"""

from __future__ import annotations

from tests.kinds.desk import agent, fleet, session, wish

FILES = {
    "fleet.yaml": fleet("sync: {branch: main}\ntmux: {size: {columns: 120}}"),
    "p/charter.md": "# Old\n\n- [ ] stay\n",
    "p/agents/alone.yaml": agent("env: {X: 1}\nsecrets: {K: env:K}\nafter: [seated]"),
    "p/agents/seated.yaml": agent(
        "session: main\nstop: {grace: 3s}\nrestart: {policy: on-failure, backoff: {base: 2s}}"
    ),
    "p/agents/many.yaml": agent("replicas: 2\nmode: stopped\ndirectory: ~/w"),
    "p/sessions/main.yaml": session(
        "session: work\noptions: {mouse: on}\nwindows:\n"
        "  - name: dev\n    layout: tiled\n    focus: true\n    panes:\n"
        "      - {command: [htop], env: {A: b}, focus: true}\n"
        "      - {type: [ls], restart: {policy: never}, stop: {grace: 1s}}\n"
        "  - {}"
    ),
    "q/sessions/plain.yaml": session(),
}


BEFORE = {
    "p/agent/alone": "5f013fded0a742ff",
    "p/agent/alone (frame)": "a44f5043316326c9",
    "p/agent/many-0": "abe196f98b8bf2d4",
    "p/agent/many-0 (frame)": "d6e00f77247fd1a3",
    "p/agent/many-1": "abe196f98b8bf2d4",
    "p/agent/many-1 (frame)": "5cf622683fdc40bf",
    "p/agent/seated": "a1e928577a10598e",
    "p/session/main (frame)": "851a7da76eac3823",
    "p/session/main/dev.0": "d6cd91477a49e5ea",
    "p/session/main/dev.1": "4c2a794c48124de9",
    "p/session/main/w1.0": "ded7a65d6b18bee9",
    "q/session/plain (frame)": "8a8f43a380361896",
    "q/session/plain/w0.0": "ded7a65d6b18bee9",
}


def digests() -> dict[str, str]:
    desired = wish(FILES)
    assert desired.problems == ()
    frames = {f"{unit} (frame)": frame.digest for unit, frame in desired.frames.items()}
    return {**frames, **{str(unit): p.digest for unit, p in desired.processes.items()}}


def test_no_digest_of_an_old_manifest_changes() -> None:
    assert digests() == BEFORE
