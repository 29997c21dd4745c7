"""What time is it? The only source of time in Daeri; nothing else may read the system clock for business."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")


class Clock:
    """The system clock: instants are UTC, days are days in Seoul."""

    def now(self) -> datetime:
        """Return this instant, aware, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the day it is in Seoul."""
        return self.now().astimezone(SEOUL).date()


@dataclass(slots=True)
class FixedClock(Clock):
    """A clock that stands still until it is moved; for tests and for questions "as of" another day."""

    at: datetime

    def now(self) -> datetime:
        """Return the instant the clock was set to, in UTC."""
        return self.at.astimezone(UTC)


def rfc3339(instant: datetime) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds, e.g. 2026-11-21T05:02:00.123Z."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
