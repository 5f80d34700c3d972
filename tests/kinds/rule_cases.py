"""For every rule of the book: files that break it, and where the problem must stand."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.model.manifest import Blob
from tests.kinds.desk import Files, agent, fleet, session
from tests.kinds.publickeys import ED25519

A, B, S, F, C = (
    "p/agents/a.yaml",
    "p/agents/b.yaml",
    "p/sessions/s.yaml",
    "fleet.yaml",
    "p/charter.md",
)


@dataclass(frozen=True)
class Case:
    """Files, and the place of the problem they give."""

    place: str
    files: Files = field(default_factory=dict)
    extra: tuple[Blob, ...] = ()
    with_fleet: bool = True


def blob(path: str, mode: str = "100644", size: int = 1) -> Blob:
    return Blob(path, "0" * 40, mode, size)


def entry(path: str, shown: str = "", *, mode: str = "100644", size: int = 1) -> Case:
    return Case(shown or path, extra=(blob(path, mode, size),))


def one(path: str, text: str | bytes, at: str) -> Case:
    return Case(f"{path}:{at}" if at else path, {path: text})


def in_agent(spec: str, at: str = "6") -> Case:
    return one(A, agent(spec), at)


def in_session(spec: str, at: str) -> Case:
    return one(S, session(spec), at)


def in_fleet(spec: str, at: str) -> Case:
    return one(F, fleet(spec), at)


def in_remote(spec: str, at: str) -> Case:
    return in_fleet(f"remote: {{{spec}}}", at)


def in_hours(window: str, at: str) -> Case:
    return in_fleet(f"sync: {{windows: [{window}]}}", at)


PANES = "windows: [{name: dev, panes: [%s]}]"
HEAD = "apiVersion: novaorch/v1\nkind: Agent\nspec:\n"

CASES: dict[str, Case] = {
    # -- files
    "path/symlink": entry(A, mode="120000"),
    "path/submodule": entry("p/agents", mode="160000"),
    "path/executable": entry(A, mode="100755"),
    "path/mode": entry(A, mode="100664"),
    "path/traversal": entry("p/../a.yaml"),
    "path/absolute": entry("/p/agents/a.yaml"),
    "path/control": entry("p/agents/a\n.yaml", r"p/agents/a\n.yaml"),
    "path/not-utf8": entry("p/agents/a\udcff.yaml", r"p/agents/a\udcff.yaml"),
    "path/backslash": entry("p\\agents\\a.yaml"),
    "path/trailing": entry("p/agents /a.yaml"),
    "path/git-folder": entry("p/GIT~1/a.yaml"),
    "path/long-component": entry(f"p/agents/{'a' * 256}.yaml"),
    "path/deep": entry("d/" * 16 + "a.yaml"),
    "path/not-read": entry("p/agents/a.toml"),
    "path/misplaced": one("a.yaml", agent(), "2:7"),
    "path/wrong-folder": one("p/sessions/a.yaml", agent(), "2:7"),
    "file/too-big": entry(A, size=(1 << 20) + 1),
    "file/unread": entry(A),
    "file/more-problems": one(
        A, HEAD + "  x: 1\n" + "".join(f"  x{i}: 1\n" for i in range(60)), ""
    ),
    "tree/case-twins": Case("p/agents/a.yaml", {"p/agents/A.yaml": agent(name="x"), A: agent()}),
    "tree/unicode-twins": Case(
        "p/é/a.txt", extra=(blob("p/e\u0301/a.txt"), blob("p/\u00e9/a.txt"))
    ),
    "tree/too-many": Case("", extra=tuple(blob(f"p/agents/a{i}.yaml") for i in range(20_001))),
    "name/project": one("Pro/agents/a.yaml", agent(), ""),
    "name/unit": in_agent("session: Main", "6:12"),
    "name/twice": Case(f"{B}:3:18", {A: agent(), B: agent(name="a")}),
    # -- YAML
    "yaml/encoding": one(A, b"apiVersion: novaorch/v1\nkind: \xff", "2:7"),
    "yaml/utf16": one(A, "kind: Agent".encode("utf-16"), "1:1"),
    "yaml/control-character": one(A, agent() + "  env: {A: \x1b]0;x\x07}\n", "6:12"),
    "yaml/tab": one(A, agent() + "\tmode: auto\n", "6:1"),
    "yaml/syntax": one(A, agent() + "  env: {A: [1}\n", "6:14"),
    "yaml/empty": one(A, "# nothing\n", ""),
    "yaml/not-a-mapping": one(A, "- a\n", "1:1"),
    "yaml/documents": one(A, agent() + "---\nkind: Agent\n", "6:1"),
    "yaml/directive": one(A, "%YAML 1.1\n---\n" + agent(), "1:1"),
    "yaml/duplicate-key": one(A, agent("command: [x]"), "6:3"),
    "yaml/merge-key": one(A, agent("<<: {mode: auto}"), "6:3"),
    "yaml/alias": one(A, agent("env: &e {A: b}\nsecrets: *e"), "7:12"),
    "yaml/anchor": one(A, agent("env: &e {A: b}"), "6:8"),
    "yaml/tag": one(A, agent("env: {A: !!python/object:os.system x}"), "6:12"),
    "yaml/key-not-text": one(A, agent("? [a]\n: b"), "6:5"),
    "yaml/depth": one(A, agent("env: " + "[" * 40 + "]" * 40), "6:38"),
    "yaml/nodes": one(A, agent("env: [" + "a," * 50_000 + "]"), "6:99975"),
    # -- charters
    "charter/front-matter": one(C, "---\nkind: Charter\n# T\n", "1:1"),
    "charter/title": one(C, "text\n", ""),
    "charter/hidden-text": one(C, "# T\nab\u202ec\n", "2:3"),
    # -- fields
    "kind/unknown": one(A, "apiVersion: novaorch/v1\nkind: Agnet\n", "2:7"),
    "kind/api-version": one(A, agent().replace("v1", "v2"), "1:13"),
    "schema/unknown-field": in_agent("restart: {polcy: never}", "6:13"),
    "schema/missing-field": one(A, HEAD + "  runtime: codex\n  decide: [{tool: Bash}]\n", "5:12"),
    "schema/type": in_agent("stop: soon", "6:9"),
    "schema/choice": in_agent("mode: on", "6:9"),
    "schema/integer": in_agent("replicas: 012", "6:13"),
    "schema/boolean": in_session("adopt: yes", "6:10"),
    "schema/duration": in_agent("stop: {grace: 15}", "6:17"),
    "schema/range": in_agent("replicas: 501", "6:13"),
    "schema/empty": in_agent("env: {A: }", "6:12"),
    "schema/long": in_agent(f"directory: {'d' * 5000}", "6:14"),
    "schema/text": in_agent('after: ["a\\u202eb"]', "6:11"),
    "schema/label": one(A, agent().replace("{name: }", "{labels: {a b: c}}"), "3:21"),
    # -- the fleet
    "fleet/socket": in_fleet("tmux: {socket: a/b}", "4:18"),
    "fleet/store-url": in_fleet("store: {url: http://x}", "4:16"),
    "fleet/store-password": in_fleet('store: {url: "redis://:hunter2@localhost"}', "4:16"),
    "fleet/store-open": in_fleet('store: {url: "redis://10.0.0.1:6379"}', "4:16"),
    "fleet/branch": in_fleet("sync: {branch: --upload-pack=x}", "4:18"),
    "fleet/journal-key": in_fleet("journal: {key: keys/id_ed25519}", "4:18"),
    # -- the remote
    "remote/url": in_remote("url: ../other.git", "4:17"),
    "remote/helper": in_remote('url: "ext::sh -c id"', "4:17"),
    "remote/host": in_remote("url: ssh://-oProxyCommand=id/x", "4:17"),
    "remote/letters": in_remote("url: https://g\u0456thub.com/x", "4:17"),
    "remote/secret": in_remote("url: https://ada:hunter2@example.org/x", "4:17"),
    "remote/protocol": in_remote("url: http://example.org/x", "4:17"),
    "remote/credentials": in_remote("url: git@host:x, credentials: env:TOKEN", "4:42"),
    "remote/key": in_remote("url: git@host:x, key: keys/id_ed25519", "4:34"),
    # -- what becomes of work
    "workspace/size": in_agent("workspace: {file-max: 50}", "6:25"),
    "workspace/base": in_agent("workspace: {base: training/p/a/1}", "6:21"),
    "workspace/pattern": in_agent("workspace: {keep-out: [../x]}", "6:26"),
    "workspace/directory": Case(f"{A}:7:14", {A: agent("workspace: {}\ndirectory: /srv")}),
    "training/no-workspace": in_agent("mode: training", "6:9"),
    # -- at which hours, on whom first
    "sync/window": in_hours("{duration: 1h}", "4:20"),
    "sync/cron": in_hours('{allow: "0 9 * *", duration: 1h}', "4:28"),
    "sync/cron-never": in_hours('{deny: "0 0 30 2 *", duration: 1h}', "4:27"),
    "sync/timezone": in_hours(
        '{allow: "0 9 * * *", duration: 1h, timezone: Europe/Berlim}', "4:65"
    ),
    "sync/canary-first": in_fleet("sync: {canary: {first: 0%}}", "4:26"),
    # -- whose word counts
    "verify/nobody": in_fleet("verify: {commits: head}", "4:21"),
    "verify/name": in_fleet(f'principals: [{{name: "*", ssh: {ED25519}}}]', "4:23"),
    "verify/no-key": in_fleet("principals: [{name: ada}]", "4:16"),
    "verify/key-twice": in_fleet(
        f"principals:\n- {{name: ada, ssh: {ED25519}}}\n- {{name: bob, ssh: {ED25519} me}}", "6:22"
    ),
    "verify/private-key": in_fleet(
        'principals: [{name: ada, ssh: "-----BEGIN OPENSSH PRIVATE KEY-----"}]', "4:33"
    ),
    "verify/ssh-key": in_fleet(f"principals: [{{name: ada, ssh: {ED25519[:-4]}}}]", "4:33"),
    "verify/gpg-key": in_fleet("principals: [{name: ada, gpg: 0x77782F53}]", "4:33"),
    "verify/date": in_fleet(
        f"principals: [{{name: ada, until: 2026-02-30, ssh: {ED25519}}}]", "4:35"
    ),
    "verify/dates": in_fleet(
        f"principals: [{{name: a, from: 2026-02-02, until: 2026-02-02, ssh: {ED25519}}}]", "4:16"
    ),
    "fleet/missing": Case(F, {A: agent()}, with_fleet=False),
    "fleet/broken": in_fleet("tmx: {}", "4:3"),
    # -- what runs
    "agent/no-command": one(A, HEAD + "  mode: auto\n", "4:3"),
    "agent/command-unused": in_agent("runtime: claude-code", "5:12"),
    "agent/only-agents": in_agent("model: opus", "6:10"),
    "agent/rehearsal-only": one(A, HEAD + "  runtime: fake\n", "4:12"),
    "agent/model": one(A, HEAD + "  runtime: codex\n  model: --help\n", "5:10"),
    "agent/tool": one(A, HEAD + "  runtime: codex\n  tools: [-x]\n", "5:11"),
    "agent/dollars": one(A, HEAD + "  runtime: codex\n  budget: {usd_per_day: x}\n", "5:25"),
    "launch/nul": in_agent('env: {A: "a\\0b"}', "6:12"),
    "launch/program": one(A, HEAD + "  command: [A=b, c]\n", "4:13"),
    "launch/env-name": in_agent("env: {1A: b}", "6:9"),
    "launch/env-reserved": in_agent("env: {TMUX_PANE: b}", "6:9"),
    "launch/secret-literal": in_agent("secrets: {KEY: hunter2}", "6:18"),
    "launch/env-and-secret": in_agent("env: {K: x}\nsecrets: {K: env:K}", "7:16"),
    "launch/typed": in_session(PANES % '{type: ["a\\u001b[A"]}', "6:41"),
    "launch/backoff": in_agent("restart: {backoff: {base: 2m, max: 1m}}", "6:22"),
    "launch/kill-unused": in_agent("stop: {grace: 1s, kill: 2s}", "6:27"),
    # -- sessions
    "session/name": in_session('session: "a:b"', "6:12"),
    "session/window-name": in_session('windows: [{name: "#(id)"}]', "6:20"),
    "session/layout": in_session("windows: [{layout: bb62,80x24,0,0,1}]", "6:22"),
    "session/option-unknown": in_session("options: {default-command: id}", "6:13"),
    "session/option-value": in_session('options: {status-style: "#(id)"}', "6:27"),
    "session/pane-both": in_session(PANES % "{agent: a, command: [x]}", "6:41"),
    "session/pane-agent-only": in_session(PANES % "{agent: a, env: {A: b}}", "6:49"),
    "session/focus-twice": in_session(PANES % "{focus: true}, {focus: true}", "6:56"),
    "session/unknown-agent": in_session(PANES % "{agent: a}", "6:41"),
    "session/replica-name": Case(
        f"{S}:6:41", {S: session(PANES % "{agent: a}"), A: agent("replicas: 2")}
    ),
    "session/agent-twice": Case(
        f"{S}:6:53", {S: session(PANES % "{agent: a}, {agent: a}"), A: agent()}
    ),
    "session/protect-unused": Case(
        f"{S}:6:12", {S: session(f"protect: true\n{PANES % '{agent: a}'}"), A: agent()}
    ),
    "session/name-taken": Case(
        "p/sessions/z.yaml:6:12", {A: agent(), "p/sessions/z.yaml": session("session: p/a")}
    ),
    # -- directories
    "directory/unsafe": in_agent('directory: "#(id)"', "6:14"),
    "directory/user": in_agent("directory: ~root/x", "6:14"),
    "directory/outside": in_agent("directory: a/../../b", "6:14"),
    "directory/not-allowed": Case(
        f"{A}:6:14", {F: fleet("limits: {roots: [/srv]}"), A: agent("directory: /srvx")}
    ),
    # -- agents among each other
    "agent/replica-clash": Case(
        f"{A}:6:13", {A: agent("replicas: 2"), "p/agents/a-1.yaml": agent()}
    ),
    "agent/self-dependency": in_agent("after: [a]", "6:11"),
    "agent/unknown-dependency": in_agent("after: [z]", "6:11"),
    "agent/cycle": Case(f"{A}:6:11", {A: agent("after: [b]"), B: agent("after: [a]")}),
    "agent/unknown-session": in_agent("session: main", "6:12"),
    "agent/session-conflict": Case(
        f"{A}:6:12",
        {
            A: agent("session: t"),
            S: session(PANES % "{agent: a}"),
            "p/sessions/t.yaml": session(),
        },
    ),
    "agent/size-unused": Case(f"{A}:7:9", {A: agent("session: s\nsize: {rows: 9}"), S: session()}),
}
