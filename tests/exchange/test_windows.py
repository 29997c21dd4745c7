"""Two servers count together in Redis, exactly; whatever becomes of it, they never let through more than the limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from daeri.exchange import BEAT_SECONDS, SETTLE_SECONDS, Away, Exchange, Script
from daeri.operations.windows import NEWCOMERS, STEPS, Bound, SharedWindows
from redis_server import RedisServer

pytestmark = pytest.mark.anyio

PATIENCE = 0.05
FAULTS: dict[str, Callable[[RedisServer], object]] = {
    "killed": RedisServer.kill,
    "paused": RedisServer.pause,
    "flushed": RedisServer.flush,
    "full": RedisServer.fill,
}


def revive(redis: RedisServer) -> None:
    redis.kill()
    redis.start()


RETURNS: dict[str, tuple[Callable[[RedisServer], object], Callable[[RedisServer], object]]] = {
    "killed, started anew": (RedisServer.kill, RedisServer.start),
    "paused, going on": (RedisServer.pause, RedisServer.go_on),
    "full, with room again": (RedisServer.fill, RedisServer.make_room),
    "flushed": (RedisServer.flush, lambda _: None),
    "another in its place": (revive, lambda _: None),
}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


class Counter:
    """One server, as far as it counts."""

    def __init__(self, url: str) -> None:
        self.exchange = Exchange(url)
        self.windows = SharedWindows(self.exchange)

    async def take(self, bound: Bound) -> bool:
        return (await self.windows.take([bound]))[-1].taken

    @property
    def never_waited(self) -> bool:
        """Whether Redis was never too slow: on a busy machine it may be, and then counts are narrower."""
        return self.exchange.lost_at < 0

    async def is_sure(self, seconds: int = 60) -> None:
        async with asyncio.timeout(20):
            while not self.exchange.is_sure(seconds):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)


@asynccontextmanager
async def alone(redis: RedisServer) -> AsyncIterator[Counter]:
    """A server, whether it meets Redis or not."""
    counter = Counter(redis.url)
    await counter.exchange.open()
    try:
        yield counter
    finally:
        await counter.exchange.close()


@asynccontextmanager
async def counting(redis: RedisServer, servers: int = 2) -> AsyncIterator[list[Counter]]:
    """Servers that have stood for longer than any window."""
    async with AsyncExitStack() as stack:
        counters = [Counter(redis.url) for _ in range(servers)]
        for counter in counters:
            await counter.exchange.open()
            stack.push_async_callback(counter.exchange.close)
        async with asyncio.timeout(20):
            while any(counter.exchange.servers < servers for counter in counters):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.02)
        for counter in counters:
            counter.exchange.present_since = float("-inf")
        yield counters


async def slowness(lags: list[float]) -> None:
    """Note how late this process itself is, on a machine that others use too."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - begun - 0.005)


async def hammer(counters: list[Counter], bound: Bound, rounds: int) -> int:
    """Ask in turn, as often as there are rounds; no answer may take longer than it may."""
    lags, taken, slowest = list[float](), 0, 0.0
    watch = asyncio.create_task(slowness(lags))
    for number in range(rounds):
        begun = time.perf_counter()
        taken += await counters[number % len(counters)].take(bound)
        slowest = max(slowest, time.perf_counter() - begun)
        if number % 20 == 0:
            await asyncio.sleep(0.002)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    assert slowest <= PATIENCE + 2 * max(lags, default=0)
    return taken


async def test_a_server_that_just_came_has_its_part_though_redis_is_lost_before_the_others_look(redis, monkeypatch):
    monkeypatch.setattr("daeri.exchange.BEAT_SECONDS", 60)
    one, other, bound = Counter(redis.url), Counter(redis.url), Bound("person a", 400, 3600)
    async with AsyncExitStack() as stack:
        for counter in (one, other):
            await counter.exchange.open()
            stack.push_async_callback(counter.exchange.close)
        async with asyncio.timeout(5):
            while one.exchange.servers < 2:  # noqa: ASYNC110 - what is told is on its way
                await asyncio.sleep(0.01)
        redis.kill()
        taken = [await counter.take(bound) for counter in (one, other) for _ in range(400)]
    assert sum(taken) <= 400


