"""What does a list query become? Conditions, order and position as one statement, within the field rules.

A statement is made once for each shape of query (which fields, which comparisons) and actor; the values that callers
send are bound to it. Nothing here runs it.
"""

import base64
import binascii
import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from daeri.clock import rfc3339
from daeri.errors import FieldError, FieldHidden, ValidationFailed
from daeri.records.actor import Actor, sight
from daeri.records.keys import Key
from daeri.records.plans import is_indexed
from daeri.records.portable import Pattern, fits
from daeri.records.prepared import Named
from daeri.records.record import Record, mark_of
from daeri.records.rules import Projection, Rules, naming, owner_column
from daeri.wording import Text, normal

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "contains")
MANY = 2_000
"""Rows that a rule lets through from which on gathering and sorting them all takes longer than a few milliseconds."""
WALKED = 10_000
"""Rows that are then looked at in the list's own order, before all are gathered after all."""
FILTERS_MAX = 20
"""Filters of one list; more is no question of a person's."""
INITIALS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_SYLLABLE: Final = 0xAC00
_PER_INITIAL: Final = 588
_LEADING: Final = 0x1100
_VOWEL: Final = "[ᅡ-ᅵ]"
_FINAL: Final = "[ᆨ-ᇂ]"
SKIP_MAX: Final = 1_000_000
"""Rows that are passed over at most where they have no key to go on from."""
DECOMPOSED_MAX: Final = 4
"""Initial consonants that are looked for in decomposed text too: eight patterns."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller asks of a list: filters as (field, operator, value), `-field` sorts downward.

    Attributes:
        fields: the fields to answer with; None = all that the caller may see.
        count: whether the number of all rows that fit is asked for too.
    """

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None
    sort: str | None = None
    filters: Sequence[tuple[str, str, str]] = ()
    search: str | None = None
    fields: Sequence[str] | None = None
    count: bool = False


