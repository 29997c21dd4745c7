"""What may a statement that somebody else wrote see and do? The database's side of the `query` tool.

`relations_of` says what each table looks like to an asker, as SQL. `run` executes a statement behind walls of
SQLite's own: an authorizer that knows tables only through those relations, an allow-list of functions, and limits on
time, rows and memory; PostgreSQL's are in `guarded_postgres.py`. Reading and rewriting what the asker wrote is
`tools/query.py`; nothing here parses SQL.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from sqlalchemy import JSON, Column, ColumnElement, Connection, Dialect, Engine, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import False_, True_

from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.record import Exact, Instant, Record, label_of, mark_of, referenced
from daeri.records.rules import NOTHING, Rules, owner_column, seen_when
from daeri.records.stored import LocalTime
from daeri.wording import Text

if TYPE_CHECKING:
    import psycopg

Why = Literal["time", "size", "forbidden", "wrong"]
DialectName = Literal["sqlite", "postgres"]
Driver: TypeAlias = "sqlite3.Connection | psycopg.Connection[Any]"

# fmt: off
FUNCTIONS = frozenset({
    "abs", "avg", "ceil", "ceiling", "char", "coalesce", "concat", "concat_ws", "count", "cume_dist", "current_date",
    "current_time", "current_timestamp", "date", "datetime", "degrees", "dense_rank", "exp", "first_value", "floor",
    "format", "glob", "group_concat", "hex", "ifnull", "iif", "instr", "json_array", "json_array_length",
    "json_extract", "json_group_array", "json_group_object", "json_object", "json_type", "json_valid", "julianday",
    "lag", "last_value", "lead", "length", "like", "ln", "log", "log10", "log2", "lower", "ltrim", "max", "min", "mod",
    "nth_value", "ntile", "nullif", "percent_rank", "pi", "pow", "power", "printf", "quote", "radians", "random",
    "rank", "replace", "round", "row_number", "rtrim", "sign", "sqrt", "strftime", "string_agg", "substr",
    "substring", "sum", "time", "timediff", "total", "trim", "trunc", "typeof", "unicode", "unixepoch", "upper",
    "->", "->>",
})
"""The functions of SQLite that look at their arguments and at nothing else."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 300_000,  # instr() of two such texts is one instruction of about a second
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 400_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 300,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 300,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 500_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 64,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
# fmt: on
STEPS = 5_000
"""Virtual machine instructions between two looks at the clock: well under a millisecond."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column as the asker may see it.

    Attributes:
        kind: what its values look like in SQL, in words.
        changed: whether some rows show nothing or a mask in place of the value.
        refers_to: the column whose values it holds, as (table, column).
        personal: whether the asker reads values of it that are about people.
        any_class: whether its values may hold data of any class.
        owner: whether it holds the person whom a row is about.
    """

    name: str
    kind: str = ""
    label: Text | None = None
    changed: bool = False
    refers_to: tuple[str, str] | None = None
    personal: bool = False
    any_class: bool = False
    owner: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as one asker may see it: the rows and columns of `body` and nothing else.

    Attributes:
        body: a SELECT over the table, named with its schema, that gives `fields`, in order.
        ruled: whether rows are left out.
        is_view: whether the table is a view of the company's own, which reads other tables.
        is_levelled: whether its rows are of different security levels.
    """

    name: str
    fields: tuple[Field, ...]
    body: str
    ruled: bool
    label: Text | None = None
    is_view: bool = False
    is_levelled: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may use: rows and characters it may return, seconds it may run."""

    rows: int = 1_000
    characters: int = 2_000_000
    seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Walls:
    """What a statement may name.

    Attributes:
        trusted: names, unknown to the asker, under which the relations' own text stands.
        open: tables of which the asker sees every row, so that counting them tells nothing.
        named: relations and common table expressions.
        own: the names that the asker gives to something in the statement, folded; None where it uses no view.
        views: the database's views, where the statement uses one: what a view reads was granted with it.
    """

    trusted: frozenset[str]
    open: frozenset[str]
    named: frozenset[str]
    own: frozenset[str] | None = None
    views: frozenset[str] = frozenset()

    def __call__(self, action: int, first: Any, second: Any, database: Any, source: Any) -> int:
        """Answer SQLite's authorizer."""
        return sqlite3.SQLITE_OK if self._lets(action, first, second, database, source) else sqlite3.SQLITE_DENY

    def _lets(self, action: int, first: Any, second: Any, database: Any, source: Any) -> bool:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return True
        if action == sqlite3.SQLITE_FUNCTION:
            return source in self.trusted or source in self.views or str(second).lower() in FUNCTIONS
        if action != sqlite3.SQLITE_READ:
            return False
        if source in self.trusted or source in self.views:
            return True
        if second != "":  # a column of a real table, outside the relations' own text
            return False
        name = folded(str(first))
        return name in self.open if database is not None else name in self.named or first in self.trusted


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement returned; `truncated` says that there was more."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool


