"""Is an adopted database served in place, closed until a rule is written, and then within the rules?"""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import ColumnElement, true

from adopt import nasty
from adopt.adopt_house import serving_copy, with_rules
from daeri.errors import NotReady
from daeri.operations import Catalog, Company, having
from daeri.records import Actor, mine
from daeri.records.record import Adopted
from gateway.mcp_client import raw

pytestmark = pytest.mark.anyio


def records_of(module: Any) -> dict[str, Any]:
    found = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Adopted))
    return {one.__tablename__: one for one in found if one is not Adopted}


def opened(module: Any, *kinds: str) -> Company:
    """Everybody sees every row of these kinds."""

    def declare(catalog: Catalog) -> None:
        def everyone(actor: Actor) -> ColumnElement[bool]:
            """모두 (everyone)."""
            del actor
            return true()

        for kind in kinds:
            catalog.rows(records_of(module)[kind])(everyone)

    return with_rules(module.company(), declare)


def staffed(module: Any, *, writes: bool = False) -> Company:
    """The rule that the written module shows as its example, taken out of its comment."""
    staff, worked = records_of(module)["사원"], records_of(module)["근태"]

    def declare(catalog: Catalog) -> None:
        @catalog.rows(staff)
        def own_and_hr(actor: Actor) -> ColumnElement[bool]:
            """본인 것, 인사 담당은 모두 (your own; HR sees all)."""
            return true() if actor.has("hr") else mine(staff.사번, actor)

        @catalog.rows(worked)
        def own_days(actor: Actor) -> ColumnElement[bool]:
            """본인 것, 인사 담당은 모두 (your own; HR sees all)."""
            return true() if actor.has("hr") else mine(worked.사번, actor)

        if writes:
            catalog.changes(staff)(own_and_hr)
            catalog.changes(worked)(own_days)
            catalog.records(staff, update=having("hr"), create=having("hr"), delete=having("hr"))
            catalog.records(worked, update=having("hr"), create=having("hr"))

    return with_rules(module.company(), declare)


def tables_of(file: Path) -> str:
    """Return a digest of the company's own tables: their definitions and every row."""
    with closing(sqlite3.connect(file)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            if f'CREATE TABLE "{name}"' in nasty.SCHEMA or f"CREATE TABLE {name} " in nasty.SCHEMA
        ]
        assert len(names) == 13
        told = [
            connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone() for name in names
        ]
        told += [connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names]
    return hashlib.sha256(repr(told).encode()).hexdigest()


async def test_nothing_is_open_until_a_rule_is_written(company_module: ModuleType, erp: Path, tmp_path: Path) -> None:
    records = records_of(company_module)
    assert len(records) == 16
    async with serving_copy(company_module.company(), erp, tmp_path) as served:
        for who in ("owner", "hr"):
            types = (await served.get(who, "/v1/records")).json()["data"]
            assert {one["type"] for one in types} == {"daeri_person", "daeri_team"}
            for kind, record in records.items():
                for path in (kind, f"{kind}/1", f"{kind}/E001", f"{kind}/export", f"{kind}/1/history"):
                    answer = await served.get(who, f"/v1/records/{quote(path)}")
                    assert answer.status_code == 404, (path, answer.text)
                for method in ("PATCH", "DELETE"):
                    answer = await served.call(who, method, f"/v1/records/{quote(kind)}/1", json={})
                    assert answer.status_code == 404, (kind, method)
                answer = await served.asked(who, f'SELECT count(*) FROM "{record.__table__.name}"')
                assert answer.status_code == 422, answer.text
                assert "테이블이 없어요" in answer.json()["detail"]
        schema = (await served.call("hr", "POST", "/v1/ops/query.schema", json={})).json()["result"]["text"]
        assert {line.split()[1] for line in schema.splitlines() if line.startswith("TABLE")} == {
            "daeri_person",
            "daeri_team",
        }


