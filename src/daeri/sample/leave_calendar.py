"""When is who away? The calendar side of leave: absences, days used, public holidays, the law on a day."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import func

from daeri.errors import PermissionDenied
from daeri.operations import anyone
from daeri.records import Actor, Clock, Records
from daeri.sample.leave_law import rules_on
from daeri.sample.leave_records import BOOKED, ENTRIES_MAX, KINDS, Leave, LeaveKind, in_days, leave, uses_of
from daeri.sample.organisation import Employee, called, chart, names, unit_of
from daeri.sample.people import InTeam, WhoOrMe
from daeri.sample.period import End, Period, Start, this_month, this_year
from daeri.sample.workdays import holidays_between
from daeri.wording import Lang, Text, day, day_range, days, josa

AWAY_MAX = 100
"""Absences one answer lists."""
NAMED_MAX = 8
"""Absences one sentence names; the rows hold the rest."""
NOT_YOURS = Text(
    "다른 팀의 휴가 일정은 그 팀과 상급자, 인사 담당만 볼 수 있어요",
    "Only that team, its superiors and HR may see when its people are away",
)


class Absence(BaseModel):
    """One person's absence."""

    leave_id: int
    employee_id: int
    name: str
    kind: LeaveKind
    start: date
    end: date
    days: Decimal

    def say(self, lang: Lang) -> str:
        """Tell who, when and, for a part of a day, which part."""
        part = "" if self.kind == "연차" else f" {KINDS[self.kind].to(lang)}"
        return f"{self.name} {day_range(self.start, self.end, lang)}{part}"


class Absences(BaseModel):
    """Who is away in a period, as far as the asker may know."""

    about: str
    start: date
    end: date
    people: int
    rows: list[Absence]

    def say(self, lang: Lang) -> str:
        """Name who is away and when."""
        when, about = Period(self.start, self.end).say(lang), self.about
        if not self.rows:
            return f"{when}에 쉬는 사람이 없어요 ({about})." if lang == "ko" else f"Nobody is away, {when} ({about})."
        named = ", ".join(row.say(lang) for row in self.rows[:NAMED_MAX])
        more = len(self.rows) - min(len(self.rows), NAMED_MAX)
        if lang == "ko":
            return f"{when}에 {self.people}명이 쉬어요 ({about}): {named}{f' 외 {more}건' if more else ''}."
        return f"{self.people} away, {when} ({about}): {named}{f' and {more} more' if more else ''}."


@leave.read(
    label=Text("휴가자", "Who is away"),
    allow=anyone,
    examples=[
        "누가 다음 주에 쉬어?",
        "오늘 휴가 간 사람 누구야?",
        "우리 팀 이번 달 휴가자 알려줘",
        "다음 주에 박서연 팀장 휴가야?",
        "내 휴가 일정 보여줘",
        "영업1팀 12월 휴가 일정",
        "Who is off next week?",
        "Who is on leave today?",
        "Show my team's leave this month",
        "Is Park Seoyeon away next week?",
        "List my booked leave",
    ],
    words=[
        "휴가자",
        "쉬어",
        "쉬는 사람",
        "부재",
        "휴가 일정",
        "일정",
        "누가",
        "away",
        "off",
        "on leave",
        "absent",
        "schedule",
        "calendar",
    ],
)
async def away(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: Annotated[
        WhoOrMe, Field(description="직원 (person): id or name; 없으면 볼 수 있는 모두 (missing: everyone you may see)")
    ] = None,
) -> Absences:
    """List who is away in a period, by team or person; without a period, this month (휴가자).

    Everyone sees their own team; leads, heads of division and HR see their people. Not for how many days are left:
    that is leave.balance.
    """
    span = this_month(start, end, clock.today())
    about, who = await _in_sight(records, actor, team, employee)
    where = [Leave.status == BOOKED, Leave.start_on <= span.end, Leave.end_on >= span.start]
    if who is not None:
        where.append(Leave.employee_id.in_(who))
    found = await records.find(Leave, *where, order_by=[Leave.start_on], limit=AWAY_MAX)
    named = await names(records, [entry.employee_id for entry in found])
    rows = [
        Absence(
            leave_id=entry.id,
            employee_id=entry.employee_id,
            name=named[entry.employee_id],
            kind=entry.kind,
            start=entry.start_on,
            end=entry.end_on,
            days=in_days(entry.quarters),
        )
        for entry in found
        if entry.employee_id in named
    ]
    return Absences(
        about=about, start=span.start, end=span.end, people=len({row.employee_id for row in rows}), rows=rows
    )


