"""A fake agent in a pane of a private tmux server, with somebody who hears its hooks."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.adapters.tmux.composer import blanked
from reconciler.model.agent import Screen
from reconciler.rehearsal.screen import SIGN

CONVERSATION = "11111111-1111-5111-8111-111111111111"
MARK = "m0123456789abcdefghjkmnpqrs"
LIMIT_S = 20.0


@dataclass
class Ear:
    """An HTTP server that hears hooks, and answers with what a test says."""

    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    answer: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda _n, _p: {}

    def __enter__(self) -> Ear:
        ear = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = told.get("hook_event_name") or told.get("method") or ""
                ear.tokens.add(self.headers.get("Authorization", ""))
                ear.heard.append((name, told))
                body = json.dumps(ear.answer(name, told)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def of(self, name: str) -> list[dict[str, Any]]:
        return [told for event, told in list(self.heard) if event == name]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in list(self.heard)]


EVENTS = (
    "UserPromptSubmit PreToolUse PostToolUse PermissionRequest Notification Stop StopFailure "
    "SessionStart SessionEnd"
)


class Stage:
    """One fake agent in one pane."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.work = folder, folder / "work"
        self.work.mkdir()
        (folder / "home" / ".claude").mkdir(exist_ok=True)
        self.trust(True)
        hook = {
            "type": "http",
            "url": f"{url}/hook",
            "headers": {"Authorization": "Bearer $NOVAORCH_TOKEN"},
            "allowedEnvVars": ["NOVAORCH_TOKEN"],
            "timeout": 5,
        }
        self.hooks: dict[str, Any] = {event: [{"hooks": [hook]}] for event in EVENTS.split()}
        self.script: dict[str, Any] = {"log": str(folder / "truth.jsonl")}
        self.environ = {"NOVAORCH_TOKEN": "secret"}
        self.argv = [sys.executable, "-m", "reconciler.rehearsal.agent"]

    def trust(self, value: bool) -> None:
        path = self.folder / "home" / ".claude.json"
        told = json.loads(path.read_text()) if path.exists() else {}
        told["projects"] = {str(self.work): {"hasTrustDialogAccepted": value}}
        path.write_text(json.dumps(told))

    def start(self, *words: str, ready: str | tuple[str, ...] = SIGN) -> None:
        """Start it, and wait until one of `ready` is on the screen."""
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps({"hooks": self.hooks}))
        told = {**self.environ, "FAKE_AGENT": json.dumps(self.script)}
        env = [f"{name}={value}" for name, value in told.items()]
        words = words or ("--session-id", CONVERSATION)
        argv = ["env", *env, *self.argv, "--settings", str(settings), *words]
        size = ("-x", "100", "-y", "30")
        config = self.folder / "tmux.conf"
        config.write_text("set-option -g remain-on-exit on\n")
        new = ("-f", config, "new-session", "-d", "-P", *size, "-s", "a", "-c", self.work, *argv)
        # A server that is just ending lets nobody in.
        self.until(lambda: self.tmux(*new) != "", "a session")
        signs = (ready,) if isinstance(ready, str) else ready
        self.until(lambda: any(sign in self.screen() for sign in signs), f"{ready!r} on the screen")

    def tmux(self, *words: object, text: str | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", "stage", *map(str, words)],
            capture_output=True,
            text=True,
            input=text,
            check=False,
            timeout=LIMIT_S,
            env={**os.environ, "LANG": "C.UTF-8", "TERM": "xterm-256color"},
        )
        return done.stdout

    def say(self, text: str, *keys: str) -> None:
        self.tmux("load-buffer", "-b", "t", "-", text=text)
        self.tmux("paste-buffer", "-p", "-d", "-b", "t", "-t", "a")
        self.press(*(keys or ("Enter",)))

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "a", *keys)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "a")

    def looked(self) -> Screen:
        """Return the screen as the keyboard adapter gives it."""
        shown = self.tmux("capture-pane", "-p", "-e", "-t", "a").rstrip("\n").split("\n")
        text, lit = zip(*blanked(shown), strict=True)
        at = self.tmux("display-message", "-p", "-t", "a", "#{cursor_y} #{cursor_x}").split()
        return Screen(text, lit, (int(at[0]), int(at[1])))

    def pid(self) -> int:
        return int(self.tmux("display-message", "-p", "-t", "a", "#{pane_pid}"))

    def ended(self) -> str:
        """Return the exit status once it ended, '' before. Some builds of tmux lose a child's
        signal, so the server is told to look."""
        server = self.tmux("display-message", "-p", "#{pid}").strip()
        if server:
            os.kill(int(server), signal.SIGCHLD)
        return self.tmux("display-message", "-p", "-t", "a", "#{pane_dead_status}").strip()

    @property
    def truth(self) -> list[dict[str, Any]]:
        return _rows(self.folder / "truth.jsonl")

    @property
    def transcript(self) -> list[dict[str, Any]]:
        found = list((self.folder / "home" / ".claude" / "projects").glob("*/*.jsonl"))
        return _rows(found[0]) if found else []

    def session(self) -> dict[str, Any]:
        path = self.folder / "home" / ".claude" / "sessions" / f"{self.pid()}.json"
        told: dict[str, Any] = json.loads(path.read_text())
        return told

    def kill(self) -> None:
        """End the agent by force, and wait until it and its server are gone."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        self.tmux("kill-server")
        self.until(lambda: not Path(f"/proc/{pid}").exists(), "the end")

    def until(self, true: Callable[[], object], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not true():
            assert time.monotonic() < end, f"not in time: {what}\n{self.screen()}"
            time.sleep(0.01)

    def insist(self, key: str, true: Callable[[], object], what: str) -> None:
        """Press a key until it is heard: a dialog just drawn takes none for a moment."""
        end = 0.0

        def heard() -> bool:
            nonlocal end
            if not true() and time.monotonic() > end:
                self.press(key)
                end = time.monotonic() + 1
            return bool(true())

        self.until(heard, what)

    def close(self) -> None:
        self.tmux("kill-server")


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
