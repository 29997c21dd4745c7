"""What may a statement that somebody else wrote do on PostgreSQL? `guarded.py` says what it may see.

PostgreSQL has no authorizer, so its walls stand elsewhere: the statement holds no name of a table that its author wrote
(`tools/sql_check_postgres.py`), unqualified names reach nothing but the built-in functions, the transaction can write
nothing and is rolled back, limits hold for time and rows, and where a deployer made the role `ASKING`, the statement
runs as that role, which can read what was granted to it and do nothing else.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection, text

from daeri.errors import NotReady
from daeri.records.guarded import Answer, Failed, Limits, Why
from daeri.wording import Text

ASKING = "daeri_asking"
"""The role that questions run as, where there is one."""
BATCH = 100
"""Rows fetched at a time, so that an answer that grows too large is left before all of it came."""
_SETTINGS = {
    "transaction_read_only": "on",
    "lock_timeout": "1s",
    "work_mem": "16MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "cursor_tuple_fraction": "1",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
}
_AS_ROLE = (
    f"SELECT set_config('role', rolname, true) FROM pg_catalog.pg_roles "  # noqa: S608 - a name of ours
    f"WHERE rolname = '{ASKING}' AND pg_catalog.pg_has_role(oid, 'MEMBER')"
)
_MEMBER = text("SELECT pg_catalog.pg_has_role(oid, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = :role")
_GRANTED = text("SELECT pg_catalog.has_table_privilege(:role, CAST(:name AS text), 'SELECT')")
_WHERE = """
SELECT n.nspname, a.attname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass(%s) ORDER BY a.attnum
"""
_UNDOING = 5
"""Times to undo a failed statement, of which a late timeout cancels one, or a second where it left a millisecond."""
_LARGE = "daeri: a row is too large"
_SIZED = """
DECLARE daeri_asked NO SCROLL CURSOR FOR
SELECT sized.* FROM (SELECT * FROM ({statement}) AS asked OFFSET 0) AS sized
WHERE (CASE WHEN pg_catalog.pg_column_size(sized) <= {most} THEN '1' ELSE '{large}' END)::int = 1
"""
"""A row that is too large ends the statement before it is sent; OFFSET keeps that from being asked of hidden rows."""
_BOOL, _WHOLE, _FLOAT, _NUMERIC = 16, frozenset({20, 21, 23, 26}), frozenset({700, 701}), 1700
_TOO_LARGE = ("53", "54")


def named(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def columns_of_postgres(connection: "psycopg.Connection[Any]", table: str) -> tuple[str, list[str]]:
    """Return the schema of a table that the connection finds by its name, and its columns in their own order.

    Raises:
        ValueError: it finds none.
    """
    found = connection.execute(_WHERE, (named(table),)).fetchall()
    if not found:
        msg = f"there is no table {table!r}"
        raise ValueError(msg)
    return found[0][0], [column for _, column in found]


def run_postgres(connection: "psycopg.Connection[Any]", statement: str, limits: Limits) -> Answer:
    """Execute one SELECT behind the walls and within the limits; the connection is left as it was.

    Raises:
        Failed: PostgreSQL would not, or not within the limits.
        NotReady: it is gone, or the role for questions may not read a table of the company's.
    """
    ends = time.monotonic() + limits.seconds
    with _walled(connection, limits.seconds, "pg_catalog, pg_temp") as cursor:
        declared = _SIZED.format(statement=statement, most=limits.characters, large=_LARGE)
        encoding = connection.info.encoding
        cursor.execute(declared.encode(encoding))
        rows: list[tuple[Any, ...]] = []
        characters = 0
        while True:
            left = ends - time.monotonic()
            if left <= 0:
                raise Failed("time", "")
            cursor.execute(f"SET LOCAL statement_timeout = {max(int(left * 1000), 1)}".encode())
            cursor.execute(f"FETCH FORWARD {BATCH} FROM daeri_asked".encode())
            result = cast("PGresult", cursor.pgresult)
            names = [(result.fname(number) or b"").decode(encoding, "replace") for number in range(result.nfields)]
            for row in range(result.ntuples):
                sent = [result.get_value(row, number) for number in range(result.nfields)]
                values = [None if value is None else value.decode(encoding, "replace") for value in sent]
                characters += sum(8 if value is None else len(value) for value in values)
                if len(rows) >= limits.rows or characters > limits.characters:
                    return Answer(names, rows, truncated=True)
                rows.append(tuple(_read(value, result.ftype(number)) for number, value in enumerate(values)))
            if result.ntuples < BATCH:
                return Answer(names, rows, truncated=False)


def compile_postgres(connection: "psycopg.Connection[Any]", statement: str) -> str:
    """Return a statement that PostgreSQL understood; it is planned, but not run.

    Raises:
        Failed: it would not.
    """
    with _walled(connection, Limits().seconds) as cursor:
        cursor.execute(f"EXPLAIN {statement}".encode(connection.info.encoding))
    return statement


def granting(tables: Iterable[tuple[str, str]], user: str) -> str:
    """Return the SQL by which a deployer makes the role that questions run as; tables as (schema, name)."""
    granted = sorted(tables)
    schemas = sorted({schema for schema, _ in granted})
    lines = [f"CREATE ROLE {ASKING} NOLOGIN;", f"GRANT {ASKING} TO {named(user)};"]
    lines += [f"GRANT USAGE ON SCHEMA {named(schema)} TO {ASKING};" for schema in schemas]
    lines += [f"GRANT SELECT ON {named(schema)}.{named(table)} TO {ASKING};" for schema, table in granted]
    return "\n".join(lines)


def lacking(connection: Connection, tables: Iterable[tuple[str | None, str]]) -> str:
    """Return what of `granting` is still to be run for these tables; "" where nothing is, or it is not PostgreSQL."""
    if connection.dialect.name != "postgresql":
        return ""
    schema = connection.dialect.default_schema_name or "public"
    wanted = [(given or schema, table) for given, table in tables]
    user = connection.execute(text("SELECT current_user")).scalar_one()
    everything = granting(wanted, user)
    is_member = connection.execute(_MEMBER, {"role": ASKING}).scalar()
    if is_member is None:
        return everything
    granted = {
        each: connection.execute(_GRANTED, {"role": ASKING, "name": f"{named(each[0])}.{named(each[1])}"}).scalar_one()
        for each in wanted
    }
    missing = [each for each, may_read in granted.items() if not may_read]
    lines = granting(missing, user).splitlines()[1 if not is_member else 2 :]
    return "\n".join(lines)


@contextmanager
def _walled(
    connection: "psycopg.Connection[Any]", seconds: float, path: str | None = None
) -> "Iterator[psycopg.Cursor[Any]]":
    """Set the walls up in a transaction, or a part of one, that is undone in any case."""
    settings = _SETTINGS | {"statement_timeout": f"{max(int(seconds * 1000), 1)}ms"}
    settings |= {} if path is None else {"search_path": path}
    said = "; ".join(
        f"SET LOCAL {name} = {value if name == 'search_path' else repr(value)}" for name, value in settings.items()
    )
    try:
        with connection.transaction(force_rollback=True), connection.cursor() as cursor, _undone(cursor):
            if path is not None:
                cursor.execute(_AS_ROLE.encode())
            cursor.execute(said.encode())
            yield cursor
    except psycopg.Error as error:
        raise _meaning(connection, error) from None
    except UnicodeError as error:
        raise Failed("wrong", str(error)) from None


@contextmanager
def _undone(cursor: "psycopg.Cursor[Any]") -> Iterator[None]:
    """Undo what failed here, before the transaction does: a timeout that comes late cancels the undoing itself."""
    cursor.execute("SAVEPOINT daeri_walls")
    try:
        yield
    except (psycopg.Error, Failed, UnicodeError):
        for _ in range(_UNDOING):
            with suppress(psycopg.errors.QueryCanceled):
                cursor.execute("ROLLBACK TO SAVEPOINT daeri_walls")
                break
        raise


def _meaning(connection: "psycopg.Connection[Any]", error: psycopg.Error) -> Exception:
    code = error.sqlstate or ""
    said = error.diag.message_primary or str(error).partition("\n")[0]
    if connection.closed or (code[:2] in ("08", "57") and code != "57014"):
        return NotReady(Text(f"데이터베이스가 답하지 않아요: {said}", f"The database says: {said}"))
    if code == "42501":
        return NotReady(
            Text(
                f"데이터베이스 역할 {ASKING}에 권한이 모자라요. 관리자에게 알려 주세요: {said}",
                f"The database role {ASKING} lacks a grant, tell whoever runs the server: {said}",
            )
        )
    is_large = code[:2] in _TOO_LARGE or _LARGE in said
    why: Why = "time" if code in ("57014", "55P03") else "size" if is_large else "wrong"
    return Failed(why, said)


def _read(said: str | None, kind: int) -> Any:
    """Return a value as SQLite would give it: numbers as numbers, flags as 0 and 1, all else as text."""
    if said is None:
        return None
    if kind == _BOOL:
        return int(said == "t")
    if kind in _WHOLE:
        return int(said)
    if kind in _FLOAT:
        return float(said)
    if kind == _NUMERIC:
        return int(said) if said.lstrip("-").isdigit() else float(said)
    return said
