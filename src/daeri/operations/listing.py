"""What records are there, page by page? Lists and single rows within the row and field rules, as plain values.

No entity is made here: one statement, one pass to JSON values.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import Column, ColumnElement, Connection, Row, Select, String, and_, case, func, or_, select

from daeri.clock import Clock, rfc3339
from daeri.errors import FieldError, FieldHidden, NotFound, PermissionDenied, ValidationFailed
from daeri.operations.company import Company
from daeri.records import audit
from daeri.records.access import Actor, Projection, missing, sight
from daeri.records.record import Record, label_of, mark_of
from daeri.records.store import Store
from daeri.wording import Lang, Text, normal

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "contains")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller asks of a list: filters as (field, operator, value), `-field` sorts downward."""

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    sort: str | None = None
    filters: Sequence[tuple[str, str, str]] = ()
    search: str | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    column: Column[Any]
    descending: bool = field(default=False)


class Shelf:
    """Lists and single rows of the company's records."""

    def __init__(self, company: Company, store: Store, clock: Clock) -> None:
        """Take the declarations, the database and the clock."""
        self._company = company
        self._store = store
        self._clock = clock

    def types(self, actor: Actor, lang: Lang) -> list[dict[str, Any]]:
        """Return the record types, with the fields the actor sees on some row at least."""
        return [
            {"type": name, "label": label_of(record).to(lang), "fields": self._fields(actor, record, lang)}
            for name, record in sorted(self._company.records.items())
        ]

    async def page(self, actor: Actor, kind: str, query: ListQuery, lang: Lang) -> dict[str, Any]:
        """Return one page of rows.

        Raises:
            NotFound: there is no such record type.
            FieldHidden: a filter, sort or search on a field that the actor may not see.
            ValidationFailed: an unknown field, operator or cursor.
        """
        record = self._record(actor, kind)
        projection = self._company.rules.projection(record, actor)
        limit = max(1, min(query.limit, LIMIT_MAX))
        order = self._order(actor, record, query.sort)
        statement = self._statement(actor, record, projection, query, order).limit(limit + 1)

        def look(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(statement).all()

        rows = await self._store.read(look)
        page, more = rows[:limit], len(rows) > limit
        keys = projection.keys
        data = [self._row(record, projection, actor, row, lang) for row in page]
        await self._audit(actor, f"{kind}.list", [[kind, row[keys.index("id")]] for row in page], len(page))
        position = order.column.key
        return {
            "data": data,
            "next_cursor": _cursor(page[-1][keys.index(position)], page[-1][keys.index("id")]) if more else None,
            "has_more": more,
            "type": kind,
            "label": label_of(record).to(lang),
            "fields": self._fields(actor, record, lang),
        }

    async def get(self, actor: Actor, kind: str, key: int, lang: Lang) -> dict[str, Any]:
        """Return one row.

        Raises:
            NotFound: there is no such type or row, or the actor may not see it.
        """
        record = self._record(actor, kind)
        projection = self._company.rules.projection(record, actor)
        statement = select(*projection.columns).where(
            record.__table__.c.id == key, self._company.rules.visible(record, actor)
        )
        row = await self._store.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            raise missing(record)
        await self._audit(actor, f"{kind}.get", [[kind, key]], 1)
        return self._row(record, projection, actor, row, lang)

    def _record(self, actor: Actor, kind: str) -> type[Record]:
        record = self._company.records.get(kind)
        if record is None:
            raise NotFound(Text(f"'{kind}' 기록은 없어요", f"There are no '{kind}' records"))
        if not actor.may_call(f"{kind}.list", "read"):
            raise PermissionDenied(Text("이 키로는 볼 수 없는 기록이에요", "This key may not read these records"))
        return record

    def _fields(self, actor: Actor, record: type[Record], lang: Lang) -> list[dict[str, Any]]:
        fields = []
        for column in record.__table__.columns:
            mark = mark_of(column.info)
            label = mark.label or Text(column.key, column.key)
            why = self._company.rules.hidden_reason(record, column.key, mark).to(lang) if mark.readers else None
            kind = mark.kind or _kind(column)
            seen = sight(actor, mark)
            fields.append({"name": column.key, "label": label.to(lang), "kind": kind, "sight": seen, "why": why})
        return fields

    def _column(self, actor: Actor, record: type[Record], name: str) -> Column[Any]:
        column = record.__table__.columns.get(name)
        if column is None:
            known = ", ".join(item.key for item in record.__table__.columns)
            raise ValidationFailed(
                Text(f"'{name}' 항목은 없어요", f"There is no field '{name}'"),
                errors=[FieldError(f"/{name}", f"one of: {known}")],
            )
        mark = mark_of(column.info)
        if sight(actor, mark) != "open":
            raise FieldHidden(self._company.rules.hidden_reason(record, name, mark))
        return column  # type: ignore[return-value]

    def _order(self, actor: Actor, record: type[Record], sort: str | None) -> _Order:
        if not sort:
            return _Order(record.__table__.columns["id"])  # type: ignore[arg-type]
        return _Order(self._column(actor, record, sort.removeprefix("-")), sort.startswith("-"))

    def _statement(
        self, actor: Actor, record: type[Record], projection: Projection, query: ListQuery, order: _Order
    ) -> Select[Any]:
        conditions = [self._company.rules.visible(record, actor)]
        conditions += [self._filter(actor, record, *item) for item in query.filters]
        if query.search:
            conditions.append(self._search(actor, record, query.search))
        if query.cursor:
            conditions.append(_after(record, order, query.cursor))
        columns = record.__table__.columns
        nulls = case((order.column.is_(None), 1), else_=0)
        ordering = [order.column.desc()] if order.descending else [order.column.asc()]
        if order.column.nullable:
            ordering.insert(0, nulls)  # type: ignore[arg-type]
        if order.column.key != "id":
            ordering.append(columns["id"].asc())
        return select(*projection.columns).where(and_(*conditions)).order_by(*ordering)

    def _filter(self, actor: Actor, record: type[Record], name: str, operator: str, value: str) -> ColumnElement[bool]:
        column = self._column(actor, record, name)
        if operator not in OPERATORS:
            raise ValidationFailed(
                Text(f"'{operator}' 비교는 없어요", f"There is no comparison '{operator}'"),
                errors=[FieldError(f"/{name}", f"one of: {', '.join(OPERATORS)}")],
            )
        if operator == "contains":
            return func.lower(column).contains(normal(value).lower(), autoescape=True)
        if operator == "in":
            return column.in_([_parsed(column, item) for item in value.split(",")])
        wanted = _parsed(column, value)
        comparisons: Mapping[str, ColumnElement[bool]] = {
            "eq": column == wanted,
            "ne": column != wanted,
            "gt": column > wanted,
            "gte": column >= wanted,
            "lt": column < wanted,
            "lte": column <= wanted,
        }
        return comparisons[operator]

    def _search(self, actor: Actor, record: type[Record], text: str) -> ColumnElement[bool]:
        names = [name for name in (*record.__title__, *record.__also__) if name != "id"]
        columns = [record.__table__.columns[name] for name in names]
        shown = [
            column
            for column in columns
            if isinstance(column.type, String) and sight(actor, mark_of(column.info)) == "open"
        ]
        if not shown:
            raise ValidationFailed(Text("이 기록은 검색할 수 없어요", "This record has nothing to search"))
        wanted = normal(text).replace(" ", "").lower()
        squeezed = [func.lower(func.replace(column, " ", "")) for column in shown]
        return or_(*(column.contains(wanted, autoescape=True) for column in squeezed))

    def _row(
        self, record: type[Record], projection: Projection, actor: Actor, row: Row[Any], lang: Lang
    ) -> dict[str, Any]:
        values = dict(zip(projection.keys, map(_json, row), strict=True))
        owner = projection.owner_key
        owned = owner is not None and values.get(owner) == actor.person_id
        hidden = {}
        for name, mark in projection.hidden.items():
            if not (owned and name in projection.own):
                values.pop(name, None)
                hidden[name] = mark.reason.to(lang)
        title = " ".join(str(values[name]) for name in record.__title__ if values.get(name))
        return {**values, "_title": title, "_hidden": hidden}

    async def _audit(self, actor: Actor, action: str, records: Sequence[Sequence[Any]], rows: int) -> None:
        entry = audit.Entry(
            at=self._clock.now(),
            person_id=actor.person_id,
            agent=actor.agent,
            door=actor.door,
            action=action,
            outcome="done",
            records=[list(item) for item in records],
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
            detail={"rows": rows},
        )
        await self._store.write(lambda connection: audit.append(connection, entry))


def _kind(column: ColumnElement[Any]) -> str:
    """Name the sort of value a field holds, as clients show it: text, number, date, time, flag, list."""
    kinds = {str: "text", int: "number", Decimal: "number", date: "date", datetime: "time", bool: "flag"}
    return kinds.get(column.type.python_type, "list")


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _parsed(column: Column[Any], value: str) -> Any:
    kind = column.type.python_type
    try:
        if kind is bool:
            return {"true": True, "false": False}[value]
        if kind is datetime:
            instant = datetime.fromisoformat(value)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if kind is date:
            return date.fromisoformat(value)
        return _finite(kind(value))
    except (ValueError, KeyError, ArithmeticError):
        raise ValidationFailed(
            Text(f"'{value}'은(는) {column.key}에 맞지 않아요", f"'{value}' does not fit {column.key}"),
            errors=[FieldError(f"/{column.key}", f"a {kind.__name__}")],
        ) from None


def _finite(value: Any) -> Any:
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(value)
    return value


def _cursor(position: Any, key: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([_json(position), key]).encode()).decode().rstrip("=")


def _after(record: type[Record], order: _Order, cursor: str) -> ColumnElement[bool]:
    try:
        position, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        wanted = None if position is None else _parsed(order.column, str(position))
        key = int(key)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise ValidationFailed(
            Text("이 목록의 커서가 아니에요", "This is not a cursor of this list"),
            errors=[FieldError("/cursor", "?")],
        ) from None
    columns = record.__table__.columns
    if order.column.key == "id":
        return columns["id"] < key if order.descending else columns["id"] > key
    if wanted is None:
        return and_(order.column.is_(None), columns["id"] > key)
    beyond = order.column < wanted if order.descending else order.column > wanted
    rest = or_(beyond, and_(order.column == wanted, columns["id"] > key))
    return or_(rest, order.column.is_(None)) if order.column.nullable else rest
