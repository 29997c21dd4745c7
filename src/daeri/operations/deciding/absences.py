"""Who decides for whom while they are away (부재 설정, 대결)? Settings with a period, followed without rings.

A person sets their own absence; an administrator sets anyone's. A deputy decides in the absent person's name, never on
a document that they drafted themselves; an agent is nobody's deputy, since only people stand in the books.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update
from ulid import ULID

from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations.deciding.presence import still
from daeri.operations.documents import absence
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import People, Someone, person_body
from daeri.records.store import Store
from daeri.wording import Text

ADMIN = "admin"
REASON_MAX = 500
LISTED_MAX = 200

_NOW = select(absence.c.person_id, absence.c.deputy_id, absence.c.operations).where(
    absence.c.starts_at <= bindparam("now"), absence.c.ends_at > bindparam("now"), absence.c.ended_at.is_(None)
)
_OVERLAPPING = select(absence).where(
    absence.c.person_id == bindparam("person"),
    absence.c.starts_at < bindparam("ends"),
    absence.c.ends_at > bindparam("starts"),
    absence.c.ended_at.is_(None),
)


@dataclass(frozen=True, slots=True)
class Absent:
    """Someone who is away: who decides for them, and on which operations (None = all)."""

    person_id: int
    deputy_id: int
    operations: frozenset[str] | None

    def covers(self, operation: str) -> bool:
        """Say whether the deputy decides on documents of an operation."""
        return self.operations is None or operation in self.operations


@dataclass(frozen=True, slots=True)
class Away:
    """Everyone who is away at one instant."""

    absents: tuple[Absent, ...]

    def deputy_of(self, person_id: int, operation: str) -> int | None:
        """Return who decides for a person: their deputy, or that one's where they are away too; None in a ring."""
        seen = {person_id}
        at = person_id
        while (here := self._covering(at, operation)) is not None:
            at = here.deputy_id
            if at in seen:
                return None
            seen.add(at)
        return None if at == person_id else at

    def deputy_of_all(self, person_id: int, operations: Iterable[str]) -> int | None:
        """Return who decides for a person on all these operations; None where it is not the same for each."""
        found = {self.deputy_of(person_id, each) for each in operations}
        return found.pop() if len(found) == 1 else None

    def stands_for(self, deputy_id: int, operation: str) -> frozenset[int]:
        """Return the people for whom someone decides on an operation now."""
        people = {each.person_id for each in self.absents}
        return frozenset(person for person in people if self.deputy_of(person, operation) == deputy_id)

    def might_stand_for(self, deputy_id: int) -> frozenset[int]:
        """Return the people for whom someone decides on any operation now."""
        named: set[str] = {""}
        for each in self.absents:
            named |= each.operations or set()
        return frozenset(person for name in named for person in self.stands_for(deputy_id, name))

    def _covering(self, person_id: int, operation: str) -> Absent | None:
        return next((each for each in self.absents if each.person_id == person_id and each.covers(operation)), None)


def away_at(connection: Connection, now: datetime) -> Away:
    """Read who is away at an instant."""
    rows = connection.execute(_NOW, {"now": now})
    return Away(
        tuple(
            Absent(row.person_id, row.deputy_id, None if row.operations is None else frozenset(row.operations))
            for row in rows
        )
    )


