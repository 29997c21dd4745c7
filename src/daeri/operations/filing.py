"""How does a held call become a document? Freezes content, form and line, files it (상신), and knows it again later.

Everything here runs in the transaction of the call that is held, or of the decision that completes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from ulid import ULID

from daeri.canonical import digest
from daeri.errors import Conflict, NotFound
from daeri.operations.deciding import ledger
from daeri.operations.deciding.binding import stored
from daeri.operations.deciding.bodies import DRAFTABLE
from daeri.operations.deciding.ledger import Document, Label
from daeri.operations.deciding.machine import replay
from daeri.operations.deciding.model import Refusal, State
from daeri.operations.deciding.seating import Place, Seater, Seating, line_body
from daeri.operations.deciding.turns import opened
from daeri.operations.documents import approval, approval_act, approval_step, notice
from daeri.operations.form import Form
from daeri.operations.line import Change, Line
from daeri.operations.operation import Operation
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import People
from daeri.records.trail import Write
from daeri.wording import Lang, Text

# fmt: off
__all__ = [
    "Content", "Origin", "file", "is_intact", "line_body", "redraftable", "rejected_before", "seal",
    "seats_of", "share_a_line",
]
# fmt: on

LANGUAGES: tuple[Lang, ...] = ("ko", "en")
"""A document is worded in both when it is filed: its approvers may read another language than its drafter."""

# fmt: off
SEALED_FIRST = (
    "id", "operation", "operation_digest", "drafter_id", "agent", "scopes", "arguments", "worded", "preview", "rule",
    "because", "run_id", "question",
)
"""What of a document is bound by its digest since the first version, then together with the people of its line."""
SEALED = (*SEALED_FIRST, "form", "line", "bound", "provenance", "bundled", "previous_id", "round")
# fmt: on
SEALED_LATER = ("beside", "credential", "classes")
"""What is bound too where a document has it: those that were filed earlier had no such field."""
_AUTOMATIC = frozenset({"draft", "apply", "apply_failed", "apply_unknown"})
"""Acts of no person: the audit tells them in other words than approval.*, or not in this order."""

_INSERT = insert(approval)
_INSERT_STEPS = insert(approval_step)
_INSERT_ACT = insert(approval_act)
_INSERT_NOTICES = insert(notice)
_PREVIOUS = (
    select(
        approval.c.id,
        approval.c.drafter_id,
        approval.c.operation,
        approval.c.status,
        approval.c.round,
        approval.c.arguments,
        approval.c.bundled,
    )
    .where(approval.c.id == bindparam("key"))
    .with_for_update()
)
_NEXT = select(approval.c.id).where(approval.c.previous_id == bindparam("key"))
_REJECTED = (
    select(approval.c.id, approval.c.bundled)
    .where(
        approval.c.drafter_id == bindparam("drafter"),
        approval.c.status == "rejected",
        approval.c.operation == bindparam("operation"),
        approval.c.run_id == bindparam("run"),
    )
    .order_by(approval.c.id.desc())
    .limit(1)
)
_AUDITED = (
    select(audit.audit.c.action, audit.audit.c.outcome, audit.audit.c.person_id, audit.audit.c.arguments_digest)
    .where(audit.audit.c.approval_id == bindparam("key"))
    .order_by(audit.audit.c.seq)
)


@dataclass(frozen=True, slots=True)
class Content:
    """Everything of a document that is frozen when it is filed.

    Attributes:
        writes: the rows that a rehearsal wrote, each with the version it had.
        provenance: where each argument came from, for what an agent filed.
        doubtful: whether nobody stands for what an agent filed, so that no consent given beforehand covers it.
        bundled: the further calls that the document decides, on the same line (일괄 상신).
        classes: the sensitive data classes that the arguments may hold.
    """

    operation: Operation
    arguments: dict[str, Any]
    worded: dict[str, list[dict[str, str]]]
    preview: Sequence[Change]
    form: Form
    line: Line
    seating: Seating
    writes: Sequence[Write] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    doubtful: bool = False
    bundled: Sequence["Content"] = ()
    classes: Sequence[str] = ()

    @property
    def seats(self) -> Sequence[Place]:
        """Who sits in the line and beside it."""
        return self.seating.places


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document comes from: who asked, in what words, in which run; and which document it takes up again."""

    actor: Actor
    at: datetime
    today: date
    lang: Lang
    run_id: str | None = None
    question: str | None = None
    previous_id: str | None = None


