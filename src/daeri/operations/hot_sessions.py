"""For whom does a session stand, without a visit to the database at each request? Kept hot where servers share Redis.

Each server keeps in its own memory, for `HOT_SECONDS`, what it read of a session. Redis says whether it still holds: it
keeps the name of a state, which ends with every change of what sessions are made of (`Identity.made_of`), before the
change is acknowledged. So a look at a session is one question to Redis, and nothing of anybody's is kept there: whoever
can write to Redis can make nobody anybody. What Redis could not be told holds for those seconds at the longest.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from daeri.bounded import Bounded
from daeri.exchange import Away, Exchange, Script
from daeri.records.identity import SignedIn

HOT_SECONDS: Final = 5
"""How old a look at a session may be, whatever goes wrong: as long as a revocation may take at the worst."""
SESSIONS_MAX: Final = 10_000
STATE: Final = "daeri:sessions"

_LOOK: Final = Script("""
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {} end
local state = redis.call('GET', KEYS[2])
if not state then
    state = ARGV[2]
    redis.call('SET', KEYS[2], state)
end
return {state}
""")
_END: Final = Script("""
redis.call('DEL', KEYS[2])
return {1}
""")
"""Ends the state; the next look begins another one. To remove something is possible even where Redis is full."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read of a session, and the name of a state that had begun before it was."""

    signed_in: SignedIn
    state: str


class HotSessions:
    """The sessions that one server keeps hot."""

    def __init__(self, exchange: Exchange) -> None:
        """Take the connection to Redis; whoever owns it opens it."""
        self._exchange = exchange
        self._kept = Bounded[_Kept](SESSIONS_MAX)
        self._state = ""
        self._untold: object | None = None
        exchange.returning.append(self._tell_at_last)

    async def look(self, name: str, read: Callable[[], Awaitable[SignedIn]]) -> SignedIn:
        """Return what is kept of a session, else what `read` returns.

        Raises:
            Unauthenticated: as `read` does.
        """
        if not self._is_sure:
            return await read()
        kept = self._kept.find(name)
        if kept is not None or not self._state:
            try:
                (state,) = await self._exchange.ask(_LOOK, [STATE], [uuid4().hex])
            except Away:
                return await read()
            self._state = state
            if kept is not None and kept.value.state == state and self._is_sure:
                return kept.value.signed_in
        state, begun = self._state, self._kept.now()
        signed_in = await read()
        self._kept.keep(name, _Kept(signed_in, state), HOT_SECONDS, 1, self._kept.now() - begun)
        return signed_in

    @property
    def _is_sure(self) -> bool:
        """Whether Redis was told of all that changed in the time of which something may be kept."""
        return self._untold is None and self._exchange.is_sure(HOT_SECONDS)

    async def tell(self) -> None:
        """End the state, after what sessions are made of was changed; until that succeeds nothing here is believed."""
        mine = self._untold = object()
        say = self._exchange.ask if self._exchange.is_open else self._exchange.once
        with suppress(Away):
            await say(_END, [STATE], [])
            if self._untold is mine:  # else something was changed after it, and is yet to be told
                self._untold = None

    async def _tell_at_last(self) -> None:
        if self._untold is not None:
            await self.tell()
