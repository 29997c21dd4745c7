"""A real server process over HTTP, for tests that kill it: start, call, kill -9, start again."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from databases import environment_for, look
from nursery import Born, nursery

START_SECONDS = 180


class Gone(Exception):
    """The server did not answer: it was killed, or is not up yet."""


@dataclass
class Answer:
    """What came back: status, headers, the JSON body."""

    status: int
    headers: dict[str, str]
    body: Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`daeri serve` (or `daeri demo`) on a folder of its own."""

    def __init__(
        self,
        folder: Path,
        command: str = "serve",
        *,
        more: Mapping[str, str] | None = None,
        beside: Self | None = None,
        is_typed: bool = False,
    ) -> None:
        """Take further environment variables, and a server whose database (not on SQLite) and audit key it shares.

        One that is typed is a process as a person starts it; others come from the nursery, which spares the imports.
        """
        self.folder = folder
        self.port = free_port()
        self.command = command
        self.more = dict(more or {})
        self.beside = beside
        self.is_typed = is_typed
        self.process: subprocess.Popen[bytes] | Born | None = None
        self.log = folder.parent / f"{folder.name}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        """Begin, and wait until requests are answered."""
        self.begin()
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended by itself:\n{self.log.read_text()[-3000:]}")
            try:
                if self.call("GET", "/readyz").status == 200:
                    return self
            except Gone:
                time.sleep(0.03)
        raise AssertionError(f"the server was not ready in {START_SECONDS} s:\n{self.log.read_text()[-3000:]}")

    def begin(self) -> None:
        """Begin, and wait for nothing."""
        arguments = [self.command, "--dir", str(self.folder), "--port", str(self.port)]
        first = self.beside.folder if self.beside else self.folder
        environment = {**os.environ, "DAERI_DEMO": "true", **environment_for(first), **self.more}
        if self.beside:
            environment["DAERI_AUDIT_KEY"] = str(first / "audit.key")
        with self.log.open("ab") as log:
            if self.is_typed:
                command = [sys.executable, "-m", "daeri.cli", *arguments]
                self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            else:
                self.process = nursery().born(arguments, environment, log)

    def kill(self) -> None:
        """Kill -9: nothing is flushed, nothing is closed."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        """Let the process stand still, as a machine does that has no memory left."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a paused process go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def keys(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "demo-keys.json").read_text())
        return found

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=70) as response:  # noqa: S310
                return Answer(response.status, dict(response.headers), _json(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), _json(error.read()))
        except (OSError, HTTPException) as error:
            raise Gone(str(error)) from error

    def until(self, path: str, key: str, wanted: Any, seconds: float = 30) -> Any:
        """Ask again until the answer's body fits."""
        deadline = time.monotonic() + seconds
        body: Any = None
        while time.monotonic() < deadline:
            body = self.call("GET", path, key=key).body
            if wanted(body):
                return body
            time.sleep(0.02)
        raise AssertionError(f"{path} was not as expected after {seconds} s: {body}")


def demo_with_documents(shelf: Path) -> Path:
    """Return the demo as it is once its documents are read: made by the first process that asks, for all to copy."""
    folder = shelf / "demo"
    with (shelf / "demo.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not folder.exists():
            server = Server(folder, "demo").start()
            server.until("/v1/documents", server.keys()["hr"], lambda _: _is_read(folder), 120)
            server.stop()
    return folder


def _is_read(folder: Path) -> bool:
    done = json.loads((folder / "demo.json").read_text()).get("documents") == "brought"
    waiting = look(folder, "SELECT count(*) FROM company_file WHERE status = 'waiting'")
    reading = look(folder, "SELECT count(*) FROM run WHERE status IN ('queued', 'running')")
    return done and (waiting, reading) == ([(0,)], [(0,)])


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
