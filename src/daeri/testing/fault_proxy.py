"""What does a network do to a reply on its way? A TCP proxy that breaks connections as told.

    async with ModelServer() as server, FaultProxy(server.base_url) as proxy:
        proxy.does(reset_after(300), passes)
        ...  # point a client at proxy.base_url: its first connection is reset in the middle, later ones are not

Requests pass unharmed; what comes back is delayed, cut into pieces, cut off, repeated, or never comes.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

Then = Literal["pass", "close", "reset", "stall", "repeat"]
READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the bytes of one connection's replies.

    Attributes:
        wait: seconds before the first byte is passed on.
        size: how many bytes go at a time; 0 passes them as they come.
        gap: seconds between these.
        after: how many bytes go unharmed before `then` happens.
        then: pass the rest, end the connection in order, reset it, leave it open in silence, or send what came last
            twice and pass the rest.
    """

    wait: float = 0.0
    size: int = 0
    gap: float = 0.0
    after: int = 0
    then: Then = "pass"


passes = Fault()
"""Nothing happens."""
half_open = Fault(then="stall")
"""The connection stands, and nothing ever comes back."""


def delayed(seconds: float) -> Fault:
    """Everything comes, later."""
    return Fault(wait=seconds)


def in_bytes(size: int = 1, gap: float = 0.0) -> Fault:
    """Everything comes, in pieces."""
    return Fault(size=size, gap=gap)


def closed_after(count: int) -> Fault:
    """The connection ends in order before everything has come."""
    return Fault(after=count, then="close")


def reset_after(count: int) -> Fault:
    """The connection is reset."""
    return Fault(after=count, then="reset")


def stalled_after(count: int) -> Fault:
    """Silence, though the connection stands."""
    return Fault(after=count, then="stall")


def repeated_after(count: int) -> Fault:
    """What comes next comes twice."""
    return Fault(after=count, then="repeat")


class FaultProxy:
    """Stands between clients and one server, on a free port of loopback.

    Attributes:
        connections: how many were made so far.
        open: how many are open now.
    """

    def __init__(self, base_url: str) -> None:
        """Take the address of the server, as a client would."""
        self._upstream = urlsplit(base_url)
        self._faults: list[Fault] = [passes]
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.open = 0

    @property
    def base_url(self) -> str:
        """The address to give to a client instead."""
        if self._server is None:
            raise RuntimeError("the proxy is not open")
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(self._upstream._replace(netloc=f"127.0.0.1:{port}"))

    def does(self, *faults: Fault) -> None:
        """Do this to the connections to come, one after the other; the last one to all that follow."""
        self._faults = list(faults) or [passes]

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio serves each connection in a task
        self._tasks.add(task)
        fault = self._faults.pop(0) if len(self._faults) > 1 else self._faults[0]
        self.connections += 1
        self.open += 1
        try:
            with contextlib.suppress(OSError):  # whoever hangs up, hangs up
                await self._carry(fault, reader, writer)
        finally:
            await _closed(writer)
            self.open -= 1
            self._tasks.discard(task)

    async def _carry(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one of the sides hangs up."""
        to, back = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        ways = [asyncio.create_task(way) for way in (_pump(reader, _through(back)), _pump(to, _Harm(fault, writer)))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            back.close()  # before anything is waited for: the proxy may be closed meanwhile
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _closed(back)


class _Harm:
    """Passes bytes on as a fault has it."""

    def __init__(self, fault: Fault, writer: asyncio.StreamWriter) -> None:
        self._fault = fault
        self._writer = writer
        self._left = fault.after
        self._waits = True
        self._harmed = False

    async def __call__(self, data: bytes) -> None:
        if self._waits:
            self._waits = False
            await asyncio.sleep(self._fault.wait)
        if self._fault.then == "pass" or self._harmed:
            await self._pass(data)
            return
        whole, self._left = data[: self._left], self._left - len(data)
        await self._pass(whole)
        if self._left < 0:
            self._harmed = True
            await self._break(data, data[len(whole) :])

    async def _pass(self, data: bytes) -> None:
        size = self._fault.size or len(data) or 1
        for at in range(0, len(data), size):
            self._writer.write(data[at : at + size])
            await self._writer.drain()
            await asyncio.sleep(self._fault.gap)

    async def _break(self, data: bytes, rest: bytes) -> None:
        match self._fault.then:
            case "reset":
                linger = struct.pack("ii", 1, 0)
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._writer.transport.abort()
                raise ConnectionResetError("as told")
            case "close":
                raise ConnectionAbortedError("as told")
            case "stall":
                await asyncio.Event().wait()
            case _:
                await self._pass(rest)
                await self._pass(data)


def _through(writer: asyncio.StreamWriter) -> Callable[[bytes], Awaitable[None]]:
    async def through(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    return through


async def _pump(reader: asyncio.StreamReader, give: Callable[[bytes], Awaitable[None]]) -> None:
    """Carry bytes one way until one side hangs up."""
    while data := await reader.read(READ_BYTES):
        await give(data)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