class Absences:
    """The absence settings of a company's people."""

    def __init__(self, people: People, store: Store, clock: Clock) -> None:
        """Take the organisation chart, the database and the clock."""
        self._people = people
        self._store = store
        self._clock = clock

    async def set(
        self,
        actor: Actor,
        *,
        deputy_id: int,
        starts_at: datetime,
        ends_at: datetime,
        person_id: int | None = None,
        operations: Iterable[str] | None = None,
        reason: str = "",
    ) -> dict[str, Any]:
        """Say that a person is away and who decides for them; one's own, or anyone's for administrators.

        Raises:
            PermissionDenied: an agent, a credential that may not decide, or someone else's absence.
            ValidationFailed: the deputy is the person, has left, or the period makes no sense.
            Conflict: the period overlaps another one, or deputies would stand for each other in a ring.
        """
        person = actor.person_id if person_id is None else person_id
        _check_may_set(actor, person)
        named = None if operations is None else sorted(set(operations))

        def write(connection: Connection) -> dict[str, Any]:
            _check_may_set(still(connection, self._people, actor, self._clock.now()), person)
            self._check(connection, person, deputy_id, starts_at, ends_at)
            row = {
                "id": f"abs_{ULID()}",
                "person_id": person,
                "deputy_id": deputy_id,
                "starts_at": starts_at,
                "ends_at": ends_at,
                "operations": named,
                "reason": reason[:REASON_MAX],
                "set_by": actor.person_id,
                "created_at": self._clock.now(),
            }
            connection.execute(insert(absence).values(**row))
            told = {"absence": row["id"], "person": person, "deputy": deputy_id}
            audit.append(connection, audit.Entry.by(actor, self._clock.now(), "absence.set", detail=told))
            return self._body(connection, [self._row(connection, str(row["id"]))])[0]

        return await self._store.write(write)

    async def end(self, actor: Actor, absence_id: str) -> dict[str, Any]:
        """End an absence now; what the deputy decided stays.

        Raises:
            NotFound: there is none, or it is someone else's.
            Conflict: it has ended already.
        """

        def write(connection: Connection) -> dict[str, Any]:
            now = self._clock.now()
            present = still(connection, self._people, actor, now)
            row = self._row(connection, absence_id)
            if row.person_id != actor.person_id and not present.has(ADMIN):
                raise _no_such()
            _check_may_set(present, row.person_id)
            if row.ended_at is not None or row.ends_at <= now:
                raise Conflict(Text("이미 끝난 부재예요", "This absence is over already"))
            connection.execute(update(absence).where(absence.c.id == absence_id).values(ended_at=now))
            told = {"absence": absence_id, "person": row.person_id, "deputy": row.deputy_id}
            audit.append(connection, audit.Entry.by(actor, now, "absence.end", detail=told))
            return self._body(connection, [self._row(connection, absence_id)])[0]

        return await self._store.write(write)

    async def shown(self, actor: Actor) -> list[dict[str, Any]]:
        """Return the absences that concern a person, as absent or as deputy; all of them for administrators."""

        def look(connection: Connection) -> list[dict[str, Any]]:
            statement = select(absence).order_by(absence.c.starts_at.desc()).limit(LISTED_MAX)
            if not actor.has(ADMIN):
                mine = or_(absence.c.person_id == actor.person_id, absence.c.deputy_id == actor.person_id)
                statement = statement.where(mine)
            return self._body(connection, connection.execute(statement).all())

        return await self._store.read(look)

    def _check(self, connection: Connection, person: int, deputy: int, starts_at: datetime, ends_at: datetime) -> None:
        if ends_at <= starts_at or ends_at <= self._clock.now():
            raise ValidationFailed(
                Text("끝나는 때가 시작보다 뒤여야 해요", "The end must come after the start, and be in the future"),
                errors=[FieldError("/ends_at", "after starts_at and now")],
            )
        people = self._people.many(connection, [person, deputy])
        if deputy == person or any(each not in people or people[each].left for each in (person, deputy)):
            raise ValidationFailed(
                Text("대결자는 지금 일하는 다른 사람이어야 해요", "The deputy must be someone else who works here"),
                errors=[FieldError("/deputy_id", "another person who works here")],
            )
        period = {"starts": starts_at, "ends": ends_at}
        if connection.execute(_OVERLAPPING, {"person": person, **period}).first() is not None:
            raise Conflict(Text("이 기간에는 다른 부재 설정이 있어요", "Another absence overlaps this period"))
        at, seen = deputy, {person}
        while at not in seen:
            seen.add(at)
            row = connection.execute(_OVERLAPPING, {"person": at, **period}).first()
            if row is None:
                return
            at = row.deputy_id
        raise Conflict(
            Text("서로가 서로의 대결자가 돼요. 다른 사람을 정해 주세요", "The deputies would stand for each other")
        )

    @staticmethod
    def _row(connection: Connection, absence_id: str) -> Row[Any]:
        row = connection.execute(select(absence).where(absence.c.id == absence_id)).one_or_none()
        if row is None:
            raise _no_such()
        return row

    def _body(self, connection: Connection, rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
        rows = list(rows)
        ids = {key for row in rows for key in (row.person_id, row.deputy_id, row.set_by)}
        people = {key: Someone.unknown(key) for key in ids} | self._people.many(connection, ids)
        now = self._clock.now()
        return [_absence_body(row, people, now) for row in rows]


def _absence_body(row: Row[Any], people: Mapping[int, Someone], now: datetime) -> dict[str, Any]:
    return {
        "absence_id": row.id,
        "person": person_body(people[row.person_id]),
        "deputy": person_body(people[row.deputy_id]),
        "starts_at": rfc3339(row.starts_at),
        "ends_at": rfc3339(row.ends_at),
        "operations": row.operations,
        "reason": row.reason,
        "set_by": person_body(people[row.set_by]),
        "ended_at": rfc3339(row.ended_at) if row.ended_at else None,
        "active": row.ended_at is None and row.starts_at <= now < row.ends_at,
    }


def _check_may_set(actor: Actor, person: int) -> None:
    if actor.agent is not None or not actor.decides:
        raise PermissionDenied(
            Text("부재는 사람이 직접 정해야 해요", "Only a person sets absences, in their own session")
        )
    if person != actor.person_id and not actor.has(ADMIN):
        raise PermissionDenied(Text("다른 사람의 부재는 관리자만 정해요", "Only administrators set others' absences"))
    if not actor.may_call("absence.set", "write"):
        raise PermissionDenied(Text("이 키로는 부재를 정할 수 없어요", "This key may not set absences"))


def _no_such() -> NotFound:
    return NotFound(Text("그런 부재 설정이 없어요", "No such absence"))
