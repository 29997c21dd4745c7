"""Do the servers on one database see who is gone, take up what it left, and leave alone what another one is at?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from daeri.records.store import Store
from daeri.runs import fleet as fleets
from daeri.runs.fleet import Fleet
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench
from databases import only_postgres
from worlds import OWNER, World

pytestmark = pytest.mark.anyio

TOGETHER = only_postgres("on a file there is one server, and every other one is gone")


class Site:
    """One server's parts that see other servers."""

    def __init__(self, world: World, store: Store) -> None:
        self.store = store
        self.fleet = Fleet(store, world.clock)
        self.wakeups = Wakeups()
        self.runs = Runs(world.company, store, world.clock, self.wakeups, self.fleet.me)
        self.bench = Workbench(store, world.clock, self.wakeups, self.fleet.me)
        self.heard: list[str] = []

    def hear(self, news: str) -> None:
        self.heard.append(news)
        asyncio.get_running_loop().create_task(self.runs.dispatch.hear(news))


@asynccontextmanager
async def site(world: World) -> AsyncIterator[Site]:
    one = Site(world, Store(world.store.url))
    await one.fleet.open(one.hear)
    one.wakeups.open(one.fleet.me, one.store.tell)
    try:
        yield one
    finally:
        await one.wakeups.close()
        await one.fleet.close()
        await one.store.close()


async def asked(world: World) -> str:
    made = await world.runs.create(await world.actor(OWNER), "휴가 며칠 남았어?")
    return str(made["run_id"])


async def servers(world: World) -> list[Any]:
    return [row["id"] for row in await world.sql("select id from server order by id")]


async def test_a_run_that_a_server_left_in_order_is_due_at_once(world: World) -> None:
    run_id = await asked(world)
    async with site(world) as first:
        assert await first.bench.claim(run_id, 1) is not None
    async with site(world) as second:
        assert await second.runs.dispatch.due() == [(run_id, 1)]
        assert await second.bench.claim(run_id, 1) is not None


async def test_a_server_that_looks_on_while_it_leaves_is_not_seen_any_more(world: World) -> None:
    leaving = Site(world, world.store)
    await leaving.fleet.open(leaving.hear)
    assert await servers(world) == [leaving.fleet.me]
    await leaving.fleet.close()
    await leaving.fleet.look()
    assert await servers(world) == []


@TOGETHER
async def test_a_run_that_a_server_is_at_is_left_to_it(world: World) -> None:
    run_id = await asked(world)
    async with site(world) as first, site(world) as second:
        assert await servers(world) == sorted([first.fleet.me, second.fleet.me])
        assert await second.runs.dispatch.due() == [(run_id, 1)]
        assert await first.bench.claim(run_id, 1) is not None
        assert await first.runs.dispatch.due() == [(run_id, 1)]
        assert await second.runs.dispatch.due() == []
        assert await second.bench.claim(run_id, 1) is None
        for _ in range(3):
            assert await second.fleet.look() == []


@TOGETHER
async def test_of_many_that_take_a_run_up_at_once_one_gets_it(world: World) -> None:
    run_id = await asked(world)
    async with site(world) as first, site(world) as second:
        claims = await asyncio.gather(*(one.bench.claim(run_id, 1) for one in (first, second) * 5))
    got = [claim for claim in claims if claim is not None]
    assert len({claim.lease.epoch for claim in got}) == len(got)
    assert len(got) in (1, 5)  # its own server may take it up again, the other may not


@TOGETHER
async def test_a_server_whose_connection_is_gone_is_seen_and_its_runs_are_taken_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "FREE_SECONDS", 0.3)
    run_id = await asked(world)
    gone, left = Site(world, Store(world.store.url)), Site(world, Store(world.store.url))
    await left.fleet.open(left.hear)
    hearing = gone.store.hearing(gone.hear, gone.fleet._lock)
    async with hearing:
        await gone.fleet.look()
        assert await gone.bench.claim(run_id, 1) is not None
        assert await left.fleet.look() == []
    assert [await left.fleet.look() for _ in range(3)] == [[], [], []], "its connection may just be made anew"
    await asyncio.sleep(0.4)
    assert await left.fleet.look() == [gone.fleet.me]
    assert await left.runs.dispatch.due() == [(run_id, 1)]
    assert await left.bench.claim(run_id, 1) is not None
    await left.fleet.close()
    for each in (gone, left):
        await each.store.close()


@TOGETHER
async def test_a_server_that_hangs_is_gone_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "SILENCE_SECONDS", 0.2)
    async with site(world) as hanging, site(world) as looking:
        assert await looking.fleet.look() == []
        await hanging.fleet.look()
        assert await looking.fleet.look() == []
        await asyncio.sleep(0.3)
        assert await looking.fleet.look() == [hanging.fleet.me]
        await hanging.fleet.look()
        assert len(await servers(world)) == 2


@TOGETHER
async def test_a_server_that_loses_its_connection_for_a_moment_stays(world: World) -> None:
    ends = text("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'daeri hear'")
    async with site(world) as first, site(world) as second:
        await world.store.read(lambda connection: connection.execute(ends).all())
        await asyncio.sleep(1.5)
        for _ in range(4):
            assert await second.fleet.look() == []
            assert await first.fleet.look() == []


@TOGETHER
async def test_news_of_a_run_reaches_listeners_of_another_server_within_a_second(world: World) -> None:
    run_id, owner = await asked(world), await world.actor(OWNER)
    async with site(world) as working, site(world) as listening:
        events = listening.runs.events(owner, run_id)
        assert (await anext(events) or {})["type"] == "run.started"
        work = await working.bench.claim(run_id, 1)
        assert work is not None
        await working.bench.write(work.lease, (), ("message.delta", {"text": "네"}))
        event = await asyncio.wait_for(anext(events), 1)
        assert event is not None
        assert event["text"] == "네"
        await events.aclose()  # type: ignore[attr-defined]


@TOGETHER
async def test_a_run_that_is_cancelled_at_one_server_is_stopped_at_the_other(world: World) -> None:
    run_id, owner = await asked(world), await world.actor(OWNER)
    async with site(world) as working, site(world) as other:
        await working.bench.claim(run_id, 1)
        task = asyncio.create_task(asyncio.sleep(60))
        working.runs.dispatch.working(run_id, task)
        await other.runs.cancel(owner, run_id)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)


@TOGETHER
async def test_a_server_passes_over_its_own_news(world: World) -> None:
    async with site(world) as one, site(world) as other:
        one.wakeups.notify("run_x")
        await asyncio.sleep(0.3)
        assert [news for news in other.heard if news] == [f"{one.fleet.me} run_x"]
