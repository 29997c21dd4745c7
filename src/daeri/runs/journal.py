"""What has a run done so far? The tables of runs, steps and events, and the only functions that write them.

Every function is synchronous over a connection, so that a step commits together with the effect it tells of.
The journal is the record: what carries runs forward (engine.py) may be lost and rebuilt from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from daeri.clock import Clock, rfc3339
from daeri.errors import DaeriError
from daeri.operations.outcome import Done, Held, Settlement
from daeri.records.record import Instant
from daeri.records.store import system

TERMINAL = ("succeeded", "failed", "cancelled", "expired")
PARKED = ("waiting_approval", "waiting_input")

run = Table(
    "run",
    system,
    Column("id", String(40), primary_key=True),
    Column("session_id", String(40), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("agent", String(100), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("door", String(20), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("input", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("segment", Integer, nullable=False, default=1),
    Column("epoch", Integer, nullable=False, default=0),
    Column("events", Integer, nullable=False, default=0),
    Column("answer", Text),
    Column("choices", JSON, nullable=False, default=list),
    Column("citations", JSON, nullable=False, default=list),
    Column("usage", JSON, nullable=False, default=dict),
    Column("error", JSON),
    Column("idempotency_key", String(255)),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint(
        "status IN ('queued', 'running', 'waiting_approval', 'waiting_input', 'succeeded', 'failed', 'cancelled', "
        "'expired')",
        name="run_status",
    ),
)
Index("ix_run_person", run.c.person_id, run.c.created_at)
Index("ix_run_session", run.c.session_id)
Index("ix_run_open", run.c.status)
Index("uq_run_idempotency", run.c.person_id, run.c.idempotency_key, unique=True)

step = Table(
    "step",
    system,
    Column("run_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("summary", Text, nullable=False, default=""),
    Column("input", JSON),
    Column("output", JSON),
    Column("approval_id", String(40)),
    Column("milliseconds", Integer, nullable=False, default=0),
    Column("at", Instant, nullable=False),
    CheckConstraint("status IN ('done', 'waiting', 'refused')", name="step_status"),
)
Index("ix_step_approval", step.c.approval_id)

event = Table(
    "event",
    system,
    Column("run_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", JSON, nullable=False),
)


class Fenced(Exception):
    """Another worker, a cancellation or the end of the run has taken the run over: stop and write nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to advance a run: valid while the run's epoch is this one."""

    run_id: str
    epoch: int


def claim(connection: Connection, run_id: str, segment: int) -> Lease | None:
    """Take a run up for one segment; None where that segment is no longer due."""
    row = connection.execute(select(run.c.status, run.c.segment, run.c.epoch).where(run.c.id == run_id)).one()
    if row.segment != segment or row.status not in ("queued", "running"):
        return None
    epoch = row.epoch + 1
    connection.execute(update(run).where(run.c.id == run_id).values(status="running", epoch=epoch))
    return Lease(run_id, epoch)


def check(connection: Connection, lease: Lease) -> None:
    """Raise unless the lease still holds.

    Raises:
        Fenced: the run was claimed again, cancelled or ended.
    """
    row = connection.execute(select(run.c.status, run.c.epoch).where(run.c.id == lease.run_id)).one()
    if row.epoch != lease.epoch or row.status != "running":
        raise Fenced


def emit(connection: Connection, run_id: str, at: datetime, *events: tuple[str, dict[str, Any]]) -> None:
    """Append events to a run's sequence, which has no gaps."""
    last = connection.execute(select(run.c.events).where(run.c.id == run_id)).scalar_one()
    rows = [
        {"run_id": run_id, "seq": last + number, "type": kind, "at": at, "data": data}
        for number, (kind, data) in enumerate(events, 1)
    ]
    connection.execute(insert(event), rows)
    connection.execute(update(run).where(run.c.id == run_id).values(events=last + len(rows)))


def steps(connection: Connection, run_id: str) -> Sequence[Row[Any]]:
    """Return a run's steps in order."""
    return connection.execute(select(step).where(step.c.run_id == run_id).order_by(step.c.seq)).all()


def has_ended(connection: Connection, run_id: str) -> bool:
    """Say whether a run will have no more events."""
    return connection.execute(select(run.c.status).where(run.c.id == run_id)).scalar_one() in TERMINAL


def last_step(connection: Connection, run_id: str) -> int:
    """Return the number of a run's last step, 0 where it has none."""
    last = select(func.coalesce(func.max(step.c.seq), 0)).where(step.c.run_id == run_id)
    return int(connection.execute(last).scalar_one())


def events_after(connection: Connection, run_id: str, after: int, limit: int = 500) -> Sequence[Row[Any]]:
    """Return a run's events with a sequence number above `after`, in order."""
    statement = select(event).where(event.c.run_id == run_id, event.c.seq > after)
    return connection.execute(statement.order_by(event.c.seq).limit(limit)).all()


def event_body(row: Row[Any]) -> dict[str, Any]:
    """Render an event as every protocol sends it."""
    return {"run_id": row.run_id, "seq": row.seq, "ts": rfc3339(row.at), "type": row.type, **row.data}


