"""What do an agent's runs cost? `python -m bench runs`: many that stream, one that calls a tool, and 10,000 that wait.

The model is our own, in a process of its own. Every run is asked for over REST and listened to over server-sent events
by a process of its own, and every byte is looked at. CPU is that of Daeri's processes alone.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from shutil import copytree
from statistics import median
from typing import Any, Final

from bench.folder import DATABASE, Folder
from bench.load import WIDTH, Client, check
from bench.model_at_speed import ANSWER_TOKENS, ONE_CALL, TOKENS, word
from bench.relay import PACE, at_speed
from bench.server import ROOT, Server, by_daeri
from bench.table import Line, aligned, table

STREAMS: Final = (200, 2_000)
WARM_UP: Final = 20
ROUNDS: Final = 3
CALLS: Final = 60
"""Runs with one tool call in each round."""
PARKED: Final = 10_000
WAITS: Final = "다음 주 수요일 연차 올려줘"
SETTLED_SECONDS: Final = 12
IDLE_SECONDS: Final = 20
HEAD: Final = (
    f"runs that stream {TOKENS} tokens",
    "CPU ms per 1,000 tokens",
    "first token p50 ms",
    "p99 ms",
    "at once",
    "right",
)
_ANSWER: Final = "".join(word(number) for number in range(ANSWER_TOKENS))


async def answer(folder: Folder, place: Path, streams: int | None, say: Callable[[str], None]) -> str:
    """Measure all three and return the tables."""
    async with AsyncExitStack() as stack:
        upstream = (await stack.enter_async_context(Server(folder, partial(at_speed, PACE)))).url
        streamed = await _streaming(folder, upstream, STREAMS if streams is None else (streams,), say)
        say("runs with one tool call, of a model that takes no time")
        lines = [await _calling(folder, upstream)]
    say(f"{PARKED:,} runs that wait")
    lines += await _waiting(folder, place)
    return f"{streamed}\n\n{table(lines)}"


async def _streaming(folder: Folder, upstream: str, counts: tuple[int, ...], say: Callable[[str], None]) -> str:
    lines = []
    for count in counts:
        say(f"{count:,} runs that stream")
        told = {"DAERI_MODEL_URL": f"{upstream}/v1", "DAERI_MODEL": "at-speed"}
        async with Server(folder, by_daeri, told) as server:
            await _asked(server, WARM_UP)
            before = server.cpu()
            heard = await _asked(server, count)
            cpu = (server.cpu() - before) / (count * TOKENS) * 1000
        if heard["wrong"]:
            say(f"wrong: {heard['wrong']}")
        figures = (f"{heard[name]:,.0f}" for name in ("first_p50", "first_p99", "at_once"))
        lines.append((f"{count:,} within {heard['seconds']:.0f} s", f"{cpu:.1f}", *figures, f"{heard['right']:,}"))
    return aligned(HEAD, lines, left=(0,))


async def _asked(server: Server, runs: int) -> dict[str, Any]:
    port, key = server.url.rpartition(":")[2], server.folder.keys[server.folder.deputy]
    command = (sys.executable, "-m", "bench.run_listeners", port, str(runs), key)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    told, _ = await process.communicate()
    heard: dict[str, Any] = json.loads(told)
    return heard


async def _calling(folder: Folder, upstream: str) -> Line:
    told = {"DAERI_MODEL_URL": f"{upstream}/v1", "DAERI_MODEL": ONE_CALL}
    async with Server(folder, by_daeri, told) as server, Client(server) as client:
        await client.drive([_call] * 2 * WIDTH)
        await asyncio.sleep(SETTLED_SECONDS)  # a server that has just started learns what operations mean
        rounds = [await client.drive([_call] * CALLS) for _ in range(ROUNDS)]
    cpu, p50, p99, rate = (median(getattr(one, name) for one in rounds) for name in ("cpu", "p50", "p99", "rate"))
    return Line("run with one tool call, listened to", cpu, p50, p99, f"{CALLS} x {ROUNDS}, {rate:.0f}/s")


async def _call(client: Client) -> None:
    """Ask, and listen until the end: a tool was called, the answer came token by token, all of it is kept."""
    deputy = client.server.folder.deputy
    run = await client.post(deputy, "/v1/runs", {"input": "나 연차 며칠 남았어?"}, HTTPStatus.ACCEPTED)
    headers = {"Authorization": f"Bearer {client.server.folder.keys[deputy]}"}
    async with client.session.get(f"{client.server.url}/v1/runs/{run['run_id']}/events", headers=headers) as reply:
        told = (await reply.read()).decode()
    events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: ")]
    text = "".join(event["text"] for event in events if event["type"] == "message.delta")
    called = [event for event in events if event["type"] == "tool.finished"]
    check(len(called) == 1 and text == _ANSWER and events[-1]["status"] == "succeeded", f"run: {events}")


async def _waiting(folder: Folder, place: Path) -> list[Line]:
    """Compare a server beside one run that waits for an approval with the same beside 10,000."""
    copytree(folder.path, place / "parked")
    copy = replace(folder, path=place / "parked")
    async with Server(copy) as server, Client(server) as client:
        run = await client.post(copy.deputy, "/v1/runs?wait=30", {"input": WAITS}, HTTPStatus.ACCEPTED)
        check(run["status"] == "waiting_approval", f"it does not wait: {run}")
    async with Server(copy) as server:
        one = await _idle(server)
    with closing(sqlite3.connect(copy.path / DATABASE)) as connection, connection:
        for name in ("run", "step", "event", "approval"):
            _multiply(connection, name, run["run_id"], run["approvals"][0])
    async with Server(copy) as server:
        many = await _idle(server)
    each = (many[1] - one[1]) * 1e3 / PARKED
    told = f"{many[1]:.0f} MB resident: {each:.2f} KB for each run"
    return [
        Line("idle beside 1 run that waits, CPU for each second", one[0], measured=f"{one[1]:.0f} MB resident"),
        Line(f"the same beside {PARKED:,}", many[0], measured=told),
    ]


def _multiply(connection: sqlite3.Connection, name: str, run_id: str, approval_id: str) -> None:
    """Repeat the rows of a waiting run in a table, each time as another run with another document."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
    key, value = ("id", approval_id) if name == "approval" else ("id" if name == "run" else "run_id", run_id)
    counted = "WITH RECURSIVE c (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
    for row in connection.execute(f"SELECT * FROM {name} WHERE {key} = ?", [value]).fetchall():  # noqa: S608 - our names
        renamed = [
            "? || '_' || n" if each in (run_id, approval_id) or (column == "number" and each) else "?"
            for column, each in zip(columns, row, strict=True)
        ]
        statement = f"INSERT INTO {name} {counted} SELECT {', '.join(renamed)} FROM c"  # noqa: S608 - our names
        connection.execute(statement, [PARKED, *row])


async def _idle(server: Server) -> tuple[float, float]:
    """Return the CPU of each idle second, in milliseconds, and the memory in MB, once a start has settled."""
    await asyncio.sleep(SETTLED_SECONDS)
    before = server.cpu()
    await asyncio.sleep(IDLE_SECONDS)
    return (server.cpu() - before) / IDLE_SECONDS, server.memory()
