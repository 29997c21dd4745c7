"""How is a server started, watched and stopped? One real process; what it takes is read from /proc."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from bench.folder import DATABASE, Folder

START_MAX = 60.0
"""Seconds after which a server that does not answer has failed."""
POLL = 0.01
ROOT = Path(__file__).parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


Command = Callable[[Folder, int], Sequence[str]]


def by_daeri(folder: Folder, port: int) -> Sequence[str]:
    """Return the command that serves a folder by Daeri."""
    return ("-m", "daeri.cli", "serve", "--dir", str(folder.path), "--company", folder.company, "--port", str(port))


def by_hand(folder: Folder, port: int) -> Sequence[str]:
    """Return the command that serves a folder's large record by what was written by hand."""
    return ("-m", "bench.handwritten", str(folder.path / DATABASE), str(port))


class ServerFailed(Exception):
    """The server did not come up, or went away."""


class Server:
    """One server process on a data folder: `async with Server(folder) as server`."""

    def __init__(
        self, folder: Folder, command: Command = by_daeri, environment: Mapping[str, str] | None = None
    ) -> None:
        """Take the folder, what serves it, and variables for it; nothing runs yet."""
        self.folder = folder
        self._environment = {
            "OPENROUTER_API_KEY": "",
            "DAERI_MODEL_URL": "",
            "DAERI_RATE_LIMITS": "",
            **({"DAERI_DATABASE_URL": folder.database} if folder.database else {}),
            **(environment or {}),
        }
        self.command = command
        self._port = free_port()
        self._log = folder.path / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start_seconds = 0.0
        self.start_cpu = 0.0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        """Start the process and wait for the first 200 of /readyz."""
        with self._log.open("wb") as log:
            started = time.perf_counter()
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own command, nothing else to do meanwhile
                [sys.executable, *self.command(self.folder, self._port)],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **self._environment},
            )
        await self._ready(started)
        self.start_seconds = time.perf_counter() - started
        self.start_cpu = self.cpu()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the process."""
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, START_MAX)

    def cpu(self) -> float:
        """Return the CPU time the server's processes were given until now, in milliseconds."""
        return cpu_of(self._tree())

    def memory(self) -> float:
        """Return the resident memory of the server's processes in MB (10^6 bytes)."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in self._tree())
        return pages * PAGE / 1e6

    def _tree(self) -> Iterator[int]:
        """Yield the process and all below it."""
        if self._process is None or self._process.poll() is not None:
            raise ServerFailed(self._said())
        yield from tree_of(self._process.pid)

    async def _ready(self, started: float) -> None:
        async with aiohttp.ClientSession() as session:
            while time.perf_counter() - started < START_MAX:
                if self._process is None or self._process.poll() is not None:
                    break
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with session.get(f"{self.url}/readyz") as reply:
                        if reply.status == HTTPStatus.OK:
                            return
                await asyncio.sleep(POLL)
        raise ServerFailed(self._said())

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]


def tree_of(first: int) -> Iterator[int]:
    """Yield a process and all below it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = [first]
    for pid in found:
        yield pid
        found += [child for child, parent in parents.items() if parent == pid]


def cpu_of(processes: Iterable[int]) -> float:
    """Return the CPU time that processes were given until now, in milliseconds."""
    fields = [told for told in map(_stat, processes) if told]
    return sum(int(told[11]) + int(told[12]) for told in fields) * 1000 / TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name (state first); none where the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
