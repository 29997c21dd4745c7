"""When is scheduled work due, and who begins it? Times by cron in Seoul; each due time begins one run, on one server.

The run itself is the note that a time was kept: its key is made of the schedule and the time, and no two runs of a
person have one key. Times that passed while no server was up are kept once, by the first of them.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, cast

import structlog
from sqlalchemy import Connection, Row, Table, select, update

from daeri.clock import SEOUL, Clock, rfc3339
from daeri.errors import (
    DaeriError,
    FieldError,
    IdempotencyMismatch,
    KeyRevoked,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    ValidationFailed,
)
from daeri.records import audit
from daeri.records.identity import Identity
from daeri.records.schedules import CRON_MAX, Schedule
from daeri.records.store import Store
from daeri.runs.queueing import SCHEDULED
from daeri.runs.request import Request
from daeri.runs.runs import Runs
from daeri.wording import Text

SECONDS: Final = 5.0
"""How often is looked for what is due."""
APART: Final = timedelta(minutes=5)
"""The least time between two runs of one schedule."""
AT_ONCE: Final = 50
"""Schedules that one look begins; the others come with the next."""
MISSED_MAX: Final = 1_000
DOOR: Final = "schedule"
_FIELD: Final = re.compile(r"(?:[0-9*/,-]|[A-Za-z]{3})+")
_FIELDS: Final = 5

log = structlog.get_logger()
schedule = cast("Table", Schedule.__table__)


def check_cron(cron: str, now: datetime) -> str:
    """Return a cron expression in one form.

    Raises:
        ValidationFailed: it is none of five fields, it never comes, or it comes too often.
    """
    fields = cron.split()
    if len(cron) > CRON_MAX or len(fields) != _FIELDS or not all(_FIELD.fullmatch(field) for field in fields):
        raise _no_cron(Text("'분 시 일 월 요일'로 적어 주세요", "write 'minute hour day month weekday'"))
    written = " ".join(fields)
    times = _times_of_a_day(written, now)
    if any(later - earlier < APART for earlier, later in pairwise([*times, times[0] + timedelta(days=1)])):
        raise _no_cron(Text("5분에 한 번까지만 돼요", "at most once in five minutes"))
    return written


def _times_of_a_day(cron: str, now: datetime) -> list[datetime]:
    """Return the times of the next day that has any: every day that has some has these."""
    midnight = _next(cron, now).astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    times = [_next(cron, midnight - timedelta(seconds=1))]
    while (at := _next(cron, times[-1])) < midnight + timedelta(days=1):
        times.append(at)
    return times


def next_time(cron: str, after: datetime) -> datetime:
    """Return the next time after an instant, of an expression that was checked."""
    return _next(cron, after)


def _next(cron: str, after: datetime) -> datetime:
    # It takes a tenth of a second to load, and most servers have no schedule.
    from croniter import CroniterError, croniter  # noqa: PLC0415

    try:
        found: datetime = croniter(cron, after.astimezone(SEOUL)).get_next(datetime)
    except CroniterError:
        raise _no_cron(Text("그런 때는 오지 않아요", "no such time ever comes")) from None
    return found


def missed_between(cron: str, due: datetime, now: datetime) -> int:
    """Return how many further times have passed since one that is due."""
    missed, at = 0, _next(cron, due)
    while at <= now and missed < MISSED_MAX:
        missed, at = missed + 1, _next(cron, at)
    return missed


@dataclass(frozen=True, slots=True)
class _Due:
    """A time that has come."""

    row: Row[Any]
    missed: int

    @property
    def key(self) -> str:
        """What no second run can be begun with."""
        return f"schedule/{self.row.id}/{rfc3339(self.row.next_at)}"


class Schedules:
    """Begins the runs of schedules when their time has come."""

    def __init__(self, store: Store, clock: Clock, identity: Identity, runs: Runs) -> None:
        """Take the database, the clock, what gives a person's authority, and the runs."""
        self._store = store
        self._clock = clock
        self._identity = identity
        self._runs = runs

    async def keep(self) -> None:
        """Look again and again; never returns."""
        while True:
            try:
                await self.look()
            except DaeriError as error:  # the database is away for a moment
                log.warning("schedules.look_failed", why=error.detail.en)
            await asyncio.sleep(SECONDS)

    async def look(self) -> int:
        """Begin what is due; return how many runs were begun, here or by another server meanwhile."""
        now = self._clock.now()
        due = select(schedule).where(schedule.c.next_at <= now).order_by(schedule.c.next_at).limit(AT_ONCE)
        rows: Sequence[Row[Any]] = await self._store.read(lambda connection: connection.execute(due).all())
        for row in rows:
            await self._begin(_Due(row, missed_between(row.cron, row.next_at, now)), now)
        return len(rows)

    async def _begin(self, due: _Due, now: datetime) -> None:
        row = due.row
        scopes = tuple(tuple(scope) for scope in row.scopes)
        request = Request(
            row.request,
            row.agent,
            row.lang,
            idempotency_key=due.key,
            rank=SCHEDULED,
            classes=row.classes,
            told={"schedule": row.id, "due_at": rfc3339(row.next_at), "missed": due.missed},
        )
        try:
            actor = await self._identity.actor_of_person(row.person_id, DOOR, scopes, row.credential)
            run_id = (await self._runs.accept(actor, request))["run_id"]
        except IdempotencyMismatch:  # the person has used this key for something else: this time is passed over
            run_id = row.last_run
        except KeyRevoked as error:
            await self._tell(replace(request, refused=error), row)
            await self._end(row, error, now)
            return
        except (Unauthenticated, PermissionDenied, NotFound) as error:
            await self._end(row, error, now)
            return
        kept = {"last_at": row.next_at, "last_run": run_id, "missed": due.missed}
        await self._write(row, next_at=next_time(row.cron, now), **kept)
        if due.missed:
            log.info("schedule.missed", schedule=row.id, due_at=rfc3339(row.next_at), missed=due.missed)

    async def _tell(self, request: Request, row: Row[Any]) -> None:
        """Let the person of a schedule find, among their runs, why it ended: once, as its time has one run."""
        actor = await self._identity.actor_of_person(row.person_id, DOOR)
        with suppress(NotFound, IdempotencyMismatch):  # its agent is gone too, or its place is taken
            await self._runs.accept(actor, request)

    async def _end(self, row: Row[Any], error: DaeriError, now: datetime) -> None:
        """End a schedule whose person, key or agent is there no more."""

        def end(connection: Connection) -> None:
            if self._moved(connection, row, {"next_at": None, "ended": error.detail.to(row.lang)[:200]}):
                told = {"schedule": row.id, "code": error.code}
                entry = audit.Entry.of(row.person_id, DOOR, now, "schedule.end", agent=row.agent, detail=told)
                audit.append(connection, entry)

        await self._store.write(end)

    async def _write(self, row: Row[Any], **values: Any) -> None:
        await self._store.write(lambda connection: self._moved(connection, row, values))

    @staticmethod
    def _moved(connection: Connection, row: Row[Any], values: dict[str, Any]) -> bool:
        """Change a schedule unless someone has changed it meanwhile; say whether that was done."""
        same = schedule.c.id == row.id, schedule.c.next_at == row.next_at
        changed = update(schedule).where(*same).values(version=schedule.c.version + 1, **values)
        return bool(connection.execute(changed).rowcount)


def _no_cron(why: Text) -> ValidationFailed:
    return ValidationFailed(errors=[FieldError("/cron", why)])
