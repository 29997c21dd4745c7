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
DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Period:
    """A span of days, both included."""

    start: date
    end: date

    def say(self, lang: Lang) -> str:
        """Word the period: whole years and months by name ("2026년 11월"), others by their days."""
        first_of_month = self.start.day == 1
        if first_of_month and self.end == month_end(self.start):
            return f"{self.start.year}년 {self.start.month}월" if lang == "ko" else f"{self.start:%B %Y}"
        if first_of_month and self.start.month == 1 and self.end == date(self.start.year, DECEMBER, 31):
            return f"{self.start.year}년" if lang == "ko" else str(self.start.year)
        return day_range(self.start, self.end, lang)


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
    """Read a period; what is missing is the year's first day, or today (the last day where a start lies ahead).

    Raises:
        Refused: the period ends before it starts.
    """
    first = start or date((end or today).year, 1, 1)
    return _checked(first, end or max(today, month_end(first)))


def _checked(start: date, end: date) -> Period:
    if end < start:
        raise Refused(
            Text("기간의 끝이 시작보다 빨라요. 날짜를 확인해 주세요.", "The period ends before it starts: check the dates.")
        )
    return Period(start, end)
