"""What can people ask and do about leave? Annual leave by the Act (`leave_law.py`) and by the company's own rules.

The company's own rules (취업규칙):

- half days (반차) and quarter days (반반차), which the Act does not know today;
- leave is counted from the day of hiring, and extra days (포상휴가) come on top;
- the team lead decides on leave of up to two days, longer leave goes on to the head of division;
- whoever is to be away may cancel without asking, as long as the leave has not begun.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from daeri.errors import Refused
from daeri.operations import Change, Line, Pending, anyone, having, superior
from daeri.records import Actor, Clock, Records
from daeri.sample.leave_law import QUARTERS, Bucket
from daeri.sample.leave_records import (
    BOOKED,
    CANCELLED,
    KINDS,
    QUARTERS_OF,
    Leave,
    LeaveAccount,
    LeaveGrant,
    LeaveKind,
    Standing,
    in_days,
    leave,
    standing,
    uses_of,
)
from daeri.sample.organisation import LOADER, Employee, called
from daeri.sample.people import Loaded, WhoOrMe
from daeri.wording import Lang, Text, day, day_range, days, josa

SOURCES = {"②": "법정 연차 (월 단위)", "④": "법정 연차", "회사": "포상휴가"}
LEAD_DECIDES_DAYS = 2
"""Leave of up to so many working days is the team lead's to decide."""
SPAN_DAYS_MAX = 60
"""Longer absences are a leave of absence (휴직), which HR arranges in person."""

Kind = Annotated[
    LeaveKind, Field(description="종류 (kind): 연차 (annual leave), 반차 (half day), 반반차 (quarter day)")
]
First = Annotated[date, Field(description="첫날 (first day), e.g. 2026-11-26")]
Last = Annotated[date | None, Field(description="마지막 날 (last day), included; 없으면 하루 (missing: one day)")]


class DaysLeft(BaseModel):
    """Days that expire together."""

    days: Decimal
    usable_until: date
    source: str


class Waiting(BaseModel):
    """A request nobody has decided on yet."""

    approval_id: str
    start: date
    end: date
    kind: LeaveKind
    days: Decimal


class LeaveBalance(BaseModel):
    """What a person has left. Booked leave is taken off, also where it lies ahead; `waiting` is not."""

    employee_id: int
    name: str
    as_of: date
    days: Decimal
    rows: list[DaysLeft]
    waiting: list[Waiting]

    def say(self, lang: Lang) -> str:
        """Tell what is left, by when it must be used, and what waits for a decision."""
        asked = sum((request.days for request in self.waiting), Decimal(0))
        several = len(self.rows) > 1
        if lang == "ko":
            said = [f"{self.name}님의 남은 연차는 {josa(days(self.days, lang), '이에요/예요')}."]
            for row in self.rows[:2]:
                which = f"{days(row.days, lang)}은 " if several else ""
                said.append(f"{which}{day(row.usable_until, lang)}까지 쓸 수 있어요.")
            rest = days(self.days - asked, lang)
            said += [f"이 가운데 {days(asked, lang)}은 결재를 기다리고, 승인되면 {rest}이 남아요."] if asked else []
        else:
            said = [f"{self.name} has {days(self.days, lang)} of leave left."]
            for row in self.rows[:2]:
                which = days(row.days, lang) if several else "All of it"
                said.append(f"{which} can be used until {day(row.usable_until, lang)}.")
            rest = days(self.days - asked, lang)
            said += [f"Of these, {days(asked, lang)} wait for a decision; {rest} remain if approved."] if asked else []
        return " ".join(said)


@leave.read(
    label=Text("남은 연차", "Leave left"),
    allow=anyone,
    examples=[
        "김대리 휴가 며칠 남았어?",
        "내 연차 며칠 남았지?",
        "나 휴가 얼마나 쓸 수 있어?",
        "박서연 팀장 남은 연차 알려줘",
        "내 연차 언제까지 써야 해?",
        "연차 잔여일수 조회해줘",
        "How many leave days has Kim left?",
        "How much annual leave do I have left?",
        "What is my leave balance?",
        "When do my leave days expire?",
        "Remaining PTO of Kim Haeun",
    ],
    words=[
        "연차",
        "휴가",
        "남은",
        "잔여",
        "잔여일수",
        "며칠",
        "소멸",
        "leave",
        "vacation",
        "PTO",
        "balance",
        "remaining",
        "left",
    ],
)
async def balance(
    records: Records, actor: Actor, clock: Clock, pending: Pending, employee: WhoOrMe = None
) -> LeaveBalance:
    """Tell how many leave days a person has left today, by when, and what is asked for (남은 연차).

    Use it for "how many days are left". Not for who is away (leave.away) or how much was used (leave.used).
    """
    today = clock.today()
    person = await records.get(Employee, employee or actor.person_id)
    reckoned = await standing(records, person, today)
    result = reckoned.after()
    return LeaveBalance(
        employee_id=person.id,
        name=called(person),
        as_of=today,
        days=in_days(result.quarters_on(today)),
        rows=_expiring(result.left, today),
        waiting=await _waiting(pending, person.id),
    )


