"""Which model answers? Named models in order of preference; when one does not begin to answer, the next is asked.

Here: choice and fallback. Not here: the wire format and repeats to one endpoint (client.py), limits of cost (agent/).
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from daeri.errors import ModelUnavailable, NotFound
from daeri.models.client import ModelClient
from daeri.models.wire import EndpointFailed, Item, Json, Model, ModelTimeout
from daeri.wording import Text


class Models:
    """The models of this server; the first one is the default."""

    def __init__(self, client: ModelClient, models: Sequence[Model]) -> None:
        """Take an opened client and the models in order of preference; names are unique.

        Raises:
            ValueError: two models have one name.
        """
        self._client = client
        self._models = tuple(models)
        if len({model.name for model in models}) != len(models):
            raise ValueError("two models have the same name")

    @property
    def names(self) -> tuple[str, ...]:
        """The names in order of preference; empty when Daeri works keyless."""
        return tuple(model.name for model in self._models)

    async def stream(
        self,
        messages: Sequence[Json],
        tools: Sequence[Json] = (),
        *,
        name: str | None = None,
        options: Json | None = None,
    ) -> AsyncGenerator[Item, None]:
        """Yield the reply of the named model (default: the first), or of the next ones if it yields nothing.

        Once an item was yielded there is no fallback: nobody gets the halves of two answers. All attempts together
        have the first model's total_seconds. `Finished.name` tells who answered.

        Raises:
            NotFound: no model has that name.
            ModelUnavailable: there is no model at all, or the last one failed (EndpointFailed).
            ModelTimeout: the last one was too slow, or the time ran out.
        """
        order = self._order(name)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + order[0].total_seconds
        for model in order:
            began = False
            limited = replace(model, total_seconds=min(model.total_seconds, max(deadline - loop.time(), 0.001)))
            try:
                async with aclosing(self._client.stream(limited, messages, tools, options=options)) as items:
                    async for item in items:
                        began = True
                        yield item
            except (EndpointFailed, ModelTimeout):
                if began or model is order[-1] or loop.time() >= deadline:
                    raise
            else:
                return

    def _order(self, name: str | None) -> list[Model]:
        if not self._models:
            raise ModelUnavailable(Text("설정된 AI 모델이 없어요.", "No AI model is configured."))
        if name is None:
            return list(self._models)
        chosen = [model for model in self._models if model.name == name]
        if not chosen:
            raise NotFound(Text(f"'{name}' 모델은 없어요.", f"There is no model '{name}'."))
        return chosen + [model for model in self._models if model.name != name]
