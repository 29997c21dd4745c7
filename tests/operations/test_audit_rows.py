"""Does every read of a personal field and every write leave a row that says who, for whom, by what, whose and which?

Each way is taken by somebody, and the one row it must leave is looked at. No value of a field is ever in one.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import func

from daeri.errors import DaeriError
from daeri.operations import Catalog, Ref, anyone, having
from daeri.operations.listing import ListQuery
from daeri.operations.policy import Policies, Question
from daeri.records import Records
from daeri.tools.query import query_catalog
from daeri.wording import Text
from worlds import (
    COLLEAGUE,
    HR,
    LEAD,
    OWNER,
    PEOPLE,
    SALARIES,
    STRANGER,
    Department,
    Employee,
    Leave,
    Project,
    Said,
    World,
    open_world,
)

pytestmark = pytest.mark.anyio
EVERYONE = [one["id"] for one in PEOPLE]
REQUEST = {"start": "2026-12-01", "days": "2", "reason": "병원에 가요"}

pay = Catalog("pay", Text("급여", "Pay"))


class Total(BaseModel):
    """A figure."""

    value: str


@pay.read(label=Text("급여 합계", "Pay total"), allow=having("hr"))
async def total(records: Records) -> Total:
    """What everybody earns together."""
    return Total(value=str(await records.sum(Employee.salary)))


@pay.read(label=Text("고액 인원", "How many earn much"), allow=having("hr"))
async def many(records: Records, least: int) -> Total:
    """How many earn at least so much."""
    return Total(value=str(await records.count(Employee, Employee.salary >= least)))


@pay.read(label=Text("팀별 급여", "Pay by team"), allow=having("hr"))
async def by_team(records: Records) -> Total:
    """What teams earn."""
    rows = await records.group(Employee.team_id, measures={"sum": func.sum(Employee.salary)})
    return Total(value=str(len(rows)))


@pay.read(label=Text("많이 받는 사람", "Who earns much"), allow=having("hr"))
async def rich(records: Records, least: int) -> Total:
    """The names of those who earn at least so much."""
    found = await records.find(Employee, Employee.salary >= least, order_by=[Employee.name])
    return Total(value=", ".join(row.name for row in found))


@pay.read(label=Text("이름", "Name"), allow=anyone)
async def name(records: Records, employee: Ref[Employee]) -> Said:
    """A name, which is nobody's secret."""
    return Said(value=(await records.get(Employee, employee)).name)


@pay.read(label=Text("급여 본 뒤 거절", "Look, then refuse"), allow=anyone)
async def look_and_fail(records: Records, employee: Ref[Employee]) -> Said:
    """Read a salary, then read a row that is not there."""
    await records.find(Employee, Employee.id == employee)
    row = await records.get(Employee, employee)
    if row.salary:
        await records.get(Project, 999)
    return Said(value="-")


@pay.write(label=Text("과제 여럿", "Many projects"), allow=having("hr"))
async def many_projects(records: Records, count: int) -> Said:
    """Add projects at once."""
    rows = [Project(name=f"과제 {number}", team_id=1, cost=0, due=None) for number in range(count)]
    return Said(value=str(await records.add_all(rows)))


@pay.write(label=Text("급여 올리기", "Raise"), allow=having("hr"))
async def raise_all(records: Records, team: Ref[Department]) -> Said:
    """Raise everybody in a team."""
    found = await records.find(Employee, Employee.team_id == team)
    for row in found:
        await records.change(row, salary=row.salary + 1)
    return Said(value=str(len(found)))


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, pay, query_catalog()) as opened:
        yield opened


async def last(world: World) -> dict[str, Any]:
    """Return the newest row; none of them holds a value that is somebody's secret."""
    rows = await world.audited()
    said = repr(rows)
    assert not [salary for salary in SALARIES.values() if str(salary) in said]
    assert REQUEST["reason"] not in said
    return rows[-1]


async def test_a_read_through_an_agent_says_who_for_whom_by_what_whose_and_which(world: World) -> None:
    await world.done(await world.deputy(OWNER), "work.salary", {"employee": OWNER})
    row = await last(world)
    assert (row["person_id"], row["agent"], row["door"], row["outcome"]) == (OWNER, "assistant", "test", "done")
    assert row["records"] == [["w_employee", OWNER]]
    assert row["detail"]["personal"] == ["w_employee.salary"]
    assert row["detail"]["people"] == [OWNER]


