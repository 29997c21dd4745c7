"""The small company behind real protocols: the application as app.py makes it, over a worker that needs no engine."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from daeri.gateway import Options, Services, gateway
from daeri.models.relay import RawModels
from daeri.operations import Company
from daeri.operations.approval import Approvals
from daeri.operations.budgets import Budgets
from daeri.operations.costs import Costs
from daeri.operations.limits import Limit, Limiter
from daeri.operations.office import Office
from daeri.operations.outcome import Held
from daeri.operations.policy import Policies
from daeri.operations.prompting import PromptLog
from daeri.operations.quotas import Quota, Quotas
from daeri.records.credentials import Credentials
from daeri.records.identity import Identity
from daeri.records.store import Store, is_reachable
from daeri.records.usage import UseBook
from daeri.runs.figures import Counting
from daeri.runs.handing import Handed
from daeri.runs.handshakes import Handshakes
from daeri.runs.jobs import Jobs
from daeri.runs.pushes import Pushes
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Asked, Ending, Workbench
from databases import address, forget
from worlds import AGENTS, COLLEAGUE, DIRECTOR, HR, LEAD, OWNER, ROLES, STRANGER, World, build, company, work

PEOPLE = {"owner": OWNER, "colleague": COLLEAGUE, "stranger": STRANGER, "lead": LEAD, "director": DIRECTOR, "hr": HR}


class Worker:
    """Carries runs forward at once: answers, asks back, files a leave where asked to, or leaves the run queued."""

    def __init__(self, world: World, bench: Workbench) -> None:
        self.world, self.bench = world, bench

    async def start(self, run_id: str, segment: int) -> None:
        work = None if segment == 1 and await self._is_slow(run_id) else await self.bench.claim(run_id, segment)
        if work is None:
            return
        if "휴가" in work.input and segment == 1:
            actor = await self.world.deputy(work.person_id)
            step = self.bench.call(work.lease, Asked(1, "work.request", {"start": "2026-11-26"}), work.input)
            held = await self.world.door.call(actor, "work.request", {"start": "2026-11-26"}, journal=step)
            assert isinstance(held, Held)
            self.bench.wake(work.lease)
            return
        if "날씨" in work.input and segment == 1:
            handed = [Handed(1, "weather", {"city": "서울"})]
            await self.bench.hand_over(work.lease, handed, {"spoken": "", "usage": {}})
            return
        kind = "question" if "누구" in work.input else "answer"
        choices = [{"label": "다시", "input": "다시"}]
        ending = Ending(f"들었어요: {work.input}", kind, [], choices, {"model": "none"})
        await self.bench.succeed(work.lease, ending)

    async def _is_slow(self, run_id: str) -> bool:
        rows = await self.world.sql("SELECT input FROM run WHERE id = :id", id=run_id)
        return "천천히" in rows[0]["input"]


class House:
    """The application, a client for it, and keys of the people."""

    def __init__(self, world: World, keys: dict[str, str], options: Options, **more: Any) -> None:
        wakeups = Wakeups()
        self.world = world
        self.bench = Workbench(world.store, world.clock, wakeups)
        world.runs = Runs(world.company, world.store, world.clock, wakeups)
        world.runs.dispatch.start = Worker(world, self.bench).start
        world.approvals = Approvals(
            world.company, world.store, world.clock, world.door.execute_approved, world.runs.dispatch
        )
        world.office = Office(world.door, world.approvals, world.store, world.clock)
        self.identity: Identity = world.identity
        self.keys = keys
        book = UseBook(world.store, world.clock)
        quotas = Quotas([Quota.read(text) for text in more.get("quotas", ())], world.store, world.clock)
        limits = [Limit.read(text) for text in more.get("limits", ())]
        limiter = world.door._limiter = Limiter(limits, quotas=quotas)
        budgets = Budgets(more.get("budgets", ()), world.store, world.clock, book, limiter)
        services = self.services = Services(
            identity=world.identity,
            door=world.door,
            shelf=world.shelf,
            approvals=world.approvals,
            office=world.office,
            runs=world.runs,
            policies=Policies(world.door, world.store, world.clock),
            pushes=Pushes(world.store, world.clock),
            raw=RawModels(more.get("models", ()), more.get("embedders", ()), book, budgets),
            costs=Costs(world.company, world.store, world.clock, budgets),
            jobs=Jobs(world.store, world.clock),
            handshakes=Handshakes(world.store, world.clock),
            clock=world.clock,
            figures=Counting(world.store, world.clock),
            keys=Credentials(world.identity, world.store, world.clock),
            audit_log=world.audit_log,
            prompt_log=PromptLog(world.company, world.prompts),
            limiter=limiter,
            tracer=more.get("tracer"),
            checks=more.get("checks") or {"database": lambda: is_reachable(world.store)},
        )
        parts = self.parts = gateway(services, options, more.get("error_page"), more.get("extras"))
        self.app = FastAPI(
            middleware=list(parts.middleware),
            exception_handlers=parts.handlers,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
        )
        for router in parts.routers:
            self.app.include_router(router)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://daeri.test", trust_env=False)

    async def call(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request with a person's key; `json`, `headers` and so on as httpx takes them."""
        headers = {"Authorization": f"Bearer {self.keys[who]}", **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, who: str, path: str, **more: Any) -> httpx.Response:
        return await self.call(who, "GET", path, **more)

    async def post(self, who: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.call(who, "POST", path, json={} if body is None else body, **more)

    async def rpc(self, who: str, method: str, params: Any = None, **more: Any) -> Any:
        """Call one JSON-RPC method and return the response object."""
        sent = {"jsonrpc": "2.0", "method": method, "params": {} if params is None else params, "id": 1}
        response = await self.post(who, "/rpc", sent, **more)
        assert response.status_code == 200, response.text
        return response.json()

    async def held(self, who: str = "owner", start: str = "2026-12-01") -> str:
        """File a leave that waits for the lead, and return the document's id."""
        response = await self.post(who, "/v1/ops/work.request", {"start": start})
        assert response.status_code == 202, response.text
        return str(response.json()["approval_id"])


@dataclass(frozen=True)
class Keys:
    """A database file with accounts in it, and the key of each person."""

    path: Path
    secrets: dict[str, str]


def with_keys(furnished: Path, folder: Path) -> Keys:
    """Copy the furnished database and let its people in."""
    path = folder / "daeri.db"
    shutil.copy(furnished, path)

    async def let_in() -> dict[str, str]:
        store = Store(address(path))
        identity, secrets = build(store).identity, {}
        for name, person_id in PEOPLE.items():
            await identity.add_account(name, person_id, demo=True)
            secrets[name] = (await identity.add_key(person_id, name, decides=True)).secret
        await store.close()
        return secrets

    # Fixtures for a whole session stand outside the tests' loop.
    with ThreadPoolExecutor(1) as aside:
        return Keys(path, aside.submit(asyncio.run, let_in()).result())


@asynccontextmanager
async def opened(keyed: Keys, folder: Path, options: Options, **more: Any) -> AsyncIterator[House]:
    """Open the house over a copy of the database."""
    shutil.copy(keyed.path, folder / "daeri.db")
    store = Store(address(folder / "daeri.db"))
    catalogs = more.pop("catalogs", ())
    declared = Company(company.name, [work, *catalogs], AGENTS, ROLES) if catalogs else company
    house = House(build(store, declared, folder), keyed.secrets, options, **more)
    try:
        yield house
    finally:
        await house.parts.close()
        await house.http.aclose()
        await house.services.raw.close()
        await store.close()
        forget(folder / "daeri.db")
