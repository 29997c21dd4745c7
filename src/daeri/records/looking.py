"""How is a database looked at that is not Daeri's? One read-only connection, which cannot write and does not wait long.

Beside the store this is the only place that opens a connection. What goes wrong is told in words, never with the
password that may stand in the address.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from daeri.wording import Text

Trouble = Literal["url", "missing", "driver", "refused", "password", "database", "unreadable"]

CONNECT_SECONDS = 5
"""How long a server may take to answer at all."""
STEPS = 10_000
"""SQLite's own steps between two looks at the clock."""


class Unreadable(Exception):
    """A database could not be looked at.

    Attributes:
        trouble: which kind of reason.
        said: the reason for people.
        place: the address, its password left out.
    """

    def __init__(self, trouble: Trouble, said: Text, place: str) -> None:
        """Keep the reason."""
        self.trouble, self.said, self.place = trouble, said, place
        super().__init__(said.en)


def shown(url: URL) -> str:
    """Return an address as it may be shown: where the database is, without who asks and with which password."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    place = URL.create(url.get_backend_name(), host=url.host, port=url.port, database=url.database)
    return place.render_as_string(hide_password=True)


def address(text: str) -> URL:
    """Read an address; a bare path is a SQLite file, and PostgreSQL is spoken to by its current driver.

    Raises:
        Unreadable: it is none, or of another database.
    """
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
        name = url.get_backend_name()
    except (ArgumentError, ValueError):
        said = Text(
            "데이터베이스 주소가 아니에요. sqlite:///erp.db 나 postgresql://사용자@서버/이름 처럼 적어 주세요",
            "Not the address of a database: write sqlite:///erp.db or postgresql://user@host/name",
        )
        raise Unreadable("url", said, text.partition("://")[0] + "://…") from None
    if name in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if name == "sqlite":
        return url.set(drivername="sqlite")
    raise Unreadable(
        "driver",
        Text(f"{name} 데이터베이스는 아직 읽지 못해요. SQLite와 PostgreSQL만 돼요", f"{name} is not supported yet"),
        text.partition("://")[0] + "://…",
    )


@contextmanager
def looking_at(url: URL, seconds: float) -> Iterator[Connection]:
    """Open a database read-only for a while; a single statement may take `seconds` at most.

    Raises:
        Unreadable: there is none, it cannot be reached, or the password is wrong.
    """
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        _check_file(url)
    engine = _sqlite(url, seconds) if sqlite else _postgres(url, seconds)
    try:
        with _told(url), engine.connect() as connection:
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


@contextmanager
def _told(url: URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _unreadable(error, url) from None


def _check_file(url: URL) -> None:
    file = Path(url.database or "")
    if not url.database or url.database == ":memory:" or not file.is_file():
        raise Unreadable(
            "missing",
            Text(f"{url.database or '(이름 없음)'} 파일이 없어요", f"There is no file {url.database or '(no name)'}"),
            shown(url),
        )


def _sqlite(url: URL, seconds: float) -> Any:
    place = f"file:{quote(str(Path(url.database or '').resolve()))}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True, timeout=CONNECT_SECONDS))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA query_only=ON")
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")

    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, *_: Any) -> None:
        ends = time.monotonic() + seconds
        connection.connection.driver_connection.set_progress_handler(lambda: int(time.monotonic() > ends), STEPS)

    return engine


def _postgres(url: URL, seconds: float) -> Any:
    options = f"-c statement_timeout={round(seconds * 1000)} -c default_transaction_read_only=on"
    given = url.query.get("options", "")
    before = given if isinstance(given, str) else " ".join(given)
    return create_engine(
        url.difference_update_query(["options"]),
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": f"{before} {options}".strip()},
    )


def _unreadable(error: DBAPIError, url: URL) -> Unreadable:
    """Say what went wrong; the driver's own sentence is kept where it says more, without anything secret in it."""
    said = " ".join(str(error.orig).split())
    for secret in (str(url.password or ""), *(str(value) for name, value in url.query.items() if "pass" in name)):
        said = said.replace(secret, "***") if secret else said
    said = said[:300]
    state = getattr(error.orig, "sqlstate", None)
    place = shown(url)
    if state == "28P01" or re.search(r"password authentication failed|no password supplied", said):
        told = Text(f"사용자 이름이나 비밀번호가 맞지 않아요: {place}", f"Wrong user or password: {place}")
        return Unreadable("password", told, place)
    if state == "3D000" or re.search(r'database ".*" does not exist', said):
        told = Text(f"그런 데이터베이스가 없어요: {place}", f"No such database: {place}")
        return Unreadable("database", told, place)
    if "not a database" in said or "malformed" in said:
        told = Text(f"SQLite 파일이 아니거나 깨졌어요: {place}", f"Not a SQLite database: {place}")
        return Unreadable("unreadable", told, place)
    if state is None and url.get_backend_name() != "sqlite":
        told = Text(f"{place} 에서 답이 없어요 ({said})", f"No answer at {place} ({said})")
        return Unreadable("refused", told, place)
    return Unreadable("unreadable", Text(f"읽지 못했어요: {said}", f"It cannot be read: {said}"), place)
