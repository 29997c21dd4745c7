"""Do calls go to the addresses that answer, by their weights, and is no write ever sent twice by that?"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from daeri.models.route import FAILURES_MAX
from daeri.upstream.http import Lost, Reply, Request, Unsent, Upstream
from daeri.upstream.table import Address
from upstream.stock import Stock, answer, breaks, slow, well

pytestmark = pytest.mark.anyio
READ = Request("GET", "/items/A-1")
WRITE = Request("POST", "/items/A-1/reservations", {"Idempotency-Key": "k"}, b"{}")


@pytest.fixture
def both() -> Iterator[tuple[Stock, Stock]]:
    servers = Stock(), Stock()
    yield servers
    for server in servers:
        with suppress(OSError):
            server.stop()


@pytest.fixture
async def upstream(both: tuple[Stock, Stock]) -> AsyncIterator[Upstream]:
    upstream = upstream_of(*both)
    yield upstream
    await upstream.close()


def upstream_of(*servers: Stock, weights: tuple[float, ...] = (1, 1)) -> Upstream:
    addresses = [Address(url=server.url, weight=weight) for server, weight in zip(servers, weights, strict=True)]
    upstream = Upstream("stock", addresses, {}, 20_000)
    upstream._chance = Random(7)  # noqa: S311 - the same draws each time
    return upstream


async def read(upstream: Upstream, seconds: float = 2) -> Reply:
    return await upstream.send(READ, seconds, again=True)


async def test_calls_are_shared_by_weight(both: tuple[Stock, Stock]) -> None:
    upstream = upstream_of(*both, weights=(3, 1))
    await asyncio.gather(*(read(upstream) for _ in range(200)))
    await upstream.close()
    assert 120 < len(both[0].asked) < 180
    assert len(both[0].asked) + len(both[1].asked) == 200


async def test_reads_go_on_while_one_of_two_servers_is_dead_and_it_is_left_alone(
    upstream: Upstream, both: tuple[Stock, Stock]
) -> None:
    both[0].stop()
    replies = [await read(upstream) for _ in range(30)]
    assert {reply.status for reply in replies} == {200}
    assert len(both[1].asked) == 30
    assert upstream.health()[both[0].url].failures == FAILURES_MAX


async def test_a_server_that_is_back_is_tried_by_one_call_and_then_by_all(
    upstream: Upstream, both: tuple[Stock, Stock]
) -> None:
    sick = both[0]
    sick.behaves = lambda handler, _: answer(handler, 503, {})
    for _ in range(20):
        await read(upstream)
    assert len(sick.asked) == FAILURES_MAX
    sick.asked.clear()
    sick.behaves = slow
    upstream.health()[sick.url].paused_until = 0.0  # its pause is over
    await asyncio.gather(*(read(upstream, 0.5) for _ in range(20)), return_exceptions=True)
    assert len(sick.asked) == 1
    sick.asked.clear()
    sick.behaves = well
    upstream.health()[sick.url].paused_until = 0.0
    await asyncio.gather(*(read(upstream) for _ in range(40)))
    for _ in range(20):
        await read(upstream)
    assert len(sick.asked) > 5


async def test_a_write_goes_to_the_other_server_where_nothing_was_sent(
    upstream: Upstream, both: tuple[Stock, Stock]
) -> None:
    both[0].stop()
    for _ in range(10):
        assert (await upstream.send(WRITE, 2, again=False)).status == 201
    assert len(both[1].asked) == 10


@pytest.mark.parametrize("behaves", [breaks, slow, lambda handler, _: answer(handler, 503, {})])
async def test_a_write_that_may_have_arrived_is_sent_to_nobody_else(
    upstream: Upstream, both: tuple[Stock, Stock], behaves: Any
) -> None:
    for server in both:
        server.behaves = behaves
    with suppress(Lost):
        assert (await upstream.send(WRITE, 0.5, again=False)).status == 503
    assert len(both[0].asked) + len(both[1].asked) == 1


async def test_a_write_is_never_sent_over_a_connection_that_the_server_may_have_left(
    upstream: Upstream, both: tuple[Stock, Stock]
) -> None:
    both[1].stop()
    put = Request("PUT", "/items/A-1", {}, b"{}")
    assert (await upstream.send(put, 2, again=False)).status == 200
    both[0].behaves = breaks
    with pytest.raises(Lost):
        await upstream.send(put, 2, again=False)
    assert len(both[0].asked) == 2


async def test_when_all_are_down_it_is_said_at_once_and_few_calls_are_wasted(
    upstream: Upstream, both: tuple[Stock, Stock]
) -> None:
    for server in both:
        server.behaves = breaks
    for _ in range(20):
        with pytest.raises((Lost, Unsent)):
            await read(upstream)
    assert len(both[0].asked) + len(both[1].asked) == 2 * FAILURES_MAX