class Failed(Exception):
    """The database did not carry a statement out; `why` says which kind of reason, `said` is its own sentence."""

    def __init__(self, why: Why, said: str) -> None:
        """Keep the reason."""
        self.why, self.said = why, said
        super().__init__(said)


def relations_of(records: Records) -> dict[str, Relation]:
    """Return the tables that the records' actor may see anything of, by lower-case name."""
    rules, actor, dialect = records._rules, records._actor, records._connection.dialect  # noqa: SLF001 - as in `ask`
    found = (relation_of(rules, actor, record, dialect) for record in rules.rows)
    return {folded(relation.name): relation for relation in found if relation is not None}


def relation_of(rules: Rules, actor: Actor, record: type[Record], dialect: Dialect) -> Relation | None:
    """Return what a record's table looks like to an actor, or None where it sees no row or field of it at all."""
    return rules.kept("guarded", record, actor, lambda: (_relation(rules, actor, record, dialect),))[0]


def _relation(rules: Rules, actor: Actor, record: type[Record], dialect: Dialect) -> Relation | None:
    condition = rules.visible(record, actor)
    if isinstance(condition, False_):
        return None
    projection, owner = rules.projection(record, actor), owner_column(record)
    columns: list[ColumnElement[Any]] = []
    fields: list[Field] = []
    if NOTHING in projection.keys:
        return None
    telling = {*projection.related.values()}
    for key, shown in zip(projection.keys, projection.columns, strict=True):
        if key in telling:
            continue
        column = cast("Column[Any]", record.__table__.columns[key])
        mark = mark_of(column.info)
        if key in projection.own and mark.mask is None and dialect.name == "sqlite":
            # A subquery without a table keeps the column's affinity, which CASE would lose: salary = '5000'.
            own = select(column).where(seen_when(record, actor, mark)).correlate(record.__table__)
            columns.append(own.scalar_subquery().label(column.name))
        else:
            columns.append(shown if shown is column else shown.label(column.name))
        fields.append(
            Field(
                name=column.name,
                kind=_kind(column, dialect),
                label=mark.label,
                changed=key in projection.hidden,
                refers_to=_refers(column, rules, actor),
                personal=mark.is_about_people and (key not in projection.hidden or key in projection.own),
                any_class=mark.any_class,
                owner=column is owner and not record.__adopted__,
            )
        )
    ruled = not isinstance(condition, True_)
    statement = select(*columns).select_from(record.__table__)
    writer, schema = _writer(dialect)
    compiled = (statement.where(condition) if ruled else statement).compile(
        dialect=writer,
        schema_translate_map={None: schema},  # the asker's own names never reach into a rule
        render_schema_translate=True,
        compile_kwargs={"literal_binds": True},
    )
    name: str = record.__table__.name  # type: ignore[attr-defined]
    is_levelled = record.__level__ is not None
    return Relation(name, tuple(fields), str(compiled), ruled, label_of(record), record.__view__, is_levelled)


def _writer(dialect: Dialect) -> tuple[Dialect, str]:
    """Return a dialect that writes statements with their values in them, and the schema of tables that name none."""
    if dialect.name == "sqlite":
        return sqlite.dialect(), "main"
    writer: Any = type(dialect)(paramstyle="named")  # type: ignore[call-arg]  # with "pyformat", % would be doubled
    writer._backslash_escapes = False  # noqa: SLF001 - as a connection finds out; each of ours sets it so
    return writer, dialect.default_schema_name or "public"


