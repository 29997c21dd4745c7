"""Who works here, in which team, and who is in charge of whom? The records everything else points to.

Only records, their rules and the questions about the tree that other files ask live here; operations that people call
stand in `people.py`.

Who may see what of a person:

- the directory (name, rank, title, team, email, extension, hiring date): everyone;
- salary: the person and HR;
- mobile number: the person, HR and those in charge of the person; everybody else sees it masked;
- people who have left: HR only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, String, false, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import PermissionDenied
from daeri.operations import Catalog
from daeri.records import WON, Actor, Person, Records, Relation, Team, classed, labelled, visible_to
from daeri.wording import Text

LOADER = "loader"
"""The role that brings in records of the old systems. Nobody holds it; `daeri demo` acts with it once."""
ROLES = {
    "hr": Text("인사 담당", "HR"),
    "finance": Text("재무 담당", "Finance"),
    "sales": Text("영업본부", "the sales division"),
    "executive": Text("임원", "executives"),
    "admin": Text("시스템 관리자", "system administrators"),
    "auditor": Text("감사 담당", "auditors"),
    LOADER: Text("자료 이관", "data migration"),
}

organisation = Catalog("organisation", Text("조직", "Organisation"))


class Department(Team):
    """A unit of the company: the company itself, a division (본부) or a team (팀)."""

    __tablename__ = "department"
    __label__ = Text("조직", "team")
    __also__: ClassVar[tuple[str, ...]] = ("english_name",)

    english_name: Mapped[str] = mapped_column(String(100), info=labelled("영문 이름", "English name"))


IN_CHARGE = Relation(
    Text("상위 조직장", "those in charge of the person"), lambda actor: Employee.id.in_(people_under(actor))
)


class Employee(Person):
    """A person on the payroll (직원)."""

    __tablename__ = "employee"
    __label__ = Text("직원", "employee")
    __also__: ClassVar[tuple[str, ...]] = ("english_name",)
    __email__ = "email"

    english_name: Mapped[str] = mapped_column(String(100), info=labelled("영문 이름", "English name"))
    number: Mapped[str] = mapped_column(String(20), unique=True, info=labelled("사번", "employee number"))
    email: Mapped[str] = mapped_column(String(100), info=labelled("이메일", "email") | classed("internal"))
    extension: Mapped[str] = mapped_column(String(10), info=labelled("내선 번호", "extension"))
    hired_on: Mapped[date] = mapped_column(index=True, info=labelled("입사일", "hired on"))
    mobile: Mapped[str] = mapped_column(
        String(20),
        info=labelled("휴대전화 번호", "the mobile number")
        | visible_to("self", "hr", IN_CHARGE, data_class="personal", mask="010-****-1234"),
    )
    salary: Mapped[int] = mapped_column(
        info=labelled("연봉", "the salary") | WON | visible_to("self", "hr", data_class="personal")
    )


@organisation.rows(Department)
def every_team(actor: Actor) -> ColumnElement[bool]:
    """The organisation chart hangs in the hall: everyone sees all of it."""
    del actor
    return true()


@organisation.rows(Employee)
def the_directory(actor: Actor) -> ColumnElement[bool]:
    """Everyone sees everyone who works here; HR also sees who has left, to settle what is open."""
    return true() if actor.has("hr") else Employee.left_on.is_(None)


@organisation.changes(Department)
@organisation.changes(Employee)
def kept_by_hr(actor: Actor) -> ColumnElement[bool]:
    """HR keeps people and teams."""
    return true() if actor.has("hr") or actor.has(LOADER) else nobody()


def nobody() -> ColumnElement[bool]:
    """Return the rule that fits no row of any record."""
    return false()


def only_loaded(actor: Actor) -> ColumnElement[bool]:
    """Kept in another system: rows come in by loading and are not changed here."""
    return true() if actor.has(LOADER) else nobody()


def people_under(actor: Actor) -> Select[Any]:
    """Return, for row rules, the ids of the people the actor is in charge of: own units and all units below."""
    own = Department.lead_id == actor.person_id
    divisions = select(Department.id).where(own)
    teams = select(Department.id).where(or_(own, Department.parent_id.in_(divisions)))
    units = select(Department.id).where(or_(own, Department.parent_id.in_(teams)))
    return select(Employee.id).where(Employee.team_id.in_(units))


def teammates(actor: Actor) -> Select[Any]:
    """Return, for row rules, the ids of the people in the actor's own team."""
    return select(Employee.id).where(Employee.team_id == actor.team_id)


