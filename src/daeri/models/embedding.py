"""What do texts mean, to a model behind an OpenAI-compatible endpoint? Vectors of texts, in batches.

Here: the wire form of `/embeddings`, and batches. Not here: connections and repeats (client.py), what is kept.
"""

import hashlib
import json
import math
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from daeri.models.client import ModelClient
from daeri.models.wire import EndpointFailed, Model, ModelRefused
from daeri.wording import Text

KEY_MAX: Final = 40
TEXT_MAX: Final = 8_000
"""Characters of a text that are sent; what means more than that is no passage."""
TEXT_LEAST: Final = 100
TOO_LONG: Final = (400, 413, 422)
"""Statuses by which endpoints refuse a text that is longer than they take, a whole batch for the one."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an endpoint told of one batch: a vector of length 1 for each text, as numbers of four bytes."""

    vectors: list[bytes]
    tokens: int


class Embeddings:
    """Asks one endpoint for vectors."""

    def __init__(self, client: ModelClient, model: Model, dimensions: int, batch: int) -> None:
        """Take the client, the endpoint, the length that its vectors have, and how many texts it takes at once."""
        self.client = client
        self.model = model
        self.dimensions = dimensions
        self.batch = batch

    @property
    def key(self) -> str:
        """The name under which its vectors are kept: vectors of two names are never compared."""
        plain = f"{self.model.model}/{self.dimensions}"
        if len(plain) <= KEY_MAX:
            return plain
        return f"{hashlib.sha256(self.model.model.encode()).hexdigest()[:24]}/{self.dimensions}"

    async def of(self, texts: Sequence[str]) -> AsyncIterator[Told]:
        """Yield the vectors of texts, a batch at a time.

        Raises:
            EndpointFailed, ModelTimeout: the endpoint does not answer, or not with such vectors.
        """
        for at in range(0, len(texts), self.batch):
            batch = texts[at : at + self.batch]
            try:
                yield await self._asked(self.model, batch)
            except ModelRefused as refusal:
                if refusal.http_status not in TOO_LONG:
                    raise
                for text in batch:
                    yield await self._shortened(text)

    async def _shortened(self, text: str) -> Told:
        """Ask about one text, of half its length and half of that again while the endpoint finds it too long."""
        while True:
            try:
                return await self._asked(self.model, [text])
            except ModelRefused as refusal:
                if refusal.http_status not in TOO_LONG or len(text) < 2 * TEXT_LEAST:
                    raise
            text = text[: len(text) // 2]

    async def one(self, text: str, seconds: float) -> bytes:
        """Return the vector of one text, waiting no longer than so many seconds.

        Raises:
            EndpointFailed, ModelTimeout: as above.
        """
        quick = replace(self.model, total_seconds=seconds, connect_seconds=seconds, idle_seconds=seconds)
        return (await self._asked(quick, [text])).vectors[0]

    async def _asked(self, model: Model, texts: Sequence[str]) -> Told:
        sent = [text[:TEXT_MAX] or " " for text in texts]  # endpoints refuse an empty text
        body = {"encoding_format": "float", **model.extra, "model": model.model, "input": sent}
        content = await self.client.whole(model, "/embeddings", body)
        try:
            said = json.loads(content)
            rows = sorted(said["data"], key=lambda row: row["index"])
            vectors = [_unit(row["embedding"]) for row in rows]
        except (ValueError, TypeError, KeyError, OverflowError):
            raise self._odd(model, "no list of embeddings") from None
        if [row["index"] for row in rows] != list(range(len(texts))):
            raise self._odd(model, f"{len(rows)} embeddings for {len(texts)} texts")
        if any(len(vector) != 4 * self.dimensions for vector in vectors):
            raise self._odd(model, f"embeddings of {len(vectors[0]) // 4} numbers, not of {self.dimensions}")
        return Told(vectors, _tokens(said))

    @staticmethod
    def _odd(model: Model, what: str) -> EndpointFailed:
        return EndpointFailed(model, Text("쓸 수 없는 임베딩을 보냈어요", f"sent {what}"))


def _unit(numbers: Sequence[float]) -> bytes:
    """Return a vector at length 1.

    Raises:
        ValueError: it has no length.
    """
    length = math.sqrt(math.fsum(number * number for number in numbers))
    if not length or not math.isfinite(length):
        msg = "no direction"
        raise ValueError(msg)
    return array("f", [number / length for number in numbers]).tobytes()


def _tokens(said: dict[str, Any]) -> int:
    usage = said.get("usage")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) and tokens >= 0 else 0
