"""How does an approved effect reach the world outside the database? Intent → call → outcome: done, failed or unknown.

The intent is written in the deciding transaction. The call is made after it has committed, with no transaction open,
and its outcome is written down after. Whoever dies in between leaves a call whose outcome nobody knows: it is made
again only where the operation says that the same key never acts twice; otherwise a person finds out and says so.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import structlog
from pydantic import BaseModel
from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, select, update
from ulid import ULID

from daeri.clock import Clock
from daeri.crash import crash_at
from daeri.errors import DaeriError
from daeri.operations.company import Company
from daeri.operations.deciding import ledger
from daeri.operations.deciding.ledger import Document, Writer, Written
from daeri.operations.deciding.machine import step
from daeri.operations.deciding.model import Act, Refusal
from daeri.operations.deciding.riding import next_number
from daeri.operations.documents import errand
from daeri.operations.operation import Errand, ErrandFailed, Operation
from daeri.operations.outcome import Done, Heard, Settlement
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import SYSTEM
from daeri.records.store import Store
from daeri.wording import Lang, Text

CALL_SECONDS = 60
"""Time one call may take; a longer one has an unknown outcome."""
LOST_AFTER = timedelta(seconds=3 * CALL_SECONDS)
"""A call that is under way for so long was made by a process that is gone."""
SWEEP_SECONDS = 10
AT_ONCE = 100
State = Literal["done", "failed", "unknown"]

_KEY: BindParameter[str] = bindparam("key")
_OPEN = select(errand).where(errand.c.state.in_(["intended", "calling"])).order_by(errand.c.id).limit(AT_ONCE)
_ONE = select(errand).where(errand.c.id == _KEY).with_for_update()
_LAST = select(errand).where(errand.c.approval_id == _KEY).order_by(errand.c.id.desc()).limit(1).with_for_update()
_UNKNOWN = Text(
    "밖으로 보낸 요청의 결과를 알 수 없어요. 상대 쪽을 확인한 뒤 결과를 적어 주세요",
    "The outcome of a call outside is unknown; find out there and write it down",
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a call."""

    state: State
    says: Text | None = None
    receipt: Mapping[str, Any] | None = None


def intend(connection: Connection, document: Document, done: Done, now: datetime) -> None:
    """Write down what is going to be called, in the deciding transaction."""
    connection.execute(
        insert(errand).values(
            id=f"err_{ULID()}",
            approval_id=document.id,
            operation=document.operation,
            person_id=document.state.drafter,
            run_id=document.row["run_id"],
            intent=done.result,
            state="intended",
            created_at=now,
        )
    )


def intend_again(connection: Connection, document: Document) -> bool:
    """Let a call that failed be made again; say whether there was one."""
    row = connection.execute(_LAST, {"key": document.id}).one_or_none()
    if row is None or row.state != "failed":
        return False
    connection.execute(update(errand).where(errand.c.id == row.id).values(state="intended", outcome=None))
    return True


def found_out(connection: Connection, document: Document, *, happened: bool) -> None:
    """Write down what a person found out about a call whose outcome nobody knew."""
    row = connection.execute(_LAST, {"key": document.id}).one_or_none()
    if row is not None and row.state == "unknown":
        connection.execute(update(errand).where(errand.c.id == row.id).values(state="done" if happened else "failed"))


