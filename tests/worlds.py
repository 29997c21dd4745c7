"""Which company do the tests work in? A small one with an owner, a colleague, a stranger and everyone above them.

Declared as any company would declare itself; the parts are the real ones, over a database of the test's own.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Connection, String, false, insert, or_, select, text, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.clock import Clock, FixedClock
from daeri.errors import Refused
from daeri.operations import Agent, Catalog, Change, Company, Line, Ref, Won, anyone, having, holder, superior
from daeri.operations.approval import Approvals
from daeri.operations.auditing import AuditLog
from daeri.operations.call import run_to_end
from daeri.operations.invoke import Door
from daeri.operations.listing import Shelf
from daeri.operations.office import Office
from daeri.operations.outcome import Done, Held
from daeri.records import Actor, Exact, Instant, Person, Record, Records, Team, audit, labelled, visible_to
from daeri.records.anchors import Anchors
from daeri.records.identity import Identity
from daeri.records.prompts import PromptBook
from daeri.records.store import Store, system
from daeri.records.trail import Trail
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.wording import Lang, Text
from databases import address, as_kept, count_on, engine_of, forget
from watched import nothing_missed

NOWHERE = Path("/nonexistent")
NOW = datetime(2026, 11, 21, 5, 2, tzinfo=UTC)
OWNER, COLLEAGUE, STRANGER, LEAD, DIRECTOR, HR, CHIEF, FINANCE, LEAVER, OTHER_LEAD, AUDITOR, NAMESAKE = range(1, 13)
SALARIES = {OWNER: 47_000_001, COLLEAGUE: 39_000_002, STRANGER: 52_000_003, LEAD: 81_000_004}


class Employee(Person):
    """A person on the payroll."""

    __tablename__ = "w_employee"
    __label__ = Text("직원", "employee")
    __also__ = ("english_name",)

    english_name: Mapped[str] = mapped_column(String(100), default="", info=labelled("영문 이름", "English name"))
    salary: Mapped[int] = mapped_column(
        default=0, info=labelled("연봉", "salary") | visible_to("self", "hr", data_class="personal")
    )
    pin: Mapped[str] = mapped_column(default="0000", info=labelled("비밀번호", "PIN") | visible_to())


class Department(Team):
    """A team."""

    __tablename__ = "w_team"
    __label__ = Text("팀", "team")


class Leave(Record):
    """A day off that is booked."""

    __tablename__ = "w_leave"
    __label__ = Text("휴가", "leave")
    __title__ = ("start",)

    employee_id: Mapped[int] = mapped_column(index=True)
    start: Mapped[date]
    days: Mapped[Decimal] = mapped_column(Exact(2))
    reason: Mapped[str] = mapped_column(default="", info=labelled("사유", "reason") | visible_to("self", "hr"))
    booked_at: Mapped[datetime | None] = mapped_column(Instant())


class Project(Record):
    """A piece of work that a team does; `code` is for HR alone although it is part of the title."""

    __tablename__ = "w_project"
    __label__ = Text("과제", "project")
    __title__ = ("name", "code")

    name: Mapped[str]
    code: Mapped[str] = mapped_column(default="", info=labelled("암호명", "code name") | visible_to("hr"))
    team_id: Mapped[int]
    cost: Mapped[int] = mapped_column(default=0)
    due: Mapped[date | None]


class Vault(Record):
    """Nobody has written a rule for this one."""

    __tablename__ = "w_vault"

    content: Mapped[str]


WORLD_TABLES = [record.__table__ for record in (Employee, Department, Leave, Project, Vault)]

work = Catalog("work", Text("업무", "Work"))


@work.rows(Employee)
def own_team(actor: Actor) -> ColumnElement[bool]:
    """Yourself and your team; HR sees everyone."""
    near = or_(Employee.id == actor.person_id, Employee.team_id == actor.team_id)
    return true() if actor.has("hr") else near


@work.changes(Employee)
def hr_only(actor: Actor) -> ColumnElement[bool]:
    """HR changes people."""
    return true() if actor.has("hr") else false()


@work.rows(Department)
def every_team(actor: Actor) -> ColumnElement[bool]:
    """Everyone sees the teams."""
    del actor
    return true()


@work.rows(Leave)
def own_leave(actor: Actor) -> ColumnElement[bool]:
    """Your own leave and that of the people whom you lead; HR sees all."""
    led = select(Employee.id).where(
        Employee.team_id.in_(select(Department.id).where(Department.lead_id == actor.person_id))
    )
    return true() if actor.has("hr") else or_(Leave.employee_id == actor.person_id, Leave.employee_id.in_(led))


@work.changes(Leave)
def book_own_leave(actor: Actor) -> ColumnElement[bool]:
    """You book your own leave; HR anyone's."""
    return true() if actor.has("hr") else Leave.employee_id == actor.person_id


