"""Four people, every record, every route: nothing is read or written beyond right, whichever way one asks.

What each may see is written down here in SQL of its own, apart from the rules of the company.
"""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from daeri.gateway import Options
from daeri.records.store import Store
from daeri.sample import hanbit
from databases import address, forget
from gateway.gateway_house import House
from worlds import World, build

pytestmark = pytest.mark.anyio

OWNER, LEAD, STRANGER, HR = "김하은", "박서연", "김도현", "이지후"
TEAM = "(SELECT team_id FROM employee WHERE id = :me)"
UNDER = """WITH RECURSIVE unit(id) AS (
    SELECT id FROM department WHERE lead_id = :me UNION SELECT d.id FROM department d JOIN unit u ON d.parent_id = u.id
) SELECT id FROM employee WHERE team_id IN (SELECT id FROM unit)"""
OWN = f"employee_id = :me OR employee_id IN ({UNDER})"
NEAR = f"{OWN} OR employee_id IN (SELECT id FROM employee WHERE team_id = {TEAM})"
ABOVE = f"""WITH RECURSIVE unit(id) AS (
    SELECT {TEAM} UNION SELECT d.parent_id FROM department d JOIN unit u ON d.id = u.id WHERE d.parent_id IS NOT NULL
) SELECT id FROM unit"""
LED = """WITH RECURSIVE led(id) AS (
    SELECT id FROM department WHERE lead_id = :me UNION SELECT d.id FROM department d JOIN led u ON d.parent_id = u.id
) SELECT id FROM led"""
FILES = f"""level IN ('public', 'internal') OR owner_id = :me
    OR level = 'confidential' AND (department_id IN ({ABOVE}) OR department_id IN ({LED}))"""
EVERY, NO = "1 = 1", "1 = 0"
SEEN = {
    "department": dict.fromkeys((OWNER, LEAD, STRANGER, HR), EVERY),
    "employee": dict.fromkeys((OWNER, LEAD, STRANGER), "left_on IS NULL") | {HR: EVERY},
    "leave_account": dict.fromkeys((OWNER, LEAD, STRANGER), OWN) | {HR: EVERY},
    "leave_grant": dict.fromkeys((OWNER, LEAD, STRANGER), OWN) | {HR: EVERY},
    "leave": dict.fromkeys((OWNER, LEAD, STRANGER), NEAR) | {HR: EVERY},
    "expense": dict.fromkeys((OWNER, LEAD, STRANGER, HR), OWN),
    "purchase": dict.fromkeys((OWNER, LEAD, STRANGER, HR), OWN),
    "sales_order": dict.fromkeys((OWNER, LEAD), EVERY) | dict.fromkeys((STRANGER, HR), NO),
    "product": dict.fromkeys((OWNER, LEAD, STRANGER, HR), EVERY),
    "customer": dict.fromkeys((OWNER, LEAD), EVERY) | dict.fromkeys((STRANGER, HR), NO),
    "customer_price": dict.fromkeys((OWNER, LEAD), EVERY) | dict.fromkeys((STRANGER, HR), NO),
    "transfer": dict.fromkeys((OWNER, LEAD, STRANGER), "employee_id = :me") | {HR: EVERY},
    "security_exception": dict.fromkeys((OWNER, LEAD, STRANGER, HR), OWN),
    "company_file": dict.fromkeys((OWNER, LEAD, STRANGER, HR), FILES),
    "file_grant": dict.fromkeys((OWNER, LEAD, STRANGER), NO) | {HR: EVERY},
    "own_file": dict.fromkeys((OWNER, LEAD, STRANGER, HR), "owner_id = :me"),
    "memory": dict.fromkeys((OWNER, LEAD, STRANGER, HR), "person_id = :me"),
    "schedule": dict.fromkeys((OWNER, LEAD, STRANGER, HR), "person_id = :me"),
}
CASES = [(who, kind) for kind in SEEN for who in (OWNER, LEAD, STRANGER, HR)]
KEPT = {(HR, "file_grant")}
"""Who may write what by these routes."""