async def test_a_call_that_reads_no_personal_field_does_not_say_that_it_did(world: World) -> None:
    await world.done(await world.actor(HR), "pay.name", {"employee": OWNER})
    assert {"personal", "people"} & (await last(world))["detail"].keys() == set()


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("pay.total", {}), ("pay.many", {"least": 30_000_000}), ("pay.by_team", {})],
)
async def test_a_figure_names_its_fields_and_whom_it_is_about(
    world: World, operation: str, arguments: dict[str, Any]
) -> None:
    await world.done(await world.actor(HR), operation, arguments)
    detail = (await last(world))["detail"]
    assert detail["personal"] == ["w_employee.salary"]
    told = detail.get("people", [])
    assert told == EVERYONE if operation != "pay.by_team" else set(told) <= set(EVERYONE)


@pytest.mark.parametrize("times", [1, 2])
async def test_rows_sought_by_a_personal_field_are_read_by_it_also_the_second_time(world: World, times: int) -> None:
    for _ in range(times):
        await world.done(await world.actor(HR), "pay.rich", {"least": 50_000_000})
    row = await last(world)
    assert (row["detail"]["personal"], row["detail"]["people"]) == (["w_employee.salary"], [STRANGER, LEAD])
    assert row["records"] == [["w_employee", LEAD], ["w_employee", STRANGER]]


async def test_finding_nobody_by_a_personal_field_is_on_record_too(world: World) -> None:
    await world.done(await world.actor(HR), "pay.rich", {"least": 900_000_000})
    assert (await last(world))["detail"]["personal"] == ["w_employee.salary"]


async def test_a_page_of_rows_names_the_people_whose_fields_it_shows(world: World) -> None:
    await world.shelf.page(await world.actor(HR), "w_employee", ListQuery(), "ko")
    row = await last(world)
    assert row["action"] == "w_employee.list"
    assert row["detail"] | {"personal": None} == {"rows": 12, "people": EVERYONE, "personal": None}
    assert row["detail"]["personal"] == ["w_employee.salary"]


async def test_a_colleague_reads_their_own_field_only_and_a_stranger_none(world: World) -> None:
    await world.shelf.page(await world.actor(COLLEAGUE), "w_employee", ListQuery(), "ko")
    assert (await last(world))["detail"]["people"] == [COLLEAGUE]
    await world.shelf.page(await world.actor(STRANGER), "w_employee", ListQuery(fields=["name"]), "ko")
    assert "personal" not in (await last(world))["detail"]


async def test_a_page_sought_or_ordered_by_a_personal_field_says_so_though_it_shows_none(world: World) -> None:
    hr = await world.actor(HR)
    for query in (
        ListQuery(fields=["name"], filters=[("salary", "gte", "50000000")]),
        ListQuery(fields=["name"], sort="-salary"),
        ListQuery(fields=["name"], filters=[("salary", "gte", "900000000")]),
    ):
        await world.shelf.page(hr, "w_employee", query, "ko")
        assert (await last(world))["detail"]["personal"] == ["w_employee.salary"]


async def test_one_row_an_export_and_a_history_each_leave_a_row(world: World) -> None:
    hr = await world.actor(HR)
    await world.shelf.get(hr, "w_employee", OWNER, "ko")
    row = await last(world)
    assert (row["action"], row["records"]) == ("w_employee.get", [["w_employee", OWNER]])
    assert row["detail"]["people"] == [OWNER]
    async for _ in world.shelf.export(hr, "w_employee", ListQuery(), "ko"):
        row = await last(world)
        assert (row["action"], row["detail"]["people"]) == ("w_employee.export", EVERYONE)
    await world.shelf.history(hr, "w_employee", OWNER, limit=5, cursor=None, lang="ko")
    assert (await last(world))["action"] == "w_employee.history"


async def test_a_question_in_sql_says_what_was_asked_without_values_and_whose_it_shows(world: World) -> None:
    hr = await world.actor(HR)
    sql = "SELECT id, name FROM w_employee WHERE salary > 50000000 AND name <> '김비밀' -- 900101-1234567"
    await world.done(hr, "query.run", {"sql": sql})
    row = await last(world)
    assert row["detail"]["statement"] == "SELECT id, name FROM w_employee WHERE salary > ? AND name <> ?"
    assert row["detail"]["personal"] == ["w_employee.salary"]
    assert row["detail"]["people"] == [STRANGER, LEAD]
    assert "김비밀" not in repr(row)
    await world.done(hr, "query.run", {"sql": "SELECT avg(salary) FROM w_employee"})
    detail = (await last(world))["detail"]
    assert (detail["personal"], "people" in detail) == (["w_employee.salary"], False)
    await world.done(hr, "query.run", {"sql": "SELECT name FROM w_project"})
    assert "personal" not in (await last(world))["detail"]


async def test_a_question_over_others_rows_names_them_by_the_column_that_holds_them(world: World) -> None:
    await world.sql(
        "insert into w_leave (id, version, employee_id, start, days, reason) values (1, 1, 2, '2026-12-01', 100, 'x')"
    )
    sql = "SELECT l.employee_id, e.salary FROM w_leave AS l JOIN w_employee AS e ON e.id = l.employee_id"
    await world.done(await world.actor(HR), "query.run", {"sql": sql})
    assert (await last(world))["detail"]["people"] == [COLLEAGUE]


