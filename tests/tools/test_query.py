"""Is the `query` catalog an operation like any other: ruled, limited, audited, and kind in its refusals?"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

import worlds
from daeri.errors import DaeriError, Timeout, ValidationFailed
from daeri.operations import Company, having
from daeri.operations.invoke import Door
from daeri.operations.outcome import Done
from daeri.records import audit
from daeri.records.guarded import Limits
from daeri.tools.query import Permitted, query_catalog, rewrite, schema_of
from databases import POSTGRES
from tools.house import CLOSED, answered
from worlds import COLLEAGUE, HR, OWNER, SALARIES, STRANGER, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def asking(world: World) -> Door:
    catalogs = [worlds.work, query_catalog(Limits(rows=50, seconds=0.5))]
    return Door(Company(worlds.company.name, catalogs, worlds.AGENTS, worlds.ROLES), world.store, world.clock)


async def ask(door: Door, world: World, person: int, sql: str, **more: Any) -> Done:
    done = await door.call(await world.actor(person), "query.run", {"sql": sql, **more})
    assert isinstance(done, Done)
    return done


async def test_each_asker_gets_their_own_rows(asking: Door, world: World) -> None:
    sql = "SELECT count(*) AS n FROM w_project"
    assert (await ask(asking, world, OWNER, sql)).result == {"columns": ["n"], "rows": [[2]], "truncated": False}
    assert (await ask(asking, world, STRANGER, sql)).result["rows"] == [[1]]
    assert (await ask(asking, world, HR, sql)).result["rows"] == [[3]]


async def test_owner_colleague_and_stranger_get_what_a_list_would_show_each(asking: Door, world: World) -> None:
    sql = (
        "SELECT e.id, p.name FROM w_employee e JOIN w_project p ON p.team_id = e.team_id WHERE e.salary > 0 ORDER BY 2"
    )
    found = {person: (await ask(asking, world, person, sql)).result["rows"] for person in (OWNER, COLLEAGUE, STRANGER)}
    assert found == {
        OWNER: [[OWNER, "가을 판촉"], [OWNER, "겨울 판촉"]],
        COLLEAGUE: [[COLLEAGUE, "가을 판촉"], [COLLEAGUE, "겨울 판촉"]],
        STRANGER: [[STRANGER, "신제품"]],
    }
    for person in (COLLEAGUE, STRANGER):
        with pytest.raises(ValidationFailed, match="There is no column 'pin'"):
            await ask(asking, world, person, "SELECT id FROM w_employee WHERE pin = '1'")


async def test_the_schema_says_whose_sql_is_spoken(asking: Door, world: World) -> None:
    text = (await asking.call(await world.actor(OWNER), "query.schema", {})).body()["result"]["text"]
    assert text.startswith("-- PostgreSQL\n\nTABLE" if POSTGRES else "-- SQLite\n\nTABLE")


async def test_a_field_that_is_ones_own_shows_on_ones_own_row_only(asking: Door, world: World) -> None:
    done = await ask(asking, world, OWNER, "SELECT salary FROM w_employee WHERE salary IS NOT NULL")
    assert done.result["rows"] == [[SALARIES[OWNER]]]
    assert done.masked == ["w_employee.salary"]
    assert len((await ask(asking, world, HR, "SELECT salary FROM w_employee")).result["rows"]) == 12


async def test_hidden_and_missing_fields_answer_alike(asking: Door, world: World) -> None:
    said = []
    for column in ("pin", "pen"):
        with pytest.raises(ValidationFailed) as caught:
            await ask(asking, world, OWNER, f"SELECT {column} FROM w_employee")
        said.append(caught.value.detail.en.replace(column, "?"))
    assert said[0] == said[1]


@pytest.mark.parametrize("table", ["w_vault", "account", "audit", "approval", "run", "idempotency", "nothing"])
async def test_tables_of_daeri_and_tables_without_a_rule_do_not_exist(table: str, asking: Door, world: World) -> None:
    with pytest.raises(ValidationFailed, match=f"There is no table '{table}'. .*You can use: w_employee"):
        await ask(asking, world, HR, f"SELECT * FROM {table}")


async def test_the_schema_describes_only_what_the_asker_may_see(asking: Door, world: World) -> None:
    mine = (await asking.call(await world.actor(OWNER), "query.schema", {})).body()["result"]["text"]
    all_of_it = (await asking.call(await world.actor(HR), "query.schema", {})).body()["result"]["text"]
    assert "pin" not in mine
    assert "pin" not in all_of_it
    assert "code" not in mine
    assert "code" in all_of_it
    assert "w_vault" not in all_of_it
    assert "days integer, in units of 1/100" in mine


def test_the_schema_quotes_names_that_are_words_of_sql() -> None:
    described = schema_of([Permitted(["id", "group", "비고 란", "이름", "EmpNo"]).relation("order", ())])
    assert described == 'TABLE "order"\n  id\n  "group"\n  "비고 란"\n  이름\n  "EmpNo"'


async def test_a_question_is_audited_and_so_is_a_refusal(asking: Door, world: World) -> None:
    await ask(asking, world, OWNER, "SELECT salary FROM w_employee")
    with pytest.raises(DaeriError):
        await ask(asking, world, OWNER, "DROP TABLE w_employee")
    table = audit.audit
    rows = await world.store.read(
        lambda connection: connection.execute(
            select(table).where(table.c.action == "query.run").order_by(table.c.seq)
        ).all()
    )
    assert [(row.outcome, row.person_id) for row in rows] == [("done", OWNER), ("refused", OWNER)]


async def test_rows_beyond_the_limit_are_cut_and_said_so(asking: Door, world: World) -> None:
    sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c"
    done = await ask(asking, world, OWNER, sql)
    assert len(done.result["rows"]) == 50
    assert done.result["truncated"] is True
    assert done.say == "처음 50행이에요. 더 있어요."


async def test_a_statement_without_an_end_is_ended(asking: Door, world: World) -> None:
    sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    with pytest.raises(Timeout, match="narrow it down"):
        await ask(asking, world, OWNER, sql)
    assert (await ask(asking, world, OWNER, "SELECT 1 AS one")).say == "one: 1"


async def test_slow_statements_leave_readers_for_others(asking: Door, world: World) -> None:
    sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    slow = [asyncio.create_task(ask(asking, world, OWNER, sql)) for _ in range(6)]
    found = await asyncio.gather(*slow, return_exceptions=True)
    codes = {getattr(error, "code", "") for error in found}
    assert "timeout" in codes
    assert codes <= {"timeout", "rate-limited"}


async def test_the_reader_works_as_before_after_a_question(asking: Door, world: World) -> None:
    await ask(asking, world, OWNER, "SELECT 1")
    assert (
        await world.store.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM w_vault").scalar())
        == 1
    )


async def test_postgres_dialect_is_taken(asking: Door, world: World) -> None:
    done = await ask(asking, world, HR, "SELECT name FROM w_employee WHERE name LIKE '김%' LIMIT 1", dialect="postgres")
    assert len(done.result["rows"]) == 1


async def test_who_may_ask_at_all_can_be_limited(world: World) -> None:
    catalog = query_catalog(allow=having("hr"))
    door = Door(
        Company(worlds.company.name, [worlds.work, catalog], worlds.AGENTS, worlds.ROLES), world.store, world.clock
    )
    with pytest.raises(DaeriError, match="is for HR only"):
        await ask(door, world, OWNER, "SELECT 1")


@pytest.mark.parametrize(
    ("sql", "ko", "en"),
    [
        ("SELECT nmae FROM employee", "혹시 'name'인가요?", "Did you mean 'name'?"),
        ("SELECT * FROM employe", "혹시 'employee'인가요?", "Did you mean 'employee'?"),
        ('SELECT id FROM employee WHERE rank = "대리"', "'작은따옴표'로 감싸 주세요", "put it in 'single quotes'"),
        ("DELETE FROM employee", "SELECT 문만 쓸 수 있어요", "Only a SELECT"),
        ("SELECT 1; SELECT 2", "세미콜론 뒤를 지워 주세요", "remove what follows the semicolon"),
        ("SELECT * FROM main.employee", "테이블 이름만 써 주세요", "without a schema"),
        ("SELECT load_extension('x')", "함수를 써 주세요", "aggregates, date and text functions"),
        ("SELECT * FROM employee WHERE id = ?", "직접 써 주세요", "write values directly"),
        ("SELECT id FROM employee WHERE id IN project", "(SELECT ...)", "a subquery"),
        ("SELECT FROM WHERE", "SQL을", "SQL"),
    ],
)
async def test_a_refusal_says_what_to_change(sql: str, ko: str, en: str, whole: sqlite3.Connection) -> None:
    with pytest.raises(ValidationFailed) as caught:
        answered(whole, sql, CLOSED)
    assert ko in caught.value.detail.ko
    assert en in caught.value.detail.en or en == "SQL"


async def test_rewrite_takes_an_engine_a_connection_and_a_drivers_connection(files: tuple[Path, Path]) -> None:
    engine = create_engine(f"sqlite:///{files[0]}")
    tables = {"department": Permitted(["id"], ["name"], "id < 3")}
    for_engine = rewrite(engine, "SELECT * FROM department", tables)
    with engine.connect() as connection:
        for statement in (for_engine, rewrite(connection, "SELECT * FROM department", tables)):
            assert connection.exec_driver_sql(statement).all() == [(1, None), (2, None)]
    engine.dispose()
    with pytest.raises(TypeError):
        rewrite(object(), "SELECT 1", {})
