"""Whom does the library ask outside for vectors, and what may be sent there? One endpoint, asked only while it answers.

A question is asked about within a short time and once; where that fails, the endpoint is left alone for a while and
searches go by words and by Daeri's own vectors. What of documents may be sent is said by their security levels.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import structlog

from daeri.errors import DaeriError
from daeri.models.embedding import Embeddings
from daeri.operations.sense import Sense

QUESTION_SECONDS: Final = 3.0
"""How long a search waits for what its words mean."""
REST_SECONDS: Final = 30.0
"""How long an endpoint that did not answer a question is left alone."""
QUESTIONS_KEPT: Final = 512
QUESTION_MAX: Final = 1_000

log = structlog.get_logger()


class Outside:
    """The endpoint whose vectors documents are found by."""

    def __init__(
        self, embeddings: Embeddings, levels: Sequence[str], seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Take whom to ask, and the levels of documents that may be sent there."""
        self.embeddings = embeddings
        self.key = embeddings.key
        self.levels = tuple(levels)
        self._seconds = seconds
        self._rests_until = 0.0
        self._known: OrderedDict[str, bytes] = OrderedDict()

    async def open(self) -> None:
        """Make the connections; call it inside the running event loop."""
        await self.embeddings.client.open()

    async def close(self) -> None:
        """Close the connections."""
        await self.embeddings.client.close()

    async def sense(self, text: str, classes: AbstractSet[str] = frozenset()) -> Sense:
        """Return what a question means; why not, where the endpoint does not say. Never raises for the endpoint.

        Args:
            text: the question.
            classes: the sensitive data classes that it may hold; it is sent only where documents of all would be.
        """
        said = " ".join(text[:QUESTION_MAX].split())
        known = self._known.get(said)
        if known is not None:
            self._known.move_to_end(said)
            return Sense(self.key, known)
        if not classes <= set(self.levels):
            return Sense(self.key, why="withheld")
        if self._seconds() < self._rests_until:
            return Sense(self.key, why="resting")
        try:
            vector = await self.embeddings.one(said, QUESTION_SECONDS)
        except DaeriError as error:
            self._rests_until = self._seconds() + REST_SECONDS
            log.warning("embedding.unavailable", model=self.key, error=error.detail.en)
            return Sense(self.key, why=error.detail.en)
        self._known[said] = vector
        if len(self._known) > QUESTIONS_KEPT:
            self._known.popitem(last=False)
        return Sense(self.key, vector)

    async def answers(self) -> bool:
        """Say whether the endpoint answers now."""
        try:
            await self.embeddings.one("준비", QUESTION_SECONDS)
        except DaeriError as error:
            log.warning("embedding.unavailable", model=self.key, error=error.detail.en)
            return False
        return True
