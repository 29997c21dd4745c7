"""What has a run done so far? The tables of runs, steps and events, and the only functions that write them.

Every function is synchronous over a connection, so that a step commits together with the effect it tells of.
The journal is the record: what carries runs forward (engine.py) may be lost and rebuilt from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)

from daeri.clock import rfc3339
from daeri.errors import DaeriError, Refused
from daeri.operations.outcome import Done
from daeri.records.prepared import Constant
from daeri.records.record import Instant
from daeri.records.store import system
from daeri.runs.fleet import server
from daeri.wording import Text as Words

TERMINAL = ("succeeded", "failed", "cancelled", "expired")
PARKED = ("waiting_approval", "waiting_input")
"""Waiting for a person, be it with another run that it has asked for."""
AT_WORK = ("queued", "running", "waiting_run")
"""The states of a run that nobody but agents has to end: it waits for no person."""
ASK = "agents.ask"
"""The operation by which a run has another agent work; the run of that one is begun with the step."""
SPOKEN = "message.delta"
RESTARTED = "message.restarted"
"""The events that tell a piece of the answer, and that it begins anew, with the text that stands."""
NEWS_MAX = 500
"""Events that are read at once."""

run = Table(
    "run",
    system,
    Column("id", String(40), primary_key=True),
    Column("session_id", String(40), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("agent", String(100), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("credential", String(60)),
    Column("door", String(20), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("input", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("segment", Integer, nullable=False, default=1),
    Column("epoch", Integer, nullable=False, default=0),
    Column("server", String(40)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("events", Integer, nullable=False, default=0),
    Column("answer", Text),
    Column("choices", JSON, nullable=False, default=list),
    Column("citations", JSON, nullable=False, default=list),
    Column("usage", JSON, nullable=False, default=dict),
    Column("error", JSON),
    Column("idempotency_key", String(255)),
    Column("rank", Integer, nullable=False, default=0, server_default="0"),
    Column("replaced_by", String(40)),
    Column("copied_from", String(40)),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("trace", String(55)),
    Column("parent_id", String(40)),
    Column("parent_step", Integer),
    Column("asked_by", JSON),
    Column("terms", JSON),
    CheckConstraint(
        "status IN ('queued', 'running', 'waiting_approval', 'waiting_input', 'waiting_run', 'succeeded', "
        "'failed', 'cancelled', 'expired')",
        name="run_status",
    ),
)
Index("ix_run_person", run.c.person_id, run.c.created_at)
Index("ix_run_session", run.c.session_id)
Index("ix_run_parent", run.c.parent_id)
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
    """A worker's right to advance a run: valid while the run's epoch is this one.

    Attributes:
        again: whoever was at it before was interrupted, perhaps while it spoke.
    """

    run_id: str
    epoch: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A step that had no effect outside the run: analyze, select, plan, answer."""

    kind: str
    output: dict[str, Any]
    summary: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Written:
    """An event of a run's sequence, as it was written."""

    run_id: str
    seq: int
    type: str
    at: datetime
    data: dict[str, Any]


