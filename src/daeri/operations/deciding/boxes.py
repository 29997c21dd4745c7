"""What lies in whose box (결재함)? Pages of documents found by index, however many there are.

Each box is a few short walks along an index, one for each way a document comes to a person (their own seat, one that
came up to them, one they hold for someone absent, their own drafts); each stops after a page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import BindParameter, CompoundSelect, Connection, Select, bindparam, select, union_all

from daeri.operations.deciding import ledger
from daeri.operations.deciding.authority import Present
from daeri.operations.deciding.ledger import PROGRESS, Document
from daeri.operations.deciding.model import DECIDING, Status
from daeri.operations.documents import approval, approval_extra, approval_step

Box = Literal["waiting", "upcoming", "drafted", "in_progress", "done", "rejected", "cc"]
"""대기, 예정, 기안함, 진행, 완료, 반려, 참조."""
BOX_MAX = 200
COUNTED_MAX = 1_000
"""A count ends here: nobody reads a larger number on a badge."""
OLDEST_FIRST: frozenset[Box] = frozenset({"waiting", "upcoming"})
FIRST, LAST = "", "~"
"""Cursors before and after every id."""

_PERSON: BindParameter[int] = bindparam("person")
_BOX: BindParameter[str] = bindparam("box")
_CURSOR: BindParameter[str] = bindparam("cursor")
_MOST: BindParameter[int] = bindparam("most")


def _walk(column: Any, *where: Any, oldest_first: bool) -> Select[Any]:
    statement = select(column).where(*where).distinct().limit(_MOST)
    if oldest_first:
        return statement.where(column > _CURSOR).order_by(column.asc())
    return statement.where(column < _CURSOR).order_by(column.desc())


_STEP, _EXTRA, _DRAFT = approval_step.c, approval_extra.c, approval.c
_OWN = {
    order: _walk(_STEP.approval_id, _STEP.person_id == _PERSON, _STEP.box == _BOX, oldest_first=order)
    for order in (True, False)
}
_CAME_UP = {
    order: _walk(_EXTRA.approval_id, _EXTRA.person_id == _PERSON, _EXTRA.box == _BOX, oldest_first=order)
    for order in (True, False)
}
_FOR_ABSENT = (
    select(_STEP.approval_id, _DRAFT.operation, _DRAFT.bundled)
    .join(approval, _DRAFT.id == _STEP.approval_id)
    .where(_STEP.person_id == _PERSON, _STEP.box == _BOX, _STEP.part.in_(sorted(DECIDING)))
    .where(_STEP.approval_id > _CURSOR, _DRAFT.drafter_id.not_in([bindparam("me"), _STEP.person_id]))
    .order_by(_STEP.approval_id)
    .limit(_MOST)
)
_DRAFTED_IN = _walk(_DRAFT.id, _DRAFT.drafter_id == _PERSON, _DRAFT.status == bindparam("status"), oldest_first=False)
_DRAFTED = union_all(
    *(
        select(
            _walk(_DRAFT.id, _DRAFT.drafter_id == _PERSON, _DRAFT.status == status, oldest_first=False).subquery().c.id
        )
        for status in get_args(Status)
    )
)
"""One walk for each state: there is an index by drafter, state and id, and none by drafter and id alone."""
_UNSHOWN = frozenset({"operation_digest", "scopes", "line", "result"})
"""What a page needs nothing of; a column of JSON costs as much as a row of others."""
_MANY = select(*(column for column in _DRAFT if column.name not in _UNSHOWN)).where(
    _DRAFT.id.in_(bindparam("keys", expanding=True))
)
_NEXT = select(_DRAFT.previous_id, _DRAFT.id).where(_DRAFT.previous_id.in_(bindparam("keys", expanding=True)))
_LIES: Mapping[Box, Sequence[str]] = {"done": ("done", "rejected"), "in_progress": (PROGRESS,)}
"""Where the seats of a box lie, for those that are not called like it."""
_ENDED = ("applied", "apply_failed", "apply_unknown", "approved")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a box; `next_cursor` is None on the last."""

    documents: Sequence[Document]
    next_cursor: str | None


def page(connection: Connection, present: Present, box: Box, *, limit: int, cursor: str | None) -> Page:
    """Return a page of a box: waiting and upcoming oldest first, the others newest first."""
    limit = max(1, min(limit, BOX_MAX))
    oldest_first = box in OLDEST_FIRST
    asked = {
        "person": present.person.id,
        "cursor": cursor or (FIRST if oldest_first else LAST),
        "most": limit + 1,
    }
    ids = sorted(_ids(connection, present, box, asked), reverse=not oldest_first)
    return Page(_documents(connection, ids[:limit]), ids[limit - 1] if len(ids) > limit else None)


def _ids(connection: Connection, present: Present, box: Box, asked: Mapping[str, Any]) -> set[str]:
    oldest_first = box in OLDEST_FIRST

    def walk(statement: Select[Any] | CompoundSelect[Any], **more: Any) -> Iterable[str]:
        return connection.execute(statement, {**asked, **more}).scalars()

    if box == "drafted":
        return set(walk(_DRAFTED))
    lies = _LIES.get(box, (box,))
    found = {key for each in lies for key in walk(_OWN[oldest_first], box=each)}
    if box in ("waiting", "in_progress", "done"):
        found |= {key for each in lies for key in walk(_CAME_UP[oldest_first], box=each)}
    if box == "waiting":
        found |= _for_absent(connection, present, asked)
    if box == "in_progress":
        found |= set(walk(_DRAFTED_IN, status="in_progress"))
    if box == "done":
        found |= {key for status in _ENDED for key in walk(_DRAFTED_IN, status=status)}
    if box == "rejected":
        found |= set(walk(_DRAFTED_IN, status="rejected"))
    return found


def _for_absent(connection: Connection, present: Present, asked: Mapping[str, Any]) -> set[str]:
    """Return what waits for people in whose name the actor decides now (대결)."""
    found: set[str] = set()
    for absent in present.away.might_stand_for(present.person.id):
        rows = connection.execute(_FOR_ABSENT, {**asked, "person": absent, "box": "waiting", "me": present.person.id})
        found |= {
            row.approval_id
            for row in rows
            if absent in present.stands_for(ledger.operations_of(row.operation, row.bundled))
        }
    return found


def _documents(connection: Connection, ids: Sequence[str]) -> list[Document]:
    """Return documents in the order of ids, read in two statements."""
    if not ids:
        return []
    steps = ledger.steps_of(connection, ids)
    rows = {row.id: ledger.cells(row) for row in connection.execute(_MANY, {"keys": list(ids)})}
    return [ledger.document_of(rows[key], steps.get(key, [])) for key in ids]


def counts(connection: Connection, present: Present) -> dict[str, int]:
    """Return how many documents wait for a person and will wait, as far as a badge tells."""
    asked = {"person": present.person.id, "cursor": FIRST, "most": COUNTED_MAX}
    return {
        "waiting": min(COUNTED_MAX, len(_ids(connection, present, "waiting", asked))),
        "upcoming": min(COUNTED_MAX, len(_ids(connection, present, "upcoming", asked))),
    }


def following(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the documents that take others up again (재기안), by the one they follow."""
    return {row.previous_id: row.id for row in connection.execute(_NEXT, {"keys": list(ids)})}