class Chart:
    """The organisation chart, read once in a call: small enough to hold, and no source of an answer by itself."""

    def __init__(self, rows: Iterable[Any]) -> None:
        """Take rows with id, name, parent_id and lead_id."""
        self._units = {row.id: row for row in rows}

    def name(self, team_id: int | None) -> str:
        """Return a unit's name; "" for none."""
        unit = self._units.get(team_id)
        return unit.name if unit is not None else ""

    def root(self) -> int:
        """Return the unit above all others: the company."""
        return int(next(unit.id for unit in self._units.values() if unit.parent_id is None))

    def parent(self, team_id: int | None) -> int | None:
        """Return the unit above a unit."""
        unit = self._units.get(team_id)
        return unit.parent_id if unit is not None else None

    def leaves(self, team_id: int | None) -> list[int]:
        """Return the teams of a unit (None: of the company): the units with nothing below them."""
        parents = {unit.parent_id for unit in self._units.values()}
        return [unit for unit in self.below(team_id or self.root()) if unit not in parents]

    def lead(self, team_id: int | None) -> int | None:
        """Return who leads a unit."""
        unit = self._units.get(team_id)
        return unit.lead_id if unit is not None else None

    def below(self, team_id: int) -> list[int]:
        """Return a unit and all units below it."""
        found = [team_id]
        for unit_id in found:
            found.extend(unit.id for unit in self._units.values() if unit.parent_id == unit_id)
        return found

    def above(self, team_id: int | None) -> list[int]:
        """Return a unit and all units above it, nearest first."""
        found: list[int] = []
        while team_id is not None and team_id in self._units and team_id not in found:
            found.append(team_id)
            team_id = self._units[team_id].parent_id
        return found

    def led_by(self, person_id: int) -> set[int]:
        """Return the units a person is in charge of: those they lead and all below."""
        led = [unit.id for unit in self._units.values() if unit.lead_id == person_id]
        return {below for unit_id in led for below in self.below(unit_id)}

    def leads_above(self, person_id: int, team_id: int | None) -> list[int]:
        """Return who a person reports to, from the nearest up, without the person and without repeats."""
        leads = (self.lead(unit_id) for unit_id in self.above(team_id))
        return list(dict.fromkeys(lead for lead in leads if lead is not None and lead != person_id))


async def chart(records: Records) -> Chart:
    """Read the organisation chart."""
    columns = (Department.id, Department.name, Department.parent_id, Department.lead_id)
    return Chart(await records.group(*columns, measures={}))


async def unit_of(records: Records, units: Chart, team: int | None) -> Department:
    """Return the unit a question is about, as a source of its answer; the company where none is named.

    Raises:
        NotFound: there is no such unit. A sum over nothing would pass for an answer.
    """
    return await records.get(Department, units.root() if team is None else team)


def called(person: Person) -> str:
    """Name a person as colleagues do: "박서연 팀장" by post, "김하은 대리" by rank."""
    return f"{person.name} {person.title or person.rank}".strip()


async def names(records: Records, ids: Iterable[int]) -> dict[int, str]:
    """Name people by id, without making each of them a source of the answer; who is hidden is left out."""
    columns = (Employee.id, Employee.name, Employee.rank, Employee.title)
    wanted = sorted(set(ids))
    rows = await records.group(*columns, measures={}, where=[Employee.id.in_(wanted)], limit=max(1, len(wanted)))
    return {row.id: f"{row.name} {row.title or row.rank}".strip() for row in rows}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a sum or list is about: one person, or whole units.

    Attributes:
        label: the scope in words, e.g. "영업1팀", "김하은 대리".
        teams: the units whose rows belong to it; None when it is a person.
        employee_id: the person; None when it is units.
    """

    label: str
    teams: list[int] | None = None
    employee_id: int | None = None


async def scope_of(
    records: Records, actor: Actor, team: int | None, employee: int | None, *, who: Text, open_to: Sequence[str] = ()
) -> Scope:
    """Turn `team` and `employee` into a scope that the actor sees completely; neither means the actor's own rows.

    A sum over rows that the asker sees only in part would be a wrong number, so it is refused instead.

    Args:
        records: the actor's view.
        actor: who asks.
        team: a unit, with all units below it.
        employee: a person; goes before `team`.
        who: the refusal, naming who may see it.
        open_to: roles that see everything of this subject.

    Raises:
        PermissionDenied: the actor sees only a part of it, or nothing.
    """
    everything = any(actor.has(role) for role in open_to)
    units = await chart(records)
    if employee is None and team is not None:
        unit = await records.get(Department, team)
        below = units.below(team)
        if not everything and not set(below) <= units.led_by(actor.person_id):
            raise PermissionDenied(who)
        return Scope(unit.name, teams=below)
    person = await records.get(Employee, actor.person_id if employee is None else employee)
    mine = person.id == actor.person_id or person.team_id in units.led_by(actor.person_id)
    if not (everything or mine):
        raise PermissionDenied(who)
    return Scope(called(person), employee_id=person.id)
