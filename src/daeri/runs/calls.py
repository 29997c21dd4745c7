"""How does a call stand in its run's journal? One step, written with the call's effect, and with how its wait ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from ulid import ULID

from daeri.clock import Clock
from daeri.errors import DaeriError
from daeri.operations.outcome import Done, Held, Settlement
from daeri.operations.provenance import Origins
from daeri.records.prepared import Constant
from daeri.runs.callers import Unattended, is_away
from daeri.runs.journal import (
    ASK,
    KEY,
    NOTED,
    STATE_HELD,
    TERMINAL,
    Lease,
    Note,
    Written,
    begin,
    change,
    done_body,
    emit,
    problem,
    resume_above,
    row,
    step,
    stepped,
    wait_above,
    write_notes,
)
from daeri.wording import Lang

_WAITING = (
    select(step)
    .where(step.c.run_id == KEY, step.c.approval_id == bindparam("approval"), step.c.status == "waiting")
    .order_by(step.c.seq)
)
_INSERT_STEP = Constant(insert(step), *NOTED, "input", "approval_id")


@dataclass(slots=True)
class StepJournal:
    """One step of a run, given to the door so that the step commits with the call's effect.

    Attributes:
        notes: steps before this one that are not written yet; they go into the same transaction.
        note: an assumption under which the call is made.
        origins: what the run had heard and read, from which the call's arguments may come.
        beside: further calls of the same plan, which may be filed together with this one.
        kept: its beginning is committed, and the notes with it.
        scopes: the caller's, for a run that this one has another agent do.
        classes: the data classes that the call's arguments may hold.
        begun: the run that was begun with the step, where another agent was asked.
        then: what is told after the step, unless the run waits.
        adding: the events that the open transaction writes.
        tell: hands out what was written, once it is committed.
        acts: the call may change something, so somebody has to be there.
    """

    lease: Lease
    step: int
    operation: str
    arguments: dict[str, Any]
    question: str | None
    clock: Clock
    notes: Sequence[Note] = ()
    note: str = ""
    lang: Lang = "ko"
    origins: Origins | None = None
    beside: Sequence["StepJournal"] = ()
    kept: bool = False
    scopes: Sequence[Sequence[str]] = ()
    classes: Sequence[str] = ()
    begun: str | None = None
    then: Sequence[tuple[str, dict[str, Any]]] = ()
    adding: list[Written] = field(default_factory=list)
    tell: Callable[[Sequence[Written]], None] = lambda _: None
    acts: bool = False

    @property
    def run_id(self) -> str:
        """The run."""
        return self.lease.run_id

    def check(self, connection: Connection) -> None:
        """Refuse to go on under a lost lease, or to act unattended; say that the call begins, unless that was said."""
        if self.acts and is_away(connection, self.run_id):
            raise Unattended
        begins = () if self.kept else (self.started(),)
        notes = () if self.kept else self.notes
        self.adding = write_notes(connection, self.lease, self.clock.now(), notes, *begins)

    def keep(self) -> None:
        """Take note that what was written so far is committed, and its beginning with it."""
        self.kept = True
        if self.adding:
            self.tell(self.adding)
            self.adding = []

    def record(self, connection: Connection, outcome: Done | Held | DaeriError) -> None:
        """Write the step and its events; a held call parks the run in the same transaction."""
        stepped(connection, self.run_id)
        if isinstance(outcome, Done) and outcome.operation == ASK:
            self._commission(connection, outcome)
        elif isinstance(outcome, Done):
            self.write(connection, "done", {"done": done_body(outcome)}, milliseconds=round(outcome.milliseconds))
            self._emit(connection, ("tool.finished", _finished(self.step, outcome)), *self.then)
        elif isinstance(outcome, Held):
            body = outcome.body(self.lang)
            joined = [replace(self.beside[at], step=self.step + n) for n, at in enumerate(outcome.joined, 1)]
            for each in (self, *joined):
                each.write(connection, "waiting", {"held": body}, approval_id=outcome.approval_id)
            self._emit(
                connection,
                *(each.started() for each in joined),
                ("approval.requested", {"step": self.step, **body}),
                ("run.waiting", {"status": "waiting_approval", "approval_id": outcome.approval_id}),
            )
            change(connection, self.run_id, status="waiting_approval")
            wait_above(connection, self.run_id, body, self.clock.now())
        else:
            refused = problem(outcome)
            self.write(connection, "refused", {"refused": refused})
            told = {"step": self.step, "operation": self.operation, "refused": refused}
            self._emit(connection, ("tool.finished", told), *self.then)

    def _commission(self, connection: Connection, outcome: Done) -> None:
        """Begin the run of another agent, and wait for it."""
        mine = row(connection, self.run_id)
        agent, request, now = outcome.result["agent"], outcome.result["request"], self.clock.now()
        self.begun = f"run_{ULID()}"
        outcome.result["run_id"] = self.begun
        begin(
            connection,
            id=self.begun,
            session_id=f"ses_{ULID()}",
            person_id=mine.person_id,
            agent=agent,
            scopes=[list(scope) for scope in self.scopes],
            credential=mine.credential,
            door=mine.door,
            lang=mine.lang,
            input=request,
            usage={"classes": list(self.classes)} if self.classes else {},
            parent_id=self.run_id,
            parent_step=self.step,
            asked_by=[*(mine.asked_by or ()), mine.agent],
            trace=mine.trace,
            rank=mine.rank,
            created_at=now,
        )
        emit(connection, self.begun, now, ("run.started", {"input": request, "agent": agent}))
        self.write(connection, "waiting", {"commissioned": done_body(outcome)})
        self._emit(connection, ("agent.asked", {"step": self.step, "agent": agent, "run": self.begun}))
        change(connection, self.run_id, status="waiting_run")

    def started(self) -> tuple[str, dict[str, Any]]:
        """Return the event that tells of the call."""
        told = {"step": self.step, "operation": self.operation, "arguments": self.arguments, "note": self.note}
        return "tool.started", told

    def write(self, connection: Connection, status: str, output: dict[str, Any], **more: Any) -> None:
        """Write the step's row."""
        values = {"approval_id": None, "milliseconds": 0, "summary": "", **more}
        values |= {"run_id": self.run_id, "seq": self.step, "kind": "execute", "name": self.operation, "status": status}
        values |= {"input": self.arguments, "output": output, "at": self.clock.now()}
        _INSERT_STEP.run(connection, **values)

    def _emit(self, connection: Connection, *events: tuple[str, dict[str, Any]]) -> None:
        self.adding += emit(connection, self.run_id, self.clock.now(), *events, lease=self.lease)


