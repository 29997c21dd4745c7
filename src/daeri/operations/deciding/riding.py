"""How does a document ride on standing consents, and how is one completed? Acts that are written without a person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from daeri.clock import Clock
from daeri.operations.deciding import consents
from daeri.operations.deciding.consents import Matter
from daeri.operations.deciding.ledger import Document, Writer, Written
from daeri.operations.deciding.machine import step
from daeri.operations.deciding.model import Act, Refusal, Seat
from daeri.operations.form import PREFIX
from daeri.operations.operation import Operation
from daeri.operations.outcome import Done
from daeri.records import audit
from daeri.records.people import SYSTEM, People

_NUMBER = text(
    "INSERT INTO approval_series (series, year, last) VALUES (:series, :year, 1) "
    "ON CONFLICT (series, year) DO UPDATE SET last = approval_series.last + 1 RETURNING last"
)


class Riding:
    """Decides turns of a fresh document by the consents of those whose turn it is."""

    def __init__(self, connection: Connection, people: People, now: datetime) -> None:
        """Take the filing transaction, the organisation chart and the instant."""
        self._connection = connection
        self._people = people
        self._now = now

    def ride(self, document: Document, operation: Operation, arguments: Mapping[str, Any], rows: int) -> Writer | None:
        """Approve turn after turn as far as consents cover the matter; None where none does.

        Everyone who consented must still work here and hold the role that their seat needs.
        """
        row = document.row
        matter = Matter(
            operation=operation.name,
            shape=row["operation_digest"],
            drafter=document.state.drafter,
            agent=row["agent"],
            amount=consents.amount_of(operation, arguments),
            rows=rows,
        )
        writer, used = Writer(self._connection, document), set[str]()
        while writer.state.status == "in_progress":
            decided = next((each for each in writer.state.waiting if self._decide(writer, each, matter, used)), None)
            if decided is None:
                break
        return writer if used else None

    def _decide(self, writer: Writer, seat: Seat, matter: Matter, used: set[str]) -> bool:
        document = writer.document
        if seat.state != "waiting" or seat.alone or not self._may(document, seat):
            return False
        found = consents.riding(self._connection, seat, matter, self._now)
        if found is None:
            return False
        act = Act("approve", seat.person, (seat.position,), consent=True)
        after = step(writer.state, act)
        if isinstance(after, Refusal):
            return False
        if found not in used:
            consents.use(self._connection, found, document, matter, self._now)
            used.add(found)
        writer.write(Written(act, after, self._now, detail={"consent_id": found}, quiet=True))
        entry = audit.Entry(
            self._now,
            seat.person,
            None,
            "consent",
            "approval.approve",
            "done",
            approval_id=document.id,
            run_id=document.row["run_id"],
            arguments_digest=document.row["digest"],
            detail={"consent": found},
        )
        audit.append(self._connection, entry)
        return True

    def _may(self, document: Document, seat: Seat) -> bool:
        person = self._people.many(self._connection, [seat.person]).get(seat.person)
        needs = document.steps[seat.position]["needs"]
        return person is not None and not person.left and (needs is None or needs in person.roles)


def next_number(connection: Connection, document: Document, year: int) -> str:
    """Take the next document number (문서번호) of the form and year, without gaps: it commits with the effect."""
    prefix = document.form.get("prefix", PREFIX)
    count = connection.execute(_NUMBER, {"series": prefix, "year": year}).scalar_one()
    return f"{prefix}-{year}-{count:06}"


def completed(connection: Connection, writer: Writer, done: Sequence[Done], clock: Clock) -> dict[str, Any]:
    """Write down that the effect happened; return what the document keeps of it, number and all.

    Raises:
        TypeError: the line is not complete, which the caller has seen to.
    """
    act = Act("apply", SYSTEM.id)
    after = step(writer.state, act)
    if isinstance(after, Refusal):
        msg = f"{act.kind} of a document that is {writer.state.status}"
        raise TypeError(msg)
    writer.write(Written(act, after, clock.now(), quiet=True))
    return {
        "number": next_number(connection, writer.document, clock.today().year),
        "result": done[0].result if len(done) == 1 else [each.result for each in done],
        "result_say": " ".join(each.say for each in done if each.say) or None,
        "failure": None,
        "difference": None,
        "completed_at": clock.now(),
    }


def complete(connection: Connection, writer: Writer, done: Sequence[Done], clock: Clock) -> None:
    """Write down that the effect happened, and the document's row with it."""
    writer.finish(clock.now(), **completed(connection, writer, done, clock))
