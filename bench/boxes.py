"""What lies in the boxes of a company that has worked for two years? 100,000 documents, copied from real ones.

One document of every person is filed through the door; it is copied with other ids, times and ends, straight into the
tables. So every row has the form, the line and the size of a real one. Many wait for one busy approver.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, insert, select
from ulid import ULID

from daeri.operations.deciding import ledger
from daeri.operations.documents import approval, approval_act, approval_step

DOCUMENTS = 100_000
YEARS = 2
BATCH = 2_000
ENDS = {"applied": 88, "rejected": 4, "withdrawn": 1, "first": 2, "last": 5}
"""How documents stand, of a hundred: ended, or waiting for the first or the last of their line."""
STATES = {
    "applied": ("approved", "approved"),
    "rejected": ("rejected", "skipped"),
    "withdrawn": ("skipped", "skipped"),
    "first": ("waiting", "upcoming"),
    "last": ("approved", "waiting"),
}
"""How the two seats of a line stand then."""
BUSY = 60
"""Of a hundred documents under way, those that wait for the busy approver."""
COPIED = 20
"""Of a hundred documents, those that one reader is shown (참조)."""
_ROLE, _WHY = ["참조", "cc"], ["감사가 함께 읽어요", "Audit reads along"]


@dataclass(frozen=True, slots=True)
class Template:
    """A filed document as its rows: what every copy of it says."""

    row: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    act: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """Who has what: the busy approver, and who reads along."""

    busy: int
    reader: int
    now: datetime


def templates(connection: Connection) -> list[Template]:
    """Return the documents that were filed, as their rows."""
    found = []
    for row in connection.execute(select(approval).order_by(approval.c.id)).mappings():
        key = row["id"]
        steps = select(approval_step).where(approval_step.c.approval_id == key).order_by(approval_step.c.position)
        acts = select(approval_act).where(approval_act.c.approval_id == key, approval_act.c.seq == 1)
        seats = [dict(step) for step in connection.execute(steps).mappings()]
        found.append(Template(dict(row), seats, dict(connection.execute(acts).mappings().one())))
    return found


def fill(connection: Connection, made: Sequence[Template], spread: Spread, count: int = DOCUMENTS) -> None:
    """Write copies, oldest first."""
    chance = Random(1)  # noqa: S311 - no secret
    start = spread.now - timedelta(days=365 * YEARS)
    each = (spread.now - start) / count
    for first in range(1, count + 1, BATCH):
        some = range(first, min(first + BATCH, count + 1))
        copies = [_copy(chance, made[number % len(made)], spread, start + each * number, number) for number in some]
        connection.execute(insert(approval), [row for row, _, _ in copies])
        connection.execute(insert(approval_step), [step for _, steps, _ in copies for step in steps])
        connection.execute(insert(approval_act), [act for _, _, acts in copies for act in acts])


def _copy(
    chance: Random, made: Template, spread: Spread, at: datetime, number: int
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of one more document."""
    (end,) = chance.choices(list(ENDS), list(ENDS.values()))
    under_way = end in ("first", "last")
    status = "in_progress" if under_way else end
    key = f"apr_{ULID.from_datetime(at + timedelta(milliseconds=number % 7))}"
    numbered = f"DR-{at.year}-{number:06}" if status == "applied" else None
    ended = None if under_way else at + timedelta(hours=chance.randint(1, 90))
    acts = 1 + (2 if status == "applied" else 1 if end in ("last", "rejected") else 0)
    row = dict(made.row) | {"id": key, "status": status, "drafted_at": at, "completed_at": ended, "number": numbered}
    row |= {"acts": acts, "run_id": None, "version": acts}
    row |= {} if status == "applied" else {"result": None, "result_say": None}
    steps = [dict(step) | {"approval_id": key} for step in made.steps]
    if under_way and chance.randrange(100) < BUSY:
        steps[-1 if end == "last" else 0]["person_id"] = spread.busy
    for step, state in zip(steps, STATES[end], strict=True):
        decided = state in ("approved", "rejected")
        step |= {"status": state, "decided_at": at + timedelta(hours=1) if decided else None, "due_at": None}
    if chance.randrange(100) < COPIED:
        steps.append(_shown(steps[0], spread, "waiting" if chance.randrange(4) == 0 else "read"))
    return row, _boxed(row, steps), list(_acts(made.act, row, steps, at))


def _shown(like: Mapping[str, Any], spread: Spread, status: str) -> dict[str, Any]:
    """Return the seat of someone who is shown a document."""
    seat = {"person_id": spread.reader, "position": 9, "part": "cc", "role": _ROLE, "why": _WHY, "needs": None}
    return dict(like) | seat | {"status": status, "decided_at": None, "stage": 0}


def _boxed(row: Mapping[str, Any], steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put each seat into the box that the server itself would put it into."""
    seats = list(steps)
    state = ledger.document_of({**row, "undoable": []}, seats).state
    return [step | {"box": ledger.box_of(seat, row["status"])} for step, seat in zip(seats, state.seats, strict=True)]


def _acts(
    first: Mapping[str, Any], row: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], at: datetime
) -> Iterator[dict[str, Any]]:
    """Yield the acts of people: the filing, and each decision."""
    yield dict(first) | {"approval_id": row["id"], "at": at}
    decided = [step for step in steps if step["status"] in ("approved", "rejected")]
    for seq, step in enumerate(decided, 2):
        act = "approve" if step["status"] == "approved" else "reject"
        told = {"approval_id": row["id"], "seq": seq, "act": act, "person_id": step["person_id"], "agent": None}
        yield {**first, **told, "at": at, "detail": {"positions": [step["position"]]}, "comment": "확인했어요"}
