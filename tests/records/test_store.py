"""How is the database visited? Readers cannot write, writers take turns, a failure leaves nothing behind."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from daeri.errors import NotReady
from daeri.records.store import Store, is_reachable, system
from worlds import World

pytestmark = pytest.mark.anyio


def costs(connection: Connection) -> int:
    return int(connection.execute(text("select sum(cost) from w_project")).scalar_one())


async def test_a_reader_cannot_write(world: World) -> None:
    with pytest.raises(NotReady, match=r"read-?only"):
        await world.store.read(lambda connection: connection.execute(text("update w_project set cost = 0")))
    assert await world.store.read(costs) == 900


async def test_a_reader_cannot_switch_writing_on(world: World) -> None:
    def cheat(connection: Connection) -> None:
        connection.execute(text("select 1"))
        connection.execute(text("delete from w_project"))

    for _ in range(6):
        with pytest.raises(NotReady):
            await world.store.read(cheat)
    assert await world.store.read(costs) == 900


async def test_a_write_that_fails_is_undone_whole(world: World) -> None:
    def half(connection: Connection) -> None:
        connection.execute(text("update w_project set cost = 0 where id = 1"))
        connection.execute(text("insert into w_team (id, version, name) values (1, 1, 'twice')"))

    with pytest.raises(IntegrityError):
        await world.store.write(half)
    assert await world.store.read(costs) == 900


async def test_a_reader_sees_one_moment_however_long_it_looks(world: World) -> None:
    loop = asyncio.get_running_loop()

    def look_twice(connection: Connection) -> tuple[int, int]:
        before = costs(connection)
        change = world.store.write(lambda writer: writer.execute(text("update w_project set cost = cost + 1")))
        asyncio.run_coroutine_threadsafe(change, loop).result(10)
        return before, costs(connection)

    assert await world.store.read(look_twice) == (900, 900)
    assert await world.store.read(costs) == 903


async def test_writers_take_turns_and_lose_no_update(world: World) -> None:
    def add_one(connection: Connection) -> None:
        cost = connection.execute(text("select cost from w_project where id = 1")).scalar_one()
        connection.execute(text("update w_project set cost = :cost where id = 1"), {"cost": cost + 1})

    await asyncio.gather(*(world.store.write(add_one) for _ in range(50)))
    assert await world.store.read(costs) == 950


async def test_writers_of_two_stores_take_turns_too(world: World) -> None:
    def add_one(connection: Connection) -> None:
        cost = connection.execute(text("select cost from w_project where id = 1")).scalar_one()
        connection.execute(text("update w_project set cost = :cost where id = 1"), {"cost": cost + 1})

    other = Store(str(world.store.url))
    await asyncio.gather(*(store.write(add_one) for store in (world.store, other) * 10))
    await other.close()
    assert await world.store.read(costs) == 920


async def test_what_is_written_is_on_disk_before_it_is_told(world: World) -> None:
    await world.sql("update w_project set cost = 0")
    other = Store(str(world.store.url))
    assert await other.read(costs) == 0
    await other.close()


async def test_a_broken_statement_is_told_as_not_ready_with_what_the_database_said(world: World) -> None:
    with pytest.raises(NotReady, match=r'no such table: nowhere|relation "nowhere" does not exist'):
        await world.store.read(lambda connection: connection.execute(text("select * from nowhere")))


async def test_an_open_database_is_reachable(world: World) -> None:
    assert await is_reachable(world.store)


def test_a_database_that_is_not_supported_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mysql is not supported; use sqlite:///PATH or postgresql"):
        Store("mysql://localhost/daeri")


async def test_creating_twice_keeps_what_is_there(world: World) -> None:
    await world.store.create(system)
    assert await world.store.read(costs) == 900


async def test_a_store_on_an_empty_folder_makes_its_file(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/new.db")
    await store.create(system)
    await store.close()
    assert (tmp_path / "new.db").stat().st_size > 0
