"""What does it take to know who is signed in? `python -m bench sessions`: read from PostgreSQL, and hot by Redis.

And the way that was not taken: the session itself in Redis, as text. One look after the other, and ten at once.
"""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from redis import Redis
from redis.exceptions import RedisError

from bench import postgres
from bench.folder import opened, sample_folder
from bench.server import cpu_of, free_port, tree_of
from bench.table import aligned
from daeri.exchange import Exchange, Script
from daeri.operations.hot_sessions import HotSessions
from daeri.records.actor import Actor
from daeri.records.identity import Identity

ROUNDS = 5
LOOKS = 2_000
AT_ONCE = 10
START_SECONDS = 10

_COPY = Script("""
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {} end
return redis.call('MGET', KEYS[2], KEYS[3])
""")

Look = Callable[[], Awaitable[object]]


async def compare(place: Path, say: Callable[[str], None]) -> str:
    """Measure, the ways in turn, and return the table."""
    with postgres.server() as address, _redis(place) as (url, redis):
        say("building the sample company")
        folder = await sample_folder(place / "sessions", address)
        servers = [redis, *_above(address)]
        async with opened(folder) as daeri:
            exchange = Exchange(url)
            hot = HotSessions(exchange)
            await exchange.open()
            await daeri.identity.add_account("bench", folder.deputy, demo=True)
            token, actor = await daeri.identity.sign_in_demo("bench")
            ways = _ways(daeri.identity, hot, exchange, token, actor)
            figures: dict[tuple[str, int], list[tuple[float, float]]] = {}
            for _ in range(ROUNDS):
                for name, look in ways.items():
                    for width in (1, AT_ONCE):
                        say(f"{name}, {width} at once")
                        figures.setdefault((name, width), []).append(await _took(look, width, servers))
            await exchange.close()
    lines = [
        (name, str(width), f"{median(own for own, _ in took):.3f}", f"{median(theirs for _, theirs in took):.3f}")
        for (name, width), took in figures.items()
    ]
    return aligned(("a look at a session", "at once", "CPU ms", "of PostgreSQL and Redis"), lines, left=(0,))


def _ways(identity: Identity, hot: HotSessions, exchange: Exchange, token: str, actor: Actor) -> dict[str, Look]:
    copy = json.dumps({"person": actor.person_id, "name": actor.name, "roles": sorted(actor.roles), "team": 1})
    with Redis.from_url(exchange._url) as client:  # noqa: SLF001 - what was not built has no other way in
        client.mset({"bench:state": "a" * 32, "bench:copy": copy})

    async def read() -> Actor:
        identity.hot = None
        return await identity.actor_of_session(token)

    async def look() -> Actor:
        identity.hot = hot
        return await identity.actor_of_session(token, reads=True)

    async def fetch() -> Actor:
        _, text = await exchange.ask(_COPY, ["bench:state", "bench:copy"], [])
        kept = json.loads(text)
        return Actor(kept["person"], kept["name"], kept["team"], frozenset(kept["roles"]))

    return {"read from PostgreSQL": read, "hot, asked of Redis": look, "itself in Redis": fetch}


async def _took(look: Look, width: int, servers: list[int]) -> tuple[float, float]:
    """Return what a look takes of this process and of the others, in milliseconds."""
    await look()
    own, theirs = time.process_time(), cpu_of(_all(servers))
    for _ in range(LOOKS // width):
        await asyncio.gather(*[look() for _ in range(width)]) if width > 1 else await look()
    return (time.process_time() - own) * 1000 / LOOKS, (cpu_of(_all(servers)) - theirs) / LOOKS


def _all(servers: list[int]) -> Iterator[int]:
    for server in servers:
        yield from tree_of(server)


def _above(address: str) -> Iterator[int]:
    """Yield PostgreSQL's first process."""
    folder = Path(address.partition("?host=")[2])
    yield int((folder / "postmaster.pid").read_text(encoding="ascii").split()[0])


@contextmanager
def _redis(place: Path) -> Iterator[tuple[str, int]]:
    """Start a Redis of one's own; yield its address and its process."""
    port, program = free_port(), shutil.which("redis-server") or "redis-server"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(place), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        with Redis(port=port) as client:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                try:
                    client.ping()
                    break
                except RedisError:
                    time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0", process.pid
    finally:
        process.kill()
        process.wait()
