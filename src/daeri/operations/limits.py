"""How often may somebody ask? Limits for people, keys, operations and models, each over a moving window.

A limit of an operation or a model counts for each person alone: one person's haste is not another's wait.
"""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, get_args

from daeri.errors import RateLimited
from daeri.records.actor import Actor
from daeri.wording import Text

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import MovingWindowRateLimiter

Of = Literal["person", "key", "operation", "model"]

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_LIMIT: Final = re.compile(
    rf"(?P<of>{'|'.join(get_args(Of))})(:(?P<name>[^=\s]+))?\s*=\s*(?P<most>[1-9]\d{{0,8}})/(?P<time>{'|'.join(_SECONDS)})"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so many seconds.

    Attributes:
        of: whose or of what.
        name: the one operation or model that it is of; "" for each of them.
    """

    of: Of
    name: str
    most: int
    seconds: int

    @classmethod
    def read(cls, text: str) -> "Limit":
        """Return a limit as the settings write it: "person=600/minute", "operation:leave.request=10/hour".

        Raises:
            ValueError: it is none.
        """
        found = _LIMIT.fullmatch(text.strip())
        if found is None or (found["name"] and found["of"] in ("person", "key")):
            msg = f"{text!r} is no limit: write person=600/minute, key=…, operation:NAME=…, model:NAME=…"
            raise ValueError(msg)
        return cls(found["of"], found["name"] or "", int(found["most"]), _SECONDS[found["time"]])  # type: ignore[arg-type]

    @property
    def policy(self) -> str:
        """What it is called where callers are told of it."""
        return f"{self.of}:{self.name}" if self.name else self.of


@dataclass(frozen=True, slots=True)
class Left:
    """How much of a limit is left to someone, and in how many seconds all of it will be."""

    limit: Limit
    left: int
    seconds: int


class Limiter:
    """Counts, in this process."""

    def __init__(self, limits: Sequence[Limit] = ()) -> None:
        """Take the limits; without any, nothing is counted."""
        self._limits = limits
        self._items: dict[Limit, RateLimitItem] = {}

    @cached_property
    def _windows(self) -> "MovingWindowRateLimiter":
        # The library takes a part of the start that a command which counts nothing need not spend.
        from limits import RateLimitItemPerSecond  # noqa: PLC0415
        from limits.aio.storage import MemoryStorage  # noqa: PLC0415
        from limits.aio.strategies import MovingWindowRateLimiter  # noqa: PLC0415

        self._items = {limit: RateLimitItemPerSecond(limit.most, limit.seconds) for limit in self._limits}
        return MovingWindowRateLimiter(MemoryStorage())

    async def request(self, actor: Actor) -> Left | None:
        """Count a request of an actor's; return the limit that is nearest to its end.

        Raises:
            RateLimited: there were too many.
        """
        found = [await self._count("person", "", str(actor.person_id)), await self._count("key", "", actor.credential)]
        return min((one for one in found if one), key=lambda one: one.left / one.limit.most, default=None)

    async def operation(self, actor: Actor, name: str) -> None:
        """Count a call of an operation.

        Raises:
            RateLimited: there were too many.
        """
        if not actor.everything:  # Daeri itself, setting a company up, is in nobody's way
            await self._count("operation", name, str(actor.person_id))

    async def model(self, actor: Actor, name: str) -> None:
        """Count a request to a model.

        Raises:
            RateLimited: there were too many.
        """
        await self._count("model", name, str(actor.person_id))

    async def _count(self, of: Of, name: str, who: str) -> Left | None:
        nearest: Left | None = None
        for limit in self._limits:
            if limit.of != of or limit.name not in ("", name) or not who:
                continue
            windows = self._windows
            item, counted = self._items[limit], (limit.policy, name, who)
            taken = await windows.hit(item, *counted)
            stats = await windows.get_window_stats(item, *counted)
            here = Left(limit, stats.remaining, max(0, math.ceil(stats.reset_time - time.time())))
            if not taken:
                raise _too_many(here)
            if nearest is None or here.left / limit.most < nearest.left / nearest.limit.most:
                nearest = here
        return nearest


def _too_many(here: Left) -> RateLimited:
    limit, wait = here.limit, max(1, here.seconds)
    of = {"person": ("한 사람", "a person"), "key": ("한 키", "a key")}.get(limit.of, (limit.policy, limit.policy))
    return RateLimited(
        Text(
            f"{of[0]}의 한도({limit.seconds}초에 {limit.most:,}번)를 넘었어요. {wait}초 뒤에 다시 해 주세요",
            f"More than {of[1]} may ({limit.most:,} in {limit.seconds} s); try again in {wait} s",
        ),
        extra={"retry_after": wait, "limit": {"name": limit.policy, "q": limit.most, "w": limit.seconds}},
    )
