"""Which rows does a phrase name? "김대리", "영업1팀", "Hanbit Notebook 14" to rows the asker may see.

Exact matches only (spaces and case aside), one IN query for each record type: bounded work, no fuzzy surprises.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, cast, func, or_, select

from daeri.records.access import Actor, Rules, sight
from daeri.records.record import Person, Record, mark_of
from daeri.wording import normal

MENTIONS_MAX = 12
"""Candidates told for one phrase; more than this is not a mention but a category."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A row that a phrase of the request names."""

    record: str
    id: int
    title: str
    phrase: str


def squeezed(phrase: str) -> str:
    """Return a phrase without spaces and case, as titles are compared."""
    return normal(phrase).replace(" ", "").lower()


def mentions(
    connection: Connection, rules: Rules, actor: Actor, records: Iterable[type[Record]], phrases: Sequence[str]
) -> list[Mention]:
    """Return the rows named by any of the phrases, people who left excepted."""
    wanted = {squeezed(phrase): phrase for phrase in phrases if squeezed(phrase)}
    found: list[Mention] = []
    if not wanted:
        return found
    for record in records:
        forms = _forms(rules, actor, record)
        if not forms:
            continue
        table = record.__table__
        conditions: list[ColumnElement[bool]] = [
            rules.visible(record, actor),
            or_(*(form.in_(list(wanted)) for form in forms)),
        ]
        if issubclass(record, Person):
            conditions.append(table.c.left_on.is_(None))
        title = [table.c[name] for name in record.__title__ if _open(actor, record, name)]
        statement = select(table.c.id, *title, *(form.label(f"form{n}") for n, form in enumerate(forms)))
        rows = connection.execute(statement.where(and_(*conditions)).order_by(table.c.id).limit(200))
        for row in rows:
            name = " ".join(str(value) for value in row[1 : 1 + len(title)] if value)
            hits = {value for value in row[1 + len(title) :] if value in wanted}
            found.extend(Mention(record.__tablename__, row.id, name, wanted[hit]) for hit in sorted(hits))
    return found


def _open(actor: Actor, record: type[Record], name: str) -> bool:
    return name != "id" and sight(actor, mark_of(record.__table__.columns[name].info)) == "open"


def _forms(rules: Rules, actor: Actor, record: type[Record]) -> list[ColumnElement[str]]:
    """Return the ways a row of this type is named: its title fields, and for people the Korean short forms."""
    if record not in rules.rows:
        return []
    columns = record.__table__.c
    also = [_squeezed(columns[name]) for name in record.__also__ if _open(actor, record, name)]
    names = [columns[name] for name in record.__title__ if _open(actor, record, name) and _is_text(columns[name])]
    if not issubclass(record, Person):
        return [_squeezed(column) for column in names] + also
    surname = func.substr(columns.name, 1, 1)
    return also + [
        _squeezed(form)
        for form in (
            columns.name,
            columns.name.concat(columns.rank),
            columns.name.concat(columns.title),
            surname.concat(columns.rank),
            surname.concat(columns.title),
        )
    ]


def _is_text(column: Any) -> bool:
    return isinstance(column.type, String)


def _squeezed(column: ColumnElement[Any]) -> ColumnElement[str]:
    return func.lower(func.replace(cast(column, String), " ", ""))
