"""The stories: what is wished for, what people do, what falls. Each is a few lines."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from reconciler.core.suspend import with_suspension, without
from reconciler.model.control import Suspension
from reconciler.model.ids import UnitId
from tests.simulator.telling import Act, Workload
from tests.simulator.universe import Universe

HEAD = "apiVersion: novaorch/v1\nkind: {}\nspec:\n{}"
FLEET = (
    b"apiVersion: novaorch/v1\nkind: Fleet\nmetadata: {name: sim}\n"
    b"spec: {sync: {poll: 5s}, limits: {stops: {count: 2, percent: 20}}}\n"
)


CANARY = FLEET.replace(b"poll: 5s", b"poll: 5s, canary: {first: 1, above: 1, bake: 8s}")


def agent(command: str = "run", **spec: str) -> bytes:
    """An agent; a polite second to end."""
    fields = {"command": f"[{command}]", "stop": "{grace: 1s}", **spec}
    return HEAD.format("Agent", "".join(f"  {k}: {v}\n" for k, v in fields.items())).encode()


def session(*windows: str, **spec: str) -> bytes:
    """A Session of these windows, each as `{name: ..., panes: ...}`."""
    fields = {"windows": f"[{', '.join(windows)}]", **spec}
    return HEAD.format("Session", "".join(f"  {k}: {v}\n" for k, v in fields.items())).encode()


def pane(command: str = "tool") -> str:
    return f"{{command: [{command}], stop: {{grace: 1s}}}}"


def agents(
    *names: str, every: bytes | None = None, project: str = "web", **more: bytes
) -> dict[str, bytes]:
    """Agents that just run, or are all like `every`, and those that are given."""
    files = {name: every or agent() for name in names} | more
    return {f"{project}/agents/{name}.yaml": data for name, data in files.items()}


def sessions(**made: bytes) -> dict[str, bytes]:
    return {f"web/sessions/{name}.yaml": data for name, data in made.items()}


BYSTANDERS = {
    "fleet.yaml": FLEET,
    "quiet/agents/rock.yaml": agent("rock"),
    "quiet/sessions/pond.yaml": session(f"{{name: w, panes: [{pane('water')}, {{agent: frog}}]}}"),
    "quiet/agents/frog.yaml": agent("frog", session="pond"),
    "web/README.md": b"",
}


def base(*parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """A fleet with bystanders in it."""
    files = dict(BYSTANDERS)
    for part in parts:
        files.update(part)
    return files


def units(*names: str, kind: str = "agent") -> frozenset[str]:
    return frozenset(f"web/{kind}/{name}" for name in names)


# -- what happens ---------------------------------------------------------------------------------


def commit(*parts: Mapping[str, bytes | None]) -> Act:
    """Somebody commits files, or (None) their removal."""

    def commits(universe: Universe) -> str:
        universe.commit({path: data for part in parts for path, data in part.items()})
        return "hook"

    return commits


def remove(*paths: str) -> Act:
    """Somebody commits a removal."""
    return commit(dict.fromkeys(paths))


def falls(*names: str, status: int | None = 1, event: str = "tmux") -> Act:
    """Processes end by themselves."""

    def fall(universe: Universe) -> str:
        for name in names:
            universe.host.exit(name, status)
        return event

    return fall


def does(what: str, *args: str, event: str = "tmux") -> Act:
    """A person does something to tmux: a method of `MemoryHost`."""

    def act(universe: Universe) -> str:
        with contextlib.suppress(KeyError):  # it is gone: nothing to do it to
            getattr(universe.host, what)(*args)
        return event

    act.__name__ = what
    return act


def closes(unit: str) -> Act:
    """A person kills the pane of a unit."""

    def close(universe: Universe) -> str:
        for found in universe.host.panes_of(unit):
            universe.host.human_close(found.id)
        return "tmux"

    return close


def stubborn(*names: str) -> Act:
    """These do not mind TERM."""

    def stand(universe: Universe) -> str:
        universe.host.stubborn.update(map(UnitId, names))
        return ""

    return stand


def rots(program: str) -> Act:
    """This program ends at once, whoever starts it."""

    def rot(universe: Universe) -> str:
        universe.host.rotten.add(program)
        return ""

    return rot


def doomed(name: str, status: int | None) -> Act:
    """Each start of this one fails from now on; None: it is well again."""

    def doom(universe: Universe) -> str:
        if status is None:
            universe.host.doomed.pop(UnitId(name), None)
        else:
            universe.host.doomed[UnitId(name)] = status
        return ""

    return doom


def writes(name: str, file: str, text: str = "work") -> Act:
    """An agent writes a file into its tree, and commits nothing."""

    def write(universe: Universe) -> str:
        universe.write(name, file, text)
        return ""

    return write


def promotes(name: str) -> Act:
    """An agent commits what it wrote, and somebody promotes its run."""

    def promote(universe: Universe) -> str:
        tree = UnitId(name.replace("/agent/", "/workspace/"))
        with contextlib.suppress(LookupError):
            universe.yard.of(tree).commit()
            universe.yard.finish(tree)
        return "hook"

    return promote


def suspends(scope: str) -> Act:
    """A person keeps hands off a unit for ten days."""

    def suspend(universe: Universe) -> str:
        now = universe.clock.now()
        word = Suspension(scope, "debugging", "Ada", now, now + 10 * 86_400)
        universe.say(lambda said: with_suspension(said, word))
        return "hook"

    return suspend


def resumes(scope: str) -> Act:
    """And lets go."""

    def resume(universe: Universe) -> str:
        universe.say(lambda said: without(said, [scope], universe.clock.now()))
        return "hook"

    return resume


def forced_back(universe: Universe) -> str:
    """Somebody's forced push takes the newest commit away, for ever."""
    universe.force_back()
    return "hook"


