"""What becomes of turns that nobody takes? Overdue ones go up, leavers' ones too; nothing expires silently.

A sweep finds them by index and acts on each document in a transaction of its own, as Daeri itself. It only ever opens a
turn to one more person, reminds, or closes what had no power any more (기한후결): it never decides.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import BindParameter, Connection, Select, bindparam, insert, or_, select, update
from ulid import ULID

from daeri.clock import Clock
from daeri.errors import DaeriError
from daeri.operations.deciding import ledger
from daeri.operations.deciding.absences import ADMIN
from daeri.operations.deciding.calendar import due_after
from daeri.operations.deciding.ledger import Document, Writer, Written
from daeri.operations.deciding.machine import step
from daeri.operations.deciding.model import OPEN, Act, Refusal, Seat
from daeri.operations.documents import approval_step, notice
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import SYSTEM, People
from daeri.records.standing import account
from daeri.records.store import Store

SWEEP_SECONDS = 60
"""How often turns are looked after; deadlines are days, so a minute late is on time."""
AT_ONCE = 500
"""Turns one sweep looks at, at most; the next one goes on."""
STUCK_AGAIN = timedelta(days=1)
"""How often people are told that nobody can take a turn."""

log = structlog.get_logger()

_NOW: BindParameter[datetime] = bindparam("now")
_DUE = (
    select(approval_step.c.approval_id, approval_step.c.position)
    .where(approval_step.c.due_at <= _NOW, approval_step.c.box == "waiting")
    .order_by(approval_step.c.due_at)
    .limit(AT_ONCE)
)
_SET_DUE = (
    update(approval_step)
    .where(approval_step.c.approval_id == bindparam("key"), approval_step.c.position == bindparam("at_position"))
    .values(due_at=bindparam("next_due"))
)
_TOLD = select(notice.c.id).where(
    notice.c.person_id == bindparam("person"),
    notice.c.approval_id == bindparam("key"),
    notice.c.kind == "stuck",
    notice.c.at > bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn that a sweep found."""

    approval_id: str
    position: int


