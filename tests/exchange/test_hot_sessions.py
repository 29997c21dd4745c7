"""What was changed and acknowledged is never contradicted by a hot session on any server, whatever becomes of Redis."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daeri import exchange
from daeri.errors import Unauthenticated
from daeri.exchange import Away, Exchange
from daeri.operations import hot_sessions
from daeri.operations.hot_sessions import HOT_SECONDS, STATE, HotSessions
from exchange.hot_house import Keeper, Truth, keeping
from redis_server import RedisServer

pytestmark = pytest.mark.anyio

PATIENCE = 0.05
BUSY = 0.1
"""By how much this process itself may be late on a machine that others use."""
FAULTS: dict[str, Callable[[RedisServer], object]] = {
    "killed": RedisServer.kill,
    "paused": RedisServer.pause,
    "flushed": RedisServer.flush,
    "full": RedisServer.fill,
}
RETURNS: dict[str, Callable[[RedisServer], object]] = {
    "killed": RedisServer.start,
    "paused": RedisServer.go_on,
    "flushed": lambda _: None,
    "full": RedisServer.make_room,
}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that takes seconds take a part of one."""
    monkeypatch.setattr(hot_sessions, "HOT_SECONDS", 0.5)
    monkeypatch.setattr(exchange, "SETTLE_SECONDS", 0.2)


async def warm(keeper: Keeper, name: str = "owner") -> None:
    """Look twice: the first look may learn the state only."""
    await keeper.use(name)
    await keeper.use(name)
    before = keeper.reads
    await keeper.use(name)
    assert keeper.reads == before, "it is not hot"


def test_a_hot_session_lasts_no_longer_than_a_revocation_may_take():
    assert HOT_SECONDS <= 5


async def test_a_session_is_read_once_by_each_server_however_often_it_is_shown(redis):
    async with keeping(redis) as (one, other):
        for keeper in (one, other):
            await asyncio.gather(*[keeper.use("owner") for _ in range(3)])
            before = keeper.reads
            for _ in range(20):
                await keeper.use("owner")
            assert keeper.reads == before


async def test_a_change_holds_on_all_servers_when_it_is_acknowledged_and_for_that_session_as_for_others(redis):
    async with keeping(redis) as (one, other):
        for keeper in (one, other):
            for name in ("owner", "colleague"):
                await warm(keeper, name)
        await one.change("owner")
        for keeper in (other, one):
            assert await keeper.holds("owner")
            assert await keeper.use("colleague") == 0


async def test_what_was_read_before_a_change_and_arrives_after_it_is_not_kept_as_the_present(redis):
    async with keeping(redis) as (one, other):
        await warm(one, "any")

        async def late() -> object:
            found = await one.read("owner")
            await other.change("owner")
            return found

        old = await one.hot.look("owner", late)
        assert old.actor.person_id == 0, "it was read before the change was acknowledged"
        assert await one.use("owner") == 1


async def test_who_is_refused_is_read_again_each_time(redis):
    async with keeping(redis, 1) as (one,):
        reads = 0

        async def nobody() -> object:
            nonlocal reads
            reads += 1
            raise Unauthenticated

        for _ in range(4):
            with pytest.raises(Unauthenticated):
                await one.hot.look("stranger", nobody)
        assert reads == 4


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_change_while_redis_fails_holds_at_once_and_when_it_is_back(redis, fault):
    async with keeping(redis) as (one, other):
        for keeper in (one, other):
            await warm(keeper)
        FAULTS[fault](redis)
        await one.change("owner")
        for keeper in (other, one):
            assert await keeper.holds("owner")
        await asyncio.sleep(0.05)
        await other.change("owner")
        for keeper in (one, other):
            assert await keeper.holds("owner")
        assert max(one.slowest, other.slowest) < PATIENCE + BUSY
        RETURNS[fault](redis)
        for keeper in (one, other):
            await keeper.is_sure()
            assert await keeper.use("owner") == 2
            await warm(keeper)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("fault", ["killed", "paused"])
async def test_without_redis_each_look_is_at_the_database(redis, fault):
    async with keeping(redis, 1) as (one,):
        await warm(one)
        FAULTS[fault](redis)
        await one.use("owner")
        before = one.reads
        for _ in range(5):
            await one.use("owner")
        assert one.reads == before + 5


@pytest.mark.usefixtures("soon")
async def test_who_alone_is_cut_off_tells_what_it_changed_at_its_return_and_believes_nothing_before(redis):
    async with keeping(redis) as (one, other):
        for keeper in (one, other):
            await warm(keeper)
        one.exchange._lose("cut off")
        await one.change("owner")
        assert await one.use("owner") == 1
        async with asyncio.timeout(5):
            while one.hot._untold is not None:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        assert await other.use("owner") == 1