def times(*acts: Act, gap_s: float = 15.0) -> tuple[tuple[float, Act], ...]:
    """One act after the other, with time enough in between."""
    return tuple((number * gap_s, act) for number, act in enumerate(acts))


# -- the stories ----------------------------------------------------------------------------------

FIVE = agents("a", "b", "c", "d", "e")
DEV = f"{{name: dev, layout: tiled, panes: [{pane('one')}, {{agent: torch}}]}}"
LOG = f"{{name: log, panes: [{pane('tail')}]}}"
SEATED = agents(torch=agent("torch", session="main"))
WORDS = "{quit: [bye], grace: 1s, kill: 1s}"
BROKEN = b"apiVersion: novaorch/v1\nkind: Agent\nspec: {command: [a, b"

HOUSED = agent(workspace="{}")
_STORIES = (
    Workload("first start of five", base(), times(commit(FIVE)), units(*"abcde")),
    Workload("add one", base(agents("a")), times(commit(agents("b"))), units("b")),
    Workload("remove one", base(agents("a", "b")), times(remove("web/agents/b.yaml")), units("b")),
    Workload(
        "change the command of one",
        base(agents("a", "b")),
        times(commit(agents(b=agent("new")))),
        units("b"),
    ),
    Workload(
        "change a label",
        base(agents("a", "b")),
        times(commit(agents(b=agent().replace(b"spec:", b"metadata: {labels: {x: y}}\nspec:")))),
    ),
    Workload(
        "rename a window, add one, swap them",
        base(SEATED, sessions(main=session(DEV, LOG))),
        times(
            commit(sessions(main=session(DEV.replace("dev", "work"), LOG))),
            commit(sessions(main=session(LOG, DEV, f"{{name: new, panes: [{pane('n')}]}}"))),
        ),
        frozenset({"web/session/main/new.0"}),
    ),
    Workload(
        "open a session with an agent",
        base(),
        times(commit(SEATED, sessions(main=session(DEV, LOG)))),
        units("torch") | {f"web/session/main/{p}" for p in ("dev.0", "log.0")},
    ),
    Workload(
        "move an agent between sessions",
        base(SEATED, sessions(main=session(DEV, LOG), side=session(LOG))),
        times(
            commit(
                agents(torch=agent("torch", session="side")),
                sessions(main=session(f"{{name: dev, panes: [{pane('one')}]}}", LOG)),
            )
        ),
    ),
    Workload(
        "move an agent out, and in again",
        base(SEATED, sessions(main=session(DEV))),
        times(
            commit(
                agents(torch=agent("torch")),
                sessions(main=session(f"{{name: dev, panes: [{pane('one')}]}}")),
            ),
            commit(SEATED, sessions(main=session(DEV))),
        ),
    ),
    Workload(
        "replicas up and down",
        base(agents(w=agent("w", replicas="2"))),
        times(
            commit(agents(w=agent("w", replicas="4"))), commit(agents(w=agent("w", replicas="3")))
        ),
        units("w-2", "w-3"),
    ),
    Workload(
        "stop by mode, and start again",
        base(agents("a", "b")),
        times(commit(agents(b=agent(mode="stopped"))), commit(agents("b"))),
        units("b"),
    ),
    Workload(
        "a chain of three",
        base(agents("a")),
        times(commit(agents(b=agent(after="[a]"), c=agent(after="[b]"), d=agent(after="[c, a]")))),
        units("b", "c", "d"),
    ),
    Workload("a process crashes", base(agents("a", "b")), times(falls("web/agent/b")), units("b")),
    Workload(
        "crashes that no event tells of",
        base(agents("a"), SEATED, sessions(main=session(DEV))),
        times(falls("web/agent/a", "web/agent/torch", event="")),
        units("a", "torch"),
    ),
    Workload(
        "a crash loop, mended",
        base(agents("a", b=agent(restart="{backoff: {base: 1s, max: 8s}}"))),
        times(
            doomed("web/agent/b", 1), falls("web/agent/b"), doomed("web/agent/b", None), gap_s=12
        ),
        units("b"),
        spare=6,
        rest_s=180.0,
    ),
    Workload(
        "the server is killed",
        base(agents("a"), SEATED, sessions(main=session(DEV))),
        times(does("kill_server")),
        units("a", "torch")
        | {"web/session/main/dev.0", "quiet/agent/rock", "quiet/agent/frog"}
        | {"quiet/session/pond/w.0"},
        names={"no": "stranger is left"},
    ),
    Workload(
        "a stranger's session of our name",
        base(agents("a")),
        times(does("foreign_session", "web/b", event=""), commit(agents("b", "c"))),
        units("b", "c"),
        held=units("b"),
    ),
    Workload(
        "a stranger's session of our name, gone again",
        base(agents("a")),
        times(
            does("foreign_session", "web/b", event=""),
            commit(agents("b")),
            does("human_close", "web/b"),
        ),
        units("b"),
    ),
    Workload(
        "a person renames a session",
        base(agents("a", "b")),
        times(does("human_rename", "web/b", "mine"), commit(agents("c"))),
        units("c"),
        names={"web/agent/b": "mine"},
    ),
    Workload(
        "a person kills a pane, a window, a session",
        base(agents("a"), SEATED, sessions(main=session(DEV, LOG))),
        times(
            closes("web/session/main/log.0"),
            closes("web/agent/torch"),
            does("human_close", "web/a"),
        ),
        units("a", "torch") | {"web/session/main/log.0"},
    ),
    Workload(
        "a broken manifest, mended",
        base(agents("a", "b")),
        times(commit(agents(b=BROKEN, c=agent())), commit(agents(b=agent("new")))),
        units("b", "c"),
    ),
    Workload(
        "a broken manifest",
        base(agents("a", "b")),
        times(commit(agents(b=BROKEN, c=agent())), remove("web/agents/a.yaml")),
        units("c"),
        held=units("a", "b"),
    ),
    Workload(
        "a project folder is deleted, and comes back",
        base(agents("a", "b", project="gone")),
        times(
            remove("gone/agents/a.yaml", "gone/agents/b.yaml"),
            commit(agents("a", "b", project="gone")),
        ),
    ),
    Workload(
        "an emptied tree",
        base(agents("a")),
        times(remove(*(path for path in base(agents("a")) if path != "fleet.yaml"))),
        held=units("a") | {"quiet/agent/rock", "quiet/agent/frog", "quiet/session/pond"},
    ),
    Workload(
        "many stops, confirmed",
        base(agents("a", "b", "c", "d", "e")),
        times(remove(*(f"web/agents/{name}.yaml" for name in "abcd"))),
        units(*"abcd"),
        confirms=True,
    ),
    Workload(
        "many stops, not confirmed",
        base(agents("a", "b", "c", "d", "e")),
        times(remove(*(f"web/agents/{name}.yaml" for name in "abcd"))),
        held=units(*"abcd"),
    ),
    Workload(
        "a stubborn process is restarted",
        base(agents("a", "b")),
        times(commit(agents(b=agent("new")))),
        units("b"),
        prepared=stubborn("web/agent/b"),
    ),
    Workload(
        "a stubborn process is taken away",
        base(agents("a", "b")),
        times(remove("web/agents/b.yaml")),
        units("b"),
        prepared=stubborn("web/agent/b"),
    ),
    Workload(
        "a drain, and a newer commit",
        base(agents("a", "b")),
        (
            (0.0, commit(agents(b=agent("new")))),
            (0.4, commit(agents(b=agent("newer"), c=agent()))),
            (0.7, remove("web/agents/c.yaml")),
        ),
        units("b", "c"),
        prepared=stubborn("web/agent/b"),
    ),
    Workload(
        "a session is adopted",
        base(agents("a")),
        times(
            does("foreign_session", "mine", event=""),
            commit(sessions(main=session(LOG, session="mine", adopt="true"))),
        ),
        frozenset({"web/session/main/log.0"}),
        adopted=units("main", kind="session"),
    ),
    Workload(
        "hands off, and on again",
        base(agents("a", "b")),
        times(
            suspends("web/agent/b"),
            commit(agents(b=agent("new"), c=agent())),
            resumes("web/agent/b"),
        ),
        units("b", "c"),
    ),
    Workload(
        "hands off, and a crash",
        base(agents("a", "b")),
        times(suspends("web/agent/b"), falls("web/agent/b")),
        units("b"),
        held=units("b"),
    ),
    Workload(
        "protected, and its file is gone",
        base(agents("a", b=agent(protect="true"))),
        times(remove("web/agents/b.yaml")),
        held=units("b"),
    ),
    Workload(
        "a forced push",
        base(agents("a")),
        times(commit(agents("b")), forced_back),
        units("b"),
    ),
    Workload(
        "a change of many that goes well",
        base(agents("a", "b", "c", "d"), {"fleet.yaml": CANARY}),
        times(commit(agents(*"abcd", every=agent("new")))),
        units(*"abcd"),
        spare=6,
        rest_s=60.0,
    ),
    Workload(
        "a change of many that is taken back",
        base(agents("a", "b", "c", "d"), {"fleet.yaml": CANARY}),
        times(commit(agents(*"abcd", every=agent("new")))),
        units(*"abcd"),
        prepared=rots("new"),
        spare=6,
        rest_s=60.0,
    ),
    Workload(
        "words, then TERM, then KILL",
        base(agents("a", b=agent(stop=WORDS))),
        times(commit(agents(b=agent("new", stop=WORDS)))),
        units("b"),
        prepared=stubborn("web/agent/b"),
    ),
    Workload(
        "an agent with a tree of its own comes and goes",
        base(agents("a")),
        times(
            commit(agents(b=HOUSED)),
            writes("web/agent/b", "half"),
            remove("web/agents/b.yaml"),
        ),
        units("b"),
    ),
    Workload(
        "an agent moves into a tree, and out again",
        base(agents("a", "b")),
        times(commit(agents(b=HOUSED)), writes("web/agent/b", "half"), commit(agents("b"))),
        units("b"),
    ),
    Workload(
        "a tree of another repository",
        base(agents("a", b=HOUSED)),
        times(
            writes("web/agent/b", "half"),
            commit(agents(b=agent(workspace="{repository: /other}"))),
            writes("web/agent/b", "other"),
        ),
        units("b"),
    ),
    Workload(
        "a run is over, and the next begins",
        base(agents("a", b=HOUSED)),
        times(
            writes("web/agent/b", "first"),
            promotes("web/agent/b"),
            writes("web/agent/b", "second"),
        ),
    ),
    Workload(
        "two trees go, and one comes back in the middle",
        base(agents("a", b=HOUSED, c=HOUSED)),
        (
            (0.0, writes("web/agent/b", "half")),
            (1.0, writes("web/agent/c", "half")),
            (2.0, remove("web/agents/b.yaml", "web/agents/c.yaml")),
            (2.3, commit(agents(c=HOUSED))),
        ),
        units("b", "c"),
        prepared=stubborn("web/agent/b", "web/agent/c"),
    ),
    Workload(
        "a tree that cannot be made",
        base(agents("a", "b")),
        times(commit(agents(b=agent(workspace="{repository: /nowhere}"), c=HOUSED))),
        units("c"),
        held=units("b") | units("b", kind="workspace"),
    ),
)
WORKLOADS: Mapping[str, Workload] = {story.name: story for story in _STORIES}
