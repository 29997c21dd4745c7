"""What does the library cost? A search among 1,000, 10,000 and 100,000 passages, and reading a hundred pages.

The passages are those of the sample's files, recombined: every one says something else, in the words of real ones.
Their vectors are those of the originals, turned a little at random, since embedding 100,000 passages takes an hour and
a search cannot tell the difference. Texts, tokens, index and database are all real.
"""

import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, insert, select

from bench import postgres
from bench.load import percentile
from bench.table import Line
from daeri.clock import Clock
from daeri.library import holdings
from daeri.library.blocks import Place
from daeri.library.cells import Cells
from daeri.library.cut import Passage, sentences_of
from daeri.library.embedding import MODEL
from daeri.library.files import company_file
from daeri.library.folder import Folder
from daeri.library.vectors import Vectors, codes_of, packed, unpacked
from daeri.sample.papers.paper import Paper
from daeri.sample.papers.rendering import rendered

SIZES: Final = (1_000, 10_000, 100_000)
PASSAGES_OF_A_FILE: Final = 100
PAGES: Final = 100
ARTICLES, SENTENCES = 55, 60
SEARCHES: Final = 120
NOISE: Final = 0.6
LIMIT: Final = 5
SEED: Final = 20261121


def searching(place: Path, questions: Sequence[str], say: Callable[[str], None]) -> list[Line]:
    """Return the cost of searching in SQLite, and in PostgreSQL; below `place` lie the files to take words from."""
    lines = _grown(place, place / "large.db", "SQLite", (questions, say))
    if postgres.is_there():
        with postgres.server() as address:
            lines += _grown(place, address, "PostgreSQL", (questions, say))
    return lines


def _grown(
    place: Path, index: Path | str, where: str, asking: tuple[Sequence[str], Callable[[str], None]]
) -> list[Line]:
    questions, say = asking
    lines = []
    with Folder(index) as folder:
        folder.ingest([place / "files"])
        grow = Growing(folder)
        for size in SIZES:
            say(f"{size:,} passages in {where}")
            grow.to(size)
            lines.append(_searching(folder, questions, f"{size:,} passages in {where}"))
    return lines


def reading(place: Path) -> Line:
    """Return how one long PDF is read, cut and embedded, by a process that is warm."""
    words = "\n".join(
        f"# 제{number}조(업무 {number})\n" + "\n".join(_sentence(number, part) for part in range(SENTENCES))
        for number in range(1, ARTICLES + 1)
    )
    path = place / "긴문서.pdf"
    path.write_bytes(rendered(Paper("긴문서.pdf", "", words)))
    with Cells() as cells:
        cells.read(path, path.name)
        began = time.perf_counter()
        read = cells.read(path, path.name)
        seconds = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    pages = max(item.passage.place.page or 1 for item in read.passages)
    told = f"{seconds * PAGES / pages:.1f} s; {pages} pages, {len(read.passages)} passages; {most:.0f} MB at most"
    return Line(f"read, cut and embed {PAGES} pages of PDF", measured=told)


def _sentence(number: int, part: int) -> str:
    return f"{number}-{part}항은 부서 {part}의 업무 {number * part}을 언제 어떻게 하는지 정한다."


def _searching(folder: Folder, questions: Sequence[str], among: str) -> Line:
    began = time.perf_counter()
    folder.search("연차", LIMIT)
    first = (time.perf_counter() - began) * 1000
    for question in questions[:SEARCHES]:
        folder.search(question, LIMIT)  # what a server has been asked before
    each, cpu = [], []
    for question in questions[:SEARCHES]:
        began, before = time.perf_counter(), time.process_time()
        folder.search(question, LIMIT)
        each.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - before) * 1000)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = f"p95 {percentile(each, 95):.1f} ms, of CPU {percentile(cpu, 95):.1f}; the first {first:.0f}; {own:.0f} MB"
    return Line(f"search among {among}", sum(cpu) / len(cpu), percentile(each, 50), percentile(each, 99), told)


class Growing:
    """Fills an index with recombined passages."""

    def __init__(self, folder: Folder) -> None:
        """Take the index."""
        self._write: Any = folder._write  # noqa: SLF001 - filled by hand, searched as ever
        self._clock = Clock()
        self._chance = random.Random(SEED)  # noqa: S311 - not for secrets
        self._noise = np.random.default_rng(SEED)
        self._real = self._write(_real)
        self._has = len(self._real)

    def to(self, size: int) -> None:
        """Add files until there are so many passages."""
        while self._has < size:
            count = min(PASSAGES_OF_A_FILE, size - self._has)
            self._write(partial(self._add, name=f"문서 {self._has}.md", items=list(self._made(count))))
            self._has += count

    def _made(self, count: int) -> Iterator[holdings.Indexed]:
        for number in range(count):
            (one, vectors), (other, _) = self._chance.sample(self._real, 2)
            mine, theirs = sentences_of(one.text), sentences_of(other.text)
            words = self._chance.sample(mine, max(1, len(mine) // 2)) + self._chance.sample(
                theirs, max(1, len(theirs) // 2)
            )
            text = f"{self._has + number}호. {' '.join(words)}"
            turned = (
                vectors
                + NOISE * self._noise.standard_normal(vectors.shape).astype(np.float32) / vectors.shape[1] ** 0.5
            )
            turned /= np.linalg.norm(turned, axis=1, keepdims=True)
            own = holdings.Embedded(MODEL, codes_of(turned).tobytes(), packed(turned))
            yield holdings.Indexed(replace(one, text=text), own)

    def _add(self, connection: Connection, *, name: str, items: Sequence[holdings.Indexed]) -> None:
        values = {"name": name, "folder": "/bench", "owner_id": 0, "digest": name, "added_at": self._clock.now()}
        values |= {"is_current": True, "status": "ready", "level": "internal"}
        key = connection.execute(insert(company_file).values(**values).returning(company_file.c.id)).scalar_one()
        holdings.hold(connection, int(key), holdings.head_of(name, "bench"), items)


def _real(connection: Connection) -> list[tuple[Passage, Vectors]]:
    rows = connection.execute(select(holdings.passage)).all()
    return [(Passage(row.text, row.section, Place(page=row.page)), unpacked(row.vectors)) for row in rows]