@pytest.mark.parametrize("most", [1, 7, 100, 500])
async def test_two_servers_let_through_exactly_the_limit_together(redis, most):
    bound = Bound("person 1", most, 60)
    async with counting(redis) as (one, other):
        taken = 0
        for _ in range(0, most + 20, 20):
            taken += sum(await asyncio.gather(*[each.take(bound) for _ in range(20) for each in (one, other)]))
        assert taken == most
        assert await one.take(Bound("person 2", most, 60))


async def test_one_server_alone_may_use_all_of_it(redis):
    async with counting(redis) as (one, other):
        bound = Bound("person 1", 50, 60)
        assert sum([await one.take(bound) for _ in range(60)]) == 50
        assert not await other.take(bound)


async def test_a_shared_window_moves_on(redis):
    async with counting(redis) as (one, other):
        bound = Bound("person 1", 3, 1)
        assert [await each.take(bound) for each in (one, other, one, other)] == [True, True, True, False]
        await asyncio.sleep(1.05)
        assert await other.take(bound)


async def test_each_bound_is_told_with_what_is_left(redis):
    async with counting(redis) as (one, other):
        wide, narrow = Bound("person 1", 10, 60), Bound("key 1", 2, 3600)
        counts = [await each.windows.take([wide, narrow]) for each in (one, other, one)]
        assert [[(count.taken, count.left) for count in each] for each in counts] == [
            [(True, 9), (True, 1)],
            [(True, 8), (True, 0)],
            [(True, 7), (False, 0)],
        ]
        assert 3590 < counts[2][1].seconds <= 3600


@pytest.mark.parametrize("used", [0, 30, 90, 100])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_redis_widens_no_limit_and_nobody_waits_for_it(redis, fault, used):
    bound = Bound("person 1", 100, 60)
    async with counting(redis) as counters:
        before = sum([await counters[0].take(bound) for _ in range(used)])  # the other server was never asked
        calm = counters[0].never_waited
        FAULTS[fault](redis)
        after = await hammer(counters, bound, 300)
        assert before == used
        assert before + after <= 100
        if fault != "flushed" and calm:
            assert before + after >= 98  # nor is it much narrower


async def test_of_a_wide_limit_at_most_a_step_stays_unused(redis):
    bound = Bound("person 1", 6400, 60)
    async with counting(redis) as counters:
        before = 0
        for _ in range(50):
            before += sum(await asyncio.gather(*[counters[0].take(bound) for _ in range(20)]))
        calm = counters[0].never_waited
        redis.kill()
        after = sum([await counters[turn % 2].take(bound) for turn in range(6000)])
        assert before == 1000
        assert before + after <= 6400
        assert before + after >= 6400 - 2 * bound.step - 2 or not calm
        assert bound.step == 6400 // STEPS


@pytest.mark.parametrize("what", RETURNS)
async def test_nothing_widens_when_redis_is_back_either(redis, what):
    take_away, bring_back = RETURNS[what]
    bound = Bound("person 1", 100, 60)
    async with counting(redis) as counters:
        taken = await hammer(counters, bound, 40)
        take_away(redis)
        taken += await hammer(counters, bound, 20)
        bring_back(redis)
        for _ in range(30):
            taken += await hammer(counters, bound, 6)
            await asyncio.sleep(BEAT_SECONDS / 3)
        assert 40 <= taken <= 100
        if "paused" in what or "full" in what:  # it forgot nothing
            for counter in counters:
                await counter.is_sure()
            taken += await hammer(counters, bound, 120)
            assert 96 <= taken <= 100  # what Redis counted and could not say in time is counted twice


async def test_redis_is_believed_again_once_a_window_has_passed_since_it_forgot(redis):
    bound = Bound("person 1", 40, 3)
    async with counting(redis) as counters:
        redis.flush()
        await asyncio.sleep(2 * BEAT_SECONDS + 0.1)
        assert not counters[0].exchange.is_sure(3)
        for counter in counters:
            await counter.is_sure(3)
        await asyncio.sleep(3)
        assert sum([await counters[0].take(bound) for _ in range(50)]) == 40