async def test_the_companys_tables_stay_as_they_were(company_module: ModuleType, erp: Path, tmp_path: Path) -> None:
    before = tables_of(erp)
    async with serving_copy(opened(company_module, "사원", "order"), erp, tmp_path) as served:
        assert len(await served.rows("owner", "order")) == 3
        with closing(sqlite3.connect(tmp_path / "erp.db")) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert {"audit", "account", "daeri_version", "daeri_person"} <= names
    assert tables_of(tmp_path / "erp.db") == before


async def test_one_rule_opens_to_the_owner_not_to_colleague_or_stranger(
    company_module: ModuleType, erp: Path, tmp_path: Path
) -> None:
    async with serving_copy(staffed(company_module), erp, tmp_path) as served:
        assert [row["id"] for row in await served.rows("owner", "사원")] == ["E001"]
        assert [row["id"] for row in await served.rows("colleague", "사원")] == ["E002"]
        assert await served.rows("stranger", "사원") == []
        assert [row["id"] for row in await served.rows("hr", "사원")] == ["E=2F3=7E", "E001", "E002"]
        own = (await served.get("owner", "/v1/records/사원/E001")).json()
        assert own["부서코드"] == "D110"
        assert {"성명", "주민번호", "휴대폰", "EMAIL_ADDR", "기본급", "비고"} == own["_hidden"].keys()
        other, missing = [await served.get("owner", f"/v1/records/사원/{key}") for key in ("E002", "E999")]
        assert other.status_code == missing.status_code == 404
        assert other.json()["detail"] == missing.json()["detail"]
        assert (await served.get("stranger", "/v1/records/사원/E001")).status_code == 404
        asked = await served.asked("owner", 'SELECT "사번" FROM "사원"')
        assert asked.json()["result"]["rows"] == [["E001"]]
        hidden = await served.asked("hr", 'SELECT "주민번호" FROM "사원"')
        assert hidden.status_code == 422
        assert (await served.get("hr", "/v1/records/사원", params={"주민번호": "900101-2345678"})).status_code == 403
        assert (await served.get("hr", "/v1/records/사원", params={"sort": "기본급"})).status_code == 403


async def test_keys_of_text_and_of_several_columns_name_rows(
    company_module: ModuleType, erp: Path, tmp_path: Path
) -> None:
    company = opened(company_module, "order", "판매_내역", "근태", "근태_사유", "codes", "2024_매출", "거래처")
    async with serving_copy(company, erp, tmp_path) as served:
        for kind in ("order", "판매_내역", "근태", "근태_사유", "codes", "2024_매출", "거래처"):
            rows = await served.rows("stranger", kind)
            assert rows, kind
            for row in rows:
                one = await served.get("stranger", f"/v1/records/{quote(kind)}/{quote(str(row['id']), safe='')}")
                assert one.status_code == 200, one.text
                assert one.json() == row
                assert one.headers["etag"].startswith(f'"{row["version"]}-h')
                uri = f"daeri://records/{quote(kind)}/{quote(str(row['id']), safe='')}"
                told = await raw(served.http, served.keys["stranger"], "resources/read", {"uri": uri})
                assert json.loads(told["result"]["contents"][0]["text"]) == row
        assert [row["id"] for row in await served.rows("owner", "order")] == ["=65xport", "o-1", "o=2F2"]
        assert [row["id"] for row in await served.rows("owner", "판매_내역")] == ["o-1~1", "o-1~2", "o=2F2~1"]
        assert [row["id"] for row in await served.rows("owner", "근태")] == [
            "E001~2026-11-02",
            "E001~2026-11-03",
            "E002~2026-11-02",
        ]
        for wrong in ("o-1", "o-1~", "o-1~x", "o-1~1~1", "~", "o-1~01x", "o=2F2", "=", "=ZZ~1", "%00~1"):
            answer = await served.get("owner", f"/v1/records/{quote('판매_내역')}/{wrong}")
            assert answer.status_code == 404, (wrong, answer.text)


