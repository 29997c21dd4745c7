"""What happened to a row? Who wrote it, by which operation and when, read from the audit, as far as one may know.

Told is a write, to whoever sees the row, if they wrote it themself, may call that operation, or hold the auditor's
role; and of its fields only those whose values they may read. Who looked at a row is the auditors' to know, not shown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, String, bindparam, literal, or_, select

from daeri.errors import FieldError, PermissionDenied, Timeout, ValidationFailed
from daeri.operations.company import Company
from daeri.records.actor import Actor, sight
from daeri.records.audit import audit
from daeri.records.boxed import within
from daeri.records.keys import Id
from daeri.records.people import Someone, person_body
from daeri.records.portable import found_at
from daeri.records.ranges import names
from daeri.records.record import Record, mark_of
from daeri.wording import Lang, Text

SECONDS = 3.0
"""How long the audit is searched for one page."""
AUDITOR = "auditor"
_WRITTEN = ("done", "applied")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose history is asked for: the row, how many entries at most, and before which number of the audit."""

    record: type[Record]
    key: Id
    limit: int
    before: int | None


def position(cursor: str | None) -> int | None:
    """Read a cursor of a history.

    Raises:
        ValidationFailed: it is none.
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):  # noqa: PLR2004 - digits of a sequence
        raise ValidationFailed(
            Text("이 목록의 커서가 아니에요", "This is not a cursor of this list"), errors=[FieldError("/cursor", "?")]
        )
    return int(cursor)


def of(connection: Connection, company: Company, actor: Actor, asked: Asked, lang: Lang) -> dict[str, Any]:
    """Return a page of a row's history, newest first.

    Raises:
        Timeout: the audit is too long to search in time.
    """
    kind = asked.record.__tablename__
    needle = json.dumps([kind, asked.key], ensure_ascii=False, separators=(",", ":"))[:-1] + ","
    statement = (
        select(audit.c.seq, audit.c.at, audit.c.person_id, audit.c.agent, audit.c.action, audit.c.approval_id)
        .add_columns(audit.c.detail)
        .where(audit.c.outcome.in_(_WRITTEN), or_(_holds("needle"), _holds("many")))
        .where(_may_know(company, actor))
        .order_by(audit.c.seq.desc())
        .limit(asked.limit + 1)
    )
    if asked.before is not None:
        statement = statement.where(audit.c.seq < asked.before)
    many = json.dumps([kind, {"from": 0}], ensure_ascii=False, separators=(",", ":"))[: -len("0}]")]
    rows = within(connection, SECONDS, statement, {"needle": needle, "many": many})
    if rows is None:
        raise Timeout
    page = rows[: asked.limit]
    known = readable(actor, asked.record)
    people = company.people.many(connection, [row.person_id for row in page])
    entries = [_entry(company, people.get(row.person_id), row, known, asked, lang) for row in page]
    more = len(rows) > asked.limit
    return {
        "data": [entry for entry in entries if entry is not None],
        "next_cursor": str(page[-1].seq) if more else None,
        "has_more": more,
    }


def readable(actor: Actor, record: type[Record]) -> frozenset[str]:
    """Return the fields whose values the actor reads on every row."""
    columns = record.__table__.columns
    return frozenset(column.key for column in columns if sight(actor, mark_of(column.info)) == "open")


def only_auditors(company: Company, actor: Actor, action: str, what: Text) -> None:
    """Refuse whoever is no auditor, or acts within a scope without this.

    Raises:
        PermissionDenied: they are not; the company's own word for the role says who is.
    """
    if not actor.has(AUDITOR) or not actor.may_call(action, "read"):
        role = company.roles.get(AUDITOR, Text("감사 담당", "auditors"))
        raise PermissionDenied(Text(f"{what.ko} {role.ko}만 볼 수 있어요", f"{what.en} for {role.en} only"))


def _may_know(company: Company, actor: Actor) -> ColumnElement[bool]:
    if actor.has(AUDITOR):
        return literal(value=True)
    names = [
        name
        for name, operation in company.operations.items()
        if operation.allow(actor) and actor.may_call(name, operation.effect)
    ]
    return (audit.c.person_id == actor.person_id) | audit.c.action.in_(names)


def _entry(
    company: Company, who: Someone | None, row: Row[Any], known: frozenset[str], asked: Asked, lang: Lang
) -> dict[str, Any] | None:
    """Return what an entry says of the row; None where it only tells of fields that the asker may not read."""
    acts = _acts(json.loads(row.detail), asked)
    fields = sorted({name for _, names in acts for name in names} & known)
    if not acts or (not fields and all(names for _, names in acts)):
        return None
    operation = company.operations.get(row.action)
    labels = {column.key: mark_of(column.info).label for column in asked.record.__table__.columns}
    return {
        "seq": row.seq,
        "at": row.at,
        "act": acts[-1][0],
        "person": person_body(who or Someone.unknown(row.person_id)),
        "agent": row.agent,
        "operation": row.action,
        "label": operation.label.to(lang) if operation else row.action,
        "fields": [{"name": name, "label": (labels[name] or Text(name, name)).to(lang)} for name in fields],
        "approval_id": row.approval_id,
    }


def _acts(detail: Mapping[str, Any], asked: Asked) -> Sequence[tuple[str, Sequence[str]]]:
    wrote = detail.get("wrote", [])
    mine = [each for each in wrote if each[0] == asked.record.__tablename__ and names([each[1]], asked.key)]
    return [(act, fields) for _, _, act, fields in mine]


def _holds(name: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = found_at(audit.c.detail, bindparam(name, type_=String())) > 0
    return found
