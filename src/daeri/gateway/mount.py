"""What does the composition root put into the application? Routes, what stands before them, and what errors become."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.middleware import Middleware

from daeri.gateway.a2a import A2A, a2a
from daeri.gateway.audit import audited
from daeri.gateway.delivery import Deliverer
from daeri.gateway.guard import Doorkeeper, Options, middleware
from daeri.gateway.jsonrpc import rpc
from daeri.gateway.mcp import Mcp, mcp
from daeri.gateway.methods import Methods
from daeri.gateway.policies import policies
from daeri.gateway.problems import ErrorPage, Handler, Problems
from daeri.gateway.public import Public
from daeri.gateway.rest import rest
from daeri.gateway.services import Services


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the application takes in.

    Attributes:
        routers: every route of every protocol.
        middleware: what stands before the application, outermost first.
        handlers: which exception is answered by what.
        opening, closing: what begins and ends with the server.
    """

    routers: Sequence[APIRouter]
    middleware: Sequence[Middleware]
    handlers: dict[int | type[Exception], Handler]
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


def gateway(services: Services, options: Options, error_page: ErrorPage | None = None) -> Gateway:
    """Build the protocols over the services; `error_page` shows errors to browsers."""
    keeper = Doorkeeper(services.identity, options)
    tools = Mcp(services, keeper, options.version)
    deliverer = Deliverer(services, private=options.push_private)
    agents = A2A(services, keeper, deliverer, options.version)
    return Gateway(
        routers=[
            rest(services, keeper),
            policies(services, keeper),
            audited(services, keeper),
            rpc(Methods(services).find, keeper),
            mcp(tools),
            a2a(agents),
            Public(services, options.version).router(),
        ],
        middleware=middleware(options),
        handlers=Problems(error_page).handlers(),
        opening=[deliverer.open],
        closing=[tools.close, agents.close, deliverer.close],
    )