async def test_a_dry_run_is_on_record_and_so_is_a_refused_one(world: World) -> None:
    owner = await world.actor(OWNER)
    await world.door.dry_run(owner, "work.request", REQUEST)
    row = await last(world)
    assert (row["action"], row["outcome"]) == ("work.request", "tried")
    with pytest.raises(DaeriError):
        await world.door.dry_run(owner, "work.request", REQUEST | {"days": "11"})
    row = await last(world)
    assert (row["outcome"], row["detail"]["code"]) == ("refused", "conflict")


async def test_a_call_that_fails_after_it_looked_says_what_it_saw(world: World) -> None:
    with pytest.raises(DaeriError):
        await world.door.call(await world.actor(HR), "pay.look_and_fail", {"employee": COLLEAGUE})
    row = await last(world)
    assert (row["outcome"], row["detail"]["people"]) == ("refused", [COLLEAGUE])
    assert row["detail"]["arguments"] == {"employee": str(COLLEAGUE)}


async def test_what_people_type_is_not_kept_but_the_rows_they_name_are(world: World) -> None:
    with pytest.raises(DaeriError):
        await world.door.call(await world.actor(OWNER), "work.request", REQUEST | {"days": "11"})
    assert (await last(world))["detail"]["arguments"] == {"start": "(str)", "days": "(str)", "reason": "(str)"}


async def test_a_write_names_each_row_with_its_fields_and_whose_it_is(world: World) -> None:
    await world.done(await world.actor(HR), "pay.raise_all", {"team": 1})
    detail = (await last(world))["detail"]
    assert detail["wrote"] == [["w_employee", key, "change", ["salary"]] for key in (1, 2, 4, 9)]
    assert detail["people"] == [1, 2, 4, 9]


async def test_many_rows_added_at_once_are_named_as_a_range_and_have_a_history(world: World) -> None:
    hr = await world.actor(HR)
    await world.done(hr, "pay.many_projects", {"count": 250})
    detail = (await last(world))["detail"]
    fields = ["cost", "due", "name", "team_id"]
    assert detail["wrote"] == [["w_project", {"from": 4, "to": 253}, "add", fields]]
    page = await world.shelf.history(hr, "w_project", 100, limit=5, cursor=None, lang="ko")
    assert [(entry["act"], entry["operation"]) for entry in page["data"]] == [("add", "pay.many_projects")]


async def test_filing_deciding_and_looking_at_a_document_are_on_record(world: World) -> None:
    held = await world.held(await world.deputy(OWNER), "work.request", REQUEST)
    filed = await last(world)
    assert (filed["outcome"], filed["approval_id"]) == ("filed", held.approval_id)
    lead = await world.actor(LEAD)
    await world.approvals.show(lead, held.approval_id)
    row = await last(world)
    assert (row["action"], row["records"]) == ("approval.show", [["approval", held.approval_id]])
    assert row["detail"]["people"] == [OWNER]
    await world.approvals.show(await world.deputy(OWNER), held.approval_id)
    assert (await last(world))["seq"] == row["seq"]  # one's own document is no news to oneself
    await world.approvals.box(lead, "waiting")
    assert (await last(world))["action"] == "approval.list"
    await world.approvals.decide(lead, held.approval_id, "approve")
    assert (await last(world))["action"] == "approval.approve"


async def test_an_approved_effect_names_the_row_that_it_wrote_and_whose_it_is(world: World) -> None:
    held = await world.held(await world.deputy(OWNER), "work.request", {"start": "2026-12-01"})
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    applied = next(row for row in await world.audited() if row["outcome"] == "applied")
    assert (applied["person_id"], applied["agent"]) == (OWNER, "assistant")
    (booked,) = await world.sql("select id from w_leave")
    assert [each[:3] for each in applied["detail"]["wrote"]] == [[Leave.__tablename__, booked["id"], "add"]]
    assert applied["detail"]["people"] == [OWNER]


async def test_an_answer_given_again_is_on_record(world: World) -> None:
    owner = await world.actor(OWNER)
    for _ in range(2):
        await world.door.call(owner, "work.add_project", {"name": "새 과제"}, idempotency_key="k")
    assert [row["outcome"] for row in await world.audited()] == ["done", "replayed"]


async def test_explaining_somebodys_rights_names_them(world: World) -> None:
    policies = Policies(world.door, world.store, world.clock)
    await policies.explain(await world.actor(HR), Question(OWNER), "ko")
    row = await last(world)
    assert (row["action"], row["detail"]["people"]) == ("policies.explain", [OWNER])
