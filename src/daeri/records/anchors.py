"""What proves the end of the audit chain? Notes of its head, kept in a file outside the database.

A chain alone cannot show that its tail was cut off, or that it was rewritten from some row to its end. A note says
"row n had this hash"; copy the file to where the database's keeper cannot write, and it proves more.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from daeri.clock import Clock, rfc3339
from daeri.records import audit
from daeri.records.store import Store

ANCHOR_SECONDS = 60
"""How often the head is noted: what is younger than this could be cut off unseen."""


class Anchors:
    """The notes of one chain."""

    def __init__(self, store: Store, path: Path, clock: Clock) -> None:
        """Take the database with the chain, the file of notes, and the clock."""
        self._store = store
        self._path = path
        self._clock = clock
        self._noted = 0

    async def keep(self) -> None:
        """Note the head again and again, until cancelled."""
        while True:
            await asyncio.sleep(ANCHOR_SECONDS)
            await self.note()

    async def note(self) -> None:
        """Note the head, unless it is where it was."""
        head = await self._store.read(_head)
        if head is None or head[0] == self._noted:
            return
        line = json.dumps({"at": rfc3339(self._clock.now()), "seq": head[0], "hash": head[1]})
        await asyncio.to_thread(_append, self._path, line)
        self._noted = head[0]


def read_anchors(path: Path) -> dict[int, str]:
    """Return the noted hashes by row number; none where there is no file. A line cut by a crash is passed over."""
    found: dict[int, str] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                note: Mapping[str, object] = json.loads(line)
                found[int(str(note["seq"]))] = str(note["hash"])
            except (ValueError, KeyError, TypeError):
                continue
    return found


def _head(connection: Connection) -> tuple[int, str] | None:
    rows = audit.recent(connection, 1)
    return (rows[0]["seq"], rows[0]["hash"]) if rows else None


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")
