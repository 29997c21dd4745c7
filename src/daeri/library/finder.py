"""Which passages answer a query, among those that somebody may see? The mask comes first; hidden text counts nowhere.

1. The files that may be seen, asked of the database in this very transaction.
2. A first look over their passages alone: rare tokens, and vectors that point the same way.
3. The best of both are read and weighed exactly: BM25 and the nearest two sentences, half and half.

How rare a token is, is counted over what may be seen, so neither order nor score tells of anything else.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Connection, Row, select

from daeri.library.board import Board, Bools, Ints, Signs, View
from daeri.library.embedding import MODEL, dimensions_of
from daeri.library.files import CompanyFile
from daeri.library.holdings import head_of, passage
from daeri.library.queries import Query
from daeri.library.tokens import folded
from daeri.library.vectors import Vectors, codes_of, likeness, unpacked

CANDIDATES: Final = 60
"""Passages of each first look that are weighed exactly."""
WINDOWS: Final = 150
COPIED_MAX: Final = 0.25
"""Share of windows up to which those that may be seen are copied out; beyond it, all are compared and some left out."""
K1: Final = 1.2
B: Final = 0.4
LEXICAL: Final = 0.5
"""Share of words in the score; the rest is the vectors'."""
RERANKED: Final = 0.4
"""Share that the last step gives to how many of the things asked about a passage speaks of at all."""
WORDS_SURE: Final = 0.8
"""Share of words in how sure a hit is; the rest is its vector's."""
MARKS_MAX: Final = 40

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Attributes:
        document: the file's id; a path in a plain folder.
        score: from 0 to 1, comparable within one search only.
        sure: from 0 to 1, how much of what was asked the passage speaks of; comparable between searches.
        level: the file's security level.
        marks: stretches of the text that hold words of the query: start and end.
    """

    document: int | str
    passage: int
    name: str
    folder: str
    locator: str
    text: str
    score: float
    sure: float = 0.0
    page: int | None = None
    cells: str = ""
    section: str = ""
    edition: int = 1
    level: str = "internal"
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One search: what for, what it means to a model (asked only where there is anything to search), how many, where.

    Attributes:
        embed: returns the query's vector of the model of a name; None where that model was not asked or is not there.
    """

    query: Query
    embed: Callable[[str], Vectors | None]
    limit: int
    visible: ColumnElement[bool]


def find(connection: Connection, board: Board, asked: Asked) -> list[Hit]:
    """Return the passages that fit best, best first, among files that fulfil `asked.visible`."""
    files = connection.execute(select(CompanyFile.id).where(asked.visible)).scalars().all()
    if not files:
        return []
    view = board.view(connection)
    seen = view.alive & np.isin(view.files, np.asarray(files, np.int64))
    total = int(seen.sum())
    if not total:
        return []
    rarity: dict[str, float] = {}
    first = _by_words(connection, view, seen, (asked.query, rarity))
    told = {model: asked.embed(model) for model in view.signs}
    vectors = {model: vector for model, vector in told.items() if vector is not None}
    near = [_by_meaning(view.signs[model], seen, vector) for model, vector in vectors.items()]
    chosen = np.unique(np.concatenate([first, *near]))
    if not len(chosen):
        return []
    weighing = _Weighing(
        query=asked.query,
        vectors=vectors,
        rarity=rarity,
        held=_held(connection, view, chosen, asked.query),
        average=max(float(view.lengths[seen].mean()), 1.0),
    )
    return weighing.best(_read(connection, view.ids[chosen], asked.visible), asked.limit)


def _by_words(connection: Connection, view: View, seen: Bools, known: tuple[Query, dict[str, float]]) -> Ints:
    """Return the rows with the rarest tokens of the query; note how rare each is."""
    query, rarity = known
    weight = np.zeros(len(view.ids), np.float64)
    total = int(seen.sum())
    for token, share in query.tokens.items():
        rows = view.holders(connection, token)
        rows = rows[seen[rows]]
        rarity[token] = math.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
        weight[rows] += rarity[token] * share
    return _best(weight, CANDIDATES)


def _by_meaning(signs: Signs, seen: Bools, vector: Vectors) -> Ints:
    """Return the rows whose vectors point the way of the query's, both of one model."""
    shown, code = seen[signs.owners], codes_of(vector)[0]
    if shown.mean() > COPIED_MAX:
        best = _best(np.where(shown, likeness(signs.codes, code), 0), WINDOWS)
    else:
        windows = np.flatnonzero(shown)
        best = windows[_best(likeness(signs.codes[windows], code), WINDOWS)]
    return np.unique(signs.owners[best])


def _best(values: Floats | Ints, count: int) -> Ints:
    """Return where the largest values stand; the first of equal ones."""
    count = min(count, int(np.count_nonzero(values > 0)))
    if not count:
        return np.zeros(0, np.int64)
    least = np.partition(values, len(values) - count)[len(values) - count]
    able = np.flatnonzero(values >= least)  # sorting them alone finds the same ones as sorting all
    return able[np.argsort(-values[able], kind="stable")[:count]]