@work.rows(Project)
def team_projects(actor: Actor) -> ColumnElement[bool]:
    """A team sees its own projects; HR sees all."""
    return true() if actor.has("hr") else Project.team_id == actor.team_id


@work.changes(Project)
def team_changes(actor: Actor) -> ColumnElement[bool]:
    """A team changes its own projects."""
    return true() if actor.has("hr") else Project.team_id == actor.team_id


class Said(BaseModel):
    """One value, said as it is."""

    value: str

    def say(self, lang: Lang) -> str:
        return f"{self.value}이에요." if lang == "ko" else f"It is {self.value}."


class Booked(BaseModel):
    """A leave that was booked."""

    leave_id: int


@work.read(label=Text("직원 찾기", "Find a person"), allow=anyone)
async def find(records: Records, employee: Annotated[Ref[Employee], Field(description="직원 (employee)")]) -> Said:
    """Find a person."""
    return Said(value=(await records.get(Employee, employee)).name)


@work.read(label=Text("연봉", "Salary"), allow=anyone)
async def salary(records: Records, employee: Ref[Employee]) -> Said:
    """What a person earns."""
    return Said(value=str((await records.get(Employee, employee)).salary))


@work.read(label=Text("인원", "Headcount"), allow=having("hr"))
async def headcount(records: Records) -> Said:
    """How many people there are."""
    return Said(value=str(await records.count(Employee)))


@work.write(label=Text("과제 등록", "Add a project"), allow=anyone)
async def add_project(records: Records, actor: Actor, name: str, team: Ref[Department] | None = None) -> Said:
    """Add a project to one's own team, or try another's."""
    row = await records.add(Project(name=name, team_id=team or actor.team_id or 0))
    return Said(value=row.name)


def leave_line(days: Decimal) -> Line:
    """Two days and more go to the director too."""
    if days < Decimal(2):
        return Line(superior(1), rule="leave-short", because=Text("팀장이 결재해요", "The lead decides"))
    return Line(superior(1), superior(2), rule="leave-long", because=Text("본부장까지 결재해요", "Up to the director"))


async def leave_preview(records: Records, actor: Actor, days: Decimal) -> list[Change]:
    """Show the days booked before and after."""
    booked = sum((row.days for row in await records.find(Leave, Leave.employee_id == actor.person_id)), Decimal(0))
    return [Change(Text("쓴 휴가", "Leave taken"), str(booked), str(booked + days))]


@work.write(label=Text("휴가 신청", "Request leave"), allow=anyone, approval=leave_line, preview=leave_preview)
async def request(
    records: Records,
    actor: Actor,
    start: Annotated[date, Field(description="첫날 (first day), e.g. 2026-11-26")],
    days: Annotated[Decimal, Field(description="일수 (days)", gt=0)] = Decimal(1),
    reason: Annotated[str, Field(description="사유 (reason)")] = "",
) -> Booked:
    """Request leave from a day on."""
    if days > Decimal(10):
        raise Refused(Text("열흘까지만 쓸 수 있어요", "Ten days at most"))
    if await records.count(Leave, Leave.employee_id == actor.person_id, Leave.start == start):
        raise Refused(Text("그날은 이미 휴가예요", "That day is booked already"))
    row = await records.add(Leave(employee_id=actor.person_id, start=start, days=days, reason=reason))
    return Booked(leave_id=row.id)


def spending_line(amount: Won) -> Line:
    """The lead, and finance for a lot of money."""
    if amount < 1_000_000:
        return Line(superior(1), rule="spend-small", because=Text("팀장 결재", "The lead decides"))
    return Line(superior(1), holder("finance"), rule="spend-large", because=Text("재무까지 결재", "Finance too"))


@work.write(label=Text("지출", "Spend"), allow=anyone, approval=spending_line)
async def spend(records: Records, actor: Actor, amount: Won, project: Ref[Project]) -> Said:
    """Spend money on a project of one's team."""
    del actor
    row = await records.get(Project, project)
    row = await records.change(row, cost=row.cost + amount)
    return Said(value=str(row.cost))


