"""What does somebody find and read in the library? Search and reading for the actor of `Records`, and their traces.

The row rule of `CompanyFile` is the mask; it stands in every statement here. What is told is noted as a source, by file
and passage, so that answers cite what they used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, select

from daeri.errors import NotFound
from daeri.library.board import Board
from daeri.library.editions import connection_of
from daeri.library.embedding import MODEL, dimensions_of
from daeri.library.files import CompanyFile
from daeri.library.finder import Asked, Hit, find
from daeri.library.holdings import passage
from daeri.library.queries import Terms, read_query
from daeri.library.terms import GENERAL
from daeri.library.vectors import Embedder, Vectors, told
from daeri.operations.sense import Sense
from daeri.records.access import Records
from daeri.wording import Text

GOOD: Final = 0.375
"""Hits that are less sure than this are not told as an answer: nothing good enough was found."""
READ_AT_ONCE: Final = 40
"""Passages that one reading returns."""


@dataclass(frozen=True, slots=True)
class Where:
    """Among which files: a folder and those below it, earlier editions too."""

    folder: str = ""
    old: bool = False


class Reader:
    """What one process needs to search: what it remembers of the library, the model, what things are called."""

    def __init__(self, terms: Sequence[Sequence[str]] = ()) -> None:
        """Take what this company calls things, beside what every company does."""
        self._board = Board()
        self._embedder = Embedder()
        self._terms = Terms.of((*GENERAL, *terms))

    def search(self, records: Records, query: str, limit: int, where: Where, sense: Sense) -> list[Hit]:
        """Return what answers a query best among the files that the records' actor may see."""
        read = read_query(query, self._terms)
        conditions = [records._rules.visible(CompanyFile, records._actor), CompanyFile.status == "ready"]  # noqa: SLF001
        if not where.old:
            conditions.append(CompanyFile.is_current.is_(True))
        if where.folder:
            inside = CompanyFile.folder.startswith(f"{where.folder}/", autoescape=True)
            conditions.append((CompanyFile.folder == where.folder) | inside)

        def embed(model: str) -> Vectors | None:
            if model == MODEL:
                return self._embedder.embed([read.text])
            return told([sense.vector], dimensions_of(model)) if model == sense.model and sense.vector else None

        asked = Asked(read, embed, limit, and_(*conditions))
        hits = find(connection_of(records), self._board, asked)
        records._trail.levels.update(hit.level for hit in hits)  # noqa: SLF001 - as in `cite`
        return hits


def passages_of(records: Records, file_id: int, around: int | None, limit: int) -> list[dict[str, Any]]:
    """Return a file's passages in order; `around` names one in whose midst to begin.

    Raises:
        NotFound: no such passage in it.
    """
    statement = select(
        passage.c.id,
        passage.c.ordinal,
        passage.c.section,
        passage.c.text,
        passage.c.place,
        passage.c.page,
        passage.c.cells,
    ).where(passage.c.file_id == file_id)
    connection = connection_of(records)
    if around is not None:
        at = connection.execute(
            select(passage.c.ordinal).where(passage.c.file_id == file_id, passage.c.id == around)
        ).scalar_one_or_none()
        if at is None:
            raise NotFound(Text("그런 구절을 찾을 수 없어요", "No such passage"))
        statement = statement.where(passage.c.ordinal >= at - limit // 2)
    rows = connection.execute(statement.order_by(passage.c.ordinal).limit(limit))
    return [dict(row) for row in rows.mappings()]


def cite(records: Records, file_id: int, name: str, quoted: dict[str, Any]) -> None:
    """Note a passage as a source of the answer."""
    trail = records._trail  # noqa: SLF001 - what was read through the library is told like what was read of records
    trail.rows += 1
    trail.records.setdefault((CompanyFile.__tablename__, file_id), name)
    trail.quotes.append({"document": file_id, "name": name, **quoted})
