"""One chain as a server writes it, for the tests that try to change it: rows, signed notes, a key handed on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from daeri.clock import FixedClock
from daeri.records import audit
from daeri.records.anchors import Anchors
from daeri.records.store import Store, system
from daeri.verify_audit import read_database
from worlds import NOW

NOTED_EACH = 9
"""Rows between two notes."""


def entry(number: int) -> audit.Entry:
    """Return an entry with something in every column."""
    outcomes = ("done", "filed", "refused", "applied")
    return audit.Entry(
        at=NOW + timedelta(seconds=number),
        person_id=number % 7,
        agent="assistant" if number % 3 else None,
        door="rest",
        action=f"work.{'find' if number % 2 else 'request'}",
        outcome=outcomes[number % 4],
        records=[["w_employee", number], ["w_leave", 1]],
        arguments_digest=f"{number:064x}",
        approval_id=f"apr_{number:03}",
        run_id=f"run_{number:03}" if number % 5 else None,
        step=number % 4 or None,
        request_id=f"req_{number}",
        credential=f"key_{number}",
        detail={"rows": number, "masked": ["w_employee.salary"], "말": "김하은"},
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A chain with what is kept of it elsewhere.

    Attributes:
        rows: every row as it is stored, in order.
        notes: the text of the file of notes.
        key: the first public key; it handed on to another one half-way.
        last_key: that other one.
    """

    folder: Path
    rows: tuple[dict[str, Any], ...]
    notes: str
    key: str
    last_key: str

    @property
    def database(self) -> Path:
        return self.folder / "daeri.db"

    @property
    def notes_file(self) -> Path:
        return self.folder / "audit.anchors"


async def anchored(folder: Path, work: Callable[[Anchors, Store], Any]) -> Any:
    """Do something with the notes of a folder's chain, as a server would."""
    store = Store(f"sqlite:///{folder / 'daeri.db'}")
    try:
        await store.create(system)
        anchors = Anchors(store, FixedClock(NOW), folder / "audit.key", [folder / "audit.anchors"])
        return await work(anchors, store)
    finally:
        await store.close()


def build_chain(folder: Path, length: int = 120) -> Kept:
    """Write a chain with notes on the way; its end is noted too."""

    async def write(anchors: Anchors, store: Store) -> tuple[str, str]:
        await anchors.open()
        key = await store.read(anchors.signer)
        for start in range(0, length, NOTED_EACH):
            entries = [entry(number) for number in range(start + 1, min(start + NOTED_EACH, length) + 1)]

            def add(connection: Connection, entries: list[audit.Entry] = entries) -> None:
                audit.append_all(connection, entries)

            await store.write(add)
            await anchors.note()
            if start == NOTED_EACH * (length // NOTED_EACH // 2):
                following = await anchors.rotate()
        return key.public, following.public

    key, following = asyncio.run(anchored(folder, write))
    rows = tuple(dict(row) for row in read_database(folder / "daeri.db"))
    return Kept(folder, rows, (folder / "audit.anchors").read_text(), key, following)
