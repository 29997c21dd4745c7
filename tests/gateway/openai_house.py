"""The house at a real socket with models behind it, and OpenAI's own client before it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai

from daeri.gateway import Options
from daeri.models.wire import Model
from daeri.operations.budgets import Budget
from daeri.testing.model_server import ModelServer
from daeri.tracing import Tracer
from gateway.gateway_house import House, Keys, opened
from gateway.live import served
from worlds import OWNER

MODEL = "vendor/large"
ONCE = {"X-Stainless-Retry-Count": openai.omit}
"""Headers of a client that does not ask again by itself."""
SCOPES = {
    "raw": ["*", "model.*"],
    "one": ["run.*", "work.*", "model.vendor/large"],
    "other": ["*", "model.vendor/small"],
    "wide": ["*"],
}
"""Keys of the owner with scopes of their own."""


@dataclass
class Place:
    """Where it happens: the house, the model behind it, the address."""

    house: House
    upstream: ModelServer
    url: str
    keys: dict[str, str]
    clients: list[openai.AsyncOpenAI] = field(default_factory=list)

    def client(self, who: str = "owner") -> openai.AsyncOpenAI:
        """OpenAI's client with a person's key, as anyone would use it."""
        client = openai.AsyncOpenAI(
            api_key=self.keys.get(who, who), base_url=f"{self.url}/v1", max_retries=0, timeout=20
        )
        self.clients.append(client)
        return client

    async def until_cancelled(self, run_id: str) -> None:
        """Wait until a run was stopped."""
        await self._until("SELECT id FROM run WHERE id = :id AND status = 'cancelled'", id=run_id)

    async def queued(self) -> str:
        """Wait for a run that nobody carries on, and return its id."""
        return await self._until("SELECT id FROM run WHERE status = 'queued'")

    async def _until(self, sql: str, **values: Any) -> str:
        while not (rows := await self.house.world.sql(sql, **values)):  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(0.01)
        return str(rows[0]["id"])

    async def audited(self, action: str) -> list[dict[str, Any]]:
        """What the audit tells of an action, once everything is written."""
        await self.house.services.raw.close()
        rows = [row for row in await self.house.world.audited() if row["action"] == action]
        for row in rows:
            row["detail"].pop("from", None)
        return rows


@asynccontextmanager
async def place(
    keyed: Keys,
    folder: Path,
    budgets: Sequence[Budget] = (),
    rates: Sequence[str] = (),
    tracer: Tracer | None = None,
    **limits: Any,
) -> AsyncIterator[Place]:
    """Open the house before a model server."""
    async with ModelServer(api_key="sk-upstream") as upstream:
        large = Model(MODEL, upstream.base_url, "sk-upstream", "scripted-large", **limits)
        embedder = Model("vendor/embed", upstream.base_url, "sk-upstream", "scripted-embed")
        async with opened(
            keyed, folder, Options(), models=[large], embedders=[embedder], budgets=budgets, limits=rates, tracer=tracer
        ) as house:
            keys = dict(house.keys)
            for name, scopes in SCOPES.items():
                made = await house.identity.add_key(OWNER, name, decides=False, scopes=scopes)
                keys[name] = made.secret
            async with served(house.app) as url:
                here = Place(house, upstream, url, keys)
                try:
                    yield here
                finally:
                    for client in here.clients:
                        await client.close()
