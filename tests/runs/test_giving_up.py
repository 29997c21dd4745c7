"""Does a run end that cannot be carried on? After some tries, with words for its person, and others go on."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from approvals.bundling import Script
from daeri.agent.executor import ATTEMPTS_MAX, Executor
from daeri.errors import NotReady
from daeri.runs.queueing import Queue
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Work, Workbench
from databases import only_sqlite
from worlds import OWNER, World

pytestmark = pytest.mark.anyio

BROKEN = [
    pytest.param("UPDATE run SET scopes = '5' WHERE id = :id", id="a run"),
    pytest.param(
        "INSERT INTO step (run_id, seq, kind, name, status, summary, output, milliseconds, at) VALUES "
        "(:id, 1, 'plan', 'plan', 'done', '', '{\"calls\":', 0, '2026-11-22 09:00:00')",
        id="a step",
        marks=only_sqlite("PostgreSQL stores no JSON that cannot be decoded"),
    ),
]


class Server:
    """A server whose runs are carried by a script."""

    def __init__(self, world: World, **workers: Callable[[Work, Workbench], Any]) -> None:
        queue, wakeups = Queue(), Wakeups()
        self.world = world
        self.runs = Runs(world.company, world.store, world.clock, wakeups, queue=queue)
        bench = Workbench(world.store, world.clock, wakeups, queue=queue)
        self._executor = Executor(world.door, world.identity, bench, Script(), self.runs.dispatch.working, workers)

    async def ask(self, **more: Any) -> dict[str, Any]:
        return await self.runs.create(await self.world.actor(OWNER), "안녕", **more)

    async def carry(self, run_id: str) -> None:
        await self._executor.segment(run_id, 1)

    async def look(self, run_id: str) -> dict[str, Any]:
        (row,) = await self.world.sql("SELECT status, server, error FROM run WHERE id = :id", id=run_id)
        return row


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_run_that_cannot_be_read_ends_after_many_tries_and_lets_the_next_one_begin(
    world: World, broken: str
) -> None:
    server = Server(world)
    first = await server.ask()
    second = await server.ask(session_id=first["session_id"])
    await world.sql(broken, id=first["run_id"])
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises((TypeError, ValueError)):
            await server.carry(first["run_id"])
        assert await server.look(first["run_id"]) == {"status": "queued", "server": None, "error": None}
    with capture_logs() as told:
        await server.carry(first["run_id"])
    assert [(each["event"], each["run_id"]) for each in told] == [("run.given_up", first["run_id"])]
    ended = await server.look(first["run_id"])
    assert ended["status"] == "failed"
    assert "읽지 못해" in json.loads(ended["error"])["detail"]
    events = [event["type"] async for event in server.runs.events(await world.actor(OWNER), first["run_id"]) if event]
    assert events[-2:] == ["run.failed", "stream.end"]
    assert await server.runs.dispatch.due() == [(second["run_id"], 1)]


async def test_a_run_that_other_code_can_read_goes_on_where_it_was(world: World) -> None:
    server = Server(world)
    run_id = (await server.ask())["run_id"]
    await world.sql("UPDATE run SET scopes = '5' WHERE id = :id", id=run_id)
    for _ in range(3):
        with pytest.raises(TypeError):
            await server.carry(run_id)
    await world.sql("UPDATE run SET scopes = '[[\"*\"]]' WHERE id = :id", id=run_id)
    await server.carry(run_id)
    assert (await server.look(run_id))["status"] == "succeeded"


async def test_a_run_of_an_agent_that_is_gone_ends_at_once_and_says_so(world: World) -> None:
    server = Server(world)
    run_id = (await server.ask())["run_id"]
    await world.sql("UPDATE run SET agent = 'gone' WHERE id = :id", id=run_id)
    await server.carry(run_id)
    ended = await server.look(run_id)
    assert ended["status"] == "failed"
    assert "gone" in json.loads(ended["error"])["detail"]


@pytest.mark.parametrize(
    "part", ["daeri.runs.work.Workbench.succeed", "daeri.records.identity.Identity.actor_of_person"]
)
async def test_a_run_whose_database_was_away_for_a_moment_goes_on_when_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise NotReady

    server = Server(world)
    run_id = (await server.ask())["run_id"]
    with monkeypatch.context() as moment:
        moment.setattr(part, away)
        with pytest.raises(NotReady):
            await server.carry(run_id)
    assert (await server.look(run_id))["status"] == "running", "though the journal could be written to again by then"
    await server.carry(run_id)
    assert (await server.look(run_id))["status"] == "succeeded"


async def test_a_worker_that_fails_each_time_is_given_up_too(world: World) -> None:
    async def work(_: Work, __: Workbench) -> None:
        msg = "a plan of an older program"
        raise KeyError(msg)

    server = Server(world, reader=work)
    run = await server.runs.begin(await world.actor(OWNER), "reader", "읽기", {})
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(KeyError):
            await server.carry(run["run_id"])
    await server.carry(run["run_id"])
    assert (await server.look(run["run_id"]))["status"] == "failed"
