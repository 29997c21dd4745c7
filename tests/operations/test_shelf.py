"""Are lists complete and bounded? Every row once over the pages, whatever the order; hostile queries are refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daeri.errors import DaeriError, NotFound, ValidationFailed
from daeri.operations.listing import LIMIT_MAX, ListQuery
from worlds import COLLEAGUE, HR, OWNER, Project, World

pytestmark = pytest.mark.anyio


async def listed(world: World, person: int = HR, kind: str = "w_project", **query: Any) -> dict[str, Any]:
    return await world.shelf.page(await world.actor(person), kind, ListQuery(**query), "ko")


async def every_id(world: World, sort: str | None, limit: int) -> list[int]:
    ids: list[int] = []
    cursor = None
    for _ in range(100):
        page = await listed(world, sort=sort, limit=limit, cursor=cursor)
        ids += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return ids
    pytest.fail("the pages never end")


@pytest.mark.parametrize(
    "sort", [None, "id", "-id", "name", "-name", "cost", "-cost", "due", "-due", "team_id", "code"]
)
async def test_every_row_comes_exactly_once_over_the_pages(world: World, sort: str | None) -> None:
    rows = [Project(name=f"과제 {n % 3}", team_id=1, cost=n % 2) for n in range(11)]
    await world.do(await world.actor(HR), lambda records: records.add_all(rows))
    whole = [row["id"] for row in (await listed(world, sort=sort))["data"]]
    assert sorted(whole) == list(range(1, 15))
    for limit in (1, 2, 5):
        assert await every_id(world, sort, limit) == whole


async def test_a_page_has_a_limit_that_nobody_can_lift(world: World) -> None:
    rows = [Project(name="과제", team_id=1) for _ in range(LIMIT_MAX + 5)]
    await world.do(await world.actor(HR), lambda records: records.add_all(rows))
    assert len((await listed(world, limit=10**9))["data"]) == LIMIT_MAX
    assert len((await listed(world, limit=-1))["data"]) == 1


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ([("name", "eq", "신제품")], [3]),
        ([("name", "ne", "신제품")], [1, 2]),
        ([("name", "contains", "판촉")], [1, 2]),
        ([("name", "contains", "%")], []),
        ([("cost", "gte", "300"), ("cost", "lt", "500")], [2]),
        ([("cost", "in", "100,500")], [1, 3]),
        ([("due", "lte", "2026-12-01")], [1]),
        ([("name", "eq", "' or 1=1 --")], []),
        ([("name", "eq", "신제품"), ("name", "eq", "가을 판촉")], []),
    ],
)
async def test_filters_narrow_a_list(world: World, filters: Any, ids: list[int]) -> None:
    assert [row["id"] for row in (await listed(world, filters=filters))["data"]] == ids


async def test_a_search_looks_into_the_title_and_further_names(world: World) -> None:
    assert [row["id"] for row in (await listed(world, search="판촉"))["data"]] == [1, 2]
    found = await listed(world, kind="w_employee", search="kim ha")
    assert [row["_title"] for row in found["data"]] == ["김하은 대리"]


@pytest.mark.parametrize(
    "query",
    [
        {"filters": [("nothing", "eq", "1")]},
        {"filters": [("name", "like", "%")]},
        {"filters": [("__class__", "eq", "1")]},
        {"filters": [("cost", "in", "")]},
        {"filters": [("due", "eq", "2026-13-01")]},
        {"sort": "nothing"},
        {"sort": "--name"},
        {"sort": "name; drop table w_project"},
        {"cursor": "nonsense"},
        {"cursor": base64.urlsafe_b64encode(b"[1").decode()},
        {"cursor": base64.urlsafe_b64encode(b'["x", 10000000000000000000000]').decode()},
        {"cursor": base64.urlsafe_b64encode(b"[1, 1e999]").decode()},
        {"cursor": base64.urlsafe_b64encode(b"[" * 100_000).decode()},
        {"cursor": base64.urlsafe_b64encode(json.dumps([1, None]).encode()).decode()},
        {"cursor": "\ud800"},
        {"cursor": "가"},
    ],
    ids=lambda query: repr(query)[:40],
)
async def test_a_query_that_cannot_be_is_refused(world: World, query: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await listed(world, **query)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cursor=st.one_of(
        st.text(),
        st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists).map(
            lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        ),
    ),
    sort=st.sampled_from([None, "-cost", "due", "name"]),
)
async def test_no_cursor_breaks_a_list_or_shows_more(world: World, cursor: str, sort: str | None) -> None:
    try:
        page = await listed(world, OWNER, cursor=cursor, sort=sort)
    except DaeriError as error:
        assert error.status < 500  # noqa: PT017 - either outcome is right
    else:
        assert {row["id"] for row in page["data"]} <= {1, 2}


async def test_a_record_whose_title_is_no_text_cannot_be_searched(world: World) -> None:
    with pytest.raises(ValidationFailed, match="nothing to search"):
        await listed(world, kind="w_leave", search="12")


async def test_an_unknown_type_is_not_found(world: World) -> None:
    for kind in ("nothing", "audit", "account", "approval", "w_vault"):
        with pytest.raises(NotFound):
            await listed(world, kind=kind)


async def test_what_is_looked_at_is_audited(world: World) -> None:
    await listed(world, OWNER)
    await world.shelf.get(await world.actor(COLLEAGUE), "w_employee", OWNER, "ko")
    rows = await world.audited()
    assert [(row["action"], row["person_id"], row["records"]) for row in rows] == [
        ("w_project.list", OWNER, [["w_project", 1], ["w_project", 2]]),
        ("w_employee.get", COLLEAGUE, [["w_employee", OWNER]]),
    ]


async def test_the_types_tell_which_fields_one_sees(world: World) -> None:
    types = {kind["type"]: kind for kind in world.shelf.types(await world.actor(OWNER), "ko")}
    fields = {field["name"]: field["sight"] for field in types["w_employee"]["fields"]}
    assert (fields["name"], fields["salary"], fields["pin"]) == ("open", "own", "hidden")
    assert "w_vault" not in types
