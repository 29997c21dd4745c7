"""The same questions and the same attacks, on PostgreSQL: in its own dialect, and in SQLite's over the same rows.

The company of `house.py` is copied into two databases: the whole of it, and what the asker may see.
"""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, NullPool, create_engine, literal, make_url, select

import daeri.records.store_postgres  # noqa: F401 - it registers the dialect
from daeri.errors import DaeriError, NotReady, ValidationFailed
from daeri.records.guarded import Failed, Limits, _writer, folded
from daeri.records.guarded_postgres import ASKING, columns_of_postgres, granting, lacking, named, run_postgres
from daeri.tools.query import Permitted, Reader, rewrite
from databases import address, forget, only_postgres
from tools.analytic import IN_POSTGRES, QUESTIONS
from tools.analytic_postgres import MORE
from tools.hostile import HEAVY, HOSTILE
from tools.hostile_postgres import OWN
from tools.house import CLOSED, OPEN
from tools.postgres_house import PATIENCE, answered, carry, here, plain, raw

pytestmark = only_postgres("it is about PostgreSQL; SQLite has the same in its own files")

Connection = psycopg.Connection[Any]
SHORT = Limits(rows=200, seconds=0.5)
TYPICAL = [*QUESTIONS, *(sql for sql, _ in IN_POSTGRES), *MORE]
LOWER = 0.6
"""Of the questions, this part at least must be PostgreSQL's own SQL too, or the comparison shows little."""


