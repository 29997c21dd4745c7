"""What does a process remember of the library, to search it fast? Its passages, and the signs of their vectors.

Nothing here is the record: it is read from the database, follows its version, and can be thrown away. It holds no text.
Rows are only added; a file that changes leaves its old rows behind as dead ones until they are too many.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from daeri.library.embedding import dimensions_of
from daeri.library.holdings import passage, stamp, version_of
from daeri.library.lexicon import lexicon_of
from daeri.library.vectors import Codes, words_of

Ints = npt.NDArray[np.signedinteger]
Bools = npt.NDArray[np.bool_]

DEAD_SHARE_MAX = 0.3
LISTS_MAX = 16_000_000
"""Numbers of remembered lists in all, 64 MB."""
FILES_AT_ONCE = 400


class Lists:
    """The rows of tokens that were asked for, up to a number in all; those asked for longest ago go first."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lock = threading.Lock()
        self._lists: OrderedDict[str, Ints] = OrderedDict()
        self._size = 0

    def get(self, token: str) -> Ints | None:
        """Return the rows of a token, if they are known."""
        with self._lock:
            if token not in self._lists:
                return None
            self._lists.move_to_end(token)
            return self._lists[token]

    def put(self, token: str, rows: Ints) -> None:
        """Remember the rows of a token."""
        with self._lock:
            self._size += len(rows) - len(self._lists.pop(token, ()))
            self._lists[token] = rows.astype(np.int32)
            while self._size > LISTS_MAX:
                _, gone = self._lists.popitem(last=False)
                self._size -= len(gone)


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of one model's vectors: codes of windows, and the row of each."""

    codes: Codes
    owners: Ints


@dataclass(frozen=True, slots=True)
class View:
    """The library at one version, as arrays; a row is a passage.

    Attributes:
        ids: of passages, ascending.
        files: the file of each passage.
        lengths: in tokens.
        signs: of vectors, by the name of their model.
        alive: false for rows that are no more.
    """

    version: int
    ids: Ints
    files: Ints
    lengths: Ints
    signs: dict[str, Signs]
    alive: Bools
    lists: Lists = field(default_factory=Lists)

    def rows_of(self, ids: Sequence[int]) -> Ints:
        """Return the rows of passages, those that are not here left out."""
        wanted = np.asarray(ids, np.int64)
        if not len(wanted) or not len(self.ids):
            return np.zeros(0, np.int64)
        found = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        rows: Ints = found[self.ids[found] == wanted]
        return rows

    def holders(self, connection: Connection, token: str) -> Ints:
        """Return the rows that hold a token."""
        known = self.lists.get(token)
        if known is None:
            known = self.rows_of(lexicon_of(connection).holders(connection, token))
            self.lists.put(token, known)
        return known


_NOTHING = View(
    0,
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    {},
    np.zeros(0, np.bool_),
)


class Board:
    """Gives the view that fits a connection, reading what has changed since the last one."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lock = threading.Lock()
        self._view = _NOTHING
        self._stamps: dict[int, int] = {}

    def view(self, connection: Connection) -> View:
        """Return the library as the connection's transaction sees it, or newer."""
        version = version_of(connection)
        view = self._view
        if version <= view.version:
            return view
        with self._lock:
            if version > self._view.version:
                self._view = self._newer(connection, version)
            return self._view

    def _newer(self, connection: Connection, version: int) -> View:
        now = {row.file_id: row.version for row in connection.execute(select(stamp))}
        gone = [key for key in self._stamps if now.get(key) != self._stamps[key]]
        come = [key for key in now if self._stamps.get(key) != now[key]]
        view = self._view
        alive = view.alive & ~np.isin(view.files, np.asarray(gone, np.int64)) if gone else view.alive
        if len(alive) and 1 - alive.mean() > DEAD_SHARE_MAX:
            view, alive, come = _NOTHING, _NOTHING.alive, list(now)
        newer = _with(connection, view, alive, (come, version))
        if (np.diff(newer.ids) <= 0).any():  # written at the same time as what is known: in another order
            newer = _with(connection, _NOTHING, _NOTHING.alive, (list(now), version))
        self._stamps = now
        return newer


def _with(connection: Connection, view: View, alive: Bools, news: tuple[Sequence[int], int]) -> View:
    """Return a view with the passages of further files."""
    come, version = news
    ids, files, lengths, codes = [], [], [], []
    columns = (passage.c.id, passage.c.file_id, passage.c.length, passage.c.codes, passage.c.model)
    for at in range(0, len(come), FILES_AT_ONCE):
        statement = select(*columns).where(passage.c.file_id.in_(come[at : at + FILES_AT_ONCE]))
        for key, file_id, length, code, model in connection.execute(statement):
            ids.append(key)
            files.append(file_id)
            lengths.append(length)
            codes.append((model, code))
    order = np.argsort(np.asarray(ids, np.int64), kind="stable")
    signs = _signs([codes[at] for at in order], len(view.ids))
    return View(
        version=version,
        ids=np.concatenate([view.ids, np.asarray(ids, np.int64)[order]]),
        files=np.concatenate([view.files, np.asarray(files, np.int64)[order]]),
        lengths=np.concatenate([view.lengths, np.asarray(lengths, np.int64)[order]]),
        signs={
            model: _joined([each[model] for each in (view.signs, signs) if model in each])
            for model in view.signs | signs
        },
        alive=np.concatenate([alive, np.ones(len(ids), np.bool_)]),
    )


def _signs(codes: Sequence[tuple[str, bytes]], first: int) -> dict[str, Signs]:
    """Return the signs of rows that follow one another, by model; those of no known length are left out."""
    found: dict[str, tuple[list[bytes], list[int], list[int]]] = {}
    for row, (model, code) in enumerate(codes, first):
        size = 8 * words_of(dimensions_of(model))
        if size and code:
            parts, rows, counts = found.setdefault(model, ([], [], []))
            parts.append(code)
            rows.append(row)
            counts.append(len(code) // size)
    return {
        model: Signs(
            np.frombuffer(b"".join(parts), np.uint64).reshape(-1, words_of(dimensions_of(model))),
            np.repeat(np.asarray(rows, np.int64), np.asarray(counts, np.int64)),
        )
        for model, (parts, rows, counts) in found.items()
    }


def _joined(parts: Sequence[Signs]) -> Signs:
    return Signs(np.concatenate([each.codes for each in parts]), np.concatenate([each.owners for each in parts]))
