"""Which answers are remembered, so that a read that costs much is not made anew each time? Those of declared reads.

The same means the same in everything: the operation as it is declared, its arguments, its words' language, and the
whole authority of who asks. An answer made of records is forgotten, besides, as soon as anything is changed in them
through Daeri, or the day is over: the audit tells of every change, in the transaction of the change. So a right that
hangs on a row, however the rules put it, ends with the row. Such answers stay in this process, whose rules made them.

What a service outside answered is the same for all servers that call it. They share it in Redis, where there is one and
no sensitive data is in it; that Redis is away is nothing but a miss.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection

from daeri.bounded import Bounded
from daeri.canonical import digest
from daeri.exchange import Away, Exchange, Script
from daeri.operations.call import Call
from daeri.operations.outcome import Done
from daeri.operations.sensitivity import classes_in
from daeri.records import audit
from daeri.records.trail import Trail

CHARACTERS_MAX: Final = 16 * 2**20
"""Characters of answers that one process remembers."""
SHARED_CHARACTERS: Final = 32_768
"""Characters of an answer that servers share; a longer one would keep the limits waiting, which go the same way."""
SHARED_MAX: Final = 1_000
"""Answers that Redis holds at most; beyond it those that would end first go."""
PREFIX: Final = "daeri:answer:"
_ALL: Final = "daeri:answers"

_FIND: Final = Script("""
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {} end
return {redis.call('GET', KEYS[2]) or '', redis.call('PTTL', KEYS[2])}
""")
_KEEP: Final = Script("""
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[3], KEYS[3])
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[4]) do
    redis.call('DEL', redis.call('ZPOPMIN', KEYS[2])[1])
end
return {1}
""")


@dataclass(frozen=True, slots=True)
class Asked:
    """What tells one read from every other one, at the state of the records that it was asked at.

    Attributes:
        at: when that was.
    """

    key: str
    operation: str
    seconds: int
    is_shared: bool
    at: float


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was answered, as text so that nobody can change it, and what was seen for it."""

    text: str
    seen: Trail = field(default_factory=Trail)


class Answers:
    """The answers that one server remembers."""

    def __init__(self, exchange: Exchange | None = None, now: Callable[[], float] = time.monotonic) -> None:
        """Take the connection to Redis, if there is one; `now` gives seconds that only grow."""
        self._exchange = exchange
        self._kept = Bounded[_Answer](CHARACTERS_MAX, now)
        self._looked: tuple[int, int] | None = None
        self._under_way: dict[str, asyncio.Event] = {}

    def asked(self, connection: Connection, call: Call, *, arguments: dict[str, Any], day: str) -> Asked:
        """Return what a call asks for, in the visit in which it is let in, or in which it is answered."""
        operation = call.operation
        of_records = [] if operation.cached_as else [day, self._changed(connection)]
        same = [operation.shape, operation.cached_as, arguments, call.lang, call.actor.authority, of_records]
        return Asked(
            digest(same), operation.name, operation.cache_seconds or 0, bool(operation.cached_as), self._kept.now()
        )

    def _changed(self, connection: Connection) -> int:
        """Return the audit's entry that told of the last change to records, as far as this process looked.

        Two visits that get the same number saw the same records. Visits go on in several threads: one that looked
        earlier may put its look in the place of a later one, which then is only made again.
        """
        before = self._looked
        head, changed = audit.changed_since(connection, before[0] if before else None)
        if before and changed == before[0]:  # nothing since
            changed = before[1]
        self._looked = head, changed
        return changed

    @asynccontextmanager
    async def turn(self, asked: Asked) -> AsyncIterator[None]:
        """Let one look for an answer that several ask for at once; the others come when it is there, or will not be."""
        before = self._under_way.get(asked.key)
        if before is not None:
            await before.wait()
        mine = self._under_way[asked.key] = asyncio.Event()
        try:
            yield
        finally:
            mine.set()
            if self._under_way.get(asked.key) is mine:
                del self._under_way[asked.key]

    async def find(self, asked: Asked) -> tuple[Done, Trail] | None:
        """Return the answer that is remembered for the same, and what was seen for it; None where none is."""
        kept = self._kept.find(asked.key)
        if kept is None and asked.is_shared:
            await self._fetch(asked)
            kept = self._kept.find(asked.key)
        done = _read(kept.value.text) if kept is not None else None
        if kept is None or done is None:
            return None
        return replace(done, age=math.floor(self._kept.now() - kept.at)), kept.value.seen

    async def keep(self, asked: Asked, done: Done, seen: Trail) -> None:
        """Remember an answer; one that tells of company files does not last, as those change beside the audit."""
        if seen.levels and not asked.is_shared:
            return
        text, age = json.dumps(asdict(done)), self._kept.now() - asked.at
        self._kept.keep(asked.key, _Answer(text, seen), asked.seconds, len(text), age)
        left = math.floor((asked.seconds - age) * 1000)
        if (
            left <= 0
            or self._exchange is None
            or not asked.is_shared
            or len(text) > SHARED_CHARACTERS
            or classes_in(done.sources)
        ):
            return
        with suppress(Away):
            keys = [_ALL, PREFIX + asked.key]
            await self._exchange.ask(_KEEP, keys, [text, left, SHARED_MAX])

    async def _fetch(self, asked: Asked) -> None:
        """Take over what another server remembers, for the rest of its time."""
        if self._exchange is None:
            return
        with suppress(Away):
            text, left = await self._exchange.ask(_FIND, [PREFIX + asked.key], [])
            done = _read(text)
            if done is not None and done.operation == asked.operation and left > 0:
                age = asked.seconds - left / 1000
                self._kept.keep(asked.key, _Answer(text), asked.seconds, len(text), age)


def _read(text: str) -> Done | None:
    """Return an answer that was kept; None where a server of another version wrote it."""
    try:
        return Done(**json.loads(text))
    except (ValueError, TypeError):
        return None