# Statements are made once: a run is a dozen small visits, and building each anew costs more than SQLite does.
KEY: BindParameter[str] = bindparam("key")
_NOW = select(run.c.status, run.c.segment, run.c.epoch).where(run.c.id == KEY)
_STATE = Constant(_NOW, "key")
STATE_HELD = Constant(_NOW.add_columns(run.c.server).with_for_update(), "key")
"""The same, held until the transaction ends: whoever changes a run looks at it like this first."""
_RUN = Constant(select(run).where(run.c.id == KEY), "key")
_CLAIM = Constant(
    update(run)
    .where(run.c.id == KEY)
    .values(status="running", epoch=bindparam("next_epoch"), attempts=run.c.attempts + 1, server=bindparam("me")),
    "key",
    "next_epoch",
    "me",
)
_PUT_BACK = Constant(
    update(run)
    .where(run.c.id == KEY)
    .values(attempts=run.c.attempts + 1, server=None)
    .returning(run.c.attempts, run.c.lang),
    "key",
)
_LEAVE = (
    update(run)
    .where(run.c.status == "running", run.c.server == bindparam("me"), run.c.attempts > 0)
    .values(attempts=run.c.attempts - 1)
)
_IS_THERE = select(server.c.id).where(server.c.id == bindparam("name"))
_COUNTED = update(run).where(run.c.id == KEY).values(events=run.c.events + bindparam("more")).returning(run.c.events)
_MORE = Constant(_COUNTED, "key", "more")
_LEASED = _COUNTED.where(run.c.epoch == bindparam("held"), run.c.status == "running")
_MORE_LEASED = Constant(_LEASED, "key", "more", "held")
_STEPPED = Constant(update(run).where(run.c.id == KEY).values(attempts=0), "key")
_STEPS = Constant(select(step).where(step.c.run_id == KEY).order_by(step.c.seq), "key")
_LAST_STEP = Constant(select(func.coalesce(func.max(step.c.seq), 0).label("seq")).where(step.c.run_id == KEY), "key")
_EVENTS = Constant(
    select(event)
    .where(event.c.run_id == KEY, event.c.seq > bindparam("after"))
    .order_by(event.c.seq)
    .limit(bindparam("most")),
    "key",
    "after",
    "most",
)
_TOLD = (
    select(event.c.type, event.c.data)
    .where(event.c.run_id == KEY, event.c.type.in_((SPOKEN, RESTARTED)))
    .order_by(event.c.seq)
)
_CHILDREN = Constant(
    select(run.c.id, run.c.epoch).where(run.c.parent_id == KEY, *(run.c.status != each for each in TERMINAL)), "key"
)
_PARENT = Constant(select(run.c.parent_id, run.c.parent_step).where(run.c.id == KEY), "key")
NOTED = ("run_id", "seq", "kind", "name", "status", "summary", "output", "milliseconds", "at")
_INSERT_NOTE = Constant(insert(step), *NOTED)
_INSERT_EVENT = Constant(insert(event), "run_id", "seq", "type", "at", "data")


_NEW: dict[str, Any] = {"segment": 1, "epoch": 0, "attempts": 0, "events": 0, "rank": 0, "usage": {}}
_NEW |= {"status": "queued", "choices": [], "citations": []}


def begin(connection: Connection, **values: Any) -> None:
    """Write a run that nobody has taken up yet."""
    row = _NEW | values
    _added(*row).run(connection, **row)


def change(connection: Connection, run_id: str, **values: Any) -> None:
    """Change some columns of a run; whoever does so holds it."""
    _changed(*values).run(connection, key=run_id, **{f"new_{name}": value for name, value in values.items()})


@cache
def _added(*names: str) -> Constant:
    return Constant(insert(run), *names)


@cache
def _changed(*names: str) -> Constant:
    values: dict[str, BindParameter[Any]] = {name: bindparam(f"new_{name}") for name in names}
    return Constant(update(run).where(run.c.id == KEY).values(values), "key", *(f"new_{name}" for name in names))


def claim(connection: Connection, run_id: str, segment: int, me: str) -> Lease | None:
    """Take a run up for one segment; None where that segment is no longer due, or another server is at it."""
    row = _due(connection, run_id, segment, me)
    if row is None:
        return None
    epoch = row.epoch + 1
    _CLAIM.run(connection, key=run_id, next_epoch=epoch, me=me)
    return Lease(run_id, epoch, again=row.status == "running")


def put_back(connection: Connection, run_id: str, segment: int, me: str) -> Row[Any] | None:
    """Leave a run that could not be taken up to whichever server tries next.

    Return its language, and how many attempts there were since its last step; None where that segment is no longer
    due, or another server is at it.
    """
    if _due(connection, run_id, segment, me) is None:
        return None
    return _PUT_BACK.one(connection, key=run_id)


