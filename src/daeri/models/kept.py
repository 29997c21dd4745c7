"""Which replies are remembered, so that asking the same again costs nothing? In this process, for a while, bounded.

The same means the same in everything: the model and its options, every message and tool, and the whole authority of who
asks. So a change of anybody's rights forgets what was remembered of them, and nobody gets another person's reply.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from daeri.bounded import Bounded
from daeri.canonical import digest
from daeri.models.wire import Finished, InvalidToolCall, Item, Json, Model, TextDelta, ToolCall, Usage

BYTES_MAX: Final = 16 * 2**20
"""Characters of replies that one process remembers, about."""
REPLY_BYTES: Final = 500
"""What one takes beside its text."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model.

    Attributes:
        authority: who asks, with all that their rights are made of.
        options: further members of the request.
    """

    messages: Sequence[Json]
    tools: Sequence[Json]
    authority: Json
    options: Json = field(default_factory=dict)

    def key(self, model: Model) -> str:
        """Return what tells this request to a model from every other one."""
        served_by = [model.name, model.base_url, model.model, dict(model.extra)]
        return digest([served_by, list(self.messages), list(self.tools), self.authority, dict(self.options)])


class Replies:
    """The replies that one process remembers, of the models that are to be remembered at all."""

    def __init__(self, models: Sequence[Model], now: Callable[[], float] = time.monotonic) -> None:
        """Take the models; `now` gives seconds that only grow."""
        self._models = {model.name: model for model in models if model.cache_seconds}
        self._kept = Bounded[tuple[Item, ...]](BYTES_MAX, now)

    def find(self, request: Request, names: Collection[str]) -> tuple[Item, ...]:
        """Return the reply that one of these models gave to the same request, its text in one piece; () if none did."""
        for name in names:
            kept = self._kept.find(request.key(self._models[name])) if name in self._models else None
            if kept is not None:
                return kept.value
        return ()

    def keep(self, request: Request, items: Sequence[Item]) -> None:
        """Remember a complete reply, where its model's are; one with a call that cannot be read is not worth it."""
        ends = [item for item in items if isinstance(item, Finished)]
        model = self._models.get(ends[0].name) if ends else None
        if model is None or any(isinstance(item, InvalidToolCall) for item in items):
            return
        text = "".join(item.text for item in items if isinstance(item, TextDelta))
        rest = [item for item in items if not isinstance(item, TextDelta | Usage)]
        size = REPLY_BYTES + len(text) + sum(len(str(item.arguments)) for item in rest if isinstance(item, ToolCall))
        items = (*([TextDelta(text)] if text else ()), *rest)
        self._kept.keep(request.key(model), items, model.cache_seconds or 0, size)
