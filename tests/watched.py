"""Does a watch see every change? PostgreSQL counts what a transaction changed, however it did so, and is asked."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table, event, text

from daeri.records.store import Store
from daeri.records.watching import SAID, Watch
from databases import POSTGRES

_CHANGED = text(
    "SELECT sum(pg_stat_get_xact_tuples_updated(named::regclass) + pg_stat_get_xact_tuples_deleted(named::regclass)) "
    "FROM unnest(CAST(:names AS text[])) AS named WHERE to_regclass(named) IS NOT NULL"
)


async def _nobody() -> None:
    """Tell nobody."""


@contextmanager
def nothing_missed(store: Store, tables: Collection[Table]) -> Iterator[list[Collection[str]]]:
    """Fail where a visit in the block changed rows of these tables and a watch of them would not have seen it.

    Yields:
        What was said in each visit that changed some, as far as it came.
    """
    watch, changes, missed = Watch(tables, _nobody), list[Collection[str]](), list[Collection[str]]()
    names = [table.name for table in tables]

    def counted(connection: Connection) -> int:
        return int(connection.execute(_CHANGED, {"names": names}).scalar_one() or 0)

    def begin(connection: Connection) -> None:
        connection.info["counted"] = counted(connection)  # not from zero: earlier visits may be in it still

    def commit(connection: Connection) -> None:
        said = set(connection.info[SAID])
        if counted(connection) != connection.info.get("counted", 0):
            changes.append(said)
            if not watch.sees(said):
                missed.append(said)

    engines = [store._backend.writing.engine, store._backend.noting.engine] if POSTGRES else []
    for engine in engines:
        event.listen(engine, "begin", begin)
        event.listen(engine, "commit", commit)
    yield changes
    for engine in engines:
        event.remove(engine, "begin", begin)
        event.remove(engine, "commit", commit)
    assert not missed, f"nobody was told of what changed here: {missed}"
