"""Do SQLite and PostgreSQL give the same answers, and do many who write at once leave what one after another would?"""

import asyncio
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, case, extract, func, text

from daeri.errors import NotReady, ValidationFailed
from daeri.operations.listing import ListQuery
from daeri.records import Records, audit
from daeri.records.actor import Actor
from daeri.records.portable import regular
from daeri.records.store import Store
from databases import only_postgres
from worlds import HR, OWNER, Employee, Project, World

pytestmark = pytest.mark.anyio

NAMES = ["b", "B", "a", "Z", "", "_", "가", "힣", "각", "金", "é", "😀", "ㄱ", "각"]
POSTGRES_ONLY = only_postgres("SQLite has one writer and no server to lose")


async def projects(world: World, *names: str, due: Any = None) -> None:
    rows = [Project(name=name, team_id=9, due=due) for name in names]
    await world.do(Actor.system("test"), lambda records: records.add_all(rows))


async def found(world: World, *where: Any, order_by: tuple[Any, ...] = ()) -> list[Any]:
    def look(records: Records) -> Any:
        return records.find(Project, Project.team_id == 9, *where, order_by=order_by)

    return [row.name for row in await world.see(Actor.system("test"), look)]


async def test_texts_are_sorted_by_their_characters_numbers(world: World) -> None:
    await projects(world, *NAMES)
    assert await found(world, order_by=(Project.name,)) == sorted(NAMES)
    assert await found(world, order_by=(Project.name.desc(),)) == sorted(NAMES, reverse=True)
    assert await found(world, Project.name > "a") == [name for name in NAMES if name > "a"]


