"""How does MCP come in? POST /mcp: who calls, from which page, and on to the server, loaded at the first request.

Nothing here imports the SDK: it costs half a second, and most processes never speak MCP.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daeri.errors import DaeriError, InvalidRequest
from daeri.gateway.guard import Doorkeeper
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.extras import Extras
from daeri.gateway.mcp.lasting import Lasting
from daeri.gateway.ondemand import OnDemand
from daeri.gateway.problems import problem_response, request_id_of
from daeri.gateway.refusals import MethodNotAllowed
from daeri.gateway.services import Services
from daeri.gateway.wire import answer, decode, idempotency_key, language, read_json

DOOR: Final = "mcp"
PATH: Final = "/mcp"
STREAMED: Final[Sequence[bytes]] = (b'"progressToken"', b'"runs.', b'"subscriptions/listen"')
"""What a body holds that may take long or be told of on the way; all other requests are answered in one piece, which
costs half as much. A body that holds one of them by chance is answered as well, only not as cheaply."""


class Mcp:
    """The door of MCP, as an ASGI application."""

    def __init__(self, services: Services, keeper: Doorkeeper, version: str, extras: Extras) -> None:
        """Take the services, who knows the callers, the version to tell, and what is offered besides."""
        self._services = services
        self._keeper = keeper
        self._version = version
        self._extras = extras
        names = (f'"{tool.name}"'.encode() for tool in extras.tools)
        self._streamed = (*STREAMED, *names)
        self._lasting = Lasting(services, extras)
        self._server = OnDemand(self._load)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            body = await self._checked(request)
        except DaeriError as error:
            await self._refuse(request, error)(scope, receive, send)
            return
        # Blanks round a value are no part of it (RFC 9110 §5.5), and the SDK compares these with the body.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        quick, streamed = await self._server.get()
        app = streamed if any(mark in body for mark in self._streamed) else quick
        await app(scope, _again(body, receive, request.scope["state"]), send)

    async def open(self) -> None:
        """Begin to work on what outlives its requests."""
        await self._lasting.open()

    async def close(self) -> None:
        """Let go of what the server holds."""
        await self._server.close()
        await self._lasting.close()

    async def _checked(self, request: Request) -> bytes:
        """Note who calls, and return the body.

        Raises:
            DaeriError: the page, the credential, the method or the body's form is not taken.
        """
        self._keeper.check_page(request)
        if request.method != "POST":
            raise MethodNotAllowed
        actor = await self._keeper.bearer(request, DOOR)
        body = await read_json(request)
        decode(body)
        request.scope["state"]["caller"] = Caller(
            actor, language(request.headers), request_id_of(request), idempotency_key(request)
        )
        return body

    def _refuse(self, request: Request, error: DaeriError) -> ASGIApp:
        lang, request_id = language(request.headers), request_id_of(request)
        if isinstance(error, MethodNotAllowed):
            return problem_response(error, lang, request_id, {"Allow": "POST"})
        if isinstance(error, InvalidRequest) and error.status == InvalidRequest.status:
            problem = error.problem(lang, request_id)
            told = {"code": error.rpc_code, "message": problem["title"], "data": problem}
            return answer({"jsonrpc": "2.0", "id": None, "error": told}, error.status)
        return problem_response(error, lang, request_id, self._keeper.challenge(error, request, PATH))

    def _load(self) -> AbstractAsyncContextManager[tuple[ASGIApp, ASGIApp]]:
        from daeri.gateway.mcp.server import opened  # noqa: PLC0415 - the SDK takes half a second to import

        return opened(self._services, self._keeper, self._version, self._extras, self._lasting)


def _again(body: bytes, receive: Receive, state: dict[str, Any]) -> Receive:
    """Give a body that was read already, then what comes after it; note when it was the client that left."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            message = await receive()
            state["gone"] = message["type"] == "http.disconnect"
            return message
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def mcp(door: Mcp) -> APIRouter:
    """Return the route /mcp."""
    router = APIRouter()
    endpoint: Any = door  # an object, so that it is an ASGI application to the router and not a handler
    router.add_route(PATH, endpoint, include_in_schema=False)
    return router
