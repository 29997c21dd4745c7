"""Who may see and change which rows and fields? The only way from an operation to a record.

`Records` is what operation code gets: each statement it makes carries the row rule, leaves hidden fields out in SQL
and refuses a predicate on them. There is no session, no lazy loading and no raw SQL to go round it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError, StatementError
from sqlalchemy.orm import InstrumentedAttribute, class_mapper
from sqlalchemy.sql import visitors

from daeri.errors import Conflict, FieldHidden, NotFound, PermissionDenied, Refused, ValidationFailed
from daeri.records.actor import Actor, sight
from daeri.records.crowds import ROWS_MAX, Group
from daeri.records.crowds import Key as GroupKey
from daeri.records.expressions import check_expression, check_values, clause_of
from daeri.records.keys import ID_MAX, Id
from daeri.records.prepared import Given, Named, Rows, Shape, savepoint, shape_of, values_of
from daeri.records.record import Exact, Hidden, Record, label_of, mark_of
from daeri.records.rules import Projection, Rules, naming, owner_column, seen_when, whose
from daeri.records.trail import Groups, Trail, Watch, Write, read_fields
from daeri.wording import Text, fit_josa

R = TypeVar("R", bound=Record)
N = TypeVar("N", int, Decimal)

FOUND_MAX = 200
"""Rows one `find` or `group` returns at most when the operation names no limit."""
READY_MAX = 500
"""Statements kept ready for one asker at most; they are forgotten with what else is kept."""


class Records:
    """The records as one actor may see and change them, inside one transaction.

    The methods are `async` so that operations read naturally, but none of them ever waits: the door runs an
    operation's whole body in one visit to the database and refuses one that would wait for anything else.
    """

    def __init__(self, connection: Connection, rules: Rules, actor: Actor, trail: Trail) -> None:
        """Bind a connection to an actor; made by the door only."""
        self._connection = connection
        self._rules = rules
        self._actor = actor
        self._trail = trail
        self._ready = rules.ready(actor)

    def told(self, level: str) -> None:
        """Note that the answer also tells something of this security level that comes from no record."""
        self._trail.levels.add(level)

    async def get(self, record: type[R], id: Id) -> R:  # noqa: A002 - the field's own name
        """Return one row by id.

        Raises:
            NotFound: there is no such row, or the actor may not see it, or its record has no key.
            FieldHidden: the key is hidden from the actor.
        """
        if record.__adopted__:
            row = await self.first(record, naming(self._rules, self._actor, record).at(id))
        else:
            row = await self.first(record, record.id == int(id)) if 0 < int(id) <= ID_MAX else None
        if row is None:
            raise missing(record)
        return row

    async def first(self, record: type[R], *where: ColumnElement[bool], order_by: Sequence[Any] = ()) -> R | None:
        """Return the first row that fits, or None."""
        rows = await self.find(record, *where, order_by=order_by, limit=1)
        return rows[0] if rows else None

    async def find(
        self, record: type[R], *where: ColumnElement[bool], order_by: Sequence[Any] = (), limit: int = FOUND_MAX
    ) -> list[R]:
        """Return the rows that fit, at most `limit`, in the given order (by id where none is given)."""
        shape, given = self._shape(("find", record, len(where), limit), [*where, *order_by])
        projection = self._rules.projection(record, self._actor)
        if shape in self._ready:
            rows, sought = self._ready[shape].rows(self._connection, values_of(given)), self._ready[shape].sought
        else:
            key, sought = self._rules.key(record, self._actor), self._personal(record, [*where, *order_by])
            statement = self._guarded(record, select(*projection.columns), where)
            statement = statement.order_by(*self._checked(record, order_by), *key.columns).limit(limit)
            rows = self._run(statement, shape, given, sought)
        found = [self._row(record, projection, row) for row in rows]
        if sought:
            self._trail.looked_for(record.__tablename__, sought)
            for each in found:
                read_fields(each, sought)
        return found

    async def count(self, record: type[Record], *where: ColumnElement[bool]) -> int:
        """Count the rows that fit among those the actor may see.

        Raises:
            PermissionDenied: a condition on a personal field that fewer than k people meet.
        """
        shape, given = self._shape(("count", record), where)
        if shape in self._ready:
            rows = self._ready[shape].rows(self._connection, values_of(given))
        else:
            is_about_people = self._check_crowd(record, where, where)
            statement = self._guarded(record, select(func.count()).select_from(record.__table__), where)
            rows = self._run(statement, None if is_about_people else shape, given)
        return int(rows[0][0])

    async def sum(self, column: InstrumentedAttribute[N], *where: ColumnElement[bool]) -> N:
        """Add a column up over the rows that fit; 0 where none fits.

        Raises:
            PermissionDenied: a personal field, of fewer than k people.
        """
        record = cast("type[Record]", column.class_)
        shape, given = self._shape(("sum", record), [column, *where])
        if shape in self._ready:
            rows = self._ready[shape].rows(self._connection, values_of(given))
        else:
            (checked,) = self._checked(record, (column,))
            is_about_people = self._check_crowd(record, (column, *where), where)
            statement = self._guarded(record, select(func.sum(checked)), where)
            rows = self._run(statement, None if is_about_people else shape, given)
        total = rows[0][0]
        nothing: Any = Decimal(0) if isinstance(column.type, Exact) else 0
        return nothing if total is None else cast("N", total)

    async def group(
        self,
        *keys: Any,
        measures: Mapping[str, Any],
        where: Sequence[ColumnElement[bool]] = (),
        order_by: Sequence[Any] = (),
        limit: int = FOUND_MAX,
    ) -> Groups:
        """Group the rows that fit by `keys`; each row has the keys and the measures by name.

        `order_by` takes expressions, and measures by name: "total", or "-total" for the largest first. Where a
        personal field is part of it, groups of fewer than k people are left out; `withheld` says how many.
        """
        record = keys[0].class_
        kind = ("group", record, tuple(measures), tuple(map(str, order_by)), len(where), limit)
        ordering = [item for item in order_by if not isinstance(item, str)]
        shape, given = self._shape(kind, [*keys, *measures.values(), *where, *ordering])
        if shape in self._ready:
            return Groups(self._ready[shape].rows(self._connection, values_of(given)))
        by = self._checked(record, keys)
        labels = {name: self._checked(record, [measure])[0].label(name) for name, measure in measures.items()}
        order = [
            _measure_order(labels, item) if isinstance(item, str) else self._checked(record, [item])[0]
            for item in order_by
        ]
        statement = self._guarded(record, select(*by, *labels.values()), where).group_by(*by).order_by(*order)
        fields = self._personal(record, [*by, *measures.values(), *where, *order])
        if not fields:
            return Groups(self._run(statement.limit(limit), shape, given))
        crowds = self._crowds(record, by, where)
        told = self._rules.crowds.telling(self._actor.person_id, record.__tablename__, fields, crowds)
        self._figured(record, fields, [crowds[key] for key in told])
        rows = [row for row in self._connection.execute(statement) if _group(row[: len(by)]) in told]
        result = Groups(rows[:limit])
        result.withheld = len(crowds) - len(told)
        if result.withheld:
            self._trail.withheld.update(f"{record.__tablename__}.{name}" for name in fields)
        return result

    def _personal(self, record: type[Record], expressions: Iterable[Any]) -> frozenset[str]:
        """Return the personal fields of a record that expressions are made of; none where they do not matter."""
        if self._actor.everything:
            return frozenset()
        columns = record.__table__.columns
        nodes = (
            node for each in expressions if not isinstance(each, str) for node in visitors.iterate(clause_of(each))
        )
        names = {str(getattr(node, "key", "")) for node in nodes if node.__visit_name__ == "column"} & {*columns.keys()}
        return frozenset(name for name in names if mark_of(columns[name].info).is_about_people)

    def _crowds(
        self, record: type[Record], by: Sequence[Any], where: Sequence[ColumnElement[bool]]
    ) -> dict[GroupKey, Group]:
        """Return whom each group of a figure is about; a row of no person's is about itself."""
        table = record.__table__
        person = owner_column(record)
        # Rows without a key are told apart by all they hold.
        row_key: Sequence[ColumnElement[Any]] = record.__key__.columns or [*table.columns]
        size = len(row_key)
        about = row_key if person is None else (*row_key, person)
        statement = self._guarded(record, select(*about, *by), where).limit(ROWS_MAX + 1)
        rows = self._connection.execute(statement).all()
        if len(rows) <= ROWS_MAX:
            parts: dict[GroupKey, set[tuple[Any, Any]]] = {}
            for row in rows:
                this = row[0] if size == 1 else _group(row[:size])
                whom = this if person is None else row[size]
                parts.setdefault(_group(row[len(about) :]), set()).add((this, whom))
            return {key: Group.of(frozenset(about)) for key, about in parts.items()}
        people = func.count() if person is None else func.count(person.distinct())
        sizes = self._guarded(record, select(people, *by).select_from(table), where).group_by(*by)
        return {_group(row[1:]): Group(row[0]) for row in self._connection.execute(sizes)}

    def _check_crowd(
        self, record: type[Record], expressions: Sequence[Any], where: Sequence[ColumnElement[bool]]
    ) -> bool:
        """Say whether a figure is made of personal fields, and refuse one that is about too few people."""
        self._checked(record, where)
        fields = self._personal(record, expressions)
        if not fields:
            return False
        crowds, about = self._rules.crowds, self._crowds(record, (), where)
        told = crowds.telling(self._actor.person_id, record.__tablename__, fields, about)
        self._figured(record, fields, [about[key] for key in told])
        if not told:
            self._trail.withheld.update(f"{record.__tablename__}.{name}" for name in fields)
            labels = [mark_of(record.__table__.columns[name].info).label or Text(name, name) for name in sorted(fields)]
            least = crowds.least
            ko, en = ", ".join(label.ko for label in labels), ", ".join(label.en for label in labels)
            raise PermissionDenied(
                Text(
                    fit_josa(f"{ko}은(는) {least}명보다 적은 사람이 드러나는 집계로는 알려 드리지 않아요"),
                    f"Figures about {en} that would tell about fewer than {least} people are withheld",
                )
            )
        return True

    def _figured(self, record: type[Record], fields: frozenset[str], told: Iterable[Group]) -> None:
        """Note that figures were told of personal fields, and whom they are about, where that is known."""
        if owner_column(record) is not None and not record.__adopted__:
            for group in told:
                self._trail.people.update(whom for _, whom in group.about or () if isinstance(whom, int))
        self._trail.looked_for(record.__tablename__, fields)

    async def add(self, row: R) -> R:
        """Insert a row and return it with its id.

        Raises:
            PermissionDenied: the actor may not add such a row, or may not write one of its fields.
        """
        record = type(row)
        values = values_of_row(row)
        check_values(record, values)
        own = self._check_writes(record, values)
        with self._writing():
            key = record.__key__.id_from(self._added(record, values))
            if key is None:
                raise self._may_not_write(record)
            self._check_own(record, key, own)
            self._check_changeable(record, key)
        stored = self._reload(record, key, row)
        fields = {name: (None, value) for name, value in values.items()}
        self._trail.changed(Write(record, key, "add", 0, stored, fields))
        return stored

    async def add_all(self, rows: Sequence[R]) -> int:
        """Insert many rows of one record at once and return how many; for loading, where ids are not needed.

        Raises:
            PermissionDenied: the actor may not add one of them; then none is added.
        """
        if not rows:
            return 0
        record = type(rows[0])
        table = record.__table__
        allowed = self._rules.changeable(record, self._actor)
        values = [values_of_row(row) for row in rows]
        for one in values:
            check_values(record, one)
        own = self._check_writes(record, {name for one in values for name in one})
        allowed = and_(allowed, *self._conditions(record, own))
        same_fields: dict[frozenset[str], list[dict[str, Any]]] = {}
        for one in values:
            same_fields.setdefault(frozenset(one), []).append(one)
        count = select(func.count()).select_from(table).where(allowed)
        with self._writing():
            before = self._connection.execute(count).scalar_one()
            keys = insert(table).returning(*record.__key__.columns)  # type: ignore[arg-type]
            added: dict[frozenset[str], list[Id]] = {}
            for fields, batch in same_fields.items():  # one INSERT takes its fields from its first row
                found = (record.__key__.id_from(row) for row in self._connection.execute(keys, batch))
                added[fields] = [key for key in found if key is not None]
            if self._connection.execute(count).scalar_one() - before != len(rows):
                raise self._may_not_write(record)
        for fields, ids in added.items():
            self._trail.added(record, ids, "add", fields)
        for one in values:
            self._trail.about(record, one)
        return len(rows)

    async def change(self, row: R, **values: Any) -> R:
        """Change fields of a row that was read in this call and return it as it is now.

        Raises:
            Conflict: someone else changed the row since it was read.
            PermissionDenied: the actor may not change this row, or may not write one of the fields.
        """
        record = type(row)
        check_values(record, values)
        own = self._check_writes(record, values)
        self._check_own(record, _named(row), own)
        self._check_changeable(record, _named(row))
        version = {} if record.__adopted__ else {"version": row.version + 1}
        with self._writing():
            statement = update(record.__table__).where(self._unchanged(row)).values(**values, **version)  # type: ignore[arg-type]
            if self._connection.execute(statement).rowcount != 1:
                raise _changed_first()
            self._check_changeable(record, row.id)
        fields = {name: (row.__dict__.get(name), value) for name, value in values.items()}
        self._trail.changed(Write(record, row.id, "change", row.version, row, fields))
        return self._reload(record, row.id, record(**{**values_of_row(row), **values, **version}))

    async def remove(self, row: Record) -> None:
        """Delete a row that was read in this call.

        Raises:
            Conflict: someone else changed the row since it was read.
            PermissionDenied: the actor may not change this row.
        """
        record = type(row)
        self._check_writes(record, ())
        self._check_changeable(record, _named(row))
        with self._writing():
            gone = self._connection.execute(delete(record.__table__).where(self._unchanged(row)))  # type: ignore[arg-type]
        if gone.rowcount != 1:
            raise _changed_first()
        self._trail.changed(Write(record, row.id, "remove", row.version, row, {}))

    def _unchanged(self, row: Record) -> ColumnElement[bool]:
        """Return the condition that a row is as it was read in this call.

        An adopted row counts no versions: it is locked, read again and compared with what its writer had read.

        Raises:
            Conflict: it is not.
        """
        record = type(row)
        columns = record.__table__.c
        if not record.__adopted__:
            return and_(columns.id == row.id, columns.version == row.version)
        projection, here = self._rules.projection(record, self._actor), record.__key__.at(row.id)
        statement = select(*projection.columns).where(here, self._rules.visible(record, self._actor))
        present = self._connection.execute(statement.with_for_update()).one_or_none()
        if present is None or self._seen(record, projection, present).version != row.version:
            raise _changed_first()
        return here

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Undo a refused write at once: an operation that goes on after the refusal must not commit it."""
        try:
            with savepoint(self._connection):
                yield
        except IntegrityError:
            raise Conflict(
                Text("다른 기록과 어긋나서 저장할 수 없어요", "It contradicts another record and cannot be stored")
            ) from None
        except (OperationalError, InternalError):  # the database itself: locked, full, read-only
            raise
        except StatementError as error:
            raise ValidationFailed(
                Text("저장할 수 없는 값이 있어요", f"A value cannot be stored: {error.orig}")
            ) from None

    def _added(self, record: type[Record], values: Mapping[str, Any]) -> Sequence[Any]:
        """Insert a row and return its key's values."""
        table = cast("Table", record.__table__)
        adding = self._rules.compiled.adding(table, values)
        if adding is None:
            return self._connection.execute(insert(table).values(**values)).inserted_primary_key or ()
        statement, whole = adding
        return statement.rows(self._connection, **whole)[0]

    @staticmethod
    def _shape(kind: tuple[Any, ...], expressions: Sequence[Any]) -> tuple[Shape | None, Given]:
        """Return what tells this statement from others but for its values, and the values' places; None if unknown."""
        found = shape_of([clause_of(expression) for expression in expressions])
        return (None, []) if found is None else ((kind, found[0]), found[1])

    def _run(
        self, statement: Select[Any], shape: Shape | None, given: Given, sought: frozenset[str] = frozenset()
    ) -> Rows:
        """Run a checked statement, and keep it, with the personal fields it seeks by, for the next one of its shape."""
        if shape is not None:
            again = self._rules.compiled.ready(self._connection.dialect, statement, given)
            if again is not None and len(self._ready) < READY_MAX:
                again.sought = sought
                self._ready[shape] = again
        return list(self._connection.execute(statement))

    def _guarded(
        self, record: type[Record], statement: Select[Any], where: Sequence[ColumnElement[bool]]
    ) -> Select[Any]:
        checked = self._checked(record, where)
        return statement.where(and_(self._rules.visible(record, self._actor), *checked))

    def cite_page(self, url: str) -> None:
        """Note a page of the web as a source of the answer."""
        self._trail.pages.append({"url": url})

    def _checked(self, record: type[Record], expressions: Sequence[Any]) -> list[Any]:
        return [check_expression(self._rules, self._actor, record, expression) for expression in expressions]

    def _row(self, record: type[R], projection: Projection, row: Row[Any]) -> R:
        result = self._seen(record, projection, row)
        if projection.personal or projection.own_personal:
            whom = whose(record, projection.owner_key, self._actor, result.__dict__)
            shut = {name for name in projection.hidden if type(result.__dict__.get(name)) is Hidden}
            names = projection.personal_of(shut | result.__dict__["_masked"])
            result.__dict__["_watch"] = Watch(names, self._trail, record.__tablename__, result.id, whom)
        self._trail.saw(record, result)
        return result

    def _seen(self, record: type[R], projection: Projection, row: Row[Any]) -> R:
        values = dict(zip(projection.keys, row, strict=True))
        masked = set()
        for name, hidden in projection.closed(values):
            if name in projection.masked:
                masked.add(name)
            else:
                values[name] = hidden
            self._trail.masked.add(f"{record.__tablename__}.{name}")
        # As the constructor would make it, without the events that nobody listens to.
        result: R = class_mapper(record).class_manager.new_instance()
        result.__dict__.update(values, _masked=masked)
        return result

    def _reload(self, record: type[R], key: Id, written: R) -> R:
        """Return the row as it is stored; one that its writer may not see comes back as it was written."""
        projection = self._rules.projection(record, self._actor)
        visible = self._rules.visible(record, self._actor)
        row = self._one("reload", record, key, lambda: select(*projection.columns).where(visible))
        if row is None:
            if not record.__adopted__:
                written.id = int(key)
            return written
        return self._row(record, projection, row)

    def _check_changeable(self, record: type[Record], key: Id) -> None:
        allowed = self._rules.changeable(record, self._actor)
        if self._one("changeable", record, key, lambda: select(*record.__key__.columns).where(allowed)) is None:
            raise self._may_not_write(record)

    def _one(self, what: str, record: type[Record], key: Id, make: Callable[[], Select[Any]]) -> Row[Any] | None:
        """Run what `make` makes on the row of an id, if it is there."""
        bindings = record.__key__.bindings(key)
        if bindings is None:
            return None
        compiled, here = self._rules.compiled, record.__key__.bound
        statement = self._rules.kept(what, record, self._actor, lambda: Named(make().where(here), compiled))
        return next(iter(statement.rows(self._connection, bindings)), None)

    @staticmethod
    def _may_not_write(record: type[Record]) -> PermissionDenied:
        label = label_of(record)
        return PermissionDenied(
            Text(fit_josa(f"이 {label.ko}을(를) 쓸 권한이 없어요"), f"You may not write this {label.en}")
        )

    def _check_writes(self, record: type[Record], names: Iterable[str]) -> list[str]:
        """Refuse fields that the actor sees on no row, and return those that they see on some."""
        if record.__view__ or not record.__key__.columns:
            raise unwritable(record)
        own = []
        for name in names:
            mark = mark_of(record.__table__.columns[name].info)
            seen = sight(self._actor, mark)
            if seen == "hidden":
                raise FieldHidden(self._rules.hidden_reason(record, name, mark, self._actor))
            if seen == "own":
                own.append(name)
        return own

    def _conditions(self, record: type[Record], names: Iterable[str]) -> Iterator[ColumnElement[bool]]:
        """Yield the condition under which the actor sees each of the fields."""
        for name in names:
            yield seen_when(record, self._actor, mark_of(record.__table__.columns[name].info))

    def _check_own(self, record: type[Record], key: Id, names: Sequence[str]) -> None:
        """Refuse fields that the actor does not see on this row, as the database has it."""
        for name, condition in zip(names, self._conditions(record, names), strict=True):
            here = select(*record.__key__.columns).where(record.__key__.at(key), condition)
            if self._connection.execute(here).first() is None:
                mark = mark_of(record.__table__.columns[name].info)
                raise FieldHidden(self._rules.hidden_reason(record, name, mark, self._actor))