@pytest.mark.parametrize("sort", ["name", "-name"])
async def test_pages_of_texts_miss_and_repeat_nothing(world: World, sort: str) -> None:
    await projects(world, *NAMES)
    names, cursor = [], None
    while True:
        query = ListQuery(limit=3, sort=sort, cursor=cursor, filters=[("team_id", "eq", "9")])
        page = await world.shelf.page(await world.actor(HR), "w_project", query, "ko")
        names += [row["name"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == sorted(NAMES, reverse=sort == "-name")


async def test_nothing_comes_before_everything(world: World) -> None:
    await projects(world, "with", due=world.clock.today())
    await projects(world, "without")
    assert await found(world, order_by=(Project.due,)) == ["without", "with"]
    assert await found(world, order_by=(Project.due.desc(),)) == ["with", "without"]
    assert await found(world, order_by=(Project.due.asc().nulls_last(),)) == ["with", "without"]


async def test_capitals_of_a_to_z_match_small_letters_and_no_others_do(world: World) -> None:
    await projects(world, "Abc", "abd", "ÉA", "éb")
    assert await found(world, Project.name.like("AB%")) == ["Abc", "abd"]
    assert await found(world, Project.name.contains("É")) == ["ÉA"]
    assert await found(world, Project.name.not_like("%b%")) == ["ÉA"]
    assert await found(world, func.lower(Project.name) == "abc") == ["Abc"]


async def test_figures_are_of_the_same_kind(world: World) -> None:
    async def look(records: Records) -> Any:
        measures = {
            "total": func.sum(Project.cost),
            "mean": func.avg(Project.cost),
            "rounded": func.round(func.avg(Project.cost) + 0.5, 1),
            "most": func.max(Project.cost),
        }
        return await records.group(Project.team_id, measures=measures, where=[Project.team_id == 1])

    ((_, *figures),) = await world.see(await world.actor(HR), look)
    assert figures == [400, 200.0, 200.5, 300]
    assert [type(figure) for figure in figures] == [int, float, float, int]


async def test_a_group_may_be_made_by_an_expression(world: World) -> None:
    async def look(records: Records) -> Any:
        first = func.substr(Project.name, 1, 2)
        dear = case((Project.cost > 200, "dear"), else_="cheap")
        year = extract("year", Project.due)
        month = func.strftime('%Y년 "%m"', Project.due)
        return await records.group(
            Project.team_id, first, dear, year, month, measures={"n": func.count()}, order_by=("-n",)
        )

    rows = [tuple(row) for row in await world.see(await world.actor(HR), look)]
    assert sorted(rows, key=repr) == [
        (1, "가을", "cheap", 2026, '2026년 "12"', 1),
        (1, "겨울", "dear", None, None, 1),
        (2, "신제", "dear", 2026, '2026년 "12"', 1),
    ]


async def test_an_amount_in_won_fits(world: World) -> None:
    await world.sql("update w_project set cost = 9000000000000000000 where id = 1")
    large = Project.cost > 5_000_000_000

    async def look(records: Records) -> Any:
        return [row.id for row in await records.find(Project, large)]

    assert await world.see(await world.actor(OWNER), look) == [1]


async def test_a_number_beyond_every_column_is_told_in_the_same_words(world: World) -> None:
    with pytest.raises(ValidationFailed, match="A number is too large"):
        await found(world, Project.cost == 2**70)


async def test_a_text_may_be_longer_than_its_column_says(world: World) -> None:
    async def add(records: Records) -> Any:
        return await records.add(Employee(name="긴" * 300, team_id=1))

    assert (await world.do(await world.actor(HR), add)).name == "긴" * 300


@given(
    st.lists(
        st.sampled_from(["*", "?", "a", "b", ".", "가", "[ab]", "[가-깋]", "[^a]", "[]]", "[*]", "\\", "$", "ㄱ"])
    ),
    st.text("ab.가각나]*\\$ㄱ\n", max_size=6),
)
def test_a_pattern_fits_the_same_texts_in_both_spellings(parts: list[str], searched: str) -> None:
    glob = "".join(parts)
    with closing(sqlite3.connect(":memory:")) as database:
        (fits,) = database.execute("SELECT ? GLOB ?", (searched, glob)).fetchone()
    assert bool(re.match(regular(glob)[:-1] + r"\Z", searched, re.DOTALL)) == bool(fits)


def entry(world: World, number: int) -> audit.Entry:
    return audit.Entry(world.clock.now(), OWNER, None, "test", f"test.{number}", "done")


async def test_the_audit_is_one_chain_however_many_append_at_once(world: World) -> None:
    other = Store(world.store.url)
    ways = [world.store.note, world.store.write, other.note, other.write]

    def append(number: int) -> Any:
        return ways[number % 4](lambda connection: audit.append(connection, entry(world, number)))

    numbers = await asyncio.gather(*(append(number) for number in range(80)))
    await other.close()
    assert sorted(numbers) == list(range(1, 81))
    assert (await world.store.read(audit.verify)).rows == 80


async def test_entries_written_together_are_one_chain(world: World) -> None:
    entries = [entry(world, number) for number in range(40)]
    assert await world.store.write(lambda connection: audit.append_all(connection, entries)) == 40
    assert (await world.store.read(audit.verify)).rows == 40


async def test_who_looks_before_writing_can_rely_on_it_in_two_servers(world: World) -> None:
    def take(connection: Connection) -> bool:
        taken = connection.execute(text("select count(*) from w_project where name = 'one only'")).scalar_one()
        if not taken:
            connection.execute(
                text("insert into w_project (version, name, code, team_id, cost) values (1, 'one only', '', 1, 0)")
            )
        return not taken

    other = Store(world.store.url)
    outcomes = await asyncio.gather(*(store.write(take) for store in (world.store, other) * 10))
    await other.close()
    assert outcomes.count(True) == 1


@POSTGRES_ONLY
async def test_a_note_waits_for_no_write_of_records(world: World) -> None:
    loop = asyncio.get_running_loop()

    def write(connection: Connection) -> int:
        connection.execute(text("update w_project set cost = 1 where id = 1"))
        noted = world.store.note(lambda beside: audit.append(beside, entry(world, 1)))
        return asyncio.run_coroutine_threadsafe(noted, loop).result(10)

    assert await world.store.write(write) == 1


@POSTGRES_ONLY
async def test_two_that_wait_for_each_other_both_get_through(world: World) -> None:
    def swap(first: int, second: int) -> Any:
        def work(connection: Connection) -> None:
            statement = text("update w_project set cost = cost + 1 where id = :id")
            connection.execute(statement, {"id": first})
            connection.execute(text("select pg_sleep(0.1)"))
            connection.execute(statement, {"id": second})

        return work

    await asyncio.gather(world.store.note(swap(1, 2)), world.store.note(swap(2, 1)))
    costs = await world.sql("select cost from w_project where id in (1, 2) order by id")
    assert [row["cost"] for row in costs] == [102, 302]


async def cut_off(world: World) -> None:
    """Let the server end every other connection, as a restart does."""
    own = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> :pid"

    def end(connection: Connection) -> None:
        pid = connection.execute(text("select pg_backend_pid()")).scalar_one()
        connection.execute(text(own), {"pid": pid})

    other = Store(world.store.url)
    await other.read(end)
    await other.close()


@POSTGRES_ONLY
async def test_a_lost_connection_is_made_again_without_anybody_noticing(world: World) -> None:
    for _ in range(3):
        await world.sql("update w_project set cost = 7")
        await world.audited()
        await cut_off(world)
    assert await found(world) == []
    assert await world.sql("select count(*) as n from w_project where cost = 7") == [{"n": 3}]


@POSTGRES_ONLY
async def test_a_write_that_loses_its_connection_halfway_says_so_and_leaves_nothing(world: World) -> None:
    loop = asyncio.get_running_loop()

    def work(connection: Connection) -> None:
        connection.execute(text("update w_project set cost = 7"))
        asyncio.run_coroutine_threadsafe(cut_off(world), loop).result(10)
        connection.execute(text("select 1"))

    with pytest.raises(NotReady):
        await world.store.write(work)
    assert await world.sql("select count(*) as n from w_project where cost = 7") == [{"n": 0}]


@POSTGRES_ONLY
async def test_a_server_that_is_not_there_is_told_as_not_ready_soon() -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(NotReady, match="The database says"):
        await store.read(lambda connection: connection.execute(text("select 1")))
    await store.close()


@POSTGRES_ONLY
async def test_a_text_with_a_nul_is_told_as_unreadable(world: World) -> None:
    with pytest.raises(ValidationFailed, match="cannot be stored"):
        await found(world, Project.name == "a\0b")