class Tending:
    """Looks after turns; `sweep` is called now and then by one process."""

    def __init__(self, people: People, store: Store, clock: Clock) -> None:
        """Take the organisation chart, the database and the clock."""
        self._people = people
        self._store = store
        self._clock = clock
        self._gone = _gone(people)
        self._needing = _needing(people)

    async def sweep(self) -> int:
        """Act on every turn that is overdue or that nobody can take; return how many documents were touched."""
        found = await self._store.read(self._found)
        touched = 0
        for turn in found:
            touched += await self._store.write(partial(self._tend, turn=turn))
        return touched

    async def keep(self) -> None:
        """Sweep once a minute, until cancelled; a database that does not answer is asked again."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except DaeriError as error:
                log.warning("approvals.untended", code=error.code)

    def _found(self, connection: Connection) -> list[_Turn]:
        now = self._clock.now()
        turns = [_Turn(row.approval_id, row.position) for row in connection.execute(_DUE, {"now": now})]
        turns += [_Turn(row.approval_id, row.position) for row in connection.execute(self._gone)]
        turns += [
            _Turn(row.approval_id, row.position)
            for row in connection.execute(self._needing)
            if row.needs not in (row.roles or ())
        ]
        return list(dict.fromkeys(turns))

    def _tend(self, connection: Connection, turn: _Turn) -> int:
        document = ledger.read(connection, turn.approval_id, lock=True)
        seat = document.state.seat(turn.position) if document else None
        if document is None or seat is None:
            return 0
        row, now = document.steps[turn.position], self._clock.now()
        overdue = row["due_at"] is not None and row["due_at"] <= now
        if seat.state == "after":
            return self._write(connection, document, Act("lapse", SYSTEM.id, (seat.position,))) if overdue else 0
        if not seat.decides or seat.state not in OPEN:
            return 0
        if self._is_lost(connection, row, seat):
            return self._escalate(connection, document, seat, now)
        if not overdue:
            return 0
        deadline = document.form.get("deadline") or {}
        if deadline.get("then") == "escalate" and self._escalate(connection, document, seat, now, tell=False):
            return 1
        return self._remind(connection, document, seat, now)

    def _is_lost(self, connection: Connection, row: Mapping[str, Any], seat: Seat) -> bool:
        """Say whether neither the holder of a turn nor anyone to whom it came up can take it."""
        people = self._people.many(connection, [seat.person, *seat.also])
        needs = row["needs"]

        def can(person_id: int) -> bool:
            person = people.get(person_id)
            if person is None or person.left or _is_disabled(connection, person_id):
                return False
            return person_id in seat.also or needs is None or needs in person.roles

        return not any(map(can, (seat.person, *seat.also)))

    def _escalate(
        self, connection: Connection, document: Document, seat: Seat, now: datetime, *, tell: bool = True
    ) -> int:
        """Open a turn to one more person: another holder of the role it needs, else the next lead above."""
        taken = {seat.person, document.state.drafter, *seat.also}
        needs = document.steps[seat.position]["needs"]
        candidates = list(self._people.holders(connection, needs)) if needs else []
        holder = self._people.many(connection, [seat.person]).get(seat.person)
        if holder is not None:
            candidates += self._people.superiors(connection, holder)
        drafter = self._people.many(connection, [document.state.drafter]).get(document.state.drafter)
        if drafter is not None:
            candidates += self._people.superiors(connection, drafter)
        following = next(
            (person for person in candidates if person.id not in taken and not _is_disabled(connection, person.id)),
            None,
        )
        if following is not None:
            return self._write(connection, document, Act("escalate", SYSTEM.id, (seat.position,), person=following.id))
        return self._tell_stuck(connection, document, now) if tell else 0

    def _tell_stuck(self, connection: Connection, document: Document, now: datetime) -> int:
        """Tell the drafter and the administrators that nobody can take a turn; once a day."""
        asked = {"person": document.state.drafter, "key": document.id, "since": now - STUCK_AGAIN}
        if connection.execute(_TOLD, asked).first() is not None:
            return 0
        admins = [person.id for person in self._people.holders(connection, ADMIN)]
        self._tell(connection, document, [document.state.drafter, *admins], "stuck", now)
        return 1

    def _remind(self, connection: Connection, document: Document, seat: Seat, now: datetime) -> int:
        self._tell(connection, document, [seat.person, *seat.also, document.state.drafter], "overdue", now)
        days = (document.form.get("deadline") or {}).get("days", 1)
        connection.execute(
            _SET_DUE, {"key": document.id, "at_position": seat.position, "next_due": due_after(now, days)}
        )
        return 1

    @staticmethod
    def _tell(connection: Connection, document: Document, people: Sequence[int], kind: str, now: datetime) -> None:
        rows = [
            {"id": f"ntc_{ULID()}", "person_id": person, "approval_id": document.id, "kind": kind, "at": now}
            for person in dict.fromkeys(people)
        ]
        connection.execute(insert(notice), rows)

    def _write(self, connection: Connection, document: Document, act: Act) -> int:
        after = step(document.state, act)
        if isinstance(after, Refusal):
            return 0
        now = self._clock.now()
        writer = Writer(connection, document)
        writer.write(Written(act, after, now))
        told = {"position": act.positions[0]} | ({"to": act.person} if act.person else {})
        entry = audit.Entry.by(
            Actor.system("daeri"),
            now,
            f"approval.{act.kind}",
            approval_id=document.id,
            run_id=document.row["run_id"],
            arguments_digest=document.row["digest"],
            detail=told,
        )
        audit.append(connection, entry)
        writer.finish(now)
        return 1


def _is_disabled(connection: Connection, person_id: int) -> bool:
    statement = select(account.c.disabled_at).where(account.c.person_id == person_id)
    return connection.execute(statement).scalar_one_or_none() is not None


def _gone(people: People) -> Select[Any]:
    """Select the turns of people who left or whose account was switched off."""
    person = people.person.__table__
    gone = or_(person.c.left_on.is_not(None), account.c.disabled_at.is_not(None))
    return (
        select(approval_step.c.approval_id, approval_step.c.position)
        .select_from(
            person.outerjoin(account, account.c.person_id == person.c.id).join(
                approval_step, (approval_step.c.person_id == person.c.id) & (approval_step.c.box == "waiting")
            )
        )
        .where(gone)
        .order_by(approval_step.c.approval_id)
        .limit(AT_ONCE)
    )


def _needing(people: People) -> Select[Any]:
    """Select the turns that need a role, with the roles of their holders."""
    person = people.person.__table__
    return (
        select(approval_step.c.approval_id, approval_step.c.position, approval_step.c.needs, person.c.roles)
        .select_from(
            person.join(approval_step, (approval_step.c.person_id == person.c.id) & (approval_step.c.box == "waiting"))
        )
        .where(approval_step.c.needs.is_not(None))
        .order_by(approval_step.c.approval_id)
    )