async def test_odd_names_and_values_are_served(company_module: ModuleType, erp: Path, tmp_path: Path) -> None:
    async with serving_copy(opened(company_module, "order", "everything", "2024_매출"), erp, tmp_path) as served:
        row = (await served.get("owner", "/v1/records/order/o-1")).json()
        assert row["class_"] == 1
        assert row["version_"] == "v2"
        assert row["private"] is None
        assert row["단가_원"] == "1000"
        assert row["total"] == 2
        assert row["date"] == "2026-01-01"
        assert row["created"].endswith("Z")
        found = await served.rows("owner", "order", **{"version_": "v1", "count.gte": "5"})
        assert [one["id"] for one in found] == ["o=2F2"]
        assert (await served.rows("owner", "order", sort="-count"))[0]["id"] == "=65xport"
        odd = await served.rows("owner", "everything")
        assert [one["a"] for one in odd] == [1, "x"]
        assert [one["c"] for one in odd] == ["Y", 1]
        assert len(await served.rows("owner", "everything", a="x")) == 1
        assert len(await served.rows("owner", "everything", a="1")) == 1
        assert (await served.rows("owner", "2024_매출"))[0]["n1월"] == 10


async def test_tables_and_views_without_a_key_are_listed_and_asked_about_only(
    company_module: ModuleType, erp: Path, tmp_path: Path
) -> None:
    async with serving_copy(opened(company_module, "log", "매출", "사원_연락처"), erp, tmp_path) as served:
        first = await served.get("owner", "/v1/records/log", params={"limit": 2})
        assert [row["id"] for row in first.json()["data"]] == [None, None]
        rows = await served.rows("owner", "log", limit=2)
        assert [row["내용"] for row in rows] == ["로그인", "로그인", "로그아웃"]
        ordered = await served.rows("owner", "log", limit=1, sort="-at")
        assert [row["at"] for row in ordered] == ["2026-11-03", "2026-11-02", "2026-11-02"]
        one = await served.get("owner", "/v1/records/log/1")
        assert one.status_code == 404
        assert "키가 없어서" in one.json()["detail"]
        assert {row["order"]: row["금액"] for row in await served.rows("owner", "매출")} == {"o-1": 3500, "o/2": 300}
        asked = await served.asked("owner", 'SELECT sum("금액") FROM "매출"')
        assert asked.json()["result"]["rows"] == [[3800]]
        assert {"성명", "hp"} <= (await served.rows("owner", "사원_연락처"))[0]["_hidden"].keys()
        export = await served.get("owner", "/v1/records/log/export")
        assert export.status_code == 200
        assert export.text.count("로그인") == 2


async def test_a_key_that_is_personal_names_no_row(company_module: ModuleType, erp: Path, tmp_path: Path) -> None:
    async with serving_copy(opened(company_module, "patients"), erp, tmp_path) as served:
        rows = await served.rows("owner", "patients")
        assert [row["id"] for row in rows] == [None, None]
        there = await served.get("owner", "/v1/records/patients/900101-2345678")
        gone = await served.get("owner", "/v1/records/patients/900101-2345679")
        assert there.status_code == gone.status_code == 403
        assert there.json()["detail"] == gone.json()["detail"]
        assert (await served.get("owner", "/v1/records/patients", params={"id": "900101-2345678"})).status_code == 403
        audited = await served.daeri.store.read(
            lambda connection: connection.exec_driver_sql("SELECT records, detail FROM audit").all()
        )
        assert "900101" not in repr(audited)