@pytest.fixture(scope="module")
def filled(built: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("principals") / "daeri.db"
    shutil.copy(built[0], path)
    return path


@pytest.fixture
async def world(filled: Path, tmp_path: Path) -> AsyncIterator[World]:
    shutil.copy(filled, tmp_path / "daeri.db")
    store = Store(address(tmp_path / "daeri.db"))
    world = build(store, hanbit(), tmp_path)
    await _some_files(world)
    await _some_of_ones_own(world)
    yield world
    await store.close()
    forget(tmp_path / "daeri.db")


async def _some_files(world: World) -> None:
    """A file of each level for each of two departments, and a grant."""
    people = await world.sql("SELECT id, team_id, name FROM employee WHERE name IN ('김하은', '김도현')")
    columns = "version, edition, is_current, status, format, size, passages, problems, digest, added_at, folder"
    values = "1, 1, true, 'ready', 'md', 1, 0, '[]', '', '2026-11-21 00:00:00', ''"
    for person in people:
        for level in ("public", "internal", "confidential", "secret"):
            await world.sql(
                f"INSERT INTO company_file (name, level, owner_id, department_id, {columns}) "
                f"VALUES (:name, :level, :owner, :team, {values})",
                name=f"{level}-{person['id']}.md",
                level=level,
                owner=person["id"],
                team=person["team_id"],
            )
    await world.sql("INSERT INTO file_grant (version, folder, level, role) VALUES (1, 'x', 'secret', 'nobody')")


async def _some_of_ones_own(world: World) -> None:
    """A file, a memory and a recurring request for each of two people."""
    at = "'2026-11-21 00:00:00'"
    for person in await world.sql("SELECT id FROM employee WHERE name IN ('김하은', '김도현')"):
        await world.sql(
            "INSERT INTO own_file (version, owner_id, name, folded, size, kept, digest, earlier, classes, written_by, "
            f"written_at) VALUES (1, :me, 'a.csv', 'a.csv', 1, 1, '', '[]', '[]', '', {at})",
            me=person["id"],
        )
        await world.sql(
            f"INSERT INTO memory (version, person_id, text, classes, changed_at) VALUES (1, :me, '커피', '[]', {at})",
            me=person["id"],
        )
        await world.sql(
            "INSERT INTO schedule (version, person_id, agent, request, cron, lang, scopes, missed, classes) "
            "VALUES (1, :me, 'assistant', '매출 알려줘', '0 9 * * 1', 'ko', '[]', 0, '[]')",
            me=person["id"],
        )


async def house_of(world: World, who: str) -> tuple[House, int]:
    (person,) = await world.sql("SELECT id FROM employee WHERE name = :name AND rank <> '임원'", name=who)
    await world.identity.add_account("someone", person["id"], demo=True)
    key = (await world.identity.add_key(person["id"], "someone", decides=True)).secret
    return House(world, {"someone": key}, Options()), person["id"]


def routes(kind: str) -> list[tuple[str, str, Any]]:
    one = f"/v1/records/{kind}/{{key}}"
    return [
        ("GET", one, None),
        ("GET", f"{one}?fields=id", None),
        ("GET", f"{one}/history", None),
        ("PATCH", one, {"version": 2}),
        ("PATCH", one, {"nothing": 1}),
        ("PUT", one, {"id": 1}),
        ("DELETE", one, None),
        ("GET", f"/v1/records/{kind}?id={{key}}", None),
        ("GET", f"/v1/records/{kind}?id.in={{key}}&count=exact&sort=-id", None),
        ("GET", f"/v1/records/{kind}/export?format=csv&id={{key}}", None),
        ("POST", f"/v1/ops/{kind}.update", {"id": "{key}"}),
        ("POST", f"/v1/ops/{kind}.update?dry_run=true", {"id": "{key}"}),
        ("POST", f"/v1/ops/{kind}.delete", {"id": "{key}"}),
        ("GET", f"/v1/policies/explain?type={kind}&id={{key}}", None),
    ]


def told(response: Any, key: int) -> tuple[int, set[str]]:
    """What an answer says; as it is, and with the id that was asked for taken out where it repeats it."""
    text = re.sub(r'"request_id":"[^"]*"|req_\w+|\d{4}-\d\d-\d\dT[\d:.]+Z', "", response.text)
    return response.status_code, {text, re.sub(rf"(?<![\w-]){key}(?![\w-])", "#", text)}


async def dump(world: World) -> dict[str, list[Any]]:
    def whole(connection: Connection) -> dict[str, list[Any]]:
        return {kind: connection.exec_driver_sql(f'SELECT * FROM "{kind}" ORDER BY id').all() for kind in SEEN}

    return await world.store.read(whole)


@pytest.mark.parametrize(("who", "kind"), CASES)
async def test_a_list_holds_exactly_what_one_may_see(world: World, who: str, kind: str) -> None:
    house, me = await house_of(world, who)
    rows = await world.sql(f'SELECT id FROM "{kind}" WHERE ({SEEN[kind][who]}) AND :me = :me ORDER BY id', me=me)
    expected = [row["id"] for row in rows]
    found: list[int] = []
    path: str | None = f"/v1/records/{kind}?limit=200&sort=id&fields=id"
    while path is not None:
        answer = (await house.get("someone", path)).json()
        found += [row["id"] for row in answer["data"]]
        cursor = answer["next_cursor"] if len(found) < 1_000 else None
        path = f"/v1/records/{kind}?limit=200&sort=id&fields=id&cursor={cursor}" if cursor else None
    assert found == expected[: len(found)]
    assert len(found) == len(expected) or len(found) >= 1_000
    counted = (await house.get("someone", f"/v1/records/{kind}?limit=1&count=exact")).json()
    assert counted["count"] == len(expected)


@pytest.mark.parametrize(("who", "kind"), CASES)
async def test_no_route_tells_a_hidden_row_from_a_missing_one_or_writes(world: World, who: str, kind: str) -> None:
    house, me = await house_of(world, who)
    rows = await world.sql(f'SELECT id FROM "{kind}" WHERE NOT ({SEEN[kind][who]}) AND :me = :me ORDER BY id', me=me)
    hidden = [row["id"] for row in rows][:2] + [row["id"] for row in rows][-1:]
    visible = await world.sql(f'SELECT id FROM "{kind}" WHERE ({SEEN[kind][who]}) AND :me = :me LIMIT 1', me=me)
    before = await dump(world)
    for method, path, body in routes(kind):
        answers = {}
        for key in {*hidden, *(row["id"] for row in visible), 99_999_999}:
            sent = json.loads(json.dumps(body).replace('"{key}"', str(key)))
            response = await house.call("someone", method, path.format(key=key), json=sent)
            assert response.status_code < 500, (method, path, response.text)
            answers[key] = told(response, key)
        for key in hidden:
            (status, said), (absent, missing) = answers[key], answers[99_999_999]
            assert status == absent, (method, path)
            assert said & missing, (method, path)
    after = await dump(world)
    assert {each for each in SEEN if after[each] != before[each]} == ({kind} if (who, kind) in KEPT else set())


def test_every_record_of_the_company_is_tried() -> None:
    assert set(hanbit().records) == set(SEEN)
