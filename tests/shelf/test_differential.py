"""Does a secret show in any answer? Two databases that differ only in what one may not see answer alike.

And does a row that one may not see answer otherwise than one that is not there, by any route?
"""

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func

from daeri.operations.listing import OPERATORS, ListQuery
from gateway.gateway_house import Keys
from shelf.shelf_house import Card, cards, fill, opened, outcome, served
from worlds import COLLEAGUE, LEAD, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio
FIELDS = ("id", "name", "nick", "phone", "note", "grade", "city", "age", "employee_id")
VALUES = ("1", "5", "별2", "비밀2", "김", "ㄱㅎㅇ", "010", "2002", "0102", "서울", "", "9")


def swapped() -> list[dict]:
    """The cards with the secrets of everyone but the owner exchanged; what masks show stays."""
    rows = cards()
    others = [row for row in rows if row["id"] != OWNER]
    turned = others[1:] + others[:1]
    secrets = [(row["nick"], row["note"], row["grade"]) for row in turned]
    for row, (nick, note, grade) in zip(others, secrets, strict=True):
        row["nick"], row["note"], row["grade"] = nick, note, grade
        row["phone"] = f"010-{5000 + row['id']}-{2000 + row['id']}"
    rows[0]["grade"] = 3
    return rows


@pytest.fixture
async def twins(furnished: Path, tmp_path: Path):
    """Two worlds: one with the cards, one with their secrets exchanged."""
    for name, rows in (("a", cards()), ("b", swapped())):
        shutil.copy(furnished, tmp_path / f"{name}.db")
        fill(tmp_path / f"{name}.db", rows)
    async with opened(tmp_path / "a.db") as one, opened(tmp_path / "b.db") as other:
        yield one, other


queries = st.builds(
    ListQuery,
    limit=st.integers(1, 4),
    sort=st.none() | st.sampled_from([*FIELDS, *(f"-{name}" for name in FIELDS), "nothing"]),
    filters=st.lists(
        st.tuples(st.sampled_from(FIELDS), st.sampled_from([*OPERATORS, "like"]), st.sampled_from(VALUES)), max_size=2
    ),
    search=st.none() | st.sampled_from(VALUES),
    fields=st.none() | st.lists(st.sampled_from(FIELDS), max_size=3),
    count=st.booleans(),
)


async def all_pages(world: World, person: int, query: ListQuery) -> list:
    answers = []
    cursor = None
    for _ in range(12):
        asked = ListQuery(query.limit, cursor, query.sort, query.filters, query.search, query.fields, query.count)
        page = await outcome(world.shelf.page(await world.actor(person), "s_card", asked, "ko"))
        answers.append(page)
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    return answers


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries, person=st.sampled_from([OWNER, COLLEAGUE, LEAD]))
async def test_lists_do_not_tell_a_secret(twins, query: ListQuery, person: int) -> None:
    """The owner's own secrets are the same in both, the others' are not: they do not ask for their own row."""
    if person != OWNER:
        query = ListQuery(
            query.limit, None, query.sort, [*query.filters, ("id", "ne", str(person))], query.search, query.fields
        )
    first, second = [await all_pages(world, person, query) for world in twins]
    assert first == second


COLUMNS = {name: getattr(Card, name) for name in FIELDS}
expressions = st.sampled_from(FIELDS).flatmap(
    lambda name: st.sampled_from(
        [
            COLUMNS[name] == VALUES[0],
            COLUMNS[name] > 3,
            func.length(COLUMNS[name]) > 2,
            COLUMNS[name].is_(None),
            func.lower(COLUMNS[name]).contains("2"),
            COLUMNS[name].in_([1, 2, 5]),
        ]
    )
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.lists(expressions, max_size=2),
    key=st.sampled_from(FIELDS),
    measure=st.sampled_from([func.count(), *(func.max(column) for column in COLUMNS.values())]),
    order=st.sampled_from(FIELDS),
)
async def test_figures_do_not_tell_a_secret(twins, where, key, measure, order) -> None:
    async def look(records):
        found = await records.group(COLUMNS[key], measures={"m": measure}, where=where, order_by=(COLUMNS[order],))
        return [tuple(row) for row in found]

    async def count(records):
        return await records.count(Card, *where)

    for asking in (look, count):
        answers = [await outcome(world.see(await world.actor(OWNER), asking)) for world in twins]
        assert answers[0] == answers[1]


