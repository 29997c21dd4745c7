"""Is scheduled work done at its time, once, with the rights of then, and only for as long as its person is there?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daeri.errors import DaeriError, KeyRevoked, NotFound, Refused, ValidationFailed
from daeri.operations.listing import ListQuery
from daeri.operations.outcome import Held
from daeri.records import Actor
from daeri.records.credentials import Credentials
from daeri.runs.queueing import SCHEDULED
from daeri.runs.runs import Runs
from daeri.runs.schedules import Schedules, check_cron, missed_between
from daeri.runs.wakeups import Wakeups
from daeri.tools.schedules import SCHEDULES_MAX, schedules_catalog
from worlds import COLLEAGUE, HR, LEAD, OWNER, STRANGER, World, open_world

pytestmark = pytest.mark.anyio
MONDAY_9 = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
"""Nine o'clock of a Monday in Seoul."""


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, schedules_catalog("assistant")) as opened:
        yield opened


def server(world: World) -> Schedules:
    runs = Runs(world.company, world.store, world.clock, Wakeups())
    return Schedules(world.store, world.clock, world.identity, runs)


async def create(world: World, cron: str = "0 9 * * 1", person: int = OWNER, request: str = "매출 알려줘") -> int:
    done = await world.done(await world.actor(person), "schedules.create", {"request": request, "cron": cron})
    return int(done.result["schedule"])


async def rows(world: World, person: int = OWNER) -> list[dict[str, Any]]:
    return list((await world.done(await world.actor(person), "schedules.list", {})).result["rows"])


async def runs_of(world: World) -> list[dict[str, Any]]:
    return await world.sql("SELECT id, person_id, input, rank, door, idempotency_key FROM run ORDER BY id")


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "x",
        "* * * * * *",
        "0 9 31 2 *",
        "@daily",
        "* * * * *",
        "R 9 * * *",
        "61 * * * *",
        "0,1 9 * * *",
        "0,1 9 * * 1",
        "0,58 0,23 * * *",
    ],
)
async def test_times_that_are_none_or_too_close_are_refused(world: World, cron: str) -> None:
    with pytest.raises(ValidationFailed):
        await create(world, cron)


@pytest.mark.parametrize("cron", ["0,58 0,23 * * 1-5", "0,58 0,23 * * 1,2", "58,1 23,0 1,2 * *"])
@pytest.mark.parametrize("day", range(7))
def test_times_are_apart_across_midnight_whichever_day_it_is(cron: str, day: int) -> None:
    with pytest.raises(ValidationFailed):
        check_cron(cron, MONDAY_9 + timedelta(days=day))


def test_times_are_those_of_seoul() -> None:
    assert check_cron(" 0  9 * * 1 ", MONDAY_9) == "0 9 * * 1"
    assert missed_between("0 9 * * 1", MONDAY_9, MONDAY_9 + timedelta(days=15)) == 2


async def test_a_schedule_runs_at_its_time_and_not_before(world: World) -> None:
    await create(world)
    world.clock.at = MONDAY_9 - timedelta(seconds=1)
    assert await server(world).look() == 0
    world.clock.at = MONDAY_9
    assert await server(world).look() == 1
    assert await server(world).look() == 0
    (run,) = await runs_of(world)
    assert (run["person_id"], run["input"], run["rank"], run["door"]) == (OWNER, "매출 알려줘", SCHEDULED, "schedule")
    (row,) = await rows(world)
    assert row["last_run"] == run["id"]
    assert datetime.fromisoformat(row["next_at"]) == MONDAY_9 + timedelta(days=7)


async def test_two_servers_on_one_database_begin_each_due_time_once(world: World) -> None:
    for n in range(5):
        await create(world, request=f"요청 {n}")
    one, other = server(world), server(world)
    for week in range(3):
        world.clock.at = MONDAY_9 + timedelta(days=7 * week)
        await asyncio.gather(one.look(), other.look(), one.look(), other.look())
    made = await runs_of(world)
    assert len(made) == len({run["idempotency_key"] for run in made}) == 15


