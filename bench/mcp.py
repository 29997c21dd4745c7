"""What does a call over MCP cost, beside the same call over REST and beside the SDK's own server that does nothing?

All in the same minutes, round by round in turn, so that a noisy machine is unfair to none of them.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus
from statistics import median
from typing import Any, Final

from bench.folder import Folder
from bench.load import WIDTH, Client, Piece, Round, check
from bench.server import Server
from bench.table import Line

ROUNDS: Final = 5
COUNT: Final = 400
NEWEST: Final = "2026-07-28"
HANDSHAKE: Final = "2025-11-25"
ROWS: Final = 20

_CLIENT: Final = {
    "io.modelcontextprotocol/protocolVersion": NEWEST,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def by_sdk(_: Folder, port: int) -> Sequence[str]:
    """Return the command of the SDK's low-level server with one tool, stateless and in JSON: the least there can be."""
    return ("-m", "bench.bare_mcp", str(port))


def calling(revision: str, name: str, arguments: dict[str, Any], wanted: Callable[[Any], bool]) -> Piece:
    """Return one tools/call of a revision."""
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    headers["MCP-Protocol-Version"] = revision
    if revision == NEWEST:
        params["_meta"] = _CLIENT
        headers |= {"Mcp-Method": "tools/call", "Mcp-Name": name}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

    async def call(client: Client) -> None:
        key = client.server.folder.keys[client.server.folder.deputy]
        sent = {**headers, "Authorization": f"Bearer {key}"}
        async with client.session.post(f"{client.server.url}/mcp", data=body, headers=sent) as reply:
            answer = await reply.json(content_type=None)
        right = reply.status == HTTPStatus.OK and not answer["result"].get("isError")
        check(right and wanted(answer["result"]["structuredContent"]), f"{name}: {answer}")

    return call


def resting(path: str, body: Any, wanted: Callable[[Any], bool]) -> Piece:
    """Return the same over REST."""

    async def call(client: Client) -> None:
        deputy = client.server.folder.deputy
        answer = await (client.get(deputy, path) if body is None else client.post(deputy, path, body))
        check(wanted(answer), f"{path}: {answer}")

    return call


def _right(body: Any) -> bool:
    return body["operation"] == "leave.balance" and bool(body["say"]) and bool(body["sources"])


def _rows(body: Any) -> bool:
    return len(body["data"]) == ROWS


async def compare(folder: Folder) -> list[Line]:
    """Measure every way in turn."""
    rows = {"type": "product", "limit": ROWS}
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(Client(await stack.enter_async_context(Server(folder))))
        bare = await stack.enter_async_context(Client(await stack.enter_async_context(Server(folder, by_sdk))))
        ways: list[tuple[str, Client, Piece]] = [
            ("leave.balance over REST", ours, resting("/v1/ops/leave.balance", {}, _right)),
            (f"leave.balance over MCP {NEWEST}", ours, calling(NEWEST, "leave.balance", {}, _right)),
            (f"leave.balance over MCP {HANDSHAKE}", ours, calling(HANDSHAKE, "leave.balance", {}, _right)),
            (f"{ROWS} rows over REST", ours, resting(f"/v1/records/product?limit={ROWS}", None, _rows)),
            (f"{ROWS} rows over MCP {NEWEST}", ours, calling(NEWEST, "records.list", rows, _rows)),
            (f"bare SDK server, MCP {NEWEST}", bare, calling(NEWEST, "echo", {"text": "hello"}, bool)),
            (f"bare SDK server, MCP {HANDSHAKE}", bare, calling(HANDSHAKE, "echo", {"text": "hello"}, bool)),
        ]
        for _, client, piece in ways:
            await client.drive([piece] * (2 * WIDTH))
        rounds: dict[str, list[Round]] = {what: [] for what, _, _ in ways}
        for _ in range(ROUNDS):
            for what, client, piece in ways:
                rounds[what].append(await client.drive([piece] * COUNT))
    return [_line(what, done) for what, done in rounds.items()]


def _line(what: str, done: Sequence[Round]) -> Line:
    return Line(
        what,
        median(one.cpu for one in done),
        median(one.p50 for one in done),
        median(one.p99 for one in done),
        f"{COUNT} x {ROUNDS}, {median(one.rate for one in done):.0f}/s",
    )
