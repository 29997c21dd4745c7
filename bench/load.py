"""How is a server loaded? A bounded number of pieces of work over keep-alive connections, every reply looked at."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp

from bench.server import Server

WIDTH = 16
"""Connections, each with one request under way."""

Piece = Callable[["Client"], Awaitable[None]]
"""One piece of work: it sends requests and raises WrongReply unless each answer is complete and correct."""


class WrongReply(Exception):
    """A reply is not what it must be: such a round has no figure."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round took: `cpu` and the latencies in milliseconds for each piece of work."""

    cpu: float
    p50: float
    p95: float
    p99: float
    rate: float


class Client:
    """Keep-alive connections to one server."""

    def __init__(self, server: Server) -> None:
        """Take the server; connections are made as they are needed."""
        self.server = server
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WIDTH))

    async def __aenter__(self) -> Self:
        """Nothing to wait for."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.session.close()

    async def ask(
        self, person: int, method: str, path: str, body: Any = None, *, etag: int | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Send a request as a person and return the status and the decoded body."""
        headers = {"Authorization": f"Bearer {self.server.folder.keys[person]}"}
        if etag is not None:
            headers["If-Match"] = f'"{etag}"'
        sent = {} if body is None else {"json": body}
        async with self.session.request(method, self.server.url + path, headers=headers, **sent) as reply:
            return reply.status, await reply.json(content_type=None)

    async def get(self, person: int, path: str) -> dict[str, Any]:
        """Read something.

        Raises:
            WrongReply: it is refused.
        """
        status, body = await self.ask(person, "GET", path)
        check(status == HTTPStatus.OK, f"{path}: {status} {body}")
        return body

    async def post(
        self, person: int, path: str, body: Any, status: int = HTTPStatus.OK, *, etag: int | None = None
    ) -> dict[str, Any]:
        """Send something.

        Raises:
            WrongReply: it is answered with another status.
        """
        got, answer = await self.ask(person, "POST", path, body, etag=etag)
        check(got == status, f"{path}: {got} {answer}")
        return answer

    async def drive(self, pieces: Sequence[Piece], width: int = WIDTH) -> Round:
        """Do all pieces of work, so many at once."""
        left = iter(pieces)
        took: list[float] = []
        cpu, started = self.server.cpu(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(self._worker(left, took))
        wall = time.perf_counter() - started
        done = len(pieces)
        p50, p95, p99 = (percentile(took, percent) for percent in (50, 95, 99))
        return Round((self.server.cpu() - cpu) / done, p50, p95, p99, done / wall)

    async def _worker(self, left: Iterator[Piece], took: list[float]) -> None:
        for piece in left:
            started = time.perf_counter()
            await piece(self)
            took.append((time.perf_counter() - started) * 1000)


def check(holds: bool, what: str) -> None:
    """Raise unless a reply is right."""
    if not holds:
        raise WrongReply(what[:600])


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
