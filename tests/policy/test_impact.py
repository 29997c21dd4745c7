"""What edited rules would change for whom: counted over what the asker sees, and true once they are in force."""

import sys
import textwrap
from dataclasses import replace
from importlib import import_module

import pytest
from sqlalchemy import true

from daeri.clock import FixedClock
from daeri.errors import PermissionDenied
from daeri.operations import Catalog, Company, anyone, having
from daeri.operations.listing import ListQuery, Shelf
from daeri.operations.policy import Policies
from daeri.operations.policy_impact import apart
from daeri.records import Record
from daeri.sample import hanbit
from worlds import AGENTS, AUDITOR, HR, LEAVER, NOW, OWNER, PEOPLE, ROLES, Employee, Project, company, work

pytestmark = pytest.mark.anyio


@pytest.fixture
def policies(world):
    return Policies(world.door, world.store, FixedClock(NOW))


def edited(operations=None, **rules):
    """The small company with other row rules, by record name."""
    catalog = Catalog("work", work.label, dict(work.row_rules), dict(work.change_rules), dict(work.operations))
    for record, rule in rules.items():
        catalog.row_rules[{"Employee": Employee, "Project": Project}[record]] = rule
    catalog.operations |= operations or {}
    return Company(company.name, [catalog], AGENTS, ROLES)


def everyone_sees(actor):
    """Everyone sees everything."""
    del actor
    return true()


def only_hr(actor):
    """HR alone."""
    return true() if actor.has("hr") else Project.id == 0


async def test_nothing_changes_where_nothing_was_edited(world, policies):
    told = await policies.impact(await world.actor(HR), edited(), "ko")
    assert told == {"people": len(PEOPLE) - 1, "records": [], "operations": []}


async def test_wider_rows_say_who_would_newly_see_how_many(world, policies):
    told = await policies.impact(await world.actor(HR), edited(Project=everyone_sees), "ko")
    (record,) = told["records"]
    assert record["says"] == ["과제: 11명 중 10명이 새로 보게 돼요"]
    assert "정유진" not in [person["name"] for person in record["gain"]["people"]]
    assert record["lose"]["count"] == 0
    by_role = {one["role"]: one for one in record["roles"]}
    assert by_role["hr"]["rows_gained"] == 0
    assert (by_role["finance"]["rows_gained"], by_role["finance"]["person"]["name"]) == (3, "오세훈")
    assert by_role[""]["rows_gained"] == 1  # the owner sees two of three already
    assert record["rules"]["before"]["name"] == "team_projects"
    assert "test_impact.py:" in record["rules"]["after"]["at"]


async def test_narrower_rows_say_who_would_lose_them(world, policies):
    told = await policies.impact(await world.actor(HR), edited(Project=only_hr), "en")
    (record,) = told["records"]
    assert record["says"] == ["project: 6 of 11 would lose rows"]
    assert record["gain"]["count"] == 0


async def test_only_rows_and_people_that_the_asker_sees_are_counted_and_named(world, policies):
    auditor = await world.actor(AUDITOR)  # sees their own team of three, and none of its projects
    told = await policies.impact(auditor, edited(Project=everyone_sees), "ko")
    assert told["people"] == 3
    assert told["records"] == []
    told = await policies.impact(auditor, edited(Employee=lambda actor: Employee.id == actor.person_id), "ko")
    (record,) = told["records"]
    assert (record["lose"]["count"], record["roles"][0]["person"]) == (3, None)
    assert {person["team"] for person in record["lose"]["people"]} == {"경영지원팀"}
    assert max(one["rows_lost"] for one in record["roles"]) == 2


async def test_ordinary_people_do_not_ask(world, policies):
    with pytest.raises(PermissionDenied):
        await policies.impact(await world.actor(OWNER), edited(Project=everyone_sees), "ko")


async def test_who_could_newly_call_an_operation_is_told(world, policies):
    wider = replace(work.operations["work.headcount"], allow=anyone)
    narrower = replace(work.operations["work.find"], allow=having("hr"))
    told = await policies.impact(await world.actor(HR), edited({"work.headcount": wider, "work.find": narrower}), "ko")
    changed = {one["name"]: (one["gain"]["count"], one["lose"]["count"]) for one in told["operations"]}
    assert changed == {"work.headcount": (10, 0), "work.find": (0, 10)}
    assert LEAVER not in [person["id"] for person in told["operations"][0]["gain"]["people"]]