def farewell_line(employee: Ref[Employee]) -> Line:
    """Three levels for a farewell."""
    del employee
    return Line(superior(1), superior(2), superior(3), rule="farewell", because=Text("대표까지", "Up to the chief"))


async def farewell_preview(employee: Ref[Employee]) -> list[Change]:
    """Say whom it concerns."""
    return [Change(Text("퇴사", "Leaves"), "", str(employee))]


@work.irreversible(
    label=Text("퇴사 처리", "Farewell"), allow=having("hr"), approval=farewell_line, preview=farewell_preview
)
async def farewell(records: Records, clock: Clock, employee: Ref[Employee]) -> Said:
    """Note that a person leaves."""
    row = await records.get(Employee, employee)
    await records.change(row, left_on=clock.today())
    return Said(value=row.name)


@work.write(label=Text("대기", "Wait"), allow=anyone)
async def wait_for_network(records: Records, name: str) -> Said:
    """Write a row, then wait for something that is not a record."""
    await records.add(Project(name=name, team_id=1))
    await asyncio.sleep(0)
    return Said(value=name)


AGENTS = (
    Agent("assistant", Text("비서", "Assistant")),
    Agent("reader", Text("열람", "Reader"), scope=("read",), roles=frozenset()),
)
ROLES = {"hr": Text("인사 담당", "HR"), "finance": Text("재무 담당", "finance")}
company = Company(Text("작은상사", "Small Trading"), [work], AGENTS, ROLES)

DEPARTMENTS: Sequence[Mapping[str, Any]] = (
    {"id": 1, "name": "영업1팀", "parent_id": 10, "lead_id": LEAD},
    {"id": 2, "name": "영업2팀", "parent_id": 10, "lead_id": OTHER_LEAD},
    {"id": 3, "name": "경영지원팀", "parent_id": 100, "lead_id": None},
    {"id": 10, "name": "영업본부", "parent_id": 100, "lead_id": DIRECTOR},
    {"id": 100, "name": "대표이사실", "parent_id": None, "lead_id": CHIEF},
)
PEOPLE: Sequence[Mapping[str, Any]] = (
    {"id": OWNER, "name": "김하은", "rank": "대리", "team_id": 1, "english_name": "Kim Haeun"},
    {"id": COLLEAGUE, "name": "김민준", "rank": "사원", "team_id": 1},
    {"id": STRANGER, "name": "이서준", "rank": "대리", "team_id": 2},
    {"id": LEAD, "name": "박서연", "rank": "차장", "title": "팀장", "team_id": 1},
    {"id": DIRECTOR, "name": "최지우", "rank": "상무", "title": "본부장", "team_id": 10},
    {"id": HR, "name": "정유진", "rank": "과장", "team_id": 3, "roles": ["hr"]},
    {"id": CHIEF, "name": "한도윤", "rank": "사장", "title": "대표이사", "team_id": 100},
    {"id": FINANCE, "name": "오세훈", "rank": "차장", "team_id": 3, "roles": ["finance"]},
    {"id": LEAVER, "name": "강지호", "rank": "대리", "team_id": 1, "left_on": date(2026, 1, 31)},
    {"id": OTHER_LEAD, "name": "윤서아", "rank": "부장", "title": "팀장", "team_id": 2},
    {"id": AUDITOR, "name": "문가영", "rank": "부장", "team_id": 3, "roles": ["auditor"]},
    {"id": NAMESAKE, "name": "김도현", "rank": "대리", "team_id": 2},
)
PROJECTS: Sequence[Mapping[str, Any]] = (
    {"id": 1, "name": "가을 판촉", "code": "여우비", "team_id": 1, "cost": 100, "due": date(2026, 12, 1)},
    {"id": 2, "name": "겨울 판촉", "code": "함박눈", "team_id": 1, "cost": 300, "due": None},
    {"id": 3, "name": "신제품", "code": "은하수", "team_id": 2, "cost": 500, "due": date(2026, 12, 24)},
)