def leave(connection: Connection, me: str) -> None:
    """Take back the attempts of a server that stops: whoever takes its runs up next tries in its place."""
    connection.execute(_LEAVE, {"me": me})


def _due(connection: Connection, run_id: str, segment: int, me: str) -> Row[Any] | None:
    """Return where a run stands, held, if a server may take this segment of it up."""
    row = STATE_HELD.one(connection, key=run_id)
    if row is None or row.segment != segment or row.status not in ("queued", "running"):
        return None
    if row.status == "running" and row.server != me and _is_there(connection, row.server):
        return None
    return row


def check(connection: Connection, lease: Lease) -> None:
    """Raise unless the lease still holds.

    Raises:
        Fenced: the run was claimed again, cancelled or ended.
    """
    row = STATE_HELD.one(connection, key=lease.run_id)
    if row is None or row.epoch != lease.epoch or row.status != "running":
        raise Fenced


def emit(
    connection: Connection, run_id: str, at: datetime, *events: tuple[str, dict[str, Any]], lease: Lease | None = None
) -> list[Written]:
    """Append events to a run's sequence, which has no gaps; under a lease where one is given. Return them.

    Raises:
        Fenced: the lease does not hold any more.
    """
    if not events:
        if lease is not None:
            check(connection, lease)
        return []
    numbers: dict[str, Any] = {"key": run_id, "more": len(events)}
    if lease is None:
        counted = _MORE.one(connection, **numbers)
    else:
        counted = _MORE_LEASED.one(connection, **numbers, held=lease.epoch)
    if counted is None:
        raise Fenced
    first = counted.events - len(events) + 1
    written = [Written(run_id, number, kind, at, data) for number, (kind, data) in enumerate(events, first)]
    for each in written:
        _INSERT_EVENT.run(connection, run_id=run_id, seq=each.seq, type=each.type, at=at, data=each.data)
    return written


def write_notes(
    connection: Connection, lease: Lease, at: datetime, notes: Sequence[Note], *more: tuple[str, dict[str, Any]]
) -> list[Written]:
    """Write steps without effect and their events, and further events after them; return the events.

    Raises:
        Fenced: the lease does not hold any more.
    """
    events: list[tuple[str, dict[str, Any]]] = []
    rows: list[dict[str, Any]] = []
    first = last_step(connection, lease.run_id) + 1 if notes else 0
    for seq, note in enumerate(notes, first):
        told = {"step": seq, "kind": note.kind, "summary": note.summary}
        events += [("step.started", told), ("step.finished", {**told, "ms": note.milliseconds})]
        rows.append(
            {
                "run_id": lease.run_id,
                "seq": seq,
                "kind": note.kind,
                "name": note.kind,
                "status": "done",
                "summary": note.summary,
                "output": note.output,
                "milliseconds": note.milliseconds,
                "at": at,
            }
        )
    written = emit(connection, lease.run_id, at, *events, *more, lease=lease)
    for row in rows:
        _INSERT_NOTE.run(connection, **row)
    if rows:
        stepped(connection, lease.run_id)
    return written


def stepped(connection: Connection, run_id: str) -> None:
    """Take note that a run got on: it may be interrupted as often again."""
    _STEPPED.run(connection, key=run_id)


def planned(connection: Connection, run_id: str, at: datetime, plan: dict[str, Any]) -> None:
    """Write the plan of a run that is no agent's: its first step."""
    values = {"run_id": run_id, "seq": 1, "kind": "plan", "name": "plan", "status": "done", "output": plan, "at": at}
    _INSERT_NOTE.run(connection, **values, summary="", milliseconds=0)


def is_open(connection: Connection, worker: str) -> bool:
    """Say whether any run of a worker is queued or under way."""
    mine = select(run.c.id).where(run.c.agent == worker, run.c.status.in_(("queued", "running")))
    return connection.execute(mine.limit(1)).one_or_none() is not None


