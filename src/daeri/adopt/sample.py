"""What do values look like? A bounded number of rows of each table, read to learn kinds of values, never kept or shown.

No table is read from end to end: each statement here has a LIMIT, views are not asked at all, and the connection stops
a statement that takes too long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, column, func, literal_column, select, table, text
from sqlalchemy import Text as SqlText
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import ARRAY, JSON, String

from daeri.adopt.reflect import Column, Found, Progress, Table
from daeri.wording import Text

ROWS = 200
"""Rows of a table that are looked at: enough to tell what a column holds, too few to take long."""
CHARACTERS = 200
"""Characters of a text that are looked at."""
COUNTED = 1_000
"""Rows that are counted; beyond it a table is just large."""
AT_ONCE = 200
"""Columns of one statement."""


@dataclass(slots=True)
class Sampled:
    """What a few rows showed.

    Attributes:
        values: by column, what is not empty; texts are cut off, bytes are empty.
        rows: about how many rows there are, and whether that is only the least.
        failed: why there is nothing, if so.
    """

    values: dict[str, list[Any]] = field(default_factory=dict)
    rows: int | None = None
    more: bool = False
    failed: str | None = None


def sampled(connection: Connection, found: Found, progress: Progress) -> dict[str, Sampled]:
    """Look at a few rows of each table."""
    result: dict[str, Sampled] = {}
    known = _statistics(connection, found)
    for number, one in enumerate(found.tables, 1):
        result[one.name] = Sampled() if one.is_view else _sampled(connection, one, known.get(one.name))
        progress(Text("값의 모양 보기", "Looking at values"), number, len(found.tables))
    return result


def _sampled(connection: Connection, one: Table, known: int | None) -> Sampled:
    told = Sampled(rows=known)
    savepoint = connection.begin_nested() if connection.dialect.name == "postgresql" else None
    try:
        if known is None:
            counted = select(literal_column("1")).select_from(_named(one)).limit(COUNTED + 1).subquery()
            count = connection.execute(select(func.count()).select_from(counted)).scalar_one()
            told.rows, told.more = min(count, COUNTED), count > COUNTED
        for names, statement in _statements(connection, one):
            for row in connection.execute(statement):
                for name, value in zip(names, row, strict=True):
                    if value is not None:
                        told.values.setdefault(name, []).append(value)
    except (DBAPIError, UnicodeError) as error:
        told.failed = " ".join(str(getattr(error, "orig", error)).split())[:200]
        if savepoint is not None:
            savepoint.rollback()
    return told


def _statements(connection: Connection, one: Table) -> Iterator[tuple[Sequence[str], Any]]:
    sqlite = connection.dialect.name == "sqlite"
    looked = [each for each in one.columns if sqlite or _is_text(each)]
    for start in range(0, len(looked), AT_ONCE):
        part = looked[start : start + AT_ONCE]
        shown = [_shown_sqlite(each.name) if sqlite else _shown_postgres(each.name) for each in part]
        yield [each.name for each in part], select(*shown).select_from(_named(one)).limit(ROWS)


def _is_text(each: Column) -> bool:
    kind = each.type
    return isinstance(kind, String | JSON) or (isinstance(kind, ARRAY) and isinstance(kind.item_type, String))


def _shown_postgres(name: str) -> Any:
    return func.left(column(name).cast(SqlText), CHARACTERS)


def _shown_sqlite(name: str) -> Any:
    value: Any = column(name)
    kind = func.typeof(value)
    return func.iif(kind == "text", func.substr(value, 1, CHARACTERS), func.iif(kind == "blob", text("x''"), value))


def _named(one: Table) -> Any:
    return table(one.name, schema=one.schema)


def _statistics(connection: Connection, found: Found) -> dict[str, int]:
    """Return about how many rows tables have, as the database itself noted when it last looked."""
    if found.dialect == "sqlite":
        there = text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
        if connection.execute(there).first() is None:
            return {}
        noted = connection.execute(text("SELECT tbl, stat FROM sqlite_stat1 LIMIT 100000"))
        counts = ((row.tbl, str(row.stat).partition(" ")[0]) for row in noted)
        return {name: int(count) for name, count in counts if count.isdecimal()}
    schema = found.tables[0].schema if found.tables else None
    noted = connection.execute(
        text(
            "SELECT c.relname, c.reltuples FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND c.reltuples >= 0 AND n.nspname = coalesce(:schema, current_schema())"
        ),
        {"schema": schema},
    )
    return {row.relname: int(row.reltuples) for row in noted}
