"""Do a reply's bytes go through as they came, whatever becomes of whoever takes them?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress

import pytest

from daeri.models.splice import Reply, Splice
from daeri.models.wire import Model

pytestmark = pytest.mark.anyio

PARTS = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n")


async def replying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection, the end of the body apart from its pieces."""
    with closing(writer), suppress(asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n{}"):
            for part in PARTS:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    server = await asyncio.start_server(replying, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield Model("m", f"http://127.0.0.1:{port}/v1", "", "m", idle_seconds=0.5)
    server.close()
    await server.wait_closed()


async def test_the_last_piece_says_so_even_where_it_is_empty(splice: Splice, model: Model) -> None:
    taken: list[tuple[bytes, bool]] = []
    reply = await splice.ask(model, "/chat/completions", b"{}")
    reply.pour(lambda piece, is_last: taken.append((piece, is_last)))
    await reply.ended
    assert taken == [(b"one", False), (b"two", False), (b"", True)]


async def test_who_pauses_at_the_last_piece_and_never_returns_holds_up_nobody_else(
    splice: Splice, model: Model
) -> None:
    def pausing(reply: Reply) -> None:
        reply.pour(lambda _, is_last: reply.pause() if is_last else None)

    first = await splice.ask(model, "/chat/completions", b"{}")
    pausing(first)
    await first.ended
    second = await splice.ask(model, "/chat/completions", b"{}")
    assert await second.whole() == b"onetwo"


async def test_who_was_too_slow_for_one_reply_does_not_steer_the_next_one(splice: Splice, model: Model) -> None:
    first = await splice.ask(model, "/chat/completions", b"{}")
    await first.whole()
    second = await splice.ask(model, "/chat/completions", b"{}")
    first.pause()
    assert await second.whole() == b"onetwo"