class LeaveUsed(BaseModel):
    """Leave taken and booked in a period."""

    about: str
    start: date
    end: date
    days: Decimal
    people: int

    def say(self, lang: Lang) -> str:
        """Tell how many days."""
        when, used = Period(self.start, self.end).say(lang), days(self.days, lang)
        if lang == "ko":
            return f"{self.about}: {when}에 쓴 휴가는 {josa(used, '이에요/예요')} (등록된 휴가 포함)."
        return f"{self.about}: {used} of leave used, {when} (booked leave included)."


@leave.read(
    label=Text("사용한 휴가", "Leave used"),
    allow=anyone,
    examples=[
        "올해 휴가 며칠 썼어?",
        "내가 이번 달에 쓴 연차 며칠이야?",
        "우리 팀 올해 휴가 얼마나 썼어?",
        "작년에 내가 쓴 휴가 일수",
        "How many leave days have I used this year?",
        "Days of leave my team took this year",
        "How much leave did I take last year?",
        "Leave used by Sales Team 1 this month",
    ],
    words=["쓴", "사용한", "사용", "썼어", "소진", "used", "taken", "took"],
)
async def used(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Start = None,
    end: End = None,
    team: InTeam = None,
    employee: WhoOrMe = None,
) -> LeaveUsed:
    """Tell how many leave days the asker, a person or a team used in a period; without one, this year (사용한 휴가).

    Not for what is left: that is leave.balance.
    """
    span = this_year(start, end, clock.today())
    one = employee if employee is not None or team is not None else actor.person_id
    about, who = await _in_sight(records, actor, team, one)
    where = [Leave.status == BOOKED, Leave.start_on <= span.end, Leave.end_on >= span.start]
    if who is not None:
        where.append(Leave.employee_id.in_(who))
    entry = (Leave.id, Leave.employee_id, Leave.kind, Leave.start_on, Leave.end_on)
    rows = await records.group(*entry, measures={}, where=where, limit=ENTRIES_MAX)
    taken = sum(
        quarters
        for row in rows
        for _, quarters in uses_of(row.kind, max(row.start_on, span.start), min(row.end_on, span.end))
    )
    return LeaveUsed(
        about=about,
        start=span.start,
        end=span.end,
        days=in_days(taken),
        people=len({row.employee_id for row in rows}),
    )


class Holiday(BaseModel):
    """A public holiday."""

    day: date
    name: str
    english_name: str


class Holidays(BaseModel):
    """The public holidays of a period, substitute holidays included."""

    start: date
    end: date
    rows: list[Holiday]

    def say(self, lang: Lang) -> str:
        """Name them."""
        when = Period(self.start, self.end).say(lang)
        if not self.rows:
            return f"{when}에는 공휴일이 없어요." if lang == "ko" else f"No public holiday, {when}."
        if lang == "ko":
            return f"{when} 공휴일: " + ", ".join(f"{day(row.day, lang)} {row.name}" for row in self.rows) + "."
        return f"Public holidays, {when}: " + ", ".join(
            f"{row.english_name} on {day(row.day, lang)}" for row in self.rows
        )


