"""Where is the news of a run to be sent? Addresses that people gave for their runs, and what is still to go there.

The run's own events are the outbox: they are written in the transaction of what they tell of, and an address keeps the
number of the last one that reached it. So nothing is sent that did not happen, nothing that happened is lost in a
crash, and a run that nobody wants to hear of pays nothing. Sending itself is the gateway's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, Index, Integer, Row, String, Table, bindparam, func, insert, select, update
from ulid import ULID

from daeri.clock import Clock, rfc3339
from daeri.errors import Conflict, NotFound
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.record import Instant
from daeri.records.store import Store, system
from daeri.runs import journal
from daeri.wording import Text

PER_RUN_MAX: Final = 10
LEASE: Final = timedelta(seconds=60)
"""For how long whoever took an address up has it to itself; longer than one delivery can take."""
RETRY_SECONDS: Final[Sequence[int]] = (1, 5, 30, 120, 600, 3600, 14400)
"""How long to wait after each failure; after the last one the address is given up."""
BATCH: Final = 20

push = Table(
    "push",
    system,
    Column("id", String(40), primary_key=True),
    Column("run_id", String(40), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("url", String(2000), nullable=False),
    Column("token", String(500)),
    Column("scheme", String(40)),
    Column("credentials", String(2000)),
    Column("sent", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("failure", String(200)),
)
Index("ix_push_run", push.c.run_id)
Index("ix_push_due", push.c.ended_at, push.c.due_at)

_NEWS = select(journal.event.c.seq).where(
    journal.event.c.run_id == push.c.run_id, journal.event.c.seq > push.c.sent, journal.event.c.type.like("run.%")
)
_DUE = (
    select(push, journal.run.c.events, journal.run.c.status)
    .join(journal.run, journal.run.c.id == push.c.run_id)
    .where(push.c.ended_at.is_(None), push.c.due_at <= bindparam("now"), _NEWS.exists())
    .order_by(push.c.due_at)
    .limit(BATCH)
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send to, and how to prove there who sends.

    Attributes:
        token: goes along with each delivery, and signs its body.
        scheme, credentials: the Authorization header that the receiver wants.
    """

    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """News for one address, taken up to be sent: the run as it stands, told by its owner's rights."""

    id: str
    run_id: str
    person_id: int
    address: Address
    upto: int
    has_ended: bool
    attempts: int


