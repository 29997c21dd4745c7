"""The dated rules of annual leave against worked examples, two of them decided by the Supreme Court."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.sample.leave_law import (
    QUARTERS,
    RULES,
    Bucket,
    YearAttendance,
    allocate,
    buckets,
    completed_months,
    completed_years,
    days_for,
    months_after,
    rules_on,
)

TODAY = date(2026, 11, 21)


def days_on(start: date, day: date, **more: object) -> float:
    """The days usable on a day when none was taken."""
    return sum(bucket.quarters for bucket in buckets(start, day, **more) if bucket.covers(day)) / QUARTERS  # type: ignore[arg-type]


def days_in_all(start: date, day: date, **more: object) -> float:
    return sum(bucket.quarters for bucket in buckets(start, day, **more)) / QUARTERS  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("years", "days"),
    [(0, 0), (1, 15), (2, 15), (3, 16), (4, 16), (5, 17), (7, 18), (10, 19), (15, 22), (21, 25), (22, 25), (40, 25)],
)
def test_days_grow_by_one_for_every_two_years_up_to_25(years: int, days: int) -> None:
    assert days_for(years, rules_on(TODAY)) == days


def test_eight_full_months_of_the_first_year_give_eight_days() -> None:
    assert days_on(date(2026, 3, 2), TODAY) == 8


def test_three_years_are_complete_on_the_third_anniversary() -> None:
    assert days_on(date(2023, 11, 21), TODAY) == 16
    assert days_on(date(2023, 11, 22), TODAY) == 15


def test_five_years_give_seventeen_days() -> None:
    assert days_on(date(2021, 6, 1), TODAY) == 17


def test_attendance_under_80_percent_gives_days_by_month() -> None:
    low = {4: YearAttendance(permille=799, missed_months=frozenset({2, 3, 9}))}
    (bucket,) = (b for b in buckets(date(2022, 6, 1), TODAY, attendance=low) if b.covers(TODAY))
    assert (bucket.paragraph, bucket.quarters) == ("②", 9 * QUARTERS)


def test_attendance_of_exactly_80_percent_is_enough() -> None:
    assert days_on(date(2022, 6, 1), TODAY, attendance={4: YearAttendance(permille=800)}) == 16


def test_a_low_first_year_gives_its_months_once() -> None:
    low = {1: YearAttendance(permille=700, missed_months=frozenset({1, 2, 3, 4}))}
    assert days_in_all(date(2025, 1, 1), date(2026, 6, 1), attendance=low) == 7


def test_a_contract_of_exactly_one_year_gives_at_most_eleven() -> None:
    """대법원 2021다227100."""
    assert days_in_all(date(2025, 1, 1), date(2026, 6, 1), last_day=date(2025, 12, 31)) == 11


@pytest.mark.parametrize("last_day", [date(2026, 1, 1), date(2026, 7, 1), date(2026, 12, 31)])
def test_a_contract_of_over_one_year_gives_26_in_all(last_day: date) -> None:
    """대법원 2022다245419."""
    assert days_in_all(date(2025, 1, 1), date(2027, 6, 1), last_day=last_day) == 26


def test_the_right_of_a_year_arises_the_day_after_the_year() -> None:
    assert days_on(date(2025, 1, 1), date(2025, 12, 31)) == 11
    assert days_on(date(2025, 1, 1), date(2026, 1, 1)) == 15


def test_first_year_days_expire_with_the_first_year() -> None:
    months = [b for b in buckets(date(2025, 1, 1), date(2026, 6, 1)) if b.paragraph == "②"]
    assert {b.usable_until for b in months} == {date(2025, 12, 31)}
    assert len(months) == 11


def test_days_of_a_year_expire_after_one_year() -> None:
    (bucket,) = (b for b in buckets(date(2023, 11, 21), TODAY) if b.covers(TODAY))
    assert (bucket.arises_on, bucket.usable_until) == (date(2026, 11, 21), date(2027, 11, 20))


def test_a_month_missed_in_the_first_year_gives_no_day() -> None:
    missed = {1: YearAttendance(missed_months=frozenset({2}))}
    assert days_on(date(2026, 3, 2), TODAY, attendance=missed) == 7


def test_leave_by_the_hour_is_a_right_from_10_june_2027() -> None:
    assert not rules_on(date(2027, 6, 9)).by_the_hour
    assert rules_on(date(2027, 6, 10)).by_the_hour
    assert "21784" in rules_on(date(2027, 7, 1)).act


def test_rules_are_dated_in_order_and_cover_every_day() -> None:
    starts = [rules.effective_from for rules in RULES]
    assert starts == sorted(set(starts))
    assert rules_on(date(1999, 1, 1)) is RULES[0]


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2026, 1, 15), 1, date(2026, 2, 15)),
        (date(2026, 1, 31), 1, date(2026, 3, 1)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2024, 2, 29), 12, date(2025, 3, 1)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 31), 2, date(2027, 3, 1)),
        (date(2026, 5, 31), 6, date(2026, 12, 1)),
    ],
)
def test_months_end_as_the_civil_act_says(start: date, months: int, expected: date) -> None:
    assert months_after(start, months) == expected


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 600))
def test_months_are_counted_as_they_are_added(start: date, months: int) -> None:
    end = months_after(start, months)
    assert completed_months(start, end) == months
    assert completed_months(start, end - timedelta(days=1)) == max(0, months - 1)
    assert completed_years(start, end) == months // 12


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 9000))
def test_nobody_has_more_than_25_days_usable_on_one_day(start: date, later: int) -> None:
    assert 0 <= days_on(start, start + timedelta(days=later)) <= 25


def test_leave_is_paid_by_the_bucket_that_expires_first() -> None:
    early = Bucket("②", 4, date(2026, 1, 1), date(2026, 6, 30))
    late = Bucket("④", 60, date(2026, 1, 1), date(2026, 12, 31))
    result = allocate([late, early], [(date(2026, 3, 3), 4), (date(2026, 3, 4), 2)])
    assert result.left == ((early, 0), (late, 58))
    assert result.short == ()


def test_leave_outside_every_bucket_is_short() -> None:
    bucket = Bucket("④", 4, date(2026, 1, 1), date(2026, 6, 30))
    result = allocate([bucket], [(date(2026, 6, 30), 4), (date(2026, 7, 1), 4)])
    assert result.short == ((date(2026, 7, 1), 4),)
    assert result.quarters_on(date(2026, 6, 30)) == 0
