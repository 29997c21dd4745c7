"""Who keeps a copy of something is told of each change of it, whoever made it and by whichever statement."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Connection, ForeignKey, Integer, MetaData, Table, select, text

from daeri.errors import Conflict, NotReady
from daeri.records import identity
from daeri.records.credentials import Credentials
from daeri.records.store import Store
from daeri.records.watching import Watch
from databases import only_postgres
from watched import nothing_missed
from worlds import COLLEAGUE, HR, LEAVER, OWNER, Employee, World

pytestmark = pytest.mark.anyio

POSTGRES = only_postgres("on SQLite there is one server, which reads each session anew")
LATER = timedelta(days=30)


async def nobody() -> None:
    """Tell nobody."""


def watched(*names: str) -> Watch:
    return Watch([Table(name, MetaData(), Column("id", Integer)) for name in names], nobody)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE person SET name = %(name)s",
        'update  only "person" set name = 1',
        'UPDATE hr."person" SET name = 1',
        "DELETE FROM person WHERE id = 1",
        "WITH gone AS (DELETE FROM person RETURNING id) SELECT * FROM gone",
        "INSERT INTO person (id) VALUES (1) ON CONFLICT (id)\n DO UPDATE SET id = 2",
        "MERGE INTO person USING other ON true",
        "TRUNCATE person",
        "ALTER TABLE person DROP COLUMN roles",
        'DROP TABLE IF EXISTS "person"',
        "UPDATE/* why */person SET name = 1",
        "UPDATE -- why\n person SET name = 1",
        "DELETE /* why */ FROM person",
        "UPDATE ONLY (person) SET name = 1",
        'UPDATE "hr-data"."person" SET name = 1',
        'UPDATE "say ""hr""" . "person" SET name = 1',
        'UPDATE company.hr."person" SET name = 1',
        "TRUNCATE note, hr.person",
        "TRUNCATE TABLE ONLY note, ONLY (person)",
        'DROP TABLE IF EXISTS note, "person"',
        "ALTER TABLE IF EXISTS ONLY person ADD x int",
        "INSERT INTO person AS p (id) VALUES (1) ON CONFLICT (id) DO /* so */ UPDATE SET id = 2",
    ],
)
def test_a_statement_that_changes_rows_of_a_table_is_seen(statement):
    assert watched("person", "account").sees(["SELECT 1", statement])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM person FOR UPDATE",
        "INSERT INTO person (id) VALUES (1)",
        "UPDATE person_note SET id = 1",
        "UPDATE note SET person = 1",
        "DELETE FROM note WHERE id IN (SELECT id FROM person)",
        "UPDATE person.note SET id = 1",
        'UPDATE "person note" SET id = 1',
        "DROP TABLE note; SELECT 1, person",
    ],
)
def test_a_statement_that_changes_no_row_of_it_is_passed_over(statement):
    assert not watched("person", "account").sees([statement])


async def test_what_a_session_stands_for_is_read_off_the_statement_that_reads_it(world: World) -> None:
    assert {table.name for table in world.identity.made_of} == {"session", "account", Employee.__tablename__}


async def test_a_table_through_which_the_database_changes_people_is_watched_too(world: World, monkeypatch) -> None:
    tables = MetaData()
    house = Table("house", tables, Column("id", Integer, primary_key=True))
    house_id = Column("house_id", ForeignKey(house.c.id, ondelete="CASCADE"))
    unit = Table("unit", tables, Column("id", Integer, primary_key=True), house_id)
    place = Table("place", tables, Column("id", Integer, primary_key=True))
    person = Table(
        "person",
        tables,
        Column("unit_id", ForeignKey(unit.c.id, ondelete="SET NULL")),
        Column("place_id", ForeignKey(place.c.id)),
    )
    monkeypatch.setattr(identity, "_session", lambda _: select(person))
    assert world.identity.made_of == {person, unit, house}


async def signed_in(world: World) -> str:
    await world.identity.add_account("deputy", OWNER, demo=True)
    return (await world.identity.sign_in_demo("deputy"))[0]


async def _sign_out(world: World) -> None:
    await world.identity.sign_out(await signed_in(world))


async def _end_a_session(world: World) -> None:
    await signed_in(world)
    keys, owner = Credentials(world.identity, world.store, world.clock), await world.actor(OWNER)
    (mine,) = await keys.sessions(owner)
    await keys.end_session(owner, mine["id"])