class Pushes:
    """The addresses, and the work of sending."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock."""
        self._store = store
        self._clock = clock

    async def create(self, actor: Actor, run_id: str, address: Address) -> dict[str, Any]:
        """Note an address for a run; it hears of everything from now on, first of how the run stands.

        Raises:
            NotFound: there is no such run, or it is someone else's.
            Conflict: the run has too many addresses.
        """

        def add(connection: Connection) -> dict[str, Any]:
            self._check_run(connection, actor, run_id)
            count = select(func.count()).where(push.c.run_id == run_id)
            if connection.execute(count).scalar_one() >= PER_RUN_MAX:
                raise Conflict(
                    Text(f"한 실행에 {PER_RUN_MAX}곳까지예요", f"At most {PER_RUN_MAX} addresses for one run")
                )
            now = self._clock.now()
            row = {
                "id": f"psh_{ULID()}",
                "run_id": run_id,
                "person_id": actor.person_id,
                "url": address.url,
                "token": address.token or None,
                "scheme": address.scheme or None,
                "credentials": address.credentials or None,
                "sent": 0,
                "attempts": 0,
                "due_at": now,
                "created_at": now,
            }
            connection.execute(insert(push).values(**row))
            self._audit(connection, actor, run_id, "push.create")
            return self._body(connection, actor, run_id, str(row["id"]))

        return await self._store.write(add)

    async def get(self, actor: Actor, run_id: str, push_id: str) -> dict[str, Any]:
        """Return one address; its secrets are not told again.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        return await self._store.read(lambda connection: self._body(connection, actor, run_id, push_id))

    async def all(self, actor: Actor, run_id: str) -> list[dict[str, Any]]:
        """Return the addresses of a run.

        Raises:
            NotFound: there is no such run, or it is someone else's.
        """

        def look(connection: Connection) -> list[dict[str, Any]]:
            self._check_run(connection, actor, run_id)
            rows = connection.execute(select(push).where(push.c.run_id == run_id).order_by(push.c.id))
            return [_told(row) for row in rows]

        return await self._store.read(look)

    async def delete(self, actor: Actor, run_id: str, push_id: str) -> None:
        """Send nothing there any more.

        Raises:
            NotFound: there is none, or it is someone else's.
        """

        def remove(connection: Connection) -> None:
            self._body(connection, actor, run_id, push_id)
            connection.execute(push.delete().where(push.c.id == push_id))
            self._audit(connection, actor, run_id, "push.delete")

        await self._store.write(remove)

    async def is_idle(self) -> bool:
        """Say whether there is no address that may still hear of anything."""
        open_ones = select(push.c.id).where(push.c.ended_at.is_(None)).limit(1)
        return await self._store.read(lambda connection: connection.execute(open_ones).one_or_none() is None)

    async def take(self) -> list[Delivery]:
        """Take up what is due, each for one worker at a time."""
        now = self._clock.now()
        rows = await self._store.read(lambda connection: connection.execute(_DUE, {"now": now}).all())
        if not rows:
            return []
        # Of two workers that saw the same rows, the second one's condition no longer holds.
        claim = (
            update(push)
            .where(push.c.id.in_([row.id for row in rows]), push.c.due_at <= now)
            .values(due_at=now + LEASE)
            .returning(push.c.id)
        )
        taken = set(await self._store.write(lambda connection: connection.execute(claim).scalars().all()))
        return [_delivery(row) for row in rows if row.id in taken]

    async def arrived(self, delivery: Delivery) -> None:
        """Note that an address has heard of everything up to the delivery."""
        values: dict[str, Any] = {"sent": delivery.upto, "attempts": 0, "due_at": self._clock.now(), "failure": None}
        if delivery.has_ended:
            values["ended_at"] = self._clock.now()
        await self._change(delivery, values)

    async def failed(self, delivery: Delivery, why: str, *, final: bool = False) -> None:
        """Note that a delivery did not arrive; it is tried again later, or given up."""
        now, attempts = self._clock.now(), delivery.attempts + 1
        values: dict[str, Any] = {"attempts": attempts, "failure": why[:200]}
        if final or attempts > len(RETRY_SECONDS):
            values["ended_at"] = now
        else:
            values["due_at"] = now + timedelta(seconds=RETRY_SECONDS[attempts - 1])
        await self._change(delivery, values)

    async def _change(self, delivery: Delivery, values: dict[str, Any]) -> None:
        statement = update(push).where(push.c.id == delivery.id).values(**values)
        await self._store.write(lambda connection: connection.execute(statement))

    @staticmethod
    def _check_run(connection: Connection, actor: Actor, run_id: str) -> None:
        owner = select(journal.run.c.person_id).where(journal.run.c.id == run_id)
        if connection.execute(owner).scalar_one_or_none() != actor.person_id:
            raise NotFound(Text("그런 실행을 찾을 수 없어요", "No such run"))

    def _body(self, connection: Connection, actor: Actor, run_id: str, push_id: str) -> dict[str, Any]:
        self._check_run(connection, actor, run_id)
        row = connection.execute(select(push).where(push.c.id == push_id, push.c.run_id == run_id)).one_or_none()
        if row is None:
            raise NotFound(Text("그런 알림 주소를 찾을 수 없어요", "No such address"))
        return _told(row)

    def _audit(self, connection: Connection, actor: Actor, run_id: str, action: str) -> None:
        audit.append(connection, audit.Entry.by(actor, self._clock.now(), action, run_id=run_id))


def _told(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "run_id": row.run_id,
        "url": row.url,
        "scheme": row.scheme,
        "created_at": rfc3339(row.created_at),
        "ended_at": rfc3339(row.ended_at) if row.ended_at else None,
        "failure": row.failure,
    }


def _delivery(row: Row[Any]) -> Delivery:
    address = Address(row.url, row.token or "", row.scheme or "", row.credentials or "")
    return Delivery(
        id=row.id,
        run_id=row.run_id,
        person_id=row.person_id,
        address=address,
        upto=row.events,
        has_ended=row.status in journal.TERMINAL,
        attempts=row.attempts,
    )
