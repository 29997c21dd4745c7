"""A real Redis for tests that take it away: start, kill, pause, fill, bring back."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from servers import free_port

START_SECONDS = 20


class RedisServer:
    """`redis-server` on a free port, which keeps nothing on disk unless it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Client:
        return Client(port=self.port, decode_responses=True)

    def start(self, *more: str) -> "RedisServer":
        program = shutil.which("redis-server")
        assert program, "the tests need redis-server: scripts/redis installs it"
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "", *more]
        self.process = subprocess.Popen([program, *settings], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with self.client as client:
                    client.ping()
            except RedisError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError("Redis did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        with self.client as client:
            client.flushall()

    def fill(self) -> None:
        """Leave it no memory to write anything."""
        with self.client as client:
            client.config_set("maxmemory", "1")

    def make_room(self) -> None:
        with self.client as client:
            client.config_set("maxmemory", "0")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.kill()