@pytest.mark.usefixtures("soon")
async def test_what_could_not_be_told_at_all_ends_by_itself(redis):
    async with keeping(redis) as (one, other):
        await warm(one)
        other.exchange._lose("dies before it can tell")
        await other.exchange.close()
        await other.change("owner")
        begun = time.monotonic()
        while await one.use("owner") == 0:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        assert time.monotonic() - begun <= hot_sessions.HOT_SECONDS + BUSY


async def test_a_command_that_is_no_server_tells_what_it_changed(redis):
    async with keeping(redis, 1) as (one,):
        await warm(one)
        command = Keeper(redis.url, one.truth)
        await command.change("owner")
        assert await one.holds("owner")
        assert one.exchange.servers == 1


async def test_a_command_that_changes_many_things_at_once_tells_of_each(redis):
    async with keeping(redis, 1) as (one,):
        await warm(one)
        command = Keeper(redis.url, one.truth)

        async def change(after: float) -> None:
            await asyncio.sleep(after)
            await command.change("owner")

        await asyncio.gather(*[change(number / 2_000) for number in range(20)])
        assert command.hot._untold is None
        assert await one.use("owner") == 20


async def test_a_command_does_its_work_where_redis_is_away(tmp_path):
    command = Keeper(RedisServer(tmp_path).url, Truth())
    await command.change("owner")
    assert await command.use("owner") == 1


async def test_redis_holds_nothing_about_anybody_and_whatever_is_put_there_makes_nobody_anybody(redis):
    async with keeping(redis, 1) as (one,):
        await warm(one)
        with redis.client as client:
            assert set(client.keys("daeri*")) == {STATE, "daeri:memory"}
            for forged in ("", "{}", "owner", "x" * 1_000_000):
                client.set(STATE, forged)
                assert await one.use("owner") == one.truth.version("owner")
                await one.change("owner")
                assert await one.use("owner") == one.truth.version("owner"), "its own change it knows of in any case"


@pytest.mark.usefixtures("soon")
async def test_who_can_write_to_redis_holds_a_change_up_for_those_seconds_at_the_longest(redis):
    async with keeping(redis) as (one, other):
        await warm(one)
        with redis.client as client:
            old = client.get(STATE)
            await other.change("owner")
            begun = time.monotonic()
            while time.monotonic() - begun <= hot_sessions.HOT_SECONDS + BUSY:
                client.set(STATE, old)
                await one.use("owner")
            assert await one.use("owner") == 1


@pytest.mark.usefixtures("soon")
async def test_a_redis_that_went_back_to_what_it_knew_before_a_change_is_not_believed(redis):
    async with keeping(redis) as (one, other):
        await warm(one)
        with redis.client as client:
            old = client.get(STATE)
            client.save()
        await other.change("owner")
        redis.kill()
        redis.start()
        with redis.client as client:
            assert client.get(STATE) == old
        for _ in range(20):
            assert await one.use("owner") == 1
            await asyncio.sleep(0.02)


async def test_while_its_own_change_is_untold_a_server_believes_nothing(redis, monkeypatch):
    async with keeping(redis, 1) as (one,):
        await warm(one)
        answered = one.exchange.ask

        async def ask(script, keys, arguments):
            if script is hot_sessions._END:
                raise Away
            return await answered(script, keys, arguments)

        monkeypatch.setattr(one.exchange, "ask", ask)
        await one.change("owner")
        assert one.exchange.is_sure(hot_sessions.HOT_SECONDS)
        assert await one.use("owner") == 1


async def test_a_change_that_was_told_does_not_stand_for_a_later_one_that_was_not(redis, monkeypatch):
    async with keeping(redis, 1) as (one,):
        first, answered = asyncio.Event(), one.exchange.ask

        async def slow(script, keys, arguments):
            told = await answered(script, keys, arguments)
            await first.wait()
            return told

        async def away(*_):
            raise Away

        monkeypatch.setattr(one.exchange, "ask", slow)
        earlier = asyncio.create_task(one.change("owner"))
        await asyncio.sleep(0.05)
        monkeypatch.setattr(one.exchange, "ask", away)
        await one.change("owner")
        first.set()
        await earlier
        assert one.hot._untold is not None


async def test_no_server_keeps_more_than_so_many(redis, monkeypatch):
    monkeypatch.setattr(hot_sessions, "SESSIONS_MAX", 3)
    async with keeping(redis, 1) as (one,):
        one.hot = HotSessions(one.exchange)
        for number in range(20):
            await one.use(f"person {number}")
        assert one.hot._kept.size == 3


async def test_a_server_that_never_met_redis_reads_the_database(tmp_path):
    lonely = Keeper(RedisServer(tmp_path).url, Truth())
    assert isinstance(lonely.exchange, Exchange)
    for _ in range(3):
        await lonely.use("owner")
    assert lonely.reads == 3
