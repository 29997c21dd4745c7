"""What is kept of people's leave, who may see it, and what is left of it?

Only records, their rules and the reckoning live here; operations that people call stand in `leave.py`.

Who may see what:

- when someone is away: their own team (to plan the work), those in charge of them, HR;
- how many days someone has left: the person, those in charge of them, HR;
- why someone is away: the person and HR.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import JSON, ColumnElement, String, or_, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import PermissionDenied
from daeri.operations import Catalog
from daeri.records import Actor, Record, Records, labelled, visible_to
from daeri.sample.leave_law import QUARTERS, Allocation, Bucket, YearAttendance, allocate, buckets
from daeri.sample.organisation import Employee, called, only_loaded, people_under, teammates
from daeri.sample.workdays import workdays
from daeri.wording import Text

leave = Catalog("leave", Text("휴가", "Leave"))

LeaveKind = Literal["연차", "반차", "반반차"]
Status = Literal["승인", "취소"]
BOOKED: Status = "승인"
CANCELLED: Status = "취소"
QUARTERS_OF: dict[str, int] = {"연차": QUARTERS, "반차": QUARTERS // 2, "반반차": 1}
KINDS: dict[str, Text] = {
    "연차": Text("연차", "annual leave"),
    "반차": Text("반차", "half a day"),
    "반반차": Text("반반차", "a quarter day"),
}
HISTORY_DAYS = 3 * 365
"""How far back leave can still matter to a balance: buckets live a year and overlap by less than another."""
ENTRIES_MAX = 1000
"""Entries of leave one answer is reckoned from."""


class LeaveAccount(Record):
    """What must be known of a person to count their days: since when, and which years were not attended in full."""

    __tablename__ = "leave_account"
    __label__ = Text("휴가 계정", "leave account")

    employee_id: Mapped[int] = mapped_column(unique=True, info=labelled("직원", "employee"))
    counted_from: Mapped[date] = mapped_column(info=labelled("기산일", "counted from"))
    attendance: Mapped[dict[str, list[int]]] = mapped_column(JSON, default=dict, info=labelled("출근율", "attendance"))
    """For each year of service not attended in full: its attendance in thousandths, then the months missed."""


class LeaveGrant(Record):
    """Days the company gives on top of the Act (포상휴가)."""

    __tablename__ = "leave_grant"
    __label__ = Text("포상휴가", "extra leave")
    __title__ = ("reason",)

    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("직원", "employee"))
    quarters: Mapped[int] = mapped_column(info=labelled("날수(1/4일)", "quarter days"))
    given_on: Mapped[date] = mapped_column(info=labelled("부여일", "given on"))
    usable_until: Mapped[date] = mapped_column(info=labelled("사용 기한", "usable until"))
    reason: Mapped[str] = mapped_column(String(200), info=labelled("사유", "reason"))


class Leave(Record):
    """One absence that was approved, from its first to its last day."""

    __tablename__ = "leave"
    __label__ = Text("휴가", "leave")
    __title__ = ("kind", "start_on")

    employee_id: Mapped[int] = mapped_column(index=True, info=labelled("직원", "employee"))
    kind: Mapped[str] = mapped_column(String(10), info=labelled("종류", "kind"))
    start_on: Mapped[date] = mapped_column(index=True, info=labelled("첫날", "first day"))
    end_on: Mapped[date] = mapped_column(index=True, info=labelled("마지막 날", "last day"))
    quarters: Mapped[int] = mapped_column(info=labelled("날수(1/4일)", "quarter days"))
    status: Mapped[str] = mapped_column(String(10), info=labelled("상태", "status"))
    reason: Mapped[str] = mapped_column(
        String(200), default="", info=labelled("사유", "the reason") | visible_to("self", "hr", data_class="personal")
    )


def _own_or_under(actor: Actor, owner: Any) -> ColumnElement[bool]:
    return true() if actor.has("hr") else or_(owner == actor.person_id, owner.in_(people_under(actor)))


@leave.rows(LeaveAccount)
def own_account(actor: Actor) -> ColumnElement[bool]:
    """Your own; those of the people you are in charge of; HR sees all."""
    return _own_or_under(actor, LeaveAccount.employee_id)


@leave.rows(LeaveGrant)
def own_grants(actor: Actor) -> ColumnElement[bool]:
    """Your own; those of the people you are in charge of; HR sees all."""
    return _own_or_under(actor, LeaveGrant.employee_id)


@leave.rows(Leave)
def team_leave(actor: Actor) -> ColumnElement[bool]:
    """Your own and your team's, to plan the work; those of the people you are in charge of; HR sees all."""
    return or_(_own_or_under(actor, Leave.employee_id), Leave.employee_id.in_(teammates(actor)))


