"""What comes of a reply when the network breaks it? The client and the router, through a proxy that does so as told.

Whatever happens: the text told is the text sent or its beginning, no call is made of half a reply, a failure comes
within the limits, requests are repeated twice at most, and only while nothing was told; no connection stays open.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from daeri.clock import FixedClock
from daeri.models.client import RETRIES_MAX, ModelClient
from daeri.models.route import Models
from daeri.models.wire import EndpointFailed, Finished, Model, ModelTimeout, TextDelta, ToolCall
from daeri.testing.fault_proxy import (
    Fault,
    FaultProxy,
    closed_after,
    delayed,
    half_open,
    in_bytes,
    passes,
    repeated_after,
    reset_after,
    stalled_after,
)
from daeri.testing.model_server import Asked, ModelServer, calls, says

pytestmark = pytest.mark.anyio

QUESTION = [{"role": "user", "content": "남은 연차 며칠이야?"}]
ANSWER = "김하은 대리는 연차가 7.5일 남았어요. 🙂"
IDLE, TOTAL = 0.3, 2.0
MIDDLE = 900
"""Bytes of a reply after which some of its text, and not all, has come."""
LIMIT = TOTAL + 1.5


@dataclass
class Heard:
    """What the client told of one request."""

    text: str = ""
    calls: int = 0
    name: str = ""
    error: EndpointFailed | ModelTimeout | None = None
    seconds: float = 0.0


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def client():
    async with ModelClient(FixedClock(datetime(2026, 11, 22, tzinfo=UTC))) as opened:
        yield opened


@pytest.fixture
async def server():
    async with ModelServer() as running:
        running.when("연차", says(ANSWER))
        yield running


@pytest.fixture
async def proxy(server):
    async with FaultProxy(server.base_url) as running:
        yield running


@pytest.fixture
def model(proxy):
    return Model("far", proxy.base_url, "", "far", retry_wait_seconds=0.001, idle_seconds=IDLE, total_seconds=TOTAL)


async def heard(models: Models) -> Heard:
    told, began = Heard(), time.monotonic()
    try:
        async with aclosing(models.stream(QUESTION)) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    told.text += item.text
                elif isinstance(item, ToolCall):
                    told.calls += 1
                elif isinstance(item, Finished):
                    told.name = item.name
    except (EndpointFailed, ModelTimeout) as error:
        told.error = error
    told.seconds = time.monotonic() - began
    return told


WHOLE: Sequence[tuple[str, Fault]] = [
    ("nothing", passes),
    ("latency", delayed(0.2)),
    ("a byte at a time", in_bytes()),
    ("seven bytes at a time", in_bytes(7, 0.0005)),
    ("the connection ends after all has come", closed_after(10_000)),
]
BEFORE: Sequence[tuple[str, Fault]] = [
    ("reset before the first byte", reset_after(0)),
    ("closed before the first byte", closed_after(0)),
    ("closed within the status line", closed_after(7)),
    ("reset within the headers", reset_after(60)),
]
SILENT: Sequence[tuple[str, Fault]] = [
    ("half open", half_open),
    ("later than the limit", delayed(TOTAL)),
    ("silence within the headers", stalled_after(60)),
]
MIDWAY: Sequence[tuple[str, Fault]] = [
    ("reset in the middle", reset_after(MIDDLE)),
    ("closed in the middle", closed_after(MIDDLE)),
    ("silence in the middle", stalled_after(MIDDLE)),
    ("a byte a second", in_bytes(1, 1.0)),
]


def table(faults: Sequence[tuple[str, Fault]]):
    return pytest.mark.parametrize("fault", [fault for _, fault in faults], ids=[name for name, _ in faults])


@table(WHOLE)
async def test_a_slow_or_chopped_reply_is_told_whole(client, proxy, model, fault):
    proxy.does(fault)
    told = await heard(Models(client, [model]))
    assert (told.text, told.error) == (ANSWER, None)
    assert proxy.connections == 1


@table(BEFORE)
async def test_a_reply_that_never_began_is_asked_for_again(client, proxy, model, fault):
    proxy.does(fault, passes)
    told = await heard(Models(client, [model]))
    assert (told.text, told.error) == (ANSWER, None)
    assert proxy.connections == 2


@table(BEFORE)
async def test_it_is_asked_for_twice_more_at_most(client, proxy, model, fault):
    proxy.does(fault)
    told = await heard(Models(client, [model]))
    assert told.error is not None
    assert told.text == ""
    assert proxy.connections <= RETRIES_MAX + 1
    assert told.seconds < LIMIT


@table([*BEFORE, *SILENT])
async def test_another_model_answers_where_one_never_began(client, server, proxy, model, fault):
    proxy.does(fault)
    spare = replace(model, name="near", base_url=server.base_url)
    told = await heard(Models(client, [model, spare]))
    assert (told.text, told.name, told.error) == (ANSWER, "near", None)
    assert told.seconds < LIMIT


@table(SILENT)
async def test_silence_ends_at_its_limit(client, proxy, model, fault):
    proxy.does(fault)
    told = await heard(Models(client, [model]))
    assert isinstance(told.error, ModelTimeout)
    assert told.seconds < LIMIT


@table(MIDWAY)
async def test_a_reply_that_breaks_off_is_an_error_and_nobody_else_is_asked(client, server, proxy, model, fault):
    proxy.does(fault)
    server.when("연차", says(ANSWER * 20))
    spare = replace(model, name="near", base_url=server.base_url)
    told = await heard(Models(client, [model, spare] if fault.size == 0 else [model]))
    assert told.error is not None
    assert (ANSWER * 20).startswith(told.text)
    assert bool(told.text) is (fault.size == 0)
    assert told.seconds < LIMIT


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
@pytest.mark.parametrize("break_after", [closed_after, reset_after, stalled_after])
async def test_half_a_call_is_never_made(client, server, proxy, model, share, break_after):
    reply = calls(Asked("leave__request", {"start": "2027-01-04", "reason": "가족 여행"}))
    server.when("연차", reply)
    proxy.does(break_after(int(len(reply.body) * share)))
    told = await heard(Models(client, [model]))
    assert told.error is not None
    assert told.calls == 0


async def test_a_chunk_that_comes_twice_is_told_as_it_came(client, proxy, model):
    proxy.does(Fault(after=400, then="repeat"))
    told = await heard(Models(client, [model]))
    assert told.error is not None or set(told.text) <= set(ANSWER)


async def test_who_stops_listening_hangs_up_through_the_proxy(client, server, model):
    server.when("연차", says(ANSWER * 50).slowly(0.02))
    async with aclosing(Models(client, [model]).stream(QUESTION)) as items:
        async for _ in items:
            break
    (received,) = server.requests
    await asyncio.wait_for(received.left.wait(), 1)


async def test_the_proxy_leaves_nothing_open(client, proxy, model):
    for fault in (passes, reset_after(MIDDLE), closed_after(MIDDLE), repeated_after(MIDDLE)):
        proxy.does(fault)
        await heard(Models(client, [model]))
    await client.close()
    for _ in range(100):
        if not proxy.open:
            break
        await asyncio.sleep(0.01)
    assert proxy.open == 0


async def test_a_name_that_nobody_knows_is_told_like_a_closed_port(client, server, model):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for address in ("http://nobody.invalid/v1", f"http://127.0.0.1:{port}/v1"):
            far = replace(model, base_url=address)
            spare = replace(model, name="near", base_url=server.base_url)
            told = await heard(Models(client, [far, spare]))
            assert (told.text, told.name) == (ANSWER, "near")
