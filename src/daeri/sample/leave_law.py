"""How many days of annual leave does the law (근로기준법 제60조) give, and until when?

Pure functions over dates: no record, no clock, no database. The Act is kept as dated data (`RULES`), because a
question about July 2027 must be answered by other rules than one about today. Amounts are whole quarter days (반반차
is one), never floats. What the company itself adds to the Act stands in `leave.py`.

This is a sample company's reading of the Act, not legal advice.
"""

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from daeri.wording import Text

QUARTERS = 4
"""Quarter days in one day: the smallest leave this company gives is two hours."""
MONTHS = 12

Paragraph = Literal["②", "④", "회사"]
"""Where days come from: ② by month, ④ by year (① with its increase), or the company's own gift."""


@dataclass(frozen=True, slots=True)
class LeaveRules:
    """What the Act says from one day on.

    Attributes:
        effective_from: the first day these rules apply.
        act: the Act they come from, as it is cited.
        base_days: days after a year of at least `attendance_permille` attendance (①).
        cap_days: the most days of one year, with the increase by service (④).
        attendance_permille: the attendance that earns ① and ④, in thousandths.
        by_the_hour: whether the worker has a right to take leave split by hours.
        summary: what is special about them, for people.
    """

    effective_from: date
    act: str
    base_days: int
    cap_days: int
    attendance_permille: int
    by_the_hour: bool
    summary: Text


RULES: tuple[LeaveRules, ...] = (
    LeaveRules(
        effective_from=date(2020, 3, 31),
        act="근로기준법 제60조 (2020. 3. 31. 시행)",
        base_days=15,
        cap_days=25,
        attendance_permille=800,
        by_the_hour=False,
        summary=Text(
            "1년 동안 80% 이상 출근하면 15일, 3년째부터 2년마다 하루씩 늘어 최대 25일이에요. "
            "1년이 안 됐으면 한 달 개근할 때마다 하루가 생기고 그 해가 끝나면 없어져요. "
            "반차와 반반차는 법이 아니라 회사 규칙이에요.",
            "15 days after a year of at least 80% attendance, one more for every two years from the third, 25 at most. "
            "In the first year one day for each month fully attended, gone when that year ends. "
            "Half and quarter days are the company's rule, not the Act's.",
        ),
    ),
    LeaveRules(
        effective_from=date(2027, 6, 10),
        act="근로기준법 제60조 (법률 제21784호, 2027. 6. 10. 시행)",
        base_days=15,
        cap_days=25,
        attendance_permille=800,
        by_the_hour=True,
        summary=Text(
            "날수는 그대로예요(15일, 최대 25일). 시간 단위로 나눠 쓰겠다고 하면 회사가 시행령 한도 안에서 주어야 해요.",
            "The number of days stays (15, at most 25). On request, the employer must give leave split by hours, "
            "within the limit set by decree.",
        ),
    ),
)
"""The Act over time, oldest first. Days of older texts have all expired, so they are not kept."""


@dataclass(frozen=True, slots=True)
class YearAttendance:
    """How one year of service was attended; a year that is not mentioned was attended in full.

    Attributes:
        permille: attendance in thousandths; days the Act deems worked count as worked.
        missed_months: the months of that year of service (1 to 12) that were not fully attended (개근).
    """

    permille: int = 1000
    missed_months: frozenset[int] = frozenset()


FULL_YEAR = YearAttendance()


