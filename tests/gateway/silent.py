"""A WebSocket of bare octets, whose client says nothing by itself: no answer to a ping, no goodbye."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CLOSE, PING = 0x8, 0x9


@dataclass
class Silent:
    """The client's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def hear(self) -> tuple[int, bytes]:
        """Return the next short frame: what kind it is, and what it holds."""
        head = await self.reader.readexactly(2)
        return head[0] & 0x0F, await self.reader.readexactly(head[1])

    async def closed(self) -> int:
        """Hear all that is said until the server closes; return the code it closes with."""
        while (heard := await self.hear())[0] != CLOSE:
            assert heard[0] == PING
        return int(struct.unpack("!H", heard[1][:2])[0])


@asynccontextmanager
async def silent(url: str, key: str, **more: Any) -> AsyncIterator[Silent]:
    """Open a connection to /ws at a server's address."""
    there = urlsplit(url)
    reader, writer = await asyncio.open_connection(there.hostname, there.port, **more)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    nonce = f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {key}"
    writer.write(f"GET /ws HTTP/1.1\r\nHost: {there.netloc}\r\n{upgrade}\r\n{nonce}\r\n\r\n".encode())
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        yield Silent(reader, writer)
    finally:
        writer.transport.abort()