def settle(connection: Connection, settlement: Settlement, at: datetime) -> None:
    """Tell a waiting run how its document ended and make it due again, in the deciding transaction."""
    if settlement.run_id is None:
        return
    waiting = STATE_HELD.one(connection, key=settlement.run_id)
    if waiting is None or waiting.status in TERMINAL:
        return
    held = connection.execute(_WAITING, {"key": settlement.run_id, "approval": settlement.approval_id}).all()
    if not held:  # the run has heard of a first failure and gone on; what a later try led to is told by notices
        return
    status = "refused" if settlement.done is None else "done"
    outcomes: Sequence[Done | None] = settlement.done or [None] * len(held)
    for each, done in zip(held, outcomes, strict=True):
        output = {**each.output, "settled": _settled(settlement)}
        if done is not None:
            output["done"] = done_body(done)
        at_step = update(step).where(step.c.run_id == each.run_id, step.c.seq == each.seq)
        connection.execute(at_step.values(status=status, output=output))
    decided = {"approval_id": settlement.approval_id, **_settled(settlement)}
    emit(connection, settlement.run_id, at, ("approval.decided", decided), ("run.resumed", {"status": "queued"}))
    change(connection, settlement.run_id, status="queued", segment=waiting.segment + 1)
    resume_above(connection, settlement.run_id, at, ("approval.decided", decided))


def _finished(seq: int, done: Done) -> dict[str, Any]:
    return {
        "step": seq,
        "operation": done.operation,
        "rows": done.rows,
        "masked_fields": done.masked,
        "ms": done.milliseconds,
        "say": done.say,
    }


def _settled(settlement: Settlement) -> dict[str, Any]:
    return {
        "status": settlement.status,
        "by": settlement.by,
        "comment": settlement.comment,
        "problem": problem(settlement.error) if settlement.error is not None else None,
    }