def told(response) -> tuple[int, str]:
    text = re.sub(r'"request_id":"[^"]*"|req_\w+|\d{4}-\d\d-\d\dT[\d:.]+Z', "", response.text)
    return response.status_code, text


ROUTES = [
    ("GET", "/v1/records/s_card/{key}", None),
    ("GET", "/v1/records/s_card/{key}?fields=name", None),
    ("GET", "/v1/records/s_card/{key}/history", None),
    ("PATCH", "/v1/records/s_card/{key}", {"city": "제주"}),
    ("PATCH", "/v1/records/s_card/{key}", {"grade": 1}),
    ("PATCH", "/v1/records/s_card/{key}", {"nothing": 1}),
    ("DELETE", "/v1/records/s_card/{key}", None),
    ("GET", "/v1/records/s_card?id={key}", None),
    ("GET", "/v1/records/s_card?id.in={key}&count=exact", None),
    ("GET", "/v1/records/s_card/export?format=csv&id={key}", None),
    ("POST", "/v1/ops/s_card.update", {"id": "{key}", "city": "제주"}),
    ("POST", "/v1/ops/s_card.update?dry_run=true", {"id": "{key}", "city": "제주"}),
    ("POST", "/v1/ops/s_card.delete", {"id": "{key}"}),
]
TEAMS = {"owner": {1, 2, 4, 9}, "colleague": {1, 2, 4, 9}, "lead": {1, 2, 4, 9}, "stranger": {3, 10}}
OWN = {"owner": OWNER, "colleague": COLLEAGUE, "lead": LEAD, "stranger": STRANGER}


@pytest.mark.parametrize("who", sorted(OWN))
async def test_no_route_tells_a_row_one_may_not_see_from_none(carded: Keys, tmp_path: Path, who: str) -> None:
    shutil.copy(carded.path, tmp_path / "daeri.db")
    async with served(tmp_path / "daeri.db", carded) as house:
        for method, path, body in ROUTES:
            answers = {}
            for key in [*range(1, 11), 98, 99]:
                sent = json.loads(json.dumps(body).replace('"{key}"', str(key)))
                response = await house.call(who, method, path.format(key=key), json=sent)
                answers[key] = told(response)
                if key not in TEAMS[who] and key < 98:
                    assert str(5000 + key) not in response.text
            absent = answers[99][0], answers[99][1].replace("99", "#")
            for key in set(answers) - TEAMS[who] - {99}:
                status, text = answers[key]
                assert (status, text.replace(str(key), "#") if key > 10 else text) == (
                    (status, absent[1]) if key > 10 else answers[99]
                ), (method, path, key)
                assert status == absent[0]


@pytest.mark.parametrize("who", sorted(OWN))
async def test_nobody_writes_what_is_not_theirs_by_any_route(carded: Keys, tmp_path: Path, who: str) -> None:
    shutil.copy(carded.path, tmp_path / "daeri.db")
    async with served(tmp_path / "daeri.db", carded) as house:
        before = {row["id"]: row for row in await house.world.sql("SELECT * FROM s_card")}
        for key in before:
            for method, path, body in ROUTES:
                sent = json.loads(json.dumps(body).replace('"{key}"', str(key)))
                await house.call(who, method, path.format(key=key), json=sent)
        after = {row["id"]: row for row in await house.world.sql("SELECT * FROM s_card")}
    assert {key for key, row in after.items() if row != before[key]} == {OWN[who]}
    assert after[OWN[who]]["grade"] == before[OWN[who]]["grade"]