@leave.changes(LeaveAccount)
def accounts_are_loaded(actor: Actor) -> ColumnElement[bool]:
    """The personnel system keeps accounts; they are only brought in."""
    return only_loaded(actor)


@leave.changes(LeaveGrant)
def given_by_hr(actor: Actor) -> ColumnElement[bool]:
    """HR gives extra days."""
    return true() if actor.has("hr") else only_loaded(actor)


@leave.changes(Leave)
def own_leave(actor: Actor) -> ColumnElement[bool]:
    """Everyone books and cancels their own leave, nobody another's."""
    return or_(Leave.employee_id == actor.person_id, only_loaded(actor))


def in_days(quarters: int) -> Decimal:
    """Return quarter days as days: 30 -> 7.5."""
    return Decimal(quarters) / QUARTERS


def uses_of(kind: str, start: date, end: date) -> list[tuple[date, int]]:
    """Return what an absence takes: each working day from `start` to `end` with its quarters."""
    return [(day, QUARTERS_OF[kind]) for day in workdays(start, end)]


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's leave: every bucket that has arisen or will before the last booked day, and what is booked."""

    buckets: list[Bucket]
    booked: list[tuple[date, int]]

    def after(self, more: Iterable[tuple[date, int]] = ()) -> Allocation:
        """Reckon what is left when `more` is taken as well."""
        return allocate(self.buckets, [*self.booked, *more])

    def taken_on(self, day: date) -> int:
        """Return the quarters already booked on a day."""
        return sum(quarters for used, quarters in self.booked if used == day)


async def standing(records: Records, employee: Employee, today: date, until: date | None = None) -> Standing:
    """Read a person's leave as it stands, with the buckets that arise by `until`.

    Raises:
        PermissionDenied: the actor may not know it.
    """
    account = await records.first(LeaveAccount, LeaveAccount.employee_id == employee.id)
    if account is None:
        name = called(employee)
        raise PermissionDenied(
            Text(
                f"{name}님의 남은 연차는 본인과 상급자, 인사 담당만 볼 수 있어요",
                f"Only {name}, their superiors and HR may see how much leave {name} has left",
            )
        )
    grants = await records.find(LeaveGrant, LeaveGrant.employee_id == employee.id)
    booked = await _booked(records, employee.id, today - timedelta(days=HISTORY_DAYS))
    last = max([today, until or today, *(day for day, _ in booked)])
    attendance = {int(year): YearAttendance(low[0], frozenset(low[1:])) for year, low in account.attendance.items()}
    found = buckets(account.counted_from, last, attendance=attendance)
    found += [Bucket("회사", grant.quarters, grant.given_on, grant.usable_until) for grant in grants]
    return Standing(found, booked)


async def _booked(records: Records, employee_id: int, since: date) -> list[tuple[date, int]]:
    """Read booked days; grouped, not found, because a hundred old entries are no source of a balance."""
    rows = await records.group(
        Leave.id,
        Leave.kind,
        Leave.start_on,
        Leave.end_on,
        measures={},
        where=[Leave.employee_id == employee_id, Leave.status == BOOKED, Leave.end_on >= since],
        limit=ENTRIES_MAX,
    )
    return [use for row in rows for use in uses_of(row.kind, row.start_on, row.end_on)]
