"""Which rows does a phrase name? "김대리", "영업1팀", "Hanbit Notebook 14" to rows the asker may see.

Exact matches only (spaces and case aside), one query for each record type: bounded work, no fuzzy surprises.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, bindparam, func, or_, select

from daeri.records.actor import Actor, sight
from daeri.records.keys import Id
from daeri.records.portable import among
from daeri.records.prepared import Named
from daeri.records.record import Person, Record, mark_of
from daeri.records.rules import Rules
from daeri.wording import normal

ROWS_MAX = 200
"""Rows one request may name of one record type; more than this is not a mention but a category."""

_PHRASES = bindparam("phrases", type_=String())
_SHORT = (("rank", False), ("title", False), ("rank", True), ("title", True))
"""How people are called: 김하은대리, 김하은팀장, 김대리, 김팀장."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A row that a phrase of the request names."""

    record: str
    id: Id
    title: str
    phrase: str


def squeezed(phrase: str) -> str:
    """Return a phrase without spaces and case, as names are compared."""
    return normal(phrase).replace(" ", "").lower()


def mentions(
    connection: Connection, rules: Rules, actor: Actor, records: Iterable[type[Record]], phrases: Sequence[str]
) -> list[Mention]:
    """Return the rows named by any of the phrases, people who left excepted."""
    wanted = {squeezed(phrase): phrase for phrase in phrases if squeezed(phrase)}
    if not wanted:
        return []
    found: list[Mention] = []
    for record in records:
        if record in rules.rows:
            found += _of(connection, rules, actor, record, wanted)
    return found


def _of(
    connection: Connection, rules: Rules, actor: Actor, record: type[Record], wanted: Mapping[str, str]
) -> Iterable[Mention]:
    asked = rules.kept("mentions", record, actor, lambda: _question(rules, actor, record))
    if asked.statement is None:
        return
    key = rules.key(record, actor)
    size = len(key.columns)
    for row in asked.statement.rows(connection, {"phrases": json.dumps(list(wanted))}):
        values: dict[str, Any] = dict(zip(asked.shown, row[size:], strict=True))
        named = key.id_from(row[:size])
        title = " ".join(str(values[name]) for name in record.__title__ if values.get(name))
        for hit in sorted(_forms_of(values, asked) & wanted.keys()):
            if named is not None:
                yield Mention(record.__tablename__, named, title, wanted[hit])


@dataclass(frozen=True, slots=True)
class _Question:
    """What the database is asked for one record and actor, and the fields its answer holds."""

    statement: Named | None
    shown: Sequence[str] = ()
    names: Sequence[str] = ()
    short: Sequence[tuple[str, bool]] = ()


def _question(rules: Rules, actor: Actor, record: type[Record]) -> _Question:
    columns = record.__table__.c
    names = [name for name in (*record.__title__, *record.__also__) if _is_open_text(actor, record, name)]
    person = issubclass(record, Person)
    short = [form for form in _SHORT if person and "name" in names and _is_open_text(actor, record, form[0])]
    if person:
        names = [name for name in names if name not in ("rank", "title")]
    forms = [_squeezed(columns[name]) for name in names]
    forms += [_squeezed(_called(columns, part, surname=surname)) for part, surname in short]
    key = rules.key(record, actor).columns
    if not forms or not key:
        return _Question(None)
    conditions = [rules.visible(record, actor), or_(*(among(form, _PHRASES) for form in forms))]
    if person:
        conditions.append(columns.left_on.is_(None))
    shown = list(dict.fromkeys([*names, *(part for part, _ in short)]))
    statement = select(*key, *(columns[name] for name in shown)).where(and_(*conditions))
    return _Question(Named(statement.order_by(*key).limit(ROWS_MAX), rules.compiled), shown, names, short)


def _forms_of(values: Mapping[str, Any], asked: _Question) -> set[str]:
    """Return what a row is called, as the query compared it."""
    forms = {squeezed(values[name]) for name in asked.names if values[name]}
    for part, surname in asked.short:
        if values[part] and values["name"]:
            forms.add(squeezed((values["name"][0] if surname else values["name"]) + values[part]))
    return forms


def _called(columns: Any, part: str, *, surname: bool) -> ColumnElement[Any]:
    """Return name or surname with rank or title; NULL, which matches nothing, where the post is empty."""
    name = func.substr(columns.name, 1, 1) if surname else columns.name
    called: ColumnElement[Any] = name.concat(func.nullif(columns[part], ""))
    return called


def _is_open_text(actor: Actor, record: type[Record], name: str) -> bool:
    column = record.__table__.columns[name]
    return isinstance(column.type, String) and sight(actor, mark_of(column.info)) == "open"


def _squeezed(column: ColumnElement[Any]) -> ColumnElement[str]:
    return func.lower(func.replace(column, " ", ""))