COPY = """
    from sqlalchemy import false, or_, true
    from sqlalchemy.orm import Mapped, mapped_column
    from daeri.operations import Catalog, Company
    from daeri.records import Person, Record, Team, labelled, visible_to
    from daeri.wording import Text
    import worlds

    class Employee(Person):
        __tablename__ = "w_employee"
        __label__ = Text("직원", "employee")
        salary: Mapped[int] = mapped_column(info=labelled("연봉", "salary") | visible_to("self", "hr", "finance"))

    class Department(Team):
        __tablename__ = "w_team"

    class Project(Record):
        __tablename__ = "w_project"
        name: Mapped[str]
        team_id: Mapped[int]

    catalog = Catalog("work", Text("업무", "Work"))

    @catalog.rows(Employee)
    def own_team(actor):
        '''Everyone but leavers.'''
        return true() if actor.has("hr") else or_(Employee.id == actor.person_id, Employee.team_id == actor.team_id)

    @catalog.rows(Department)
    def every_team(actor):
        '''All.'''
        return true()

    @catalog.rows(Project)
    def projects(actor):
        '''One's own and the first one.'''
        return true() if actor.has("hr") else or_(Project.team_id == actor.team_id, Project.id == 1)

    def company():
        return Company(worlds.company.name, [catalog], worlds.AGENTS, worlds.ROLES)
"""


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A company module that declares the same tables anew, as an edited copy of the files does."""
    (tmp_path / "edited_company.py").write_text(textwrap.dedent(COPY), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    tables = set(Record.metadata.tables)
    with apart():
        made = import_module("edited_company").company()
    assert set(Record.metadata.tables) == tables
    yield made
    del sys.modules["edited_company"]


async def test_an_edited_copy_may_declare_its_records_anew(world, policies, copied):
    told = await policies.impact(await world.actor(HR), copied, "ko")
    records = {record["type"]: record for record in told["records"]}
    assert set(records) == {"w_employee", "w_leave", "w_project"}  # it has no leave any more: that is lost
    assert records["w_project"]["gain"]["count"] == 7
    (salary, *_) = [one for one in records["w_employee"]["fields"] if one["name"] == "salary"]
    assert [person["name"] for person in salary["gain"]["people"]] == ["오세훈"]
    assert salary["says"] == "연봉 (salary) 11명 중 1명이 더 보게 돼요"


async def holder_of(house, role):
    """The first person who holds a role."""
    someone = await house.store.read(lambda connection: house.company.people.holder(connection, role, 0))
    return await house.named(someone.name)


async def test_what_it_counts_is_what_the_people_would_then_see(house):
    record, present = house.company.records["leave"], hanbit()
    (leave,) = [catalog for catalog in present.catalogs if record in catalog.row_rules]
    rules = {**leave.row_rules, record: lambda actor: record.employee_id == actor.person_id}
    narrow = Catalog(leave.name, leave.label, rules, leave.change_rules, leave.operations)
    catalogs = [narrow if catalog is leave else catalog for catalog in present.catalogs]
    after = Company(present.name, catalogs, present.agents, present.roles)
    policies = Policies(house.door, house.store, house.clock)
    told = await policies.impact(await holder_of(house, "hr"), after, "ko")
    (leaves,) = told["records"]
    assert leaves["type"] == "leave"
    for role in leaves["roles"]:
        actor = await house.named(role["person"]["name"])
        before = await number(Shelf(present, house.store, house.clock), actor)
        assert before - await number(Shelf(after, house.store, house.clock), actor) == role["rows_lost"]


async def number(shelf, actor):
    total, cursor = 0, None
    while True:
        page = await shelf.page(actor, "leave", ListQuery(limit=200, cursor=cursor), "ko")
        total, cursor = total + len(page["data"]), page["next_cursor"]
        if cursor is None:
            return total
