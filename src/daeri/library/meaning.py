"""Which passages lack the vectors that they should have, and how do they get them? Lot by lot, in a run.

A passage should have the outside model's vectors where its file's level may be sent there, and Daeri's own elsewhere.
Only what lacks them is made, an equal text only once. Each lot is written in one transaction with the run's step, so
what was made is never lost; until then a passage is found by its words and by the vectors it had.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from daeri.errors import ModelUnavailable, Timeout
from daeri.library import holdings
from daeri.library.blocks import Place
from daeri.library.cut import Passage, windows_of
from daeri.library.embedding import MODEL, dimensions_of
from daeri.library.files import company_file
from daeri.library.holdings import Embedded, passage
from daeri.records.store import Store
from daeri.runs import journal
from daeri.runs.journal import Note
from daeri.runs.work import Work, Workbench
from daeri.wording import Text

if TYPE_CHECKING:
    from daeri.library.outside import Outside

LOT: Final = 64
"""Passages that are taken up together; whether their file's level lets them out is asked anew for each lot."""
STAMP_SECONDS: Final = 10.0
"""Searches take new vectors into their first look so often; each time they read the whole library anew."""


@dataclass(slots=True)
class Embedding:
    """What came of bringing vectors up to date: how many passages got them, what was used, why it stopped."""

    passages: int = 0
    tokens: int = 0
    failure: ModelUnavailable | Timeout | None = None
    files: set[int] = field(default_factory=set)
    stamped_at: float = field(default_factory=time.monotonic)


class Meaning:
    """Brings vectors up to date."""

    def __init__(self, store: Store, outside: "Outside | None", now: Callable[[], Any]) -> None:
        """Take the database, the outside model where one is configured, and the clock's now."""
        self._store = store
        self._now = now
        self.outside = outside
        self._embedder: Any = None

    @property
    def names(self) -> list[str]:
        """The names of vectors that are worth keeping: equal text need not be made anew."""
        return [MODEL, self.outside.key] if self.outside is not None else [MODEL]

    async def lacking(self) -> int:
        """Return how many passages lack the vectors that they should have."""
        return await self._store.read(self._count)

    async def bring_up(self, work: Work, bench: Workbench) -> Embedding:
        """Make what is lacking; where the endpoint fails, what was made until then stays.

        Raises:
            Fenced: the run was stopped.
        """
        done, total, after = Embedding(), await self.lacking(), 0
        if any(step.kind == "embed" for step in work.steps):  # a crash may have kept that from searches
            done.files |= set(await self._store.read(lambda connection: _files_with(connection, self.names)))
        while total and done.failure is None:
            rows = await self._store.read(partial(self._lot, after=after))
            if not rows:
                break
            fresh: dict[int, Embedded] = {}
            for sent in (True, False):
                mine = [row for row in rows if self._is_sent(row) is sent]
                made: dict[str, Embedded] = {}
                try:
                    await self._make(mine, (made, done), sent=sent)
                except (ModelUnavailable, Timeout) as failure:
                    done.failure = failure
                fresh |= {row.id: made[row.digest] for row in mine if row.digest in made}
            await self._write(work, bench, (rows, fresh, done), total)
            after = rows[-1].id
        if done.files:
            await self._store.write(lambda connection: holdings.stamped(connection, done.files))
        return done

    async def _make(self, rows: Sequence[Any], into: tuple[dict[str, Embedded], Embedding], *, sent: bool) -> None:
        """Make the vectors of passages, those of one text once; what is whole goes into `into` even if it fails."""
        from daeri.library.vectors import codes_of, packed, told  # noqa: PLC0415 - numpy, once something is to be made

        made, done = into
        name = self.outside.key if sent and self.outside is not None else MODEL
        digests = [row.digest for row in rows]
        made |= await self._store.read(lambda connection: holdings.embedded(connection, digests, name))
        new = {row.digest: row for row in rows if row.digest not in made}
        texts = {digest: windows_of(Passage(row.text, row.section, Place())) for digest, row in new.items()}
        left, got = list(texts), []
        async for vectors, tokens in self._vectors([text for each in texts.values() for text in each], sent=sent):
            got += vectors
            done.tokens += tokens
            while left and len(got) >= len(texts[left[0]]):
                digest = left.pop(0)
                whole = told(got[: len(texts[digest])], dimensions_of(name))
                got = got[len(texts[digest]) :]
                made[digest] = Embedded(name, codes_of(whole).tobytes(), packed(whole))

    async def _vectors(self, texts: Sequence[str], *, sent: bool) -> Any:
        """Yield vectors of texts as they come, with the tokens that were used."""
        if not texts:
            return
        if sent and self.outside is not None:
            async for batch in self.outside.embeddings.of(texts):
                yield batch.vectors, batch.tokens
            return
        if self._embedder is None:
            from daeri.library.vectors import Embedder  # noqa: PLC0415 - as above

            self._embedder = Embedder()
        vectors = await anyio.to_thread.run_sync(self._embedder.embed, texts)
        yield [vector.tobytes() for vector in vectors], 0

    async def _write(
        self, work: Work, bench: Workbench, lot: tuple[Sequence[Any], dict[int, Embedded], Embedding], total: int
    ) -> None:
        rows, fresh, done = lot
        if not fresh:
            return
        done.passages += len(fresh)
        done.files |= {row.file_id for row in rows if row.id in fresh}
        stamps = time.monotonic() - done.stamped_at > STAMP_SECONDS
        told = Text("구절의 뜻", "Meaning of passages").to(work.lang)
        progress = {"file": told, "done": done.passages, "total": total, "passages": done.passages}
        note = Note("embed", {"passages": len(fresh)}, f"{told}: {done.passages}/{total}", 0)

        def write(connection: Connection) -> None:
            journal.check(connection, work.lease)
            holdings.embed(connection, fresh)
            if stamps:
                holdings.stamped(connection, done.files)
            journal.write_notes(connection, work.lease, self._now(), [note], ("progress.updated", progress))

        await self._store.write(write)
        bench.wake(work.lease)
        if stamps:
            done.files, done.stamped_at = set(), time.monotonic()

    def _is_sent(self, row: Any) -> bool:
        return self.outside is not None and row.level in self.outside.levels

    def _lacks(self) -> ColumnElement[bool]:
        if self.outside is None:
            return passage.c.model != MODEL
        is_sent = company_file.c.level.in_(self.outside.levels)
        return or_(
            and_(is_sent, passage.c.model != self.outside.key), and_(~is_sent, passage.c.model.not_in(self.names))
        )

    def _count(self, connection: Connection) -> int:
        joined = passage.join(company_file, passage.c.file_id == company_file.c.id)
        counted = select(func.count()).select_from(joined).where(company_file.c.status == "ready", self._lacks())
        return int(connection.execute(counted).scalar_one())

    def _lot(self, connection: Connection, after: int) -> Sequence[Any]:
        columns = (passage.c.id, passage.c.file_id, passage.c.digest, passage.c.section, passage.c.text)
        joined = passage.join(company_file, passage.c.file_id == company_file.c.id)
        wanted = select(*columns, company_file.c.level).select_from(joined)
        return connection.execute(
            wanted.where(company_file.c.status == "ready", self._lacks(), passage.c.id > after)
            .order_by(passage.c.id)
            .limit(LOT)
        ).all()


def _files_with(connection: Connection, names: Sequence[str]) -> list[int]:
    return list(connection.execute(select(passage.c.file_id).where(passage.c.model.in_(names)).distinct()).scalars())
