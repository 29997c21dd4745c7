"""What does a person let pass without being asked each time? Standing consents within limits, shown and revocable.

Someone who decides on documents of a form may consent beforehand to what others file with it: so many documents, so
much money, so many rows, until a day. The form says how far that may go at most, and whether at all. What an agent
filled in from a source that nobody vouched for never rides on a consent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update
from ulid import ULID

from daeri.canonical import digest
from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations import repeats
from daeri.operations.company import Company
from daeri.operations.deciding.absences import ADMIN
from daeri.operations.deciding.ledger import Document
from daeri.operations.deciding.model import Seat
from daeri.operations.deciding.presence import still
from daeri.operations.documents import consent, consent_use
from daeri.operations.form import Limit
from daeri.operations.operation import Operation
from daeri.operations.outcome import Replayed
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import Someone, person_body
from daeri.records.store import Store
from daeri.wording import Lang, Text

LISTED_MAX = 200
NOTE_MAX = 500

_STANDING = (
    select(consent)
    .where(
        consent.c.person_id == bindparam("person"),
        consent.c.operation == bindparam("operation"),
        consent.c.operation_digest == bindparam("shape"),
        consent.c.revoked_at.is_(None),
        consent.c.starts_at <= bindparam("now"),
        consent.c.ends_at > bindparam("now"),
    )
    .order_by(consent.c.id)
    .with_for_update()
)
_USED = select(
    func.count(), func.coalesce(func.sum(consent_use.c.amount), 0), func.coalesce(func.sum(consent_use.c.rows), 0)
).where(consent_use.c.consent_id == bindparam("key"))
_MANY_USED = (
    select(
        consent_use.c.consent_id,
        func.count().label("count"),
        func.coalesce(func.sum(consent_use.c.amount), 0).label("amount"),
        func.coalesce(func.sum(consent_use.c.rows), 0).label("rows"),
    )
    .where(consent_use.c.consent_id.in_(bindparam("keys", expanding=True)))
    .group_by(consent_use.c.consent_id)
)
_USE = insert(consent_use)


@dataclass(frozen=True, slots=True)
class Matter:
    """What a document would use of a consent."""

    operation: str
    shape: str
    drafter: int
    agent: str | None
    amount: int
    rows: int


@dataclass(frozen=True, slots=True)
class Wish:
    """The limits that someone gives a consent.

    Attributes:
        amount_each, amount_total: of one document and of all, in the smallest unit; None = not limited, where the
            operation has no amounts.
        drafter_id, agent: whose documents only, filed through which agent only; None = anyone's, any way.
    """

    operation: str
    ends_at: datetime
    count: int
    amount_each: int | None = None
    amount_total: int | None = None
    rows: int | None = None
    drafter_id: int | None = None
    agent: str | None = None
    note: str = ""


def amount_of(operation: Operation, arguments: Mapping[str, Any]) -> int:
    """Return how much money a document is about: the sum of its amounts."""
    values = (arguments.get(name) for name in operation.signature.money)
    return sum(value for value in values if isinstance(value, int))


def riding(connection: Connection, seat: Seat, matter: Matter, now: datetime) -> str | None:
    """Return the consent that covers a matter for whoever holds a seat; None where none does.

    Its row is locked, so that two documents at once do not use the same rest of it.
    """
    asked = {"person": seat.person, "operation": matter.operation, "shape": matter.shape, "now": now}
    for row in connection.execute(_STANDING, asked):
        if row.drafter_id not in (None, matter.drafter) or row.agent not in (None, matter.agent):
            continue
        count, amount, rows = connection.execute(_USED, {"key": row.id}).one()
        if _fits(row, matter, (int(count), int(amount), int(rows))):
            return str(row.id)
    return None


def _fits(row: Row[Any], matter: Matter, used: tuple[int, int, int]) -> bool:
    count, amount, rows = used
    limits = (
        (1, row.count_total - count),
        (matter.amount, row.amount_each),
        (matter.amount, None if row.amount_total is None else row.amount_total - amount),
        (matter.rows, None if row.rows_total is None else row.rows_total - rows),
    )
    return all(limit is None or wanted <= limit for wanted, limit in limits)


def use(connection: Connection, consent_id: str, document: Document, matter: Matter, now: datetime) -> None:
    """Write down that a document rode on a consent."""
    row = {"consent_id": consent_id, "approval_id": document.id, "amount": matter.amount, "rows": matter.rows}
    connection.execute(_USE, row | {"at": now})


class Consents:
    """The standing consents of a company's people."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        """Take the declarations, the database and the clock."""
        self._company = company
        self._store = store
        self._clock = clock

    async def grant(
        self, actor: Actor, wish: Wish, lang: Lang = "ko", *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Consent beforehand to what others file, as the operation is now; the same key gives one consent.

        Raises:
            PermissionDenied: an agent, or a credential that may not decide.
            NotFound: there is no such operation.
            Conflict: its form allows no standing consent.
            ValidationFailed: a limit is missing, or more than the form allows.
            IdempotencyMismatch: the key stands for another wish.
        """
        _check_in_person(actor)
        operation = self._company.operations.get(wish.operation)
        if operation is None:
            raise NotFound(Text(f"'{wish.operation}' 작업이 없어요", f"There is no operation '{wish.operation}'"))
        limit = operation.form.consent if operation.form else None
        if limit is None:
            raise Conflict(Text("이 양식은 미리 승인해 둘 수 없어요", "This form allows no standing consent"))
        now = self._clock.now()
        _check(operation, limit, wish, now)

        request = digest(["consent.grant", asdict(wish) | {"ends_at": rfc3339(wish.ends_at)}])

        def write(connection: Connection) -> dict[str, Any]:
            still(connection, self._company.people, actor, self._clock.now())
            before = repeats.kept(connection, actor.person_id, idempotency_key, request) if idempotency_key else None
            if before is not None:
                return before.body()
            key = f"con_{ULID()}"
            row = {
                "id": key,
                "person_id": actor.person_id,
                "operation": operation.name,
                "operation_digest": operation.shape,
                "drafter_id": wish.drafter_id,
                "agent": wish.agent,
                "amount_each": wish.amount_each,
                "amount_total": wish.amount_total,
                "count_total": wish.count,
                "rows_total": wish.rows,
                "starts_at": now,
                "ends_at": wish.ends_at,
                "note": wish.note[:NOTE_MAX],
                "created_at": now,
            }
            connection.execute(insert(consent).values(**row))
            told = {name: value for name, value in row.items() if isinstance(value, str | int)}
            audit.append(connection, audit.Entry.by(actor, now, "consent.grant", detail=told))
            body = self._bodies(connection, [_row(connection, key)], lang)[0]
            if idempotency_key:
                repeats.keep(connection, actor.person_id, idempotency_key, request, Replayed(201, body), at=now)
            return body

        return await self._store.write(write)

    async def revoke(self, actor: Actor, consent_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Take a consent back; what rode on it already stays.

        Raises:
            PermissionDenied: an agent.
            NotFound: there is none, or it is someone else's.
            Conflict: it is over already.
        """
        if actor.agent is not None:
            raise PermissionDenied(_IN_PERSON)

        def write(connection: Connection) -> dict[str, Any]:
            now = self._clock.now()
            present = still(connection, self._company.people, actor, now)
            row = _row(connection, consent_id)
            if row is None or (row.person_id != actor.person_id and not present.has(ADMIN)):
                raise NotFound(Text("그런 사전 승인이 없어요", "No such consent"))
            if row.revoked_at is not None or row.ends_at <= now:
                raise Conflict(Text("이미 끝난 사전 승인이에요", "This consent is over already"))
            changed = update(consent).where(consent.c.id == consent_id)
            connection.execute(changed.values(revoked_at=now, revoked_by=actor.person_id))
            audit.append(connection, audit.Entry.by(actor, now, "consent.revoke", detail={"consent": consent_id}))
            return self._bodies(connection, [_row(connection, consent_id)], lang)[0]

        return await self._store.write(write)

    async def shown(self, actor: Actor, lang: Lang = "ko") -> list[dict[str, Any]]:
        """Return the consents that a person gave or that name them; all for administrators. Newest first."""
        statement = select(consent).order_by(consent.c.id.desc()).limit(LISTED_MAX)
        if not actor.has(ADMIN):
            statement = statement.where(
                or_(consent.c.person_id == actor.person_id, consent.c.drafter_id == actor.person_id)
            )
        return await self._store.read(
            lambda connection: self._bodies(connection, connection.execute(statement).all(), lang)
        )

    def _bodies(self, connection: Connection, rows: Iterable[Row[Any]], lang: Lang) -> list[dict[str, Any]]:
        rows = list(rows)
        ids = {key for row in rows for key in (row.person_id, row.drafter_id) if key is not None}
        people = {key: Someone.unknown(key) for key in ids} | self._company.people.many(connection, ids)
        used = {row.consent_id: row for row in connection.execute(_MANY_USED, {"keys": [row.id for row in rows]})}
        now = self._clock.now()
        return [self._body(row, used.get(row.id), people, now, lang) for row in rows]

    def _body(
        self, row: Row[Any], used: Row[Any] | None, people: Mapping[int, Someone], now: datetime, lang: Lang
    ) -> dict[str, Any]:
        operation = self._company.operations.get(row.operation)
        return {
            "consent_id": row.id,
            "person": person_body(people[row.person_id]),
            "operation": row.operation,
            "title": operation.label.to(lang) if operation else row.operation,
            "drafter": person_body(people[row.drafter_id]) if row.drafter_id is not None else None,
            "agent": row.agent,
            "limits": {
                "count": row.count_total,
                "amount_each": row.amount_each,
                "amount_total": row.amount_total,
                "rows": row.rows_total,
            },
            "used": {
                "count": int(used.count) if used else 0,  # type: ignore[call-overload]  # a column of that name
                "amount": int(used.amount) if used else 0,
                "rows": int(used.rows) if used else 0,
            },
            "starts_at": rfc3339(row.starts_at),
            "ends_at": rfc3339(row.ends_at),
            "revoked_at": rfc3339(row.revoked_at) if row.revoked_at else None,
            "active": row.revoked_at is None and row.starts_at <= now < row.ends_at,
            "note": row.note,
        }


_IN_PERSON = Text("사전 승인은 사람이 직접 해야 해요", "Only a person consents, in their own session")


def _check_in_person(actor: Actor) -> None:
    if actor.agent is not None or not actor.decides or not actor.may_call("consent.grant", "write"):
        raise PermissionDenied(_IN_PERSON)


def _check(operation: Operation, limit: Limit, wish: Wish, now: datetime) -> None:
    """Refuse limits that are none, or wider than the form's own.

    Raises:
        ValidationFailed: with one entry for each.
    """
    wrong: list[FieldError] = []
    if not now < wish.ends_at <= now + timedelta(days=limit.days):
        wrong.append(FieldError("/ends_at", Text(f"{limit.days}일 안이어야 해요", f"within {limit.days} days")))
    if not 1 <= wish.count <= limit.count:
        wrong.append(FieldError("/count", Text(f"1에서 {limit.count}까지", f"1 to {limit.count}")))
    bounded = (("amount_each", wish.amount_each, limit.amount), ("amount_total", wish.amount_total, limit.amount))
    for name, value, most in (*bounded, ("rows", wish.rows, limit.rows)):
        must = most is not None or (name != "rows" and bool(operation.signature.money))
        if (value is None and must) or (value is not None and (value < 0 or (most is not None and value > most))):
            told = f"0 to {most}" if most is not None else "required, 0 or more"
            wrong.append(FieldError(f"/{name}", told))
    if wrong:
        raise ValidationFailed(
            Text("한도를 확인해 주세요", "Some limits are missing or wider than the form allows"), errors=wrong
        )


def _row(connection: Connection, consent_id: str) -> Any:
    return connection.execute(select(consent).where(consent.c.id == consent_id)).one_or_none()
