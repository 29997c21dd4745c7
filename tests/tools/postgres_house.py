"""The company of `house.py` in PostgreSQL: the whole of it, and what the asker may see."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from daeri.records.guarded_postgres import named
from daeri.tools.query import Permitted, rewrite
from tools.house import ASKER

KINDS = {"INTEGER": "bigint", "BIGINT": "bigint", "REAL": "double precision", "DATE": "date", "JSON": "json"}
PATIENCE = "-c statement_timeout=2s"


def here(tables: Mapping[str, Permitted]) -> dict[str, Permitted]:
    """The same permissions in PostgreSQL's words."""
    changed = dict(tables)
    if tables["employee"].masked:
        own = {"salary": f"(CASE WHEN id = {ASKER} THEN salary END)"}
        changed["employee"] = Permitted(tables["employee"].columns, own, tables["employee"].rows)
    if changed["매출"].rows:
        changed["매출"] = Permitted(changed["매출"].columns, rows=changed["매출"].rows.replace("main.", "public."))
    return changed


def carry(file: Path, to: str) -> None:
    """Copy a SQLite file's tables."""
    with closing(sqlite3.connect(file)) as source, psycopg.connect(plain(to), autocommit=True) as target:
        tables = [row[0] for row in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            declared = source.execute(f"PRAGMA table_info({named(table)})").fetchall()
            columns = ", ".join(f"{named(c[1])} {_kind(c[2])}" for c in declared)
            target.execute(f"CREATE TABLE {named(table)} ({columns})".encode())
            places = ", ".join(["%s"] * len(declared))
            rows = source.execute(f"SELECT * FROM {named(table)}").fetchall()
            target.cursor().executemany(f"INSERT INTO {named(table)} VALUES ({places})".encode(), rows)


def _kind(declared: str) -> str:
    name = declared.partition("(")[0].upper()
    return KINDS.get(name, declared.lower() if name == "NUMERIC" else 'varchar COLLATE "C"')


def plain(url: str) -> str:
    """An address as the driver takes it."""
    return url.replace("postgresql+psycopg:", "postgresql:")


def raw(connection: "psycopg.Connection[Any]", sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement as it is."""
    return connection.execute(sql.encode()).fetchall()


def answered(connection: "psycopg.Connection[Any]", sql: str, tables: Mapping[str, Permitted]) -> list[tuple[Any, ...]]:
    """The rows of a rewritten statement."""
    return raw(connection, rewrite(connection, sql, here(tables)))
