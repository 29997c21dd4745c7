"""When does a turn end? Working days of Korea: no weekends, no public holidays, days of Seoul."""

from datetime import UTC, datetime, time, timedelta
from functools import cache

from daeri.clock import SEOUL

SATURDAY = 5


@cache
def _holidays(year: int) -> frozenset[str]:
    """Return the public holidays of a year as ISO days, substitute holidays included."""
    # The package takes a sixth of a second to load; only forms with a deadline need it.
    from holidays import country_holidays  # noqa: PLC0415

    return frozenset(day.isoformat() for day in country_holidays("KR", years=year))


def due_after(start: datetime, working_days: int) -> datetime:
    """Return the end of the n-th working day after an instant: midnight in Seoul that ends it, in UTC."""
    day, left = start.astimezone(SEOUL).date(), working_days
    while left > 0:
        day += timedelta(days=1)
        if day.weekday() < SATURDAY and day.isoformat() not in _holidays(day.year):
            left -= 1
    return datetime.combine(day + timedelta(days=1), time(), SEOUL).astimezone(UTC)
