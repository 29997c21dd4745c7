"""What does the composition root put into the application? Routes, what stands before them, and what errors become."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.middleware import Middleware

from daeri.gateway.a2a import A2A, a2a
from daeri.gateway.agents import listed_agents
from daeri.gateway.audit import audited
from daeri.gateway.delivery import Deliverer
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.guard import Options, middleware
from daeri.gateway.issuer import Issuer
from daeri.gateway.jsonrpc import rpc
from daeri.gateway.keys import keys
from daeri.gateway.lifelines import Lifelines
from daeri.gateway.mcp import Extras, Mcp, mcp
from daeri.gateway.methods import Methods
from daeri.gateway.metrics import metrics
from daeri.gateway.notifying import Notifier
from daeri.gateway.oidc import oidc
from daeri.gateway.openai.mount import OpenAi
from daeri.gateway.policies import policies
from daeri.gateway.problems import ErrorPage, Handler, Problems
from daeri.gateway.public import Public
from daeri.gateway.resource import resource
from daeri.gateway.rest import rest
from daeri.gateway.services import Services
from daeri.gateway.timing import Timing
from daeri.gateway.usage import used
from daeri.gateway.websocket import Sockets


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the application takes in.

    Attributes:
        routers: every route of every protocol.
        middleware: what stands before the application, outermost first.
        handlers: which exception is answered by what.
        stop: tells open streams that the server stops; call it as soon as that is known.
        opening, closing: what begins and ends with the server.
    """

    routers: Sequence[APIRouter]
    middleware: Sequence[Middleware]
    handlers: dict[int | type[Exception], Handler]
    stop: Callable[[], Awaitable[None]]
    opening: Sequence[Callable[[], Awaitable[None]]] = ()
    closing: Sequence[Callable[[], Awaitable[None]]] = ()

    async def open(self) -> None:
        """Begin what goes on beside the requests."""
        for begin in self.opening:
            await begin()

    async def close(self) -> None:
        """Close the doors."""
        for close in self.closing:
            await close()


def gateway(
    services: Services, options: Options, error_page: ErrorPage | None = None, extras: Extras | None = None
) -> Gateway:
    """Build the protocols over the services; `error_page` shows errors to browsers, MCP offers `extras` besides."""
    issuer = Issuer(options.issuer, services.clock) if options.issuer is not None else None
    keeper = Doorkeeper(services.identity, options, issuer, services.limiter)
    deliverer = Deliverer(services, private=options.push_private)
    agents = A2A(services, keeper, deliverer, options.version)
    notifier = Notifier(services.office.notices, options.news, options.public_url)
    lines = Lifelines(keeper)
    tools = Mcp(services, keeper, lines, options.version, extras or Extras())
    methods = Methods(services)
    timing = Timing()
    return Gateway(
        routers=[
            OpenAi(services, keeper, lines).router(),  # the one that most requests may go through stands first
            rest(services, keeper, lines),
            policies(services, keeper),
            audited(services, keeper),
            used(services, keeper),
            listed_agents(services, keeper),
            rpc(methods.find, keeper),
            Sockets(methods.find, services.runs, keeper, lines).router(),
            keys(services, keeper),
            oidc(services, keeper, issuer),
            resource(services, options.public_url.rstrip("/"), options.issuer.url if options.issuer else ""),
            mcp(tools),
            a2a(agents),
            metrics(services, keeper, timing, options.version),
            Public(services, options.version).router(),
        ],
        middleware=middleware(options, timing, services.tracer),
        handlers=Problems(error_page).handlers(),
        opening=[deliverer.open, notifier.open, tools.open],
        closing=[tools.close, agents.close, deliverer.close, notifier.close],
        stop=lines.stop,
    )
