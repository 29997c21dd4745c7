"""How are the parts put together? The composition root: the only place where settings become objects.

`Daeri` holds the parts of one server and opens and closes them in order; `application` makes the web application of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fastapi import FastAPI

from daeri import __version__
from daeri.agent.executor import Executor
from daeri.agent.keyless import Keyless
from daeri.agent.planner import Planner
from daeri.clock import Clock
from daeri.configured import (
    budgets_of,
    embedder_of,
    equipped,
    issuer_of,
    models_of,
    news_of,
    raw_models_of,
    search_engine_of,
    with_agents,
)
from daeri.exchange import Away, Exchange
from daeri.gateway import Options, Services, gateway
from daeri.gateway.mcp import Extras
from daeri.library.blocks import Limits
from daeri.library.cells import Bounds, Cells
from daeri.library.disk import Disk
from daeri.library.librarian import LIBRARIAN, Librarian
from daeri.library.meaning import Meaning
from daeri.library.originals import Originals
from daeri.library.own_files import OwnFiles
from daeri.models.relay import RawModels
from daeri.operations.answers import Answers
from daeri.operations.approval import Approvals
from daeri.operations.auditing import AuditLog
from daeri.operations.budgets import Budgets
from daeri.operations.company import Company
from daeri.operations.costs import Costs
from daeri.operations.hot_sessions import HotSessions
from daeri.operations.invoke import Door
from daeri.operations.limits import Limit, Limiter
from daeri.operations.listing import Shelf
from daeri.operations.making import Parts
from daeri.operations.office import Office
from daeri.operations.policy import Policies
from daeri.operations.prompting import PromptLog
from daeri.operations.quotas import Quota, Quotas
from daeri.operations.windows import SharedWindows
from daeri.records.anchors import Anchors
from daeri.records.credentials import Credentials
from daeri.records.fitting import check_fit
from daeri.records.identity import Identity
from daeri.records.prompts import PromptBook
from daeri.records.record import Record
from daeri.records.store import Store, is_reachable
from daeri.records.usage import UseBook
from daeri.records.watching import Watch
from daeri.runs.engine import Engine, Segment
from daeri.runs.figures import Counting
from daeri.runs.fleet import Fleet
from daeri.runs.handshakes import Handshakes
from daeri.runs.jobs import Jobs
from daeri.runs.pushes import Pushes
from daeri.runs.queueing import Queue
from daeri.runs.runs import Runs
from daeri.runs.schedules import Schedules
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Workbench
from daeri.settings import Settings, environment
from daeri.tools.agents import Commissioned, Commissioning
from daeri.tools.code import Coding, Worked
from daeri.tools.numeric import Numeric
from daeri.tools.sandbox import Sandbox
from daeri.tools.web import PART, PARTS_MAX, Opened, Searched, Web
from daeri.tracing import Tracer
from daeri.web import desk
from daeri.web.pages import pages

if TYPE_CHECKING:
    from daeri.agent.meanings import Meanings
    from daeri.library.outside import Outside
    from daeri.models.client import ModelClient
    from daeri.upstream.services import Services as Upstream

MIGRATIONS = Path(__file__).parent / "migrations"
NEWS = "run"
"""What servers call news of runs where they tell each other."""
WEB_READ_SECONDS = 20
"""Processor seconds that reading one page of the web may take."""
WEB_PAGES_MAX = 200
"""Pages of a PDF of the web that are read."""


Later = Callable[["Daeri"], Coroutine[Any, Any, None]]


class Daeri:
    """One company's server, put together: `async with Daeri(company, settings) as daeri`."""

    def __init__(self, company: Company, settings: Settings, clock: Clock | None = None) -> None:
        """Make the parts; nothing is opened yet."""
        self.settings = settings
        company = equipped(company, settings)
        self._upstream = self._services(company)
        company = self._upstream.company if self._upstream else company
        company = self.company = with_agents(company, settings)
        self.clock = clock or Clock()
        settings.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.store = Store(settings.store_url)
        self.identity = Identity(self.store, company.people, self.clock, demo=settings.demo, narrow=company.narrowed)
        self.keys = Credentials(self.identity, self.store, self.clock)
        self.tracer = Tracer(settings.otlp_endpoint, __version__) if settings.otlp_endpoint else None
        self.exchange = self._share()
        self.limiter = self._limiter()
        self.door = Door(company, self.store, self.clock, self.limiter, Answers(self.exchange))
        self._sandbox, self._numeric = Sandbox(), Numeric(settings.compiled)
        disk = Disk(settings.own_files)
        self.own_files = OwnFiles(self.door, self.store, disk)
        self.shelf = Shelf(company, self.store, self.clock)
        self.policies = Policies(self.door, self.store, self.clock)
        self._fleet = Fleet(self.store, self.clock)
        self._wakeups = Wakeups()
        queue = Queue(settings.runs_per_person)
        self.runs = Runs(company, self.store, self.clock, self._wakeups, self._fleet.me, queue)
        self.schedules = Schedules(self.store, self.clock, self.identity, self.runs)
        self.pushes = Pushes(self.store, self.clock)
        self.figures = Counting(self.store, self.clock)
        self.approvals = Approvals(company, self.store, self.clock, self.door.execute_approved, self.runs.dispatch)
        self.office = Office(self.door, self.approvals, self.store, self.clock)
        self.anchors = Anchors(self.store, self.clock, settings.audit_key_file, settings.audit_notes)
        self._anchoring: asyncio.Task[None] | None = None
        self._tending: list[asyncio.Task[None]] = []
        self._hearing: set[asyncio.Task[None]] = set()
        self._models: ModelClient | None = None
        self.audit_log = AuditLog(company, self.store, self.clock, self.anchors)
        self._book = UseBook(self.store, self.clock)
        self.prompt_log = PromptLog(company, PromptBook(self.store, self.clock))
        self.budgets = Budgets(budgets_of(settings), self.store, self.clock, self._book, self.limiter)
        self.raw = RawModels(*raw_models_of(settings), self._book, self.budgets)
        self.costs = Costs(company, self.store, self.clock, self.budgets)
        bench = self._bench = Workbench(self.store, self.clock, self._wakeups, self._fleet.me, queue)
        self.librarian = self._librarian()
        self._web = self._goes_out()
        workers = {LIBRARIAN: self.librarian.work}
        self.meanings = self._meanings()
        executor = Executor(
            self.door, self.identity, bench, self._planner(), self.runs.dispatch.working, workers, self.meanings
        )
        executor.resume = self.runs.dispatch.resume
        self.door.parts |= self._parts(disk)
        segment = executor.segment if self.tracer is None else partial(self._traced, self.tracer, executor.segment)
        self.engine = Engine(segment, self._due, is_shared=self.store.is_shared)

    def _parts(self, disk: Disk) -> Parts:
        """Return what operations may use besides records."""
        commissioning = Commissioning(self.company, self.runs.may_ask)
        coding = Coding(self._sandbox, self.door, self._numeric)
        own: Parts = {Worked: coding, Disk: disk, Commissioned: commissioning.make}
        return own | (self._upstream.parts if self._upstream else {})

    def _services(self, company: Company) -> "Upstream | None":
        """Return the services outside that the settings name, with the company that offers their operations."""
        if self.settings.services is None:
            return None
        from daeri.upstream.services import Services as Upstream  # noqa: PLC0415 - most servers name none

        return Upstream(self.settings.services, environment(), company)

    def _share(self) -> Exchange | None:
        """Return the connection to Redis, where there is one; by it servers on one database keep sessions hot."""
        url = self.settings.redis_url
        exchange = Exchange(url.get_secret_value()) if url else None
        if exchange is not None and self.store.is_shared:
            self.identity.hot = hot = HotSessions(exchange)
            self.store.watch = Watch(self.identity.made_of, hot.tell)
        return exchange

    def _limiter(self) -> Limiter:
        windows = SharedWindows(self.exchange) if self.exchange else None
        quotas = [Quota.read(text) for text in self.settings.quotas]
        self.quotas = Quotas(quotas, self.store, self.clock) if quotas else None
        return Limiter([Limit.read(text) for text in self.settings.rate_limits], windows, self.quotas)

    def _librarian(self) -> Librarian:
        settings = self.settings
        limits = Limits(bytes_max=settings.file_max, pages_max=settings.file_pages_max)
        bounds = Bounds(seconds=settings.file_seconds, memory=settings.file_memory)
        cells = Cells(settings.file_readers, limits, bounds)
        originals = Originals(settings.files, settings.file_max)
        self._outside = self._embeddings()
        if self._outside is not None:
            self.door.senses = self._outside.sense
        meaning = Meaning(self.store, self._outside, self.clock.now)
        return Librarian(self.door, self.store, self.clock, self.runs, originals, cells, meaning)

    def _goes_out(self) -> Web | None:
        """Return what reads pages of the web and asks a search engine, where the settings offer either."""
        settings = self.settings
        if not (settings.web or settings.search_kind):
            return None
        from daeri.outbound.pages import Hosts, Pages  # noqa: PLC0415 - the HTTP client, as below
        from daeri.outbound.pages import Limits as PageLimits  # noqa: PLC0415

        pages = Pages(
            Hosts(settings.web_hosts, settings.web_ports), PageLimits(settings.web_bytes, settings.web_seconds)
        )
        limits = Limits(bytes_max=settings.web_bytes, pages_max=WEB_PAGES_MAX, characters_max=PART * PARTS_MAX)
        cells = Cells(1, limits, Bounds(seconds=WEB_READ_SECONDS, memory=settings.file_memory), vectors=False)
        web = Web(pages, cells, search_engine_of(settings))
        self.door.parts |= {Opened: web.open, Searched: web.search}
        return web

    def _embeddings(self) -> "Outside | None":
        settings = self.settings
        model = embedder_of(settings)
        if model is None:
            return None
        from daeri.library.outside import Outside  # noqa: PLC0415 - it takes the model client, as below
        from daeri.models.client import ModelClient  # noqa: PLC0415
        from daeri.models.embedding import Embeddings  # noqa: PLC0415

        asked = Embeddings(ModelClient(self.clock), model, settings.embedding_dimensions, settings.embedding_batch)
        return Outside(asked, settings.embedding_levels)

    def _planner(self) -> Planner:
        models = models_of(self.settings)
        if not models:
            return Keyless()
        # The client and its libraries take a tenth of the start, and a server without a model has no use for them.
        from daeri.agent.modelled import Modelled  # noqa: PLC0415
        from daeri.models.client import ModelClient  # noqa: PLC0415
        from daeri.models.route import Models  # noqa: PLC0415

        self._models = ModelClient(self.clock)
        self.runs.asks_models = True
        return Modelled(
            Models(self._models, models), self.company.name.en, self._book, self.budgets, self.prompt_log.book
        )

    def _meanings(self) -> "Meanings | None":
        """Make what tells meanings, for a model alone: the planner without one knows operations by their own words."""
        if not models_of(self.settings):
            return None
        from daeri.agent.meanings import Meanings  # noqa: PLC0415 - numpy, as above

        return Meanings()

    async def _traced(self, tracer: Tracer, carry_on: Segment, run_id: str, segment: int) -> None:
        """Carry a run on in the trace of whoever asked for it; after a wait, in one of its own that is linked to it."""
        asked = await self.runs.trace(run_id)
        with tracer.entered("run", "internal", asked, linked=segment > 1, daeri__run_id=run_id):
            await carry_on(run_id, segment)

    def redis_is_up(self) -> bool | None:
        """Say whether Redis answers; None where this server has none."""
        return self.exchange.is_up if self.exchange is not None else None

    def failures(self) -> dict[tuple[str, str], int]:
        """Return how often each address of a service outside failed in a row."""
        return self._upstream.failures() if self._upstream is not None else {}

    async def _due(self) -> list[tuple[str, int]]:
        """Return the runs to take up, those of servers that are gone among them; end what waited too long."""
        await self._fleet.look()
        await self.runs.dispatch.end_late()
        return await self.runs.dispatch.due()

    async def _tell(self, news: Sequence[str]) -> None:
        """Tell the other servers, by Redis where there is one: on the database it costs a transaction."""
        if self.exchange is not None:
            with suppress(Away):
                await self.exchange.tell(NEWS, news)
                return
        await self.store.tell(news)

    def _heard(self, news: str) -> None:
        """Take news of another server to the runs."""
        task = asyncio.get_running_loop().create_task(self.runs.dispatch.hear(news))
        self._hearing.add(task)
        task.add_done_callback(self._hearing.discard)

    async def migrate(self) -> None:
        """Bring all tables to their newest revision; of servers that start at once, one does it and the others wait.

        Raises:
            NotReady: a newer version was here.
        """
        for version_table, scripts in revisions_of(self.company).items():
            await self.store.upgrade(scripts, version_table)
        if self.company.migrations is None:
            await self.store.create(Record.metadata)

    async def open(self, *, working: bool = True) -> None:
        """Migrate the databases and, where it is `working`, take up the runs that are due."""
        await self.migrate()
        await self.store.read(partial(check_fit, records=self.company.records.values()))
        if self._outside is not None:
            await self._outside.open()
        if working:
            await self.anchors.open()  # before anything else: it may say that this is not the company's database
            await self.door.forget_old_keys()
            await self.runs.dispatch.forget()
            if self._models is not None:
                await self._models.open()
            if self.exchange is not None:
                self.exchange.hear(NEWS, self._heard)
                self.exchange.returning.append(partial(self.runs.dispatch.hear, ""))  # some news may have been missed
                await self.exchange.open()
            if self.meanings is not None:
                reading = self.meanings.read(list(self.company.operations.values()))
                self._tending.append(asyncio.create_task(reading))
            if self.store.is_shared:
                self._wakeups.open(self._fleet.me, self._tell)
            await self._fleet.open(self._heard)
            self.runs.dispatch.start = self.engine.start
            await self.engine.open()
            await self.librarian.take_up()
            self._anchoring = asyncio.create_task(self.anchors.keep())
            self._tending += [
                asyncio.create_task(self.approvals.keep_tending()),
                asyncio.create_task(self.approvals.errands.keep()),
                asyncio.create_task(self.librarian.keep_meaning()),
                asyncio.create_task(self.own_files.keep_swept()),
                asyncio.create_task(self.schedules.keep()),
            ]

    async def close(self) -> None:
        """Stop taking up work and close what is open."""
        for task in self._tending:
            task.cancel()
        if self._anchoring is not None:
            self._anchoring.cancel()
            await self.anchors.note()
        if self.runs.dispatch.start is not None:
            self.runs.dispatch.start = None
            await self.engine.close()
            self.librarian.close()
            await self._bench.leave()
            await self._fleet.close()
            await self._wakeups.close()
            if self.exchange is not None:
                await self.exchange.close()
            if self._models is not None:
                await self._models.close()
        if self._outside is not None:
            await self._outside.close()
        await self._sandbox.close()
        await self._numeric.close()
        if self._upstream is not None:
            await self._upstream.close()
        if self._web is not None:
            self._web.close()
        await self.raw.close()
        if self.quotas is not None:
            await self.quotas.close()
        await self.store.close()
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)

    async def __aenter__(self) -> Self:
        """Open."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


def revisions_of(company: Company) -> dict[str, Path]:
    """Return the folders of migration scripts, by the table that notes how far they were carried out."""
    own = {"company_version": company.migrations} if company.migrations else {}
    return {"daeri_version": MIGRATIONS, **own}


def _services_of(daeri: Daeri) -> Services:
    return Services(
        identity=daeri.identity,
        door=daeri.door,
        shelf=daeri.shelf,
        approvals=daeri.approvals,
        office=daeri.office,
        runs=daeri.runs,
        policies=daeri.policies,
        pushes=daeri.pushes,
        raw=daeri.raw,
        keys=daeri.keys,
        jobs=Jobs(daeri.store, daeri.clock),
        handshakes=Handshakes(daeri.store, daeri.clock),
        audit_log=daeri.audit_log,
        prompt_log=daeri.prompt_log,
        costs=daeri.costs,
        clock=daeri.clock,
        figures=daeri.figures,
        redis_is_up=daeri.redis_is_up,
        failures=daeri.failures,
        checks={"database": partial(is_reachable, daeri.store), "audit": daeri.anchors.is_noting},
        librarian=daeri.librarian,
        own_files=daeri.own_files,
        limiter=daeri.limiter,
        meanings=daeri.meanings,
        tracer=daeri.tracer,
    )


def _options_of(settings: Settings) -> Options:
    return Options(
        secure_cookies=settings.secure_cookies,
        body_max=settings.body_max,
        file_max=settings.file_max,
        origins=settings.cors_origins,
        hosts=settings.known_hosts,
        version=__version__,
        public_url=settings.public_url,
        push_private=settings.push_private,
        issuer=issuer_of(settings),
        news=news_of(settings),
    )


def application(
    daeri: Daeri, *, working: bool = True, extras: Extras | None = None, later: Later | None = None
) -> FastAPI:
    """Return the web application: every protocol and every page over the same services.

    MCP offers `extras` beside the operations. With `working=False` it answers, but takes up no runs: for looking at the
    data while no server runs. `later` is begun when requests are answered, and ended with the server.
    """
    settings = daeri.settings
    screens = pages(
        desk.Services(
            daeri.identity,
            daeri.door,
            daeri.shelf,
            daeri.approvals,
            daeri.office,
            daeri.runs,
            daeri.clock,
            daeri.policies,
            daeri.audit_log,
            daeri.prompt_log,
            daeri.costs,
            daeri.librarian,
            daeri.limiter,
        ),
        desk.Options(
            demo=settings.demo, secure_cookies=settings.secure_cookies, provider=bool(settings.oidc_client_id)
        ),
    )
    wire = gateway(_services_of(daeri), _options_of(settings), screens.error_page, extras)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await daeri.open(working=working)
        if working:
            await wire.open()
        async with _beside(later, daeri):
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
        telemetry={"tracing": False, "metrics": False, "logs": False},  # Daeri's own are in tracing.py and metrics.py
        middleware=list(wire.middleware),
        exception_handlers=wire.handlers,  # type: ignore[arg-type]  # Starlette wants coroutines
    )
    for router in (*wire.routers, screens.router):
        app.router.routes += router.routes
    app.mount("/static", screens.static)
    app.state.stop = wire.stop
    return app


@asynccontextmanager
async def _beside(later: Later | None, daeri: Daeri) -> AsyncIterator[None]:
    """Let something go on beside the answering of requests, no longer than these."""
    begun = asyncio.create_task(later(daeri)) if later is not None else None
    yield
    if begun is not None:
        begun.cancel()
        await asyncio.wait({begun})