def _refers(column: Column[Any], rules: Rules, actor: Actor) -> tuple[str, str] | None:
    found = referenced(column, rules.rows) if column.foreign_keys else None
    if found is None or isinstance(rules.visible(found[0], actor), False_):
        return None
    record, target = found
    shown = target.key in rules.projection(record, actor).keys
    return (record.__table__.name, target.name) if shown else None  # type: ignore[attr-defined]


def _kind(column: Column[Any], dialect: Dialect) -> str:
    typed = dialect.name != "sqlite"
    if isinstance(column.type, Exact):
        return f"integer, in units of 1/{10**column.type.places}"
    if isinstance(column.type, Instant | LocalTime):
        local = isinstance(column.type, LocalTime) and not column.type.utc
        return f"{'timestamp' if typed else 'text, YYYY-MM-DD HH:MM:SS'} in {'Korea' if local else 'UTC'}"
    if isinstance(column.type, JSON):
        return "json" if typed else "text, JSON"
    kinds = {int: "integer", str: "text", float: "real"}
    kinds |= {bool: "boolean", date: "date"} if typed else {bool: "integer, 0 or 1", date: "text, YYYY-MM-DD"}
    return kinds.get(column.type.python_type, column.type.python_type.__name__.lower())


def permitted(
    name: str,
    columns: Mapping[str, str | None],
    rows: str | None = None,
    *,
    schema: str = "main",
    spelt: Callable[[str], str] | None = None,
) -> Relation:
    """Return a relation of a table that is no record: visible columns, each with what stands in its place, if anything.

    `rows` is an SQL condition over the table, None for every row; it and the expressions are trusted text. `spelt`
    writes a name as SQL, as SQLite reads it where none is given.
    """
    spelt = spelt or quoted
    parts = [spelt(column) if shown is None else f"{shown} AS {spelt(column)}" for column, shown in columns.items()]
    body = f"SELECT {', '.join(parts)} FROM {spelt(schema)}.{spelt(name)}"  # noqa: S608 - the caller's own text
    fields = tuple(Field(column, changed=shown is not None) for column, shown in columns.items())
    return Relation(name, fields, body if rows is None else f"{body} WHERE ({rows})", rows is not None)


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns in their own order."""
    with closing(connection.execute(f"SELECT * FROM main.{quoted(table)} LIMIT 0")) as cursor:  # noqa: S608 - quoted
        return [column[0] for column in cursor.description]


def views_of(connection: sqlite3.Connection, own: frozenset[str]) -> frozenset[str]:
    """Return the names of the database's views, less those that folded are names of the asker's own making."""
    with closing(connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'view'")) as cursor:
        return frozenset(name for (name,) in cursor if folded(name) not in own)


def quoted(name: str) -> str:
    """Return a name as SQL; never in double quotes, of which SQLite makes a text where it does not know the name."""
    return "`" + name.replace("`", "``") + "`"


_FOLD = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def folded(name: str) -> str:
    """Return a name as SQLite compares names: only A to Z are the same in both cases."""
    return name.translate(_FOLD)


def ask(records: Records, statement: str, walls: Walls, limits: Limits) -> Answer:
    """Run a statement in the records' own transaction.

    Raises:
        Failed: the database would not, or not within the limits.
    """
    with driver_of(records._connection) as connection:  # noqa: SLF001 - the two files guard the same rows
        if not isinstance(connection, sqlite3.Connection):
            # Its driver takes a tenth of a second, and most servers have no use for it.
            from daeri.records.guarded_postgres import run_postgres  # noqa: PLC0415

            return run_postgres(connection, statement, limits)
        if walls.own is not None:
            walls = replace(walls, views=views_of(connection, walls.own))
        return run(connection, statement, walls, limits)


def database_of(records: Records) -> DialectName:
    """Return which database the records are in."""
    return "sqlite" if records._connection.dialect.name == "sqlite" else "postgres"  # noqa: SLF001 - as in `ask`


def note(records: Records, answer: Answer, seen: "Seen") -> None:
    """Write down, for the answer and the audit, what was seen, whose it was where that shows, and what was left out."""
    trail = records._trail  # noqa: SLF001 - the two files guard the same rows
    trail.rows += len(answer.rows)
    trail.masked |= seen.masked
    trail.personal |= seen.personal
    trail.levels |= seen.levels
    trail.statement = seen.statement
    if seen.personal:
        naming = [number for number, name in enumerate(answer.columns) if folded(name.strip("`")) in seen.owners]
        for row in answer.rows:
            trail.people.update(row[number] for number in naming if isinstance(row[number], int))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a statement looks at.

    Attributes:
        masked: the columns it uses of which the asker sees less than the value ("employee.salary").
        personal: those that are about people.
        owners: columns of an answer that name the people whom its rows are about.
        statement: what was asked, without any value.
        levels: the security levels of rows that it may have looked at.
    """

    masked: frozenset[str]
    personal: frozenset[str]
    owners: frozenset[str]
    statement: str
    levels: frozenset[str] = frozenset()