def furnish(path: Path) -> Path:
    """Make a database file with the company's people, teams and projects in it."""
    engine = engine_of(path)
    person = {"login": None, "title": "", "roles": [], "left_on": None, "english_name": "", "salary": 30_000_000}
    people = [person | {"salary": SALARIES.get(one["id"], 30_000_000)} | one for one in PEOPLE]
    with engine.begin() as connection:
        system.create_all(connection)
        Record.metadata.create_all(connection, tables=WORLD_TABLES)
        connection.execute(insert(Department.__table__), list(DEPARTMENTS))
        connection.execute(insert(Employee.__table__), people)
        connection.execute(insert(Project.__table__), list(PROJECTS))
        connection.execute(insert(Vault.__table__), [{"id": 1, "content": "gold"}])
    count_on(engine)
    engine.dispose()
    return path


@dataclass(slots=True)
class World:
    """The company with its parts put together, as app.py does."""

    company: Company
    store: Store
    clock: FixedClock
    door: Door
    shelf: Shelf
    approvals: Approvals
    office: Office
    runs: Runs
    identity: Identity
    anchors: Anchors
    audit_log: AuditLog
    prompts: PromptBook

    async def actor(self, person_id: int, **more: Any) -> Actor:
        """Return a person as they act in their own session."""
        return replace(await self.identity.actor_of_person(person_id, "test"), **({"decides": True} | more))

    async def deputy(self, person_id: int, agent: str = "assistant") -> Actor:
        """Return an agent that acts on a person's behalf."""
        return self.company.agent(agent).acting_for(await self.actor(person_id))

    async def see(self, actor: Actor, look: Callable[[Records], Awaitable[Any]]) -> Any:
        """Let `look` read records as an actor, in a read transaction."""
        return await self.store.read(lambda connection: run_to_end(look(self._records(connection, actor))))

    async def do(self, actor: Actor, act: Callable[[Records], Awaitable[Any]]) -> Any:
        """Let `act` change records as an actor, in a write transaction."""
        return await self.store.write(lambda connection: run_to_end(act(self._records(connection, actor))))

    async def held(self, actor: Actor, name: str, arguments: Mapping[str, Any], **more: Any) -> Held:
        """Call an operation that must be held."""
        outcome = await self.door.call(actor, name, arguments, **more)
        assert isinstance(outcome, Held)
        return outcome

    async def done(self, actor: Actor, name: str, arguments: Mapping[str, Any], **more: Any) -> Done:
        """Call an operation that must be done at once."""
        outcome = await self.door.call(actor, name, arguments, **more)
        assert isinstance(outcome, Done)
        return outcome

    async def sql(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Run raw SQL as someone with the database in hand would."""

        def run(connection: Connection) -> list[dict[str, Any]]:
            result = connection.execute(text(statement), values)
            rows = result.mappings() if result.returns_rows else []
            return [{name: as_kept(value) for name, value in row.items()} for row in rows]

        return await self.store.write(run)

    async def audited(self) -> list[dict[str, Any]]:
        """Return the audit, oldest first, after its chain has been verified."""
        await self.store.read(audit.verify)
        return (await self.store.read(lambda connection: audit.recent(connection, 10_000)))[::-1]

    def _records(self, connection: Connection, actor: Actor) -> Records:
        return Records(connection, self.company.rules, actor, Trail())


def build(store: Store, declared: Company = company, folder: Path = NOWHERE) -> World:
    """Put the parts together over an opened database; the audit's key and notes would stand in `folder`."""
    clock = FixedClock(NOW)
    anchors = Anchors(store, clock, folder / "audit.key", [folder / "audit.anchors"])
    door = Door(declared, store, clock)
    runs = Runs(declared, store, clock, Wakeups())
    approvals = Approvals(declared, store, clock, door.execute_approved, runs.dispatch)
    return World(
        company=declared,
        store=store,
        clock=clock,
        door=door,
        shelf=Shelf(declared, store, clock),
        approvals=approvals,
        office=Office(door, approvals, store, clock),
        runs=runs,
        identity=Identity(store, declared.people, clock, demo=True, narrow=declared.narrowed),
        anchors=anchors,
        audit_log=AuditLog(declared, store, clock, anchors),
        prompts=PromptBook(store, clock),
    )


@asynccontextmanager
async def open_world(furnished: Path, folder: Path, *more: Catalog) -> AsyncIterator[World]:
    """Open a copy of the furnished database, with further catalogs where a test declares some."""
    path = folder / "daeri.db"
    shutil.copy(furnished, path)
    store = Store(address(path))
    declared = Company(company.name, [work, *more], AGENTS, ROLES) if more else company
    try:
        world = build(store, declared, folder)
        with nothing_missed(store, world.identity.made_of):
            yield world
    finally:
        await store.close()
        forget(path)
