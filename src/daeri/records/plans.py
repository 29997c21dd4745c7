"""How would the database carry a list out? Looked at only where a table is large; the answer is never a row.

SQLite knows nothing of how many rows a rule lets through. It gathers all of them through the rule's indexes and sorts
them, also where the first few in order of the list would have been found at once. Which of the two is meant can be told
here; `operations/questions.py` writes the statement for each.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Executable,
    FromClause,
    PrimaryKeyConstraint,
    Select,
    Table,
    UniqueConstraint,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement

LARGE = 10_000
"""Rows from which on gathering all of them can take longer than a few milliseconds."""
SORTS_ALL = "USE TEMP B-TREE FOR ORDER BY"


class _Plan(Executable, ClauseElement):
    """A statement that is explained rather than carried out."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        """Take the statement."""
        self.statement = statement


@compiles(_Plan, "sqlite")
def _in_sqlite(element: _Plan, compiler: Any, **how: Any) -> str:
    return f"EXPLAIN QUERY PLAN {compiler.process(element.statement, **how)}"


def is_large(connection: Connection, table: FromClause) -> bool:
    """Say whether a table has more than LARGE rows, without counting them."""
    return connection.execute(select(1).select_from(table).offset(LARGE).limit(1)).first() is not None


def sorts_all(connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> bool:
    """Say whether a list with a limit would be answered by sorting every row that fits.

    PostgreSQL is never asked: it keeps statistics and chooses by them.
    """
    if connection.dialect.name != "sqlite":
        return False
    return any(row[3] == SORTS_ALL for row in connection.execute(_Plan(statement), dict(values)))


def is_indexed(column: Column[Any]) -> bool:
    """Say whether some index begins with a column, so that the first rows in its order are found at once."""
    table = column.table
    if not isinstance(table, Table):
        return False
    ordered = [*table.indexes, *(each for each in table.constraints if isinstance(each, _ORDERED))]
    return any(next(iter(each.columns), None) is column for each in ordered)


_ORDERED = (PrimaryKeyConstraint, UniqueConstraint)
