"""Which days the company works."""

from datetime import date

from daeri.sample.workdays import holiday_name, holidays_between, is_workday, workdays


def test_weekends_and_holidays_are_not_worked() -> None:
    assert not is_workday(date(2026, 11, 21))
    assert not is_workday(date(2026, 12, 25))
    assert is_workday(date(2026, 11, 23))


def test_a_substitute_holiday_is_not_worked() -> None:
    assert holiday_name(date(2026, 10, 5)) is not None


def test_the_week_of_chuseok_has_three_working_days() -> None:
    assert workdays(date(2026, 9, 21), date(2026, 9, 27)) == [date(2026, 9, 21), date(2026, 9, 22), date(2026, 9, 23)]


def test_holidays_are_named_in_both_languages() -> None:
    assert holidays_between(date(2026, 12, 1), date(2026, 12, 31), "ko") == [(date(2026, 12, 25), "기독탄신일")]
    assert holidays_between(date(2026, 12, 1), date(2026, 12, 31), "en") == [(date(2026, 12, 25), "Christmas Day")]


def test_no_days_lie_between_an_end_before_its_start() -> None:
    assert workdays(date(2026, 12, 2), date(2026, 12, 1)) == []
