"""What goes on after the request that asked for it, without being a run? Jobs: a company's own tools at work, as rows.

A job is a row before anyone hears of it, so it outlives its request, its client and its server. Whoever takes it up has
a lease, which ends where the server does; each taking up is an epoch, and who was overtaken, or whose job was stopped,
writes nothing more. A job may thus be begun anew after a crash: what it does must bear that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    case,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from ulid import ULID

from daeri.clock import Clock
from daeri.errors import Conflict, IdempotencyMismatch, NotFound
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.record import Instant
from daeri.records.store import Store, system
from daeri.wording import Lang
from daeri.wording import Text as Words

OPEN: Final = ("working", "input_required")
"""The states in which a job has not ended; the states' names are MCP's."""
PER_PERSON_MAX: Final = 20
KEPT: Final = timedelta(days=7)
"""For how long after its creation a job can be asked for; then it ends, if it has not, and is forgotten."""
LEASE: Final = timedelta(seconds=15)
"""For how long whoever took a job up has it to itself; who is at work renews it."""
ATTEMPTS_MAX: Final = 3
"""Times a job is begun without coming to a question or an end; more often it is the job that ends its server."""
_MESSAGE_MAX: Final = 500

Taken = tuple[str, int]
"""A job that was taken up, and its epoch."""

job = Table(
    "job",
    system,
    Column("id", String(40), primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("tool", String(200), nullable=False),
    Column("agent", String(100)),
    Column("scopes", JSON, nullable=False),
    Column("credential", String(60)),
    Column("lang", String(2), nullable=False),
    Column("idempotency_key", String(255)),
    Column("arguments", JSON, nullable=False),
    Column("capabilities", JSON, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("questions", JSON),
    Column("state", Text),
    Column("status", String(20), nullable=False),
    Column("message", String(_MESSAGE_MAX)),
    Column("result", JSON),
    Column("error", JSON),
    Column("rounds", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_job_due", job.c.status, job.c.due_at)
Index("ix_job_expiry", job.c.expires_at)
Index("uq_job_idempotency", job.c.person_id, job.c.idempotency_key, unique=True)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done.

    Attributes:
        tool: whose work it is, with which arguments.
        capabilities: what the client told that it can be asked for.
        answers: what was asked and answered before it became a job, and the `state` given along.
    """

    tool: str
    arguments: dict[str, Any]
    capabilities: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    state: str | None = None
    lang: Lang = "ko"
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row has it.

    Attributes:
        agent, scopes, credential: the authority that it was asked with, beside its person's own.
        answers: what its client answered to what it asked last.
        questions: what it asks now and was not answered yet, by keys that never come twice.
        rounds: times it has asked.
        attempts: times it was taken up since it was last asked or answered.
    """

    id: str
    person_id: int
    tool: str
    agent: str | None
    scopes: list[list[str]]
    credential: str | None
    lang: Lang
    idempotency_key: str | None
    arguments: dict[str, Any]
    capabilities: dict[str, Any]
    answers: dict[str, Any]
    questions: dict[str, Any] | None
    state: str | None
    status: str
    message: str | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    rounds: int
    attempts: int
    epoch: int
    due_at: datetime
    created_at: datetime
    changed_at: datetime
    expires_at: datetime


class Jobs:
    """The book of jobs, for those who ask for them and for those who do them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock."""
        self._store = store
        self._clock = clock

    async def create(self, actor: Actor, order: Order) -> Job:
        """Write a job down, due at once; the same key gives the same job again.

        Raises:
            Conflict: too many jobs of this person have not ended.
            IdempotencyMismatch: the key was used for something else.
        """

        def add(connection: Connection) -> Job:
            again = _replay(connection, actor, order)
            if again is not None:
                return again
            mine = job.c.person_id == actor.person_id, job.c.status.in_(OPEN)
            if connection.execute(select(func.count()).where(*mine)).scalar_one() >= PER_PERSON_MAX:
                raise Conflict(
                    Words(f"동시에 {PER_PERSON_MAX}개까지예요", f"At most {PER_PERSON_MAX} such jobs at the same time")
                )
            now = self._clock.now()
            row = {
                "id": f"job_{ULID()}",
                "person_id": actor.person_id,
                "agent": actor.agent,
                "scopes": [list(scope) for scope in actor.own_scopes],
                "credential": actor.key,
                **{name: getattr(order, name) for name in Order.__slots__},
                **dict.fromkeys(("rounds", "attempts", "epoch"), 0),
                **dict.fromkeys(("due_at", "created_at", "changed_at"), now),
                "status": "working",
                "expires_at": now + KEPT,
            }
            made = connection.execute(insert(job).values(**row).returning(job)).one()
            self._audit(connection, actor, "job.create", {"job": row["id"], "tool": order.tool})
            return _job(made)

        return await self._store.write(add)

    async def get(self, actor: Actor, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        return await self._store.read(lambda connection: _owned(connection, actor, job_id))

    async def answer(self, actor: Actor, job_id: str, responses: Mapping[str, Any]) -> None:
        """Take answers to what a job asks; with the last of them it is due again. Other keys are passed over.

        Raises:
            NotFound: there is none, or it is someone else's.
        """

        def put(connection: Connection) -> None:
            asked = _owned(connection, actor, job_id)
            open_ones = dict(asked.questions or {})
            given = {key: value for key, value in responses.items() if key in open_ones and isinstance(value, dict)}
            if asked.status != "input_required" or not given:
                return
            rest = {key: value for key, value in open_ones.items() if key not in given}
            answers = asked.answers | {_name(key): value for key, value in given.items()}
            now = self._clock.now()
            values: dict[str, Any] = {"answers": answers, "questions": rest or None, "changed_at": now}
            if not rest:
                values |= {"status": "working", "due_at": now, "attempts": 0}
            asking = job.c.id == job_id, job.c.status == "input_required"
            connection.execute(update(job).where(*asking).values(**values))

        await self._store.write(put)

    async def cancel(self, actor: Actor, job_id: str) -> None:
        """Stop a job; one that has ended stays as it is.

        Raises:
            NotFound: there is none, or it is someone else's.
        """

        def stop(connection: Connection) -> None:
            _owned(connection, actor, job_id)
            values = {"status": "cancelled", "questions": None, "changed_at": self._clock.now()}
            still = job.c.id == job_id, job.c.status.in_(OPEN)
            if connection.execute(update(job).where(*still).values(epoch=job.c.epoch + 1, **values)).rowcount:
                self._audit(connection, actor, "job.cancel", {"job": job_id})

        await self._store.write(stop)

    async def take(self, tools: Collection[str], room: int) -> list[Job]:
        """Take up what is due of these tools, each for one worker at a time."""
        now = self._clock.now()
        due = job.c.status == "working", job.c.due_at <= now, job.c.tool.in_(tools)
        ids = select(job.c.id).where(*due).order_by(job.c.due_at).limit(room)
        found: Sequence[str] = await self._store.read(lambda connection: connection.execute(ids).scalars().all())
        if not found:
            return []
        # Of two workers that saw the same rows, the second one's condition no longer holds.
        claim = (
            update(job)
            .where(job.c.id.in_(found), *due)
            .values(due_at=now + LEASE, epoch=job.c.epoch + 1, attempts=job.c.attempts + 1)
            .returning(job)
        )
        return await self._store.note(lambda connection: [_job(row) for row in connection.execute(claim)])

    async def hold(self, taken: Collection[Taken]) -> set[Taken]:
        """Renew the leases of jobs at work; return those that still are their worker's."""
        now = self._clock.now()
        mine = _still(taken)
        ends = select(job.c.id, job.c.epoch, job.c.due_at).where(*mine)
        rows = await self._store.read(lambda connection: connection.execute(ends).all())
        if any(row.due_at < now + LEASE / 2 for row in rows):
            renew = update(job).where(*mine).values(due_at=now + LEASE)
            await self._store.note(lambda connection: connection.execute(renew))
        return {(row.id, row.epoch) for row in rows}

    async def release(self, taken: Collection[Taken]) -> None:
        """Let others have jobs that this server must leave before their end."""
        left = case((job.c.attempts > 0, job.c.attempts - 1), else_=0)
        values = {"due_at": self._clock.now(), "epoch": job.c.epoch + 1, "attempts": left}
        leave = update(job).where(*_still(taken)).values(**values)
        await self._store.note(lambda connection: connection.execute(leave))

    async def tell(self, taken: Job, message: str) -> None:
        """Note how far a job is, in words."""
        await self._change(taken, message=message[:_MESSAGE_MAX])

    async def ask(self, taken: Job, questions: Mapping[str, Any], state: str | None) -> None:
        """Let a job wait for its client's answers; no key is ever used for two questions."""
        asked = {f"{name}.{taken.rounds + 1}": question for name, question in questions.items()}
        values = {"questions": asked, "state": state, "answers": {}, "rounds": taken.rounds + 1, "attempts": 0}
        await self._change(taken, status="input_required", **values)

    async def finish(
        self, taken: Job, *, result: Mapping[str, Any] | None = None, error: Mapping[str, Any] | None = None
    ) -> None:
        """End a job with what it answers, or with the error of the protocol that it came to."""
        await self._change(taken, status="completed" if error is None else "failed", result=result, error=error)

    async def forget(self) -> int:
        """Delete the jobs whose time is over; return how many there were."""
        over = delete(job).where(job.c.expires_at <= self._clock.now())
        return await self._store.note(lambda connection: connection.execute(over).rowcount)

    async def _change(self, taken: Job, **values: Any) -> None:
        mine = _still([(taken.id, taken.epoch)])
        changed = update(job).where(*mine).values(changed_at=self._clock.now(), **values)
        await self._store.note(lambda connection: connection.execute(changed))

    def _audit(self, connection: Connection, actor: Actor, action: str, detail: dict[str, Any]) -> None:
        audit.append(connection, audit.Entry.by(actor, self._clock.now(), action, detail=detail))


