"""Is a PostgreSQL database described, written down and served in place just like a SQLite file?"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import ColumnElement, create_engine, text, true

import databases
from adopt.adopt_house import heard, imported, look, serving, with_rules, written
from daeri.adopt.describe import Described
from daeri.operations import Catalog, having
from daeri.records import Actor, mine
from daeri.records.looking import Unreadable

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN won AS numeric(15, 0);
CREATE TABLE pg_dept (code varchar(10) PRIMARY KEY, dept_nm text NOT NULL);
CREATE TABLE pg_emp (
    emp_no varchar(10) PRIMARY KEY,
    emp_nm text NOT NULL,
    hp_no text,
    dept_code varchar(10) NOT NULL REFERENCES pg_dept,
    boss varchar(10) REFERENCES pg_emp,
    pay won,
    rate numeric(5, 2),
    points numeric(9, 0) NOT NULL DEFAULT 0,
    hired date,
    seen timestamptz,
    clocked timestamp,
    feeling mood,
    uid uuid NOT NULL DEFAULT gen_random_uuid(),
    tags text[],
    extra jsonb,
    photo bytea,
    office_hours time,
    at inet,
    full_label text GENERATED ALWAYS AS (emp_no || ' ' || dept_code) STORED
);
COMMENT ON TABLE pg_emp IS '사원 대장';
COMMENT ON COLUMN pg_emp.dept_code IS '소속 부서 (코드)';
CREATE TABLE pg_day (emp_no varchar(10) NOT NULL REFERENCES pg_emp, day date NOT NULL, hours numeric(4, 1),
    PRIMARY KEY (day, emp_no));
CREATE TABLE "Pg 사유" (id uuid PRIMARY KEY, emp_no varchar(10), day date, why text,
    FOREIGN KEY (day, emp_no) REFERENCES pg_day (day, emp_no));
CREATE TABLE pg_log (at timestamptz, said text);
CREATE TABLE pg_part (id int, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE pg_part_2026 PARTITION OF pg_part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW pg_contacts AS SELECT emp_no, hp_no AS number FROM pg_emp;
CREATE MATERIALIZED VIEW pg_pay AS SELECT dept_code, sum(pay) AS total FROM pg_emp GROUP BY dept_code;
CREATE SCHEMA other;
CREATE TABLE other.account (id bigint PRIMARY KEY, owner text);
"""
ROWS = """
INSERT INTO pg_dept VALUES ('D1', '영업1팀');
INSERT INTO pg_emp (emp_no, emp_nm, hp_no, dept_code, boss, pay, rate, hired, seen, clocked, feeling, tags, extra,
    photo, office_hours, at)
  VALUES ('E002', '박서연', '010-9999-0000', 'D1', NULL, 5400000, 1.5, '2015-01-02', now(), '2026-11-02 09:00', 'good',
    '{a,b}', '{"k": [1]}', '\\x01', '09:00', '10.0.0.1'),
  ('E001', '김하은', '010-1234-5678', 'D1', 'E002', 3200000, 2.25, '2020-03-02', NULL, NULL, 'bad', NULL, NULL, NULL,
    NULL, NULL);
INSERT INTO pg_day VALUES ('E001', '2026-11-02', 8.0), ('E001', '2026-11-03', 7.5), ('E002', '2026-11-02', 8.0);
INSERT INTO "Pg 사유" VALUES ('11111111-2222-3333-4444-555555555555', 'E001', '2026-11-03', '교통');
INSERT INTO pg_log VALUES (now(), '로그인'), (now(), '로그아웃');
INSERT INTO other.account VALUES (1, '회사');
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = databases._server()  # the one that the tests on PostgreSQL use, started where it is needed
    server.run("CREATE DATABASE adopted_erp")
    address = server.url("adopted_erp")
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text(SCHEMA))
        connection.exec_driver_sql(ROWS)
    engine.dispose()
    yield address
    server.run("DROP DATABASE adopted_erp WITH (FORCE)")


@pytest.fixture(scope="module")
def found(url: str) -> Described:
    return look(url)


@pytest.fixture(scope="module")
def module(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    yield imported(written(url, "pg_erp"), tmp_path_factory.mktemp("module"), "adopted_postgres")
    del sys.modules["adopted_postgres"]


def test_tables_keys_and_relations_are_found(found: Described) -> None:
    entries = {entry.kind: entry for entry in found.entries}
    assert entries.keys() == {
        "pg_dept", "pg_emp", "pg_day", "Pg_사유", "pg_log", "pg_part", "pg_contacts", "pg_pay",
    }  # fmt: skip
    assert entries["pg_day"].key == ("day", "emp_no")
    assert [relation.table for relation in entries["Pg_사유"].relations] == ["pg_day"]
    assert {field.name: field.refers.table for field in entries["pg_emp"].fields if field.refers} == {
        "dept_code": "pg_dept",
        "boss": "pg_emp",
    }
    assert entries["pg_pay"].table.is_view
    assert entries["pg_log"].key == ()
    assert found.staff is entries["pg_emp"]


def test_odd_types_are_written_as_what_they_are(found: Described) -> None:
    staff = next(entry for entry in found.entries if entry.kind == "pg_emp")
    hints = {field.name: field.typed.hint for field in staff.fields}
    assert hints["pay"] == "Decimal"  # a domain does not tell its number of places
    assert hints["points"] == "int"
    assert hints["rate"] == "Decimal"
    assert hints["hired"] == "dt.date"
    assert hints["seen"] == hints["clocked"] == "dt.datetime"
    assert hints["feeling"] == hints["uid"] == hints["office_hours"] == hints["at"] == "str"
    assert hints["tags"] == "list[Any]"
    assert hints["extra"] == "Any"
    assert [column.name for column, _ in staff.left_out] == ["photo"]
    assert staff.label.ko == "사원 대장"
    label = next(field.label for field in staff.fields if field.name == "dept_code")
    assert label is not None
    assert label.ko == "소속 부서"


def test_personal_fields_are_guessed_through_views_too(found: Described) -> None:
    personal = {entry.kind: {field.name for field in entry.personal} for entry in found.entries}
    assert personal["pg_emp"] == {"emp_nm", "hp_no", "pay"}
    assert personal["pg_contacts"] == {"number"}
    assert personal["pg_pay"] == {"total"}


def test_it_is_looked_at_in_a_read_only_transaction_with_a_limit_on_every_row_read(url: str) -> None:
    with heard() as told:
        look(url)
    reads = [statement for statement in told.statements if "pg_emp" in statement and "FROM pg_emp" in statement]
    assert reads
    assert all("LIMIT" in statement for statement in reads)


def test_another_schema_stands_beside_daeris_own_tables(url: str) -> None:
    other = look(url, schema="other")
    assert [entry.kind for entry in other.entries] == ["account"]
    assert other.clashes == []
    source = written(url, "other", schema="other")
    assert '__table_args__ = ({"schema": "other"},)' in source


def test_a_clash_is_found_where_daeri_would_make_its_tables(url: str) -> None:
    clash = look(f"{url}&options=-csearch_path%3Dother")
    assert clash.clashes == ["account"]


def test_a_wrong_password_or_database_is_told(url: str) -> None:
    with pytest.raises(Unreadable) as told:
        look(url.replace("adopted_erp", "no_such"))
    assert told.value.trouble == "database"


async def test_it_is_served_in_place_within_the_rules(module: ModuleType, url: str, tmp_path: Path) -> None:
    staff, days = module.PgEmp, module.PgDay

    def declare(catalog: Catalog) -> None:
        @catalog.rows(staff)
        def own_and_hr(actor: Actor) -> ColumnElement[bool]:
            """본인 것, 인사 담당은 모두 (your own; HR sees all)."""
            return true() if actor.has("hr") else mine(staff.emp_no, actor)

        @catalog.rows(days)
        def own_days(actor: Actor) -> ColumnElement[bool]:
            """본인 것, 인사 담당은 모두 (your own; HR sees all)."""
            return true() if actor.has("hr") else mine(days.emp_no, actor)

        catalog.changes(days)(own_days)
        catalog.records(days, update=having("hr"), create=having("hr"))

    async with serving(with_rules(module.company(), declare), url, tmp_path) as served:
        assert [row["id"] for row in await served.rows("owner", "pg_emp")] == ["E001"]
        assert [row["id"] for row in await served.rows("colleague", "pg_emp")] == ["E002"]
        assert await served.rows("stranger", "pg_emp") == []
        for kind in ("pg_dept", "pg_log", "pg_contacts", "pg_pay", "Pg_사유"):
            assert (await served.get("hr", f"/v1/records/{kind}")).status_code == 404
        row = (await served.get("hr", "/v1/records/pg_emp/E002")).json()
        assert row["feeling"] == "good"
        assert row["points"] == 0
        assert row["tags"] == ["a", "b"]
        assert row["extra"] == {"k": [1]}
        assert row["clocked"] == "2026-11-02T00:00:00.000Z"
        assert row["at"] == "10.0.0.1/32"
        assert row["_hidden"].keys() == {"emp_nm", "hp_no", "pay"}
        assert [one["id"] for one in await served.rows("hr", "pg_emp", feeling="bad")] == ["E001"]
        assert [one["id"] for one in await served.rows("hr", "pg_emp", uid=row["uid"])] == ["E002"]
        assert len(await served.rows("hr", "pg_day", limit=1)) == 3
        path = "/v1/records/pg_day/2026-11-02~E001"
        read = await served.get("hr", path)
        seen = {"If-Match": read.headers["etag"]}
        moved = await served.call("hr", "PATCH", path, json={"hours": "6.5"}, headers=seen)
        assert moved.status_code == 200, moved.text
        again = await served.call("hr", "PATCH", path, json={"hours": "1"}, headers=seen)
        assert again.status_code == 412
        sql = "SELECT emp_no, feeling, tags FROM pg_emp ORDER BY emp_no"
        for who, expected in (("owner", ["E001", "bad", None]), ("colleague", ["E002", "good", "{a,b}"])):
            told = await served.asked(who, sql)
            assert told.status_code == 200, told.text
            assert told.json()["result"]["rows"] == [expected]
        assert "테이블이 없어요" in (await served.asked("stranger", sql)).json()["detail"]
        joined = """
            SELECT e.emp_no, date_trunc('month', d.day)::date AS "달", sum(d.hours), count(*) FILTER (WHERE d.hours > 7)
            FROM pg_emp e JOIN pg_day d USING (emp_no) GROUP BY 1, 2 ORDER BY 1
        """
        assert (await served.asked("hr", joined)).json()["result"] == {
            "columns": ["emp_no", "달", "sum", "count"],
            "rows": [["E001", "2026-11-01", 14.0, 1], ["E002", "2026-11-01", 8.0, 1]],
            "truncated": False,
        }
        assert len((await served.asked("owner", joined)).json()["result"]["rows"]) == 1
        for sql in (
            "SELECT pay FROM pg_emp",
            "SELECT * FROM public.pg_emp",
            "SELECT count(*) FROM pg_contacts",
            "SELECT count(*) FROM account",
            "SELECT e.ctid FROM pg_emp e",
        ):
            told = await served.asked("hr", sql)
            assert told.status_code == 422, told.text
            assert "3200000" not in told.text
