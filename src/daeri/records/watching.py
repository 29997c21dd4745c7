"""Which visits change what others keep a copy of? Whoever watches tables is told, before the one who changed them is.

What a visit changes is read off its statements where all of them pass, at the driver's cursor, so no writer can forget
to say so. What the database does of its own accord (a company's trigger or function) cannot be seen there.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final, TypeVar

from sqlalchemy import Connection, Table

T = TypeVar("T")

_GAP: Final = r"(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*+"
"""What may stand between two words: white space, comments, or nothing beside a quoted name."""
_NAME: Final = rf'(?:"(?:[^"]|"")*+"|[\w$]++){_GAP}'
_IF_EXISTS: Final = rf"(?:IF\b{_GAP}EXISTS\b{_GAP})?"
_ONLY: Final = rf"(?:ONLY\b{_GAP}\(?{_GAP})?"
_LISTED: Final = rf"(?:{_ONLY}{_NAME}(?:\.{_GAP}{_NAME})*\*?{_GAP}\)?{_GAP},{_GAP})*"
"""Other tables that are named before one in a list."""

SAID: Final = "said"
"""Where a connection that may change something notes what it is asked in a visit; on SQLite nobody needs to know."""

STATEMENTS: Final = 4_000
"""Texts of which it is known whether they change something: to look at one takes 20 µs, and most come again."""


class Watch:
    """Tells of each visit that changed or removed rows of certain tables; a new row is in nobody's copy yet."""

    def __init__(self, tables: Collection[Table], tell: Callable[[], Awaitable[None]]) -> None:
        """Take the tables, and what is awaited when such a visit has ended, even if it failed: perhaps too late."""
        names = "|".join(re.escape(table.name.replace('"', '""')) for table in tables)
        named = rf'(?:{_NAME}\.{_GAP})*(?:"(?:{names})"|(?:{names})(?![\w$])){_GAP}(?!\.)'
        changes = [
            _words("UPDATE") + _ONLY + named,
            _words("DELETE FROM") + _ONLY + named,
            _words("MERGE INTO") + _ONLY + named,
            _words("ALTER TABLE") + _IF_EXISTS + _ONLY + named,
            _words("DROP TABLE") + _IF_EXISTS + _LISTED + named,
            _words("TRUNCATE") + rf"(?:TABLE\b{_GAP})?" + _LISTED + _ONLY + named,
            _words("INSERT INTO") + named + ".*" + _words("DO UPDATE"),
        ]
        change = re.compile("|".join(changes), re.IGNORECASE | re.DOTALL)
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
    noted: set[str] = connection.info.get(SAID, set())  # a connection that breaks cannot be asked for it any more
    try:
        yield
    finally:
        said |= noted


def _words(words: str) -> str:
    """Return a pattern of words that follow one another."""
    return "".join(rf"\b{word}\b{_GAP}" for word in words.split())
