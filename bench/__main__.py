"""What is measured, in which order? `python -m bench [NAME…]`; without names all, in about a quarter of an hour."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import (
    approvals,
    documents,
    indexing,
    mcp,
    pgvector,
    query,
    records,
    relay,
    runs,
    selector,
    sessions,
    store,
    work,
)
from bench.folder import LARGE_ROWS, Folder, large_folder, sample_folder
from bench.load import WIDTH, Client, Piece
from bench.server import Server
from bench.table import Line, facts, table, yardstick

ROUNDS = 3
WARM_UP = 2 * WIDTH
IDLE_SECONDS = 5
IDLE_REQUESTS = 1_000

Prepare = Callable[[Client, int], Awaitable[Sequence[Piece]]]


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of work: `count` pieces in each round, on the sample company or on the one with the large record."""

    what: str
    prepare: Prepare
    count: int
    large: bool = False


MEASURES = {
    "read": Measure("read operation over REST (leave.balance)", work.reading, 500),
    "list": Measure(f"list 20 of {LARGE_ROWS:,} rows, row rule: one team", work.listing, 300, large=True),
    "list-or": Measure(f"list 20 of {LARGE_ROWS:,} rows, row rule: team or own", work.listing_by_or, 200, large=True),
    "get": Measure(f"get by id, of {LARGE_ROWS:,} rows", work.getting, 500, large=True),
    "approval": Measure("file a leave request, approve, apply", work.approving, 60),
    "run": Measure("keyless run, to its answer", work.running, 48),
    "run-large": Measure(f"keyless run beside {LARGE_ROWS:,} rows", work.running, 16, large=True),
}
PROCESS = "process"
STORE = "store"
RECORDS = "records"
QUERY = "query"
DOCUMENTS = "documents"
MCP = "mcp"
RELAY = "relay"
INDEXING = "indexing"
PGVECTOR = "pgvector"
APPROVALS = "approvals"
SELECTOR = "selector"
RUNS = "runs"
SESSIONS = "sessions"
NAMED = [INDEXING, PGVECTOR, APPROVALS, SELECTOR, RUNS, SESSIONS]
"""What is measured only where it is named: it takes minutes, or is there to decide once."""
NAMES = [*MEASURES, MCP, PROCESS, STORE, RELAY, RECORDS, QUERY, DOCUMENTS]


async def main(names: Sequence[str], files: int, passages: int, streams: int | None) -> None:
    """Measure what is named and print the table."""
    before = yardstick()
    print(facts())
    print(f"python -m bench {' '.join(names)}".strip())
    print(
        f"medians of {ROUNDS} rounds, {WIDTH} keep-alive connections; CPU of the server's processes per correct reply\n"
    )
    chosen = [name for name in [*NAMES, *NAMED] if name in (names or NAMES)]
    with tempfile.TemporaryDirectory(prefix="daeri-bench-") as name:
        place = Path(name)
        sample = None
        if set(chosen) - ({STORE, QUERY, DOCUMENTS, *NAMED} - {RUNS}):
            _say("building the sample company")
            sample = await sample_folder(place / "sample")
        lines = await _measured(chosen, place, sample)
        if lines:
            print(table(lines))
        if RELAY in chosen and sample is not None:
            print("\n" + await relay.compare(sample, _say))
        if RECORDS in chosen and sample is not None:
            print("\n" + await records.compare(sample, place, _say))
        if QUERY in chosen:
            _say("comparing ways to govern a question in SQL")
            print("\n" + query.answer(place))
        if DOCUMENTS in chosen:
            print("\n" + documents.answer(place, _say))
        if RUNS in chosen and sample is not None:
            print("\n" + await runs.answer(sample, place, streams, _say))
        rare = {
            SELECTOR: selector.compare,
            APPROVALS: partial(approvals.compare, place / APPROVALS),
            SESSIONS: partial(sessions.compare, place),
        }
        for compare in [rare[name] for name in chosen if name in rare]:
            print("\n" + await compare(_say))
        if INDEXING in chosen:
            print("\n" + table(await indexing.indexing(place, files, _say)))
        if PGVECTOR in chosen:
            documents.found(place)
            asks = [ask["text"] for ask in documents.questions()]
            print("\n" + table(pgvector.compared(place, asks, passages, _say)))
    print("\n" + table([Line("yardstick, before and after", median((before, yardstick())), measured="fixed work")]))


