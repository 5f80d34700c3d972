"""One turn: a prompt goes to the model, tools are used, the model has a last word; or it fails."""

from __future__ import annotations

import json
import os
import time
from _random import Random
from collections.abc import Generator

from reconciler.rehearsal import screen
from reconciler.rehearsal.asking import Choice
from reconciler.rehearsal.figure import Figure
from reconciler.rehearsal.script import lines
from reconciler.rehearsal.waits import Pause

Steps = Generator[Pause, None, None]
BLOCKS_MAX = 20
"""So often a Stop hook may keep a turn going."""
NOTICE_S = 6.0
REJECTED = "The user doesn't want to proceed with this tool use. The tool use was rejected."
USED_UP = "API Error: Request rejected (429) · This request would exceed your account's rate limit."
NO_KEY = "Invalid API key · Fix external API key"


class Turn:
    """What one prompt leads to."""

    def __init__(self, life: Figure, prompt: str) -> None:
        self.life, self.prompt = life, prompt
        script = life.script
        # Another number for each turn, the same one at each rehearsal.
        self.chance = Chance(f"{script.seed}/{life.conversation}/{life.turns}")
        self.calls: list[tuple[str, str]] = []
        self.said, self.pause, self.trouble = "Done.", 0.0, ("", "")
        self.own = self.chance.whole(*script.tools)
        if script.crash_every and life.turns % script.crash_every == 0:
            self.trouble = ("CRASH", "1")
        if script.limit_every and life.turns % script.limit_every == 0:
            self.trouble = ("LIMIT", str(script.limit_s))

    def steps(self) -> Steps:
        """Return what happens, in order."""
        life = self.life
        life.busy = "Rehearsing"
        life.say("busy")
        told = yield from life.ask("UserPromptSubmit", {"prompt": self.prompt})
        if told.get("decision") == "block":
            life.screen.tell(f"Blocked by hook: {told.get('reason')}", "  ⎿  ")
        else:
            life.transcript.user(self.prompt, permissionMode=life.mode, promptSource="typed")
            self.given("prompt", self.prompt)
            life.screen.tell(self.prompt, "\n❯ ".lstrip())
            self.heed(life.context("UserPromptSubmit", "UserPromptSubmit", told))
            yield from self._think()
        life.busy = ""
        if life.code is None:
            life.say("idle")

    def given(self, route: str, text: str) -> None:
        """Give the model a text."""
        self.life.truth.given(route, text)
        self.heed(text)

    def heed(self, text: str) -> None:
        """Plan what the lines of a text ask for."""
        for word, rest in lines(text):
            if word == "CALL":
                name, _, told = rest.partition(" ")
                self.calls.append((name, told or "{}"))
            elif word == "SAY":
                self.said = rest
            elif word == "THINK":
                self.pause = float(rest or 0)
            else:
                self.trouble = (word, rest)

    def _think(self) -> Steps:
        blocks = 0
        while self.life.code is None:
            yield Pause(self.pause or self.chance.between(*self.life.script.think_s))
            if self.trouble[0]:
                yield from self._fail(*self.trouble)
                return
            if self.calls or self.own:
                stopped = yield from self._use(*self._next_call())
                if stopped:
                    return
                continue
            self._answer({"type": "text", "text": self.said})
            self.life.screen.tell(self.said, "● ")
            more = {"stop_hook_active": blocks > 0, "last_assistant_message": self.said}
            told = yield from self.life.ask("Stop", {**more, "background_tasks": []})
            if told.get("decision") != "block" or blocks == BLOCKS_MAX:
                return
            blocks, self.said = blocks + 1, "Done."
            reason = str(told.get("reason") or "")
            self.life.transcript.user(f"Stop hook feedback:\n{reason}", isMeta=True)
            self.given("Stop", reason)

    def _next_call(self) -> tuple[str, str]:
        if self.calls:
            return self.calls.pop(0)
        self.own -= 1
        return "Read", json.dumps({"file_path": f"/tmp/{self.chance.whole(0, 99)}"})  # noqa: S108

    def _use(self, tool: str, told: str) -> Generator[Pause, None, bool]:
        """Use a tool; True when a person's refusal ends the turn."""
        life = self.life
        words = _object(told)
        number = f"toolu_{os.getpid()}_{self.chance.whole(0, 1 << 40):010x}"
        self._answer({"type": "tool_use", "id": number, "name": tool, "input": words})
        life.screen.tell(f"{tool}({told[:100]})", "● ")
        base: dict[str, object] = {"tool_name": tool, "tool_input": words, "tool_use_id": number}
        before = yield from life.ask("PreToolUse", base)
        self.heed(life.context("PreToolUse", f"PreToolUse:{tool}", before))
        picked, by = str(before.get("behavior") or ""), "hook"
        if picked in ("", "ask"):
            picked, by = yield from self._permitted(base, bool(picked))
        if picked not in ("allow", "yes"):
            self._result(number, REJECTED, error=True)
            return by == "key"
        text = yield from self._done(tool, words)
        self._result(number, text, error=text.startswith("Error: "))
        life.truth.given("tool", text)
        after = yield from life.ask("PostToolUse", {**base, "tool_response": {"stdout": text}})
        self.heed(life.context("PostToolUse", f"PostToolUse:{tool}", after))
        return False

    def _permitted(
        self, base: dict[str, object], must: bool
    ) -> Generator[Pause, None, tuple[str, str]]:
        life, tool = self.life, str(base["tool_name"])
        if not must and not needs_permission(tool, life.mode, life.script.asks, life.flags.allowed):
            return "yes", "rule"
        detail = json.dumps(base["tool_input"])[:200]
        answers = ["Yes", "Yes, and always allow this", "No"]

        def rows(at: int) -> list[str]:
            return screen.dialog(tool, detail, "Do you want to proceed?", answers, at)

        told = life.hooks.calls("PermissionRequest", life.payload("PermissionRequest", base))
        life.dialog = choice = Choice(told, ["yes", "yes", "no"], rows)
        life.say("waiting", "permission prompt")
        life.aside.append(Later(NOTICE_S, choice, self._notice))
        yield choice
        life.dialog = None
        life.say("busy")
        return choice.picked, choice.by

    def _notice(self) -> None:
        said = {
            "message": "The agent needs your permission",
            "notification_type": "permission_prompt",
        }
        payload = self.life.payload("Notification", {**said})
        self.life.aside += self.life.hooks.calls("Notification", payload)

    def _done(self, tool: str, words: dict[str, object]) -> Generator[Pause, None, str]:
        if tool.startswith("mcp__"):
            return (yield from self.life.servers.use(tool, words))
        yield Pause(self.chance.between(*self.life.script.tool_s))
        if tool == "Write" and self.life.script.writes:
            return written(os.getcwd(), words)
        return "(rehearsed)"

    def _fail(self, word: str, rest: str) -> Steps:
        life = self.life
        if word == "CRASH":
            life.code = int(rest or 1)
            return
        error, text = "authentication_failed", NO_KEY
        if word == "LIMIT":
            error, text = "rate_limit", _limited(float(rest or 0))
            life.hint = "Resend your message to try again"
        block: dict[str, object] = {"type": "text", "text": text}
        life.transcript.assistant(block, (0, 0), error=error, isApiErrorMessage=True)
        life.screen.tell(text, "● ")
        yield from life.ask("StopFailure", {"error": error, "last_assistant_message": text})

    def _answer(self, block: dict[str, object]) -> None:
        usage = (self.chance.whole(100, 2000), self.chance.whole(10, 200))
        model = self.life.flags.one("--model", "fake")
        self.life.transcript.assistant(block, usage, model=model)

    def _result(self, number: str, text: str, *, error: bool) -> None:
        block = {"type": "tool_result", "tool_use_id": number, "content": text, "is_error": error}
        self.life.transcript.user([block])
        self.life.screen.tell(text[:200], "  ⎿  ", "     ")


