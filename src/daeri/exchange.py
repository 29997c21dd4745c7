"""What do servers share beside the database? What one Redis holds for a while: a hint, never the truth.

Whoever asks is answered within `ANSWER_SECONDS` or told that Redis is away; then it is left alone until it answers a
beat again. Beats also find out whether it may have forgotten something: it was started anew, flushed, short of memory.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha1
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog

from daeri.errors import DaeriError

if TYPE_CHECKING:
    from redis.asyncio import Redis

ANSWER_SECONDS: Final = 0.04
"""How long a request waits for Redis."""
BEAT_SECONDS: Final = 0.25
BEAT_PATIENCE: Final = 0.5
"""How long a beat waits: a request's patience would take a busy server for a lost Redis."""
SETTLE_SECONDS: Final = 2.0
"""How long after its return Redis is not believed alone: the other servers note what they allowed without it."""
LAST_WORDS_SECONDS: Final = 0.01
"""What Redis told before it went may still be on its way, on another connection."""
LOOK_SECONDS: Final = 0.01
MORE_LOOKS: Final = 8
"""Turns of a busy event loop after which an answer that had come in time is seen."""

_MEMORY: Final = "daeri:memory"
_CHANNEL: Final = "daeri"
_SERVERS: Final = "servers"

log = structlog.get_logger()


class Away(Exception):
    """Redis does not answer, or not in time, or has forgotten what it knew."""


@dataclass(frozen=True, slots=True)
class Script:
    """What Redis carries out in one go.

    Its first key is where it keeps its memory's name, its first argument that name; where they differ, it answers
    nothing.
    """

    text: str

    @property
    def name(self) -> str:
        """What Redis calls it."""
        return sha1(self.text.encode()).hexdigest()  # noqa: S324 - Redis names scripts so


_LOOK: Final = Script("""
local kept = redis.call('HMGET', KEYS[1], 'id', 'life', 'born')
local id, life, born = kept[1], kept[2], kept[3]
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if not id or life ~= ARGV[1] then
    born = (id or ARGV[2] ~= '') and tostring(now) or '0'
    id = ARGV[3]
    redis.call('HSET', KEYS[1], 'id', id, 'life', ARGV[1], 'born', born)
elseif ARGV[2] ~= '' and ARGV[2] ~= id and born == '0' then
    born = tostring(now)
    redis.call('HSET', KEYS[1], 'born', born)
end
redis.call('HSET', KEYS[1], 'beat', tostring(now))
local servers = redis.call('PUBSUB', 'NUMSUB', ARGV[4])[2]
if ARGV[5] == '1' then redis.call('PUBLISH', ARGV[4], ARGV[6] .. ' ' .. servers) end
return {id, tostring(now - born), servers}
""")
"""Names Redis's memory anew where it may have forgotten something (it lives another life than the one noted), and tells
since when it remembers. A server that knew an older memory says so, in case a new one could not know of any. Of a
server that comes or is back all others are told at once how many they are now, lest Redis is lost before they look. It
writes in any case, so that a full Redis counts as away.
"""