async def test_a_server_that_dies_after_the_run_was_accepted_leaves_no_second_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(world)
    world.clock.at = MONDAY_9
    dying = server(world)

    async def die(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(dying, "_write", die)
    with pytest.raises(ConnectionError):
        await dying.look()
    world.clock.at += timedelta(minutes=10)
    await server(world).look()
    assert len(await runs_of(world)) == 1


async def test_times_that_passed_while_no_server_was_up_are_made_up_once_and_named(world: World) -> None:
    await create(world)
    world.clock.at = MONDAY_9 + timedelta(days=22)
    await server(world).look()
    await server(world).look()
    (run,) = await runs_of(world)
    (event,) = await world.sql("SELECT data FROM event WHERE type = 'run.started'")
    assert '"missed": 3' in str(event["data"]) or event["data"]["missed"] == 3
    assert "2026-11-23T00:00:00.000Z" in str(event["data"])
    (row,) = await rows(world)
    assert (row["missed"], row["last_run"]) == (3, run["id"])
    assert datetime.fromisoformat(row["next_at"]) > world.clock.now()


async def test_a_schedule_ends_with_its_person(world: World) -> None:
    await create(world)
    await world.sql("UPDATE w_employee SET left_on = '2026-11-22' WHERE id = :id", id=OWNER)
    world.clock.at = MONDAY_9 + timedelta(days=1)
    await server(world).look()
    assert await runs_of(world) == []
    (row,) = await world.sql("SELECT next_at, ended FROM schedule")
    assert row["next_at"] is None
    assert row["ended"]
    assert [entry["action"] for entry in await world.audited()][-1] == "schedule.end"


async def test_a_schedule_whose_agent_is_gone_ends_and_says_so(world: World) -> None:
    key = await create(world)
    await world.sql("UPDATE schedule SET agent = 'gone' WHERE id = :id", id=key)
    world.clock.at = MONDAY_9
    await server(world).look()
    assert await runs_of(world) == []
    assert "gone" in (await rows(world))[0]["ended"]


async def test_a_key_that_may_not_ask_cannot_ask_by_a_schedule(world: World) -> None:
    narrow = await world.actor(OWNER, scopes=(("schedules.*",),))
    await world.done(narrow, "schedules.create", {"request": "매출 알려줘", "cron": "0 9 * * 1"})
    world.clock.at = MONDAY_9
    await server(world).look()
    assert await runs_of(world) == []


async def test_a_paused_schedule_waits_and_makes_nothing_up(world: World) -> None:
    key, owner = await create(world), await world.actor(OWNER)
    await world.done(owner, "schedules.pause", {"schedule": key})
    world.clock.at = MONDAY_9 + timedelta(days=1)
    assert await server(world).look() == 0
    await world.done(owner, "schedules.pause", {"schedule": key, "paused": False})
    assert await server(world).look() == 0
    world.clock.at = MONDAY_9 + timedelta(days=7)
    assert await server(world).look() == 1
    await world.done(owner, "schedules.delete", {"schedule": key})
    assert await rows(world) == []


@pytest.mark.parametrize("person", [COLLEAGUE, STRANGER, LEAD, HR])
async def test_somebody_elses_schedule_is_like_a_missing_one(world: World, person: int) -> None:
    key, other = await create(world), await world.actor(person)
    assert await rows(world, person) == []
    for operation in ("schedules.pause", "schedules.delete"):
        told = []
        for schedule in (key, 9_999):
            with pytest.raises(NotFound) as missing:
                await world.door.call(other, operation, {"schedule": schedule})
            told.append(missing.value.problem("ko"))
        assert told[0] == told[1]
    assert (await world.shelf.page(other, "schedule", ListQuery(), "ko"))["data"] == []
    assert len(await rows(world)) == 1


async def test_what_an_agent_would_schedule_waits_for_its_person(world: World) -> None:
    wanted = {"request": "모든 연봉 알려줘", "cron": "0 9 * * *"}
    held = await world.door.call(await world.deputy(OWNER), "schedules.create", wanted)
    assert isinstance(held, Held)
    assert await rows(world) == []
    with pytest.raises(DaeriError):
        await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    await world.approvals.decide(await world.actor(OWNER), held.approval_id, "approve")
    assert [row["request"] for row in await rows(world)] == ["모든 연봉 알려줘"]


async def test_a_person_has_so_many_schedules(world: World) -> None:
    for n in range(SCHEDULES_MAX):
        await create(world, request=f"요청 {n}")
    with pytest.raises(Refused):
        await create(world)
    assert await create(world, person=COLLEAGUE)


async def test_a_schedule_made_through_an_agent_with_a_narrow_scope_runs(world: World) -> None:
    person = await world.actor(OWNER, scopes=(("run.*", "schedules.*", "read"),))
    wanted = {"request": "매출 알려줘", "cron": "0 9 * * 1"}
    for narrow in (
        person.through("assistant", ("schedules.*",), None),
        replace(
            person.through("chief", ("schedules.*",), None).through("assistant", ("schedules.*",), None),
            beside=("chief",),
        ),
    ):
        held = await world.door.call(narrow, "schedules.create", wanted)
        assert isinstance(held, Held)
        await world.approvals.decide(await world.actor(OWNER), held.approval_id, "approve")
    world.clock.at = MONDAY_9
    await server(world).look()
    assert [row["ended"] for row in await rows(world)] == [None, None]
    kept = await world.sql("SELECT scopes FROM run")
    assert [str(row["scopes"]).count("read") for row in kept] == [1, 1], "the credential's limit stays"
    assert not any('["schedules.*"]' in str(row["scopes"]) for row in kept), "the agent's is added when it runs"


async def keyed(world: World, person: int, **more: Any) -> Actor:
    key = await world.identity.add_key(person, "test", decides=False, **more)
    return await world.identity.actor_of_key(key.secret, "rest")


async def revoke(world: World, actor: Actor) -> None:
    credentials = Credentials(world.identity, world.store, world.clock)
    await credentials.revoke(await world.actor(actor.person_id), actor.credential)


async def test_a_schedule_ends_with_the_key_it_was_made_with_and_tells_its_owner_once(world: World) -> None:
    actor, other = await keyed(world, OWNER), await keyed(world, OWNER)
    wanted = {"request": "매출 알려줘", "cron": "0 9 * * 1"}
    for who in (actor, other, await keyed(world, COLLEAGUE)):
        await world.done(who, "schedules.create", wanted)
    await revoke(world, actor)
    for week in range(2):
        world.clock.at = MONDAY_9 + timedelta(days=7 * week)
        await asyncio.gather(server(world).look(), server(world).look())
    why = KeyRevoked().problem("ko")["detail"]
    told = (await world.runs.page(await world.actor(OWNER)))["data"]
    failed = [run for run in told if run["status"] == "failed"]
    assert [(run["input"], run["error"]["detail"]) for run in failed] == [("매출 알려줘", why)]
    assert len(told) == 3, "what was made with the other key runs both weeks"
    assert [(row["ended"], row["next_at"] is None) for row in await rows(world)] == [(why, True), (None, False)]
    assert [entry["action"] for entry in await world.audited()].count("schedule.end") == 1
    for person in (COLLEAGUE, STRANGER):
        page = await world.runs.page(await world.actor(person))
        assert [run["status"] for run in page["data"]] == ["queued"] * (2 if person == COLLEAGUE else 0)


async def test_a_key_that_ends_by_itself_ends_no_schedule(world: World) -> None:
    actor = await keyed(world, OWNER, life=timedelta(hours=1))
    await world.done(actor, "schedules.create", {"request": "매출 알려줘", "cron": "0 9 * * 1"})
    world.clock.at = MONDAY_9
    await server(world).look()
    assert [row["credential"] for row in await world.sql("SELECT credential FROM run")] == [actor.credential]


async def test_what_an_agent_schedules_and_its_person_confirms_ends_with_the_key_of_that_agent(world: World) -> None:
    actor = await keyed(world, OWNER)
    agent = world.company.agent("assistant").acting_for(actor)
    held = await world.door.call(agent, "schedules.create", {"request": "매출 알려줘", "cron": "0 9 * * 1"})
    assert isinstance(held, Held)
    await world.approvals.decide(await world.actor(OWNER), held.approval_id, "approve")
    await revoke(world, actor)
    world.clock.at = MONDAY_9
    await server(world).look()
    assert [run["status"] for run in (await world.runs.page(await world.actor(OWNER)))["data"]] == ["failed"]
