"""How is the audit log read where it lies? Read-only, in the file itself, whether or not a server runs.

This file imports the server when it is imported, so commands import it inside the function that needs it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from daeri.errors import NotReady
from daeri.records import audit
from daeri.records.anchors import read_anchors
from daeri.records.people import People
from daeri.records.store import Store
from daeri.settings import ANCHORS_FILE

T = TypeVar("T")


def verified(database: Path, progress: Callable[[int, int], None]) -> tuple[int, str]:
    """Check the whole chain; return its length and the hash of its last row.

    Raises:
        BrokenChain: names the first row that does not fit.
        NotReady: it is no database of Daeri, or cannot be read.
    """
    anchors = read_anchors(database.with_name(ANCHORS_FILE))
    total = _read(database, partial(audit.verify, progress=progress, anchors=anchors))
    last = _read(database, partial(audit.recent, limit=1))
    return total, str(last[0]["hash"]) if last else audit.GENESIS


def row_of(database: Path, seq: int) -> dict[str, Any] | None:
    """Return one row; None where it is gone, or a forged cell of it cannot be read."""
    try:
        rows = _read(database, partial(audit.recent, limit=1, before=seq + 1))
    except ValueError:
        return None
    return rows[0] if rows and rows[0]["seq"] == seq else None


def tail(database: Path, people: People, limit: int) -> list[dict[str, Any]]:
    """Return the newest rows, oldest first, each with the name of who acted."""
    rows = _read(database, partial(audit.recent, limit=limit))[::-1]
    known = _read(database, partial(people.many, ids={row["person_id"] for row in rows}))
    return [row | {"who": known[row["person_id"]].called if row["person_id"] in known else "-"} for row in rows]


def _read(database: Path, work: Callable[[Any], T]) -> T:
    """Run `work` on a database that is not written to, not even to tidy it up."""
    try:
        return asyncio.run(_visit(_address(database, "mode=ro"), work))
    except NotReady:
        if database.with_name(f"{database.name}-wal").exists():
            raise
        # A folder that may not be written has no place for SQLite's own notes; without a log it can do without.
        return asyncio.run(_visit(_address(database, "immutable=1"), work))


async def _visit(address: str, work: Callable[[Any], T]) -> T:
    # Not closed: closing a store folds its log into the file, and what is proved must stay as it was found.
    return await Store(address).read(work)


def _address(database: Path, how: str) -> str:
    return f"sqlite:///file:{quote(str(database.resolve()))}?{how}&uri=true"
