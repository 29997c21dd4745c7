"""Is a service asked once for the same, where its operator says so, and do servers share that only as they may?"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from daeri.errors import DeclarationError, NotFound, PermissionDenied
from daeri.exchange import Exchange
from daeri.operations import answers as remembering
from daeri.operations.answers import PREFIX, Answers
from daeri.operations.outcome import Done
from daeri.records.trail import Trail
from daeri.upstream.services import Services
from exchange.test_windows import FAULTS, PATIENCE, slowness
from redis_server import RedisServer
from upstream.service_house import ENVIRONMENT, declared, opened, pin
from upstream.stock import Stock, table_of, written
from worlds import COLLEAGUE, HR, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio

CACHED = "cache_seconds = 60"
FIND = {"q": "나사"}


@pytest.fixture
def stock() -> Iterator[Stock]:
    server = Stock()
    yield server
    server.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


@asynccontextmanager
async def house(furnished: Path, folder: Path, text: str) -> AsyncIterator[World]:
    """Open the company over a table with this text."""
    table = written(_made(folder), text)
    await pin(table)
    async with opened(furnished, folder, table) as world:
        yield world


@pytest.fixture
async def world(furnished: Path, tmp_path: Path, stock: Stock) -> AsyncIterator[World]:
    async with house(furnished, tmp_path / "house", table_of(stock.url, more=CACHED)) as world:
        yield world


async def find(world: World, person: int = OWNER, **arguments: str) -> Done:
    return await world.done(await world.actor(person), "stock.find_items", arguments or FIND)


async def test_a_service_is_asked_once_for_the_same_and_its_answer_stays_text_from_outside(
    world: World, stock: Stock
) -> None:
    first, again = await find(world), await find(world)
    assert len(stock.asked) == 1
    assert (first.age, again.age, again.result) == (None, 0, first.result)
    assert again.sources == first.sources
    assert again.sources[0]["untrusted"] is True
    await find(world, q="못")
    assert len(stock.asked) == 2


async def test_what_is_changed_here_does_not_concern_a_service(world: World, stock: Stock) -> None:
    await find(world)
    await world.done(await world.actor(OWNER), "work.add_project", {"name": "새 과제"})
    assert (await find(world)).age == 0
    assert len(stock.asked) == 1


@pytest.mark.parametrize("person", [COLLEAGUE, STRANGER])
async def test_a_colleague_and_a_stranger_are_never_given_what_another_asked_for(
    world: World, stock: Stock, person: int
) -> None:
    await find(world)
    assert (await find(world, person)).age is None
    assert len(stock.asked) == 2


async def test_whoever_lost_the_right_to_ask_is_not_given_what_is_remembered(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    text = table_of(stock.url, more=CACHED).replace('roles = ["*"]', 'roles = ["hr"]')
    async with house(furnished, tmp_path, text) as world:
        await find(world, HR)
        await world.sql("UPDATE w_employee SET roles = '[]' WHERE id = :id", id=HR)
        with pytest.raises(PermissionDenied):
            await find(world, HR)


async def test_what_was_told_of_people_counts_as_such_when_it_is_told_again(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    text = table_of(stock.url) + f'[services.stock.operations.findItems]\ndata = "personal"\n{CACHED}\n'
    async with house(furnished, tmp_path, text) as world:
        told = [await find(world) for _ in range(2)]
        assert [each.sources[0]["classes"] for each in told] == [["personal"]] * 2
        assert told[1].age == 0


async def test_nothing_goes_out_to_a_service_of_others_when_its_answer_is_remembered(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    text = table_of(stock.url, more=CACHED).replace("ours = true", "ours = false")
    async with house(furnished, tmp_path, text) as world:
        for _ in range(2):
            await find(world)
        outcomes = [row["outcome"] for row in await world.audited() if row["action"] == "stock.find_items"]
        assert outcomes == ["leaving", "done", "done"]


async def test_only_what_reads_is_remembered_and_only_where_the_operator_says_so(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    not_this = "[services.stock.operations.findItems]\ncache_seconds = 0\n"
    async with house(furnished, tmp_path, table_of(stock.url, more=CACHED) + not_this) as world:
        seconds = {name: each.cache_seconds for name, each in world.company.operations.items() if "stock" in name}
        assert seconds == {"stock.find_items": None, "stock.get_item": 60, "stock.reserve": None}
        for _ in range(2):
            await find(world)
        assert len(stock.asked) == 2
    table = written(tmp_path, table_of(stock.url) + CACHED)
    with pytest.raises(DeclarationError, match=r"reserve.*cannot be remembered"):
        Services(table, ENVIRONMENT, declared)


async def test_a_refusal_of_a_service_is_not_remembered(world: World, stock: Stock) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            await world.done(await world.actor(OWNER), "stock.get_item", {"sku": "none"})
    assert len(stock.asked) == 2


async def test_another_address_another_key_or_another_pin_is_another_service(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    text, made = table_of(stock.url, more=CACHED), set()
    for other in (text, text.replace("127.0.0.1", "localhost"), text.replace("STOCK_KEY", "TOOLS_KEY")):
        async with house(furnished, tmp_path, other) as world:
            made.add(world.company.operations["stock.find_items"].cached_as)
    assert len(made) == 3


# Servers that share a Redis ------------------------------------------------------------------------------------------


@asynccontextmanager
async def servers(
    furnished: Path, folder: Path, text: str, redis: RedisServer, *, number: int = 2
) -> AsyncIterator[list[World]]:
    """Open servers of one company that share a Redis; they stand on copies of its database."""
    async with AsyncExitStack() as stack:
        worlds = []
        for at in range(number):
            world = await stack.enter_async_context(house(furnished, folder / str(at), text))
            exchange = Exchange(redis.url)
            await exchange.open()
            stack.push_async_callback(exchange.close)
            world.door._answers = Answers(exchange)
            worlds.append(world)
        yield worlds


async def test_servers_share_what_a_service_answered_to_the_same_person(
    furnished: Path, tmp_path: Path, stock: Stock, redis: RedisServer
) -> None:
    async with servers(furnished, tmp_path, table_of(stock.url, more=CACHED), redis) as (one, other):
        first = await find(one)
        again = await find(other)
        assert len(stock.asked) == 1
        assert (again.result, again.sources, again.age) == (first.result, first.sources, 0)
        for person in (COLLEAGUE, STRANGER):
            assert (await find(other, person)).age is None
        with redis.client as client:
            assert {0 < client.pttl(key) <= 60_000 for key in client.keys(f"{PREFIX}*")} == {True}


async def test_redis_ends_an_answer_in_time_and_a_server_that_took_it_over_does_too(
    furnished: Path, tmp_path: Path, stock: Stock, redis: RedisServer
) -> None:
    text = table_of(stock.url, more="cache_seconds = 1")
    async with servers(furnished, tmp_path, text, redis) as (one, other):
        began = time.monotonic()
        await find(one)
        await asyncio.sleep(0.6)
        assert (await find(other)).age is not None or time.monotonic() - began >= 1
        await asyncio.sleep(max(0.0, began + 1.1 - time.monotonic()))
        asked = len(stock.asked)
        assert (await find(other)).age is None
        assert len(stock.asked) == asked + 1


async def test_what_is_sensitive_and_what_is_made_of_records_goes_into_no_redis(
    furnished: Path, tmp_path: Path, stock: Stock, redis: RedisServer
) -> None:
    text = table_of(stock.url) + f'[services.stock.operations.findItems]\ndata = "personal"\n{CACHED}\n'
    async with servers(furnished, tmp_path, text, redis) as (one, other):
        await find(one)
        assert (await find(one)).age == 0
        assert (await find(other)).age is None
        of_records = remembering.Asked("k", "work.find", 60, is_shared=False, at=time.monotonic())
        await one.door._answers.keep(of_records, Done("work.find", {}, None, [], [], 0.0), Trail())
        assert await other.door._answers.find(of_records) is None
        with redis.client as client:
            assert client.keys(f"{PREFIX}*") == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_redis_that_is_lost_is_a_miss_and_keeps_nobody_waiting(
    furnished: Path, tmp_path: Path, stock: Stock, redis: RedisServer, fault: str
) -> None:
    async with servers(furnished, tmp_path, table_of(stock.url, more=CACHED), redis) as (one, other):
        first = await find(one)
        FAULTS[fault](redis)
        asked, lags = await _asked(other), list[float]()
        watch = asyncio.create_task(slowness(lags))
        await asyncio.sleep(0.02)
        began = time.perf_counter()
        found = await other.door._answers.find(asked)
        waited = time.perf_counter() - began
        watch.cancel()
        assert waited <= PATIENCE + 2 * max(lags, default=0)
        assert found is None or fault == "full", "a full Redis may still tell what it holds"
        assert (await find(other)).result == first.result
        assert (await find(one)).age == 0, "what it remembers itself is its own"


async def _asked(world: World) -> remembering.Asked:
    operation = world.door.operation(await world.actor(OWNER), "stock.find_items")
    call = remembering.Call(operation, await world.actor(OWNER), FIND, "ko")

    def look(connection):
        return world.door._asked(connection, call, world.door._body.validated(connection, call))

    return await world.store.read(look)


async def test_what_stands_in_redis_but_is_no_answer_is_a_miss(
    furnished: Path, tmp_path: Path, stock: Stock, redis: RedisServer
) -> None:
    async with servers(furnished, tmp_path, table_of(stock.url, more=CACHED), redis) as (one, other):
        await find(one)
        with redis.client as client:
            (key,) = client.keys(f"{PREFIX}*")
            for odd in ("", "{", "[]", '{"operation": "stock.find_items"}', client.get(key).replace("find_items", "x")):
                client.set(key, odd, px=60_000)
                assert (await find(other)).age is None
                other.door._answers = Answers(other.door._answers._exchange)
                client.set(key, odd, px=60_000)


async def test_redis_holds_so_many_answers_and_no_more(
    furnished: Path, tmp_path: Path, stock: Stock, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "SHARED_MAX", 3)
    async with servers(furnished, tmp_path, table_of(stock.url, more=CACHED), redis, number=1) as (one,):
        for number in range(6):
            await find(one, q=str(number))
        with redis.client as client:
            assert len(client.keys(f"{PREFIX}*")) == 3
            assert client.zcard("daeri:answers") == 3
