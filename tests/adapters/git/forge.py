"""A forge on loopback: git's own http-backend behind a few lines of HTTP, and an ssh of our own."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Forge:
    """What it does, and what it heard. With `login`, only who says it is let in."""

    root: Path
    login: str = ""
    redirect: str = ""
    slow_s: float = 0.0
    flood: bool = False
    says: str = ""
    heard: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(forge: Forge) -> Iterator[Forge]:
    """Serve the bare repositories below `forge.root` for a while."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            _answer(self, forge)

        do_POST = do_GET  # noqa: N815 - the name is the library's

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    forge.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(http: BaseHTTPRequestHandler, forge: Forge) -> None:
    said = http.headers.get("Authorization", "")
    forge.heard.append((http.path, said))
    body = _body(http)
    time.sleep(forge.slow_s)
    if forge.redirect:
        _plain(http, 302, b"", {"Location": forge.redirect + http.path})
        return
    wanted = "Basic " + base64.b64encode(forge.login.encode()).decode()
    if forge.login and said != wanted:
        text = f"{forge.says} you said {said}".encode()
        _plain(http, 401, text, {"WWW-Authenticate": 'Basic realm="forge"'})
        return
    _backend(http, forge, body)


def _body(http: BaseHTTPRequestHandler) -> bytes:
    if http.headers.get("Transfer-Encoding") != "chunked":
        return http.rfile.read(int(http.headers.get("Content-Length", 0)))
    found = b""
    while size := int(http.rfile.readline(), 16):
        found += http.rfile.read(size)
        http.rfile.readline()
    http.rfile.readline()
    return found


def _plain(http: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    http.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        http.send_header(name, value)
    http.end_headers()
    http.wfile.write(body)


def _backend(http: BaseHTTPRequestHandler, forge: Forge, body: bytes) -> None:
    path, _, query = http.path.partition("?")
    environ = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(forge.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": http.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": http.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": http.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": http.headers.get("Git-Protocol", ""),
        "REMOTE_USER": "ada",
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, env=environ, check=False
    )
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(lines.pop("Status", "200").split()[0])
    if forge.flood and b"upload-pack" in http.path.encode() and http.command == "POST":
        rest = rest.partition(b"PACK")[0] + b"PACK" + os.urandom(1 << 20)
    _plain(http, status, rest, lines)


SSH = """#!/bin/sh
# An ssh that goes nowhere: it writes down what it was told, and runs it here.
printf '%s\\n' "$@" > "$NOVA_TEST_SSH"
for last; do :; done
exec sh -c "$last"
"""


def fake_ssh(folder: Path) -> tuple[Path, Path]:
    """Write an `ssh` into a folder of programs; return that, and the file of what it was told."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o755)
    return programs, folder / "ssh-words"