@leave.read(
    label=Text("공휴일", "Public holidays"),
    allow=anyone,
    examples=[
        "다음 달 공휴일 언제야?",
        "올해 남은 공휴일 알려줘",
        "12월에 빨간 날 있어?",
        "내년 1월 휴일이 며칠이지?",
        "Which public holidays are there next month?",
        "Public holidays left this year",
        "Is there a public holiday in December?",
        "List the national holidays of this month",
    ],
    words=["공휴일", "휴일", "빨간 날", "대체공휴일", "연휴", "public holiday", "holidays", "bank holiday"],
)
async def holidays(clock: Clock, start: Start = None, end: End = None) -> Holidays:
    """List the Korean public holidays of a period, on which no leave is needed; without one, this month (공휴일)."""
    span = this_month(start, end, clock.today())
    english = dict(holidays_between(span.start, span.end, "en"))
    rows = [
        Holiday(day=found, name=name, english_name=english[found])
        for found, name in holidays_between(span.start, span.end, "ko")
    ]
    return Holidays(start=span.start, end=span.end, rows=rows)


class LawOnDay(BaseModel):
    """What the Act says about annual leave on a day."""

    day: date
    act: str
    effective_from: date
    by_the_hour: bool
    korean: str
    english: str

    def say(self, lang: Lang) -> str:
        """Tell the rules and where they come from."""
        if lang == "ko":
            return f"{day(self.day, lang)} 기준: {self.korean} ({self.act})"
        return f"On {day(self.day, lang)}: {self.english} ({self.act})"


@leave.read(
    label=Text("연차 규정", "Leave rules"),
    allow=anyone,
    examples=[
        "연차 규정이 어떻게 돼?",
        "2027년 7월에는 시간 단위 연차를 쓸 수 있어?",
        "연차는 몇 년 차부터 늘어나?",
        "신입은 연차가 어떻게 생겨?",
        "What are the rules for annual leave?",
        "Will leave by the hour be possible in July 2027?",
        "How does annual leave grow with service?",
        "How do newcomers earn leave?",
    ],
    words=[
        "규정",
        "법",
        "근로기준법",
        "규칙",
        "시간 단위",
        "발생",
        "rules",
        "law",
        "policy",
        "by the hour",
        "entitlement",
    ],
)
async def rules(
    clock: Clock,
    on: Annotated[
        date | None, Field(description="기준일 (as of), e.g. 2027-07-01; 없으면 오늘 (missing: today)")
    ] = None,
) -> LawOnDay:
    """Tell the law and company rules of annual leave in force on a day; today where none is given (연차 규정)."""
    asked = on or clock.today()
    found = rules_on(asked)
    return LawOnDay(
        day=asked,
        act=found.act,
        effective_from=found.effective_from,
        by_the_hour=found.by_the_hour,
        korean=found.summary.ko,
        english=found.summary.en,
    )


async def _in_sight(
    records: Records, actor: Actor, team: int | None, employee: int | None
) -> tuple[str, list[int] | None]:
    """Return whose absences are meant, in words and as ids; None means every row the actor may see.

    A list that silently lacks people would say "nobody is away" where somebody is, so it is refused instead.

    Raises:
        PermissionDenied: the actor does not see all of them.
    """
    units = await chart(records)
    led = units.led_by(actor.person_id)
    seen = led | {actor.team_id}
    if employee is not None:
        person = await records.get(Employee, employee)
        if not (actor.has("hr") or person.id == actor.person_id or person.team_id in seen):
            raise PermissionDenied(NOT_YOURS)
        return called(person), [person.id]
    if team is None:
        widest = next((unit for unit in units.above(actor.team_id)[::-1] if unit in led), actor.team_id)
        return units.name(units.root() if actor.has("hr") else widest), None
    unit = await unit_of(records, units, team)
    below = set(units.below(team))
    if not (actor.has("hr") or below <= seen):
        raise PermissionDenied(NOT_YOURS)
    members = await records.group(
        Employee.id, measures={"n": func.count(Employee.id)}, where=[Employee.team_id.in_(below)], limit=ENTRIES_MAX
    )
    return unit.name, [member.id for member in members]