def _read(connection: Connection, ids: Ints, visible: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Read passages with their files; whatever was remembered, the database decides again who may be seen."""
    columns = (CompanyFile.name, CompanyFile.folder, CompanyFile.edition, CompanyFile.level)
    joined = passage.join(CompanyFile.__table__, passage.c.file_id == CompanyFile.id)
    statement = select(passage, *columns).select_from(joined)
    wanted = passage.c.id.in_([int(key) for key in ids])
    return connection.execute(statement.where(wanted, visible).order_by(passage.c.id)).all()


def _spread(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


@dataclass(frozen=True, slots=True)
class _Weighing:
    """Weighs passages exactly.

    Attributes:
        vectors: the query's, by the name of their model.
        held: the passages that hold a token that is not plainly a part of the text: a number, a Latin word, initials.
        average: tokens of a passage, over those that may be seen.
    """

    query: Query
    vectors: dict[str, Vectors]
    rarity: dict[str, float]
    held: dict[str, frozenset[int]]
    average: float

    def best(self, rows: Sequence[Row[Any]], limit: int) -> list[Hit]:
        """Return the best of some passages."""
        if not rows:
            return []
        heads = {(row.name, row.folder): folded(head_of(row.name, row.folder)) for row in rows}
        often = [self._often(row, heads[row.name, row.folder]) for row in rows]
        words = np.asarray([self._bm25(row, counts) for row, counts in zip(rows, often, strict=True)])
        meaning = self._meaning(rows)
        score = LEXICAL * _spread(words) + (1 - LEXICAL) * _spread(meaning)
        sure = np.asarray([self._sure(counts, float(alike)) for counts, alike in zip(often, meaning, strict=True)])
        score = (1 - RERANKED) * score + RERANKED * sure
        return [
            replace(_hit(rows[at], self.query), score=round(float(score[at]), 4), sure=float(sure[at]))
            for at in np.argsort(-score, kind="stable")[:limit]
        ]

    def _often(self, row: Row[Any], named: str) -> dict[str, float]:
        """Return how often each token of the query is in a passage, its headings and its file's name."""
        text, head = folded(row.text), f"{named} {folded(row.section)}"
        return {
            token: float(row.id in self.held[token])
            if token in self.held
            else float(text.count(token) + head.count(token))
            for token in self.query.tokens
        }

    def _bm25(self, row: Row[Any], often: dict[str, float]) -> float:
        length = K1 * (1 - B + B * row.length / self.average)
        return math.fsum(
            share * self.rarity[token] * often[token] * (K1 + 1) / (often[token] + length)
            for token, share in self.query.tokens.items()
        )

    def _meaning(self, rows: Sequence[Row[Any]]) -> Floats:
        """Return how near each passage is to what the query means, as its own model tells.

        How near "not at all" is differs from model to model, so for one outside it is measured on these passages.
        """
        alike = np.zeros(len(rows), np.float64)
        for model, vector in self.vectors.items():
            own = [at for at, row in enumerate(rows) if row.model == model and row.vectors]
            if not own:
                continue
            near = np.asarray([(unpacked(rows[at].vectors, dimensions_of(model)) @ vector[0]).max() for at in own])
            if model != MODEL:
                usual = float(np.median(near))
                near = np.maximum(near - usual, 0.0) / max(1.0 - usual, 1e-6)
            alike[own] = near
        return alike

    def _sure(self, often: dict[str, float], meaning: float) -> float:
        """Return how much of what was asked a passage speaks of: by its words, or other names of them, and by sense."""
        total = held = 0.0
        for ways, share in zip(self.query.ideas, self.query.shares, strict=True):
            weight = share * max((self.rarity[token] for token in ways[0] if token in self.rarity), default=0.0)
            total += weight
            held += weight * max(_share(way, often) for way in ways)
        return round(WORDS_SURE * (held / total if total else 0.0) + (1 - WORDS_SURE) * max(0.0, float(meaning)), 4)


def _share(way: frozenset[str], often: dict[str, float]) -> float:
    """Return how much of one way of saying a word is there.

    Less than half of its syllables is nothing, and a part is less than its share: 퇴직 is not yet 퇴직금.
    """
    share = sum(1 for token in way if often.get(token)) / len(way)
    return share * share if share >= 0.5 else 0.0  # noqa: PLR2004


def _held(connection: Connection, view: View, chosen: Ints, query: Query) -> dict[str, frozenset[int]]:
    found = {}
    for token in query.tokens:
        if not "가" <= token[0] <= "힣":
            rows = np.intersect1d(view.holders(connection, token), chosen)
            found[token] = frozenset(view.ids[rows].tolist())
    return found


def _hit(row: Row[Any], query: Query) -> Hit:
    return Hit(
        document=row.file_id,
        passage=row.id,
        name=row.name,
        folder=row.folder,
        locator=" · ".join(filter(None, (row.place, row.section))),
        text=row.text,
        score=0.0,
        page=row.page,
        cells=row.cells,
        section=row.section,
        edition=row.edition,
        level=row.level,
        marks=marks_of(row.text, query),
    )


def marks_of(text: str, query: Query) -> tuple[tuple[int, int], ...]:
    """Return where words of the query stand in a text."""
    words = sorted({word for word in query.words if len(word) > 1}, key=len, reverse=True)
    if not words:
        return ()
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    return tuple(found.span() for found in pattern.finditer(text))[:MARKS_MAX]
