"""How is the audit log read where it lies? Read-only, in the file itself, whether or not a server runs.

This file imports the server when it is imported, so commands import it inside the function that needs it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from daeri.cli.company import company_of, settings_of, trouble_of, unreachable
from daeri.cli.place import Place
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words
from daeri.clock import Clock
from daeri.errors import DaeriError, NotReady
from daeri.records import audit
from daeri.records.anchors import prove
from daeri.records.exporting import Range, lines, range_of
from daeri.records.inquiry import Inquiry, find
from daeri.records.people import People
from daeri.records.signing import AuditKey
from daeri.records.store import Store

T = TypeVar("T")


@contextmanager
def troubles() -> Iterator[None]:
    """Turn what the server's parts refuse into what a command says."""
    try:
        yield
    except DaeriError as error:
        raise trouble_of(error) from error


def verified(
    place: Place, progress: Callable[[int, int], None], key: str | None = None, copies: Sequence[Path] = ()
) -> audit.Proof:
    """Check the whole chain, against the files of notes too.

    Args:
        place: where the data is.
        progress: told how many rows of how many are checked.
        key: the public key to trust; without one, that of the key beside the data.
        copies: further files of notes, kept elsewhere.

    Raises:
        BrokenChain: names the first row that does not fit.
        NotReady: it is no database of Daeri, or cannot be read.
    """
    settings = settings_of(place)
    files = [*settings.audit_notes, *copies]
    own = AuditKey.read(settings.audit_key_file) if key is None else None
    trusted = key if own is None else own.public
    return _visit(place, lambda store: prove(store, files, trusted, progress))


def row_of(place: Place, seq: int) -> dict[str, Any] | None:
    """Return one row; None where it is gone, or a forged cell of it cannot be read."""
    try:
        rows = _read(place, partial(audit.recent, limit=1, before=seq + 1))
    except ValueError:
        return None
    return rows[0] if rows and rows[0]["seq"] == seq else None


class Tail:
    """The newest rows that fit a question, and those that come after them."""

    def __init__(self, place: Place, asked: Inquiry, person: str | None = None, actor: str | None = None) -> None:
        """Take where the data is, what is asked for, whose data, and who acted."""
        self._place = place
        self._people: People = company_of(None).people
        self._asked = replace(
            asked,
            person_type=self._people.person.__tablename__,
            person=self.someone(person) if person else None,
            actor=self.someone(actor) if actor else None,
        )
        self._seen = 0

    def someone(self, named: str) -> int:
        """Return the person whom an id, a login or a name means.

        Raises:
            Trouble: nobody, or several.
        """
        if named.isdecimal():
            return int(named)
        found = _read(self._place, partial(self._people.named, name=named))
        if len(found) == 1:
            return found[0].id
        raise Trouble(
            "ambiguous" if found else "not-found",
            Words(f"'{named}'에 맞는 사람이 {len(found)}명이에요", f"{len(found)} people are called '{named}'"),
            fix=Words("직원 번호로 적어 주세요", "Name the person by id"),
            code=Code.USAGE,
        )

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest rows, oldest first, each with the name of who acted."""
        rows: list[dict[str, Any]] = []
        before: int | None = None
        while len(rows) < limit:
            found = _read(self._place, partial(find, asked=self._asked, limit=limit - len(rows), before=before))
            rows += map(dict, found.rows)
            if found.before is None:
                break
            before = found.before
        return self._told(rows[::-1])

    def following(self) -> list[dict[str, Any]]:
        """Return the rows that were written since the last look."""
        since = self._seen

        def look(connection: Any) -> list[dict[str, Any]]:
            rows, before = [], None
            while True:
                found = find(connection, self._asked, limit=200, before=before)
                new = [dict(row) for row in found.rows if row["seq"] > since]
                rows += new
                before = found.before
                if before is None or before <= since or len(new) < len(found.rows):
                    return rows[::-1]

        return self._told(_read(self._place, look))

    def _told(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._seen = max([self._seen, *(row["seq"] for row in rows)])
        known = _read(self._place, partial(self._people.many, ids={row["person_id"] for row in rows}))
        return [row | {"who": known[row["person_id"]].called if row["person_id"] in known else "-"} for row in rows]


def export(place: Place, out: Path, rows: Range | Inquiry) -> dict[str, Any]:
    """Write rows to a file that verifies by itself; return what it holds."""
    key = AuditKey.read(settings_of(place).audit_key_file)

    def write(connection: Any) -> dict[str, Any]:
        chosen = range_of(connection, rows.since, rows.until) if isinstance(rows, Inquiry) else rows
        count = -2
        with out.open("wb") as file:
            for line in lines(connection, chosen, key, Clock().now()):
                file.write(line)
                count += 1
        told = {"first": chosen.first, "last": chosen.last, "rows": count}
        return {**told, "key": key and key.id, "public_key": key and key.public, "file": str(out)}

    return _read(place, write)


def ungranted(place: Place) -> str:
    """Return the SQL that gives questions in SQL a role of their own on PostgreSQL; "" where there is nothing to do."""
    if not settings_of(place).is_on_server:
        return ""
    # The driver takes a tenth of a second, and a folder has no use for it.
    from daeri.records.guarded_postgres import lacking  # noqa: PLC0415

    tables = [(record.__table__.schema, record.__table__.name) for record in company_of(None).rules.rows]  # type: ignore[attr-defined]
    return _read(place, partial(lacking, tables=tables))


def _read(place: Place, work: Callable[[Any], T]) -> T:
    return _visit(place, lambda store: store.read(work))


def _visit(place: Place, work: Callable[[Store], Awaitable[T]]) -> T:
    """Work on a database that is not written to, not even to tidy it up."""
    file, settings = place.database(), settings_of(place)

    async def visit(address: str) -> T:
        store = Store(address)
        try:
            return await work(store)
        finally:
            # A file is not closed: that folds its log into it, and what is proved must stay as it was found.
            if file is None:
                await store.close()

    try:
        if file is None:
            return asyncio.run(visit(settings.store_url))
        return asyncio.run(visit(_address(file, "mode=ro")))
    except NotReady as error:
        if file is None:
            raise unreachable(settings, error) from None
        if file.with_name(f"{file.name}-wal").exists():
            raise
    # A folder that may not be written has no place for SQLite's own notes; without a log it can do without.
    return asyncio.run(visit(_address(file, "immutable=1")))


def _address(database: Path, how: str) -> str:
    return f"sqlite:///file:{quote(str(database.resolve()))}?{how}&uri=true"