class Errands:
    """Makes the calls outside and writes down what became of them."""

    def __init__(self, company: Company, store: Store, clock: Clock, heard: Heard) -> None:
        """Take the declarations, the database, the clock, and who hears of a document's end."""
        self._company = company
        self._store = store
        self._clock = clock
        self._heard = heard
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something to call."""
        self._wanted.set()

    async def keep(self) -> None:
        """Make the calls as they come, until cancelled."""
        while True:
            try:
                await self.sweep()
            except DaeriError as error:
                log.warning("errands.waiting", code=error.code)
            try:
                await asyncio.wait_for(self._wanted.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue
            finally:
                self._wanted.clear()

    async def sweep(self) -> int:
        """Make every call that is intended, and settle those whose caller is gone; return how many."""
        rows = await self._store.read(lambda connection: connection.execute(_OPEN).all())
        count = 0
        for row in rows:
            operation = self._company.operations.get(row.operation)
            claimed = await self._store.write(partial(self._claim, key=row.id))
            if claimed is None:
                continue
            count += 1
            crash_at("errand.claimed")
            declared = operation.errand if operation else None
            if operation is None or declared is None:
                outcome = _Outcome("failed", Text("작업이 없어졌어요", "the operation is gone"))
            elif claimed == "lost" and not declared.idempotent:
                outcome = _Outcome("unknown", _UNKNOWN)
            else:
                outcome = await self._call(operation, declared, row)
                if claimed == "lost" and outcome.state == "failed":  # which says nothing of the call that was lost
                    outcome = _Outcome("unknown", _UNKNOWN)
            crash_at("errand.called")
            await self._write(row, operation, outcome)
        return count

    def _claim(self, connection: Connection, key: str) -> Literal["fresh", "lost"] | None:
        """Take one call; None where another process has it. It is committed before anything is sent."""
        row, now = connection.execute(_ONE, {"key": key}).one(), self._clock.now()
        lost = row.state == "calling" and row.called_at is not None and row.called_at <= now - LOST_AFTER
        if row.state != "intended" and not lost:
            return None
        taken = {"state": "calling", "called_at": now, "attempts": row.attempts + 1}
        connection.execute(update(errand).where(errand.c.id == row.id).values(**taken))
        return "lost" if lost else "fresh"

    async def _call(self, operation: Operation, declared: Errand, row: Row[Any]) -> _Outcome:
        intent = operation.output.model_validate(row.intent)
        call = asyncio.ensure_future(declared.call(intent, row.id))
        try:
            await asyncio.wait({call}, timeout=CALL_SECONDS)
        finally:
            call.cancel()
        if not call.done():
            return _Outcome("unknown", _UNKNOWN)
        error = call.exception()
        if isinstance(error, ErrandFailed):
            return _Outcome("failed", error.detail)
        if error is not None:
            log.warning("errand.unknown", errand=row.id, error=type(error).__name__)
            return _Outcome("unknown", _UNKNOWN)
        receipt = call.result()
        told = receipt.model_dump(mode="json") if isinstance(receipt, BaseModel) else None
        return _Outcome("done", None, told)

    async def _write(self, row: Row[Any], operation: Operation | None, outcome: _Outcome) -> None:
        def write(connection: Connection) -> str | None:
            present = connection.execute(_ONE, {"key": row.id}).one()
            if present.state != "calling" or present.attempts != row.attempts + 1:
                return None  # another process took it for lost, and has settled it
            now = self._clock.now()
            told = {
                "receipt": dict(outcome.receipt) if outcome.receipt else None,
                "says": [outcome.says.ko, outcome.says.en] if outcome.says else None,
            }
            values = {"state": outcome.state, "outcome": told, "ended_at": now}
            connection.execute(update(errand).where(errand.c.id == row.id).values(**values))
            document = ledger.read(connection, row.approval_id, lock=True)
            return None if document is None else self._end(connection, document, operation, outcome, row, now)

        run_id = await self._store.write(write)
        crash_at("errand.written")
        if run_id is not None:
            await self._heard.resume(run_id)

    def _end(
        self,
        connection: Connection,
        document: Document,
        operation: Operation | None,
        outcome: _Outcome,
        row: Row[Any],
        now: datetime,
    ) -> str | None:
        """Write the outcome on the document; return the run that waits for it."""
        kinds: Mapping[State, Any] = {"done": "apply", "failed": "apply_failed", "unknown": "apply_unknown"}
        act = Act(kinds[outcome.state], SYSTEM.id, comment=outcome.says.ko if outcome.says else "")
        after = step(document.state, act)
        if isinstance(after, Refusal):
            return None
        writer = Writer(connection, document)
        writer.write(Written(act, after, now, detail={"errand": row.id}, quiet=True))
        entry = audit.Entry.by(
            Actor.system("daeri"),
            now,
            "approval.apply",
            {"done": "done", "failed": "failed", "unknown": "unknown"}[outcome.state],
            approval_id=document.id,
            run_id=document.row["run_id"],
            arguments_digest=document.row["digest"],
            detail={"errand": row.id},
        )
        audit.append(connection, entry)
        values: dict[str, Any] = {"completed_at": now}
        result: Mapping[str, Any] = row.intent
        if outcome.state == "done":
            result = _with_receipt(operation, row.intent, outcome.receipt)
            values |= {"number": next_number(connection, document, self._clock.today().year), "failure": None}
            values |= {"result": result, "result_say": said_by(operation, result, document.row["lang"])}
        elif outcome.says is not None:
            values["failure"] = [outcome.says.ko, outcome.says.en]
        writer.finish(now, **values)
        if outcome.state == "unknown":
            return None
        settlement = Settlement(document.id, document.row["run_id"], after.status, None, None, SYSTEM.name, None)
        if outcome.state == "done":
            settlement = replace(settlement, done=[done_of(document, operation, result)])
        else:
            settlement = replace(settlement, error=DaeriError(outcome.says))
        self._heard.settled(connection, settlement)
        return str(document.row["run_id"]) if document.row["run_id"] else None


def _with_receipt(
    operation: Operation | None, intent: Mapping[str, Any], receipt: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what was intended with what came back, where the operation's result has a place for a receipt."""
    has_place = operation is not None and "receipt" in operation.output.model_fields
    return {**intent, "receipt": receipt} if has_place and receipt is not None else dict(intent)


def said_by(operation: Operation | None, result: Mapping[str, Any], lang: Lang) -> str | None:
    """Word a stored result as its operation does."""
    if operation is None:
        return None
    say = getattr(operation.output.model_validate(result), "say", None)
    return say(lang) if callable(say) else None


def done_of(document: Document, operation: Operation | None, result: Mapping[str, Any]) -> Done:
    """Return the outcome of an effect that is done, for the run that waits for it."""
    say = said_by(operation, result, document.row["lang"])
    return Done(document.operation, dict(result), say, sources=[], masked=[], milliseconds=0)
