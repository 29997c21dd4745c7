"""Which passages hold a token? The one interface to a database's full-text index, kept in the passages' transaction.

The index only says where a token is; how much that counts is decided over what the asker may see (`finder.py`), so no
score tells anything of a passage that is hidden. SQLite has an FTS5 table of ready-made tokens, PostgreSQL a tsvector.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, text


class Lexicon(Protocol):
    """Where tokens are, in one database. `tokens` are made by `tokens.py`; the database takes them as they are."""

    def prepare(self, connection: Connection) -> None:
        """Make the index where it is missing."""

    def add(self, connection: Connection, rows: Sequence[tuple[int, Iterable[str]]]) -> None:
        """Add passages: id and tokens."""

    def remove(self, connection: Connection, ids: Sequence[int]) -> None:
        """Take passages out."""

    def holders(self, connection: Connection, token: str) -> Sequence[int]:
        """Return the ids of the passages that hold a token."""


class SqliteLexicon:
    """FTS5, without positions and without a tokenizer of its own: letters beyond ASCII are all token characters."""

    def prepare(self, connection: Connection) -> None:
        """Make the table where it is missing."""
        connection.exec_driver_sql(
            "CREATE VIRTUAL TABLE IF NOT EXISTS passage_words USING fts5"
            "(words, detail=none, columnsize=0, tokenize=\"ascii tokenchars '#'\")"
        )

    def add(self, connection: Connection, rows: Sequence[tuple[int, Iterable[str]]]) -> None:
        """Add passages: id and tokens."""
        if rows:
            values = [{"id": key, "words": " ".join(dict.fromkeys(tokens))} for key, tokens in rows]
            connection.execute(text("INSERT INTO passage_words (rowid, words) VALUES (:id, :words)"), values)

    def remove(self, connection: Connection, ids: Sequence[int]) -> None:
        """Take passages out."""
        if ids:
            connection.execute(text("DELETE FROM passage_words WHERE rowid = :id"), [{"id": key} for key in ids])

    def holders(self, connection: Connection, token: str) -> list[int]:
        """Return the ids of the passages that hold a token."""
        quoted = '"' + token.replace('"', '""') + '"'
        found = connection.exec_driver_sql("SELECT rowid FROM passage_words WHERE passage_words MATCH ?", (quoted,))
        return [row[0] for row in found.cursor.fetchall()] if found.cursor is not None else []


_HOLDERS = text("SELECT string_agg(int8send(id), '') FROM passage_words WHERE words @@ CAST(:token AS tsquery)")
"""One value of many ids, eight bytes each: a row for each costs ten times as much where a token is everywhere."""


class PostgresLexicon:
    """A table of token vectors with an inverted index; tokens are stored and asked for as they are, unparsed."""

    def prepare(self, connection: Connection) -> None:
        """Make the table where it is missing."""
        if connection.execute(text("SELECT to_regclass('passage_words')")).scalar_one() is None:
            connection.execute(text("CREATE TABLE passage_words (id bigint PRIMARY KEY, words tsvector NOT NULL)"))
            connection.execute(text("CREATE INDEX ix_passage_words ON passage_words USING gin (words)"))

    def add(self, connection: Connection, rows: Sequence[tuple[int, Iterable[str]]]) -> None:
        """Add passages: id and tokens."""
        if rows:
            values = [{"id": key, "words": list(dict.fromkeys(tokens))} for key, tokens in rows]
            statement = "INSERT INTO passage_words (id, words) VALUES (:id, array_to_tsvector(CAST(:words AS text[])))"
            connection.execute(text(statement), values)

    def remove(self, connection: Connection, ids: Sequence[int]) -> None:
        """Take passages out."""
        if ids:
            connection.execute(text("DELETE FROM passage_words WHERE id = ANY(:ids)"), {"ids": list(ids)})

    def holders(self, connection: Connection, token: str) -> Sequence[int]:
        """Return the ids of the passages that hold a token."""
        quoted = "'" + token.replace("'", "''") + "'"
        found = array("q", connection.execute(_HOLDERS, {"token": quoted}).scalar_one() or b"")
        if sys.byteorder == "little":
            found.byteswap()
        return found


def lexicon_of(connection: Connection) -> Lexicon:
    """Return the index of a connection's database."""
    return SqliteLexicon() if connection.dialect.name == "sqlite" else PostgresLexicon()
