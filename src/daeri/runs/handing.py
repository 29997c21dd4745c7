"""How does a run wait for its caller's functions? Their calls are handed over as steps that wait, and taken back once.

A run that waits like this costs nothing and outlives any crash, as one that waits for people does. What is told of it
in replies goes by parts: one ends where calls were handed over, the next begins when what they returned has come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from daeri.clock import rfc3339
from daeri.errors import Conflict, ValidationFailed
from daeri.operations.outcome import Done
from daeri.runs import journal
from daeri.runs.functions import call_id
from daeri.runs.journal import Lease, Note, Written, done_body
from daeri.wording import Text

RETURNED_MAX: Final = 200_000
"""Characters that one function may return."""
PATIENCE: Final = timedelta(hours=1)
"""How long a run waits for what its caller's functions return, before it ends."""

_MISSED: Final = Text("이 실행은 그 결과를 기다리지 않아요", "The run does not wait for that result")


@dataclass(frozen=True, slots=True)
class Handed:
    """A call that is handed over.

    Attributes:
        classes: the sensitive data classes that its arguments, and so what it returns, may hold.
    """

    step: int
    name: str
    arguments: Mapping[str, Any]
    classes: Sequence[str] = ()


def hand_over(
    connection: Connection,
    lease: Lease,
    now: datetime,
    calls: Sequence[Handed],
    told: Mapping[str, Any],
    notes: Sequence[Note],
) -> list[Written]:
    """Write the calls of a turn as steps that wait, and park the run.

    Args:
        connection: of the transaction.
        lease: the worker's.
        now: the instant.
        calls: all that are handed over at once.
        told: what was spoken and used until then.
        notes: steps before them that are not written yet.

    Raises:
        Fenced: the lease does not hold any more.
    """
    named = [{"call_id": call_id(lease.run_id, each.step), "step": each.step, "name": each.name} for each in calls]
    events = [
        ("tool.started", {"step": each.step, "operation": each.name, "arguments": each.arguments, "note": ""})
        for each in calls
    ]
    waiting = ("run.waiting", {"status": "waiting_input", "calls": named})
    written = journal.write_notes(connection, lease, now, notes, *events, waiting)
    for each, called in zip(calls, named, strict=True):
        handed = {**told, "call_id": called["call_id"], "after": written[-1].seq, "classes": list(each.classes)}
        step = {"run_id": lease.run_id, "seq": each.step, "kind": "execute", "name": each.name, "status": "waiting"}
        step |= {"input": dict(each.arguments), "output": {"handed": handed}, "summary": "", "at": now}
        connection.execute(insert(journal.step).values(step))
    journal.stepped(connection, lease.run_id)
    journal.change(connection, lease.run_id, status="waiting_input")
    return written


def take_back(connection: Connection, row: Row[Any], returned: Mapping[int, str], now: datetime) -> bool:
    """Write what the functions of one turn returned, and make the run due; False where that was done before.

    Args:
        connection: of the transaction.
        row: the run, held.
        returned: the text that each returned, by its step.
        now: the instant.

    Raises:
        ValidationFailed: these are not the calls of one turn, all of them; or a text is too long.
        Conflict: other results were told before, or the run has ended.
    """
    steps = [each for each in journal.steps(connection, row.id) if "handed" in (each.output or {})]
    turns = {each.output["handed"]["after"] for each in steps if each.seq in returned}
    turn = [each for each in steps if each.output["handed"]["after"] in turns]
    if len(turns) != 1 or {each.seq for each in turn} != set(returned):
        raise ValidationFailed(
            Text("한 번에 부른 함수의 결과를 모두 보내 주세요", "Send what all functions of the turn returned")
        )
    if any(len(text) > RETURNED_MAX for text in returned.values()):
        long = Text(
            f"함수의 결과는 {RETURNED_MAX:,}자까지예요", f"A function returns {RETURNED_MAX:,} characters at most"
        )
        raise ValidationFailed(long)
    before = {each.seq: each.output["done"]["result"]["returned"] for each in turn if "done" in each.output}
    if before == dict(returned):
        return False
    if before or row.status != "waiting_input":
        raise Conflict(_MISSED)
    for each in turn:
        _write(connection, each, returned[each.seq], now)
    finished = [("tool.finished", {"step": each.seq, "operation": each.name, "rows": 0, "say": None}) for each in turn]
    journal.emit(connection, row.id, now, *finished, ("run.resumed", {"status": "queued"}))
    journal.change(connection, row.id, status="queued", segment=row.segment + 1)
    return True


def _write(connection: Connection, step: Row[Any], text: str, now: datetime) -> None:
    source = {"n": 1, "operation": step.name, "label": step.name, "records": [], "as_of": rfc3339(now)}
    classes = step.output["handed"].get("classes")
    source |= {"untrusted": True} | ({"classes": classes} if classes else {})
    waited = (now - step.at) / timedelta(milliseconds=1)
    done = Done(step.name, {"returned": text}, None, [source], [], waited)
    here = journal.step.c.run_id == step.run_id, journal.step.c.seq == step.seq
    values = {"status": "done", "output": {**step.output, "done": done_body(done)}, "milliseconds": round(waited)}
    connection.execute(update(journal.step).where(*here).values(values))


def late(connection: Connection, now: datetime) -> list[str]:
    """Return the runs that have waited too long for their callers."""
    step = journal.step
    waiting = (
        select(journal.run.c.id)
        .join(step, step.c.run_id == journal.run.c.id)
        .where(journal.run.c.status == "waiting_input", step.c.status == "waiting", step.c.at < now - PATIENCE)
        .distinct()
    )
    return list(connection.execute(waiting).scalars())


def end_late(connection: Connection, now: datetime) -> list[str]:
    """End the runs that have waited too long for their callers, unless they wait no more; return them."""
    ended = []
    for run_id in late(connection, now):
        held = journal.STATE_HELD.one(connection, key=run_id)
        if held is not None and held.status == "waiting_input":
            journal.finish(connection, run_id, "expired", now)
            ended.append(run_id)
    return ended