class LeaveBooked(BaseModel):
    """Leave that now stands in the calendar."""

    leave_id: int
    name: str
    kind: LeaveKind
    start: date
    end: date
    days: Decimal
    days_left: Decimal

    def say(self, lang: Lang) -> str:
        """Tell what was booked and what is left."""
        when, taken, left = day_range(self.start, self.end, lang), days(self.days, lang), days(self.days_left, lang)
        if lang == "ko":
            booked = f"{when} {self.kind} {josa(taken, '을/를')} 등록했어요."
            return f"{booked} 남은 연차는 {josa(left, '이에요/예요')}."
        return f"Booked: {KINDS[self.kind].en}, {when} ({taken}). {left} left."


def leave_line(start: date, end: date | None, kind: LeaveKind) -> Line:
    """Choose who decides: the team lead up to two working days, then also the head of division."""
    quarters = sum(used for _, used in uses_of(kind, start, _last(start, end, kind)))
    if quarters <= LEAD_DECIDES_DAYS * QUARTERS:
        return Line(
            superior(1),
            rule="leave-2days",
            because=Text("2일까지는 바로 위 조직장 전결이에요", "Up to two days the nearest lead decides alone"),
        )
    return Line(
        superior(1),
        superior(2),
        rule="leave-long",
        because=Text("3일 이상은 본부장까지 결재해요", "Three days or more also need the head of division"),
    )


async def leave_effect(
    records: Records, actor: Actor, clock: Clock, pending: Pending, start: date, end: date | None, kind: LeaveKind
) -> list[Change]:
    """Show the days left before and after; refuse what can only be refused while it is being drafted."""
    today = clock.today()
    if start < today:
        # Only here: a request filed in time may be approved after its first day has come.
        raise Refused(
            Text(
                "이미 지난 날은 신청할 수 없어요. 지난 휴가는 인사팀에 알려 주세요.",
                "Days in the past cannot be requested; tell HR about leave already taken.",
            )
        )
    person = await records.get(Employee, actor.person_id)
    last = _last(start, end, kind)
    uses = uses_of(kind, start, last)
    reckoned = await standing(records, person, today, last)
    asked = [
        use
        for request in await _waiting(pending, person.id)
        for use in uses_of(request.kind, request.start, request.end)
    ]
    _check_free(Standing(reckoned.buckets, [*reckoned.booked, *asked]), uses)
    before, after = reckoned.after(asked).quarters_on(start), reckoned.after([*asked, *uses]).quarters_on(start)
    total = sum(used for _, used in uses)
    waiting = Text(" (결재 대기 포함)", " (with requests under way)") if asked else Text("", "")
    return [
        Change(
            Text(f"남은 연차{waiting.ko}", f"Leave left{waiting.en}"),
            before=_days_text(before),
            after=_days_text(after),
        ),
        Change(
            Text(f"{kind} 기록", "Leave booked"),
            before=Text("없음", "none"),
            after=Text(
                f"{day_range(start, last, 'ko')} {_days_text(total).ko}",
                f"{day_range(start, last, 'en')}, {_days_text(total).en}",
            ),
        ),
    ]


def _days_text(quarters: int) -> Text:
    return Text(days(in_days(quarters), "ko"), days(in_days(quarters), "en"))


