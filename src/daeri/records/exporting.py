"""How does the audit leave the database, so that anybody can check it? JSON lines: a head, the rows, a signed end.

`verify_audit.py` verifies such a file by itself. Every line is written in one way only (sorted names, ASCII), so that
not even a space in it can be changed unseen.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from daeri.clock import rfc3339
from daeri.records import audit
from daeri.records.anchors import handed_on
from daeri.records.signing import AuditKey
from daeri.verify_audit import GENESIS, packed

_rows = audit.audit.c


@dataclass(frozen=True, slots=True)
class Range:
    """Which rows: from one to another, both included; none where `last` is below `first`."""

    first: int
    last: int


def range_of(connection: Connection, since: datetime | None = None, until: datetime | None = None) -> Range:
    """Return the rows from the first that was written at `since` or later to the last at `until` or earlier.

    Rows stand in the order in which they were written; clocks may go back, so a few of other times may be between.
    """
    first, last = connection.execute(select(func.min(_rows.seq), func.max(_rows.seq))).one()
    if since is not None:
        first = connection.execute(select(func.min(_rows.seq)).where(_rows.at >= _text(since))).scalar_one()
    if until is not None:
        last = connection.execute(select(func.max(_rows.seq)).where(_rows.at <= _text(until))).scalar_one()
    return Range(first or 1, last if first and last else 0)


def lines(connection: Connection, rows: Range, key: AuditKey | None, now: datetime) -> Iterator[bytes]:
    """Yield the lines of an export of a range of rows; without a key its end is not signed.

    Args:
        connection: to the database that holds the chain.
        rows: which rows.
        key: signs the end.
        now: the time the end tells.
    """
    digest = hashlib.sha256()
    known = [told["public"] for told in handed_on(connection, rows.first)]
    before, head = None, True
    for row in audit.raw_rows(connection, rows.first, rows.last):
        if head:
            told = {"daeri_audit": 1, "first": row["seq"], "previous_hash": row["previous_hash"], "keys": known}
            yield _counted(digest, told)
            head = False
        yield _counted(digest, {name: _plain(cell) for name, cell in row.items()})
        before = row
    if before is None:
        yield _counted(digest, {"daeri_audit": 1, "first": rows.first, "previous_hash": GENESIS, "keys": known})
    last = {"seq": rows.first - 1, "hash": GENESIS} if before is None else before
    end = {"seq": last["seq"], "hash": last["hash"], "digest": digest.hexdigest(), "at": rfc3339(now)}
    unsigned = {**end, "public": None, "key": None, "signature": None}
    signed = unsigned if key is None else key.signed("export", {**end, "public": key.public})
    yield packed({"end": signed}) + b"\n"


def _counted(digest: Any, told: dict[str, Any]) -> bytes:
    line = packed(told) + b"\n"
    digest.update(line)
    return line


def _plain(cell: Any) -> Any:
    """Return a cell as JSON has it; bytes, which no row that was written holds, as something that is no text."""
    return {"bytes": cell.hex()} if isinstance(cell, bytes) else cell


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