def planned_files(connection: Connection, worker: str, statuses: Sequence[str] = ("queued", "running")) -> set[int]:
    """Return the files in the plans of a worker's runs of some statuses, the open ones unless others are named."""
    mine = run.c.agent == worker, run.c.status.in_(statuses)
    plans = select(step.c.output).join(run, run.c.id == step.c.run_id).where(*mine, step.c.kind == "plan")
    return {key for plan in connection.execute(plans).scalars() for key in plan.get("files", ())}


def row(connection: Connection, run_id: str) -> Row[Any]:
    """Return a run that there is."""
    return _RUN.rows(connection, key=run_id)[0]


def steps(connection: Connection, run_id: str) -> Sequence[Row[Any]]:
    """Return a run's steps in order."""
    return _STEPS.rows(connection, key=run_id)


def has_ended(connection: Connection, run_id: str) -> bool:
    """Say whether a run has ended; one that is not there has."""
    row = _STATE.one(connection, key=run_id)
    return row is None or row.status in TERMINAL


def trace_of(connection: Connection, run_id: str) -> str:
    """Return where in a trace a run was asked for."""
    return connection.execute(select(run.c.trace).where(run.c.id == run_id)).scalar_one_or_none() or ""


def last_step(connection: Connection, run_id: str) -> int:
    """Return the number of a run's last step, 0 where it has none."""
    return int(_LAST_STEP.rows(connection, key=run_id)[0].seq)


def events_after(connection: Connection, run_id: str, after: int, limit: int = NEWS_MAX) -> Sequence[Row[Any]]:
    """Return a run's events with a sequence number above `after`, in order."""
    return _EVENTS.rows(connection, key=run_id, after=after, most=limit)


def told(connection: Connection, run_id: str) -> str:
    """Return the text of a run that its listeners were told, as it stands."""
    text = ""
    for row in connection.execute(_TOLD, {"key": run_id}):
        text = row.data["text"] if row.type == RESTARTED else text + row.data["text"]
    return text


def event_body(row: Row[Any] | Written) -> dict[str, Any]:
    """Render an event as every protocol sends it."""
    return {"run_id": row.run_id, "seq": row.seq, "ts": rfc3339(row.at), "type": row.type, **row.data}


def finish(connection: Connection, run_id: str, status: str, at: datetime, **values: Any) -> list[Written]:
    """End a run: its last two events, which are returned, are its status and the end of the stream."""
    change(connection, run_id, status=status, finished_at=at, **values)
    ending: dict[str, Any] = {"status": status}
    if values.get("error"):
        ending["error"] = values["error"]
    written = emit(connection, run_id, at, (f"run.{status}", ending), ("stream.end", {"status": status}))
    for child in _CHILDREN.rows(connection, key=run_id):  # nobody waits for them any more
        change(connection, child.id, epoch=child.epoch + 1)
        finish(connection, child.id, "cancelled", at)
    _answer_parent(connection, run_id, at)
    return written


def stop(connection: Connection, run_id: str, at: datetime) -> None:
    """Cancel a run, whoever is at it."""
    row = STATE_HELD.rows(connection, key=run_id)[0]
    change(connection, run_id, epoch=row.epoch + 1)
    finish(connection, run_id, "cancelled", at)


def above(connection: Connection, run_id: str) -> list[tuple[str, int]]:
    """Return the run that waits for this one, the one that waits for that, and so on, each with the step that does."""
    found: list[tuple[str, int]] = []
    asked = _PARENT.one(connection, key=run_id)
    while asked is not None and asked.parent_id is not None:
        found.append((asked.parent_id, asked.parent_step))
        asked = _PARENT.one(connection, key=asked.parent_id)
    return found


