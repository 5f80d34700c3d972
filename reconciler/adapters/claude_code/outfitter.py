"""Prepares everything that an agent runtime needs to find when it starts.

Writes into the agent's own folder, outside of every work tree, and what Claude Code must have been
told beforehand into its user's own file. A token is in the environment alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.adapters.claude_code import files, papers, plugin
from reconciler.adapters.claude_code.lives import Kept, Life, Lives
from reconciler.adapters.claude_code.places import Home
from reconciler.adapters.claude_code.seed import Answers, seed
from reconciler.adapters.claude_code.transcripts import words_in
from reconciler.adapters.claude_code.version import Versions, strange
from reconciler.core.conversation import conversation
from reconciler.core.runtimes import AGENTS, RUNTIMES, argv
from reconciler.model.agent import Outfit, Persona
from reconciler.model.ids import UnitId
from reconciler.model.problems import NovaorchError
from reconciler.model.runtime import Runtime
from reconciler.model.unit import Launch

OF_ANOTHER = (
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_REMOTE_SESSION_ID",
    "CLAUDE_CODE_RESUME_FROM_SESSION",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SESSION_KIND",
    "CLAUDE_CODE_SESSION_LOG",
    "CLAUDE_CODE_SESSION_NAME",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_TMUX_SESSION",
    "CODEX_SANDBOX",
    "CODEX_THREAD_ID",
    "GEMINI_CLI",
)
"""Variables of an agent within which novaorch, or its tmux server, may have been started: whoever
inherits them takes itself for a part of that one."""


def _nothing(_text: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class _Start:
    """One start: who, how, where its own files are, and with which variables. `gate` is its URL."""

    unit: UnitId
    launch: Launch
    persona: Persona
    runtime: Runtime
    folder: Path
    environ: Mapping[str, str]
    gate: str


@dataclass(slots=True)
class Outfits:
    """Outfits of one fleet's agents (`ports.agents.Outfitter`).

    `folder` is where an agent's own files are, `mint` makes its token, `gate` says where the gate
    is (`http://127.0.0.1:PORT`), `charter` what a project's charter says, `reveal` what a secret's
    reference stands for. `say` hears once of what is odd and hinders nothing.
    """

    fleet: str
    folder: Callable[[str], Path]
    mint: Callable[[str], str]
    gate: Callable[[], str]
    charter: Callable[[str], str] = _nothing
    reveal: Callable[[str], str] = _nothing
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    say: Callable[[str], object] = _nothing
    now: Callable[[], float] = time.time
    _versions: Versions = field(default_factory=Versions)
    _said: set[str] = field(default_factory=set)

    def outfit(self, unit: str, launch: Launch) -> Outfit:
        """See `Outfitter.outfit`. Something that is no agent runtime is started as it stands."""
        if launch.persona is None:
            return Outfit(launch.argv)
        start = self._start(UnitId(unit), launch, launch.persona)
        if start.runtime.hooks:
            # What fails here is no life that did not begin, and must not be counted as one.
            self._seed(start)
        life = self._life(start)
        words = {"conversation": life.conversation, "gate": start.gate}
        words["token_variable"] = papers.TOKEN_VARIABLE
        if start.runtime.hooks:
            words |= self._written(start, life)
        program, *rest = argv(start.runtime, start.persona, words, resume=life.resume)
        program = sys.executable if start.persona.runtime == "fake" else program
        return Outfit((*_unset(launch), program, *rest), self._env(start, life))

    def _start(self, unit: UnitId, launch: Launch, persona: Persona) -> _Start:
        runtime = RUNTIMES.get(persona.runtime)
        if runtime is None or not runtime.program:
            raise NovaorchError(
                f"{persona.runtime!r} is not a runtime that can be started",
                why="this novaorch has no entry for it",
                fix=f"choose one of {', '.join(name for name in AGENTS if name != 'fake')}",
            )
        environ = {**self.environ, **dict(launch.env)}
        folder = files.private_folder(self.folder(unit))
        return _Start(unit, launch, persona, runtime, folder, environ, self.gate())

    def _life(self, start: _Start) -> Life:
        if not any("{conversation}" in group for group in start.runtime.start):
            return Life("", resume=False)  # it chooses an id of its own, and tells nobody
        home = Home.of(start.environ)

        def kept(name: str) -> Kept:
            if start.runtime.hooks:
                return words_in(home.transcript(start.launch.directory, name))
            return _kept_by_gemini(name, start.environ)

        own = conversation(self.fleet, start.unit)
        return Lives(start.folder).next(own, kept, self.now(), fresh=start.persona.fresh)

    def _written(self, start: _Start, life: Life) -> dict[str, str]:
        """Write an agent's own files; return the words that lead to them."""
        charter = self.charter(start.unit.project)
        tree = "NOVAORCH_REPOSITORY" in dict(start.launch.env)
        who = papers.Identity(start.unit, self.fleet, charter, life.instead, tree)
        names = ("session-start.json", "settings.json", "mcp.json")
        told, settings, servers = (start.folder / name for name in names)
        note = Lives(start.folder).note
        files.write_json(told, papers.started(who))
        files.write_json(settings, papers.settings(start.gate, start.persona.tools, told, note))
        files.write_json(servers, papers.servers(start.gate))
        Home.of(start.environ).keep(start.folder)
        return {"settings": str(settings), "mcp": str(servers), "plugin": plugin.folder()}

    def _seed(self, start: _Start) -> None:
        version = ""
        if start.persona.runtime != "fake":
            version = self._versions.of(start.runtime.program, start.environ)
            self._odd(f"{start.runtime.program}: {strange(version)}" if strange(version) else "")
        directory = start.launch.directory
        key = dict(start.launch.secrets).get("ANTHROPIC_API_KEY", "")
        answers = Answers(
            directories=tuple(dict.fromkeys((directory, os.path.realpath(directory)))),
            version=version,
            key=self.reveal(key) if key else start.environ.get("ANTHROPIC_API_KEY", ""),
            bypass=start.persona.permission == "bypassPermissions",
        )
        seed(Home.of(start.environ).config, answers)

    def _env(self, start: _Start, life: Life) -> tuple[tuple[str, str], ...]:
        env = {papers.TOKEN_VARIABLE: self.mint(start.unit), "NOVAORCH_GATE": start.gate}
        if life.conversation:
            env["NOVAORCH_CONVERSATION"] = life.conversation
        path = start.environ.get("PATH", "")
        beside = Path(sys.executable).parent
        if path and shutil.which("novaorch", path=path) is None and (beside / "novaorch").exists():
            env["PATH"] = f"{path}{os.pathsep}{beside}"  # what the commands of its plugin run
        if "DISABLE_AUTOUPDATER" not in dict(start.launch.env):
            # A hundred agents must not install a hundred times, and not under each other's feet.
            env["DISABLE_AUTOUPDATER"] = "1"
        return tuple(env.items())

    def _odd(self, text: str) -> None:
        if text and text not in self._said:
            self._said.add(text)
            self.say(text)


def _unset(launch: Launch) -> tuple[str, ...]:
    """Return the words that take away what an outer agent left; `env` then becomes the program."""
    given = {name for name, _ in (*launch.env, *launch.secrets)}
    words = [word for name in OF_ANOTHER if name not in given for word in ("-u", name)]
    return ("env", *words)


def _kept_by_gemini(name: str, environ: Mapping[str, str]) -> Kept:
    place = Path(environ.get("HOME") or "/") / ".gemini" / "tmp"
    try:
        found = any(place.glob(f"*/chats/*{name[:8]}*"))
    except OSError:
        found = False
    return Kept.WORDS if found else Kept.NOTHING
