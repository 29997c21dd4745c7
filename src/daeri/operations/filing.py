"""How does a held call become a document? Finds the people of its line, freezes the content, files it (상신).

Everything here runs in the transaction of the call that is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from ulid import ULID

from daeri.canonical import digest
from daeri.errors import Conflict
from daeri.operations.documents import approval, approval_act, approval_step
from daeri.operations.line import Approver, Change, Line, Superior
from daeri.operations.operation import Operation
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.people import People, Someone, person_body
from daeri.wording import Lang, Text

TITLES = {"팀장": "team lead", "본부장": "director", "실장": "head of office", "대표이사": "chief executive"}
"""What the usual titles are called in English; others stay as they are."""
LANGUAGES: tuple[Lang, ...] = ("ko", "en")
"""A document is worded in both when it is filed: its approvers may read another language than its drafter."""

# fmt: off
SEALED = (
    "id", "operation", "operation_digest", "drafter_id", "agent", "scopes", "arguments", "worded", "preview", "rule",
    "because", "run_id", "question",
)
"""What of a document is bound by its digest, together with the people of its line."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Seat:
    """One step of a line, with the person found for it."""

    person: Someone
    role: Text


@dataclass(frozen=True, slots=True)
class Content:
    """Everything of a document that is frozen when it is filed."""

    operation: Operation
    arguments: dict[str, Any]
    worded: dict[str, list[dict[str, str]]]
    preview: Sequence[Change]
    line: Line
    seats: Sequence[Seat]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document comes from: who asked, in what words, in which run."""

    actor: Actor
    at: datetime
    lang: Lang
    run_id: str | None
    question: str | None


def seats_of(connection: Connection, people: People, drafter_id: int, line: Line) -> list[Seat]:
    """Find the people of a line, in order; the same person twice in a row is merged, the later role stays.

    A vacant post, a leaver and the drafter's own seat go up to the next lead.

    Raises:
        Conflict: nobody is left who could decide.
    """
    drafter = people.one(connection, drafter_id)
    superiors = people.superiors(connection, drafter)
    seats: list[Seat] = []
    for step in line.steps:
        person = _find(connection, people, drafter_id, superiors, step) or _escalated(superiors, seats)
        if person is None or person.id == drafter_id:
            continue
        if seats and seats[-1].person.id == person.id:
            seats.pop()
        seats.append(Seat(person, step.role or _title_of(person)))
    if not seats:
        raise Conflict(
            Text(
                "결재할 사람이 없어요. 관리자에게 조직도를 확인해 달라고 해 주세요.",
                "Nobody can approve this. Ask an administrator to check the organisation chart.",
            )
        )
    return seats


def _find(
    connection: Connection, people: People, drafter_id: int, superiors: Sequence[Someone], step: Approver
) -> Someone | None:
    if isinstance(step, Superior):
        return superiors[min(step.level, len(superiors)) - 1] if superiors else None
    return people.holder(connection, step.role_name, drafter_id)


def _title_of(person: Someone) -> Text:
    title = person.title or person.rank or "결재"
    return Text(title, TITLES.get(title, title))


def _escalated(superiors: Sequence[Someone], seats: Sequence[Seat]) -> Someone | None:
    """Return who decides for a vacant post: the next lead who is not in the line yet, else the highest."""
    seated = {seat.person.id for seat in seats}
    return next((lead for lead in superiors if lead.id not in seated), superiors[-1] if superiors else None)


def line_body(seats: Sequence[Seat], lang: Lang) -> list[dict[str, Any]]:
    """Render a line that nobody has decided on yet."""
    return [
        {
            "position": position,
            "person": person_body(seat.person),
            "role": seat.role.to(lang),
            "status": "waiting" if position == 1 else "upcoming",
            "decided_at": None,
            "comment": None,
        }
        for position, seat in enumerate(seats, 1)
    ]


def operation_digest(operation: Operation) -> str:
    """Identify an operation's shape: an approval does not carry over to another one of the same name."""
    return digest([operation.name, operation.effect, operation.input.model_json_schema()])


def seal(document: Mapping[str, Any], line: Sequence[int]) -> str:
    """Return the digest that approvers approve and the door executes, over everything the document froze."""
    return digest({name: document[name] for name in SEALED} | {"line": list(line)})


def is_intact(connection: Connection, document: Row[Any]) -> bool:
    """Say whether a document is what its drafter filed and every person of its line approved.

    The digest over its content must be its own, that of every act on it, and that of the audited filing.
    """
    steps = connection.execute(
        select(approval_step).where(approval_step.c.approval_id == document.id).order_by(approval_step.c.position)
    ).all()
    sealed = seal(dict(document._mapping), [step.person_id for step in steps])  # noqa: SLF001 - public, despite its name
    acts = connection.execute(select(approval_act).where(approval_act.c.approval_id == document.id)).all()
    approvers = {act.person_id for act in acts if act.act == "approve"}
    filed = connection.execute(
        select(audit.audit.c.arguments_digest).where(
            audit.audit.c.approval_id == document.id, audit.audit.c.outcome == "filed"
        )
    ).scalar_one_or_none()
    return (
        sealed == document.digest
        and all(act.digest == sealed for act in acts)
        and all(step.status == "approved" and step.person_id in approvers for step in steps)
        and filed == digest(document.arguments)
    )


def file(connection: Connection, content: Content, origin: Origin) -> str:
    """Write the document with its line and its first act; return its id."""
    actor, approval_id = origin.actor, f"apr_{ULID()}"
    document = {
        "id": approval_id,
        "operation": content.operation.name,
        "operation_digest": operation_digest(content.operation),
        "drafter_id": actor.person_id,
        "agent": actor.agent,
        "scopes": [list(scope) for scope in actor.scopes],
        "arguments": content.arguments,
        "worded": content.worded,
        "preview": {lang: [change.body(lang) for change in content.preview] for lang in LANGUAGES},
        "rule": content.line.rule,
        "because": [content.line.because.ko, content.line.because.en],
        "run_id": origin.run_id,
        "question": origin.question,
    }
    sealed = seal(document, [seat.person.id for seat in content.seats])
    connection.execute(
        insert(approval).values(
            **document,
            status="in_progress",
            door=actor.door,
            lang=origin.lang,
            digest=sealed,
            drafted_at=origin.at,
        )
    )
    connection.execute(
        insert(approval_step),
        [
            {
                "approval_id": approval_id,
                "position": position,
                "person_id": seat.person.id,
                "role": [seat.role.ko, seat.role.en],
                "status": "waiting" if position == 1 else "upcoming",
            }
            for position, seat in enumerate(content.seats, 1)
        ],
    )
    connection.execute(
        insert(approval_act).values(
            approval_id=approval_id,
            seq=1,
            act="draft",
            person_id=actor.person_id,
            agent=actor.agent,
            at=origin.at,
            digest=sealed,
        )
    )
    return approval_id
