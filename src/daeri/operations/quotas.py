"""How many requests may somebody make in a day or a month of Seoul? Counted in the database, so no restart forgets it.

A server takes some at a time, a hundredth of a quota, and hands them out: so most requests cost no visit to the
database, and all servers together never let through more. What a killed server had taken is lost to its person.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final, Literal, get_args

from sqlalchemy import BigInteger, Column, Connection, Date, String, Table, insert, select, update

from daeri.clock import SEOUL, Clock
from daeri.errors import RateLimited
from daeri.records.actor import Actor
from daeri.records.portable import hold
from daeri.records.store import Store, system
from daeri.wording import Text

Of = Literal["person", "key"]
Per = Literal["day", "month"]

AT_ONCE: Final = 100
"""The part of a quota that a server takes at a time is one of so many."""
_LOCK: Final = 0x64616572695F71
_QUOTA: Final = re.compile(rf"(?P<of>{'|'.join(get_args(Of))})\s*=\s*(?P<most>[1-9]\d{{0,11}})/(?P<per>day|month)")
_NAMES: Final = {"day": Text("하루", "a day"), "month": Text("한 달", "a month")}

used = Table(
    "quota_use",
    system,
    Column("subject", String(120), primary_key=True),
    Column("first_day", Date, primary_key=True),
    Column("taken", BigInteger, nullable=False),
)
"""How many requests servers have taken of a quota, in the time that begins with a day."""


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests of each person, or by each key, in a day or a month."""

    of: Of
    most: int
    per: Per

    @classmethod
    def read(cls, text: str) -> "Quota":
        """Return a quota as the settings write it: "person=10000/day".

        Raises:
            ValueError: it is none.
        """
        found = _QUOTA.fullmatch(text.strip())
        if found is None:
            msg = f"{text!r} is no quota: write person=10000/day or key=100000/month"
            raise ValueError(msg)
        return cls(found["of"], int(found["most"]), found["per"])  # type: ignore[arg-type]

    def subject(self, actor: Actor) -> str:
        """Return who is counted; "" where this quota does not concern them."""
        who = str(actor.person_id) if self.of == "person" else actor.counted_as
        return f"{self.of}/{self.per} {who}" if who else ""

    def first_day(self, today: date) -> date:
        """Return the first day of the present time."""
        return today if self.per == "day" else today.replace(day=1)

    def ends(self, today: date) -> datetime:
        """Return when the present time ends."""
        first = self.first_day(today)
        after = first + timedelta(days=1) if self.per == "day" else (first + timedelta(days=31)).replace(day=1)
        return datetime(after.year, after.month, after.day, tzinfo=SEOUL)


class Quotas:
    """The quotas of one server."""

    def __init__(self, quotas: Sequence[Quota], store: Store, clock: Clock) -> None:
        """Take them, the database and the clock."""
        self._quotas = quotas
        self._store = store
        self._clock = clock
        self._left: dict[tuple[str, date], int] = {}

    async def take(self, actor: Actor) -> None:
        """Count a request of an actor's.

        Raises:
            RateLimited: a quota is used up; says when the next time begins.
        """
        now = self._clock.now()
        today = now.astimezone(SEOUL).date()
        for quota in self._quotas:
            subject, first_day = quota.subject(actor), quota.first_day(today)
            if not subject:
                continue
            here = (subject, first_day)
            if not self._left.get(here):
                self._forget(today)
                got = await self._store.note(partial(_reserve, subject=subject, first_day=first_day, most=quota.most))
                if not got:
                    raise _used_up(quota, (quota.ends(today) - now).total_seconds())
                self._left[here] = self._left.get(here, 0) + got
            self._left[here] -= 1

    async def close(self) -> None:
        """Give back what was taken and not used."""
        left, self._left = {here: count for here, count in self._left.items() if count}, {}
        if left:
            await self._store.note(partial(_give_back, left=left))

    def _forget(self, today: date) -> None:
        """Let go of times that are over."""
        oldest = today.replace(day=1)
        for here in [here for here in self._left if here[1] < oldest or (here[1] < today and "/day " in here[0])]:
            del self._left[here]


def _reserve(connection: Connection, subject: str, first_day: date, most: int) -> int:
    hold(connection, _LOCK)
    row = (used.c.subject == subject, used.c.first_day == first_day)
    if connection.execute(select(used.c.taken).where(*row)).one_or_none() is None:
        connection.execute(insert(used).values(subject=subject, first_day=first_day, taken=0))
    for count in sorted({max(1, most // AT_ONCE), 1}, reverse=True):
        taken = update(used).where(*row, used.c.taken + count <= most).values(taken=used.c.taken + count)
        if connection.execute(taken).rowcount:
            return count
    return 0


def _give_back(connection: Connection, left: dict[tuple[str, date], int]) -> None:
    for (subject, first_day), count in sorted(left.items()):
        row = (used.c.subject == subject, used.c.first_day == first_day)
        connection.execute(update(used).where(*row).values(taken=used.c.taken - count))


def _used_up(quota: Quota, seconds: float) -> RateLimited:
    time, wait = _NAMES[quota.per], max(1, round(seconds))
    return RateLimited(
        Text(
            f"{time.ko} 동안 할 수 있는 요청({quota.most:,}번)을 다 썼어요",
            f"The requests of {time.en} ({quota.most:,}) are used up",
        ),
        extra={"retry_after": wait, "limit": {"name": f"{quota.of}/{quota.per}", "q": quota.most}},
    )
