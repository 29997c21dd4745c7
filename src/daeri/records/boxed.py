"""How is a question kept from running for ever? One statement, a few seconds at most, and None where it is not done."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.exc import DBAPIError, OperationalError

STEPS = 5_000
"""SQLite's own steps between two looks at the clock: far below a millisecond."""
CANCELLED = "57014"
"""PostgreSQL's code for a statement that took too long."""

Values = Mapping[str, Any] | None


def within(
    connection: Connection, seconds: float, statement: Select[Any], values: Values = None
) -> Sequence[Row[Any]] | None:
    """Return a statement's rows, or None where they are not there in time; the transaction goes on either way."""
    if connection.dialect.name == "postgresql":
        return _within_postgres(connection, seconds, statement, values)
    ends = time.monotonic() + seconds
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: int(time.monotonic() > ends), STEPS)
    try:
        return connection.execute(statement, values or {}).all()
    except OperationalError:
        if time.monotonic() > ends:
            return None
        raise
    finally:
        driver.set_progress_handler(None, 0)


def _within_postgres(
    connection: Connection, seconds: float, statement: Select[Any], values: Values
) -> Sequence[Row[Any]] | None:
    """Ask behind a savepoint: going back to it undoes the limit, and mends the transaction after a failure."""
    savepoint = connection.begin_nested()
    try:
        limit = func.set_config("statement_timeout", f"{max(1, int(seconds * 1000))}", True)  # noqa: FBT003 - in SQL
        connection.execute(select(limit))
        return connection.execute(statement, values or {}).all()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == CANCELLED:
            return None
        raise
    finally:
        savepoint.rollback()
