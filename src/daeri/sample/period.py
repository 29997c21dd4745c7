"""Which days does a question mean? The one way operations read their optional `start` and `end`."""

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field

from daeri.errors import Refused
from daeri.wording import Lang, Text, day_range

Start = Annotated[date | None, Field(description="첫날 (first day), included, e.g. 2026-11-01")]
End = Annotated[date | None, Field(description="마지막 날 (last day), included, e.g. 2026-11-30")]
JANUARY, DECEMBER = 1, 12


@dataclass(frozen=True, slots=True)
class Period:
    """A span of days, both included."""

    start: date
    end: date

    def say(self, lang: Lang) -> str:
        """Word the period: whole years and months by name ("2026년 11월", "2026년 1~3월"), others by their days."""
        year, first, last = self.start.year, self.start.month, self.end.month
        if self.start.day != 1 or self.end != month_end(self.end) or self.end.year != year:
            return day_range(self.start, self.end, lang)
        if (first, last) == (JANUARY, DECEMBER):
            return f"{year}년" if lang == "ko" else str(year)
        if first == last:
            return f"{year}년 {first}월" if lang == "ko" else f"{self.start:%B %Y}"
        return f"{year}년 {first}~{last}월" if lang == "ko" else f"{self.start:%B} to {self.end:%B %Y}"


def month_start(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """Return the last day of a day's month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def month_of(day: date) -> str:
    """Write a month as records keep it: "2026-11"."""
    return f"{day:%Y-%m}"


def this_month(start: date | None, end: date | None, today: date) -> Period:
    """Read a period; without one it is the present month, with one end it is the month of that end.

    Raises:
        Refused: the period ends before it starts.
    """
    return _checked(start or month_start(end or today), end or month_end(start or today))


def this_year(start: date | None, end: date | None, today: date) -> Period:
    """Read a period; without one it is the present year, with one end it is the year of that end.

    Raises:
        Refused: the period ends before it starts.
    """
    first = start or date((end or today).year, JANUARY, 1)
    return _checked(first, end or date((start or today).year, DECEMBER, 31))


def _checked(start: date, end: date) -> Period:
    if end < start:
        raise Refused(
            Text(
                "기간의 끝이 시작보다 빨라요. 날짜를 확인해 주세요.",
                "The period ends before it starts: check the dates.",
            )
        )
    return Period(start, end)
