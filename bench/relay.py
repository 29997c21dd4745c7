"""What does a relayed token cost beside nginx and beside a relay written by hand? `python -m bench relay`.

All relays stand before the same model and take turns, round by round, so that a noisy machine is unfair to none. Daeri
checks a key and its scope, and notes the usage of each request in its audit; the others do none of that. Where there
are many streams it gathers what each of them brings for up to a fifth of a second: how long callers wait from piece to
piece stands beside what that saves.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any, Final

from bench.folder import Folder, opened
from bench.model_at_speed import TOKENS
from bench.server import ROOT, Server, by_daeri
from bench.table import aligned

MODEL: Final = "at-speed"
ROUNDS: Final = 3
WARM_UP: Final = 50
PACE: Final = 20
"""Milliseconds between two tokens of a model that is neither slow nor fast."""
PACES: Final = {PACE: (100, 500, 2_000), 0: (500,)}
"""How many streams at once are relayed, by the milliseconds between their tokens."""
HEAD: Final = (
    *("relay of 100 tokens a stream", "µs CPU per token"),
    *("first byte p50 ms", "p99 ms", "between pieces p50 ms", "p99 ms", "streams right"),
)
FIGURES: Final = ("cpu", "first_p50", "first_p99", "gap_p50", "gap_p99")


@dataclass
class Relay:
    """One relay, and what its rounds gave by number of streams."""

    pace: str
    what: str
    server: Server
    key: str
    rounds: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def line(self, streams: int) -> tuple[str, ...]:
        """Return its line of the table."""
        rounds = self.rounds[streams]
        right = sum(one["right"] for one in rounds)
        figures = (f"{median(one[name] for one in rounds):.1f}" for name in FIGURES)
        return (f"{self.pace}{streams} streams: {self.what}", *figures, f"{right:,} of {streams * len(rounds):,}")


def by_hand(upstream: str, _: Folder, port: int) -> Sequence[str]:
    """Return the command of the relay that was written by hand."""
    return ("-m", "bench.relay_by_hand", str(port), upstream)


def by_nginx(upstream: str, _: Folder, port: int) -> Sequence[str]:
    """Return the command of nginx."""
    return ("-m", "bench.nginx", str(port), upstream)


def at_speed(gap: int, _: Folder, port: int) -> Sequence[str]:
    """Return the command of the model behind them all."""
    return ("-m", "bench.model_at_speed", str(port), str(gap))


async def compare(folder: Folder, say: Callable[[str], None]) -> str:
    """Measure every relay at every pace and number of streams and return the table."""
    async with opened(folder) as daeri:
        key = await daeri.identity.add_key(folder.deputy, "relay", decides=False, scopes=[f"model.{MODEL}"])
    lines = []
    for gap, counts in PACES.items():
        async with AsyncExitStack() as stack:
            relays = await _relays(stack, folder, gap, key.secret)
            for relay in relays:
                await _listened(relay, WARM_UP)
            for streams in counts:
                say(f"relaying {streams} streams, {gap} ms between tokens")
                for relay in relays * ROUNDS:
                    relay.rounds.setdefault(streams, []).append(await _round(relay, streams))
            lines += [relay.line(streams) for streams in counts for relay in relays]
    return aligned(HEAD, lines, left=(0,))


async def _relays(stack: AsyncExitStack, folder: Folder, gap: int, key: str) -> list[Relay]:
    """Start every relay before a model at a pace."""
    pace = "" if gap else "no delay, "
    upstream = (await stack.enter_async_context(Server(folder, partial(at_speed, gap)))).url
    told = {"DAERI_MODEL_URL": f"{upstream}/v1", "DAERI_MODEL": MODEL}
    server = await stack.enter_async_context(Server(folder, by_daeri, told))
    hand = await stack.enter_async_context(Server(folder, partial(by_hand, upstream)))
    relays = [
        Relay(pace, "Daeri, key and scope checked, usage noted", server, key),
        Relay(pace, "FastAPI and httpx2 by hand", hand, "by-hand"),
    ]
    if shutil.which("nginx"):
        nginx = await stack.enter_async_context(Server(folder, partial(by_nginx, upstream)))
        relays.append(Relay(pace, "nginx, no buffering, nothing checked", nginx, "none"))
    return relays


async def _round(relay: Relay, streams: int) -> dict[str, Any]:
    before = relay.server.cpu()
    told = await _listened(relay, streams)
    return {**told, "cpu": (relay.server.cpu() - before) * 1000 / (streams * TOKENS)}


async def _listened(relay: Relay, streams: int) -> dict[str, Any]:
    port = relay.server.url.rpartition(":")[2]
    command = (sys.executable, "-m", "bench.listeners", port, str(streams), relay.key, MODEL)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    told, _ = await process.communicate()
    answer: dict[str, Any] = json.loads(told)
    return answer
