"""Which days does the company work? Weekends and Korean public holidays, substitute holidays included.

Pure functions over dates. A day nobody works costs nobody leave.
"""

from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import lru_cache

from daeri.wording import Lang

SATURDAY = 5
LOCALE: dict[Lang, str] = {"ko": "ko", "en": "en_US"}


@lru_cache(maxsize=64)
def _year(year: int, lang: Lang) -> dict[date, str]:
    from holidays import country_holidays  # noqa: PLC0415 - its calendars of every country take long to load

    return dict(country_holidays("KR", years=year, language=LOCALE[lang]))


def holiday_name(day: date, lang: Lang = "ko") -> str | None:
    """Return the public holiday on a day, or None."""
    return _year(day.year, lang).get(day)


def is_workday(day: date) -> bool:
    """Say whether the company works on a day."""
    return day.weekday() < SATURDAY and holiday_name(day) is None


def days_between(start: date, end: date) -> list[date]:
    """Return every day from `start` to `end`, both included; none when `end` lies before `start`."""
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


@lru_cache(maxsize=64)
def _worked(year: int) -> tuple[date, ...]:
    return tuple(day for day in days_between(date(year, 1, 1), date(year, 12, 31)) if is_workday(day))


def workdays(start: date, end: date) -> list[date]:
    """Return the working days from `start` to `end`, both included."""
    found: list[date] = []
    for year in range(start.year, end.year + 1):
        worked = _worked(year)
        found += worked[bisect_left(worked, start) : bisect_right(worked, end)]
    return found


def holidays_between(start: date, end: date, lang: Lang = "ko") -> list[tuple[date, str]]:
    """Return the public holidays from `start` to `end` with their names, in order."""
    named = [(day, holiday_name(day, lang)) for day in days_between(start, end)]
    return [(day, name) for day, name in named if name is not None]