async def test_a_write_is_refused_where_the_row_was_changed_since(
    company_module: ModuleType, erp: Path, tmp_path: Path
) -> None:
    async with serving_copy(staffed(company_module, writes=True), erp, tmp_path) as served:
        path = "/v1/records/사원/E001"
        read = await served.get("hr", path)
        stale = {"If-Match": read.headers["etag"]}
        moved = await served.call("hr", "PATCH", path, json={"부서코드": "D120"}, headers=stale)
        assert moved.status_code == 200, moved.text
        assert moved.json()["부서코드"] == "D120"
        assert moved.headers["etag"] != read.headers["etag"]
        assert (await served.get("hr", path)).headers["etag"].startswith(moved.headers["etag"].rstrip('"'))
        again = await served.call("hr", "PATCH", path, json={"부서코드": "D110"}, headers=stale)
        assert again.status_code == 412
        assert (await served.call("owner", "PATCH", path, json={"부서코드": "D110"})).status_code == 403
        key = await served.call("hr", "PATCH", path, json={"사번": "E777"})
        assert key.status_code == 422
        assert (await served.call("hr", "DELETE", path, headers=stale)).status_code == 412
        history = (await served.get("hr", f"{path}/history")).json()["data"]
        assert [entry["act"] for entry in history] == ["change"]


async def test_rows_with_composite_keys_are_added_and_changed(
    company_module: ModuleType, erp: Path, tmp_path: Path
) -> None:
    async with serving_copy(staffed(company_module, writes=True), erp, tmp_path) as served:
        body = {"사번": "E002", "일자": "2026-11-09", "구분": "정상"}
        added = await served.call("hr", "POST", "/v1/records/근태", json=body)
        assert added.status_code == 201, added.text
        assert added.json()["id"] == "E002~2026-11-09"
        assert added.headers["location"].endswith("/E002~2026-11-09")
        changed = await served.call(
            "hr", "PATCH", added.headers["location"], json={"구분": "지각"}, headers={"If-Match": added.headers["etag"]}
        )
        assert changed.json()["구분"] == "지각"
        twice = await served.call("hr", "POST", "/v1/records/근태", json=body)
        assert twice.status_code == 409


async def test_the_screens_show_adopted_rows(company_module: ModuleType, erp: Path, tmp_path: Path) -> None:
    company = opened(company_module, "사원", "부서", "근태", "log", "판매_내역")
    async with serving_copy(company, erp, tmp_path) as served:
        await served.daeri.identity.add_account("owner", 1, password="correct horse")
        token, _ = await served.daeri.identity.sign_in("owner", "correct horse")
        served.http.cookies.set("daeri_session", token)
        for path in ("/records", "/records/사원", "/records/사원/E001", "/records/근태", "/records/log",
                     "/records/판매_내역/o=2F2~1", "/records/근태/E001~2026-11-02"):  # fmt: skip
            page = await served.http.get(path)
            assert page.status_code == 200, (path, page.text[:300])
        listed = (await served.http.get("/records/근태")).text
        assert "/records/사원/E001" in listed
        assert "/records/log/None" not in (await served.http.get("/records/log")).text


async def test_the_description_of_the_api_names_adopted_records(
    company_module: ModuleType, erp: Path, tmp_path: Path
) -> None:
    async with serving_copy(opened(company_module, "사원", "log", "판매_내역"), erp, tmp_path) as served:
        described = (await served.http.get("/openapi.json")).json()
    paths = described["paths"]
    assert quote("/v1/records/사원") in paths
    assert quote("/v1/records/판매_내역") + "/{key}" in paths
    assert "/v1/records/log" in paths
    assert "/v1/records/log/{key}" not in paths
    assert all(name.isascii() for name in described["components"]["schemas"])


async def test_a_table_that_is_gone_is_told_when_the_server_starts(company_module: ModuleType, tmp_path: Path) -> None:
    broken = nasty.build(tmp_path / "broken.db")
    with closing(sqlite3.connect(broken)) as connection:
        connection.executescript('DROP VIEW broken; ALTER TABLE "order" DROP COLUMN "copy"')
    with pytest.raises(NotReady, match="daeri adopt --diff"):
        async with serving_copy(opened(company_module, "order"), broken, tmp_path):
            pass
