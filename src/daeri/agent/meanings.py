"""How near is a request to what operations mean? Vectors of what each says of itself, held against the request's.

Words find only operations that say them, and people ask in words of their own. Reading a company's operations takes
half a millisecond for each text, so it is done once, beside other work; until then nothing is known to be near.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from daeri.library.vectors import Embedder, Vectors
from daeri.operations import Operation

LOT: Final = 64
"""Texts that are read at once: whoever waits for the end of it waits no longer."""
QUESTIONS_KEPT: Final = 256
"""Requests whose vectors are kept: each is looked at again when its conversation goes on."""


@dataclass(frozen=True, slots=True)
class _Read:
    """Vectors of single texts, those of one operation beside each other from its start on, and of each as a whole."""

    names: tuple[str, ...]
    starts: npt.NDArray[np.intp]
    said: Vectors
    whole: Vectors


class Meanings:
    """The operations of one company, by meaning."""

    def __init__(self) -> None:
        """Know nothing yet, and load nothing."""
        self._embedder = Embedder()
        self._read: _Read | None = None
        self._vector = lru_cache(maxsize=QUESTIONS_KEPT)(self._embedded)

    async def read(self, operations: Sequence[Operation]) -> None:
        """Learn what operations mean, in place of what was known, in threads beside other work."""
        texts: list[str] = []
        starts: list[int] = []
        for operation in operations:
            starts.append(len(texts))
            texts += _said(operation)
        said = await self._vectors(texts)
        whole = await self._vectors([" ".join(_said(operation)) for operation in operations])
        self._read = _Read(tuple(each.name for each in operations), np.array(starts, np.intp), said, whole)

    def nearness(self, texts: Sequence[str]) -> dict[str, float]:
        """Return how near any of the texts is to each operation, at most 1; nothing before they are read."""
        read = self._read
        if read is None or not read.names:
            return {}
        asked = np.stack([self._vector(text) for text in texts])
        said = np.maximum.reduceat(asked @ read.said.T, read.starts, axis=1)
        near = ((said + asked @ read.whole.T) / 2).max(axis=0)
        return dict(zip(read.names, near.tolist(), strict=True))

    async def _vectors(self, texts: Sequence[str]) -> Vectors:
        lots = [texts[at : at + LOT] for at in range(0, len(texts), LOT)] or [()]
        return np.concatenate([await asyncio.to_thread(self._embedder.embed, lot) for lot in lots])

    def _embedded(self, text: str) -> npt.NDArray[np.float32]:
        vector: npt.NDArray[np.float32] = self._embedder.embed([text])[0]
        return vector


def _said(operation: Operation) -> list[str]:
    return [operation.label.ko, operation.label.en, operation.summary, *operation.words, *operation.examples]