@pytest.fixture(scope="session")
def databases_of(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("in-postgres")
    urls = []
    for file, name in zip(files, ("whole", "part"), strict=True):
        urls.append(address(folder / name))
        carry(file, urls[-1])
    yield urls[0], urls[1]
    for name in ("whole", "part"):
        forget(folder / name)


@pytest.fixture
def whole_pg(databases_of: tuple[str, str]) -> Iterator[Connection]:
    with psycopg.connect(plain(databases_of[0]), autocommit=True, options=PATIENCE) as connection:
        yield connection


@pytest.fixture
def part_pg(databases_of: tuple[str, str]) -> Iterator[Connection]:
    with psycopg.connect(plain(databases_of[1]), autocommit=True, options=PATIENCE) as connection:
        yield connection


def guarded(connection: Connection, sql: str, dialect: Any = "postgres", limits: Limits = SHORT) -> Any:
    """Answer as the tool does: rewritten, behind the walls."""
    relations = {}
    for name, one in here(CLOSED).items():
        schema, order = columns_of_postgres(connection, name)
        relations[folded(name)] = one.relation(name, order, schema, named)
    rewritten = Reader().rewrite(sql, dialect, relations, "postgres")
    try:
        return run_postgres(connection, rewritten.sql, limits)
    except Failed as failure:
        if failure.why == "time" or rewritten.sifted is None:
            raise
        return run_postgres(connection, rewritten.sifted, limits)


def is_postgres(connection: Connection, sql: str) -> bool:
    try:
        raw(connection, sql)
    except psycopg.Error:
        return False
    return True


def outcome(ask: Any) -> str:
    """What it answers, or that it fails."""
    try:
        return repr(sorted(map(repr, ask())))
    except (DaeriError, Failed, psycopg.Error) as error:
        return "failed, of a hidden row" if re.search(r"CANARY\d", str(error)) else "failed"


def is_settled(sql: str) -> bool:
    """Whether the same statement gives the same rows twice: not random, and no LIMIT over rows in no order."""
    return "random" not in sql and ("LIMIT" not in sql or "ORDER BY" in sql or "RECURSIVE" in sql)


def engine_at(url: str) -> Engine:
    """The engine that Daeri itself would use."""
    return create_engine(make_url(url).set(drivername="postgresql+daeri"), poolclass=NullPool)


def unordered(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(map(repr, rows))


def test_enough_of_the_questions_are_postgres_too(whole_pg: Connection) -> None:
    both = [sql for sql in QUESTIONS if is_postgres(whole_pg, sql)]
    own = [sql for sql, _ in IN_POSTGRES if is_postgres(whole_pg, sql)]
    assert len(both) >= LOWER * len(QUESTIONS)
    assert [sql for sql in MORE if not is_postgres(whole_pg, sql)] == []
    assert len({*both, *own, *MORE}) >= 220


@pytest.mark.parametrize("sql", TYPICAL)
def test_an_answer_is_that_of_the_raw_database_or_of_a_filtered_copy(
    sql: str, whole_pg: Connection, part_pg: Connection
) -> None:
    if sql not in MORE and not (is_postgres(whole_pg, sql) and is_settled(sql)):
        return
    assert unordered(answered(whole_pg, sql, OPEN)) == unordered(raw(whole_pg, sql))
    found, expected = answered(whole_pg, sql, CLOSED), raw(part_pg, sql)
    assert unordered(found) == unordered(expected)
    assert "ORDER BY" not in sql or "OVER" in sql or found == expected
    assert "CANARY" not in repr(found)


def normal(rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows without their order, whole numbers and fractions alike."""
    return unordered([tuple(round(float(v), 6) if isinstance(v, int | float) else v for v in row) for row in rows])


def test_a_question_in_sqlites_dialect_means_here_what_it_means_there(
    whole_pg: Connection, whole: sqlite3.Connection
) -> None:
    """All but those that the translation or PostgreSQL refuses; one minds that a column of SQLite's minds no case."""
    relations = {}
    for name, one in OPEN.items():
        relations[folded(name)] = one.relation(name, columns_of_postgres(whole_pg, name)[1], "public", named)
    refused = []
    for sql in QUESTIONS:
        if not is_settled(sql) or sql.endswith("'KIM'"):
            continue
        try:
            rewritten = Reader().rewrite(sql, "sqlite", relations, "postgres")
            found = run_postgres(whole_pg, rewritten.sql, Limits(rows=5_000))
        except (DaeriError, Failed):
            refused.append(sql)
        else:
            assert normal(found.rows) == normal(whole.execute(sql).fetchall()), sql
    assert len(refused) < 0.15 * len(QUESTIONS), refused


@pytest.mark.parametrize("sql", HOSTILE)
@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_a_hostile_statement_is_refused_or_harmless(sql: str, dialect: str, whole_pg: Connection) -> None:
    before = raw(whole_pg, "SELECT count(*), sum(salary) FROM employee")
    for way in (guarded, lambda connection, text, kind: raw(connection, rewrite(connection, text, here(CLOSED), kind))):
        try:
            seen = repr(way(whole_pg, sql, dialect))
        except (DaeriError, Failed, psycopg.Error, UnicodeError) as error:
            seen = str(error)
            assert "CANARY" not in seen or "CANARY" in sql
            assert "payroll" not in seen or "payroll" in sql
        else:
            assert "CANARY" not in seen or "$$" in sql
    assert raw(whole_pg, "SELECT count(*), sum(salary) FROM employee") == before


def test_there_are_enough_statements_hostile_to_postgres() -> None:
    assert len(set(OWN)) >= 180


@pytest.mark.parametrize("sql", OWN)
def test_a_statement_hostile_to_postgres_is_refused_or_harmless(sql: str, whole_pg: Connection) -> None:
    before = raw(whole_pg, "SELECT count(*), sum(salary) FROM employee")
    for way in (guarded, lambda connection, text: answered(connection, text, CLOSED)):
        try:
            seen = repr(way(whole_pg, sql))
        except (DaeriError, Failed, psycopg.Error, UnicodeError) as error:
            seen = str(error)
        assert "CANARY" not in seen or "CANARY" in sql
        assert "root:" not in seen
        assert "postgres" not in seen or "postgres" in sql
    assert raw(whole_pg, "SELECT count(*), sum(salary) FROM employee") == before
    assert raw(whole_pg, "SELECT count(*) FROM payroll") == [(60,)]
    assert whole_pg.info.transaction_status.name == "IDLE"


@pytest.mark.parametrize("sql", [*HEAVY, "SELECT count(*) FROM generate_series(1, 1000000000)"])
def test_a_heavy_statement_ends_soon(sql: str, whole_pg: Connection) -> None:
    for dialect in ("postgres", "sqlite"):
        started = time.monotonic()
        with contextlib.suppress(DaeriError, Failed):
            guarded(whole_pg, sql, dialect)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "probe",
    [
        "1 / (id - {hidden}) > 0",
        "CAST(name AS integer) > 0",
        "id * 9223372036854775807 > 0",
        "sqrt(id - 1000) > 0",
        "ln(id - {hidden}) > 0",
        "CAST(name AS date) > hired_on",
        "substr(name, 1, CAST(id - {hidden} AS integer)) > ''",
        "1 / (CASE WHEN name LIKE 'CANARY%' THEN 0 ELSE 1 END) > 0",
        "name LIKE name || chr(92)",
        "1 / (extract(year FROM now())::int * 0) > 0",
        "(SELECT 1 / (d.id - employee.id + {hidden} - 1) FROM department d WHERE d.id = 1) > 0",
    ],
)
@pytest.mark.parametrize(
    "question",
    [
        "SELECT id FROM employee WHERE {probe}",
        "SELECT count(*) FROM employee WHERE name >= 'CANARY' AND {probe}",
        "SELECT id FROM employee WHERE name LIKE 'CANARY%' AND {probe}",
        "SELECT id FROM employee GROUP BY id, name, hired_on HAVING {probe}",
        "SELECT d.id FROM department d JOIN employee ON d.id = team_id AND {probe}",
        "SELECT d.id FROM department d LEFT JOIN (SELECT {probe} AS x, team_id t FROM employee) e ON t = d.id AND x",
        "WITH t AS (SELECT * FROM employee WHERE {probe}) SELECT count(*) FROM t",
        "SELECT (SELECT max(id) FROM employee WHERE {probe})",
        "SELECT CASE WHEN {probe} THEN 1 END FROM employee WHERE team_id = 1",
        "SELECT max(CASE WHEN {probe} THEN 1 END) FROM employee GROUP BY name ORDER BY 1",
    ],
)
def test_a_hidden_row_has_no_say_in_how_a_statement_ends(
    probe: str, question: str, whole_pg: Connection, part_pg: Connection
) -> None:
    """It fails exactly where it fails on a copy without those rows: an error is an answer too."""
    ((hidden,),) = raw(whole_pg, "SELECT min(id) FROM employee WHERE team_id = 3")
    sql = question.replace("{probe}", probe.replace("{hidden}", str(hidden)))
    expected = outcome(lambda: raw(part_pg, sql))
    assert outcome(lambda: answered(whole_pg, sql, CLOSED)) == expected
    assert outcome(lambda: guarded(whole_pg, sql).columns[:0]) == ("failed" if expected == "failed" else "[]")


@pytest.mark.parametrize(
    "question",
    [
        "SELECT 번호 FROM 매출 WHERE {probe}",
        "SELECT count(*) FROM 매출 WHERE 거래처 LIKE 'CANARY%' AND {probe}",
        "SELECT sum(금액) FROM 매출 GROUP BY 번호 HAVING {probe}",
        "SELECT 번호 FROM 매출 JOIN department d ON {probe} AND d.id = 1",
        "SELECT 번호 FROM (SELECT 번호, {probe} AS x FROM 매출) s WHERE x",
        "WITH t AS (SELECT * FROM 매출 WHERE {probe}) SELECT count(*) FROM t",
    ],
)
@pytest.mark.parametrize(
    "probe",
    [
        "1 / (번호 - {hidden}) > -1",
        "CAST(거래처 AS text)::int > 0",
        "1 / (번호 - {hidden} + 0 * length(now()::text)) > -1",
    ],
)
def test_a_row_hidden_by_what_another_table_says_has_no_say_either(
    probe: str, question: str, whole_pg: Connection, part_pg: Connection
) -> None:
    """PostgreSQL would decide such a rule last, after all that the asker wrote."""
    ((hidden,),) = raw(whole_pg, "SELECT min(번호) FROM 매출 WHERE 거래처 LIKE 'CANARY%'")
    sql = question.replace("{probe}", probe.replace("{hidden}", str(hidden)))
    expected = outcome(lambda: raw(part_pg, sql))
    assert outcome(lambda: answered(whole_pg, sql, CLOSED)) == expected
    assert outcome(lambda: guarded(whole_pg, sql).columns[:0]) == ("failed" if expected == "failed" else "[]")


@pytest.mark.parametrize(
    "long",
    [
        "(SELECT count(*) FROM 매출 a, 매출 b, 매출 c WHERE a.번호 > 매출.번호 - 1000) > 0",
        "EXISTS (SELECT 1 FROM 매출 a, 매출 b, 매출 c WHERE a.금액 + b.금액 + c.금액 = 매출.번호 + 1)",
        "CASE WHEN 번호 > 0 THEN (SELECT count(*) FROM 매출 a, 매출 b, 매출 c, 매출 d) > 0 END",
        "CASE WHEN 번호 > 0 THEN (SELECT n FROM (SELECT count(*) AS n FROM 매출 a, 매출 b, 매출 c, 매출 d) x) > 0 END",
        "CASE WHEN 번호 > 0 THEN (SELECT count(*) FROM generate_series(1, 1000000000)) > 0 END",
        "번호 < (WITH RECURSIVE c(n) AS (SELECT 매출.번호 UNION ALL SELECT n FROM c) SELECT count(*) FROM c)",
    ],
)
@pytest.mark.parametrize("condition", ["거래처 LIKE 'CANARY%'", "거래처 = 'CANARY상사'"])
def test_a_hidden_row_has_no_say_in_how_long_it_takes(condition: str, long: str, whole_pg: Connection) -> None:
    assert guarded(whole_pg, f"SELECT 번호 FROM 매출 WHERE {condition} AND {long}").rows == []
    assert guarded(whole_pg, f"SELECT 번호 FROM department d JOIN 매출 ON {condition} AND {long}").rows == []
    assert (
        guarded(whole_pg, f"SELECT 번호 FROM (SELECT 번호, {condition} AND {long} AS x FROM 매출) s WHERE x").rows == []
    )


def test_what_can_be_decided_on_every_row_alike_is_mixed_with_the_rule(whole_pg: Connection) -> None:
    """An index serves a question only where its conditions may be decided before the row rule."""
    calm = rewrite(whole_pg, "SELECT name FROM employee WHERE id = 3 AND name LIKE 'K%'", here(CLOSED))
    assert "OFFSET 0" not in calm
    assert "OFFSET 0" in rewrite(whole_pg, "SELECT name FROM employee WHERE 1 / id = 3", here(CLOSED))


def test_a_connection_is_left_as_it_was(whole_pg: Connection) -> None:
    settings = ("search_path", "statement_timeout", "transaction_read_only", "role", "work_mem")
    before = [raw(whole_pg, f"SHOW {name}") for name in settings]
    guarded(whole_pg, "SELECT 1")
    with pytest.raises(Failed):
        guarded(whole_pg, "SELECT id FROM employee WHERE 1 / (id - id) > 0")
    assert [raw(whole_pg, f"SHOW {name}") for name in settings] == before
    with whole_pg.transaction():
        guarded(whole_pg, "SELECT 1")
        assert [raw(whole_pg, f"SHOW {name}") for name in settings] == before
    assert whole_pg.info.transaction_status.name == "IDLE"


def test_what_changes_something_fails_behind_the_walls_without_the_check(whole_pg: Connection) -> None:
    whole_pg.execute(
        "CREATE OR REPLACE FUNCTION public.sly() RETURNS int LANGUAGE sql AS 'DELETE FROM payroll; SELECT 1'"
    )
    for sql in (
        "SELECT public.sly()",
        "SELECT sly()",
        "SELECT * FROM payroll",
        "SELECT nextval('x')",
        "DELETE FROM payroll",
    ):
        with pytest.raises(Failed):
            run_postgres(whole_pg, sql, SHORT)
    assert raw(whole_pg, "SELECT count(*) FROM payroll") == [(60,)]


def test_the_role_for_questions_reads_what_was_granted_and_does_nothing_else(
    whole_pg: Connection, databases_of: tuple[str, str]
) -> None:
    tables = [("public", name) for name in CLOSED]
    for statement in granting(tables[1:], "postgres").splitlines():
        whole_pg.execute(statement.encode())
    try:
        with pytest.raises(NotReady, match="lacks a grant"):
            guarded(whole_pg, "SELECT count(*) FROM department")
        with engine_at(databases_of[0]).connect() as connection:
            missing = lacking(connection, [(None, name) for name in CLOSED])
            assert missing.splitlines()[-1] == 'GRANT SELECT ON "public"."department" TO daeri_asking;'
            assert "CREATE ROLE" not in missing
            whole_pg.execute(missing.encode())
            assert lacking(connection, tables) == ""
        assert guarded(whole_pg, "SELECT count(*) FROM employee").rows[0][0] > 0
        for sql in (
            "SELECT * FROM public.payroll",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT rolpassword FROM pg_authid",
        ):
            with pytest.raises(NotReady, match="lacks a grant"):
                run_postgres(whole_pg, sql, SHORT)
        assert raw(whole_pg, "SELECT current_user") == [("postgres",)]
    finally:
        whole_pg.execute(f"DROP OWNED BY {ASKING}".encode())
        whole_pg.execute(f"DROP ROLE {ASKING}".encode())


def test_without_a_role_for_questions_the_deployer_is_told_how_to_make_it(
    databases_of: tuple[str, str],
) -> None:
    with engine_at(databases_of[0]).connect() as connection:
        assert lacking(connection, [(None, "employee")]) == granting([("public", "employee")], "postgres")


@pytest.mark.parametrize(
    "value", ["it's", "100%", "%(x)s %%", "a\\b\\'", ":name ::int", "김 '; DROP TABLE payroll; --"]
)
def test_a_value_in_a_rule_is_that_value(value: str, databases_of: tuple[str, str], whole_pg: Connection) -> None:
    writer, schema = _writer(engine_at(databases_of[0]).dialect)
    written = str(select(literal(value)).compile(dialect=writer, compile_kwargs={"literal_binds": True}))
    assert raw(whole_pg, written) == [(value,)]
    assert schema == "public"


def test_values_come_as_sqlite_gives_them(whole_pg: Connection) -> None:
    sql = (
        "SELECT 1::bigint, 1.5::float8, 12.50::numeric, 3::numeric, true, NULL, date '2026-01-02', 'x', "
        "timestamp '2026-01-02 03:04:05', '{\"a\": 1}'::json, ARRAY[1, 2], interval '1 day'"
    )
    assert guarded(whole_pg, sql).rows == [
        (1, 1.5, 12.5, 3, 1, None, "2026-01-02", "x", "2026-01-02 03:04:05", '{"a": 1}', "{1,2}", "1 day")
    ]


def test_an_answer_is_cut_at_the_limits_and_says_so(whole_pg: Connection) -> None:
    many = guarded(whole_pg, "SELECT n FROM generate_series(1, 1000) AS n")
    assert (len(many.rows), many.truncated) == (200, True)
    assert guarded(whole_pg, "SELECT n FROM generate_series(1, 200) AS n").truncated is False
    wide = guarded(whole_pg, "SELECT name, name FROM employee", limits=Limits(characters=100))
    assert wide.truncated is True
    assert 0 < len(wide.rows) < 20


def test_a_row_too_large_to_send_ends_the_statement(whole_pg: Connection) -> None:
    sql = "SELECT string_agg(a.거래처, ',') FROM 매출 a, 매출 b"
    with pytest.raises(Failed) as caught:
        guarded(whole_pg, sql, limits=Limits(characters=10_000))
    assert caught.value.why == "size"


def test_a_statement_without_an_end_is_ended(whole_pg: Connection) -> None:
    sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
    with pytest.raises(Failed) as caught:
        guarded(whole_pg, sql)
    assert caught.value.why == "time"


def test_rewrite_takes_an_engine_a_connection_and_a_drivers_connection(databases_of: tuple[str, str]) -> None:
    engine = create_engine(databases_of[0])
    tables = {"department": Permitted(["id"], ["name"], "id < 3")}
    sql = "SELECT * FROM department ORDER BY id"
    for_engine = rewrite(engine, sql, tables)
    with engine.connect() as connection:
        for statement in (for_engine, rewrite(connection, sql, tables)):
            assert connection.exec_driver_sql(statement).all() == [(1, None), (2, None)]
    engine.dispose()
    with psycopg.connect(plain(databases_of[0])) as driver:
        assert raw(driver, rewrite(driver, "SELECT count(*) FROM department", tables)) == [(2,)]


def test_no_name_that_the_asker_wrote_stands_where_postgres_looks_for_a_table(whole_pg: Connection) -> None:
    sql = "WITH t AS (SELECT id FROM employee) SELECT t.id FROM t, employee e, department"
    written = rewrite(whole_pg, sql, here(OPEN))
    for name in ("FROM t", "FROM employee", ", employee", ", department"):
        assert name not in written


@pytest.mark.parametrize(
    ("sql", "ko", "en"),
    [
        ("SELECT nmae FROM employee", "혹시 'name'인가요?", "Did you mean 'name'?"),
        ("SELECT e.nmae FROM employee e", "혹시 'name'인가요?", "Did you mean 'name'?"),
        ("SELECT * FROM employe", "혹시 'employee'인가요?", "Did you mean 'employee'?"),
        ('SELECT id FROM employee WHERE rank = "대리"', "'작은따옴표'로 감싸 주세요", "put it in 'single quotes'"),
        ("DELETE FROM employee", "SELECT 문만 쓸 수 있어요", "Only a SELECT"),
        ("SELECT * FROM public.employee", "테이블 이름만 써 주세요", "without a schema"),
        ("SELECT factorial(id) FROM employee", "PostgreSQL의 집계", "No function factorial()"),
        ("SELECT pg_sleep(1)", "pg_sleep() 함수는", "No function pg_sleep()"),
        ("SELECT current_user", "함수는 쓸 수 없어요", "No function current_user()"),
        ("SELECT id FROM employee ORDER BY regclass", "보이는 테이블과 함수만", "'regclass' is not available"),
        ("SELECT 'x'::inet", "inet 형으로는 바꿀 수 없어요", "Nothing can be cast to inet"),
    ],
)
def test_a_refusal_says_what_to_change(sql: str, ko: str, en: str, whole_pg: Connection) -> None:
    with pytest.raises(ValidationFailed) as caught:
        answered(whole_pg, sql, CLOSED)
    assert ko in caught.value.detail.ko
    assert en in caught.value.detail.en