def _replay(connection: Connection, actor: Actor, order: Order) -> Job | None:
    if order.idempotency_key is None:
        return None
    same = job.c.person_id == actor.person_id, job.c.idempotency_key == order.idempotency_key
    row = connection.execute(select(job).where(*same)).one_or_none()
    if row is None:
        return None
    if (row.tool, row.arguments) != (order.tool, order.arguments) or not _is_within(actor, row):
        raise IdempotencyMismatch
    return _job(row)


def _owned(connection: Connection, actor: Actor, job_id: str) -> Job:
    mine = job.c.id == job_id, job.c.person_id == actor.person_id
    row = connection.execute(select(job).where(*mine)).one_or_none()
    if row is None or not _is_within(actor, row):
        raise NotFound
    return _job(row)


def _is_within(actor: Actor, row: Row[Any]) -> bool:
    """Say whether a job of a person had no more authority than the actor has; else who has less would lead it."""
    limits = [list(scope) for scope in actor.own_scopes]
    return actor.agent in (None, row.agent) and (not limits or limits == row.scopes)


def _still(taken: Collection[Taken]) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that jobs are at work in the epochs in which they were taken up."""
    return tuple_(job.c.id, job.c.epoch).in_(list(taken)), job.c.status == "working"


def _name(key: str) -> str:
    """Return what a tool called the question of a key."""
    return key.rpartition(".")[0]


def _job(row: Row[Any]) -> Job:
    return Job(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to the names