def finish(connection: Connection, run_id: str, status: str, at: datetime, **values: Any) -> None:
    """End a run: its last two events are its status and the end of the stream."""
    connection.execute(update(run).where(run.c.id == run_id).values(status=status, finished_at=at, **values))
    ending: dict[str, Any] = {"status": status}
    if values.get("error"):
        ending["error"] = values["error"]
    emit(connection, run_id, at, (f"run.{status}", ending), ("stream.end", {"status": status}))


class StepJournal:
    """One step of a run, given to the door so that the step commits with the call's effect."""

    def __init__(self, lease: Lease, seq: int, question: str, clock: Clock, arguments: dict[str, Any]) -> None:
        """Take the lease it writes under, the step's number and the call it tells of."""
        self.run_id = lease.run_id
        self.step = seq
        self.question: str | None = question
        self._lease = lease
        self._clock = clock
        self._arguments = arguments
        self.name = ""

    def check(self, connection: Connection) -> None:
        """Refuse to go on under a lost lease."""
        check(connection, self._lease)

    def record(self, connection: Connection, outcome: Done | Held | DaeriError) -> None:
        """Write the step and its events; a held call parks the run in the same transaction."""
        if isinstance(outcome, Done):
            self._write(connection, "done", {"done": _done_body(outcome)}, milliseconds=round(outcome.milliseconds))
            self._emit(connection, ("tool.finished", _finished(self.step, outcome)))
        elif isinstance(outcome, Held):
            body = outcome.body("ko")
            self._write(connection, "waiting", {"held": body}, approval_id=outcome.approval_id)
            connection.execute(update(run).where(run.c.id == self.run_id).values(status="waiting_approval"))
            waiting = {"seq_step": self.step, "approval_id": outcome.approval_id, **body}
            self._emit(
                connection,
                ("approval.requested", waiting),
                ("run.waiting", {"status": "waiting_approval", "approval_id": outcome.approval_id}),
            )
        else:
            problem = _problem(outcome)
            self._write(connection, "refused", {"refused": problem})
            self._emit(connection, ("tool.finished", {"step": self.step, "operation": self.name, "refused": problem}))

    def _write(self, connection: Connection, status: str, output: dict[str, Any], **more: Any) -> None:
        connection.execute(
            insert(step).values(
                run_id=self.run_id,
                seq=self.step,
                kind="execute",
                name=self.name,
                status=status,
                input=self._arguments,
                output=output,
                at=self._clock.now(),
                **more,
            )
        )

    def _emit(self, connection: Connection, *events: tuple[str, dict[str, Any]]) -> None:
        emit(connection, self.run_id, self._clock.now(), *events)


def settle(connection: Connection, settlement: Settlement, at: datetime) -> None:
    """Tell a waiting run how its document ended and make it due again, in the deciding transaction."""
    if settlement.run_id is None:
        return
    row = connection.execute(select(run.c.status, run.c.segment).where(run.c.id == settlement.run_id)).one_or_none()
    if row is None or row.status in TERMINAL:
        return
    waiting = select(step).where(step.c.approval_id == settlement.approval_id, step.c.status == "waiting")
    held = connection.execute(waiting).one()
    output = {**held.output, "settled": _settled(settlement)}
    if settlement.done is not None:
        output["done"] = _done_body(settlement.done)
    connection.execute(
        update(step)
        .where(step.c.run_id == held.run_id, step.c.seq == held.seq)
        .values(status="done" if settlement.done is not None else "refused", output=output)
    )
    decided = {"approval_id": settlement.approval_id, **_settled(settlement)}
    emit(connection, held.run_id, at, ("approval.decided", decided), ("run.resumed", {"status": "queued"}))
    connection.execute(update(run).where(run.c.id == held.run_id).values(status="queued", segment=row.segment + 1))


def due(connection: Connection) -> list[tuple[str, int]]:
    """Return the runs that some worker should advance, with the segment that is due."""
    statement = select(run.c.id, run.c.segment).where(run.c.status.in_(["queued", "running"])).order_by(run.c.id)
    return [(row.id, row.segment) for row in connection.execute(statement)]


def count_open(connection: Connection) -> int:
    """Return how many runs have not ended, parked ones included."""
    statement = select(func.count()).select_from(run).where(run.c.status.not_in(TERMINAL))
    return int(connection.execute(statement).scalar_one())


def _done_body(done: Done) -> dict[str, Any]:
    return done.body() | {"milliseconds": done.milliseconds, "rows": done.rows}


def _finished(seq: int, done: Done) -> dict[str, Any]:
    return {
        "step": seq,
        "operation": done.operation,
        "rows": done.rows,
        "masked_fields": done.masked,
        "ms": done.milliseconds,
        "say": done.say,
    }


def _problem(error: DaeriError) -> dict[str, Any]:
    return {"code": error.code, "ko": error.problem("ko"), "en": error.problem("en")}


def _settled(settlement: Settlement) -> dict[str, Any]:
    return {
        "status": settlement.status,
        "by": settlement.by,
        "comment": settlement.comment,
        "problem": _problem(settlement.error) if settlement.error is not None else None,
    }