@dataclass(slots=True)
class _Ask:
    script: Script
    keys: Sequence[str]
    arguments: Sequence[str | int]
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Exchange:
    """One server's connection to Redis.

    Attributes:
        is_up: whether Redis answers and is heard.
        lost_at: when it was last lost.
        present_since: since when this server has heard what is told; before it met Redis, since when it waits for it.
        servers: how many servers hear it; while anything is in doubt, the most there were.
        returning: what is awaited each time Redis is met or back.
    """

    def __init__(self, url: str) -> None:
        """Take the address; nothing is opened yet."""
        self._url = url
        self._asked: list[_Ask] = []
        self._some = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard: dict[str, Callable[[str], None]] = {_SERVERS: self._count_in}
        self._is_heard = asyncio.Event()
        self._was_lost = asyncio.Event()
        self._memory = ""
        self._remembers_since = float("inf")
        self._returned_at = float("inf")
        self._loaded: set[str] = set()
        self._missed = "slow"
        self.is_up = False
        self.lost_at = float("-inf")
        self.present_since = float("-inf")
        self.servers = 0
        self.returning: list[Callable[[], Awaitable[None]]] = []

    @property
    def was_met(self) -> bool:
        """Whether Redis ever answered this server."""
        return bool(self._memory)

    @property
    def is_open(self) -> bool:
        """Whether this process is one of the servers that share Redis; a command is none."""
        return bool(self._tasks)

    def is_sure(self, seconds: int) -> bool:
        """Say whether Redis knows all that happened in the last so many seconds."""
        now = time.monotonic()
        return self.is_up and now - self._returned_at >= SETTLE_SECONDS and now - self._remembers_since >= seconds

    def hear(self, subject: str, heard: Callable[[str], None]) -> None:
        """Call `heard` with what any server tells of a subject."""
        self._heard[subject] = heard

    @cached_property
    def channel(self) -> str:
        """Where all is told; the database's number keeps two companies on one Redis apart."""
        return f"{_CHANNEL}:{self._redis.connection_pool.connection_kwargs.get('db', 0)}"

    @cached_property
    def _redis(self) -> "Redis":
        return self._client()

    def _client(self) -> "Redis":
        # The library takes a part of the start that servers without Redis need not spend.
        from redis.asyncio import Redis  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        return Redis.from_url(
            self._url,
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=BEAT_PATIENCE,
            socket_keepalive=True,
        )

    async def open(self) -> None:
        """Go and meet Redis; where it does not answer, it is looked for again and again."""
        self.present_since = time.monotonic()
        self._tasks = [asyncio.create_task(self._hear_on()), asyncio.create_task(self._carry_on())]
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_PATIENCE):
                await self._is_heard.wait()
        await self._beat()
        if not self.is_up:
            log.warning("redis.never_met", why=self._missed)
        self._tasks.append(asyncio.create_task(self._beat_on()))

    async def close(self) -> None:
        """Leave."""
        left = set(self._tasks)
        while left:  # the library may take a cancellation for a timeout of its own
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=LAST_WORDS_SECONDS)
        self._lose()
        await self._redis.aclose()

    async def ask(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Have Redis carry out a script, and return its answer.

        Raises:
            Away: it does not answer soon enough, or has forgotten; whether it carried it out is not known.
        """
        if not self.is_up:
            raise Away
        asked = _Ask(script, [_MEMORY, *keys], [self._memory, *arguments])
        self._asked.append(asked)
        self._some.set()
        await _patiently(asked.answer)
        looks = MORE_LOOKS
        while not asked.answer.done() and looks:
            looks -= 1
            await asyncio.sleep(0)
        if not asked.answer.done():
            asked.answer.cancel()
            self._lose("slow")
            raise Away
        answer = asked.answer.result()
        if answer is None:
            raise Away
        if not answer:
            self._lose("forgot")
            raise Away
        return answer

    async def once(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> None:
        """Have Redis carry out a script from a process that is none of the servers and knows of no memory.

        Raises:
            Away: it does not answer.
        """
        from redis.exceptions import RedisError  # noqa: PLC0415

        redis = self._client()  # its own: to close one takes it away from all who are at it
        try:
            async with asyncio.timeout(BEAT_PATIENCE):
                await redis.eval(script.text, 1 + len(keys), _MEMORY, *keys, "", *arguments)
        except (RedisError, OSError, TimeoutError):
            raise Away from None
        finally:
            await redis.aclose()

    async def tell(self, subject: str, messages: Sequence[str]) -> None:
        """Tell all servers that hear.

        Raises:
            Away: Redis does not answer.
        """
        await self.ask(_TELL, [], [self.channel, *(f"{subject} {message}" for message in messages)])

    def _lose(self, why: str = "") -> None:
        if self.is_up:
            self.is_up = False
            self.lost_at = time.monotonic()
            self._was_lost.set()
            if why:
                log.warning("redis.away", why=why)
        for asked in self._asked:
            if not asked.answer.done():
                asked.answer.set_result(None)
        self._asked.clear()

    async def _carry_on(self) -> None:
        """Send what is asked, all that came together in one go."""
        while True:
            await self._some.wait()
            self._some.clear()
            asked, self._asked = [one for one in self._asked if not one.answer.done()], []
            if asked:
                await self._carry(asked)

    async def _carry(self, asked: Sequence[_Ask]) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415

        try:
            async with asyncio.timeout(BEAT_PATIENCE), self._redis.pipeline(transaction=False) as pipe:
                for script in {one.script.text for one in asked} - self._loaded:
                    await self._redis.script_load(script)
                    self._loaded.add(script)
                for one in asked:
                    pipe.evalsha(one.script.name, len(one.keys), *one.keys, *one.arguments)
                answers = await pipe.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            answers = [error] * len(asked)
        failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if failed is not None:
            self._loaded.clear()
            await asyncio.sleep(LAST_WORDS_SECONDS)
            self._lose(str(failed)[:200] or type(failed).__name__)
        for one, answer in zip(asked, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(None if isinstance(answer, Exception) else answer)

    async def _beat_on(self) -> None:
        while True:
            with suppress(TimeoutError):  # whoever was lost is looked for at once, and from then on at every beat
                await asyncio.wait_for(self._was_lost.wait(), BEAT_SECONDS)
            self._was_lost.clear()
            await self._beat()

    async def _beat(self) -> None:
        """Look whether Redis is there, and whether it still knows what it knew."""
        from redis.exceptions import RedisError  # noqa: PLC0415

        try:
            async with asyncio.timeout(BEAT_PATIENCE):
                info = await self._redis.info()
                life = f"{info['run_id']}:{info['evicted_keys']}"
                arguments = [life, self._memory, uuid4().hex, self.channel, str(int(not self.is_up)), _SERVERS]
                memory, age, servers = await self._redis.eval(_LOOK.text, 1, _MEMORY, *arguments)
        except (RedisError, OSError, TimeoutError, KeyError, ValueError) as error:  # a proxy may tell less
            await asyncio.sleep(LAST_WORDS_SECONDS)
            self._missed = str(error)[:200] or type(error).__name__
            self._lose(self._missed)
            return
        if self._memory not in ("", memory):
            self._lose("forgot")
        is_sure = self.is_sure(0)
        self.servers = int(servers) if is_sure else max(self.servers, int(servers))
        first = not self._memory
        self._memory, self._remembers_since = memory, time.monotonic() - float(age)
        if not self.is_up and self._is_heard.is_set():
            self.is_up = True
            now = time.monotonic()
            self._returned_at = float("-inf") if first else now
            self.present_since = now if first else self.present_since
            log.info("redis.here", servers=self.servers)
            for told in self.returning:
                try:
                    await told()
                except DaeriError as error:  # the database may be away with it; what was missed is found a little later
                    log.warning("redis.untold", why=error.detail.en)

    def _count_in(self, servers: str) -> None:
        """Hear that another server came; that one left is seen at a beat."""
        self.servers = max(self.servers, int(servers))

    async def _hear_on(self) -> None:
        """Hear what is told, on a connection of its own."""
        from redis.exceptions import RedisError  # noqa: PLC0415

        while True:
            try:
                async with self._redis.pubsub() as ear:
                    await ear.subscribe(self.channel)
                    async for message in ear.listen():
                        self._is_heard.set()
                        if message["type"] == "message":
                            subject, _, news = message["data"].partition(" ")
                            self._heard.get(subject, _ignore)(news)
            except (RedisError, OSError) as error:
                self._is_heard.clear()
                self._lose(str(error)[:200] or type(error).__name__)
            await asyncio.sleep(BEAT_SECONDS)


async def look_at(url: str) -> tuple[str, bool]:
    """Return the version of a Redis, and whether it may throw away what it is to remember.

    Raises:
        Away: it does not answer; with what is known of why.
    """
    from redis.exceptions import RedisError  # noqa: PLC0415

    exchange = Exchange(url)
    try:
        async with asyncio.timeout(BEAT_PATIENCE):
            info = await exchange._redis.info()  # noqa: SLF001 - the same connection, before anything is opened
    except (RedisError, OSError, TimeoutError) as error:
        raise Away(str(error) or type(error).__name__) from None
    finally:
        await exchange._redis.aclose()  # noqa: SLF001
    return str(info["redis_version"]), info.get("maxmemory_policy", "noeviction") != "noeviction"


async def _patiently(answer: asyncio.Future[Any]) -> None:
    """Wait for an answer; the time that this process was late itself, on a busy machine, is not Redis's."""
    left = ANSWER_SECONDS
    while left > 0:
        begun = time.perf_counter()
        await asyncio.wait({answer}, timeout=min(left, LOOK_SECONDS))
        if answer.done():
            return
        left -= min(LOOK_SECONDS, time.perf_counter() - begun)


def _ignore(_: str) -> None:
    """Pass over what nobody here asked to hear of."""


_TELL: Final = Script("""
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {} end
for i = 3, #ARGV do redis.call('PUBLISH', ARGV[2], ARGV[i]) end
return {1}
""")