async def _measured(chosen: Sequence[str], place: Path, sample: Folder | None) -> list[Line]:
    """Measure what is asked of one server."""
    lines: list[Line] = []
    if sample is not None:
        if PROCESS in chosen:
            _say("starting and idling")
            lines += await _process(sample)
        lines += await _on(sample, [name for name in chosen if name in MEASURES and not MEASURES[name].large])
        if MCP in chosen:
            _say("calling tools over MCP, beside a bare server of the SDK")
            lines += await mcp.compare(sample)
        large = [name for name in chosen if name in MEASURES and MEASURES[name].large]
        if large:
            _say(f"adding {LARGE_ROWS:,} rows")
            lines += await _on(await large_folder(sample, place / "large"), large)
    if STORE in chosen:
        _say("comparing ways to the database")
        lines += await store.compare(place)
    return lines


async def _on(folder: Folder, names: Sequence[str]) -> list[Line]:
    """Measure work on one server."""
    if not names:
        return []
    lines = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(await stack.enter_async_context(Server(folder))))
        for name in names:
            measure = MEASURES[name]
            _say(measure.what)
            pieces = await measure.prepare(client, WARM_UP + ROUNDS * measure.count)
            await client.drive(pieces[:WARM_UP])
            rounds = [await client.drive(part) for part in work.rounds(pieces[WARM_UP:], ROUNDS)]
            lines.append(
                Line(
                    measure.what,
                    median(one.cpu for one in rounds),
                    median(one.p50 for one in rounds),
                    median(one.p99 for one in rounds),
                    f"{measure.count} x {ROUNDS}, {median(one.rate for one in rounds):.0f}/s",
                )
            )
    return lines


async def _process(folder: Folder) -> list[Line]:
    """Measure what the process itself takes: to start, to wait, to stay."""
    starts, start_cpu, fresh, used, idle = [], [], [], [], []
    for _ in range(ROUNDS):
        async with Server(folder) as server, Client(server) as client:
            starts.append(server.start_seconds * 1000)
            start_cpu.append(server.start_cpu)
            fresh.append(server.memory())
            await client.drive(await work.reading(client, IDLE_REQUESTS))
            used.append(server.memory())
            before = server.cpu()
            await asyncio.sleep(IDLE_SECONDS)
            idle.append((server.cpu() - before) / IDLE_SECONDS)
    return [
        Line("start to the first 200 of /readyz", median(start_cpu), median(starts), None, f"{ROUNDS} starts"),
        Line("idle, CPU for each second", median(idle), None, None, f"{ROUNDS} x {IDLE_SECONDS} s"),
        Line("memory after start", measured=f"{median(fresh):.0f} MB resident"),
        Line(f"memory after {IDLE_REQUESTS:,} requests", measured=f"{median(used):.0f} MB resident"),
    ]


def _say(what: str) -> None:
    """Tell a waiting person what goes on, beside the figures."""
    print(f"  … {what}", file=sys.stderr, flush=True)


def _arguments() -> tuple[list[str], int, int, int | None]:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what Daeri costs.")
    every = ", ".join([*NAMES, *(f"{name} (only where named)" for name in NAMED)])
    parser.add_argument("names", nargs="*", metavar="NAME", help=every)
    parser.add_argument("--files", type=int, default=indexing.FILES, help=f"how many documents {INDEXING} takes in")
    parser.add_argument("--passages", type=int, default=10_000, help=f"how many passages {PGVECTOR} compares")
    parser.add_argument("--streams", type=int, help=f"how many runs {RUNS} lets stream at once")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in {*NAMES, *NAMED}]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join([*NAMES, *NAMED])}")
    return asked.names, asked.files, asked.passages, asked.streams


if __name__ == "__main__":
    asyncio.run(main(*_arguments()))
