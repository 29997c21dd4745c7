"""What records are there, page by page? Lists and single rows within the row and field rules, as plain values.

No entity is made here: one statement (questions.py makes it), one pass to JSON values.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from daeri.clock import Clock
from daeri.errors import NotFound, PermissionDenied
from daeri.operations import history
from daeri.operations.company import Company
from daeri.operations.questions import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    OPERATORS,
    ListQuery,
    Question,
    Selected,
    asked,
    chosen_fields,
    json_value,
    narrowed,
)
from daeri.records import audit
from daeri.records.access import missing
from daeri.records.actor import Actor, is_kept_from, sight
from daeri.records.boxed import within
from daeri.records.keys import ID_MAX, Id, content_of
from daeri.records.plans import is_large, sorts_all
from daeri.records.prepared import Named
from daeri.records.ranges import named
from daeri.records.record import Mark, Record, label_of, mark_of, referenced
from daeri.records.rules import NOTHING, Projection, Rules, naming, whose
from daeri.records.store import Store
from daeri.records.trail import Trail
from daeri.wording import Lang, Text

__all__ = ["LIMIT_DEFAULT", "LIMIT_MAX", "OPERATORS", "ListQuery", "PlainField", "Shelf", "plain_fields"]

COUNT_SECONDS = 2.0
"""How long the number of all rows is looked for; then it is told as unknown."""
ID_DIGITS = len(str(ID_MAX))
EXPORT_BATCH = 1_000
"""Rows of an export that are read at once; no transaction is open while they are sent."""

Still = Callable[[], Awaitable[Actor]]


class Shelf:
    """Lists and single rows of the company's records."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        """Take the declarations, the database and the clock."""
        self._company = company
        self._store = store
        self._clock = clock

    @property
    def export_max(self) -> int:
        """Rows one export holds at most."""
        return self._company.export_max

    def types(self, actor: Actor, lang: Lang) -> list[dict[str, Any]]:
        """Return the record types, with the fields the actor sees on some row at least."""
        return [
            {"type": name, "label": label_of(record).to(lang), "fields": self._fields(actor, record, lang)}
            for name, record in sorted(self._company.records.items())
        ]

    def fields(self, actor: Actor, kind: str, lang: Lang, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the chosen fields of a record type that the actor sees on some row, masked ones among them.

        They are those of a file: what may not leave the company is not among them.

        Raises:
            NotFound: there is no such record type.
            ValidationFailed: it has no such field.
        """
        record = self._record(actor, kind, "export")
        chosen = chosen_fields(record, names)
        keys = self._company.rules.projection(record, actor).keys
        fields = {field["name"]: field for field in self._fields(actor, record, lang)}
        order = list(fields) if names is None else list(dict.fromkeys(names))
        inside = {column.key for column in record.__table__.columns if self._stays_inside(mark_of(column.info))}
        return [
            fields[name] for name in order if name in keys and name not in inside and (chosen is None or name in chosen)
        ]

    def _stays_inside(self, mark: Mark) -> bool:
        """Say whether a field may not leave the company; what may hold anything does not where anything does not."""
        return mark.data_class in self._company.stays_inside or (mark.any_class and bool(self._company.stays_inside))

    def refers(self, actor: Actor, kind: str) -> dict[str, str]:
        """Return which fields of an adopted record hold the key of another one that the actor may name, and of which.

        Raises:
            NotFound: there is no such record type.
        """
        record, rules = self._record(actor, kind), self._company.rules
        found = {}
        for column in record.__table__.columns if record.__adopted__ else ():
            target = referenced(column, rules.rows) if column.foreign_keys else None  # type: ignore[arg-type]
            if target is not None and rules.key(target[0], actor).columns == (target[1],):
                found[column.key] = target[0].__tablename__
        return found

    def key(self, kind: str, text: str) -> Id:
        """Read the id of a row from an address.

        Raises:
            NotFound: no row can have such an id.
        """
        record = self._company.records.get(kind)
        if record is None or not record.__adopted__:
            if not (text.isascii() and text.isdigit()) or len(text) > ID_DIGITS or int(text) > ID_MAX:
                raise NotFound
            return int(text)
        key = record.__key__
        found = key.read(text) if key.columns else text  # whoever opens it says that there is no key
        if found is None:
            raise missing(record)
        return found

    def counts_versions(self, kind: str) -> bool:
        """Say whether rows of a type carry a number that grows with each change; adopted ones have a digest instead."""
        record = self._company.records.get(kind)
        return record is None or not record.__adopted__

    async def page(self, actor: Actor, kind: str, query: ListQuery, lang: Lang) -> dict[str, Any]:
        """Return one page of rows; where asked to, with the number of all (None where that takes too long).

        Raises:
            NotFound: there is no such record type.
            FieldHidden: a filter, sort or search on a field that the actor may not see.
            ValidationFailed: an unknown field, operator or cursor.
        """
        record = self._record(actor, kind)
        rules = self._company.rules
        question = asked(rules, actor, record, query)
        limit = max(1, min(query.limit, LIMIT_MAX))

        def look(connection: Connection) -> tuple[Sequence[Row[Any]], int | None]:
            rows = self._ask(connection, actor=actor, question=question, rows=limit + 1)
            if not query.count:
                return rows, None
            counted = within(connection, COUNT_SECONDS, question.counting(rules, actor), question.values)
            return rows, counted[0][0] if counted else None

        rows, count = await self._store.read(look)
        trail = Trail()
        page = self._page(actor, question, rows[:limit], lang, trail)
        await self._audit(actor, record, "list", [row["id"] for row in page], trail)
        return {
            "data": page,
            "next_cursor": self._cursor(actor, question, rows[:limit]) if len(rows) > limit else None,
            "has_more": len(rows) > limit,
            "type": kind,
            "label": label_of(record).to(lang),
            "fields": self._fields(actor, record, lang),
        } | ({"count": count} if query.count else {})

    async def get(
        self, actor: Actor, kind: str, key: Id, lang: Lang, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return one row.

        Raises:
            NotFound: there is no such type or row, or the actor may not see it, or the type's rows have no key.
            FieldHidden: the key is hidden from the actor.
            ValidationFailed: a field was chosen that the record does not have.
        """
        record = self._record(actor, kind)
        rules = self._company.rules
        chosen = chosen_fields(record, fields)
        shape = "" if chosen is None else repr(sorted(chosen))
        one = rules.kept(f"get {shape}", record, actor, lambda: _one(rules, record, actor, chosen))
        projection = one.projection
        values = record.__key__.bindings(key)
        rows = await self._store.read(lambda connection: one.statement.rows(connection, values)) if values else []
        if not rows:
            raise missing(record)
        found, trail = self._row(record, projection, actor, rows[0], lang), Trail()
        _note_read(trail, record, projection, actor, [found])
        await self._audit(actor, record, "get", [found["id"]], trail)
        return found if chosen is None else _only(found, chosen)

    def written(self, actor: Actor, kind: str, result: Mapping[str, Any], lang: Lang) -> dict[str, Any]:
        """Render what a generated create or update gave (`{"id", "version", "title", "fields"}`) as a row."""
        record = self._record(actor, kind, "get")
        projection = self._company.rules.projection(record, actor)
        given = result["fields"]
        why = {name: hidden.reason.to(lang) for name, hidden in projection.hidden.items()}
        closed = {name: reason for name, reason in why.items() if name not in given}
        masked = {name: why[name] for name in result["masked"] if name in given and name in why}
        named = {"id": result["id"], "version": result["version"]} if record.__adopted__ else {}
        return {**named, **given, "_title": result["title"], "_hidden": closed, "_masked": masked}

    async def export(
        self, actor: Actor, kind: str, query: ListQuery, lang: Lang, still: Still | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield all rows that fit, batch by batch and up to the company's limit; each batch is audited.

        `still` is asked before each batch after the first who the caller is now, so that a revoked key stops an export.

        Raises:
            NotFound, FieldHidden, ValidationFailed: as for a page.
        """
        record = self._record(actor, kind, "export")
        left, cursor = self._company.export_max, query.cursor
        while left > 0:
            question = asked(self._company.rules, actor, record, replace(query, cursor=cursor))
            size = min(EXPORT_BATCH, left)
            rows = await self._store.read(partial(self._ask, actor=actor, question=question, rows=size + 1))
            trail = Trail()
            batch = self._page(actor, question, rows[:size], lang, trail)
            await self._audit(actor, record, "export", [row["id"] for row in batch], trail)
            yield batch
            left -= len(batch)
            if len(rows) <= size:
                return
            cursor = self._cursor(actor, question, rows[:size])
            actor = actor if still is None else await still()
            record = self._record(actor, kind, "export")

    async def history(
        self, actor: Actor, kind: str, key: Id, *, limit: int, cursor: str | None, lang: Lang
    ) -> dict[str, Any]:
        """Return who wrote a row and when, newest first, as far as the actor may know.

        Raises:
            NotFound: there is no such type or row, or the actor may not see it.
            ValidationFailed: not a cursor of this list.
        """
        record = self._record(actor, kind)
        before = history.position(cursor)
        limit = max(1, min(limit, LIMIT_MAX))
        named = naming(self._company.rules, actor, record)
        statement = select(*named.columns).where(named.at(key), self._company.rules.visible(record, actor))

        def look(connection: Connection) -> dict[str, Any]:
            if connection.execute(statement).first() is None:
                raise missing(record)
            return history.of(connection, self._company, actor, history.Asked(record, key, limit, before), lang)

        page = await self._store.read(look)
        await self._audit(actor, record, "history", [key], Trail())
        return page

    def _ask(self, connection: Connection, *, actor: Actor, question: Question, rows: int) -> Sequence[Row[Any]]:
        rules = self._company.rules
        selected, values = question.selected(rules, actor), question.values | {"rows": rows}
        walk, table = selected.walk, question.record.__table__
        if walk is not None and rows <= LIMIT_MAX + 1:

            def gathers() -> bool:
                """Say whether more rows would be gathered and sorted than the list is likely to walk over."""
                if not is_large(connection, table) or not sorts_all(connection, walk.instead_of, values):
                    return False
                return connection.execute(walk.many).first() is not None

            if rules.kept(f"gathers {question.shape!r}", question.record, actor, gathers):
                found = walk.statement.rows(connection, values)
                if len(found) == rows:
                    return found
        return selected.statement.rows(connection, values)

    def _page(
        self, actor: Actor, question: Question, rows: Sequence[Row[Any]], lang: Lang, trail: Trail
    ) -> list[dict[str, Any]]:
        projection = question.selected(self._company.rules, actor).projection
        data = [self._row(question.record, projection, actor, row, lang) for row in rows]
        trail.looked_for(question.record.__tablename__, question.personal)
        _note_read(trail, question.record, projection, actor, data)
        chosen = question.chosen
        return data if chosen is None else [_only(row, chosen) for row in data]

    def _cursor(self, actor: Actor, question: Question, rows: Sequence[Row[Any]]) -> str:
        keys = question.selected(self._company.rules, actor).projection.keys
        return question.cursor_after(dict(zip(keys, rows[-1], strict=True)), len(rows))

    def _record(self, actor: Actor, kind: str, act: str = "list") -> type[Record]:
        record = self._company.records.get(kind)
        if record is None:
            raise NotFound(Text(f"'{kind}' 기록은 없어요", f"There are no '{kind}' records"))
        if not actor.may_call(f"{kind}.{act}", "read"):
            raise PermissionDenied(Text("이 키로는 볼 수 없는 기록이에요", "This key may not read these records"))
        return record

    def _fields(self, actor: Actor, record: type[Record], lang: Lang) -> list[dict[str, Any]]:
        made = self._company.rules.kept(f"fields {lang}", record, actor, lambda: self._described(actor, record, lang))
        return [dict(field) for field in made]

    def _described(self, actor: Actor, record: type[Record], lang: Lang) -> list[dict[str, Any]]:
        fields = []
        for column in record.__table__.columns:
            mark = mark_of(column.info)
            label = mark.label or Text(column.key, column.key)
            closed = mark.readers or is_kept_from(actor, mark)
            why = self._company.rules.hidden_reason(record, column.key, mark, actor).to(lang) if closed else None
            fields.append(
                {
                    "name": column.key,
                    "label": label.to(lang),
                    "kind": mark.kind or _kind(column),
                    "sight": sight(actor, mark),
                    "why": why,
                    "data_class": mark.data_class,
                    "mask": mark.mask.example if mark.mask else None,
                }
            )
        return fields

    def _row(
        self, record: type[Record], projection: Projection, actor: Actor, row: Row[Any], lang: Lang
    ) -> dict[str, Any]:
        values = dict(zip(projection.keys, map(json_value, row), strict=True))
        hidden, masked = {}, {}
        for name, mark in projection.closed(values):
            if name in projection.masked:
                masked[name] = mark.reason.to(lang)
            else:
                values.pop(name, None)
                hidden[name] = mark.reason.to(lang)
        title = " ".join(str(values[name]) for name in record.__title__ if values.get(name))
        if record.__adopted__:
            seen = {name: value for name, value in zip(projection.keys, row, strict=True) if name in values}
            values.pop(NOTHING, None)
            named = {"id": self._company.rules.key(record, actor).id_of(seen), "version": content_of(seen)}
            values = {**named, **values, **named}
        return {**values, "_title": title, "_hidden": hidden, "_masked": masked}

    async def _audit(self, actor: Actor, record: type[Record], act: str, ids: Sequence[Any], trail: Trail) -> None:
        kind = record.__tablename__
        seen = [[kind, each] for each in named(key for key in ids if key is not None)]
        detail = {"rows": len(ids), **trail.told()}
        entry = audit.Entry.by(actor, self._clock.now(), f"{kind}.{act}", records=seen, detail=detail)
        await self._store.note(lambda connection: audit.append(connection, entry))


@dataclass(frozen=True, slots=True)
class PlainField:
    """A field that everybody reads who sees the row: what a description may tell to anyone."""

    name: str
    label: Text
    kind: str
    nullable: bool


def plain_fields(record: type[Record]) -> list[PlainField]:
    """Return the fields of a record that have no readers of their own and are kept from no agent."""
    fields = []
    for column in record.__table__.columns:
        mark = mark_of(column.info)
        if mark.readers is None and mark.agents is None:
            kind = "decimal" if column.type.python_type is Decimal else _kind(column)
            label = mark.label or Text(column.key, column.key)
            fields.append(PlainField(column.key, label, kind, bool(getattr(column, "nullable", False))))
    return fields


def _note_read(
    trail: Trail, record: type[Record], projection: Projection, actor: Actor, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Note which personal fields are told of which rows, and whose they are."""
    if not projection.personal and not projection.own_personal:
        return
    for row in rows:
        whom = whose(record, projection.owner_key, actor, row)
        fields = projection.personal_of(row["_masked"]).intersection(row)
        if fields:
            trail.read(record.__tablename__, row["id"], fields, whom)


def _one(rules: Rules, record: type[Record], actor: Actor, chosen: frozenset[str] | None) -> Selected:
    """Return the statement that reads one row by its id."""
    projection = narrowed(rules.projection(record, actor), record, chosen)
    wanted = naming(rules, actor, record).bound
    statement = select(*projection.columns).where(wanted, rules.visible(record, actor))
    return Selected(Named(statement, rules.compiled), projection)


def _only(row: Mapping[str, Any], chosen: frozenset[str]) -> dict[str, Any]:
    """Return a row with the chosen fields only, and what every row has."""
    kept = chosen | {"id", "version", "_title"}
    only = {name: value for name, value in row.items() if name in kept}
    reasons = {
        part: {name: why for name, why in row[part].items() if name in chosen} for part in ("_hidden", "_masked")
    }
    return only | reasons


def _kind(column: ColumnElement[Any]) -> str:
    """Name the sort of value a field holds, as clients show it: text, number, date, time, flag, list."""
    kinds = {str: "text", int: "number", Decimal: "number", date: "date", datetime: "time", bool: "flag"}
    return kinds.get(column.type.python_type, "list")
