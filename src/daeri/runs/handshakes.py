"""What does a client that shakes hands first (MCP until 2025-11-25) leave with the servers? A row, for any of them.

Such a client tells once what it can do, sets a level of logging and names what it watches, each in a request of its
own, and answers a question by another request than the one that it was asked in. Any server may get any of these, so
nothing of it is kept in a process: the row has it, and who waits for an answer looks there.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from daeri.clock import Clock
from daeri.errors import Conflict, NotFound, ValidationFailed
from daeri.records.actor import Actor
from daeri.records.prepared import Constant
from daeri.records.record import Instant
from daeri.records.store import Store, system
from daeri.wording import Text

KEPT: Final = timedelta(days=30)
"""A client whose handshake is forgotten is told so, and shakes hands again."""
PER_PERSON_MAX: Final = 200
"""The oldest goes: clients come and go without a word."""
WATCHED_MAX: Final = 20
URI_MAX: Final = 2_000
"""Characters of an address that is watched; it is kept as long as the handshake."""
ASKED_MAX: Final = 20
"""Questions that are open at once."""

handshake = Table(
    "handshake",
    system,
    Column("id", String(60), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("capabilities", JSON, nullable=False),
    Column("level", String(20)),
    Column("uris", JSON, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_handshake_person", handshake.c.person_id, handshake.c.created_at)
Index("ix_handshake_expiry", handshake.c.expires_at)


_ONE: Final = Constant(
    select(handshake).where(
        handshake.c.id == bindparam("key"),
        handshake.c.person_id == bindparam("person"),
        handshake.c.expires_at > bindparam("now"),
    ),
    "key",
    "person",
    "now",
)


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client has told.

    Attributes:
        capabilities: what it can be asked for.
        level: from which level on it wants to hear what happens; None where it did not say.
        uris: what it watches, and how each was marked when it was named.
        answers: its answers by the questions that were asked; None where one is awaited.
    """

    id: str
    person_id: int
    capabilities: dict[str, Any]
    level: str | None
    uris: dict[str, str]
    answers: dict[str, Any]
    created_at: datetime
    expires_at: datetime


class Handshakes:
    """The book of handshakes. Whoever is not the person of one finds none."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock."""
        self._store = store
        self._clock = clock

    async def create(self, actor: Actor, capabilities: Mapping[str, Any]) -> str:
        """Write a handshake down and return its name, which nobody can guess."""
        now = self._clock.now()
        row = {
            "id": f"mcs_{secrets.token_urlsafe(32)}",
            "person_id": actor.person_id,
            "capabilities": dict(capabilities),
            "uris": {},
            "answers": {},
            "created_at": now,
            "expires_at": now + KEPT,
        }
        mine = select(handshake.c.id).where(handshake.c.person_id == actor.person_id)
        oldest = mine.order_by(handshake.c.created_at.desc()).offset(PER_PERSON_MAX - 1)

        def add(connection: Connection) -> None:
            connection.execute(delete(handshake).where(handshake.c.expires_at <= now))
            if spare := connection.execute(oldest).scalars().all():
                connection.execute(delete(handshake).where(handshake.c.id.in_(spare)))
            connection.execute(insert(handshake).values(**row))

        await self._store.write(add)
        return str(row["id"])

    async def get(self, actor: Actor, name: str) -> Handshake:
        """Return a handshake.

        Raises:
            NotFound: there is none, it is someone else's, or its time is over.
        """
        return await self._store.read(lambda connection: self._found(connection, actor, name))

    async def delete(self, actor: Actor, name: str) -> None:
        """Forget a handshake.

        Raises:
            NotFound: there is none, it is someone else's, or its time is over.
        """

        def remove(connection: Connection) -> None:
            self._found(connection, actor, name)
            connection.execute(delete(handshake).where(handshake.c.id == name))

        await self._store.write(remove)

    async def set_level(self, actor: Actor, name: str, level: str) -> None:
        """Note from which level on the client wants to hear.

        Raises:
            NotFound: there is none, it is someone else's, or its time is over.
        """
        await self._change(actor, name, lambda _: {"level": level})

    async def watch(self, actor: Actor, name: str, uri: str, mark: str | None) -> None:
        """Note that the client watches an address, marked as it is now; without a mark, that it no longer does.

        Raises:
            NotFound: there is none, it is someone else's, or its time is over.
            Conflict: it watches too many.
            ValidationFailed: the address is too long to be kept.
        """
        if len(uri) > URI_MAX:
            raise ValidationFailed(Text(f"주소는 {URI_MAX:,}자까지예요", f"An address may have {URI_MAX:,} characters"))

        def changed(found: Handshake) -> dict[str, Any]:
            others = {each: marked for each, marked in found.uris.items() if each != uri}
            if mark is not None and len(others) >= WATCHED_MAX:
                raise Conflict(Text(f"{WATCHED_MAX}개까지 지켜볼 수 있어요", f"At most {WATCHED_MAX} can be watched"))
            return {"uris": others | ({uri: mark} if mark is not None else {})}

        await self._change(actor, name, changed)

    async def expect(self, actor: Actor, name: str, question: str) -> None:
        """Note that an answer is awaited.

        Raises:
            NotFound: there is none, it is someone else's, or its time is over.
            Conflict: too many answers are awaited.
        """

        def changed(found: Handshake) -> dict[str, Any]:
            if len(found.answers) >= ASKED_MAX:
                raise Conflict(Text("기다리는 답이 너무 많아요", "Too many answers are awaited"))
            return {"answers": found.answers | {question: None}}

        await self._change(actor, name, changed)

    async def answer(self, actor: Actor, name: str, question: str, answer: Mapping[str, Any]) -> None:
        """Take the answer to a question, once.

        Raises:
            NotFound: nobody awaits it of this person.
        """

        def changed(found: Handshake) -> dict[str, Any]:
            if question not in found.answers or found.answers[question] is not None:
                raise NotFound
            return {"answers": found.answers | {question: dict(answer)}}

        await self._change(actor, name, changed)

    async def settle(self, actor: Actor, name: str, question: str) -> None:
        """Await an answer no longer: it was read, or it comes too late.

        Raises:
            NotFound: there is none, it is someone else's, or its time is over.
        """

        def changed(found: Handshake) -> dict[str, Any]:
            return {"answers": {key: value for key, value in found.answers.items() if key != question}}

        await self._change(actor, name, changed)

    async def _change(self, actor: Actor, name: str, changed: Callable[[Handshake], dict[str, Any]]) -> None:
        def change(connection: Connection) -> None:
            values = changed(self._found(connection, actor, name))
            connection.execute(update(handshake).where(handshake.c.id == name).values(**values))

        await self._store.write(change)

    def _found(self, connection: Connection, actor: Actor, name: str) -> Handshake:
        row = _ONE.one(connection, key=name, person=actor.person_id, now=self._clock.now())
        if row is None:
            raise NotFound(Text("그런 MCP 세션이 없어요", "There is no such MCP session"))
        return Handshake(**row._mapping)  # noqa: SLF001 - public, despite its name
