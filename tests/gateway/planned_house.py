"""The small company as its server serves it, with a model that plans its agents' runs, and OpenAI's own client."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
from pydantic import SecretStr

from approvals.racing import company, furnished
from daeri.app import Daeri, application
from daeri.settings import Settings
from daeri.testing.model_server import ModelServer
from databases import copied, forget, settings_for
from gateway.gateway_house import PEOPLE
from gateway.live import served

AGENT = "agent/assistant"
UPSTREAM = "sk-upstream"


@dataclass
class Planned:
    """Where it happens: the server, the model that its agents ask, its address and everyone's keys."""

    daeri: Daeri
    model: ModelServer
    url: str
    keys: dict[str, str]
    clients: list[Any] = field(default_factory=list)

    def client(self, who: str = "owner") -> openai.AsyncOpenAI:
        """OpenAI's client with a person's key."""
        made = openai.AsyncOpenAI(api_key=self.keys[who], base_url=f"{self.url}/v1", max_retries=0, timeout=20)
        self.clients.append(made)
        return made

    async def send(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request with a person's key."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        async with httpx.AsyncClient(base_url=self.url, timeout=20, headers=headers, trust_env=False) as http:
            return await http.request(method, path, json=body)

    async def run(self, run_id: str, who: str = "owner") -> Any:
        """A run as REST shows it."""
        return (await self.send(who, "GET", f"/v1/runs/{run_id}")).json()


@dataclass(frozen=True)
class Furnished:
    """A data folder with the company in it, and the key of each person."""

    folder: Path
    keys: dict[str, str]


def furnished_with_keys(folder: Path) -> Furnished:
    """Make the company's data folder."""
    keys = furnished(folder)
    return Furnished(folder, {name: keys[person].first for name, person in PEOPLE.items()})


@asynccontextmanager
async def planned(
    furniture: Furnished, folder: Path, models: Callable[[str], str] | None = None
) -> AsyncIterator[Planned]:
    """Serve the company with a model; `models` writes a table of models for the address of the server of models."""
    copied(furniture.folder, folder)
    async with ModelServer(api_key=UPSTREAM) as model:
        if models is None:
            told: dict[str, Any] = {"model_url": model.base_url, "model": "m", "model_api_key": SecretStr(UPSTREAM)}
        else:
            (folder / "models.toml").write_text(models(model.base_url))
            told = {"models": folder / "models.toml"}
        settings = Settings(dir=folder, **told, **settings_for(folder))
        async with Daeri(company(), settings) as daeri, served(application(daeri)) as url:
            here = Planned(daeri, model, url, furniture.keys)
            yield here
            for client in here.clients:
                await client.close()
    forget(folder)