def values_of_row(row: Record) -> dict[str, Any]:
    """Return what a row holds in its fields."""
    return {key: value for key, value in row.__dict__.items() if not key.startswith("_")}


def _group(values: Sequence[Any]) -> GroupKey:
    """Return what tells one group from another, whatever its values are."""
    return tuple(map(repr, values))


def _measure_order(labels: Mapping[str, Any], name: str) -> Any:
    return labels[name[1:]].desc() if name.startswith("-") else labels[name]


def _named(row: Record) -> Id:
    """Return a row's id.

    Raises:
        Refused: its reader does not see what names it, so nothing of theirs can be written to it.
    """
    key: Id | None = row.id
    if key is None:
        raise unwritable(type(row))
    return key


def _changed_first() -> Conflict:
    return Conflict(Text("다른 사람이 먼저 바꾼 기록이에요.", "Someone else changed this record first."))


def unwritable(record: type[Record]) -> Refused:
    """Return the error for a write to a view, or to a table whose rows have no key."""
    label = label_of(record)
    if record.__view__:
        return Refused(
            Text(
                fit_josa(f"{label.ko}은(는) 뷰라서 읽기만 할 수 있어요"),
                f"{label.en} is a view: it can only be read",
            )
        )
    return Refused(
        Text(
            fit_josa(f"{label.ko}에는 키가 없어서 어느 행인지 알 수 없으니, 읽기만 할 수 있어요"),
            f"Rows of {label.en} have no key to tell them apart, so they can only be read",
        )
    )


def missing(record: type[Record]) -> NotFound:
    """Return the error for a row that is not there or may not be seen: one answer for both."""
    label = label_of(record)
    return NotFound(Text(fit_josa(f"그런 {label.ko}을(를) 찾을 수 없어요"), f"No such {label.en}"))