async def test_what_was_let_through_meanwhile_counts_afterwards(redis):
    bound = Bound("person 1", 100, 60)
    async with counting(redis) as (one, other):
        redis.pause()
        alone = sum([await one.take(bound) for _ in range(70)])
        assert alone == 50  # its part of it
        redis.go_on()
        for each in (one, other):
            await each.is_sure()
        assert sum([await other.take(bound) for _ in range(120)]) <= 50


async def test_a_server_that_never_met_redis_waits_for_a_window_and_takes_a_small_part_however_often_it_is_restarted(
    redis,
):
    redis.kill()
    for _ in range(2):
        async with alone(redis) as counter:
            assert sum([await counter.take(Bound("person 1", 80, 60)) for _ in range(10)]) == 0
    async with alone(redis) as counter:
        await asyncio.sleep(1)
        assert sum([await counter.take(Bound("person 1", 80, 1)) for _ in range(100)]) == 80 // NEWCOMERS


async def test_a_server_that_just_came_when_redis_is_lost_lets_through_only_what_it_knows_to_be_left(redis):
    known, unknown = Bound("person 1", 100, 60), Bound("person 2", 100, 60)
    async with alone(redis) as before:
        assert all([await before.take(bound) for _ in range(60) for bound in (known, unknown)])
    async with alone(redis) as counter:
        assert await counter.take(known)
        redis.kill()
        assert sum([await counter.take(known) for _ in range(100)]) == 39
        assert sum([await counter.take(unknown) for _ in range(100)]) == 0


async def test_whoever_is_cancelled_while_redis_counts_leaves_the_next_one_their_own_answer(redis):
    echo = Script("return {ARGV[2]}")
    async with counting(redis, 1) as (one,):
        for number in range(60):
            given_up = asyncio.create_task(one.exchange.ask(echo, [], ["mine"]))
            for _ in range(number % 6):
                await asyncio.sleep(0)
            given_up.cancel()
            assert await one.exchange.ask(echo, [], [str(number)]) == [str(number)]
            with suppress(asyncio.CancelledError):
                await given_up


async def test_a_redis_that_throws_keys_away_is_not_believed(redis):
    bound = Bound("person 1", 100, 60)
    async with counting(redis) as (one, other):
        taken = sum([await one.take(bound) for _ in range(60)])
        with redis.client as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("maxmemory", client.info()["used_memory"] - 200_000)
            client.config_set("maxmemory", "0")
            client.delete(bound.key)  # whichever it threw away: this one at the latest
            assert client.info()["evicted_keys"] > 0
        await asyncio.sleep(3 * BEAT_SECONDS)
        taken += sum([await each.take(bound) for _ in range(100) for each in (one, other)])
        assert taken <= 100


async def test_two_companies_on_one_redis_count_apart(redis):
    async with counting(redis, 1) as (one,):
        apart = Counter(redis.url.removesuffix("0") + "1")
        await apart.exchange.open()
        bound = Bound("person 1", 1, 60)
        assert await one.take(bound)
        assert await apart.take(bound)
        await apart.exchange.close()


async def test_a_lost_redis_is_told_to_whoever_asks(redis):
    async with counting(redis, 1) as (one,):
        redis.kill()
        with pytest.raises(Away):
            await one.exchange.tell("run", ["srv_1 run_1"])
        with pytest.raises(Away):
            await one.exchange.tell("run", ["srv_1 run_1"])


async def test_what_one_server_tells_all_hear_and_after_a_loss_they_are_told_that_some_was_missed(redis):
    async with counting(redis) as (one, other):
        heard, missed = list[str](), asyncio.Event()

        async def note() -> None:
            missed.set()

        other.exchange.hear("run", heard.append)
        other.exchange.returning.append(note)
        await one.exchange.tell("run", ["srv_1 run_1", "srv_1 run_2"])
        await asyncio.sleep(0.1)
        assert heard == ["srv_1 run_1", "srv_1 run_2"]
        revive(redis)
        async with asyncio.timeout(SETTLE_SECONDS + 5):
            await missed.wait()
