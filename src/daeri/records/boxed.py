"""How is a question kept from running for ever? One statement, a few seconds at most, and None where it is not done."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select
from sqlalchemy.exc import OperationalError

STEPS = 5_000
"""SQLite's own steps between two looks at the clock: far below a millisecond."""


def within(
    connection: Connection, seconds: float, statement: Select[Any], values: Mapping[str, Any] | None = None
) -> Sequence[Row[Any]] | None:
    """Return a statement's rows, or None where they are not there in time; the transaction goes on either way."""
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