async def _follow_the_provider(world: World) -> None:
    await world.identity.add_account("owner", OWNER)
    await world.identity.sign_in_by("subject", "owner", (frozenset({"hr", "finance"}), frozenset({"hr"})))


async def _change_a_record(world: World) -> None:
    async def change(records: Any) -> None:
        await records.change(await records.get(Employee, OWNER), roles=["hr"])

    await world.do(await world.actor(HR), change)


async def _remove_a_record(world: World) -> None:
    async def remove(records: Any) -> None:
        await records.remove(await records.get(Employee, LEAVER))

    await world.do(await world.actor(HR), remove)


async def _by_hand(world: World) -> None:
    await world.sql("update w_employee set left_on = '2026-11-20' where id = 1")


WRITES: dict[str, Callable[[World], Awaitable[None]]] = {
    "sign-out": _sign_out,
    "session ended": _end_a_session,
    "roles follow": _follow_the_provider,
    "record changed": _change_a_record,
    "record removed": _remove_a_record,
    "statement of anybody's": _by_hand,
}


@POSTGRES
@pytest.mark.parametrize("write", WRITES)
async def test_whoever_changes_for_whom_a_session_stands_it_is_told_before_they_hear_of_it(world: World, write) -> None:
    told = list[list[Any]]()

    async def tell() -> None:
        told.append(await world.sql("select 1"))

    with nothing_missed(world.store, world.identity.made_of) as changes:
        world.store.watch = Watch(world.identity.made_of, tell)
        await WRITES[write](world)
        assert len(told) == len(changes) >= 1


@POSTGRES
async def test_what_leaves_everybody_as_they_were_is_told_to_nobody(world: World) -> None:
    told = list[int]()

    async def tell() -> None:
        told.append(1)

    world.store.watch = Watch(world.identity.made_of, tell)
    await signed_in(world)
    await world.done(await world.actor(OWNER), "work.add_project", {"name": "p"})
    await world.identity.add_key(COLLEAGUE, "k", decides=False, life=LATER)
    assert not told


@POSTGRES
async def test_a_change_whose_asker_has_left_is_told_all_the_same(world: World) -> None:
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    def slow(connection: Connection) -> None:
        connection.execute(text("update w_employee set name = 'x' where id = 1"))
        connection.execute(text("select pg_sleep(0.1)"))

    world.store.watch = Watch(world.identity.made_of, tell)
    asked = asyncio.create_task(world.store.write(slow))
    await asyncio.sleep(0.05)
    asked.cancel()
    with suppress(asyncio.CancelledError):
        await asked
    await asyncio.wait_for(told.wait(), 5)


@POSTGRES
async def test_a_change_that_failed_may_have_been_made_and_is_told(world: World) -> None:
    told = list[int]()

    async def tell() -> None:
        told.append(1)

    def fail(connection: Connection) -> None:
        connection.execute(text("update w_employee set name = 'x' where id = 1"))
        raise Conflict

    world.store.watch = Watch(world.identity.made_of, tell)
    with pytest.raises(Conflict):
        await world.store.write(fail)
    assert told == [1]


@POSTGRES
async def test_a_watched_visit_whose_connection_breaks_says_so_as_an_unwatched_one_does(world: World) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(text("update w_employee set name = 'x' where id = 1"))
        connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    for watch in (None, Watch(world.identity.made_of, nobody)):
        world.store.watch = watch
        with pytest.raises(NotReady):
            await world.store.write(broken)


@POSTGRES
async def test_a_change_that_nobody_would_be_told_of_fails_the_test(world: World) -> None:
    store = Store(world.store.url)
    quietly = "begin update w_employee set name = 'x'; return null; end"
    await world.sql(f"create function quietly() returns trigger language plpgsql as $$ {quietly} $$")
    await world.sql("create trigger quiet after insert on w_leave execute function quietly()")
    booked = text("insert into w_leave (employee_id, start, days, reason, version) values (1, '2026-11-20', 1, '', 1)")
    with pytest.raises(AssertionError, match="nobody was told"), nothing_missed(store, world.identity.made_of):
        await store.write(lambda connection: connection.execute(booked))
    await store.close()