def compiled(connection: Driver, statement: str, walls: Walls) -> str:
    """Return a statement that the database understood; it is not run.

    Raises:
        Failed: it would not.
    """
    if isinstance(connection, sqlite3.Connection):
        run(connection, f"EXPLAIN {statement}", walls, Limits())
        return statement
    from daeri.records.guarded_postgres import compile_postgres  # noqa: PLC0415 - as in `ask`

    return compile_postgres(connection, statement)


def table_of(connection: Driver, name: str) -> tuple[str, list[str], Callable[[str], str]]:
    """Return a table's schema, the names of its columns in their own order, and how names are written as SQL."""
    if isinstance(connection, sqlite3.Connection):
        return "main", columns_of(connection, name), quoted
    from daeri.records.guarded_postgres import columns_of_postgres, named  # noqa: PLC0415 - as in `ask`

    return *columns_of_postgres(connection, name), named


@contextmanager
def driver_of(connection: Any) -> Iterator[Driver]:
    """Give the driver's own connection of an engine, a connection or itself.

    Raises:
        TypeError: it is none of SQLite, nor of PostgreSQL by psycopg.
    """
    if isinstance(connection, Engine):
        with connection.connect() as opened, driver_of(opened) as driver:
            yield driver
        return
    found: Any = connection.connection.driver_connection if isinstance(connection, Connection) else connection
    if not isinstance(found, sqlite3.Connection) and type(found).__module__.partition(".")[0] != "psycopg":
        msg = f"a connection or engine of SQLite or PostgreSQL is needed, not {type(connection).__name__}"
        raise TypeError(msg)
    yield found


def run(connection: sqlite3.Connection, statement: str, walls: Walls, limits: Limits) -> Answer:
    """Execute one statement behind the walls and within the limits; the connection is left as it was.

    Raises:
        Failed: SQLite would not, or not within the limits.
    """
    with _walled(connection, walls, limits.seconds), closing(connection.cursor()) as cursor:
        try:
            cursor.row_factory = None
            cursor.execute(statement)
            rows, truncated = _fetched(cursor, limits)
        except sqlite3.Error as error:
            raise Failed(_why(error), str(error)) from None
        except (OverflowError, UnicodeError, sqlite3.Warning) as error:
            raise Failed("wrong", str(error)) from None
        return Answer([column[0] for column in cursor.description or ()], rows, truncated)


def _fetched(cursor: sqlite3.Cursor, limits: Limits) -> tuple[list[tuple[Any, ...]], bool]:
    rows: list[tuple[Any, ...]] = []
    characters = 0
    for row in cursor:  # one at a time: a single row can be large
        characters += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if len(rows) >= limits.rows or characters > limits.characters:
            return rows, True
        rows.append(row)
    return rows, False


@contextmanager
def _walled(connection: sqlite3.Connection, walls: Callable[..., int], seconds: float) -> Iterator[None]:
    """Set the walls up and take them down again."""
    ends = time.monotonic() + seconds
    before = {limit: connection.setlimit(limit, value) for limit, value in _LIMITS.items()}
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    connection.set_authorizer(walls)
    try:
        yield
    finally:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)
        for limit, value in before.items():
            connection.setlimit(limit, value)


def _why(error: sqlite3.Error) -> Why:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_INTERRUPT:
        return "time"
    if code == sqlite3.SQLITE_AUTH or "prohibited" in str(error):
        return "forbidden"
    if code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL):
        return "size"
    return "wrong"
