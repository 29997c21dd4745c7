"""What does the library hold? The passages of files, their vectors and tokens: written and taken out as one.

Each function works on a connection inside the caller's transaction, so a file and all that is found by it change
together. Whoever reads passages for somebody joins them with the files that this somebody may see (`finder.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from daeri.library.cut import Passage
from daeri.library.lexicon import lexicon_of
from daeri.library.tokens import TOKENS_VERSION, initials_of, tokens_of
from daeri.records.store import system

passage = Table(
    "passage",
    system,
    Column("id", Integer, primary_key=True),
    Column("file_id", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("section", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("place", String(400), nullable=False),
    Column("page", Integer),
    Column("cells", String(400), nullable=False, default=""),
    Column("length", Integer, nullable=False),
    Column("model", String(40), nullable=False),
    Column("codes", LargeBinary, nullable=False),
    Column("vectors", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # a number is never used again, so what processes remember of it stays true
)
Index("ix_passage_file", passage.c.file_id, passage.c.ordinal)
Index("ix_passage_digest", passage.c.digest)
Index("ix_passage_model", passage.c.model, passage.c.file_id)

stamp = Table(
    "file_stamp",
    system,
    Column("file_id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
"""In which version of the library a file's passages were written; one that has none is in no search."""

state = Table(
    "library_state",
    system,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
)
ONLY: Final = 1
PLACE_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Embedded:
    """A passage's vectors, as they are kept: see vectors.py."""

    model: str
    codes: bytes
    vectors: bytes


@dataclass(frozen=True, slots=True)
class Indexed:
    """A passage ready to be held; without vectors where an equal one is held already."""

    passage: Passage
    embedded: Embedded | None


def head_of(name: str, folder: str) -> str:
    """Return the words by which a file's passages are found beside their own: its name and folder."""
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", PurePath(name).stem)  # TravelPolicy is found by travel
    return f"{folder.replace('/', ' ')} {stem}".replace("_", " ").strip()


def hold(connection: Connection, file_id: int, head: str, found: Sequence[Indexed]) -> int:
    """Put a file's passages in place of those it had; return how many there are.

    A passage that comes without vectors takes those of an equal one; one without an equal is held without vectors.
    """
    lexicon = lexicon_of(connection)
    lexicon.prepare(connection)
    found = _telling(head, found)
    missing = [item.passage.digest for item in found if item.embedded is None]
    known = embedded(connection, missing)
    _take_out(connection, file_id)
    rows = []
    words = []
    for ordinal, item in enumerate(found, 1):
        own = item.embedded or known.get(item.passage.digest) or Embedded("", b"", b"")
        tokens = passage_tokens(head, item.passage.section, item.passage.text)
        words.append(tokens)
        rows.append(_row(file_id, ordinal, item.passage, own) | {"length": len(tokens)})
    if rows:
        statement = insert(passage).returning(passage.c.id, sort_by_parameter_order=True)
        ids = connection.execute(statement, rows).scalars().all()
        lexicon.add(connection, list(zip(ids, words, strict=True)))
    _stamped(connection, file_id)
    return len(rows)


def _telling(head: str, found: Sequence[Indexed]) -> list[Indexed]:
    """Leave out passages that only repeat the file's own name; where nothing else is there, they stay."""
    named = frozenset(tokens_of(head))
    telling = [item for item in found if not named.issuperset(tokens_of(item.passage.text))]
    return telling or list(found)


def passage_tokens(head: str, section: str, text: str) -> list[str]:
    """Return the tokens by which a passage is found: its text, its headings, its file's name, also by initials."""
    return [*tokens_of(text), *tokens_of(section), *tokens_of(head), *initials_of(head), *initials_of(section)]


def _row(file_id: int, ordinal: int, item: Passage, own: Embedded) -> dict[str, Any]:
    cells = "!".join(filter(None, (item.place.sheet, item.place.cells)))
    return {
        "file_id": file_id,
        "ordinal": ordinal,
        "digest": item.digest,
        "section": item.section,
        "text": item.text,
        "place": item.place.say()[:PLACE_MAX],
        "page": item.place.page,
        "cells": cells[:PLACE_MAX],
        "model": own.model,
        "codes": own.codes,
        "vectors": own.vectors,
    }


