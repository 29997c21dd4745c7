"""How are the parts put together? The composition root: the only place where settings become objects.

`Daeri` holds the parts of one server and opens and closes them in order; `application` makes the web application of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fastapi import FastAPI

from daeri import __version__
from daeri.agent.executor import Executor
from daeri.agent.keyless import Keyless
from daeri.agent.planner import Planner
from daeri.clock import Clock
from daeri.gateway import Options, Services, gateway
from daeri.gateway.services import Check
from daeri.models.table import models_in
from daeri.models.wire import Model
from daeri.operations.approval import Approvals
from daeri.operations.auditing import AuditLog
from daeri.operations.company import Company
from daeri.operations.invoke import Door
from daeri.operations.listing import Shelf
from daeri.operations.policy import Policies
from daeri.records.anchors import Anchors
from daeri.records.identity import Identity
from daeri.records.record import Record
from daeri.records.store import Store, is_reachable
from daeri.runs.engine import Engine
from daeri.runs.pushes import Pushes
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench
from daeri.settings import Settings, environment
from daeri.web import desk
from daeri.web.pages import pages

if TYPE_CHECKING:
    from daeri.models.client import ModelClient

MIGRATIONS = Path(__file__).parent / "migrations"
OPENROUTER = "https://openrouter.ai/api/v1"


class Daeri:
    """One company's server, put together: `async with Daeri(company, settings) as daeri`."""

    def __init__(self, company: Company, settings: Settings, clock: Clock | None = None) -> None:
        """Make the parts; nothing is opened yet."""
        self.company = company
        self.settings = settings
        self.clock = clock or Clock()
        settings.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.store = Store(f"sqlite:///{settings.database}")
        self.identity = Identity(self.store, company.people, self.clock, demo=settings.demo, narrow=company.narrowed)
        self.door = Door(company, self.store, self.clock)
        self.shelf = Shelf(company, self.store, self.clock)
        self.policies = Policies(self.door, self.store, self.clock)
        wakeups = Wakeups()
        self.runs = Runs(company, self.store, self.clock, wakeups)
        self.pushes = Pushes(self.store, self.clock)
        self.approvals = Approvals(company, self.store, self.clock, self.door.execute_approved, self.runs)
        self.anchors = Anchors(self.store, self.clock, settings.audit_key_file, settings.audit_notes)
        self._anchoring: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None
        self._models: ModelClient | None = None
        self.audit_log = AuditLog(company, self.store, self.clock, self.anchors)
        executor = Executor(
            self.door, self.identity, Workbench(self.store, self.clock, wakeups), self._planner(), self.runs.working
        )
        self.engine = Engine(f"sqlite:///{settings.engine_database}", executor.segment, self.runs.due)

    def _planner(self) -> Planner:
        models = models_of(self.settings)
        if not models:
            return Keyless()
        # The client and its libraries take a tenth of the start, and a server without a model has no use for them.
        from daeri.agent.modelled import Modelled  # noqa: PLC0415
        from daeri.models.client import ModelClient  # noqa: PLC0415
        from daeri.models.route import Models  # noqa: PLC0415

        self._models = ModelClient(self.clock)
        return Modelled(Models(self._models, models), self.company.name.en)

    async def open(self, *, working: bool = True) -> None:
        """Migrate the databases and, where it is `working`, take up the runs that are due."""
        await self.store.upgrade(MIGRATIONS, "daeri_version")
        if self.company.migrations is None:
            await self.store.create(Record.metadata)
        else:
            await self.store.upgrade(self.company.migrations, "company_version")
        if working:
            await self.door.forget_old_keys()
            if self._models is not None:
                await self._models.open()
            self.runs.start = self.engine.start
            await self.engine.open()
            await self.anchors.open()
            self._anchoring = asyncio.create_task(self.anchors.keep())
            self._tending = asyncio.create_task(self.approvals.keep_tending())

    async def close(self) -> None:
        """Stop taking up work and close what is open."""
        if self._tending is not None:
            self._tending.cancel()
        if self._anchoring is not None:
            self._anchoring.cancel()
            await self.anchors.note()
        if self.runs.start is not None:
            self.runs.start = None
            await self.engine.close()
            if self._models is not None:
                await self._models.close()
        await self.store.close()

    async def __aenter__(self) -> Self:
        """Open."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


def application(daeri: Daeri, *, working: bool = True) -> FastAPI:
    """Return the web application: every protocol and every page over the same services.

    With `working=False` it answers, but takes up no runs: for looking at the data while no server runs.
    """
    settings = daeri.settings
    screens = pages(
        desk.Services(
            daeri.identity,
            daeri.door,
            daeri.shelf,
            daeri.approvals,
            daeri.runs,
            daeri.clock,
            daeri.policies,
            daeri.audit_log,
        ),
        desk.Options(demo=settings.demo, secure_cookies=settings.secure_cookies),
    )
    checks: dict[str, Check] = {"database": partial(is_reachable, daeri.store), "audit": daeri.anchors.is_noting}
    wire = gateway(
        Services(
            daeri.identity,
            daeri.door,
            daeri.shelf,
            daeri.approvals,
            daeri.runs,
            daeri.policies,
            daeri.pushes,
            daeri.audit_log,
            checks,
        ),
        Options(
            secure_cookies=settings.secure_cookies,
            body_max=settings.body_max,
            origins=settings.cors_origins,
            hosts=settings.known_hosts,
            version=__version__,
            public_url=settings.public_url,
            push_private=settings.push_private,
        ),
        screens.error_page,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await daeri.open(working=working)
        if working:
            await wire.open()
        yield
        await wire.close()
        await daeri.close()

    app = FastAPI(
        title="Daeri",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=list(wire.middleware),
        exception_handlers=wire.handlers,  # type: ignore[arg-type]  # Starlette wants coroutines
    )
    for router in (*wire.routers, screens.router):
        app.include_router(router)
    app.mount("/static", screens.static)
    return app


def models_of(settings: Settings) -> list[Model]:
    """Return the language models that the settings name; none means keyless.

    Raises:
        TableError: the file of models cannot be used.
    """
    if settings.models is not None:
        return models_in(settings.models, environment())
    if settings.model_url:
        key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
        return [Model(settings.model, settings.model_url, key, settings.model)]
    if settings.openrouter_api_key:
        return [Model(settings.model, OPENROUTER, settings.openrouter_api_key.get_secret_value(), settings.model)]
    return []