@leave.write(
    label=Text("연차 휴가 신청", "Leave request"),
    allow=anyone,
    approval=leave_line,
    preview=leave_effect,
    examples=[
        "다음 주 목금 연차 올려줘",
        "내일 반차 쓸게",
        "12월 1일부터 3일까지 휴가 신청해줘",
        "금요일에 반반차 내줘",
        "모레 하루 쉬고 싶어, 연차 신청",
        "11월 27일 연차 상신해줘",
        "Request leave next Thursday and Friday",
        "I'd like a half day off tomorrow",
        "Book annual leave from December 1 to 3",
        "Take the day off on Monday",
        "File a quarter day for Friday",
    ],
    words=[
        "연차",
        "휴가",
        "반차",
        "반반차",
        "신청",
        "올려",
        "내줘",
        "쉬고 싶어",
        "쓸게",
        "request",
        "book",
        "day off",
        "time off",
    ],
)
async def request(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: First,
    end: Last = None,
    kind: Kind = "연차",
    reason: Annotated[str, Field(max_length=200, description="사유 (reason), not needed")] = "",
) -> LeaveBooked:
    """Request leave for the asker from start to end, both included; weekends and holidays do not count (연차 신청).

    Needs the approval of the team lead, from three days on also of the head of division. A half or quarter day is for
    one day only. Not for asking what is left (leave.balance) and not for cancelling (leave.cancel).
    """
    today = clock.today()
    last = _last(start, end, kind)
    person = await records.get(Employee, actor.person_id)
    uses = uses_of(kind, start, last)
    reckoned = await standing(records, person, today, last)
    _check_free(reckoned, uses)
    quarters = sum(used for _, used in uses)
    booked = await records.add(
        Leave(
            employee_id=person.id,
            kind=kind,
            start_on=start,
            end_on=last,
            quarters=quarters,
            status=BOOKED,
            reason=reason,
        )
    )
    return LeaveBooked(
        leave_id=booked.id,
        name=called(person),
        kind=kind,
        start=start,
        end=last,
        days=in_days(quarters),
        days_left=in_days(reckoned.after(uses).quarters_on(start)),
    )


class LeaveCancelled(BaseModel):
    """Leave that was taken out of the calendar."""

    leave_id: int
    kind: LeaveKind
    start: date
    end: date
    days: Decimal

    def say(self, lang: Lang) -> str:
        """Tell what was cancelled."""
        when, given_back = day_range(self.start, self.end, lang), days(self.days, lang)
        if lang == "ko":
            return f"{when} {self.kind} {josa(given_back, '을/를')} 취소했어요. 그만큼 다시 쓸 수 있어요."
        return f"Cancelled: {KINDS[self.kind].en}, {when}. {given_back} given back."


def for_oneself(actor: Actor) -> bool:
    """Anyone, for themself: it gives back days that were granted, and the change rule lets nobody else's be touched."""
    return actor.person_id > 0


@leave.write(
    label=Text("휴가 취소", "Cancel leave"),
    allow=for_oneself,
    examples=[
        "다음 주 목요일 휴가 취소해줘",
        "12월 1일 연차 취소할게",
        "내일 반차 안 쓸래, 취소해줘",
        "등록된 내 휴가 취소해줘",
        "Cancel my leave next Thursday",
        "I don't need the day off tomorrow any more, cancel it",
        "Withdraw my leave on December 1",
        "Please cancel my half day on Friday",
    ],
    words=["취소", "철회", "안 쓸래", "무르기", "cancel", "withdraw", "call off"],
)
async def cancel(
    records: Records,
    actor: Actor,
    clock: Clock,
    start: Annotated[date, Field(description="휴가 중 하루 (a day of the leave), e.g. 2026-11-26")],
) -> LeaveCancelled:
    """Cancel the asker's own booked leave that includes a day; the whole entry goes (휴가 취소).

    Only leave that has not begun. A request that still waits for approval is withdrawn in the approval box instead.
    """
    found = await records.first(
        Leave,
        Leave.employee_id == actor.person_id,
        Leave.status == BOOKED,
        Leave.start_on <= start,
        Leave.end_on >= start,
    )
    if found is None:
        raise Refused(
            Text(f"{day(start, 'ko')}에는 등록된 휴가가 없어요.", f"You have no leave booked on {day(start, 'en')}.")
        )
    if found.start_on < clock.today():
        raise Refused(
            Text(
                "이미 시작한 휴가는 취소할 수 없어요. 인사팀에 알려 주세요.",
                "Leave that has begun cannot be cancelled; tell HR.",
            )
        )
    gone = await records.change(found, status=CANCELLED)
    return LeaveCancelled(
        leave_id=gone.id,
        kind=gone.kind,
        start=gone.start_on,
        end=gone.end_on,
        days=in_days(gone.quarters),
    )


class AccountRow(BaseModel):
    """A person's leave account as the old personnel system exports it."""

    employee_id: int
    counted_from: date
    attendance: dict[str, list[int]]


class GrantRow(BaseModel):
    """Extra days as the old personnel system exports them."""

    employee_id: int
    quarters: int
    given_on: date
    usable_until: date
    reason: str


class LeaveRow(BaseModel):
    """An absence as the old personnel system exports it."""

    employee_id: int
    kind: LeaveKind
    start_on: date
    end_on: date
    reason: str


