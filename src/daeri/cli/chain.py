"""How is the audit log read where it lies? Read-only, in the file itself, whether or not a server runs."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, select

from daeri.cli.local import company_of
from daeri.errors import NotReady
from daeri.records import audit
from daeri.records.store import Store

T = TypeVar("T")


def read(database: Path, work: Callable[[Connection], T]) -> T:
    """Run `work` on a database that is not written to, not even to tidy it up.

    Raises:
        NotReady: it is no database of Daeri, or cannot be read.
    """
    try:
        return asyncio.run(_read(_address(database, "mode=ro"), work))
    except NotReady:
        if database.with_name(f"{database.name}-wal").exists():
            raise
        # A folder that may not be written has no place for SQLite's own notes; without a log it can do without.
        return asyncio.run(_read(_address(database, "immutable=1"), work))


def _address(database: Path, how: str) -> str:
    return f"sqlite:///file:{quote(str(database.resolve()))}?{how}&uri=true"


async def _read(address: str, work: Callable[[Connection], T]) -> T:
    store = Store(address)
    try:
        return await store.read(work)
    finally:
        await store.close()


def last_of(connection: Connection) -> dict[str, Any] | None:
    """Return the newest row."""
    rows = audit.recent(connection, 1)
    return rows[0] if rows else None


def verified(database: Path, progress: Callable[[int, int], None]) -> tuple[int, dict[str, Any] | None]:
    """Check the whole chain; return its length and its last row.

    Raises:
        BrokenChain: names the first row that does not fit.
    """
    return read(database, lambda connection: (audit.verify(connection, progress), last_of(connection)))


def row_of(database: Path, seq: int) -> dict[str, Any] | None:
    """Return one row as the file has it, text by text, or None: a forged cell must not stop its own report."""

    def look(connection: Connection) -> dict[str, Any] | None:
        row = connection.execute(select(audit.audit).where(audit.audit.c.seq == seq)).one_or_none()
        return dict(row._mapping) if row else None  # noqa: SLF001 - public, despite its name

    return read(database, look)


def tail(database: Path, limit: int) -> list[dict[str, Any]]:
    """Return the newest rows, oldest first, each with the name of who acted."""
    people = company_of(None).people

    def look(connection: Connection) -> list[dict[str, Any]]:
        rows = audit.recent(connection, limit)[::-1]
        known = people.many(connection, {row["person_id"] for row in rows})
        return [row | {"who": known[row["person_id"]].called if row["person_id"] in known else "-"} for row in rows]

    return read(database, look)
