"""Who took leave when, and who will be away? Never more than the law gives."""

import random
from collections.abc import Sequence
from datetime import date, timedelta

from daeri.sample.invented.drawing import DAYS_A_YEAR, random_for, weighted
from daeri.sample.invented.facts import DEPUTY
from daeri.sample.invented.staff import known_ids
from daeri.sample.leave import AccountRow, GrantRow, LeaveRow
from daeri.sample.leave_law import QUARTERS, Bucket, YearAttendance, allocate, buckets, completed_years
from daeri.sample.leave_records import QUARTERS_OF, LeaveKind, uses_of
from daeri.sample.people import EmployeeRow
from daeri.sample.workdays import workdays

DEPUTY_QUARTERS_LEFT = 30
"""The deputy has 7.5 days left on the day the company is built."""
AHEAD_DAYS = 35
"""How far ahead people have booked leave."""


def accounts(working: Sequence[EmployeeRow], today: date, seed: int) -> list[AccountRow]:
    """Everyone's leave counts from hiring; two of those with some years of service missed most of their last one."""
    source = random_for(seed, "attendance")
    candidates = [one.id for one in working if completed_years(one.hired_on, today) in range(4, 12) and not one.title]
    low = set(source.sample(sorted(set(candidates) - known_ids(working)), 2))
    return [
        AccountRow(
            employee_id=one.id,
            counted_from=one.hired_on,
            attendance={str(completed_years(one.hired_on, today)): [740, 5, 6, 7, 8]} if one.id in low else {},
        )
        for one in working
    ]


def grants(working: Sequence[EmployeeRow], today: date, seed: int) -> list[GrantRow]:
    """Give extra days to some people whom no example names."""
    source = random_for(seed, "grants")
    known = known_ids(working)
    chosen = source.sample([one for one in working if one.id not in known], 16)
    rows = []
    for person in chosen:
        given = max(person.hired_on, today - timedelta(days=source.randint(20, 200)))
        days, reason = source.choice(((1, "우수 사원 포상"), (2, "장기근속 포상"), (1, "제안 제도 포상")))
        until = given + timedelta(days=DAYS_A_YEAR)
        rows.append(
            GrantRow(employee_id=person.id, quarters=days * QUARTERS, given_on=given, usable_until=until, reason=reason)
        )
    return rows


REASONS = ("개인 사정", "가족 행사", "병원 진료", "여행", "이사", "")


def leaves(
    working: Sequence[EmployeeRow],
    accounts: Sequence[AccountRow],
    grants: Sequence[GrantRow],
    today: date,
    seed: int,
) -> list[LeaveRow]:
    """Book leave that the law gives: whatever would overdraw a balance is left out."""
    away_next_week = _away_next_week(working, today, seed)
    rows: list[LeaveRow] = []
    for person, account in zip(working, accounts, strict=True):
        source = random_for(seed, f"leave/{person.number}/{person.name}")
        attendance = {int(year): YearAttendance(low[0], frozenset(low[1:])) for year, low in account.attendance.items()}
        since = today - timedelta(days=DAYS_A_YEAR * 3 // 2)
        given = buckets(account.counted_from, today + timedelta(days=AHEAD_DAYS), attendance=attendance)
        given = [bucket for bucket in given if bucket.usable_until >= since]
        given += [
            Bucket("회사", grant.quarters, grant.given_on, grant.usable_until)
            for grant in grants
            if grant.employee_id == person.id
        ]
        booking = _Booking(person.id, source, given)
        if person.name == DEPUTY:
            _book_deputy(booking, today)
        else:
            if person.id in away_next_week:
                booking.take("연차", away_next_week[person.id], source.choice((1, 2)))
            _book_history(booking, max(since, person.hired_on), today)
        rows += booking.rows
    return sorted(rows, key=lambda row: (row.start_on, row.employee_id))


class _Booking:
    """One person's leave while it is being invented."""

    def __init__(self, employee_id: int, source: random.Random, given: list[Bucket]) -> None:
        self.employee_id, self.source, self.given = employee_id, source, given
        self.rows: list[LeaveRow] = []
        self._uses: list[tuple[date, int]] = []

    def take(self, kind: LeaveKind, start: date, days: int) -> bool:
        """Book `days` working days from a working day on, if they are free and covered; say whether they were."""
        end = workdays(start, start + timedelta(days=days * 2 + 10))[days - 1]
        uses = uses_of(kind, start, end)
        taken = {day for day, _ in self._uses}
        if any(day in taken for day, _ in uses) or allocate(self.given, [*self._uses, *uses]).short:
            return False
        self._uses += uses
        reason = self.source.choice(REASONS)
        self.rows.append(LeaveRow(employee_id=self.employee_id, kind=kind, start_on=start, end_on=end, reason=reason))
        return True

    def left_on(self, day: date) -> int:
        """Return the quarters left on a day."""
        return allocate(self.given, self._uses).quarters_on(day)


def _book_history(booking: _Booking, since: date, today: date) -> None:
    """Book each bucket as people do: most of an old one, the share of the year in the present one."""
    source = booking.source
    for bucket in booking.given:
        first, last = max(bucket.arises_on, since), min(bucket.usable_until, today + timedelta(days=AHEAD_DAYS))
        days = workdays(first, last)
        if not days:
            continue
        share = len(days) / max(1, len(workdays(bucket.arises_on, bucket.usable_until)))
        aim = int(bucket.quarters * share * source.uniform(0.45, 0.9))
        while aim > 0:
            kind, length = weighted(source, HABITS_OF_LEAVE)
            cost = length * QUARTERS_OF[kind]
            booking.take(kind, source.choice(days), length)
            aim -= cost


HABITS_OF_LEAVE: tuple[tuple[tuple[LeaveKind, int], int], ...] = (
    (("연차", 1), 48),
    (("연차", 2), 16),
    (("연차", 3), 8),
    (("연차", 5), 4),
    (("반차", 1), 16),
    (("반반차", 1), 8),
)


def _book_deputy(booking: _Booking, today: date) -> None:
    """Leave 김하은 exactly 7.5 days, all taken in the past of her present year."""
    now = next(bucket for bucket in booking.given if bucket.covers(today))
    days = workdays(now.arises_on + timedelta(days=5), today - timedelta(days=3))
    booking.take("반차", booking.source.choice(days), 1)
    while booking.left_on(today) > DEPUTY_QUARTERS_LEFT:
        booking.take("연차", booking.source.choice(days), 1)


def _away_next_week(working: Sequence[EmployeeRow], today: date, seed: int) -> dict[int, date]:
    """Choose two of 김하은's team and some others to be away next week, if that week is worked at all."""
    monday = today + timedelta(days=7 - today.weekday())
    days = workdays(monday, monday + timedelta(days=4))
    source = random_for(seed, "next week")
    known = known_ids(working)
    able = [
        one for one in working if one.id not in known and not one.title and completed_years(one.hired_on, today) >= 1
    ]
    deputy = next(one for one in working if one.name == DEPUTY)
    team = [one.id for one in able if one.team_id == deputy.team_id]
    others = [one.id for one in able if one.team_id != deputy.team_id]
    chosen = [*source.sample(team, 2), *source.sample(others, 12)]
    return {one: source.choice(days) for one in chosen} if days else {}