@leave.write(label=Text("휴가 계정 이관", "Load leave accounts"), allow=having(LOADER))
async def load_accounts(
    records: Records,
    accounts: Annotated[list[AccountRow], Field(max_length=500, description="휴가 계정 (accounts)")],
    grants: Annotated[list[GrantRow], Field(max_length=500, description="포상휴가 (extra days)")],
) -> Loaded:
    """Bring in leave accounts and extra days of the old personnel system, once (휴가 계정 이관)."""
    loaded = await records.add_all([LeaveAccount(**row.model_dump()) for row in accounts])
    return Loaded(rows=loaded + await records.add_all([LeaveGrant(**row.model_dump()) for row in grants]))


@leave.write(label=Text("휴가 자료 이관", "Load leave"), allow=having(LOADER))
async def load(
    records: Records, rows: Annotated[list[LeaveRow], Field(max_length=500, description="휴가 (absences)")]
) -> Loaded:
    """Bring in past and booked leave of the old personnel system, once (휴가 자료 이관)."""
    counted = [(row, sum(used for _, used in uses_of(row.kind, row.start_on, row.end_on))) for row in rows]
    leaves = [Leave(**row.model_dump(), quarters=quarters, status=BOOKED) for row, quarters in counted]
    return Loaded(rows=await records.add_all(leaves))


def _last(start: date, end: date | None, kind: LeaveKind) -> date:
    """Return the last day of a request.

    Raises:
        Refused: it ends before it starts, is too long, or is a part of a day over several days.
    """
    last = end or start
    if last < start:
        raise Refused(
            Text(
                "휴가의 끝이 시작보다 빨라요. 날짜를 확인해 주세요.",
                "The leave ends before it starts: check the dates.",
            )
        )
    if (last - start).days >= SPAN_DAYS_MAX:
        raise Refused(
            Text(
                f"휴가는 한 번에 {SPAN_DAYS_MAX}일까지만 신청할 수 있어요. 더 길면 인사팀과 휴직을 상의해 주세요.",
                f"Leave may span {SPAN_DAYS_MAX} days at most; talk to HR about a leave of absence.",
            )
        )
    if last != start and QUARTERS_OF[kind] < QUARTERS:
        raise Refused(
            Text(
                f"{josa(kind, '은/는')} 하루에만 쓸 수 있어요. 날짜를 하나만 골라 주세요.",
                f"{KINDS[kind].en.capitalize()} is for one day only: choose one date.",
            )
        )
    return last


def _check_free(reckoned: Standing, uses: list[tuple[date, int]]) -> None:
    """Refuse leave on days nobody works, on days already taken, and beyond what is left."""
    if not uses:
        raise Refused(
            Text("고른 날은 모두 쉬는 날이라 연차가 필요 없어요.", "Nobody works on those days: no leave is needed.")
        )
    taken = [used for used, quarters in uses if reckoned.taken_on(used) + quarters > QUARTERS]
    if taken:
        raise Refused(
            Text(
                f"{day(taken[0], 'ko')}에는 이미 신청했거나 등록된 휴가가 있어요.",
                f"There is already leave on {day(taken[0], 'en')}.",
            )
        )
    result = reckoned.after(uses)
    if result.short:
        left = in_days(reckoned.after().quarters_on(uses[0][0]))
        wanted = in_days(sum(quarters for _, quarters in uses))
        raise Refused(
            Text(
                f"{days(wanted, 'ko')}을 쓰려는데 남은 연차는 {days(left, 'ko')}뿐이에요. 기간을 줄여 주세요.",
                f"You ask for {days(wanted, 'en')} and have {days(left, 'en')} left: shorten it.",
            )
        )


def _expiring(left: Sequence[tuple[Bucket, int]], today: date) -> list[DaysLeft]:
    """Return what is usable today, days of one date together, what expires first on top."""
    found: dict[tuple[date, str], int] = {}
    for bucket, quarters in left:
        if quarters and bucket.covers(today):
            key = (bucket.usable_until, SOURCES[bucket.paragraph])
            found[key] = found.get(key, 0) + quarters
    return [
        DaysLeft(days=in_days(quarters), usable_until=until, source=source)
        for (until, source), quarters in sorted(found.items())
    ]


class _Asked(BaseModel):
    """The arguments of a request under way, as they were filed."""

    start: date
    end: date | None
    kind: LeaveKind


async def _waiting(pending: Pending, person_id: int) -> list[Waiting]:
    documents = await pending.of("leave.request", person_id)
    asked = [(document.approval_id, _Asked.model_validate(document.arguments)) for document in documents]
    return [
        Waiting(
            approval_id=approval_id,
            start=request.start,
            end=request.end or request.start,
            kind=request.kind,
            days=in_days(sum(used for _, used in uses_of(request.kind, request.start, request.end or request.start))),
        )
        for approval_id, request in asked
    ]
