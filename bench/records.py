"""What does a large record cost beside the same written by hand? `python -m bench records`, 100,000 and 1,000,000 rows.

Lists, rows by id, new rows and figures of the same table, asked by the same client of two server processes: Daeri, and
`handwritten.py`. Rounds alternate (A/B/A/B), so that whatever else the machine does meets both; each server has its
own copy of the file. Before anything is measured, both must give the very same JSON. Daeri also audits each of them.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from bench import work
from bench.company import STATES
from bench.folder import DATABASE, Folder, large_folder
from bench.load import WIDTH, Client, Piece, Round, check
from bench.server import Server, by_hand
from bench.table import aligned
from daeri.records import Clock

SIZES = (100_000, 1_000_000)
ROUNDS = 4
WARM_UP = 2 * WIDTH
SINCE_DAYS = 30
QUEUE_SECONDS = 0.1

Prepare = Callable[[Client, int], Awaitable[Sequence[Piece]]]


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work: `count` pieces in each round, `width` at once, the same of each server."""

    what: str
    prepare: Prepare
    count: int
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Pair:
    """What one kind of work took of both servers."""

    what: str
    daeri: Sequence[Round]
    by_hand: Sequence[Round]

    def lines(self) -> list[tuple[str, ...]]:
        """Return the two lines of the table."""
        ours, theirs = _cpu(self.daeri), _cpu(self.by_hand)
        return [
            (self.what, "Daeri", *_figures(self.daeri), f"{ours / theirs:.2f}"),
            ("", "by hand", *_figures(self.by_hand), ""),
        ]


async def compare(sample: Folder, place: Path, say: Callable[[str], None]) -> str:
    """Measure everything at every size and return the table."""
    lines = []
    for rows in SIZES:
        say(f"adding {rows:,} rows")
        folder = await large_folder(sample, place / f"large-{rows}", rows)
        twin = place / f"by-hand-{rows}"
        twin.mkdir()
        shutil.copy(folder.path / DATABASE, twin)
        other = replace(folder, path=twin)
        async with AsyncExitStack() as stack:
            daeri = await stack.enter_async_context(Client(await stack.enter_async_context(Server(folder))))
            hand = await stack.enter_async_context(Client(await stack.enter_async_context(Server(other, by_hand))))
            await _agree(daeri, hand)
            for each in WORKS:
                say(f"{rows:,} rows: {each.what}")
                lines += (await _measured(each, daeri, hand, f"{rows:,} rows: {each.what}")).lines()
    head = ("what", "server", "requests/s", "CPU ms", "p50 ms", "p95 ms", "p99 ms", "CPU ratio")
    return aligned(head, lines, left=(0, 1))


async def _measured(each: Work, daeri: Client, hand: Client, what: str) -> Pair:
    """Alternate rounds of both servers."""
    took: dict[Client, list[Round]] = {daeri: [], hand: []}
    left = {}
    for client in took:
        pieces = await each.prepare(client, WARM_UP + ROUNDS * each.count)
        await client.drive(pieces[:WARM_UP])
        left[client] = work.rounds(pieces[WARM_UP:], ROUNDS)
    for number in range(ROUNDS):
        for client, rounds in took.items():
            rounds.append(await client.drive(left[client][number], each.width))
    return Pair(what, took[daeri], took[hand])


async def _agree(daeri: Client, hand: Client) -> None:
    """Check that both servers give the same JSON."""
    for person in (daeri.server.folder.deputy, daeri.server.folder.outsider):
        path = f"/v1/records/shipment?{_LISTED}"
        first = await daeri.get(person, path)
        check(first == await hand.get(person, path), f"{path} differs for {person}")
        following = f"{path}&{urlencode({'cursor': first['next_cursor']})}"
        check(await daeri.get(person, following) == await hand.get(person, following), f"{following} differs")
        path = f"/v1/records/shipment/{first['data'][0]['id']}"
        check(await daeri.get(person, path) == await hand.get(person, path), f"{path} differs")
        check(await _figures_of(daeri, person, 1) == await _figures_of(hand, person, 1), "figures differ")
    ours, theirs = [await _add(client, "SAME-1") for client in (daeri, hand)]
    check(ours == theirs, f"{ours} is not {theirs}")


_LISTED = urlencode({"limit": work.ROWS, "sort": "-shipped_on", "state": work.STATE})


async def asking(client: Client, count: int) -> Sequence[Piece]:
    """Return questions for figures: in SQL, each text new, or at the route that was written for just this one."""
    person = client.server.folder.deputy

    async def ask(client: Client, number: int) -> None:
        body = await _figures_of(client, person, number)
        states = [row[0] for row in body["rows"]]
        check(states == sorted(STATES) and not body["truncated"], f"figures: {body}")

    return [partial(ask, number=number) for number in range(count)]


async def _figures_of(client: Client, person: int, number: int) -> dict[str, Any]:
    since = Clock().today() - timedelta(days=SINCE_DAYS + number % SINCE_DAYS)
    if client.server.command is by_hand:
        return await client.get(person, f"/v1/reports/shipment-by-state?since={since}")
    sql = (
        "SELECT state, count(*) AS n, sum(amount) AS total FROM shipment "  # noqa: S608 - our own question
        f"WHERE shipped_on >= '{since}' GROUP BY state ORDER BY state LIMIT {1_000 + number}"
    )
    status, answer = await client.ask(person, "POST", "/v1/ops/query", {"sql": sql})
    while status == HTTPStatus.TOO_MANY_REQUESTS:  # few statements run at a time, so that others find a reader free
        await asyncio.sleep(QUEUE_SECONDS)
        status, answer = await client.ask(person, "POST", "/v1/ops/query", {"sql": sql})
    check(status == HTTPStatus.OK, f"{status}: {answer}")
    return {key: answer[key] for key in ("columns", "rows", "truncated")}


async def adding(client: Client, count: int) -> Sequence[Piece]:
    """Return new rows."""
    del client

    async def add(client: Client, number: str) -> None:
        row = await _add(client, number)
        check(row["number"] == number and row["id"] > 0 and "margin" in row["_hidden"], f"new row: {row}")

    return [partial(add, number=f"NEW-{number}") for number in range(count)]


async def _add(client: Client, number: str) -> dict[str, Any]:
    deputy = client.server.folder.deputy
    team = client.server.folder.teams[deputy]
    row = {"number": number, "shipped_on": "2026-11-02", "team_id": team, "employee_id": deputy}
    row |= {"state": STATES[0], "amount": 120_000}
    return await client.post(deputy, "/v1/records/shipment", row, HTTPStatus.CREATED)


WORKS = (
    Work("list 20, filter, sort, row rule: one team", work.listing, 300),
    Work("list 20, filter, sort, row rule: team or own", work.listing_by_or, 48),
    Work("the same first pages, one asker: one team", work.listing, 60, width=1),
    Work("the same first pages, one asker: team or own", work.listing_by_or, 60, width=1),
    Work("get by id", work.getting, 500),
    Work("create", adding, 250),
    Work("figures of a month (SQL, each text new)", asking, 250),
)


def _cpu(rounds: Sequence[Round]) -> float:
    return median(one.cpu for one in rounds)


def _figures(rounds: Sequence[Round]) -> tuple[str, ...]:
    values = (
        median(one.rate for one in rounds),
        _cpu(rounds),
        *(median(getattr(one, name) for one in rounds) for name in ("p50", "p95", "p99")),
    )
    return (f"{values[0]:.0f}", *(f"{value:.2f}" for value in values[1:]))
