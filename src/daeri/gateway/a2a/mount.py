"""How does A2A come in? The agent card for everybody, and /a2a for callers with a key, loaded at the first request.

Nothing here imports the SDK: it takes longer than the rest of the server, and most processes never speak A2A.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.utils import format_datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from daeri.canonical import digest
from daeri.clock import Clock
from daeri.errors import DaeriError
from daeri.gateway.a2a.card import PATH, card
from daeri.gateway.delivery import Deliverer
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller, error_answer
from daeri.gateway.ondemand import OnDemand
from daeri.gateway.problems import problem_response, request_id_of
from daeri.gateway.services import Services
from daeri.gateway.wire import Unreadable, again, answer, decode, language, tags

DOOR: Final = "a2a"
CARD: Final = "/.well-known/agent-card.json"
FRESH_SECONDS: Final = 300
"""How long a card may be kept; it changes with the company's declarations only."""


class A2A:
    """The door of A2A, as an ASGI application."""

    def __init__(self, services: Services, keeper: Doorkeeper, deliverer: Deliverer, version: str) -> None:
        """Take the services, who knows the callers, who sends news of tasks, and the version to tell."""
        self._services = services
        self._keeper = keeper
        self._deliverer = deliverer
        self._since = format_datetime(Clock().now(), usegmt=True)
        self._version = version
        self._server = OnDemand(self._load)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        lang, request_id = language(request.headers), request_id_of(request)
        try:
            self._keeper.check_page(request)
            actor = await self._keeper.bearer(request, DOOR)
        except DaeriError as error:
            refused = problem_response(error, lang, request_id, self._keeper.challenge(error, request, PATH))
            await refused(scope, receive, send)
            return
        body = await request.body()
        try:
            if body:
                decode(body)  # the SDK reads it once more, but as deep as it goes, and what no two readers read alike
        except Unreadable as error:
            told = answer(error_answer(None, error, lang, request_id))
            unread = told if scope["path"] == PATH else problem_response(error, lang, request_id)
            await unread(scope, receive, send)
            return
        scope["state"]["caller"] = Caller(actor, lang, request_id)
        app = await self._server.get()
        await app(scope, again(body, receive, scope["state"]), send)

    async def card(self, request: Request) -> Response:
        """Introduce the agent."""
        lang, company = language(request.headers), self._services.door.company
        body = card(company, company.operations.values(), self._keeper.base(request), self._version, lang)
        tag = digest(body)[:16]
        headers = {
            "ETag": f'"{tag}"',
            "Cache-Control": f"public, max-age={FRESH_SECONDS}",
            "Last-Modified": self._since,
            "Content-Language": lang,
            "Vary": "Accept-Language",
        }
        if tag in (tags(request.headers.get("if-none-match", "")) or ()):
            return Response(status_code=304, headers=headers)
        return answer(body, headers=headers)

    async def close(self) -> None:
        """Let go of what the server holds."""
        await self._server.close()

    def _load(self) -> AbstractAsyncContextManager[ASGIApp]:
        from daeri.gateway.a2a.server import application  # noqa: PLC0415 - the SDK takes a second to import

        return _held(application(self._services, self._keeper, self._deliverer, self._version))


@asynccontextmanager
async def _held(app: ASGIApp) -> AsyncIterator[ASGIApp]:
    yield app


def a2a(door: A2A) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    endpoint: Any = door  # an object, so that it is an ASGI application to the router and not a handler
    router.add_route(CARD, door.card, methods=["GET"], include_in_schema=False)
    for path in (PATH, PATH + "/{rest:path}"):
        router.add_route(path, endpoint, include_in_schema=False)
    return router
