"""What has been asked for and not yet decided? What an operation may know of documents under way.

A balance that leaves pending requests out misleads, so operations may ask; they learn only of documents that the
actor drafted or decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, cast, or_, select

from daeri.operations.documents import approval, approval_step
from daeri.records.actor import Actor
from daeri.records.prepared import Constant

_UNDER_WAY = (
    select(approval.c.id, approval.c.operation, approval.c.arguments, approval.c.bundled, approval.c.drafted_at)
    .where(
        or_(approval.c.operation == bindparam("operation"), cast(approval.c.bundled, String) != "[]"),
        approval.c.drafter_id == bindparam("drafter"),
        approval.c.status == "in_progress",
    )
    .order_by(approval.c.drafted_at)
)
_SEATS = select(approval_step.c.approval_id).where(approval_step.c.person_id == bindparam("asker"))
_OWN = Constant(_UNDER_WAY, "operation", "drafter")
_DECIDED = Constant(_UNDER_WAY.where(approval.c.id.in_(_SEATS)), "operation", "drafter", "asker")


@dataclass(frozen=True, slots=True)
class PendingDocument:
    """A call of a document under way: the document's id and the canonical arguments that will run."""

    approval_id: str
    arguments: Mapping[str, Any]
    drafted_at: datetime


class Pending:
    """Documents under way, as one actor may know them; injected into operations like `Records`."""

    def __init__(self, connection: Connection, actor: Actor) -> None:
        """Bind a connection to an actor; made by the door only."""
        self._connection = connection
        self._actor = actor

    async def of(self, operation: str, person_id: int) -> list[PendingDocument]:
        """Return what is under way of an operation that a person drafted, oldest first."""
        if self._actor.everything or person_id == self._actor.person_id:
            rows = _OWN.rows(self._connection, operation=operation, drafter=person_id)
        else:
            asker = self._actor.person_id
            rows = _DECIDED.rows(self._connection, operation=operation, drafter=person_id, asker=asker)
        return [
            PendingDocument(row.id, arguments, row.drafted_at)
            for row in rows
            for called, arguments in (
                (row.operation, row.arguments),
                *((item["operation"], item["arguments"]) for item in row.bundled),
            )
            if called == operation
        ]
