"""A web of our own: raw servers on loopback that answer whatever they are told, and a name service that can lie.

127.0.0.2 plays the internet, 127.0.0.1 the network inside; both are real sockets.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

from daeri.outbound import guard

INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.2"
Handle = Callable[["Site", str, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass
class Site:
    """One server: the paths that were asked of it, and the raw answers that it gives."""

    host: str
    answers: dict[str, bytes | Handle] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, path: str, name: str = "") -> str:
        """Return the address of a path here, under a name or the number."""
        return f"http://{name or self.host}:{self.port}{path}"

    def says(self, path: str, content: bytes | str, media: str = "text/plain", **headers: str) -> None:
        """Answer a path with a page."""
        body = content.encode() if isinstance(content, str) else content
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        self.answers[path] = head.encode() + body

    def redirects(self, path: str, location: str, status: int = 302) -> None:
        """Answer a path with a redirect."""
        self.answers[path] = f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's one request."""
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            self.asked.append(path)
            self.heads.append(head)
            answer = self.answers.get(path.partition("?")[0], b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(self, path, writer)


@asynccontextmanager
async def site(host: str) -> AsyncIterator[Site]:
    """Open a server at an address of this machine."""
    one = Site(host)
    server = await asyncio.start_server(one.serve, host, 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()


def only_outside_is_public(monkeypatch: Any) -> None:
    """Let 127.0.0.2 count as the internet."""
    real = guard.is_public
    monkeypatch.setattr(guard, "is_public", lambda address: str(address) == OUTSIDE or real(address))


def names(monkeypatch: Any, **known: list[list[str]]) -> list[str]:
    """Answer names (`evil_test` is evil.test) with these addresses, the next list each time; return what was asked."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def answer(name: Any, port: Any, **more: Any) -> Any:
        lists = known.get(str(name).replace(".", "_"))
        if lists is None:
            return await real(name, port, **more)
        asked.append(str(name))
        ips = lists.pop(0) if len(lists) > 1 else lists[0]
        return [(2, 1, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(loop, "getaddrinfo", answer)
    return asked