Columns = ReadOnlyColumnCollection[str, Any]
After = Callable[[Columns], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Order:
    """By what a list is ordered.

    Attributes:
        column: by which field; None orders by the key alone.
        key: what tells rows apart where the field does not; empty where the asker can name none.
    """

    column: Column[Any] | None
    key: Key
    descending: bool = False

    @property
    def is_by_key(self) -> bool:
        """Whether rows of one place in the order cannot be several."""
        return self.column is None or (self.column,) == self.key.columns

    def clauses(self, columns: Columns) -> Iterator[ColumnElement[Any]]:
        """Yield what a statement over a table's columns, or over another name of it, is ordered by."""
        key = [columns[each.key] for each in self.key.columns]
        if self.column is None:
            yield from (each.desc() if self.descending else each.asc() for each in key)
            return
        column = columns[self.column.key]
        ordered = column.desc() if self.descending else column.asc()
        yield ordered.nulls_last() if self.column.nullable else ordered
        yield from (each.asc() for each in key if each is not column)


@dataclass(slots=True)
class Question:
    """One list, ready to be asked.

    Attributes:
        shape: what the statement depends on beside the actor: equal shapes share one statement.
        values: what is bound to it.
        chosen: the fields to answer with; None for all.
        personal: the personal fields that it filters, orders or searches by, for the audit.
    """

    record: type[Record]
    order: Order
    chosen: frozenset[str] | None
    shape: tuple[Any, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    conditions: list[ColumnElement[bool]] = field(default_factory=list)
    after: After | None = None
    personal: frozenset[str] = frozenset()

    def selected(self, rules: Rules, actor: Actor) -> "Selected":
        """Return the statement, and what its columns are."""
        return rules.kept(f"list {self.shape!r}", self.record, actor, lambda: self._made(rules, actor))

    def counting(self, rules: Rules, actor: Actor) -> Select[Any]:
        """Return the statement that counts all rows that fit."""
        visible = rules.visible(self.record, actor)
        return select(func.count()).select_from(self.record.__table__).where(and_(visible, *self.conditions))

    def _made(self, rules: Rules, actor: Actor) -> "Selected":
        needed = () if self.order.column is None else (self.order.column.key,)
        projection = narrowed(rules.projection(self.record, actor), self.record, self.chosen, *needed)
        table = self.record.__table__
        visible = rules.visible(self.record, actor)
        listed = select(*projection.columns).order_by(*self.order.clauses(table.columns)).limit(bindparam("rows"))
        listed = listed if self.after is None else listed.where(self.after(table.columns))
        listed = listed.offset(bindparam("skip")) if "skip" in self.values else listed
        statement = listed.where(visible, *self.conditions)
        column = self.order.column
        if column is None or not is_indexed(column):
            return Selected(Named(statement, rules.compiled), projection)
        far = table.alias("far")
        ordered = next(self.order.clauses(far.c))
        further = select(far.c[column.key]).order_by(ordered).limit(1).offset(WALKED)
        edge = (further if self.after is None else further.where(self.after(far.c))).scalar_subquery()
        nearer = column >= edge if self.order.descending else column <= edge
        # Within CASE the rule cannot be looked up in an index, which would gather all that it lets through.
        sifted = case((and_(visible, *self.conditions), 1), else_=0) == 1
        many = select(1).select_from(table).where(visible).offset(MANY).limit(1)
        walk = Walk(many, statement, Named(listed.where(nearer, sifted), rules.compiled))
        return Selected(Named(statement, rules.compiled), projection, walk)

    def cursor_after(self, row: Mapping[str, Any], count: int) -> str:
        """Return the cursor of what comes after a row, the last of `count`."""
        key = self.order.key.id_of(row)
        if key is None:
            return _encoded([int(self.values.get("skip", 0)) + count])
        return _encoded([None if self.order.column is None else json_value(row[self.order.column.key]), key])


@dataclass(frozen=True, slots=True)
class Walk:
    """How the first rows of a list are found without gathering all of them.

    Attributes:
        many: finds something where the rule lets more than MANY rows through, so that it is worth it.
        instead_of: the list's plain statement.
        statement: the list among the first WALKED rows in its order; if it finds as many as are asked for, these are
            the ones.
    """

    many: Select[Any]
    instead_of: Select[Any]
    statement: Named


@dataclass(frozen=True, slots=True)
class Selected:
    """A statement with what its columns are.

    Attributes:
        walk: another way to the same rows, None where no index has the list's order.
    """

    statement: Named
    projection: Projection
    walk: Walk | None = None


def narrowed(projection: Projection, record: type[Record], chosen: frozenset[str] | None, *needed: str) -> Projection:
    """Return a projection with the chosen fields and those that every row needs: id, version, title, owner, order.

    The version of an adopted row is made of all that its reader sees.
    """
    if chosen is None or record.__adopted__:
        return projection
    owner = owner_column(record)
    kept = chosen | {"id", "version", *needed, *record.__title__} | ({owner.key} if owner is not None else set())
    kept |= {told for name, told in projection.related.items() if name in kept}
    pairs = [(column, key) for column, key in zip(projection.columns, projection.keys, strict=True) if key in kept]
    return Projection(
        columns=tuple(column for column, _ in pairs),
        keys=tuple(key for _, key in pairs),
        own=tuple(key for key in projection.own if key in kept),
        hidden={key: why for key, why in projection.hidden.items() if key in kept},
        masked=projection.masked & kept,
        owner_key=projection.owner_key,
        personal=projection.personal & kept,
        own_personal=projection.own_personal & kept,
        called=projection.called,
        related={name: told for name, told in projection.related.items() if name in kept},
    )


def asked(rules: Rules, actor: Actor, record: type[Record], query: ListQuery) -> Question:
    """Return the question that a query asks.

    Raises:
        FieldHidden: a filter, sort or search on a field that the actor may not see on every row.
        ValidationFailed: an unknown field, operator or cursor, or a value that does not fit.
    """
    sort = query.sort or "id"
    named, key = sort.removeprefix("-"), rules.key(record, actor)
    by_key = named == "id" and record.__adopted__
    order = Order(None if by_key else open_column(rules, actor, record, named), key, sort.startswith("-"))
    question = Question(record, order, chosen_fields(record, query.fields))
    if len(query.filters) > FILTERS_MAX:
        raise ValidationFailed(Text(f"조건은 {FILTERS_MAX}개까지예요", f"At most {FILTERS_MAX} filters"))
    shape: list[Any] = [sort, question.chosen and tuple(sorted(question.chosen))]
    for number, (name, operator, value) in enumerate(query.filters):
        if name == "id" and record.__adopted__:
            question.conditions.append(_identified(rules, actor, record, operator, value))
            shape.append((name, operator, value))
            continue
        column = open_column(rules, actor, record, name)
        condition, values = _filter(column, operator, value, f"f{number}")
        question.conditions.append(condition)
        question.values |= values
        shape.append((name, operator, sorted(values), [isinstance(value, list) for value in values.values()]))
    if query.search:
        condition, values = _search(actor, record, query.search)
        question.conditions.append(condition)
        question.values |= values
        shape.append(("search", sorted(values)))
    if query.cursor or not key.columns:
        question.after, values = _after(order, query.cursor)
        question.values |= values
        shape.append(("after", sorted(values)))
    question.shape = tuple(map(repr, shape))
    names = [named, *(name for name, _, _ in query.filters), *(record.__title__ if query.search else ())]
    question.personal = frozenset(name for name in names if _is_personal(record, name))
    return question


def _is_personal(record: type[Record], name: str) -> bool:
    column = record.__table__.columns.get(name)
    return column is not None and mark_of(column.info).is_about_people


def chosen_fields(record: type[Record], names: Sequence[str] | None) -> frozenset[str] | None:
    """Return the fields that a caller chose, None for all.

    Raises:
        ValidationFailed: the record has no such field.
    """
    if names is None:
        return None
    for name in names:
        column_of(record, name)
    return frozenset(names)


def column_of(record: type[Record], name: str) -> Column[Any]:
    """Return a field by name.

    Raises:
        ValidationFailed: the record has no such field.
    """
    column = record.__table__.columns.get(name)
    if column is None:
        known = ", ".join(item.key for item in record.__table__.columns)
        raise ValidationFailed(
            Text(f"'{name}' 항목은 없어요", f"There is no field '{name}'"),
            errors=[FieldError(f"/{name}", f"one of: {known}")],
        )
    return column  # type: ignore[return-value]


def open_column(rules: Rules, actor: Actor, record: type[Record], name: str) -> Column[Any]:
    """Return a field that the actor sees on every row.

    Raises:
        ValidationFailed: the record has no such field.
        FieldHidden: the actor does not see it, or only on some rows, or masked.
    """
    column = column_of(record, name)
    mark = mark_of(column.info)
    if sight(actor, mark) != "open":
        raise FieldHidden(rules.hidden_reason(record, name, mark, actor))
    return column


def forms_of(text: str) -> list[str]:
    """Return a text as it may be stored: composed (NFC) and, where it differs, decomposed (NFD, as macOS does)."""
    composed = normal(text)
    return list(dict.fromkeys([composed, unicodedata.normalize("NFD", composed)]))


def _filter(column: Column[Any], operator: str, value: str, name: str) -> tuple[ColumnElement[bool], dict[str, Any]]:
    if operator not in OPERATORS:
        raise ValidationFailed(
            Text(f"'{operator}' 비교는 없어요", f"There is no comparison '{operator}'"),
            errors=[FieldError(f"/{column.key}", f"one of: {', '.join(OPERATORS)}")],
        )
    if operator == "contains":
        text = column if isinstance(column.type, String) else cast(column, String())
        return _contains(func.lower(text), [form.lower() for form in forms_of(value)], name)
    several = bindparam(name, expanding=True, type_=column.type)
    if operator == "in":
        return column.in_(several), {name: [parsed(column, item) for item in value.split(",")]}
    forms = list(dict.fromkeys([value, *forms_of(value)]))
    if operator in ("eq", "ne") and isinstance(column.type, String) and len(forms) > 1:
        return (column.in_(several) if operator == "eq" else column.not_in(several)), {name: forms}
    one = bindparam(name, type_=column.type)
    comparisons: dict[str, ColumnElement[bool]] = {
        "eq": column == one,
        "ne": column != one,
        "gt": column > one,
        "gte": column >= one,
        "lt": column < one,
        "lte": column <= one,
    }
    return comparisons[operator], {name: parsed(column, value)}


def _identified(rules: Rules, actor: Actor, record: type[Record], operator: str, value: str) -> ColumnElement[bool]:
    """Return the condition that a row of an adopted record has one of the ids.

    Raises:
        NotFound, FieldHidden: the actor cannot name rows of it.
        ValidationFailed: another comparison than eq and in.
    """
    if operator not in ("eq", "in"):
        raise ValidationFailed(
            Text("id는 eq나 in으로만 비교해요", "id is compared by eq or in"), errors=[FieldError("/id", "eq or in")]
        )
    key = naming(rules, actor, record)
    return or_(*(key.at(each) for each in (value.split(",") if operator == "in" else [value])))


def _contains(text: ColumnElement[str], forms: Sequence[str], name: str) -> tuple[ColumnElement[bool], dict[str, Any]]:
    values = {f"{name}_{number}": f"%{_escaped(form)}%" for number, form in enumerate(dict.fromkeys(forms))}
    return or_(*(text.like(bindparam(key, type_=String()), escape="/") for key in values)), values


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _search(actor: Actor, record: type[Record], text: str) -> tuple[ColumnElement[bool], dict[str, Any]]:
    names = [name for name in (*record.__title__, *record.__also__) if name != "id"]
    columns = [record.__table__.columns[name] for name in names]
    shown = [
        column for column in columns if isinstance(column.type, String) and sight(actor, mark_of(column.info)) == "open"
    ]
    if not shown:
        raise ValidationFailed(Text("이 기록은 검색할 수 없어요", "This record has nothing to search"))
    forms = [form.replace(" ", "").lower() for form in forms_of(text)]
    found: list[ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    for column in shown:
        squeezed = func.lower(func.replace(column, " ", ""))
        condition, bound = _contains(squeezed, forms, "q")
        found.append(condition)
        values |= bound
        for number, pattern in enumerate(_patterns(forms[0])):
            found.append(fits(squeezed, bindparam(f"initials_{number}", type_=Pattern())))
            values[f"initials_{number}"] = pattern
    return or_(*found), values


def _patterns(text: str) -> Iterator[str]:
    """Yield the GLOBs that a text with initial consonants fits: ㄱㅎㅇ to syllables that begin with them.

    Decomposed text has a final consonant after a vowel or has none, so each initial but the last doubles their number.
    """
    initials = sum(character in INITIALS for character in text)
    if not initials:
        return
    yield f"*{''.join(map(_composed, text))}*"
    if initials <= DECOMPOSED_MAX:
        for finals in product(("", _FINAL), repeat=initials - 1):
            yield f"*{_decomposed(text, [*finals, ''])}*"


def _composed(character: str) -> str:
    if character in INITIALS:
        first = _SYLLABLE + INITIALS.index(character) * _PER_INITIAL
        return f"[{character}{chr(first)}-{chr(first + _PER_INITIAL - 1)}]"
    return f"[{character}]" if character in "*?[" else character


def _decomposed(text: str, finals: Sequence[str]) -> str:
    parts, left = [], iter(finals)
    for character in text:
        if character in INITIALS:
            parts.append(f"{chr(_LEADING + INITIALS.index(character))}{_VOWEL}{next(left)}")
        else:
            parts.append(unicodedata.normalize("NFD", _composed(character)))
    return "".join(parts)


def parsed(column: Column[Any], value: str) -> Any:
    """Return a value that a caller sent as text, as the field keeps it.

    Raises:
        ValidationFailed: it does not fit the field.
    """
    kind = column.type.python_type
    try:
        if isinstance(column.type, Uuid):
            return str(UUID(value))
        if kind is bool:
            return {"true": True, "false": False}[value]
        if kind is datetime:
            instant = datetime.fromisoformat(value)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        if kind is date:
            return date.fromisoformat(value)
        if kind not in (str, int, float, Decimal):
            raise ValueError(value)  # noqa: TRY301 - worded below like every other misfit
        return _finite(kind(value))
    except (ValueError, KeyError, ArithmeticError):
        raise ValidationFailed(
            Text(f"'{value}'은(는) {column.key}에 맞지 않아요", f"'{value}' does not fit {column.key}"),
            errors=[FieldError(f"/{column.key}", f"a {kind.__name__}")],
        ) from None


def _finite(value: Any) -> Any:
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        raise ValueError(value)
    return value


def json_value(value: Any) -> Any:
    """Return a field's value as JSON has it."""
    if value is None or type(value) in (str, int, bool, list, dict):
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _encoded(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _after(order: Order, cursor: str | None) -> tuple[After | None, dict[str, Any]]:
    """Return the condition that a row comes after a cursor's, and its values; rows without a key are counted off."""
    if cursor is None:
        return None, {"skip": 0}
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if len(found) == 1:
            return None, {"skip": _skipped(found[0])}
        position, key = found
        last = order.key.parts(key if type(key) is int else str(key))
        wanted = None if position is None or order.column is None else parsed(order.column, str(position))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        last, wanted = None, None
    if last is None:
        raise ValidationFailed(
            Text("이 목록의 커서가 아니에요", "This is not a cursor of this list"),
            errors=[FieldError("/cursor", "?")],
        )
    slots = ["last"] if len(last) == 1 else [f"last_{number}" for number in range(len(last))]
    values = dict(zip(slots, last, strict=True))
    binds = [bindparam(slot, type_=column.type) for slot, column in zip(slots, order.key.columns, strict=True)]
    at = None if order.column is None else bindparam("at", type_=order.column.type)

    def after(columns: Columns) -> ColumnElement[bool]:
        here, there = _together([columns[each.key] for each in order.key.columns]), _together(binds)
        follows: ColumnElement[bool] = here > there
        if order.column is None or order.is_by_key:
            return here < there if order.descending else follows
        column = columns[order.column.key]
        if wanted is None:
            return and_(column.is_(None), follows)
        beyond, from_here = (column < at, column <= at) if order.descending else (column > at, column >= at)
        rest = and_(from_here, or_(beyond, follows))  # an index finds the place by the first half
        return or_(rest, column.is_(None)) if order.column.nullable else rest

    return after, values if order.is_by_key or wanted is None else values | {"at": wanted}


def _skipped(count: Any) -> int:
    if type(count) is not int or not 0 <= count <= SKIP_MAX:
        raise ValueError(count)
    return count


def _together(columns: Sequence[Any]) -> Any:
    """Return columns or values as one thing to compare."""
    return columns[0] if len(columns) == 1 else tuple_(*columns)