class Chance:
    """Numbers that are the same at each rehearsal; the module `random` would bring OpenSSL."""

    def __init__(self, seed: str) -> None:
        self._source = Random(int.from_bytes(seed.encode(), "big"))

    def between(self, low: float, high: float) -> float:
        """Return a number of a range."""
        return low + (high - low) * self._source.random()

    def whole(self, low: float, high: float) -> int:
        """Return a whole number of a range, its ends included."""
        return int(self.between(int(low), int(high) + 1))


class Later(Pause):
    """Does something after a while, unless what it is about is over by then."""

    def __init__(self, seconds: float, about: Pause, act: object) -> None:
        super().__init__(seconds)
        self._about, self._act = about, act

    def step(self) -> None:
        self.done = self._about.done or time.monotonic() >= self.until
        if self.done and not self._about.done and callable(self._act):
            self._act()


def written(folder: str, words: dict[str, object]) -> str:
    """Write `content` to `file_path`, nowhere but below the folder; return what its model reads."""
    path = os.path.normpath(os.path.join(folder, str(words.get("file_path", ""))))
    if os.path.commonpath([os.path.realpath(folder), os.path.realpath(path)]) != os.path.realpath(
        folder
    ):
        return f"Error: {path} is not below {folder}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(words.get("content", "")))
    except OSError as error:
        return f"Error: {error}"
    return f"File created successfully at: {path}"


def needs_permission(tool: str, mode: str, asks: tuple[str, ...], allowed: list[str]) -> bool:
    """Whether a tool may only be used after somebody said yes."""
    free = mode in ("bypassPermissions", "auto") or (
        mode == "acceptEdits" and tool in ("Edit", "Write")
    )
    if free or not (tool in asks or tool.startswith("mcp__")):
        return False
    names = [rule.partition("(")[0] for rule in allowed]
    return not any(tool == name or tool.startswith(name + "__") for name in names)


def _object(told: str) -> dict[str, object]:
    try:
        found = json.loads(told)
    except ValueError:
        return {"text": told}
    return found if isinstance(found, dict) else {"value": found}


def _limited(seconds: float) -> str:
    if not seconds:
        return USED_UP
    at = time.gmtime(time.time() + seconds)
    hour = time.strftime("%I:%M%p", at).lstrip("0").lower()
    return f"You've hit your session limit · resets {hour} (UTC)"