def embedded(connection: Connection, digests: Iterable[str], model: str | None = None) -> dict[str, Embedded]:
    """Return the vectors of passages that are held, by what they say; those of one model where it is named."""
    found: dict[str, Embedded] = {}
    wanted = list(dict.fromkeys(digests))
    columns = (passage.c.digest, passage.c.model, passage.c.codes, passage.c.vectors)
    of_it = passage.c.model != "" if model is None else passage.c.model == model
    for at in range(0, len(wanted), 500):
        statement = select(*columns).where(passage.c.digest.in_(wanted[at : at + 500]), of_it)
        found |= {row.digest: Embedded(row.model, row.codes, row.vectors) for row in connection.execute(statement)}
    return found


def digests(connection: Connection, file_ids: Sequence[int], models: Sequence[str]) -> list[str]:
    """Return what the passages of files say, as far as they have vectors of one of some models."""
    statement = select(passage.c.digest).where(passage.c.file_id.in_(file_ids), passage.c.model.in_(models))
    return list(connection.execute(statement.distinct()).scalars())


def embed(connection: Connection, fresh: Mapping[int, Embedded]) -> None:
    """Give passages other vectors; searches take them into their first look once their files are stamped."""
    for key, own in fresh.items():
        values = {"model": own.model, "codes": own.codes, "vectors": own.vectors}
        connection.execute(update(passage).where(passage.c.id == key).values(**values))


def stamped(connection: Connection, file_ids: Iterable[int]) -> None:
    """Let searches read what they remember of files anew; those that hold nothing any more are passed over."""
    wanted = set(file_ids)
    for file_id in connection.execute(select(stamp.c.file_id).order_by(stamp.c.file_id)).scalars().all():
        if file_id in wanted:
            _stamped(connection, file_id)


def take_out(connection: Connection, file_id: int) -> None:
    """Take a file's passages out of the library."""
    _take_out(connection, file_id)
    connection.execute(delete(stamp).where(stamp.c.file_id == file_id))
    _next_version(connection)


def _take_out(connection: Connection, file_id: int) -> None:
    ids = list(connection.execute(select(passage.c.id).where(passage.c.file_id == file_id)).scalars())
    if ids:
        lexicon_of(connection).remove(connection, ids)
        connection.execute(delete(passage).where(passage.c.file_id == file_id))


def rename(connection: Connection, file_id: int, head: str) -> None:
    """Let a file's passages be found by another name or folder."""
    rows = connection.execute(select(passage).where(passage.c.file_id == file_id)).all()
    words = [(row.id, passage_tokens(head, row.section, row.text)) for row in rows]
    lexicon = lexicon_of(connection)
    lexicon.remove(connection, [key for key, _ in words])
    lexicon.add(connection, words)
    _stamped(connection, file_id)


def _stamped(connection: Connection, file_id: int) -> None:
    version = _next_version(connection)
    connection.execute(delete(stamp).where(stamp.c.file_id == file_id))
    connection.execute(insert(stamp).values(file_id=file_id, version=version))


def _next_version(connection: Connection) -> int:
    raised = update(state).where(state.c.id == ONLY).values(version=state.c.version + 1).returning(state.c.version)
    version = connection.execute(raised).scalar_one_or_none()
    if version is None:
        connection.execute(insert(state).values(id=ONLY, version=1, tokens=TOKENS_VERSION))
        return 1
    return int(version)


def version_of(connection: Connection) -> int:
    """Return the library's version: it rises with every change of what is held."""
    return int(connection.execute(_VERSION).scalar_one_or_none() or 0)


_VERSION: Final = select(state.c.version).where(state.c.id == ONLY)


def with_old_tokens(connection: Connection) -> list[int]:
    """Return the files whose tokens were made by an older version of the program."""
    tokens = connection.execute(select(state.c.tokens).where(state.c.id == ONLY)).scalar_one_or_none()
    if tokens is None or tokens == TOKENS_VERSION:
        return []
    return list(connection.execute(select(stamp.c.file_id)).scalars())


def tokens_are_new(connection: Connection) -> None:
    """Note that all tokens are of this version of the program."""
    connection.execute(update(state).where(state.c.id == ONLY).values(tokens=TOKENS_VERSION))


def counts(connection: Connection) -> Mapping[str, int]:
    """Return how much is held."""
    files = connection.execute(select(func.count()).select_from(stamp)).scalar_one()
    passages = connection.execute(select(func.count()).select_from(passage)).scalar_one()
    return {"files": int(files), "passages": int(passages)}
