"""How a test speaks MCP: the official client in either revision, and single requests of the newest one by hand."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

NEWEST, HANDSHAKE = "2026-07-28", "legacy"
ERAS = (NEWEST, HANDSHAKE)
TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@asynccontextmanager
async def client(url: str, key: str, era: str = NEWEST, *, path: str = "/mcp", **more: Any) -> AsyncIterator[Client]:
    """Connect the SDK's own client."""
    headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=30) as http:
        transport = streamable_http_client(f"{url}{path}", http_client=http)
        async with Client(transport, mode=era, **more) as connected:
            yield connected


def message(method: str, params: dict[str, Any] | None = None, capabilities: dict[str, Any] | None = None) -> Any:
    """Write a request of the newest revision."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEWEST,
        "io.modelcontextprotocol/clientCapabilities": capabilities or {},
        **(params or {}).get("_meta", {}),
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}}


def headers_of(sent: dict[str, Any], key: str | None) -> dict[str, str]:
    """Return the headers that go with it."""
    method = sent["method"]
    name = sent["params"].get(_NAMED.get(method, "taskId"))
    return {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": NEWEST,
        "Mcp-Method": method,
        **({"Mcp-Name": name} if name else {}),
        **({"Authorization": f"Bearer {key}"} if key else {}),
    }


async def raw(http: Any, key: str, method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Send one request and return the response object, also where it came as a stream."""
    sent = message(method, params, more.get("capabilities"))
    headers = headers_of(sent, key) | more.get("headers", {})
    response = await http.post("/mcp", content=json.dumps(sent), headers=headers)
    if response.headers["content-type"].startswith("text/event-stream"):
        lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
        return cast("dict[str, Any]", json.loads(lines[-1]))
    return cast("dict[str, Any]", response.json())
