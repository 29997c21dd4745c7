"""Who sees which fields? A hidden field cannot be read, filtered, sorted, summed or grouped by; "own" is one's own."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import case, func

from daeri.errors import FieldHidden
from daeri.operations.listing import ListQuery
from daeri.records import Records
from worlds import COLLEAGUE, HR, LEAD, OWNER, SALARIES, STRANGER, Employee, Leave, Project, World

pytestmark = pytest.mark.anyio


async def person(world: World, asker: int, wanted: int) -> Employee:
    found = await world.see(await world.actor(asker), lambda records: records.get(Employee, wanted))
    assert isinstance(found, Employee)
    return found


async def test_one_reads_ones_own_salary(world: World) -> None:
    assert (await person(world, OWNER, OWNER)).salary == SALARIES[OWNER]


async def test_hr_reads_a_colleagues_salary(world: World) -> None:
    assert (await person(world, HR, OWNER)).salary == SALARIES[OWNER]


@pytest.mark.parametrize("asker", [COLLEAGUE, LEAD])
async def test_whoever_sees_the_row_does_not_see_the_salary(world: World, asker: int) -> None:
    row = await person(world, asker, OWNER)
    assert row.name == "김하은"
    with pytest.raises(FieldHidden) as refusal:
        _ = row.salary
    assert refusal.value.detail.ko == "연봉은 본인 · 인사 담당만 볼 수 있어요"
    assert refusal.value.detail.en == "Only the person themself and HR may see salary"


async def test_a_field_for_nobody_is_hidden_from_its_owner_and_from_hr(world: World) -> None:
    for asker in (OWNER, HR):
        with pytest.raises(FieldHidden, match="Nobody may see PIN"):
            _ = (await person(world, asker, OWNER)).pin


async def test_the_hidden_value_is_nowhere_in_the_object(world: World) -> None:
    row = await person(world, COLLEAGUE, OWNER)
    assert str(SALARIES[OWNER]) not in repr(vars(row))
    with pytest.raises(FieldHidden):
        getattr(row, "salary")  # noqa: B009 - the trick is the point
    with pytest.raises(FieldHidden):
        object.__getattribute__(row, "__class__").__getattribute__(row, "salary")


EXPRESSIONS = {
    "plain": Employee.salary > 50_000_000,
    "from the table": Employee.__table__.c.salary > 50_000_000,
    "inside a case": case((Employee.salary > 50_000_000, 1), else_=0) == 1,
    "inside a function": func.abs(Employee.salary) > 1,
    "negated": ~(Employee.salary > 1),
    "in arithmetic": (Employee.id + Employee.salary) > 1,
    "in a list": Employee.id.in_([Employee.salary]),
    "as null test": Employee.pin.is_(None),
    "labelled": (Employee.salary > 1).label("name"),
    "cast": func.lower(func.substr(Employee.pin, 1, 1)) == "0",
}


@pytest.mark.parametrize("trick", EXPRESSIONS)
async def test_a_hidden_field_cannot_be_filtered_by(world: World, trick: str) -> None:
    owner = await world.actor(OWNER)
    for look in (
        lambda records: records.find(Employee, EXPRESSIONS[trick]),
        lambda records: records.first(Employee, EXPRESSIONS[trick]),
        lambda records: records.count(Employee, EXPRESSIONS[trick]),
        lambda records: records.sum(Employee.id, EXPRESSIONS[trick]),
        lambda records: records.group(
            Employee.rank, measures={"n": func.count(Employee.id)}, where=(EXPRESSIONS[trick],)
        ),
        lambda records: records.group(Employee.rank, measures={"n": func.sum(EXPRESSIONS[trick])}),
        lambda records: records.find(Employee, order_by=(EXPRESSIONS[trick],)),
    ):
        with pytest.raises(FieldHidden):
            await world.see(owner, look)


async def test_a_hidden_field_cannot_be_sorted_summed_or_grouped_by(world: World) -> None:
    owner = await world.actor(OWNER)
    for look in (
        lambda records: records.find(Employee, order_by=(Employee.salary.desc(),)),
        lambda records: records.sum(Employee.salary),
        lambda records: records.group(Employee.salary, measures={"n": func.count(Employee.id)}),
        lambda records: records.group(Employee.rank, measures={"n": func.max(Employee.salary)}),
        lambda records: records.group(
            Employee.rank, measures={"n": func.count(Employee.id)}, order_by=(Employee.salary,)
        ),
    ):
        with pytest.raises(FieldHidden):
            await world.see(owner, look)


async def test_even_a_filter_on_ones_own_row_may_not_use_a_field_hidden_on_others(world: World) -> None:
    with pytest.raises(FieldHidden):
        await world.see(
            await world.actor(OWNER),
            lambda records: records.count(Employee, Employee.id == OWNER, Employee.salary > 1),
        )


async def test_hr_filters_sorts_and_sums_by_salary(world: World) -> None:
    hr = await world.actor(HR)
    rich = await world.see(
        hr, lambda records: records.find(Employee, Employee.salary > 50_000_000, order_by=(Employee.salary.desc(),))
    )
    assert [row.id for row in rich] == [LEAD, STRANGER]
    assert await world.see(hr, lambda records: records.sum(Employee.salary)) == sum(SALARIES.values()) + 8 * 30_000_000


async def test_a_hidden_field_of_a_new_row_may_not_be_written(world: World) -> None:
    owner = await world.actor(OWNER)
    with pytest.raises(FieldHidden):
        await world.do(owner, lambda records: records.add(Project(name="x", team_id=1, code="몰래")))
    with pytest.raises(FieldHidden):
        await world.do(owner, lambda records: records.add_all([Project(name="x", team_id=1, code="몰래")]))
    assert await world.do(owner, lambda records: records.add(Project(name="x", team_id=1)))


async def test_an_own_field_is_written_on_ones_own_row_only(world: World) -> None:
    row = Leave(employee_id=OWNER, start=date(2026, 12, 1), days=Decimal(1), reason="병원")
    written = await world.do(await world.actor(OWNER), lambda records: records.add(row))
    assert written.reason == "병원"
    seen = await world.see(await world.actor(LEAD), lambda records: records.get(Leave, written.id))
    with pytest.raises(FieldHidden, match="the person it is about"):
        _ = seen.reason


async def test_a_hidden_field_of_a_seen_row_may_not_be_changed(world: World) -> None:
    async def rename(records: Records) -> None:
        await records.change(await records.get(Project, 1), code="새")

    with pytest.raises(FieldHidden):
        await world.do(await world.actor(OWNER), rename)
    await world.do(await world.actor(HR), rename)
    assert await world.sql("select code from w_project where id = 1") == [{"code": "새"}]


async def test_the_shelf_tells_who_may_see_a_hidden_field_instead_of_its_value(world: World) -> None:
    row = await world.shelf.get(await world.actor(COLLEAGUE), "w_employee", OWNER, "ko")
    assert "salary" not in row
    assert row["_hidden"]["salary"] == "연봉은 본인 · 인사 담당만 볼 수 있어요"
    own = await world.shelf.get(await world.actor(OWNER), "w_employee", OWNER, "ko")
    assert own["salary"] == SALARIES[OWNER]
    assert set(own["_hidden"]) == {"pin"}


@pytest.mark.parametrize(
    "query",
    [
        ListQuery(sort="salary"),
        ListQuery(sort="-salary"),
        ListQuery(filters=[("salary", "gt", "1")]),
        ListQuery(filters=[("pin", "contains", "0")]),
        ListQuery(filters=[("roles", "contains", "hr")]),
    ],
)
async def test_the_shelf_neither_sorts_nor_filters_by_a_hidden_field(world: World, query: ListQuery) -> None:
    with pytest.raises(FieldHidden):
        await world.shelf.page(await world.actor(OWNER), "w_employee", query, "ko")


async def test_the_shelf_does_not_search_a_hidden_title_field(world: World) -> None:
    query = ListQuery(search="여우비")
    assert (await world.shelf.page(await world.actor(OWNER), "w_project", query, "ko"))["data"] == []
    assert len((await world.shelf.page(await world.actor(HR), "w_project", query, "ko"))["data"]) == 1


async def test_the_title_of_a_row_leaves_a_hidden_part_out(world: World) -> None:
    row = await world.shelf.get(await world.actor(OWNER), "w_project", 1, "ko")
    assert row["_title"] == "가을 판촉"
    assert (await world.shelf.get(await world.actor(HR), "w_project", 1, "ko"))["_title"] == "가을 판촉 여우비"


async def test_what_is_hidden_changes_no_answer(world: World) -> None:
    """The differential test: with other salaries and PINs in the database every visible answer is the same."""

    async def everything() -> list[object]:
        asker = await world.actor(COLLEAGUE)
        return [
            [
                (await world.shelf.page(asker, "w_employee", ListQuery(sort=sort, search=search), "ko"))["data"]
                for sort in (None, "name", "-id")
                for search in (None, "김", "0000", "47000001")
            ],
            await world.see(asker, lambda records: records.count(Employee)),
            await world.door.mentions(asker, ["김대리", "0000", "47000001"]),
            (await world.done(asker, "work.find", {"employee": OWNER})).body(),
        ]

    before = await everything()
    await world.sql("update w_employee set salary = salary + 12345, pin = '9999' where id <> :me", me=COLLEAGUE)
    assert await everything() == before
