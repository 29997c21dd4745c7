"""Which visits change what others keep a copy of? Whoever watches tables is told, before the one who changed them is.

What a visit changes is read off its statements where all of them pass, at the driver's cursor, so no writer can forget
to say so. What the database does of its own accord (a company's trigger) cannot be seen there.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final, TypeVar

from sqlalchemy import Connection, Table

T = TypeVar("T")

SAID: Final = "said"
"""Where a connection that may change something notes what it is asked in a visit; on SQLite nobody needs to know."""

STATEMENTS: Final = 4_000
"""Texts of which it is known whether they change something: to look at one takes 20 µs, and most come again."""


class Watch:
    """Tells of each visit that changed or removed rows of certain tables; a new row is in nobody's copy yet."""

    def __init__(self, tables: Collection[Table], tell: Callable[[], Awaitable[None]]) -> None:
        """Take the tables, and what is awaited when such a visit has ended, even if it failed: perhaps too late."""
        named = rf'(?:"?\w+"?\.)?"?(?:{"|".join(re.escape(table.name) for table in tables)})(?!\w)'
        change = re.compile(
            r"\b(?:UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?|(?:ALTER|DROP)\s+TABLE(?:\s+IF\s+EXISTS)?)\s+"
            rf"(?:ONLY\s+)?{named}|\bINSERT\s+INTO\s+{named}.*\bDO\s+UPDATE\b",
            re.IGNORECASE | re.DOTALL,
        )
        self._is_change = lru_cache(STATEMENTS)(lambda statement: change.search(statement) is not None)
        self._tell = tell

    async def over(self, visit: Awaitable[T], said: Collection[str]) -> T:
        """Wait for a visit and tell of it if what it `said` to the database was a change; return what it returns."""
        try:
            return await visit
        finally:
            if self.sees(said):
                await self._tell()

    def sees(self, said: Collection[str]) -> bool:
        """Say whether any of these statements is a change."""
        return any(map(self._is_change, said))


@contextmanager
def heard(connection: Connection, said: set[str]) -> Iterator[None]:
    """Add to `said` what a connection is asked in its visit, the block."""
    try:
        yield
    finally:
        said |= connection.info.get(SAID, set())
