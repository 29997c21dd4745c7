"""Do operations, references, figures, explanations and SQL treat adopted records like the company's own?"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel
from sqlalchemy import ColumnElement, func, true

from adopt.adopt_house import Serving, serving_copy
from daeri.errors import DeclarationError
from daeri.operations import Agent, Catalog, Company, Ref, anyone, having
from daeri.records import Actor, Records, mine
from daeri.records.guarded import Failed, Limits, Walls, run
from daeri.tools.query import query_catalog
from daeri.wording import Text

pytestmark = pytest.mark.anyio


class Told(BaseModel):
    """What an operation found."""

    values: list[Any]


def company_of(module: ModuleType) -> Company:
    """A company with operations over what it adopted."""
    staff, days, sold = module.사원, module.근태, module.판매_내역
    catalog = Catalog("hr", Text("인사", "HR"))

    @catalog.rows(staff)
    def own_and_hr(actor: Actor) -> ColumnElement[bool]:
        """본인 것, 인사 담당은 모두 (your own; HR sees all)."""
        return true() if actor.has("hr") else mine(staff.사번, actor)

    @catalog.rows(module.부서)
    @catalog.rows(module.매출)
    @catalog.rows(days)
    @catalog.rows(sold)
    def everyone(actor: Actor) -> ColumnElement[bool]:
        """모두 (everyone)."""
        del actor
        return true()

    @catalog.changes(days)
    def by_hr(actor: Actor) -> ColumnElement[bool]:
        """인사 담당 (HR)."""
        return true() if actor.has("hr") else mine(days.사번, actor)

    @catalog.read(label=Text("근태", "days"), allow=anyone)
    async def days_of(records: Records, employee: Ref[staff]) -> Told:  # type: ignore[valid-type]
        """Which days somebody worked."""
        found = await records.get(staff, employee)
        rows = await records.find(days, days.사번 == found.사번)
        return Told(values=[row.id for row in rows])

    @catalog.read(label=Text("한 날", "one day"), allow=anyone)
    async def one_day(records: Records, day: Ref[days]) -> Told:  # type: ignore[valid-type]
        """What happened on one day of somebody."""
        row = await records.get(days, day)
        return Told(values=[row.구분, row.id, str(row.version)])

    @catalog.write(label=Text("고치기", "mend"), allow=having("hr"))
    async def mend(records: Records, day: Ref[days], kind: str) -> Told:  # type: ignore[valid-type]
        """Change what kind of day it was."""
        row = await records.change(await records.get(days, day), 구분=kind)
        return Told(values=[row.구분, row.id])

    @catalog.read(label=Text("합계", "sums"), allow=anyone)
    async def sums(records: Records) -> Told:
        """What was sold, by order."""
        rows = await records.group(sold.order, measures={"total": func.sum(sold.금액)}, order_by=("-total",))
        return Told(values=[[row.order, row.total] for row in rows] + [await records.count(sold)])

    return Company(
        name=Text("회사", "company"),
        catalogs=[*module.company().catalogs[:1], catalog, query_catalog()],
        agents=[Agent("assistant", Text("대리", "Deputy"))],
        roles={"hr": Text("인사 담당", "HR")},
    )


@pytest.fixture(scope="module")
def company(company_module: ModuleType) -> Company:
    return company_of(company_module)


@pytest.fixture
async def served(company: Company, erp: Path, tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving_copy(company, erp, tmp_path) as opened:
        yield opened


async def call(served: Serving, who: str, operation: str, **sent: Any) -> Any:
    return await served.call(who, "POST", f"/v1/ops/{operation}", json=sent)


async def test_a_reference_takes_a_text_key(served: Serving) -> None:
    told = await call(served, "hr", "hr.days_of", employee="E001")
    assert told.json()["result"]["values"] == ["E001~2026-11-02", "E001~2026-11-03"]
    assert (await call(served, "owner", "hr.days_of", employee="E001")).status_code == 200
    other, missing = [await call(served, "owner", "hr.days_of", employee=key) for key in ("E002", "E999")]
    assert other.status_code == missing.status_code == 422
    assert other.json()["detail"].replace("E002", "") == missing.json()["detail"].replace("E999", "")
    assert (await call(served, "hr", "hr.days_of", employee=1)).status_code == 422


async def test_a_reference_takes_an_id_of_several_columns(served: Serving) -> None:
    told = await call(served, "stranger", "hr.one_day", day="E001~2026-11-03")
    assert told.json()["result"]["values"][:2] == ["지각", "E001~2026-11-03"]
    source = told.json()["sources"][0]["records"]
    assert source == [{"type": "근태", "id": "E001~2026-11-03", "title": "근태 #E001~2026-11-03"}]
    listed = await served.get("stranger", "/v1/records/근태/E001~2026-11-03")
    assert told.json()["result"]["values"][2] == listed.json()["version"]


async def test_a_write_of_an_operation_is_noted_under_its_id(served: Serving) -> None:
    told = await call(served, "hr", "hr.mend", day="E002~2026-11-02", kind="휴가")
    assert told.json()["result"]["values"] == ["휴가", "E002~2026-11-02"]
    history = (await served.get("hr", "/v1/records/근태/E002~2026-11-02/history")).json()["data"]
    assert [(entry["operation"], [field["name"] for field in entry["fields"]]) for entry in history] == [
        ("hr.mend", ["구분"])
    ]
    assert (await call(served, "owner", "hr.mend", day="E002~2026-11-02", kind="휴가")).status_code == 403


async def test_figures_are_made_over_adopted_rows(served: Serving) -> None:
    told = await call(served, "stranger", "hr.sums")
    assert told.json()["result"]["values"] == [["o-1", 3500], ["o/2", 300], 3]


async def test_the_explanation_knows_rows_by_their_own_keys(served: Serving) -> None:
    asked = {"type": "사원", "id": "E001"}
    own = (await served.get("owner", "/v1/policies/explain", params=asked)).json()
    fields = {one["name"]: one["verdict"] for one in own["records"][0]["fields"]}
    assert own["records"][0]["id"] == "E001"
    assert own["records"][0]["rows"]["verdict"] == "allow"
    assert fields["부서코드"] == "visible"
    assert fields["주민번호"] == "hidden"
    other = await served.get("owner", "/v1/policies/explain", params={"type": "사원", "id": "E002"})
    assert other.status_code in (404, 422)


async def test_search_finds_rows_by_their_title(served: Serving) -> None:
    assert [row["id"] for row in await served.rows("owner", "부서", q="영업")] == ["D110"]
    assert [row["id"] for row in await served.rows("owner", "부서", q="ㅇㅅㅌ")] == ["D120"]
    assert [row["id"] for row in await served.rows("owner", "부서", id="D100")] == ["D100"]
    assert [row["id"] for row in await served.rows("owner", "부서", **{"id.in": "D120,D100,x~y"})] == ["D100", "D120"]


async def test_sql_sees_rows_fields_and_relations_within_the_rules(served: Serving) -> None:
    joined = """
        SELECT d."부서명", count(*) FROM "사원" e JOIN "부서" d ON d."부서코드" = e."부서코드" GROUP BY 1 ORDER BY 1
    """
    assert (await served.asked("hr", joined)).json()["result"]["rows"] == [["영업1팀", 2], ["인사팀", 1]]
    assert (await served.asked("owner", joined)).json()["result"]["rows"] == [["영업1팀", 1]]
    text = (await served.call("hr", "POST", "/v1/ops/query.schema", json={})).json()["result"]["text"]
    assert "= 부서.부서코드" in text
    assert "주민번호" not in text
    assert "기본급" not in text


@pytest.mark.parametrize(
    "sql",
    [
        'WITH "급여_현황" AS (SELECT "기본급" FROM main."사원") SELECT * FROM "급여_현황"',
        'SELECT * FROM "급여_현황"',
        'SELECT * FROM main."급여_현황"',
        'WITH "매출" AS (SELECT "기본급" FROM main."사원") SELECT * FROM "매출"',
        'WITH x AS (SELECT * FROM "매출"), "급여_현황" AS (SELECT "주민번호" FROM "사원") SELECT * FROM "급여_현황"',
        'SELECT (SELECT "기본급" FROM "사원") FROM "매출"',
    ],
)
async def test_a_view_opens_no_way_to_what_it_is_made_of(served: Serving, sql: str) -> None:
    answer = await served.asked("hr", sql)
    assert answer.status_code in (403, 422), answer.text


async def test_a_name_that_the_asker_gave_is_never_trusted_as_a_view(erp: Path) -> None:
    walls = Walls(frozenset(), frozenset(), frozenset({"매출"}), frozenset({"매출"}), frozenset({"급여_현황"}))
    with closing(sqlite3.connect(erp)) as connection, pytest.raises(Failed) as refused:
        run(connection, 'WITH "매출" AS (SELECT "기본급" FROM main."사원") SELECT * FROM "매출"', walls, Limits())
    assert refused.value.why == "forbidden"


async def test_a_view_can_be_asked_about_beside_tables(served: Serving) -> None:
    sql = 'SELECT s."금액", (SELECT count(*) FROM "판매/내역") FROM "매출" s ORDER BY 1'
    assert (await served.asked("stranger", sql)).json()["result"]["rows"] == [[300, 3], [3500, 3]]


async def test_rows_are_found_from_the_command_line_by_what_names_them(served: Serving) -> None:
    for path in ("근태/E001~2026-11-03", "판매_내역/o=2F2~1"):
        assert (await served.get("owner", f"/v1/records/{quote(path)}")).status_code == 200


def test_what_has_no_key_or_is_a_view_is_never_offered_for_writing(company_module: ModuleType) -> None:
    catalog = Catalog("x", Text("x", "x"))
    with pytest.raises(DeclarationError, match="no key"):
        catalog.records(company_module.Log, create=anyone)
    with pytest.raises(DeclarationError, match="is a view"):
        catalog.records(company_module.매출, update=anyone)