def wait_above(connection: Connection, run_id: str, held: dict[str, Any], at: datetime) -> None:
    """Let the runs above one that waits for a document wait for it, too: whoever watches them has to know."""
    told = {"approval_id": held["approval_id"], "run": run_id}
    for waiting, seq in above(connection, run_id):
        here = and_(step.c.run_id == waiting, step.c.seq == seq)
        output = connection.execute(select(step.c.output).where(here)).scalar_one() | {"held": held}
        connection.execute(update(step).where(here).values(output=output, approval_id=held["approval_id"]))
        change(connection, waiting, status="waiting_approval")
        requested = ("approval.requested", {"step": seq, **held, "run": run_id})
        emit(connection, waiting, at, requested, ("run.waiting", {"status": "waiting_approval", **told}))


def resume_above(connection: Connection, run_id: str, at: datetime, *events: tuple[str, dict[str, Any]]) -> None:
    """Let the runs above one that waits for people no more wait for that run alone."""
    resumed = ("run.resumed", {"status": "waiting_run", "run": run_id})
    for waiting, _ in above(connection, run_id):
        change(connection, waiting, status="waiting_run")
        emit(connection, waiting, at, *((kind, {**told, "run": run_id}) for kind, told in events), resumed)


def _answer_parent(connection: Connection, run_id: str, at: datetime) -> None:
    """Tell the run that waits for this one how it ended, and make it due again."""
    if _PARENT.rows(connection, key=run_id)[0].parent_id is None:
        return
    ended = row(connection, run_id)
    waiting = STATE_HELD.rows(connection, key=ended.parent_id)[0]
    if waiting.status not in ("waiting_run", "waiting_approval"):
        return
    if waiting.status == "waiting_approval":  # what it waited for with this one is waited for no more
        resume_above(connection, ended.parent_id, at)
    here = and_(step.c.run_id == ended.parent_id, step.c.seq == ended.parent_step)
    done = connection.execute(select(step.c.output).where(here)).scalar_one()["commissioned"]
    if ended.status == "succeeded":
        own = {**done["sources"][0], **({"classes": held} if (held := ended.usage.get("classes")) else {})}
        result = {**done["result"], "status": ended.status, "answer": ended.answer or ""}
        sources = [{**each, "n": n} for n, each in enumerate([own, *(ended.citations or ())], 1)]
        output = {"done": {**done, "result": result, "sources": sources}}
    else:
        why = (ended.error or {}).get("detail") or ended.status
        refusal = Refused(Words(f"{ended.agent}: {why}", f"{ended.agent}: {why}"), extra={"run": run_id})
        output = {"commissioned": done, "refused": problem(refusal)}
    status = "done" if ended.status == "succeeded" else "refused"
    connection.execute(update(step).where(here).values(status=status, output=output))
    told = {"step": ended.parent_step, "agent": ended.agent, "run": run_id, "status": ended.status}
    emit(connection, ended.parent_id, at, ("agent.answered", told))
    change(connection, ended.parent_id, status="queued", segment=waiting.segment + 1)


def asked_of(connection: Connection, run_id: str, *, ended: bool = False) -> list[str]:
    """Return the runs that a run had begun, and those that these had; all of them, or those that have not ended."""
    which = run.c.parent_id == run_id
    mine = select(run.c.id).where(which) if ended else select(run.c.id).where(which, run.c.status.not_in(TERMINAL))
    found = [str(each) for each in connection.execute(mine).scalars()]
    return [*found, *(below for each in found for below in asked_of(connection, each, ended=ended))]


def _is_there(connection: Connection, name: str | None) -> bool:
    return name is not None and connection.execute(_IS_THERE, {"name": name}).one_or_none() is not None


def done_body(done: Done) -> dict[str, Any]:
    """Render what a call came to, as its step keeps it."""
    return done.body() | {"milliseconds": done.milliseconds, "rows": done.rows}


def problem(error: DaeriError) -> dict[str, Any]:
    """Render a refusal, as its step keeps it."""
    return {"code": error.code, "ko": error.problem("ko"), "en": error.problem("en")}
