"""Which pieces of work are measured, and when is a reply right?"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from itertools import islice, product
from random import Random
from typing import Any
from urllib.parse import urlencode

from bench.company import STATES
from bench.folder import LARGE_ROWS
from bench.load import Client, Piece, check
from daeri.records import Clock

ROWS = 20
STATE = STATES[1]
QUESTION = "김하은 대리 연차 며칠 남았어?"
RUN_SECONDS = 30
KIND = "반반차"
DAYS_AHEAD = 14
SATURDAY = 5


async def reading(client: Client, count: int) -> Sequence[Piece]:
    """Return reads by an operation: what leave is left."""
    deputy = client.server.folder.deputy
    expected = (await _balance(client, deputy))["result"]

    async def read(client: Client) -> None:
        body = await _balance(client, deputy)
        check(body["result"] == expected and bool(body["say"]) and bool(body["sources"]), f"leave.balance: {body}")

    return [read] * count


async def listing(client: Client, count: int) -> Sequence[Piece]:
    """Return lists of the large record, under a field rule and a row rule that an index serves."""
    return [await _list(client, client.server.folder.deputy)] * count


async def listing_by_or(client: Client, count: int) -> Sequence[Piece]:
    """Return the same lists for someone whose row rule is an OR."""
    return [await _list(client, client.server.folder.outsider)] * count


async def _list(client: Client, person: int) -> Piece:
    """Return one list, filtered and sorted, of which every row is looked at."""
    team = client.server.folder.teams[person]
    query = urlencode({"limit": ROWS, "sort": "-shipped_on", "state": STATE})

    async def look(client: Client) -> None:
        body = await client.get(person, f"/v1/records/shipment?{query}")
        rows = body["data"]
        days = [row["shipped_on"] for row in rows]
        mine = all(team == row["team_id"] or person == row["employee_id"] for row in rows)
        hidden = all("margin" not in row and "margin" in row["_hidden"] for row in rows)
        fits = len(rows) == ROWS and body["has_more"] and days == sorted(days, reverse=True)
        check(fits and mine and hidden and all(row["state"] == STATE for row in rows), f"shipment list: {body}")

    return look


async def getting(client: Client, count: int) -> Sequence[Piece]:
    """Return reads of single rows of the large record by id, among those the asker may see."""
    deputy = client.server.folder.deputy
    seen: dict[int, str] = {}
    cursor = ""
    while len(seen) < count and cursor is not None:
        query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = await client.get(deputy, f"/v1/records/shipment?{urlencode(query)}")
        seen |= {row["id"]: row["number"] for row in page["data"]}
        cursor = page["next_cursor"]
    check(len(seen) < LARGE_ROWS // 2, "the row rule lets most rows through")

    async def get(client: Client, key: int, number: str) -> None:
        row = await client.get(deputy, f"/v1/records/shipment/{key}")
        check(row["id"] == key and row["number"] == number and "margin" in row["_hidden"], f"shipment {key}: {row}")

    found = Random(1).sample(sorted(seen.items()), min(count, len(seen)))  # noqa: S311 - no secret
    return [partial(get, key=key, number=number) for key, number in found]


async def approving(client: Client, count: int) -> Sequence[Piece]:
    """Return leave requests with all their decisions: each person files on days on which the rules let them.

    Raises:
        WrongReply: fewer can be filed than are asked for.
    """
    days = [Clock().today() + timedelta(days=ahead) for ahead in range(7, 7 + DAYS_AHEAD)]
    workdays = [day.isoformat() for day in days if day.weekday() < SATURDAY]
    filing: list[Piece] = []
    for day, person in product(workdays, client.server.folder.keys):
        if len(filing) >= count:
            break
        if await _may_file(client, person, day):
            filing.append(partial(_file_and_decide, person=person, day=day))
    check(len(filing) >= count, f"only {len(filing)} leave requests can be filed")
    return filing


async def running(client: Client, count: int) -> Sequence[Piece]:
    """Return questions to the agent, planned without a model, each in a conversation of its own."""
    deputy = client.server.folder.deputy
    expected = (await _balance(client, deputy))["say"]

    async def ask(client: Client) -> None:
        path = f"/v1/runs?wait={RUN_SECONDS}"
        run = await client.post(deputy, path, {"input": QUESTION}, HTTPStatus.ACCEPTED)
        right = run["status"] == "succeeded" and run["answer"].startswith(expected) and bool(run["citations"])
        check(right and run["usage"]["model"] == "keyless", f"run: {run}")

    return [ask] * count


async def _balance(client: Client, person: int) -> dict[str, Any]:
    return await client.post(person, "/v1/ops/leave.balance", {})


async def _may_file(client: Client, person: int, day: str) -> bool:
    """Say whether a person has leave left and is not away on a day."""
    balance = (await _balance(client, person))["result"]
    if float(balance["days"]) < 1:
        return False
    body = {"start": day, "kind": KIND}
    status, _ = await client.ask(person, "POST", "/v1/ops/leave.request?dry_run=true", body)
    return status == HTTPStatus.OK


async def _file_and_decide(client: Client, person: int, day: str) -> None:
    body = {"start": day, "kind": KIND}
    held = await client.post(person, "/v1/ops/leave.request", body, HTTPStatus.ACCEPTED)
    document: dict[str, Any] = {"version": 1}
    for step in held["line"]:
        path = f"/v1/approvals/{held['approval_id']}/decisions"
        decider = step["person"]["id"]
        document = await client.post(decider, path, {"decision": "approve"}, etag=document["version"])
    check(document.get("status") == "applied" and bool(document["result_say"]), f"approval: {document}")


def rounds(pieces: Sequence[Piece], count: int) -> list[Sequence[Piece]]:
    """Cut work into rounds of the same size."""
    each = len(pieces) // count
    left = iter(pieces)
    return [list(islice(left, each)) for _ in range(count)]
