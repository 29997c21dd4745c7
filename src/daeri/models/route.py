"""Which model answers? Of the first tier that works, one by weight and speed; when it fails to begin, the next.

Here: choice, fallback, what is known of each model's health. Not here: the wire format and repeats to one endpoint
(client.py), the table of models (table.py), limits of cost (agent/).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import groupby
from random import Random
from typing import Final

from daeri.errors import ModelUnavailable, NotFound
from daeri.models.client import ModelClient
from daeri.models.kept import Replies
from daeri.models.places import Places
from daeri.models.providers import provider_of
from daeri.models.wire import EndpointFailed, Item, Json, Model, ModelRefused, ModelTimeout, Price, Usage
from daeri.wording import Text

FAILURES_MAX: Final = 3
"""Failures in a row after which a model is left alone for a while."""
PAUSE_SECONDS: Final = 15.0
"""The first pause; each further failure doubles it."""
PAUSE_SECONDS_MAX: Final = 300.0
OUR_FAULT: Final = frozenset({400, 413, 422})
"""Refusals that tell of the request, not of the model's health."""
SMOOTHING: Final = 0.2
"""The share of the newest reply in a model's time to its first piece."""
RETRY_SECONDS: Final = 60.0
RETRY_SHARE: Final = 0.25
RETRY_LEAST: Final = 10
"""Of the requests in the last minute a quarter, but ten at least, may be asked of another model: when everything is
down, fallbacks must not double the load that keeps it down."""


