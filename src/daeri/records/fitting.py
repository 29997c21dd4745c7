"""Do adopted records still fit the tables they stand for? Looked at when a server starts, without reading a row."""

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from daeri.errors import NotReady
from daeri.records.record import Record, label_of
from daeri.wording import Text


def check_fit(connection: Connection, records: Iterable[type[Record]]) -> None:
    """Ask the database for nothing but the columns of each adopted record.

    Raises:
        NotReady: a table or column is not there any more.
    """
    for record in records:
        if not record.__adopted__:
            continue
        try:
            connection.execute(select(*record.__table__.columns).limit(0)).close()
        except DBAPIError as error:
            said = " ".join(str(error.orig).split())[:200]
            label = label_of(record)
            raise NotReady(
                Text(
                    f"{label.ko} 기록이 데이터베이스와 맞지 않아요 ({said}). daeri adopt --diff 로 달라진 것을 보세요",
                    f"The record {label.en} does not fit the database ({said}): see daeri adopt --diff",
                )
            ) from error