@dataclass(frozen=True, slots=True)
class Bucket:
    """Days that arose together and expire together; both days included."""

    paragraph: Paragraph
    quarters: int
    arises_on: date
    usable_until: date

    def covers(self, day: date) -> bool:
        """Say whether leave on this day may be taken out of this bucket."""
        return self.arises_on <= day <= self.usable_until


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which bucket paid for which leave: what is left of each, and what nothing could pay for.

    Attributes:
        left: quarters left, in the order of the buckets.
        short: days of leave that found too little in any bucket, with the quarters missing.
    """

    left: tuple[tuple[Bucket, int], ...]
    short: tuple[tuple[date, int], ...]

    def quarters_on(self, day: date) -> int:
        """Add up what is left in the buckets that cover a day."""
        return sum(left for bucket, left in self.left if bucket.covers(day))


def rules_on(day: date) -> LeaveRules:
    """Return the rules in force on a day; the oldest kept ones for any earlier day."""
    return next((rules for rules in reversed(RULES) if rules.effective_from <= day), RULES[0])


def months_after(start: date, months: int) -> date:
    """Return the day after `months` whole months of service that began on `start`.

    Where that month has no such day, the period ends with the month (민법 제160조), so the next month's first follows.
    """
    whole = start.month - 1 + months
    year, month = start.year + whole // MONTHS, whole % MONTHS + 1
    if start.day <= calendar.monthrange(year, month)[1]:
        return date(year, month, start.day)
    return date(year + month // MONTHS, month % MONTHS + 1, 1)


def completed_months(start: date, day: date) -> int:
    """Count the whole months of service completed before `day` (0 where it lies before the start)."""
    months = max(0, (day.year - start.year) * MONTHS + day.month - start.month + 1)
    while months and months_after(start, months) > day:
        months -= 1
    return months


def completed_years(start: date, day: date) -> int:
    """Count the whole years of service completed before `day`."""
    return completed_months(start, day) // MONTHS


def days_for(years: int, rules: LeaveRules) -> int:
    """Return the days of ① and ④ after `years` completed years with enough attendance; 0 before the first."""
    if years < 1:
        return 0
    return min(rules.cap_days, rules.base_days + (years - 1) // 2)


def buckets(
    start: date,
    as_of: date,
    *,
    last_day: date | None = None,
    attendance: Mapping[int, YearAttendance] | None = None,
) -> list[Bucket]:
    """Return every bucket of leave that has arisen by `as_of`, expired ones too, oldest first.

    Args:
        start: the day service began.
        as_of: the day the question is about; what arises on that day counts.
        last_day: the last day of employment, if it has one: nothing arises after it.
        attendance: the years of service (1 = the first) that were not attended in full.
    """
    end = as_of if last_day is None else min(as_of, last_day)
    by_year = attendance or {}
    found = _of_first_year(start, end, by_year.get(1, FULL_YEAR))
    for years in range(1, completed_years(start, end) + 1):
        bucket = _of_year(start, years, by_year.get(years, FULL_YEAR))
        if bucket.quarters:
            found.append(bucket)
    return found


def allocate(available: Iterable[Bucket], uses: Iterable[tuple[date, int]]) -> Allocation:
    """Pay for leave out of buckets: earliest day first, each from the bucket that expires first.

    Args:
        available: the buckets, in any order.
        uses: days of leave with the quarters taken on each.
    """
    order = sorted(available, key=lambda bucket: (bucket.usable_until, bucket.arises_on))
    left = [bucket.quarters for bucket in order]
    short: list[tuple[date, int]] = []
    for day, quarters in sorted(uses):
        missing = quarters
        for position, bucket in enumerate(order):
            if missing and bucket.covers(day):
                taken = min(missing, left[position])
                left[position] -= taken
                missing -= taken
        if missing:
            short.append((day, missing))
    return Allocation(tuple(zip(order, left, strict=True)), tuple(short))


def _of_first_year(start: date, end: date, attended: YearAttendance) -> list[Bucket]:
    """② in the first year: one day a month, at most 11, since the twelfth month completes the year."""
    until = months_after(start, MONTHS) - timedelta(days=1)
    months = range(1, min(completed_months(start, end), MONTHS - 1) + 1)
    return [
        Bucket("②", QUARTERS, months_after(start, month), until)
        for month in months
        if month not in attended.missed_months
    ]


def _of_year(start: date, years: int, attended: YearAttendance) -> Bucket:
    arises = months_after(start, years * MONTHS)
    until = months_after(start, (years + 1) * MONTHS) - timedelta(days=1)
    rules = rules_on(arises)
    if attended.permille >= rules.attendance_permille:
        return Bucket("④", days_for(years, rules) * QUARTERS, arises, until)
    # The months of the first year have been given as they were completed; they are not given a second time.
    months = 0 if years == 1 else MONTHS - len(attended.missed_months)
    return Bucket("②", months * QUARTERS, arises, until)