@dataclass(slots=True)
class Health:
    """What is known of a model: a circuit breaker, and how long it takes to begin.

    Attributes:
        failures: in a row.
        paused_until: in the clock's seconds; until then nobody is sent there.
        is_tried: after a pause one request tries it; the others wait for what comes of that.
        first_seconds: smoothed time to the first piece of a reply; None while nothing is known.
    """

    failures: int = 0
    paused_until: float = 0.0
    is_tried: bool = False
    first_seconds: float | None = None

    def is_open_at(self, now: float) -> bool:
        """Say whether a request may be sent to it now."""
        return self.failures < FAILURES_MAX or (now >= self.paused_until and not self.is_tried)

    def begin(self) -> None:
        """Note that a request is sent to it."""
        self.is_tried = self.failures >= FAILURES_MAX

    def answered(self, seconds: float) -> None:
        """Note that a reply began after so long."""
        self.failures, self.is_tried = 0, False
        known = self.first_seconds
        self.first_seconds = seconds if known is None else known + SMOOTHING * (seconds - known)

    def failed(self, now: float) -> None:
        """Note that none began."""
        self.failures, self.is_tried = self.failures + 1, False
        if self.failures >= FAILURES_MAX:
            doubled = PAUSE_SECONDS * 2 ** min(self.failures - FAILURES_MAX, 10)
            self.paused_until = now + min(doubled, PAUSE_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class Sight:
    """Who is asked about a context.

    Attributes:
        names: the models that may be, in order of preference; all of them may see the same of it.
        withheld: the data classes in it that are to be left out, because no model may see all of it.
        first: the one that is asked first whatever the tiers say, where one is wished for.
    """

    names: tuple[str, ...]
    withheld: frozenset[str]
    first: str | None = None


class Retries:
    """How many requests of the last minute may be asked a second time."""

    def __init__(self) -> None:
        """Begin with nothing spent."""
        self._asked: deque[float] = deque()
        self._again: deque[float] = deque()

    def ask(self, now: float) -> None:
        """Count a request."""
        self._asked.append(now)

    def takes(self, now: float) -> bool:
        """Count one that is asked again; False when there were too many."""
        for times in (self._asked, self._again):
            while times and times[0] < now - RETRY_SECONDS:
                times.popleft()
        if len(self._again) >= max(RETRY_LEAST, RETRY_SHARE * len(self._asked)):
            return False
        self._again.append(now)
        return True


class Models:
    """The models of this server."""

    def __init__(
        self,
        client: ModelClient,
        models: Sequence[Model],
        *,
        now: Callable[[], float] | None = None,
        chance: Random | None = None,
    ) -> None:
        """Take an opened client and the models in order of preference; names are unique.

        `now` gives seconds that only grow (default: the event loop's), `chance` chooses among equals.

        Raises:
            ValueError: two models have one name.
        """
        self._client = client
        placed = [model if model.tier is not None else replace(model, tier=at) for at, model in enumerate(models)]
        self._models = tuple(sorted(placed, key=_tier))
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._chance = chance or Random()  # noqa: S311 - spreads load, guards nothing
        if len({model.name for model in models}) != len(models):
            raise ValueError("two models have the same name")
        self._health = {model.name: Health() for model in models}
        self._places = {model.name: Places(model.at_once) for model in models}
        self._retries = Retries()
        self.replies = Replies(self._models)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in order of preference; empty when Daeri works keyless."""
        return tuple(model.name for model in self._models)

    def sight(self, classes: frozenset[str], wished: str | None = None) -> Sight:
        """Say who is asked about a context that holds data of these classes: the models that may see most of it.

        Neither a wish for one of them nor a rest of theirs makes them others: no reason to send personal data further.
        """
        seen = max((classes & model.sees for model in self._models), key=len, default=frozenset())
        able = sorted((model.name for model in self._models if seen <= model.sees), key=lambda name: name != wished)
        return Sight(tuple(able), classes - seen, wished if wished in able else None)

    def context(self, names: Sequence[str]) -> int | None:
        """Return the tokens that every one of these models takes, since any may answer; None where none says."""
        known = (model.context for model in self._models if model.name in names and model.context)
        return min(known, default=None)

    def price(self, name: str) -> Price | None:
        """Return what a model costs, where it is known."""
        return next((model.price for model in self._models if model.name == name), None)

    def provider(self, name: str) -> str:
        """Return who answers for a model."""
        return next(provider_of(model.base_url) for model in self._models if model.name == name)

    def health(self, name: str) -> Health:
        """Return what is known of a model."""
        return self._health[name]

    async def stream(
        self,
        messages: Sequence[Json],
        tools: Sequence[Json] = (),
        *,
        name: str | None = None,
        among: Collection[str] | None = None,
        options: Json | None = None,
        rank: int = 0,
    ) -> AsyncGenerator[Item, None]:
        """Yield the reply of the named model (default: the best), or of the next ones if it yields nothing.

        Nobody but the models `among` these names is asked, where names are given. A model that is asked as much as it
        may be at once is waited for; a lower `rank` goes first.

        Once an item was yielded there is no fallback: nobody gets the halves of two answers. All attempts together
        have the first model's total_seconds, the wait for a place not counted. `Finished.name` tells who answered;
        where the endpoint tells no cost, the model's price does.

        Raises:
            NotFound: no model has that name.
            ModelUnavailable: there is no model at all, all of them rest, or the last one failed (EndpointFailed).
            ModelTimeout: the last one was too slow, or the time ran out.
        """
        started = self._now()
        order = self._order(name, among, started)
        deadline = started + order[0].total_seconds
        self._retries.ask(started)
        for model in order:
            began, arrived = False, self._now()
            try:
                async with self._places[model.name].taken(rank):
                    deadline += self._now() - arrived
                    left = max(deadline - self._now(), 0.001)
                    limited = replace(model, total_seconds=min(model.total_seconds, left))
                    async with aclosing(self._watched(limited, messages, tools, options)) as items:
                        async for item in items:
                            began = True
                            yield item
            except (EndpointFailed, ModelTimeout):
                now = self._now()
                if began or model is order[-1] or now >= deadline or not self._retries.takes(now):
                    raise
            else:
                return

    async def _watched(
        self, model: Model, messages: Sequence[Json], tools: Sequence[Json], options: Json | None
    ) -> AsyncGenerator[Item, None]:
        """Yield one model's reply, and learn from how it goes."""
        health, started, began = self._health[model.name], self._now(), False
        health.begin()
        try:
            async with aclosing(self._client.stream(model, messages, tools, options=options)) as items:
                async for item in items:
                    if not began:
                        began = True
                        health.answered(self._now() - started)
                    yield _priced(item, model) if isinstance(item, Usage) else item
        except (EndpointFailed, ModelTimeout) as error:
            if not (isinstance(error, ModelRefused) and error.http_status in OUR_FAULT):
                health.failed(self._now())
            raise
        finally:
            health.is_tried = False

    def _order(self, name: str | None, among: Collection[str] | None, now: float) -> list[Model]:
        """Return whom to ask, one after the other."""
        if not self._models:
            raise ModelUnavailable(Text("설정된 AI 모델이 없어요.", "No AI model is configured."))
        order = [model for model in self._ranked() if among is None or model.name in among]
        if name is not None:
            chosen = [model for model in order if model.name == name]
            if not chosen:
                raise NotFound(Text(f"'{name}' 모델은 없어요.", f"There is no model '{name}'."))
            order = chosen + [model for model in order if model.name != name]
        able = [model for model in order if self._health[model.name].is_open_at(now)]
        if not able:
            wait = max(1, round(min(self._health[model.name].paused_until for model in order) - now))
            raise ModelUnavailable(
                Text(
                    f"AI 모델이 모두 응답하지 않아 잠시 쉬고 있어요. {wait}초 뒤에 다시 해 주세요.",
                    f"Every AI model has stopped answering and rests; try again in {wait} s.",
                ),
                extra={"retry_after": wait},
            )
        return able

    def _ranked(self) -> Iterator[Model]:
        """Yield the models tier by tier; within one at random, heavier and quicker ones sooner."""
        for _, tier in groupby(self._models, key=_tier):
            left = list(tier)
            while left:
                weights = [model.weight / (self._health[model.name].first_seconds or 1.0) for model in left]
                drawn = self._chance.choices(left, weights)[0] if len(left) > 1 else left[0]
                left.remove(drawn)
                yield drawn


def _tier(model: Model) -> int:
    return model.tier or 0


def _priced(usage: Usage, model: Model) -> Usage:
    """Return a usage with its cost by the model's price, where the endpoint told none and the price is known."""
    if usage.cost_usd is not None or model.price is None:
        return usage
    return replace(usage, cost_usd=model.price.of(usage.input_tokens, usage.output_tokens))