def seats_of(connection: Connection, people: People, drafter_id: int, line: Line) -> list[Place]:
    """Find the people of a line, in order.

    Raises:
        Conflict: nobody is left who could decide.
    """
    return list(Seater(connection, people, drafter_id).seated(line).places)


def seal(document: Mapping[str, Any], line: Sequence[int] = ()) -> str:
    """Return the digest that approvers approve and the door executes, over everything the document froze."""
    if document["line"]:
        later = {name: document[name] for name in SEALED_LATER if document[name]}
        return digest({name: document[name] for name in SEALED} | later)
    return digest({name: document[name] for name in SEALED_FIRST} | {"line": list(line)})


def is_intact(connection: Connection, document: Document, acts: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a document is what its drafter filed, and its state what the acts of people lead to.

    The digest over its content must be its own and that of every act on it; the acts, played again from the line as it
    was filed, must lead to this state; and they must be those that the audit tells, its filing included.
    """
    sealed = seal(document.row, [seat.person for seat in document.state.seats])
    if sealed != document.row["digest"] or any(act["digest"] != sealed for act in acts):
        return False
    played = [ledger.act_of(act) for act in acts[1:]]
    if not document.row["line"]:
        played = ledger.with_turns(document, played)
    replayed = replay(ledger.filed_state(document), played)
    if isinstance(replayed, Refusal) or not _same(replayed, document.state):
        return False
    told = connection.execute(_AUDITED, {"key": document.id}).all()
    filed = [row.arguments_digest for row in told if row.outcome == "filed"]
    operations = set(document.operations)  # the calls that are done with the first one, which is told as applied
    asked = [digest(item["arguments"]) for item in document.items]
    done = [row for row in told if row.outcome == "done" and row.action not in operations]
    people = [(row.action, row.person_id) for row in done if row.action.removeprefix("approval.") not in _AUTOMATIC]
    acted = [(f"approval.{act['act']}", act["person_id"]) for act in acts if act["act"] not in _AUTOMATIC]
    return filed == asked and people == acted


def _same(one: State, other: State) -> bool:
    return one.status == other.status and one.seats == other.seats


def file(connection: Connection, content: Content, origin: Origin) -> Document:
    """Write the document with its line and its first act; return it as it stands.

    Raises:
        Conflict: the document that it takes up again is not one to draft anew.
    """
    actor, approval_id = origin.actor, f"apr_{ULID()}"
    round_ = _round(connection, content, origin)
    places = {place.seat.position: place for place in content.seats}
    state = opened(State(actor.person_id, tuple(place.seat for place in content.seats), content.form.policy))
    row: dict[str, Any] = {
        "id": approval_id,
        **_item(content),
        "drafter_id": actor.person_id,
        "agent": actor.agent,
        "beside": list(actor.beside),
        "scopes": [list(scope) for scope in actor.scopes],
        "credential": actor.key,
        "rule": content.line.rule,
        "form": content.form.frozen(origin.today) | _rules(content),
        "line": [_line_entry(place) for place in content.seats],
        "bundled": [_item(each) for each in content.bundled],
        "previous_id": origin.previous_id,
        "round": round_,
        "run_id": origin.run_id,
        "question": origin.question,
    }
    sealed = seal(row)
    row |= {"status": state.status, "door": actor.door, "lang": origin.lang, "digest": sealed, "version": 1, "acts": 1}
    row |= {"drafted_at": origin.at, "undoable": []}
    connection.execute(_INSERT, row)
    steps = [
        ledger.step_row(seat, _label(places[seat.position]), approval_id, state.status, origin.at)
        for seat in state.seats
    ]
    ledger.set_due(steps, row["form"], origin.at)
    connection.execute(_INSERT_STEPS, steps)
    connection.execute(
        _INSERT_ACT,
        {
            "approval_id": approval_id,
            "seq": 1,
            "act": "draft",
            "person_id": actor.person_id,
            "agent": actor.agent,
            "at": origin.at,
            "detail": {},
            "digest": sealed,
        },
    )
    connection.execute(_INSERT_NOTICES, ledger.notices_of_filing(approval_id, state.seats, origin.at))
    return Document(_EMPTY | row, {step["position"]: step for step in steps}, state)


def _item(content: Content) -> dict[str, Any]:
    """Return what a document keeps of each call that it decides."""
    return {
        "operation": content.operation.name,
        "operation_digest": content.operation.shape,
        "arguments": content.arguments,
        "worded": content.worded,
        "preview": {lang: [change.body(lang) for change in content.preview] for lang in LANGUAGES},
        "because": [content.line.because.ko, content.line.because.en],
        "bound": [_bound(write) for write in content.writes],
        "classes": list(content.classes),
        "provenance": dict(content.provenance),
    }


def share_a_line(one: Content, other: Content, today: date) -> bool:
    """Say whether two calls may become one document: both forms allow it, and the same people decide by one rule."""
    first, second = (
        [each.form.frozen(today), _rules(each), each.line.rule, [_line_entry(place) for place in each.seats]]
        for each in (one, other)
    )
    return one.form.bundle and other.form.bundle and first == second


_EMPTY: dict[str, Any] = dict.fromkeys(("number", "result", "result_say", "failure", "difference", "completed_at"))


def _round(connection: Connection, content: Content, origin: Origin) -> int:
    """Return which round of its matter a document is."""
    if origin.previous_id is None:
        return 1
    row = redraftable(connection, origin.previous_id, origin.actor.person_id)
    if row.operation != content.operation.name:
        raise _not_draftable()
    return int(row.round) + 1


def redraftable(connection: Connection, approval_id: str, drafter_id: int) -> Any:
    """Return the row of a document that its drafter may draft anew (재기안), locked.

    Raises:
        NotFound: there is none, or it is someone else's.
        Conflict: it did not end badly, was drafted anew already, or decided several calls.
    """
    row = connection.execute(_PREVIOUS, {"key": approval_id}).one_or_none()
    if row is None or row.drafter_id != drafter_id:
        raise NotFound(Text("그런 결재 문서를 찾을 수 없어요", "No such approval document"))
    if row.status not in DRAFTABLE:
        raise _not_draftable()
    if row.bundled:
        raise Conflict(
            Text("여러 건을 묶은 문서는 한 건씩 새로 기안해 주세요", "Draft what was bundled anew, each on its own")
        )
    if connection.execute(_NEXT, {"key": row.id}).first() is not None:
        raise Conflict(Text("이미 다시 기안한 문서예요", "This document was drafted anew already"))
    return row


def rejected_before(connection: Connection, run_id: str, drafter_id: int, operation: str) -> str | None:
    """Return the document that a run's next call of an operation drafts anew; None where none was rejected."""
    values = {"run": run_id, "drafter": drafter_id, "operation": operation}
    row = connection.execute(_REJECTED, values).first()
    if row is None or row.bundled or connection.execute(_NEXT, {"key": row.id}).first() is not None:
        return None
    return str(row.id)


def _not_draftable() -> Conflict:
    return Conflict(
        Text("반려되거나 회수한 문서만 다시 기안할 수 있어요", "Only what was rejected or withdrawn is drafted anew")
    )


def _line_entry(place: Place) -> dict[str, Any]:
    label = {"role": [place.role.ko, place.role.en], "why": [place.why.ko, place.why.en], "needs": place.needs}
    return ledger.seat_body(place.seat) | label


def _label(place: Place) -> Label:
    return Label(place.role, place.why, place.needs)


def _rules(content: Content) -> dict[str, Any]:
    """Return which rows of which tables chose the line, and who was left out of it and why."""
    delegated = content.line.delegated
    return {
        "delegation": delegated.rule if delegated else None,
        "left_out": [
            {"role": [each.role.ko, each.role.en], "why": [each.why.ko, each.why.en]}
            for each in content.seating.left_out
        ],
    }


def _bound(write: Write) -> dict[str, Any]:
    columns = write.record.__table__.columns
    return {
        "type": write.record.__tablename__,
        "id": write.key if write.act != "add" else None,
        "act": write.act,
        "version": write.version,
        "title": write.title,
        "fields": {
            name: [stored(before), stored(after)] for name, (before, after) in write.fields.items() if name in columns
        },
    }


def with_writes(content: Content, writes: Sequence[Write]) -> Content:
    """Return content bound to the rows that its rehearsal wrote."""
    return replace(content, writes=tuple(writes))
