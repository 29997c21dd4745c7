"""How often may somebody ask? Limits for people, keys, addresses, operations and models, each over a moving window.

A limit of an operation or a model counts for each person alone: one person's haste is not another's wait. An address is
counted where nobody has to say who they are. Several servers count together where they share a Redis (`windows.py`).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from daeri.errors import RateLimited
from daeri.operations.quotas import Quotas
from daeri.operations.windows import Bound, OwnWindows, Windows
from daeri.records.actor import Actor
from daeri.wording import Text

Of = Literal["person", "key", "address", "operation", "model"]

_WHOSE: Final = {"person": ("한 사람", "a person"), "key": ("한 키", "a key"), "address": ("한 주소", "an address")}
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
        if found is None or (found["name"] and found["of"] not in ("operation", "model")):
            msg = f"{text!r} is no limit: write person=600/minute, key=…, address=…, operation:NAME=…, model:NAME=…"
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
    """Counts, in this process or together with other servers."""

    def __init__(
        self, limits: Sequence[Limit] = (), windows: Windows | None = None, quotas: Quotas | None = None
    ) -> None:
        """Take the limits and where they are counted, and the quotas; without any, nothing is counted."""
        self._limits = limits
        self._quotas = quotas
        self._windows = windows or OwnWindows()

    async def request(self, actor: Actor) -> Left | None:
        """Count a request of an actor's; return the limit that is nearest to its end.

        Raises:
            RateLimited: there were too many, or a quota is used up.
        """
        left = await self._count(("person", "", str(actor.person_id)), ("key", "", actor.counted_as))
        if self._quotas is not None:
            await self._quotas.take(actor)
        return left

    async def visit(self, address: str) -> Left | None:
        """Count a request of nobody in particular, from an address.

        Raises:
            RateLimited: there were too many.
        """
        return await self._count(("address", "", address))

    async def operation(self, actor: Actor, name: str, *, is_dry: bool = False) -> None:
        """Count a call of an operation; there may be as many dry runs of it, which do all that a call does but stay.

        They are counted beside the calls, as a person who looks first and then calls does one thing, not two.

        Raises:
            RateLimited: there were too many.
        """
        if not actor.everything:  # Daeri itself, setting a company up, is in nobody's way
            await self._count(("operation", name, f"{actor.person_id} dry" if is_dry else str(actor.person_id)))

    async def model(self, actor: Actor, name: str) -> None:
        """Count a request to a model.

        Raises:
            RateLimited: there were too many.
        """
        await self._count(("model", name, str(actor.person_id)))

    async def _count(self, *subjects: tuple[Of, str, str]) -> Left | None:
        bounds = {
            Bound(f"{limit.policy} {name} {who}", limit.most, limit.seconds): limit
            for of, name, who in subjects
            for limit in self._limits
            if limit.of == of and limit.name in ("", name) and who
        }
        if not bounds:
            return None
        found = [
            (Left(bounds[count.bound], count.left, max(0, math.ceil(count.seconds))), count.taken)
            for count in await self._windows.take(list(bounds))
        ]
        for here, taken in found:
            if not taken:
                raise _too_many(here)
        return min((here for here, _ in found), key=lambda here: here.left / here.limit.most)


def _too_many(here: Left) -> RateLimited:
    limit, wait = here.limit, max(1, here.seconds)
    of = _WHOSE.get(limit.of, (limit.policy, limit.policy))
    return RateLimited(
        Text(
            f"{of[0]}의 한도({limit.seconds}초에 {limit.most:,}번)를 넘었어요. {wait}초 뒤에 다시 해 주세요",
            f"More than {of[1]} may ({limit.most:,} in {limit.seconds} s); try again in {wait} s",
        ),
        extra={"retry_after": wait, "limit": {"name": limit.policy, "q": limit.most, "w": limit.seconds}},
    )
