"""Do many streams share a number of reads, while a slow one waits for nobody and each of them goes on?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.models import interval
from daeri.models.interval import LEAST_SECONDS, LOOK_SECONDS, MOST_SECONDS, READS_PER_SECOND, Interval
from daeri.models.splice import Reply, Splice
from daeri.models.wire import EndpointFailed, Model

pytestmark = pytest.mark.anyio

PIECES = [f"{number:02}".encode() for number in range(60)]
GAP = 0.002


class Listener:
    """A stream that tells when it was woken."""

    def __init__(self) -> None:
        self.woken: list[float] = []

    def wake(self) -> None:
        self.woken.append(asyncio.get_running_loop().time())


def entered(streams: int) -> tuple[Interval, list[Listener]]:
    shared, listeners = Interval(), [Listener() for _ in range(streams)]
    for listener in listeners:
        shared.enter(listener)
    return shared, listeners


@given(st.integers(0, 5_000))
def test_all_streams_together_are_read_so_often_unless_each_would_stand_still(streams: int) -> None:
    shared, _ = entered(streams)
    assert LEAST_SECONDS <= shared.seconds <= MOST_SECONDS
    assert streams / shared.seconds <= READS_PER_SECOND + 1e-6 or shared.seconds == MOST_SECONDS


def test_who_left_is_not_counted() -> None:
    shared, listeners = entered(500)
    for listener in listeners[:300]:
        shared.leave(listener)
    assert shared.seconds == pytest.approx(200 / READS_PER_SECOND)


async def test_a_stream_that_is_slow_by_itself_never_rests() -> None:
    shared, [listener] = entered(1)
    assert not shared.rest(listener, LEAST_SECONDS)
    assert shared.rest(listener, LEAST_SECONDS * 0.9)


async def test_what_is_no_open_stream_never_rests() -> None:
    shared, _ = entered(1)
    assert not shared.rest(Listener(), 0.0)


async def test_each_stream_wakes_once_after_its_rest_whatever_becomes_of_the_others() -> None:
    shared, listeners = entered(900)
    began = asyncio.get_running_loop().time()
    for listener in listeners:  # each leaves a shorter rest to the next one
        assert shared.rest(listener, 0.0)
        shared.leave(listener)
    await asyncio.sleep(MOST_SECONDS + 4 * LOOK_SECONDS)
    assert [len(listener.woken) for listener in listeners] == [1] * len(listeners)
    assert listeners[0].woken[0] - began >= 900 / READS_PER_SECOND
    assert listeners[-1].woken[0] - began >= LEAST_SECONDS


async def test_who_rests_later_is_woken_too() -> None:
    shared, [listener] = entered(1)
    for times in (1, 2):
        assert shared.rest(listener, 0.0)
        await asyncio.sleep(LEAST_SECONDS + 4 * LOOK_SECONDS)
        assert len(listener.woken) == times


async def quickly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with many small pieces; one for "/drop/" breaks off before the last."""
    with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
        while head := await reader.readuntil(b"\r\n\r\n{}"):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in PIECES:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(GAP)
            if b" /drop/" in head:
                return
            writer.write(b"0\r\n\r\n")


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    server = await asyncio.start_server(quickly, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def poured(reply: Reply) -> list[bytes]:
    taken: list[bytes] = []
    reply.pour(lambda piece, _: taken.append(piece))
    return taken


async def asked(splice: Splice, endpoint: str, path: str = "v1") -> Reply:
    return await splice.ask(Model("m", f"{endpoint}/{path}", "", "m", idle_seconds=5), "/chat/completions", b"{}")


def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make one stream as slow as one of a thousand."""
    monkeypatch.setattr(interval, "LEAST_SECONDS", MOST_SECONDS)


async def test_a_fast_stream_comes_whole_in_fewer_pieces_and_its_first_one_at_once(
    splice: Splice, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(monkeypatch)
    taken = poured(reply := await asked(splice, endpoint))
    await reply.ended
    assert b"".join(taken) == b"".join(PIECES)
    assert taken[0] == PIECES[0]
    assert len(taken) < len(PIECES) / 4


async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin well, and break the body's form in the same breath; the connection stays open."""
    await reader.readuntil(b"\r\n\r\n{}")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
    await reader.read()
    writer.close()


async def test_a_reply_that_has_failed_before_anyone_takes_it_is_not_counted_for_ever(splice: Splice) -> None:
    async with await asyncio.start_server(broken, "127.0.0.1", 0) as server:
        reply = await asked(splice, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert poured(reply) == []
        with pytest.raises(EndpointFailed):
            await reply.ended
        reply.close()
    assert not splice._interval._open


async def test_who_cannot_be_woken_keeps_nobody_else_asleep() -> None:
    class Deaf:
        def wake(self) -> None:
            raise RuntimeError

    shared, [listener] = entered(1)
    deaf = Deaf()
    shared.enter(deaf)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    assert shared.rest(deaf, 0.0)
    assert shared.rest(listener, 0.0)
    await asyncio.sleep(LEAST_SECONDS + 6 * LOOK_SECONDS)
    assert len(listener.woken) == 1


async def test_a_body_that_is_read_whole_never_rests(
    splice: Splice, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reply, "wake", lambda _: pytest.fail("it rested"))
    crowded(monkeypatch)
    assert await (await asked(splice, endpoint)).whole() == b"".join(PIECES)


async def resting(reply: Reply, taken: list[bytes]) -> None:
    """Wait until a reply rests: it was read a second time, soon after the first."""
    while len(taken) < 2:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(GAP / 2)
    assert not reply.ended.done()


async def test_who_pauses_while_it_rests_is_not_woken_but_goes_on_where_it_wants(
    splice: Splice, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(monkeypatch)
    taken = poured(reply := await asked(splice, endpoint))
    await resting(reply, taken)
    reply.pause()
    await asyncio.sleep(MOST_SECONDS * 3)
    assert len(taken) == 2
    reply.resume()
    await reply.ended
    assert b"".join(taken) == b"".join(PIECES)


async def test_a_reply_that_is_closed_while_it_rests_leaves_the_next_one_alone(
    splice: Splice, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(monkeypatch)
    taken = poured(reply := await asked(splice, endpoint))
    await resting(reply, taken)
    reply.close()
    after = poured(following := await asked(splice, endpoint))
    await following.ended
    assert len(taken) == 2
    assert b"".join(after) == b"".join(PIECES)


async def test_a_model_that_breaks_off_while_its_reply_rests_is_told_with_all_that_came(
    splice: Splice, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(monkeypatch)
    taken = poured(reply := await asked(splice, endpoint, "drop"))
    with pytest.raises(EndpointFailed, match="broke off"):
        await reply.ended
    assert b"".join(taken) == b"".join(PIECES)
