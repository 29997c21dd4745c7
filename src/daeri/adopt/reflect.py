"""What does an existing database hold? Its tables, views, keys and relations, as plain values.

Only the catalog is read here, never a row. Nothing is judged: what a column means is `guess.py`, what becomes of it is
`describe.py`.
"""

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.exc import DBAPIError, SAWarning, SQLAlchemyError
from sqlalchemy.types import TypeEngine

from daeri.wording import Text

Progress = Callable[[Text, int, int], None]
"""Told what is being done, how much is done, and of how much."""
KeyFrom = Literal["primary key", "unique"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database describes it.

    Attributes:
        type: as SQLAlchemy reflects it; None where it does not know the type.
        default: what the database fills it with where nothing is sent, as SQL; None where it does not.
        computed: whether the database alone writes it.
        comment: what is said of it in the database.
    """

    name: str
    type: TypeEngine[Any] | None
    nullable: bool
    default: str | None = None
    computed: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: these columns name a row of that table by those."""

    columns: tuple[str, ...]
    table: str
    schema: str | None
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view.

    Attributes:
        schema: None for the one that names without a schema mean.
        key: the columns that tell rows apart; none where the database promises nothing.
        key_from: what promises it.
        definition: a view's own SQL, where the database tells it.
    """

    name: str
    schema: str | None
    is_view: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    key_from: KeyFrom | None = None
    references: tuple[Reference, ...] = ()
    comment: str | None = None
    definition: str | None = None

    def column(self, name: str) -> Column:
        """Return a column by name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(slots=True)
class Found:
    """What was found in a database.

    Attributes:
        unread: tables and views that could not be described, with the reason.
        skipped: tables that belong to the database or to Daeri itself.
    """

    dialect: str
    tables: list[Table] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def reflect(
    connection: Connection,
    schema: str | None,
    ours: Collection[str],
    wants: Callable[[str], bool],
    progress: Progress,
) -> Found:
    """Describe every table and view of a schema (None for the usual one), in name order.

    Args:
        connection: a connection that may only read.
        schema: a schema of PostgreSQL.
        ours: the names of Daeri's own tables, passed over.
        wants: whether a table is looked at.
        progress: told how far it is.
    """
    found = Found(connection.dialect.name)
    inspector = inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # an odd type is told of below, in words
        views = {*inspector.get_view_names(schema)} | _materialized(inspector, schema)
        hidden = _inner(connection, schema)
        names = [*inspector.get_table_names(schema), *sorted(views)]
        shown = [name for name in dict.fromkeys(names) if name not in ours and name not in hidden]
        found.skipped = sorted({*names} - {*shown})
        wanted = [name for name in shown if wants(name)]
        parts = _Parts(inspector, schema, wanted)
        comments = _sqlite_comments(connection) if found.dialect == "sqlite" else {}
        for number, name in enumerate(sorted(wanted), 1):
            try:
                table = parts.table(name, is_view=name in views)
                found.tables.append(_commented(table, comments[name]) if name in comments else table)
            except (SQLAlchemyError, KeyError) as error:
                found.unread[name] = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
            progress(Text("테이블 읽기", "Reading tables"), number, len(wanted))
    return found


class _Parts:
    """Reads the catalog in few statements where the database can, table by table where one of them is broken."""

    def __init__(self, inspector: Inspector, schema: str | None, names: Sequence[str]) -> None:
        self._inspector = inspector
        self._schema = schema
        self._names = list(names)
        self._many: dict[str, Mapping[Any, Any] | None] = {}

    def table(self, name: str, *, is_view: bool) -> Table:
        columns = self._of("columns", name, [])
        primary = (self._of("pk_constraint", name, {}) or {}).get("constrained_columns") or []
        key, key_from = self._key(name, columns, primary)
        return Table(
            name=name,
            schema=self._schema,
            is_view=is_view,
            columns=tuple(_column(column, key) for column in columns),
            key=key,
            key_from=key_from,
            references=tuple(self._references(name)),
            comment=(self._of("table_comment", name, {}) or {}).get("text"),
            definition=self._definition(name) if is_view else None,
        )

    def _key(
        self, name: str, columns: Sequence[Mapping[str, Any]], primary: Sequence[str]
    ) -> tuple[tuple[str, ...], KeyFrom | None]:
        """Return what tells rows apart: the primary key, else the smallest unique set of columns never empty."""
        if primary:
            return tuple(primary), "primary key"
        filled = {column["name"] for column in columns if not column["nullable"]}
        unique = [tuple(each["column_names"]) for each in self._of("unique_constraints", name, [])]
        unique += [
            tuple(each["column_names"])
            for each in self._of("indexes", name, [])
            if each.get("unique") and not any(part.endswith("_where") for part in each.get("dialect_options", {}))
        ]
        fitting = [each for each in unique if each and None not in each and {*each} <= filled]
        return (min(fitting, key=lambda each: (len(each), each)), "unique") if fitting else ((), None)

    def _references(self, name: str) -> Iterator[Reference]:
        for each in self._of("foreign_keys", name, []):
            targets = tuple(each["referred_columns"])
            if targets and len(targets) == len(each["constrained_columns"]):
                schema = each["referred_schema"]
                yield Reference(tuple(each["constrained_columns"]), each["referred_table"], schema, targets)

    def _definition(self, name: str) -> str | None:
        try:
            return self._inspector.get_view_definition(name, self._schema)
        except (SQLAlchemyError, NotImplementedError):
            return None

    def _of(self, part: str, name: str, nothing: Any) -> Any:
        if part not in self._many:
            self._many[part] = self._all(part)
        many = self._many[part]
        if many is not None:
            return many.get((self._schema, name), nothing)
        try:
            return getattr(self._inspector, f"get_{part}")(name, self._schema)
        except NotImplementedError:
            return nothing

    def _all(self, part: str) -> Mapping[Any, Any] | None:
        """Return a part of all tables; None where one of them (a view of a table that is gone) cannot be read."""
        savepoint = self._inspector.bind.begin_nested() if self._is_postgres() else None  # type: ignore[union-attr]
        try:
            found: Mapping[Any, Any] = getattr(self._inspector, f"get_multi_{part}")(
                self._schema, self._names, kind=ObjectKind.ANY, scope=ObjectScope.DEFAULT
            )
        except NotImplementedError:
            return {}
        except DBAPIError:
            if savepoint is not None:
                savepoint.rollback()
            return None
        return found

    def _is_postgres(self) -> bool:
        return self._inspector.dialect.name == "postgresql"


def _column(column: Mapping[str, Any], key: Sequence[str]) -> Column:
    kind = column["type"]
    return Column(
        name=column["name"],
        type=None if type(kind).__name__ == "NullType" else kind,
        nullable=bool(column["nullable"]) and column["name"] not in key,
        default="identity" if column.get("identity") is not None else column.get("default"),
        computed=column.get("computed") is not None,
        comment=(column.get("comment") or "").strip() or None,
    )


def _materialized(inspector: Inspector, schema: str | None) -> set[str]:
    try:
        return {*inspector.get_materialized_view_names(schema)}
    except NotImplementedError:
        return set()


def _inner(connection: Connection, schema: str | None) -> set[str]:
    """Return tables that are only parts of others: partitions, what a full-text index keeps."""
    if connection.dialect.name == "sqlite":
        try:
            rows = connection.execute(text("SELECT name, type FROM pragma_table_list WHERE schema = 'main'"))
        except DBAPIError:  # SQLite before 3.37 does not tell
            return set()
        return {row.name for row in rows if row.type in ("shadow", "virtual")}
    parts = text(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relispartition AND n.nspname = coalesce(:schema, current_schema())"
    )
    return {*connection.execute(parts, {"schema": schema}).scalars()}


_LINE = re.compile(
    r"""^\s*,?\s*(?:"(?P<double>[^"]+)"|\[(?P<square>[^\]]+)\]|`(?P<back>[^`]+)`|(?P<plain>[^\s"`\[(,]+))[^\n]*?--\s*(?P<said>\S.*?)\s*$""",
    re.MULTILINE,
)


def _sqlite_comments(connection: Connection) -> dict[str, dict[str, str]]:
    """Return what is written behind columns in SQLite's CREATE TABLE, which keeps its text: `name TEXT, -- 이름`."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"))
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        for line in _LINE.finditer(row.sql):
            name = line["double"] or line["square"] or line["back"] or line["plain"]
            found.setdefault(row.name, {})[name.lower()] = line["said"]
    return found


def _commented(table: Table, comments: Mapping[str, str]) -> Table:
    columns = (replace(column, comment=column.comment or comments.get(column.name.lower())) for column in table.columns)
    return replace(table, columns=tuple(columns), comment=table.comment or comments.get("create"))
